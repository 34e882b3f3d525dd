-- A system of ours or of a partner hears of a case by a signed webhook (plugins/webhook).
--
-- The receiver gets the number of the case, not what it is about: whoever may know more asks for it. A webhook that is
-- not delivered is not lost in a log: after three days of trying, or at once when it was refused, a responder is asked.
local psirt = require "lib.psirt"

return playbook {
  name   = "tell-system",
  title  = "A system is told",
  on     = "system.tell",
  roles  = { deliver = "responder" },
  inputs = { type = text { label = "Type of the event, such as case.closed", required = true },
             note = text { label = "What the other side needs to know" } },

  run = function(case, ev)
    local told = psirt.hook_or_ask(case, {
      role = "deliver", type = ev.inputs.type,
      data = { case = case.name, severity = case.severity, note = ev.inputs.note },
    })
    return { told = told }
  end,
}
