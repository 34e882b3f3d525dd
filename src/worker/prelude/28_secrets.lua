-- 28_secrets.lua - secret "name": a value that goes into a request and nowhere else.
--
-- What playbooks and connectors hold is opaque: it cannot be printed, read, joined or written down. A request
-- gets an expression in its place, which only the core can evaluate, for the places that the configuration
-- allows (action/plugin_express.h).
local native, api = ...
local raise = native.raise

local expressions = {}
native.expressions = expressions

local use_joined = "joined { \"Token \", secret \"name\" }"
local opaque = {
  __metatable = "secret",
  __newindex = function() raise("L301", "a secret cannot be changed") end,
  __index = function()
    raise("L301", "a secret cannot be read", "put it into a request as it is, or use joined { }")
  end,
  __tostring = function() return "***" end,
  __concat = function() raise("L301", "a secret cannot be joined to a text", use_joined) end,
  __len = function() raise("L301", "a secret has no length here") end,
  __call = function() raise("L301", "a secret cannot be called") end,
}

function native.opaque(expression)
  local value = setmetatable({}, opaque)
  expressions[value] = expression
  return value
end

function native.secret_part(value, what)
  if type(value) == "table" and expressions[value] then
    return expressions[value]
  end
  if type(value) == "string" or type(value) == "number" then
    return tostring(value)
  end
  raise("L012", what .. " takes texts and secrets, not a " .. type(value))
end
local part = native.secret_part

-- secret "tickets": of `http: secrets:` in tocsin.yaml, which also says where it may go.
function api.secret(name)
  if type(name) ~= "string" or #name > 64 or not name:find("^[%w][%w_%-.]*$") then
    raise("L012", "secret takes the name of a secret: secret \"tickets\"")
  end
  return native.opaque { ["$secret"] = "secret:" .. name }
end

-- joined { "Token ", secret "tickets" }
function api.joined(parts)
  local list = {}
  for i, one in ipairs(native.table_arg("joined", parts)) do
    list[i] = part(one, "joined")
  end
  return native.opaque { ["$join"] = list }
end

function api.bearer(token)
  return api.joined { "Bearer ", token }
end

-- Basic authentication (RFC 7617).
function api.basic(user, password)
  return native.opaque { ["$join"] = { "Basic ", { ["$base64"] = { ["$join"] = {
    part(user, "basic"), ":", part(password, "basic") } } } } }
end

-- A part of a request: secrets as their expressions, names of data that begin with $ with one more.
local function for_request(value, depth)
  if type(value) ~= "table" or depth > 40 then
    return value
  end
  if expressions[value] then
    return expressions[value]
  end
  if rawget(value, "tsn.unknown") ~= nil then
    return value -- of a dry run: it may be passed on
  end
  local copy = {}
  for key, one in pairs(value) do
    if type(key) == "string" and key:sub(1, 1) == "$" then
      key = "$" .. key
    end
    copy[key] = for_request(one, depth + 1)
  end
  return next(copy) == nil and value or copy -- an empty list stays one
end

-- The arguments of http.request; where no secret may stand they are left alone and refused later.
function native.request_args(args)
  for _, key in ipairs { "query", "headers", "json", "body" } do
    args[key] = for_request(args[key], 1)
  end
  return args
end
