-- A second, independent report of what we are already working on under embargo.
--
-- Somebody else has found it, so others may too: the embargo is looked at again. Only a person says that it is the
-- same thing. The second reporter learns that we know, and the matter itself once they have accepted the terms; the
-- bounty knows who was first.
local embargo, report_of = use "embargo", use "report"
local psirt = require "lib.psirt"

return playbook {
  name   = "second-report",
  title  = "Second report under embargo",
  on     = "report.second",
  roles  = { compare = "responder", decide = "psirt-lead" },
  inputs = { first = text { label = "Receipt of the first report", required = true },
             second = text { label = "Receipt of the second, in this case", required = true },
             why = text { label = "What makes them alike", required = true } },

  run = function(case, ev)
    local other = ev.inputs
    local t = ask {
      id = "same", role = "compare", title = "Is " .. other.second .. " the same as " .. other.first .. "?",
      within = "3d", remind = "1d", escalate = { after = "2d", to = "psirt-lead" }, show = other,
      fields = { verdict = choice { "same", "related", "different" }, reason = text { required = true } },
    }
    if t.verdict == "different" then
      report_of.different { of = other.first, reason = t.reason, approval = "same" }
      return { verdict = "different" }
    end
    case:link("report " .. other.first .. " (" .. t.verdict .. ")")
    if t.verdict == "same" then -- a decision of the person who compared; the bounty's rules look at it
      report_of.duplicate { report = other.second, of = other.first, reason = t.reason, approval = "same" }
    end

    -- What is under embargo goes to who accepted its terms: until then this mail says that we know, no more.
    local contact = case.report and case.report.contact or {}
    local state = case:get().embargo or "none"
    if contact.mail and one_of(state, "proposed", "active", "revise") then
      psirt.invite(case, { mail = contact.mail, name = contact.name, language = case.report.language,
        note = "reported it too" })
    else
      psirt.tell_reporter(case, "We know of this", "You are not the first to report it. We keep you informed as we do "
        .. "the others, and you are named too.")
    end
    if t.verdict == "related" then
      return { verdict = "related" }
    end

    -- Two people found it by themselves. Is it still likely that nobody else will?
    local shorter, d = approve {
      id = "shorten", policy = "embargo", role = "decide", within = "2d",
      title = "Propose an earlier end of the embargo of " .. case.name,
      show = { first = other.first, why = other.why, judged = t.reason, embargo = state },
    }
    if not shorter then
      case:note("The embargo stays as it is: " .. d.reason)
      return { verdict = "same", shortened = false }
    end
    local new = ask {
      id = "until", role = "decide", title = "Until when?", within = "2d", fields = { ends = date { required = true } },
      on_timeout = { ends = timestamp(now() + 14 * 86400):sub(1, 10) },
    }
    if one_of(state, "active", "revise") then
      embargo.propose { ["end"] = new.ends .. "T12:00:00Z", note = d.reason }
      psirt.tell_all(case, psirt.participants(case), "An earlier end of the embargo",
        "It was found a second time. We propose " .. new.ends .. ".")
    end
    return { verdict = "same", shortened = true, ends = new.ends }
  end,
}
