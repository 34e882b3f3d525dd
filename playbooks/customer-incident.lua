-- A customer tells us that something is happening to them now.
--
-- Acknowledge, triage, contain with a second person's approval, draft a notice, release it with two
-- people, tell the affected customers, close. Started by a rule in tocsin.yaml.
local mail, edge = use "mail", use "edge"

return playbook {
  name   = "customer-incident",
  title  = "Customer-reported incident",
  on     = "report.accepted",
  roles  = { triage = "responder", contain = "duty-manager", publish = "psirt-lead" },
  clocks = { acknowledge = "1d", first_update = "3d" },

  run = function(case)
    local report = case.report
    report:acknowledge { template = "ack-incident" }

    local t = ask {
      id = "triage", role = "triage",
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
    if t.exploited then
      clock("cra-early-warning"):start { due = "24h", owner = "psirt-lead" }
    end

    -- Containment needs somebody other than the person who judged the severity.
    local indicators = report.indicators or {}
    if one_of(t.severity, "high", "critical") and #indicators > 0 then
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
    local go, why = approve {
      id = "notify", role = "publish", quorum = 2, within = "24h",
      title = "Send " .. draft.name .. " to the affected customers", show = draft,
    }
    if not go then
      return case:close { resolution = "not-published", reason = why.reason }
    end

    for _, customer in ipairs(case:affected_customers()) do
      mail.send {
        to = customer.mail, template = "customer-notice",
        vars = { customer = customer.name, advisory = draft.name, title = draft.title,
                 text = draft.markdown },
      }
    end
    report:update { state = "notified", message = "The affected customers have been informed." }
    return case:close { resolution = "notified", reason = "customers informed" }
  end,
}
