-- 40_case.lua - the case and the report, as playbooks see them.
--
-- Data as it was when the run started, so that every replay sees the same; what case:set changes
-- is changed here too. Methods are ordinary steps.
local native = ...
local raise, call = native.raise, native.call

local case_methods, report_methods = {}, {}
native.methods.case = case_methods

function case_methods.set(self, changes)
  native.table_arg("case:set", changes)
  local result = call("case.set", changes)
  for name, value in pairs(changes) do
    if not case_methods[name] then
      self[name] = value
    end
  end
  return result
end

function case_methods.note(_, text)
  if type(text) == "table" then
    text = text.text
  end
  if type(text) ~= "string" or text == "" then
    raise("L012", "case:note takes a text: case:note(\"...\")")
  end
  return call("case.note", { text = text })
end

function case_methods.link(_, thing)
  if type(thing) ~= "string" and type(thing) ~= "table" then
    raise("L012", "case:link takes what a connector returned, or an address")
  end
  return call("case.link", { link = thing })
end

function case_methods.advisory(_, t)
  native.text_of("case:advisory", native.table_arg("case:advisory", t), "template", true)
  return call("advisory.draft", t)
end

-- Takes back what was done with an undo, newest first; returns when all is.
function case_methods.unwind(_)
  native.step("undo", "unwind", {}, {})
end

function case_methods.close(_, t)
  native.known("case:close", t, native.fields_for("case:close"))
  native.text_of("case:close", t, "resolution", true)
  return call("case.close", t)
end

function case_methods.get(_)
  return call("case.get", {})
end

function case_methods.affected_customers(_, t)
  return call("case.affected_customers", t or {})
end

function report_methods.update(_, t)
  native.table_arg("report:update", t)
  return call("report.update", t)
end

-- Data whose names are a method's would hide it: methods win.
local function object(data, methods, kind)
  local out = {}
  for name, value in pairs(data) do
    if not methods[name] then
      out[name] = value
    end
  end
  return setmetatable(out, { __index = methods, __metatable = kind })
end

local function words(value)
  return type(value) == "string" and value or ""
end

-- Mail to the reporter; nothing (and no step) when the reporter left no address.
local function acknowledge(case, report, t)
  native.known("report:acknowledge", t, native.fields_for("report:acknowledge"))
  local template = native.text_of("report:acknowledge", t, "template", true)
  local contact = report.contact
  if type(contact) ~= "table" or type(contact.mail) ~= "string" or contact.mail == "" then
    return nil
  end
  local came = type(report.mail) == "table" and report.mail or {}
  if came.answer == false then
    return nil -- RFC 3834, or a limit: the intake decided, and the report says why
  end
  local vars = {
    case = words(case.name), title = words(case.title), name = words(contact.name),
    receipt = case.receipt or words(report.receipt),
  }
  for name, value in pairs(t.vars or {}) do
    vars[name] = value
  end
  local letter = { to = contact.mail, template = template, vars = vars, case = words(case.name),
                   in_reply_to = came.message_id, encrypt = came.key_fpr, language = report.language }
  if came.message_id then
    letter.references = native.json_list { came.message_id }
  end
  local note = native.pgp_note(came, report.language)
  if note and came.our_key then
    vars.state = note
    letter.note = "pgp-note"
  end
  if came.reason then -- we could not read it: ask again, with our key
    letter.template, letter.encrypt, letter.note = "unreadable", nil, nil
  end
  if letter.note or came.reason then
    if came.our_key then
      letter.attach = native.json_list {
        { name = "psirt.asc", type = "application/pgp-keys", text = came.our_key },
      }
    end
  end
  return call("mail.send", letter)
end

native.methods.report = { update = report_methods.update, acknowledge = acknowledge }

function native.enter(data, event, state)
  local case = object(type(data) == "table" and data or {}, case_methods, "case")
  local reported = case.report
  if reported == nil and type(event) == "table" then
    reported = event.report
  end
  if type(reported) == "table" then
    local methods, report = { update = report_methods.update }, nil
    methods.acknowledge = function(_, t) return acknowledge(case, report, t) end
    report = object(reported, methods, "report")
    case.report = report
  end
  return case, event, state
end
