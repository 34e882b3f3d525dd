-- What several playbooks of a product security team say and ask alike.
local advisory = use "advisory"
local mail = use "mail"
local notice = use "notice"
local score, ssvc, track, weakness = use "score", use "ssvc", use "track", use "weakness"

local psirt = {}

-- Mail to the reporter of the case, in their language and their thread, encrypted to their key when we know it.
-- Who left no address reads it by their receipt; then, and without a report, false.
function psirt.tell_reporter(case, subject, text)
  local report = case.report
  local contact = report and report.contact
  if not contact or not contact.mail then
    if report then
      report:update { message = subject .. "\n\n" .. text }
    end
    return false
  end
  local came = report.mail or {}
  mail.send { to = contact.mail, template = "case-update", case = case.name, language = report.language,
    in_reply_to = came.message_id, encrypt = came.key_fpr,
    vars = { case = case.name, name = contact.name or "there", subject = subject, text = text } }
  return true
end

-- The same to several: a list of { name, mail }.
function psirt.tell_all(case, people, subject, text)
  each(people, function(person)
    return mail.send { to = person.mail, template = "case-update",
      vars = { case = case.name, name = person.name or "there", subject = subject, text = text } }
  end, { limit = 4 })
end

-- "a@x.example, b@y.example" as a list of { mail }; an empty text gives an empty list.
function psirt.addresses(text)
  local list = {}
  for address in (text or ""):gmatch("[^%s,;]+") do
    list[#list + 1] = { mail = address }
  end
  return list
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
    each(case:affected_customers { products = products }, function(customer)
      return mail.send { to = customer.mail, template = "customer-notice",
        vars = { customer = customer.name, advisory = draft.name, title = draft.title, text = draft.markdown } }
    end, { limit = 4 })
  end
  return out
end

-- A draft that two leads release, published, with customers told. True when it went out.
function psirt.release(case, t)
  local draft = case:advisory { template = t.template, text = t.text }
  local go, d = approve {
    id = t.id or "publish", role = t.role, quorum = t.quorum or 2, within = t.within or "3d", show = draft,
    title = "Release " .. draft.name .. ": " .. draft.title,
  }
  if not go then
    case:note(("%s is not released: %s"):format(draft.name, d.reason))
    return false, d
  end
  psirt.publish(case, draft)
  return true, d
end

-- Moves the case's report along its track as far as the moves exist; clocks for a fix count from `valid`.
function psirt.report_is(...)
  for _, state in ipairs { ... } do
    pcall(track.move, { track = "report", to = state })
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
