-- Reports that the EU Cyber Resilience Act asks for: early warning in 24 hours, notification in 72, a final report.
--
-- Hours run through nights and weekends from the moment we are aware. A missed deadline alarms and is recorded; the
-- report is owed all the same. What goes to the authority is released by somebody else than who wrote it.
local mail, instant = use "mail", use "instant"

local parts = {
  { id = "early-warning", due = "24h", asks = "Which product, which countries, malicious or not?" },
  { id = "notification",  due = "72h", asks = "Nature, severity, measures taken, measures for users" },
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
    instant.set { name = "exploitation_aware", evidence = due.reason }
    case:set { reportable = "cra", reason = due.reason }
    for _, part in ipairs(parts) do
      clock("cra-" .. part.id):start { due = part.due, owner = "legal" }
    end

    local sent = {}
    local function report(id, asks)
      local text_of = ask {
        id = "write/" .. id, role = "write", title = "CRA " .. id .. " for " .. case.name, show = asks, remind = "4h",
        escalate = { after = "8h", to = "legal" }, fields = { content = text { required = true } },
      }
      local go, d = approve {
        id = "release/" .. id, role = "release", not_by = text_of.by, within = "6h", escalate = "executive",
        title = "Send the " .. id .. " to the authority", show = text_of.content,
      }
      if not go then
        case:note(("The %s is not sent: %s"):format(id, d.reason))
        return
      end
      mail.send { to = ev.inputs.authority, template = "case-update", vars = { case = case.name,
        name = "colleagues", subject = "CRA Article 14, " .. id, text = text_of.content } }
      sent[#sent + 1] = id
    end

    for _, part in ipairs(parts) do
      report(part.id, part.asks)
      clock("cra-" .. part.id):met {}
    end
    -- The final report counts from the day a fix or mitigation is available.
    local measure = wait { event = "measure.available", within = "180d" }
    case:note(measure and "A measure is available: the final report is due" or "No measure after 180 days")
    clock("cra-final"):start { due = "14d", owner = "legal" }
    report("final", "Description, impact, root cause, the measure")
    clock("cra-final"):met {}
    return { reported = true, sent = sent }
  end,
}
