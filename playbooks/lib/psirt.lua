-- What several playbooks of a product security team say and ask alike.
local advisory = use "advisory"
local mail = use "mail"
local notice = use "notice"
local embargo, instant, policy = use "embargo", use "instant", use "policy"
local score, ssvc, track, weakness = use "score", use "ssvc", use "track", use "weakness"

local psirt = {}

-- One mail, and what came of it. A refusal (embargo, classification, plan, law) is written down and stops nothing.
local function tell(case, t)
  t.case = case.name
  local ok, why = pcall(mail.send, t)
  if not ok then
    case:note(("%s was not told: %s"):format(t.to, tostring(why.message or why)))
  end
  return ok
end

-- Mail to the reporter of the case, in their language and their thread, encrypted to their key when we know it. Who
-- reported by the form reads it by their receipt, and their mail says only that there is news (`stands`: the words are
-- there already); who left no address reads it there, too. True when it was sent; the clock of regular news counts from
-- then.
function psirt.tell_reporter(case, subject, text, stands)
  local report = case.report
  local contact = report and report.contact
  local form = report and report.source == "form"
  if report and not stands and (form or not contact or not contact.mail) then
    report:update { message = subject .. "\n\n" .. text }
  end
  if not contact or not contact.mail then
    return false
  end
  local came = report.mail or {}
  local letter = { to = contact.mail, template = "reporter-news", language = report.language,
    vars = { case = case.name, name = contact.name or "there" } }
  if not form then
    letter.template, letter.in_reply_to, letter.encrypt = "case-update", came.message_id, came.key_fpr
    letter.vars.subject, letter.vars.text = subject, text
  end
  local told = tell(case, letter)
  if told then
    instant.set { name = "reporter_informed" }
  end
  return told
end

-- The first answer: their report is here, with our number. Stops the clock `acknowledge`.
function psirt.acknowledge(case)
  case.report:acknowledge { template = "ack-incident" }
  instant.set { name = "acknowledged" }
end

-- The same to several: a list of { name, mail }. How many were told.
function psirt.tell_all(case, people, subject, text)
  local told = 0
  for _, ok in ipairs(each(people, function(person)
    return tell(case, { to = person.mail, template = "case-update",
      vars = { case = case.name, name = person.name or "there", subject = subject, text = text } })
  end, { limit = 4 })) do
    told = told + (ok and 1 or 0)
  end
  return told
end

