-- 50_connector.lua - Lua connectors: pure functions from arguments to a request and from its reply to a result.
--
-- tocsin-connector calls the tool `connector` for each stage of a call, in a state of its own: nothing is kept
-- from one to the next but what stands in the input. The file of a connector returns connector { ... }; docs/
-- connectors.md explains all of it. Secrets are opaque here: the core fills them in when the request goes out.
local native, api = ...
local raise = native.raise

local expressions, make, part = native.expressions, native.opaque, native.secret_part

-- Settings as the connector sees them: handles become opaque, tables are copies.
local function given(value)
  if type(value) == "string" and (value:find("^secret:[%w_%-.]+$") or value:find("^credential:[%w_%-.]+$")) then
    return make { ["$secret"] = value }
  end
  if type(value) ~= "table" then
    return value
  end
  local copy = {}
  for key, one in pairs(value) do
    copy[key] = given(one)
  end
  return copy
end

-- Plain data for the core: opaque values as their expressions, and no expression that is not one.
local function plain(value, where)
  if type(value) ~= "table" then
    return value
  end
  if expressions[value] then
    return expressions[value]
  end
  local copy = {}
  for key, one in pairs(value) do
    if type(key) == "string" and key:sub(1, 1) == "$" then
      raise("L302", where .. ": a name may not begin with $: " .. key)
    end
    copy[key] = plain(one, where)
  end
  return #copy == 0 and next(copy) == nil and value or copy
end

-- The body of the request as it goes out, for signatures.
api.body = make { ["$body"] = true }

-- hmac { key = settings.key, over = joined { id, ".", body }, base64_after = "whsec_", as = "base64" or "hex" }
function api.hmac(t)
  native.known("hmac", t, { key = true, over = true, base64_after = true, as = true })
  return make { ["$hmac_sha256"] = { key = part(t.key, "hmac"), over = part(t.over, "hmac"),
    base64_after = t.base64_after, as = t.as or "hex" } }
end

-- ed25519 { key = settings.key, over = ..., base64_after = "whsk_" } -> base64
function api.ed25519(t)
  native.known("ed25519", t, { key = true, over = true, base64_after = true })
  return make { ["$ed25519"] = { key = part(t.key, "ed25519"), over = part(t.over, "ed25519"),
    base64_after = t.base64_after or "" } }
end

-- What a function may answer ---------------------------------------------------------------------

local answer = { __metatable = "answer" }

local function answered(t)
  return setmetatable(t, answer)
end

-- http { method, url, query, headers, json | body, timeout, accept = { 404 } or "any" }
function api.http(t)
  native.known("http", t, { method = true, url = true, query = true, headers = true, json = true, body = true,
    timeout = true, accept = true })
  return answered { request = { action = "http.request", args = t } }
end

-- mail { to, subject, text, ... } as mail.send takes it.
function api.mail(t)
  return answered { request = { action = "mail.send", args = native.table_arg("mail", t) } }
end

-- exec { program = "whois", args = { address = "..." } }: a program of `exec:`, as exec.whois takes its arguments.
function api.exec(t)
  native.known("exec", t, { program = true, args = true })
  return answered { request = { action = "exec." .. native.text_of("exec", t, "program", true), args = t.args or {} } }
end

function api.done(result)
  return answered { outcome = "ok", result = result or {} }
end

local function bad(outcome)
  return function(code, message)
    return answered { outcome = outcome, error = { code = tostring(code), message = tostring(message) } }
  end
end

api.fail, api.try_later, api.not_known = bad("fail"), bad("retry"), bad("unknown")

