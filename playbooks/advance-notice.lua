-- Customers who accepted the terms are told of an approved advisory before it is out; the others are asked.
--
-- Started by `tocsin advisory ahead`, or by the instant of the advisory less `before` of a list. The mail
-- that asks says nothing of the matter. Whoever accepts (embargo.terms) is told by the next run.
local embargo = use "embargo"
local mail = use "mail"
local notice = use "notice"

local function invite(case, to)
  embargo.invite { party = to.to, note = "advance notice of an advisory" }
  local ok = pcall(mail.send, { to = to.to, template = "embargo-terms", case = case.name,
    vars = { case = case.name, name = to.customer } })
  return ok
end

local function tell(case, ev, to)
  local letter = ev.letters[to.list]
  local ok, why = pcall(mail.send, {
    to = to.to, subject = letter.subject, text = letter.text, attach = letter.attach,
    encrypt = to.encrypt, case = case.name,
  })
  notice.record { about = ev.about, to = to.to, state = ok and "sent" or "failed", stage = "advance-notice",
    version = ev.version, customer = to.customer, list = to.list,
    note = not ok and tostring(why.message or why) or nil }
  return ok
end

return playbook {
  name  = "advance-notice",
  title = "Advance notice to customers",
  on    = "advisory.ahead",

  run = function(case, ev)
    local told, asked = 0, 0
    for _, to in ipairs(ev.mails) do
      told = told + (tell(case, ev, to) and 1 or 0)
    end
    for _, to in ipairs(ev.invite) do
      asked = asked + (invite(case, to) and 1 or 0)
    end
    return { told = told, asked = asked }
  end,
}
