-- What several playbooks of a product security team say and ask alike.
local advisory = use "advisory"
local mail = use "mail"

local psirt = {}

-- Mail to the reporter of the case; nothing, and false, when they left no address.
function psirt.tell_reporter(case, subject, text)
  local report = case.report
  local contact = report and report.contact
  if not contact or not contact.mail then
    return false
  end
  mail.send { to = contact.mail, template = "case-update",
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

return psirt