-- Who accepted the terms of the embargo, but the reporter, who hears of it in a letter of their own.
function psirt.participants(case)
  local contact = case.report and case.report.contact or {}
  local list = {}
  for _, party in ipairs(embargo.parties {}.parties) do
    if party.state == "accepted" and party.mail:find("@", 1, true) and party.mail ~= contact.mail then
      list[#list + 1] = party
    end
  end
  return list
end

-- Asks somebody to accept the terms of the embargo; the mail says that there is a matter, and nothing of it.
function psirt.invite(case, to)
  embargo.invite { party = to.mail, note = to.note }
  return tell(case, { to = to.mail, template = "embargo-terms", language = to.language,
    vars = { case = case.name, name = to.name or "there" } })
end

-- The people of the house that the handling plan wants told. The mail says that the case wants them, no more.
function psirt.tell_house(case)
  local wanted = policy.notify {}
  for _, one in ipairs(wanted.mails) do
    tell(case, { to = one.mail, template = "case-alert",
      vars = { case = case.name, name = one.name, plan = wanted.plan } })
  end
  if #wanted.unknown > 0 then
    case:note("The plan has no address for: " .. table.concat(wanted.unknown, ", "))
  end
end

-- The customers of the product, with an advisory of ours.
function psirt.tell_customers(case, draft, products)
  each(case:affected_customers { products = products }, function(customer)
    return tell(case, { to = customer.mail, template = "customer-notice",
      vars = { customer = customer.name, advisory = draft.name, title = draft.title, text = draft.markdown } })
  end, { limit = 4 })
  instant.set { name = "users_informed", evidence = draft.name }
end

-- One recipient of an advisory is told, as the event of its publication says, and what came of it is written down.
-- A refusal is one too: it does not stop the others. True when it was sent.
function psirt.tell_of(case, ev, to, stage)
  local letter = ev.letters[to.letter or to.list]
  local ok, why = pcall(mail.send, {
    to = to.to, subject = letter.subject, text = letter.text, attach = letter.attach,
    encrypt = to.encrypt, case = case.name,
  })
  notice.record { about = ev.about, to = to.to, state = ok and "sent" or "failed", stage = stage,
    version = ev.version, customer = to.customer, list = to.list,
    note = not ok and tostring(why.message or why) or nil }
  return ok
end

-- Publishes exactly what was approved. Where the configuration has lists, the publication tells those on them;
-- else the customers of the product are told here.
function psirt.publish(case, draft, products)
  local out = advisory.publish { name = draft.name, digest = draft.digest }
  if out.lists == 0 then
    psirt.tell_customers(case, draft, products)
  end
  return out
end

-- A draft, released by whom the handling plan names, published, with customers told. True when it went out.
function psirt.release(case, t)
  local draft = case:advisory { template = t.template, text = t.text }
  local go, d = approve {
    id = t.id or "publish", policy = "publish", role = t.role, within = t.within or "7d", show = draft,
    title = "Release " .. draft.name .. ": " .. draft.title,
  }
  if not go then
    case:note(("%s is not released: %s"):format(draft.name, d.reason))
    return false, d
  end
  psirt.publish(case, draft)
  return true, d
end

-- A signed webhook, and a person when it cannot be delivered: the receiver refused it, was away for as long as it is
-- tried (3 days), or may not have it (embargo, classification). They find out why and send it again, tell the other
-- side some other way, or leave it; what they chose stands in the case. `t`: type, data, role; connector [webhook],
-- id [hook]. True when the other side knows.
function psirt.hook_or_ask(case, t)
  local hook, connector = use(t.connector or "webhook"), t.connector or "webhook"
  for round = 1, 20 do
    local ok, why = pcall(hook.send, { type = t.type, data = t.data })
    if ok then
      return true
    end
    local d = ask {
      id = (t.id or "hook") .. "/" .. round, role = t.role, remind = "1d",
      title = ("%s could not deliver %s"):format(connector, t.type),
      show = { why = tostring(why.message or why), type = t.type, data = t.data },
      fields = { next = choice { "again", "told", "leave" }, reason = text { required = true } },
    }
    if d.next ~= "again" then
      case:note(("%s did not deliver %s; %s: %s"):format(connector, t.type,
        d.next == "told" and "told some other way" or "left", d.reason))
      return d.next == "told"
    end
  end
  case:note(("%s did not deliver %s, and nobody asks any more"):format(connector, t.type))
  return false
end

-- Moves the case's report along its track as far as the moves exist; clocks for a fix count from `valid`.
function psirt.report_is(...)
  for _, state in ipairs { ... } do
    pcall(track.move, { track = "report", to = state })
  end
end

-- Moves the incident along its track as far as the moves exist.
function psirt.incident_is(...)
  for _, state in ipairs { ... } do
    pcall(track.move, { track = "incident", to = state })
  end
end

-- Weakness, score and priority as the team judges them; asks again when an id or vector cannot be read. The SSVC
-- outcome of the supplier's table: defer, scheduled, out-of-cycle or immediate.
function psirt.judge(case, role)
  local report = case.report or {}
  local wrong
  for round = 1, 3 do
    local j = ask {
      id = "judge/" .. round, role = role, title = "How bad is it?", remind = "1d",
      escalate = { after = "3d", to = "psirt-lead" },
      show   = { wrong = wrong, reporter = { weakness = report.cwe, score = report.cvss } },
      fields = {
        cwe              = text { required = true, placeholder = "CWE-787" },
        cvss             = text { placeholder = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" },
        exploitation     = choice { "none", "public-poc", "active" },
        automatable      = flag "Can an attack be automated?",
        value_density    = choice { "diffuse", "concentrated" },
        technical_impact = choice { "partial", "total" },
        safety_impact    = choice { "negligible", "marginal", "critical", "catastrophic" },
      },
    }
    local ok, err = pcall(function()
      weakness.set { cwe = j.cwe }
      if j.cvss and j.cvss ~= "" then
        score.set { vector = j.cvss }
      end
    end)
    if ok then
      return ssvc.decide { table = "supplier", points = { exploitation = j.exploitation,
        automatable = j.automatable, value_density = j.value_density, technical_impact = j.technical_impact,
        safety_impact = j.safety_impact } }.outcome
    end
    wrong = tostring(err)
  end
  error(wrong)
end

return psirt
