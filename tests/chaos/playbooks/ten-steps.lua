-- The chaos test's playbook: one step of each kind and class that tocsin has, alone and in branches.
local mail, edge = use "mail", use "edge"

return playbook {
  name  = "ten-steps",
  title = "Ten steps and more",
  on    = "report.accepted",
  roles = { triage = "responder", contain = "duty-manager" },

  run = function(case)
    case.report:acknowledge { template = "ack-incident" }                          -- mail, repeat_safe
    local plan
    local _, t = parallel {
      function() plan = edge.plan_block { indicators = case.report.indicators } end, -- look-up
      function()
        return ask { id = "triage", role = "triage", title = "Triage",             -- ask
          fields = { severity = choice { "low", "high" } } }
      end,
      function() sleep "10ms" case:note("while people think") end,                 -- sleep, store
    }
    case:set { severity = t.severity }
    local ok = approve { id = "contain", role = "contain", not_by = t.by,          -- approve
      title = "Block", show = plan, within = "1h" }
    if ok then
      edge.apply { rules = plan.rules, undo = edge.remove }                        -- external, ask; taken back below
    end
    race {                                                                         -- a loser that waits
      function() wait { event = "never" } end,
      function() sleep "20ms" end,
    }
    local n = 0
    each(plan.rules, function(rule)                                                -- at most one at once
      edge.remove { rules = { rule } }                                             -- external, repeat_safe
      n = n + 1
    end, { limit = 1 })
    local child = start("a-child", { left = 2 })                                   -- a run of its own
    case:unwind()                                                                  -- undo
    local what = join(child)                                                       -- follows its restarts
    case:note(("%s, %d rules, %s"):format(what, n, uuid()))
    return case:close { resolution = "tested", reason = "every kind" }
  end,
}
