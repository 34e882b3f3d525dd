-- The embargo ends soon and the fix will not be there.
--
-- Ask early and once: the participants for an extension, with a new date. The date in force covers all of it, also
-- while they think. Without an extension we publish on the date, with mitigations instead of a fix, never before it.
local embargo = use "embargo"
local psirt = require "lib.psirt"

return playbook {
  name   = "embargo-end-not-ready",
  title  = "Embargo ends before the fix",
  on     = "embargo.ends-soon",
  roles  = { fix = "product-owner", decide = "psirt-lead" },
  inputs = { ends = date { label = "Agreed end", required = true } },

  run = function(case, ev)
    local ends = ev.inputs.ends
    local state = ask {
      id = "state", role = "fix", title = "Will the fix be there on " .. ends .. "?", within = "2d",
      escalate = { after = "1d", to = "psirt-lead" },
      fields = { ready = flag "Fixed by then?", needed_until = date { required = false },
                 mitigation = text { required = false } },
      on_timeout = { ready = false, mitigation = "" },
    }
    if state.ready then
      case:note("The fix will be ready on " .. ends)
      return { extended = false, ready = true }
    end

    if state.needed_until then
      local ask_for, d = approve {
        id = "extend", policy = "embargo", role = "decide", within = "1d",
        title = ("Ask everybody to move %s to %s"):format(ends, state.needed_until), show = state,
      }
      if ask_for then
        embargo.propose { ["end"] = state.needed_until .. "T12:00:00Z", note = d.reason }
        psirt.tell_all(case, psirt.participants(case), "We ask for more time",
          ("The fix needs until %s instead of %s. Please answer within five days."):format(state.needed_until, ends))
        psirt.tell_reporter(case, "We ask for more time", ("Until %s instead of %s: do you agree?"):format(
          state.needed_until, ends))
        local answer = wait { event = "embargo.answer", within = "5d" }
        if answer and answer.agreed then
          embargo.accept { by = "participants", note = "all of them agreed" }
          return { extended = true, ready = false }
        end
        embargo.reject { note = "the date in force stays" }
        case:note(answer and "The participants keep the date" or "Nobody answered: the date stands")
      else
        case:note("No extension is asked for: " .. d.reason)
      end
    end

    -- The date stands: mitigations instead of a fix, and never before it.
    while timestamp(now()) < ends .. "T12:00:00Z" do
      sleep "1d"
    end
    embargo.exit { reason = "ended as agreed" }
    local out = psirt.release(case, { template = "incident-notice", role = "decide", within = "2d",
      id = "mitigations", text = state.mitigation ~= "" and state.mitigation or nil })
    return { extended = false, ready = false, published = out }
  end,
}
