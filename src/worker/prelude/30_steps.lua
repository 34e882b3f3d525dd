-- 30_steps.lua - the steps: calls through connectors, ask, approve, wait, sleep, clock.
--
-- Every function here checks what it was given, then takes one step; the engine writes it down,
-- does it, and the result comes back the same at every replay.
local native, api = ...
local raise, step = native.raise, native.step

-- A step that did not work raises an error with the action's own code, which pcall can catch.
local function failed(name, outcome, result)
  local e = type(result) == "table" and result.error
  if type(e) ~= "table" then
    e = {}
  end
  local code = type(e.code) == "string" and e.code ~= "" and e.code or "R017"
  local message = type(e.message) == "string" and e.message or ("it ended as `%s`"):format(outcome)
  raise(code:sub(1, 31), ("%s: %s"):format(name, message), type(e.hint) == "string" and e.hint or nil)
end

native.failed = failed

-- Calls -----------------------------------------------------------------------------------------

local action_of = {} -- method function -> "edge.remove", for undo = edge.remove

local function undo_of(what, undo, args)
  if action_of[undo] then
    return { action = action_of[undo], args = args }
  end
  if type(undo) == "table" then
    local action, its_args = undo.action or undo[1], undo.args or undo[2]
    action = action_of[action] or action
    if type(action) == "string" and action:find("^[%w_]+%.[%w_.]+$") and
        (its_args == nil or type(its_args) == "table") then
      if action == "http.request" and its_args then
        local copy = {}
        for key, value in pairs(its_args) do
          copy[key] = value
        end
        its_args = native.request_args(copy)
      end
      return { action = action, args = its_args or args }
    end
  end
  raise("L012", what .. ": undo is a connector's method, or { method, { its arguments } }",
    "undo = edge.remove")
end

local retry_fields = { attempts = true, first = true, max = true, within = true, on = true }
local retry_on = { unavailable = true, timeout = true, failed = true }

-- retry = { attempts = 8, first = "10s", max = "10m", within = "2h", on = { "unavailable", "failed" } }
local function retry_of(action, t)
  local what = action .. ": retry"
  native.known(what, t, retry_fields)
  if t.attempts ~= nil and (math.type(t.attempts) ~= "integer" or t.attempts < 1 or t.attempts > 100) then
    raise("L012", what .. ".attempts is a number from 1 to 100")
  end
  for _, class in ipairs(t.on or {}) do
    if not retry_on[class] then
      raise("L012", ("%s.on does not know `%s`"):format(what, tostring(class)),
        "it knows unavailable, timeout and failed")
    end
  end
  return {
    attempts = t.attempts, on = t.on, first_ms = native.duration_of(what, t.first),
    max_ms = native.duration_of(what, t.max), within_ms = native.duration_of(what, t.within),
  }
end

function native.call(action, args)
  local plain, opts = {}, {}
  if args ~= nil then
    if type(args) ~= "table" then
      raise("L012", ("%s takes one table: %s { ... }"):format(action, action))
    end
    for key, value in pairs(args) do
      plain[key] = value
    end
    if plain[1] ~= nil then
      raise("L012", action .. " takes named fields, not a list")
    end
  end
  if action == "http.request" then
    plain = native.request_args(plain)
  end
  if type(plain.retry) == "table" then
    opts.retry = retry_of(action, plain.retry)
    plain.retry = nil
  end
  local undo = plain.undo
  plain.undo = nil
  if undo ~= nil then
    local expires = plain.expires
    plain.expires = nil
    opts.undo = undo_of(action, undo, plain)
    opts.undo.after_ms = native.duration_of(action .. ": expires", expires)
  end
  local outcome, result = step("call", action, plain, opts)
  if outcome ~= "ok" then
    failed(action, outcome, result)
  end
  if native.dry and type(result) == "table" and result["tsn.unknown"] then
    return native.unknown(action, result["tsn.unknown"])
  end
  return result
end

-- Dry run: the result of a call that was not made. It can be passed on, and stays what it is; whoever looks
-- into it ends the dry run there, because what follows would be made up.
function native.unknown(action, path)
  local function stop()
    native.fault("L285",
      ("this needs the result of %s (step %s), which a dry run does not know"):format(action, path),
      ("say what it would be: --assume %s='{ ... }'"):format(action))
  end
  local meta = { __metatable = "unknown" }
  for _, event in ipairs { "__index", "__newindex", "__call", "__concat", "__len", "__eq", "__lt", "__le",
    "__add", "__sub", "__mul", "__div", "__mod", "__unm", "__idiv", "__tostring" } do
    meta[event] = stop
  end
  return setmetatable({ ["tsn.unknown"] = path }, meta)
