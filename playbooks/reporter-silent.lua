-- A reporter does not answer what we need to know.
--
-- Three letters, each later than the one before; then a person decides: go on without them, or close until they
-- write again. Whatever they reported, silence is no reason to drop a real flaw.
local instant = use "instant"
local psirt = require "lib.psirt"

local pauses = { "7d", "14d", "30d" }

return playbook {
  name   = "reporter-silent",
  title  = "Reporter silent",
  on     = "report.silent",
  roles  = { decide = "responder" },
  inputs = { question = text { label = "What we asked", required = true } },

  run = function(case, ev)
    local question = ev.inputs.question
    for n, pause in ipairs(pauses) do
      local told = psirt.tell_reporter(case, ("Our question, asked again (%d of %d)"):format(n, #pauses), question)
      if not told then
        break -- anonymous: there is nobody to ask
      end
      local answer = wait { id = "answer/" .. n, event = "report.reply", within = pause }
      if answer then
        instant.set { name = "reporter_answered" }
        case:note("The reporter has answered after " .. n .. (n == 1 and " letter" or " letters"))
        return { answered = true, letters = n }
      end
    end

    local t = ask {
      id = "without", role = "decide", title = "The reporter is silent. Can we go on without them?", within = "7d",
      escalate = { after = "3d", to = "psirt-lead" },
      fields = { go_on = flag "Is what we have enough?", reason = text { required = true } },
    }
    if t.go_on then
      case:note("Going on without the reporter: " .. t.reason)
      return { answered = false, goes_on = true }
    end
    psirt.report_is("invalid", "closed")
    case.report:update { state = "closed", message = "We heard nothing. Write again at any time: " .. t.reason }
    return case:close { resolution = "no-answer", reason = t.reason }
  end,
}
