-- The chaos test's playbook: ten steps, one of each kind and class that tocsin has.
local mail, edge = use "mail", use "edge"

return playbook {
  name  = "ten-steps",
  title = "Ten steps",
  on    = "report.accepted",
  roles = { triage = "responder", contain = "duty-manager" },

  run = function(case)
    case.report:acknowledge { template = "ack-incident" }                          -- 1 mail, repeat_safe
    local t = ask { id = "triage", role = "triage", title = "Triage",              -- 2 ask
      fields = { severity = choice { "low", "high" } } }
    case:set { severity = t.severity }                                             -- 3 store
    local plan = edge.plan_block { indicators = case.report.indicators }           -- 4 look-up
    local ok = approve { id = "contain", role = "contain", not_by = t.by,          -- 5 approve
      title = "Block", show = plan, within = "1h" }
    if ok then
      edge.apply { rules = plan.rules, undo = edge.remove }                        -- 6 external, ask
    end
    sleep "20ms"                                                                   -- 7 sleep
    edge.remove { rules = plan.rules }                                             -- 8 external, repeat_safe
    case:note("done with " .. uuid())                                              -- 9 store
    return case:close { resolution = "tested", reason = "ten steps" }              -- 10 store
  end,
}