end

-- What looks into a table without asking its metatable.
if native.dry then
  local function guarded(f)
    return function(t, ...)
      if type(t) == "table" and rawget(t, "tsn.unknown") ~= nil then
        return t.looked_into
      end
      return f(t, ...)
    end
  end
  local lists = native.libraries.table
  for name, f in pairs(lists) do
    if name ~= "pack" then
      lists[name] = guarded(f)
    end
  end
  api.rawget, api.rawlen = guarded(rawget), guarded(rawlen)
  native.libraries.json.encode = guarded(native.libraries.json.encode)
end

local proxies = {}

function api.use(name)
  if type(name) ~= "string" or not name:find("^[%l%d_%-]+$") then
    raise("L011", "use takes the name of a connector: use \"mail\"")
  end
  if proxies[name] then
    return proxies[name]
  end
  local methods, all = native.connector(name)
  if methods == nil then
    raise("L011", ("there is no connector `%s`"):format(name),
      native.suggest(name, all) and ("did you mean `%s`?"):format(native.suggest(name, all)) or
      "there are: " .. table.concat(all, ", "))
  end
  local can, made = {}, {}
  if methods ~= true then
    for _, method in ipairs(methods) do
      can[method] = true
    end
  end
  proxies[name] = setmetatable({}, {
    __index = function(_, method)
      if made[method] then
        return made[method]
      end
      if type(method) ~= "string" or (methods ~= true and not can[method]) then
        raise("L010", ("%s has no `%s`"):format(name, tostring(method)),
          native.did_you_mean(tostring(method), can) or
          ("%s can: %s"):format(name, table.concat(methods == true and {} or methods, ", ")))
      end
      local action = name .. "." .. method
      local f = function(args) return native.call(action, args) end
      made[method], action_of[f] = f, action
      return f
    end,
    __newindex = function(_, key)
      raise("L103", ("%s.%s cannot be set"):format(name, tostring(key)))
    end,
    __metatable = "connector",
  })
  return proxies[name]
end

-- People ------------------------------------------------------------------------------------------

local function id_of(what, t)
  local id = native.text_of(what, t, "id", true)
  if #id > 150 or not id:find("^[%w_%-./:@+ ]+$") then
    raise("L012", what .. ": `id` takes letters, digits and - _ . / : @ +, at most 150")
  end
  return id
end

local function person_or_list(what, t, key)
  local value = t[key]
  if value == nil or type(value) == "string" then
    return value
  end
  if type(value) == "table" then
    for _, person in ipairs(value) do
      if type(person) ~= "string" then
        raise("L012", ("%s: `%s` is a person or a list of persons"):format(what, key))
      end
    end
    return value
  end
  raise("L012", ("%s: `%s` is a person or a list of persons"):format(what, key))
end