-- "a b" -> "a%20b" (RFC 3986 unreserved stays)
function api.urlencode(text)
  return (tostring(text):gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

-- At most n bytes, cut between characters.
function api.shorten(text, n)
  text = tostring(text or "")
  if #text <= n then
    return text
  end
  local at = n - 3
  while at > 0 and (text:byte(at + 1) or 0) >= 0x80 and (text:byte(at + 1) or 0) < 0xc0 do
    at = at - 1
  end
  return text:sub(1, at) .. "..."
end

-- connector { verb = { request = f, response = f } or a list of such }
function api.connector(methods)
  local out = {}
  for name, method in pairs(native.table_arg("connector", methods)) do
    local stages = method.request and { method } or method
    for i, stage in ipairs(stages) do
      native.known(("%s[%d]"):format(name, i), stage, { request = true, response = true })
      if type(stage.request) ~= "function" then
        raise("L303", ("%s[%d] has no request function"):format(name, i))
      end
    end
    if #stages == 0 then
      raise("L303", name .. " has no request function")
    end
    out[name] = stages
  end
  return setmetatable(out, { __metatable = "connector" })
end

local function load_methods(file)
  local methods = native.load(file)()
  if getmetatable(methods) ~= "connector" then
    raise("L303", file .. " does not return connector { ... }")
  end
  return methods
end

-- A result is for the playbook and the record: no secret goes there, not even its handle.
local function told(value)
  if type(value) == "table" then
    if expressions[value] then
      raise("L301", "a secret cannot be put into a result")
    end
    for key, one in pairs(value) do
      if type(key) == "string" and key:sub(1, 1) == "$" then
        raise("L302", "result: a name may not begin with $: " .. key)
      end
      told(one)
    end
  end
  return value
end

local function finished(value)
  if value == nil then
    return { outcome = "ok", result = {} }
  end
  if getmetatable(value) == "answer" then
    if value.request then
      raise("L303", "a response does not make a request: that is what the next stage is for")
    end
    return { outcome = value.outcome, result = value.result and told(value.result), error = value.error }
  end
  return { outcome = "ok", result = told(native.table_arg("the result of a response", value)) }
end

-- One step of a call: the reply that came last is looked at, then the next request is made.
-- { file, action, args, settings, ctx, stage, replies } -> { request, stage } or { outcome, ... }
function native.tools.connector(input)
  local stages = rawget(load_methods(input.file), input.action)
  local settings, ctx, replies = given(input.settings), input.ctx or {}, input.replies or {}
  local args, stage = input.args or {}, input.stage or 0
  if not stages then
    return { outcome = "fail", error = { code = "no_action", message = "the connector has no " .. input.action } }
  end
  ctx.settings, ctx.replies = settings, replies
  if stage > 0 then
    local look = stages[stage].response
    local value = look and look(replies[stage], args, ctx)
    if value ~= nil or stage == #stages then
      return finished(value)
    end
  end
  while stage < #stages do
    stage = stage + 1
    local wanted = stages[stage].request(args, ctx)
    if wanted ~= nil then
      if getmetatable(wanted) ~= "answer" then
        raise("L303", ("the request of %s is not http { }, mail { } or exec { }"):format(input.action))
      end
      if not wanted.request then
        return finished(wanted)
      end
      return { stage = stage, request = { action = wanted.request.action,
        args = plain(wanted.request.args, "request") } }
    end
    replies[stage] = {} -- nothing to ask: the stage is left out
  end
  return finished(nil)
end

-- Is the file one, and does it have the methods that the manifest names? { file, actions } -> { missing, more }
function native.tools.connector_check(input)
  local methods, missing, more, wanted = load_methods(input.file), {}, {}, {}
  for _, name in ipairs(input.actions) do
    wanted[name] = true
    if rawget(methods, name) == nil then
      missing[#missing + 1] = name
    end
  end
  for name in pairs(methods) do
    if not wanted[name] then
      more[#more + 1] = name
    end
  end
  return { missing = api.json.list(missing), more = api.json.list(more) }
end

-- Specs: a file that returns a list of { name, action, args, settings, ctx, replies, requests, result | error,
-- outcome }. Every request that the connector makes must be as written, each reply is given in turn. -----

local function show(value)
  local ok, text = pcall(native.json_encode, value)
  return api.shorten(ok and text or tostring(value), 500)
end

-- What the spec names must be so; what it does not name may be anything.
local function differs(want, got, where)
  if type(want) == "table" and expressions[want] then
    want = expressions[want]
  end
  if type(want) ~= "table" or type(got) ~= "table" then
    if not rawequal(want, got) then
      return ("%s is %s, not %s"):format(where, show(got), show(want))
    end
    return nil
  end
  for key, one in pairs(want) do
    local other = got[key]
    local wrong
    if one == api.absent then
      wrong = other ~= nil and ("%s.%s is there"):format(where, tostring(key)) or nil
    else
      wrong = differs(one, other, where .. "." .. tostring(key))
    end
    if wrong then
      return wrong
    end
  end
end

api.absent = "\1absent"

local function play(file, case)
  local input = { file = file, action = case.action, args = case.args or {}, settings = case.settings or {},
    ctx = case.ctx or { key = "6b1f0c0000000000000000000000000a", run = "01RUN", case = "PSIRT-2026-0001",
      now = 1795555200, attempt = 1 }, stage = 0, replies = {} }
  for i = 1, 20 do
    local out = native.tools.connector(input)
    if out.outcome then
      if case.requests and #case.requests ~= i - 1 then
        return ("it made %d requests, not %d"):format(i - 1, #case.requests)
      end
      if out.outcome ~= (case.outcome or (case.error and "fail" or "ok")) then
        return ("the outcome is %s: %s"):format(out.outcome, show(out.error or out.result))
      end
      return differs(case.error or {}, out.error or {}, "error") or differs(case.result or {}, out.result or {}, "result")
    end
    local wrong = differs((case.requests or {})[i] or {}, out.request.args, ("request %d"):format(i))
    if wrong then
      return wrong
    end
    input.stage = out.stage
    input.replies[out.stage] = (case.replies or {})[i] or { status = 200 }
  end
  return "it never ends"
end

-- { file, spec } -> { results = { { name, why } } }
function native.tools.connector_spec(input)
  local results = {}
  for i, case in ipairs(native.load(input.spec)()) do
    local ok, why = pcall(play, input.file, case)
    if not ok then
      why = type(why) == "table" and tostring(why.message) or tostring(why)
    end
    results[i] = { name = case.name or ("case " .. i), why = why }
  end
  return { results = api.json.list(results) }
end
