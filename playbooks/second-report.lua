-- A second, independent report of what we are already working on under embargo.
--
-- Somebody else has found it, so others may too: the embargo is looked at again. Only a person says that it is the
-- same thing; the second reporter is told as much as the first agreed to, and the bounty knows who was first.
local fact = use "fact"
local psirt = require "lib.psirt"

return playbook {
  name   = "second-report",
  title  = "Second report under embargo",
  on     = "report.second",
  roles  = { compare = "responder", decide = "psirt-lead" },
  inputs = { first = text { label = "The case we have", required = true },
             why = text { label = "What makes them alike", required = true } },

  run = function(case, ev)
    local other = ev.inputs
    local t = ask {
      id = "same", role = "compare", title = "Is this the same as " .. other.first .. "?", within = "3d",
      remind = "1d", escalate = { after = "2d", to = "psirt-lead" }, show = other,
      fields = { verdict = choice { "same", "related", "different" }, reason = text { required = true } },
    }
    if t.verdict == "different" then
      case:note("Different from " .. other.first .. ": " .. t.reason)
      return { verdict = "different" }
    end
    case:link("case " .. other.first .. " (" .. t.verdict .. ")")
    psirt.tell_reporter(case, "We know of this", "You are not the first to report it. We keep you informed as we do "
      .. "the others, and you are named too.")
    if t.verdict == "related" then
      return { verdict = "related" }
    end

    case:set { bounty_duplicate_of = other.first, reason = "the first by arrival wins" }
    -- Two people found it by themselves. Is it still likely that nobody else will?
    local shorter, d = approve {
      id = "shorten", role = "decide", within = "2d", title = "End the embargo of " .. other.first .. " earlier",
      show = { first = other.first, why = other.why, judged = t.reason },
    }
    if shorter then
      fact.seen { fact = "vendor_aware", evidence = "found twice" }
      case:set { embargo_shortened = true, reason = d.reason }
    else
      case:note("The embargo stays as it is: " .. d.reason)
    end
    return { verdict = "same", shortened = shorter }
  end,
}
