-- Reports that the EU Cyber Resilience Act asks for: early warning in 24 hours, notification in 72, a final report.
--
-- Hours run through nights and weekends from the moment we are aware. Each report is made from the facts of the case
-- on the authority's form; somebody else than who wrote it releases exactly that text. A missed deadline alarms and
-- is recorded; the report is owed all the same, so what is not released is written again.
local filing, mail, instant = use "filing", use "mail", use "instant"
local psirt = require "lib.psirt"

local states = text { required = true, label = "Member states where it is sold" }
local measures, severity = text { required = true }, choice { "low", "medium", "high", "critical" }

-- What each form asks for; the rest are facts of the case.
local forms = {
  weakness = {
    { id = "early-warning", stage = "early_warning", due = "24h",
      fields = { member_states = states, exploitation = text { required = true } } },
    { id = "notification", stage = "notification", due = "72h", fields = { exploitation = text { required = true },
      nature = text { required = true }, severity = severity, measures = measures, sensitivity = text {} } },
    { id = "final", stage = "final", due = "14d", after = "measure.available", fields = { severity = severity,
      description = text { required = true }, impact = text { required = true }, actor = text {}, fix = measures } },
  },
  incident = {
    { id = "early-warning", stage = "incident_early_warning", due = "24h",
      fields = { malicious = flag "Malicious act suspected?", member_states = states } },
    { id = "notification", stage = "incident_notification", due = "72h", fields = { nature = text { required = true },
      assessment = text { required = true }, measures = measures, sensitivity = text {} } },
    { id = "final", stage = "incident_final", due = "30d", fields = { description = text { required = true },
      severity = severity, impact = text { required = true }, root_cause = text { required = true }, fix = measures } },
  },
}

return playbook {
  name   = "cra-reporting",
  title  = "CRA reporting",
  on     = "case.reportable",
  roles  = { decide = "legal", write = "responder", release = "psirt-lead" },
  inputs = { authority = text { label = "Address of the coordinator CSIRT", required = true } },

  run = function(case, ev)
    local due = ask {
      id = "reportable", role = "decide", title = "Is " .. case.name .. " reportable under Article 14?", within = "6h",
      remind = "2h", escalate = { after = "2h", to = "executive" },
      fields = { reportable = flag "Actively exploited, or a severe incident?", reason = text { required = true } },
      on_timeout = { reportable = true, reason = "nobody decided in six hours: taken as reportable" },
    }
    if not due.reportable then
      case:note("Not reportable: " .. due.reason)
      return { reported = false }
    end
    local incident = case.kind == "incident"
    instant.set { name = incident and "severe_incident_aware" or "exploitation_aware", evidence = due.reason }
    local severe = one_of(case.severity or "", "high", "critical")
    case:set { exploited = not incident or nil, severity = not severe and "high" or nil, reportable = "cra",
      reason = due.reason }
    psirt.tell_house(case)

    local function write(form, round)
      local answers = ask {
        id = ("write/%s/%d"):format(form.id, round), role = "write", title = "CRA " .. form.id .. " for " .. case.name,
        remind = "4h", escalate = { after = "8h", to = "legal" }, fields = form.fields,
      }
      local by = answers.by
      answers.by, answers.at = nil, nil
      local draft = filing.draft { to = "enisa", stage = form.stage, fields = answers }
      local id = ("release/%s/%d"):format(form.id, round)
      local go, d = approve {
        id = id, policy = "file", role = "release", not_by = by, within = "6h", escalate = "executive",
        title = "Send the " .. form.id .. " to the authority", show = draft,
      }
      if not go then
        case:note(("The %s is not sent: %s"):format(form.id, d.reason))
        return false
      end
      filing.approve { filing = draft.filing, digest = draft.digest, reason = d.reason, approval = id }
      mail.send { to = ev.inputs.authority, template = "case-update", case = case.name, vars = { case = case.name,
        name = "colleagues", subject = "CRA Article 14, " .. form.id, text = draft.text } }
      filing.sent { filing = draft.filing }
      return true
    end

    local sent = {}
    for _, form in ipairs(forms[incident and "incident" or "weakness"]) do
      -- The final report counts from the day a fix or mitigation is available.
      if form.after and not wait { event = form.after, within = "180d" } then
        case:note("No measure after 180 days: the final report is written with what is known")
      elseif form.after then
        instant.set { name = "mitigation_available" }
      end
      local name = "cra-" .. form.id
      clock(name):start { due = form.due, owner = "legal" }
      for round = 1, 10 do
        if write(form, round) then
          clock(name):met {}
          sent[#sent + 1] = form.id
          break
        end
      end
    end
    return { reported = true, sent = sent }
  end,
}
