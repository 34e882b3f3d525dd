-- A customer tells us that something is happening to them now.
--
-- Acknowledge, triage, contain with a second person's approval, tell the affected customers when two people have
-- released the notice, see it through recovery and a time of watching, close with what was learnt. Started by a rule.
local edge, instant = use "edge", use "instant"
local psirt = require "lib.psirt"

local causes = { "product-caused", "misuse", "customer-environment", "not-an-incident" }

return playbook {
  name   = "customer-incident",
  title  = "Customer-reported incident",
  on     = "report.accepted",
  roles  = { triage = "responder", contain = "duty-manager", publish = "psirt-lead" },
  clocks = { acknowledge = "1d", first_update = "3d" },

  run = function(case)
    local report = case.report
    psirt.acknowledge(case)
    psirt.incident_is("acknowledged")

    local t = ask {
      id = "triage", role = "triage", remind = "1h", escalate = { after = "4h", to = "duty-manager" },
      title  = "Triage " .. case.name .. ": " .. report.title,
      show   = { report = report.text, product = report.product, indicators = report.indicators },
      fields = {
        severity  = choice { "low", "medium", "high", "critical" },
        product   = pick "product",
        exploited = flag "Is it being exploited now?",
        reason    = text { required = true },
      },
    }
    case:set { severity = t.severity, product = t.product, exploited = t.exploited, reason = t.reason }
    local severe = one_of(t.severity, "high", "critical")
    if severe or t.exploited then
      psirt.tell_house(case)
    end
    if t.exploited then -- aware, by a person's word: the duties of the law count from now
      instant.set { name = "exploitation_aware", evidence = t.reason }
      clock("cra-early-warning"):start { due = "24h", owner = "legal" }
    end

    -- Containment needs somebody other than the person who judged the severity.
    local indicators = report.indicators or {}
    if severe and #indicators > 0 then
      local plan = edge.plan_block { indicators = indicators }
      local ok, d = approve {
        id = "contain", role = "contain", not_by = t.by,
        title  = ("Block %d indicators at the edge"):format(#plan.rules),
        show   = plan, within = "30m", on_timeout = "reject",
      }
      if ok then
        edge.apply { rules = plan.rules, targets = plan.targets, undo = edge.remove,
          expires = "30d" }  -- a block that nobody renews is not for ever
      else
        case:note("Containment rejected by " .. d.by .. ": " .. d.reason)
      end
    end

    local draft = case:advisory { template = "incident-notice" }
    local told, why = approve {
      id = "notify", role = "publish", quorum = 2, within = "24h",
      title = "Send " .. draft.name .. " to the affected customers", show = draft,
    }
    if not told then
      case:note("The affected customers are not told: " .. why.reason)
    else
      psirt.tell_customers(case, draft)
      report:update { state = "notified", message = "The affected customers have been informed." }
    end

    -- Until it is over. Whoever is hit again during the time of watching is contained again.
    local over
    for round = 1, 10 do
      over = ask {
        id = "over/" .. round, role = "triage", title = "Is it over at " .. case.name .. "?", remind = "1d",
        escalate = { after = "3d", to = "duty-manager" },
        fields = {
          cause    = choice(causes),
          weakness = flag "Is a weakness of ours behind it? It gets a case of its own",
          watch    = choice { "none", "3d", "7d", "14d" },
          lessons  = text { required = true },
        },
      }
      psirt.incident_is(over.cause)
      if over.cause ~= "not-an-incident" then
        psirt.incident_is("containing", "eradicating", "recovering", "monitoring")
      end
      local again = over.watch ~= "none" and wait { id = "again/" .. round, event = "incident.again",
        within = over.watch }
      if not again then
        break
      end
      psirt.incident_is("containing")
    end
    psirt.incident_is("closed", "lessons")
    if over.weakness then
      case:note("A weakness of ours is behind it: report it as one, and link its case")
    end
    case:note("Learnt: " .. over.lessons)
    psirt.tell_reporter(case, "The incident is closed", "Thank you. Write again when anything of it comes back.")
    return case:close { resolution = told and "notified" or "not-published",
      reason = told and "customers informed" or why.reason }
  end,
}
