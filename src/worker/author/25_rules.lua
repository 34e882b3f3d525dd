-- 25_rules.lua - lint: the mistakes of playbook authors that can be seen without running anything.
--
-- Each finding has a code of core/codes.def, a place, and the one edit that ends it. An error would stop
-- a run or do the wrong thing; a warning is most likely not meant; info is worth knowing.
local native = ...
local walk = native.walk_tree
local called, kind_of, item, items = native.called, native.kind_of, native.item, native.items

local function quoted(list)
  return table.concat(list, ", ")
end

local function names_of(t)
  local list = {}
  for name in pairs(t) do
    list[#list + 1] = name
  end
  return list
end

local function near(word, t)
  local found = native.suggest(word, names_of(t))
  return found and ("did you mean `%s`?"):format(found) or nil
end

-- One look at a file -----------------------------------------------------------------------------

local look = {} -- methods of one look
look.__index = look

function look:add(severity, code, at, message, hint)
  self.findings[#self.findings + 1] = { severity = severity, code = code, line = at.line, col = at.col,
    message = message, hint = hint }
end

-- Names ------------------------------------------------------------------------------------------

function look:global(n)
  if self.offers[n.name] and not n.name:find("[.:]") then
    return
  end
  if native.elsewhere[n.name] then
    self:add("error", "L102", n, n.name .. " is not available in playbooks", native.elsewhere[n.name])
  else
    self:add("error", "L101", n, ("`%s` is not known here"):format(n.name),
      near(n.name, self.globals) or near(n.name, self.names) or "declare it: local " .. n.name)
  end
end

function look:library(n)
  local library = native.global_name(n.obj)
  local known = library and native.libraries[library]
  if not known or n.key.k ~= "string" or known[n.key.value] ~= nil then
    return
  end
  local full = library .. "." .. n.key.value
  self:add("error", "L102", { line = n.key.line, col = n.key.col }, full .. " is not available",
    native.elsewhere[full] or near(n.key.value, known) or library .. " has " .. quoted(names_of(known)))
end

function look:assigned(s)
  for _, target in ipairs(s.targets) do
    local name = native.global_name(target)
    if name then
      target.told = true
      self:add("error", "L103", target, ("`%s` is not declared"):format(name),
        ("write `local %s`: globals are not shared and hide mistakes"):format(name))
    elseif target.k == "index" then
      local kind = kind_of(target.obj)
      if kind == "case" or kind == "report" then
        self:add("error", "L240", target, ("this changes a copy of the %s, and nobody sees it"):format(kind),
          kind == "case" and "write case:set { name = value }, which is an entry with from and to" or
          "write report:update { state = ..., message = ... }")
      end
    end
  end
end

-- Connectors and methods -------------------------------------------------------------------------

function look:connector(n)
  local name = n.args[1] and n.args[1].k == "string" and n.args[1].value
  if self.connectors and name and not self.connectors[name] then
    self:add("error", "L011", n.args[1], ("there is no connector `%s`"):format(name),
      near(name, self.connectors) or "there are: " .. quoted(names_of(self.connectors)))
  end
end

function look:member(n)
  local kind = kind_of(n.obj)
  local name = kind and kind:match("^connector:(.*)")
  local methods = name and self.connectors and self.connectors[name]
  if methods and n.key.k == "string" and not methods[n.key.value] then
    self:add("error", "L010", n.key, ("%s has no `%s`"):format(name, n.key.value),
      near(n.key.value, methods) or ("%s can: %s"):format(name, quoted(names_of(methods))))
  end
end

function look:method(n)
  local kind = kind_of(n.obj)
  local at = { line = n.nline, col = n.ncol }
  local connector = kind and kind:match("^connector:(.*)")
  if connector then
    self:add("error", "L242", at, "a connector's methods are called with a dot",
      ("write %s.%s { ... }"):format(connector, n.name))
  elseif (kind == "case" or kind == "report" or kind == "clock") and not self.offers[kind .. ":" .. n.name] then
    local can = {}
    for offer in pairs(self.offers) do
      local method = offer:match("^" .. kind .. ":(.*)")
      if method then
        can[method] = true
      end
    end
    self:add("error", "L010", at, ("a %s has no `%s`"):format(kind, n.name),
      near(n.name, can) or ("a %s can: %s"):format(kind, quoted(names_of(can))))
  end
end

function look:dotted(n)
  if n.fn.k ~= "index" or n.fn.key.k ~= "string" then
    return
  end
  local kind = kind_of(n.fn.obj)
  if (kind == "case" or kind == "report" or kind == "clock") and self.offers[kind .. ":" .. n.fn.key.value] then
    self:add("error", "L241", n.fn.key, ("`%s.%s` leaves out whose it is"):format(kind, n.fn.key.value),
      ("write a colon: %s:%s"):format(kind, n.fn.key.value))
  end
end

-- Arguments --------------------------------------------------------------------------------------

local literal_kinds = { string = true, number = true, ["true"] = true, ["false"] = true, table = true,
  ["function"] = true }
local fits = {
  text = { string = true }, integer = { number = true }, number = { number = true },
  boolean = { ["true"] = true, ["false"] = true }, table = { table = true },
  ["function"] = { ["function"] = true }, people = { string = true, table = true },
  fields = { table = true }, time = { string = true, number = true },
  reminder = { string = true, table = true },
}

function look:duration(what, e)
  if not e or (e.k ~= "string" and e.k ~= "number") or native.duration(e.value) then
    return
  end
  local text = tostring(e.value)
  if text:find("^%d+$") then
    self:add("error", "L201", e, ("%s: `%s` needs a unit"):format(what, text),
      ("\"%sh\" is hours, \"%sm\" minutes, \"%sd\" days"):format(text, text, text))
  else
    self:add("error", "L201", e, ("%s: `%s` is not a duration"):format(what, text),
      "write it like \"30m\", \"2h\", \"1d\"")
  end
end

function look:one_field(what, name, kind, it)
  local e = it.value
  if kind == "duration" then
    self:duration(what .. ": " .. name, e)
  elseif kind == "reminder" and e.k == "table" then
    self:duration(what .. ": " .. name .. ".after", (item(e, "after")))
  end
  if literal_kinds[e.k] and fits[kind] and not fits[kind][e.k] then
    self:add("error", "L012", e, ("%s: `%s` must be %s %s"):format(what, name, kind == "integer" and "an" or "a",
      kind), kind == "text" and "put it in quotes" or nil)
  elseif kind == "text" and e.k == "string" and e.value == "" then
    self:add("error", "L012", e, ("%s: `%s` must not be empty"):format(what, name))
  end
end

function look:arguments(n, what)
  local offer = self.offers[what]
  local t = n.args[1]
  if not offer or not offer.fields or not t or t.k ~= "table" then
    if offer and offer.fields and not offer.form and (not t or t.k == "string") then
      self:add("error", "L012", n, ("%s takes one table: %s { ... }"):format(what, what))
    end
    return
  end
  local named, open = items(t)
  local code = offer.form and "L013" or "L012"
  for name, it in pairs(named) do
    local kind = offer.fields[name]
    if not kind then
      self:add("error", code, it, ("%s does not take `%s`"):format(what, name),
        near(name, offer.fields) or "it takes " .. quoted(names_of(offer.fields)))
    else
      self:one_field(what, name, (kind:gsub("!", "")), it)
    end
  end
  for name, kind in pairs(offer.fields) do
    if kind:find("!", 1, true) and not named[name] and not open then
      self:add("error", code, n, ("%s needs `%s`"):format(what, name), ("add %s = ..."):format(name))
    end
  end
  if open and not offer.form and #t.items > 0 then
    for _, it in ipairs(t.items) do
      if not it.name and not it.key then
        self:add("error", "L012", it.value, what .. " takes named fields, not a list")
        break
      end
    end
  end
end

-- People -----------------------------------------------------------------------------------------

function look:task(n, what)
  local t = n.args[1]
  if not t or t.k ~= "table" then
    return
  end
  local role, id = item(t, "role"), item(t, "id")
  if role and role.k == "string" and self.roles and not self.roles[role.value] and
      not self.role_values[role.value] then
    self:add("warning", "L202", role, ("`%s` is not in the roles of this playbook"):format(role.value),
      near(role.value, self.roles) or "add it: roles = { " .. role.value .. " = \"...\" }")
  end
  if id and id.k == "string" then
    self.ids[#self.ids + 1] = { id = id.value, at = id, what = what, branch = self:branches() }
    if #self.loops > 0 then
      self:add("warning", "L205", id, ("each round of the loop asks `%s` again under one name"):format(id.value),
        ("make it differ: id = \"%s/\" .. product.id"):format(id.value))
    end
  end
  if what == "approve" then
    self:approval(t)
  end
end

function look:approval(t)
  local named, open = items(t)
  local quorum, late = named.quorum and named.quorum.value, named.on_timeout and named.on_timeout.value
  if not named.show and not open then
    self:add("warning", "L207", t, "people are asked to approve, and are shown nothing",
      "add show = what will be done: the decision is bound to exactly that")
  end
  if quorum and quorum.k == "number" and (math.type(quorum.value) ~= "integer" or quorum.value < 1 or
      quorum.value > 20) then
    self:add("error", "L012", quorum, "approve: `quorum` is a number of people, from 1 to 20")
  end
  if late and late.k == "string" and late.value ~= "reject" then
    self:add("error", "L012", late, "approve: `on_timeout` can only be \"reject\"",
      "nobody having answered is never a yes")
  end
end

function look:same_ids()
  for i, a in ipairs(self.ids) do
    for j = i + 1, #self.ids do
      local b = self.ids[j]
      if a.id == b.id and not native.exclusive(a.branch, b.branch) then
        self:add("warning", "L204", b.at, ("`%s` is asked twice in one run (line %d)"):format(b.id, a.at.line),
          "give each its own id: reminders, specs and people tell them apart by it")
        break
      end
    end
  end
end

-- Two places of which only one is ever reached: other clauses of one `if`.
function native.exclusive(a, b)
  for node, clause in pairs(a) do
    if b[node] and b[node] ~= clause then
      return true
    end
  end
  return false
end

function look:branches()
  local copy = {}
  for node, clause in pairs(self.branch) do
    copy[node] = clause
  end
  return copy
end

-- Answers ----------------------------------------------------------------------------------------

-- local ok, d = approve { ... }
function look:declared(s)
  local value = s.values[#s.values]
  if not value or value.k ~= "call" then
    return
  end
  local what = called(value)
  local ok, d = s.vars[#s.values], s.vars[#s.values + 1]
  if what == "approve" and ok then
    if ok.uses == 0 then
      self:add("error", "L220", ok, "nobody looks at the answer of this approval",
        "what follows would run after a rejection too: if ok then ... end")
    end
    if d then
      self.decisions[d] = true
    end
  elseif what == "wait" and ok and item(value.args[1], "within") then
    self.waits[#self.waits + 1] = { var = ok, call = value }
  end
end

-- d is always true: only d.ok says anything.
function look:condition(e)
  if not e then
    return
  end
  if e.k == "paren" then
    self:condition(e.e)
  elseif e.k == "unop" and e.op == "not" then
    self:condition(e.e)
  elseif e.k == "binop" and (e.op == "and" or e.op == "or") then
    self:condition(e.l)
    self:condition(e.r)
  elseif e.k == "name" and e.var then
    if self.decisions[e.var] then
      self:add("error", "L221", e, ("`%s` is a record, so it is always true"):format(e.name),
        ("test the first result of approve, or %s.ok"):format(e.name))
    end
    self.tested[e.var] = true
  elseif e.k == "binop" and (e.op == "==" or e.op == "~=") then
    for _, side in ipairs { e.l, e.r } do
      if side.k == "name" and side.var then
        self.tested[side.var] = true
      end
    end
  end
end

local function answer_of(e)
  -- t.severity where t = ask { ... }: the form and the field's name.
  if e.k ~= "index" or e.key.k ~= "string" or e.obj.k ~= "name" then
    return nil
  end
  local var = e.obj.var
  local ask = var and not var.assigned and var.nth == 1 and var.value
  if ask and ask.k == "call" and called(ask) == "ask" then
    return native.form_of(ask), e.key.value
  end
  return nil
end

function look:answer(e)
  local form, name = answer_of(e)
  if form and not form[name] then
    self:add("error", "L230", e.key, ("this question has no field `%s`"):format(name),
      near(name, form) or "its answer has: " .. quoted(names_of(form)))
  end
end

function look:option(e, literal)
  local form, name = answer_of(e)
  local field = form and form[name]
  if field and field.options and literal.k == "string" and not field.options[literal.value] then
    self:add("error", "L231", literal, ("`%s` can never be \"%s\""):format(name, literal.value),
      near(literal.value, field.options) or "the options are: " .. quoted(field.list))
  end
end

-- Steps ------------------------------------------------------------------------------------------

local no_wait = { ["table.sort"] = "table.sort", ["string.gsub"] = "string.gsub", ["?:gsub"] = "string.gsub" }

function look:callbacks(n, what)
  local where = no_wait[what]
  for _, arg in ipairs(where and n.args or {}) do
    local fn = arg.k == "function" and arg or
      (arg.k == "name" and arg.var and (arg.var.fn or (arg.var.value and arg.var.value.k == "function" and
      arg.var.value)))
    local step = fn and native.step_inside(fn.body)
    if step then
      self:add("error", "L104", step, ("a step cannot wait inside %s"):format(where),
        "look everything up first, in a loop before it")
    end
  end
end

function look:effect(n, what, connector, method)
  local row = connector and self.connectors and self.connectors[connector] and
    self.connectors[connector][method]
  local t = n.args[1]
  if type(row) ~= "table" then
    return
  end
  if row.undo and row.undo ~= "" and (not t or (t.k == "table" and not item(t, "undo"))) then
    self:add("info", "L217", n, ("%s can be taken back, and this call does not say so"):format(what),
      ("add undo = %s"):format(row.undo))
  end
  if row.irreversible and self.playbook and not self.approved then
    self:add("warning", "L227", n, what .. " cannot be taken back, and nobody has approved anything before it",
      "ask first: local ok, d = approve { ... }")
  end
end

function look:ordered(s)
  local over = s.exprs[1]
  if over and over.k == "call" and called(over) == "pairs" then
    local step = native.step_inside(s.body)
    if step then
      self:add("info", "L203", over, ("%s runs in the order of the table's names"):format(step.name),
        "say that you mean it: for name, value in sorted(t)")
    end
  end
end

local function leaves(body)
  local found = false
  walk({ body = body }, function(n)
    if n.k == "function" then
      return false
    end
    if n.k == "break" or n.k == "return" or n.k == "goto" or (n.k == "call" and called(n) == "error") then
      found = true
    end
    return nil
  end)
  return found
end

function look:endless(s)
  local forever = (s.k == "while" and s.cond.k == "true") or (s.k == "repeat" and s.cond.k == "false")
  if forever and not native.step_inside(s.body) and not leaves(s.body) then
    self:add("error", "L206", s, "this loop never ends and never waits",
      "add a way out (break), or wait in it (sleep \"1h\")")
  end
end

function look:ignored(call)
  local what = called(call)
  if what == "approve" then
    self:add("error", "L220", call, "nobody looks at the answer of this approval",
      "write: local ok, d = approve { ... }   if ok then ... end")
  elseif what == "pcall" and call.args[1] and call.args[1].k == "function" then
    local step = native.step_inside(call.args[1].body)
    if step then
      self:add("warning", "L208", call, ("nobody learns when %s fails"):format(step.name),
        "write: local ok, e = pcall(...)   if not ok then case:note(e.message) end")
    end
  end
end

function look:contact(n)
  -- report.contact.mail: a reporter may be anonymous.
  local inner = n.obj
  if inner.k == "index" and inner.key.k == "string" and inner.key.value == "contact" and
      kind_of(inner.obj) == "report" and not self.contact_tested then
    self:add("warning", "L215", inner.key, "a reporter may be anonymous: then report.contact is nil",
      "test it first: if report.contact then ... end")
  end
end

-- flag "Removed from " .. where: Lua calls flag first.
function look:joined(n)
  local what = n.l.k == "call" and called(n.l)
  if what and self.offers[what] and self.offers[what].form then
    self:add("error", "L232", n.l, ("Lua reads this as %s(...) first, and then joins a table and a text"):format(what),
      ("put the text in brackets: %s(\"...\" .. x)"):format(what))
  end
end

-- The walk ---------------------------------------------------------------------------------------

local function mentions_contact(e)
  local found = false
  walk({ body = { e } }, function(n)
    if n.k == "index" and n.key.k == "string" and n.key.value == "contact" then
      found = true
    end
    return nil
  end)
  return found
end

function look:expression(n)
  if n.k == "name" then
    if not n.var and not n.told then
      self:global(n)
    end
  elseif n.k == "index" then
    self:library(n)
    self:member(n)
    self:answer(n)
    self:contact(n)
    if n.obj.k == "call" and called(n.obj) == "approve" then
      self:add("error", "L222", n.key, "approve gives two values, ok and the decision, not one record",
        "write: local ok, d = approve { ... }")
    end
  elseif n.k == "method" then
    self:method(n)
  elseif n.k == "binop" then
    if n.op == ".." then
      self:joined(n)
    elseif n.op == "==" or n.op == "~=" then
      self:option(n.l, n.r)
      self:option(n.r, n.l)
    elseif n.op == "and" and mentions_contact(n.l) then
      self.contact_tested = true
    end
    if (n.op == "and" or n.op == "or") and n.l.k == "name" and n.l.var then
      self.tested[n.l.var] = true
    end
  end
  if n.k == "call" or n.k == "method" then
    self:call(n)
  end
end

function look:call(n)
  local what, connector, method = called(n)
  if n.k == "call" then
    self:dotted(n)
  end
  if not what then
    return
  end
  if what == "use" then
    self:connector(n)
  elseif what == "ask" or what == "approve" then
    self:task(n, what)
    self.approved = self.approved or what == "approve"
  elseif what == "sleep" then
    self:duration("sleep", n.args[1])
  elseif what == "wait" and n.args[1] and n.args[1].k == "table" and not item(n.args[1], "within") then
    self:add("warning", "L212", n, "this waits for ever when the event never comes",
      "add within = \"30d\"; wait then returns nil, \"timeout\"")
  elseif what == "one_of" then
    for i = 2, #n.args do
      self:option(n.args[1], n.args[i])
    end
  end
  self:arguments(n, what)
  self:callbacks(n, what)
  self:effect(n, what, connector, method)
end

function look:statement(n)
  if n.k == "local" then
    self:declared(n)
    for _, var in ipairs(n.vars) do
      self.locals[#self.locals + 1] = var
      if self.offers[var.name] and not self.offers[var.name].library then
        self:add("warning", "L245", var, ("`%s` hides what the language offers by that name"):format(var.name),
          "give it another name: below here the offered one cannot be reached")
      end
    end
  elseif n.k == "localfunction" then
    self.locals[#self.locals + 1] = n.var
  elseif n.k == "assign" then
    self:assigned(n)
  elseif n.k == "callstat" then
    self:ignored(n.call)
  elseif n.k == "forin" then
    self:ordered(n)
  elseif n.k == "while" or n.k == "repeat" then
    self:condition(n.cond)
    self:endless(n)
  elseif n.k == "if" then
    for _, clause in ipairs(n.clauses) do
      self:condition(clause.cond)
      self.contact_tested = self.contact_tested or mentions_contact(clause.cond)
    end
  end
end

-- Keeps where we are: loops around, clauses of ifs around.
function look:visit(list)
  walk({ body = list }, function(n)
    if n.k == "if" then
      self:statement(n)
      for i, clause in ipairs(n.clauses) do
        self:visit { clause.cond }
        self.branch[n.at] = i
        self:visit(clause.body)
      end
      self.branch[n.at] = #n.clauses + 1
      self:visit(n.orelse or {})
      -- What follows an `if` that leaves is as good as its else.
      self.branch[n.at] = leaves(n.clauses[1].body) and #n.clauses + 1 or nil
      return false
    elseif n.k == "forin" or n.k == "fornum" or n.k == "while" or n.k == "repeat" then
      self:statement(n)
      self:visit(n.exprs or { n.cond })
      self.loops[#self.loops + 1] = n
      self:visit(n.body)
      self.loops[#self.loops] = nil
      return false
    elseif n.k == "function" then
      local loops = self.loops
      self.loops = {}
      self:visit(n.body)
      self.loops = loops
      return false
    end
    self:statement(n)
    self:expression(n)
    return nil
  end)
end

-- The file as a whole ----------------------------------------------------------------------------

function look:description(tree)
  walk(tree, function(n)
    if n.k == "call" and native.called(n) == "playbook" and n.args[1] and n.args[1].k == "table" then
      self.playbook = n
      local roles = item(n.args[1], "roles")
      if roles and roles.k == "table" then
        local named, open = items(roles)
        self.roles, self.role_values = not open and named or nil, {}
        for _, it in ipairs(roles.items) do
          if it.value.k == "string" then
            self.role_values[it.value.value] = true
          end
        end
      end
      local clocks = item(n.args[1], "clocks")
      for _, it in ipairs(clocks and clocks.items or {}) do
        self:duration("playbook: clocks." .. tostring(it.name), it.value)
      end
      local name = item(n.args[1], "name")
      local stem = self.file:match("([^/]+)%.lua$")
      if name and name.k == "string" and stem and name.value ~= stem then
        self:add("warning", "L200", name, ("the file is called %s.lua"):format(stem),
          ("call both the same: name = \"%s\""):format(stem))
      end
      local run = item(n.args[1], "run")
      if run and run.k == "function" and run.params[1] then
        run.params[1].name = "case" -- whatever the author calls it
      end
    end
    return nil
  end)
end

function look:closes()
  local closes = false -- or says with a result how it ended
  local run = self.playbook and item(self.playbook.args[1], "run")
  walk({ body = { run } }, function(n)
    if (n.k == "method" and native.called(n) == "case:close") or (n.k == "return" and #n.values > 0) then
      closes = true
    end
    return nil
  end)
  if self.playbook and not closes then
    self:add("info", "L216", self.playbook, "this playbook never closes its case",
      "end with: return case:close { resolution = \"...\" }, unless another one does")
  end
end

function look:unused()
  for _, var in ipairs(self.locals) do
    if var.uses == 0 and not var.name:find("^_") and not (self.decisions[var]) and
        not (var.value and var.value.k == "call" and called(var.value) == "approve") then
      self:add("warning", "L244", var, ("`%s` is never used"):format(var.name),
        ("remove it, or write _%s"):format(var.name))
    end
  end
  for _, w in ipairs(self.waits) do
    local var = w.var
    if var.uses > 0 and not self.tested[var] then
      self:add("warning", "L213", w.call, ("`%s` is nil when the time is over, and nobody looks"):format(var.name),
        ("if %s then ... else (it was too late) end"):format(var.name))
    end
  end
end

-- { file, source, connectors = { edge = { apply = { undo, irreversible } } }, spec } -> { findings }
function native.tools.lint(input)
  local self = setmetatable({ file = input.file, findings = {}, ids = {}, loops = {}, branch = {},
    decisions = {}, waits = {}, tested = {}, locals = {}, connectors = input.connectors,
    offers = native.offers, globals = native.playbook_api }, look)
  if input.spec then
    self.offers, self.globals = native.spec_offers, native.spec_offers
  end
  local tree = native.parse(input.source)
  self.names = tree.names
  self:description(tree)
  self:visit(tree.body)
  if not input.spec then
    self:same_ids()
    self:closes()
  end
  self:unused()
  table.sort(self.findings, function(a, b)
    if a.line ~= b.line then
      return a.line < b.line
    end
    if a.col ~= b.col then
      return a.col < b.col
    end
    return a.code < b.code
  end)
  return { findings = #self.findings > 0 and self.findings or native.json_list {} }
end
