-- Customers who accepted the terms are told of an approved advisory before it is out; the others are asked.
--
-- Started by `tocsin advisory ahead`, or by the instant of the advisory less `before` of a list. The mail
-- that asks says nothing of the matter. Whoever accepts (embargo.terms) is told by the next run.
local embargo = use "embargo"
local mail = use "mail"
local psirt = require "lib.psirt"

local function invite(case, to)
  embargo.invite { party = to.to, note = "advance notice of an advisory" }
  local ok = pcall(mail.send, { to = to.to, template = "embargo-terms", case = case.name, language = to.language,
    vars = { case = case.name, name = to.customer } })
  return ok
end

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
      asked = asked + (invite(case, to) and 1 or 0)
    end
    return { told = told, asked = asked }
  end,
}
