-- Customers who accepted the terms are told of an approved advisory before it is out; the others are asked.
--
-- Started by `tocsin advisory ahead`, or by the instant of the advisory less `before` of a list. The mail
-- that asks says nothing of the matter. Whoever accepts (embargo.terms) is told by the next run.
local psirt = require "lib.psirt"

return playbook {
  name  = "advance-notice",
  title = "Advance notice to customers",
  on    = "advisory.ahead",

  run = function(case, ev)
    local told, asked = 0, 0
    for _, to in ipairs(ev.mails) do
      told = told + (psirt.tell_of(case, ev, to, "advance-notice") and 1 or 0)
    end
    for _, to in ipairs(ev.invite) do
      asked = asked + (psirt.invite(case, { mail = to.to, name = to.customer, language = to.language,
        note = "advance notice of an advisory" }) and 1 or 0)
    end
    return { told = told, asked = asked }
  end,
}