-- escalate = "lead", { after = "8h", to = "lead" } or a list of these becomes a list of { after_ms, to }.
-- A lone name is asked too after half of `within`, or after 4 hours.
local function chain_of(what, value, within)
  if value == nil then
    return nil
  end
  if type(value) == "string" then
    local ms = native.duration_of(what .. ": within", within)
    return { { after_ms = ms and ms // 2 or 4 * 3600 * 1000, to = value } }
  end
  if type(value) ~= "table" then
    raise("L012", what .. ": `escalate` is a role, { after = \"8h\", to = role } or a list of these")
  end
  local list, out = value[1] ~= nil and value or { value }, {}
  for i, one in ipairs(list) do
    if type(one) ~= "table" or type(one.to) ~= "string" or one.after == nil then
      raise("L012", what .. ": `escalate` needs `after` and `to`",
        "escalate = { after = \"8h\", to = \"lead\" }")
    end
    out[i] = { after_ms = native.duration_of(what .. ": escalate.after", one.after), to = one.to }
  end
  return out
end

function api.ask(t)
  native.known("ask", t, native.fields_for("ask"))
  local id = id_of("ask", t)
  local within_ms, within = native.span_of("ask: within", t.within)
  local outcome, result = step("ask", id, {
    title = native.text_of("ask", t, "title") or id,
    role = native.text_of("ask", t, "role", true),
    to = person_or_list("ask", t, "to"),
    not_by = person_or_list("ask", t, "not_by"),
    fields = native.fields_of(t.fields),
    show = t.show,
    remind_ms = native.duration_of("ask: remind", t.remind),
    escalate = chain_of("ask", t.escalate, t.within),
    within_ms = within_ms, within = within,
    on_timeout = t.on_timeout,
  }, {})
  if outcome ~= "ok" then
    failed("ask " .. id, outcome, result)
  end
  return result
end

-- ok, decision = approve { ... }: the decision is a table and always true, so test the first.
function api.approve(t)
  native.known("approve", t, native.fields_for("approve"))
  local id = id_of("approve", t)
  local within_ms, within = native.span_of("approve: within", t.within)
  local quorum = t.quorum or 1
  if math.type(quorum) ~= "integer" or quorum < 1 or quorum > 20 then
    raise("L012", "approve: `quorum` is a number of people, from 1 to 20")
  end
  if t.on_timeout ~= nil and t.on_timeout ~= "reject" then
    raise("L012", "approve: `on_timeout` can only be \"reject\"",
      "nobody having answered is never a yes")
  end
  local gate = native.text_of("approve", t, "policy")
  if gate ~= nil and not gate:find("^[%w_%-]+$") then
    raise("L012", "approve: `policy` is the name of an approval in the handling plan",
      "policy = \"publish\"")
  end
  local assurance = native.text_of("approve", t, "assurance")
  if assurance ~= nil and assurance ~= "session" then
    raise("L012", "approve: `assurance` can only be \"session\"",
      "no way to decide gives more, and less than what was asked for must not count")
  end
  local outcome, result = step("approve", id, {
    title = native.text_of("approve", t, "title") or id,
    role = native.text_of("approve", t, "role", true),
    quorum = quorum,
    policy = gate,
    not_by = person_or_list("approve", t, "not_by"),
    show = t.show,
    within_ms = within_ms, within = within,
    on_timeout = "reject",
    escalate = chain_of("approve", t.escalate, t.within),
    remind_ms = native.duration_of("approve: remind", t.remind),
    assurance = assurance,
  }, {})
  if outcome ~= "ok" and outcome ~= "timeout" then
    failed("approve " .. id, outcome, result)
  end
  local d = type(result) == "table" and result or {}
  d.ok = outcome == "ok" and d.ok == true
  d.by = d.by or (outcome == "timeout" and "timeout" or "")
  d.reason = d.reason or ""
  return d.ok, d
end

-- Versions --------------------------------------------------------------------------------------------

-- if patched "legal-review" then ... end: true where this code is new, and for ever after on this run;
-- false on runs whose record came past here without it.
function api.patched(id)
  if type(id) ~= "string" or #id > 150 or not id:find("^[%w_%-./]+$") then
    raise("L012", "patched takes a name: if patched \"legal-review\" then ... end")
  end
  if not native.patched(id) then
    return false
  end
  native.call("run.patched", { id = id })
  return true
end

-- Time and events -----------------------------------------------------------------------------------

-- The event, or nil and "timeout".
function api.wait(t)
  native.known("wait", t, native.fields_for("wait"))
  local event = native.text_of("wait", t, "event", true)
  if t.where ~= nil and type(t.where) ~= "table" then
    raise("L012", "wait: `where` is a table of fields that must be equal")
  end
  local within_ms, within = native.span_of("wait: within", t.within)
  local outcome, result = step("wait", event, {
    where = t.where, within_ms = within_ms, within = within,
  }, { id = native.text_of("wait", t, "id") })
  if outcome == "timeout" then
    return nil, "timeout"
  end
  if outcome ~= "ok" then
    failed("wait " .. event, outcome, result)
  end
  if type(result) == "table" and result.event ~= nil then
    return result.event
  end
  return result
end

function api.sleep(duration)
  if duration == nil then
    raise("L012", "sleep takes a duration: sleep \"2h\"")
  end
  local ms, period = native.span_of("sleep", duration)
  local outcome, result = step("sleep", "", { ms = ms, period = period }, {})
  if outcome ~= "ok" then
    failed("sleep", outcome, result)
  end
end

local clock_methods = {}
native.methods.clock = clock_methods
function clock_methods.start(self, t)
  native.known("clock:start", t, native.fields_for("clock:start"))
  if t.due ~= nil then
    native.duration_of("clock:start: due", t.due)
  end
  if (t.due == nil) == (t.at == nil) then
    raise("L012", "clock:start needs `due`, such as \"24h\", or `at`, a time")
  end
  return native.call("clock.start", { name = self.name, due = t.due, at = t.at, owner = t.owner })
end

function clock_methods.met(self)
  return native.call("clock.met", { name = self.name })
end

function api.clock(name)
  if type(name) ~= "string" or name == "" then
    raise("L012", "clock takes a name: clock(\"first_update\"):start { due = \"3d\" }")
  end
  return setmetatable({ name = name }, {
    __index = function(_, key)
      return clock_methods[key] or raise("L010", ("a clock has no `%s`"):format(tostring(key)),
        "a clock can: met, start")
    end,
    __metatable = "clock",
  })
end
