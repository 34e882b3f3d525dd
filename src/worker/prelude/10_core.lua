-- 10_core.lua - checks and small helpers of the playbook API; the environment of playbooks.
--
-- Prelude files run once in each state, with (native, api): what C gives, and the table that
-- playbooks see as their globals. Everything else they share hangs on `native`.
local native, api = ...
local raise = native.raise

-- What stands behind the libraries that playbooks can only read.
native.libraries = {}

local function names_of(t)
  local list = {}
  for name in pairs(t) do
    list[#list + 1] = name
  end
  return list
end

local function did_you_mean(word, list)
  local near = native.suggest(word, list)
  return near and ("did you mean `%s`?"):format(near) or nil
end

function native.did_you_mean(word, t)
  return did_you_mean(word, names_of(t))
end

-- The single argument of `what` must be a table.
function native.table_arg(what, t)
  if type(t) ~= "table" then
    raise("L012", ("%s takes one table: %s { ... }"):format(what, what))
  end
  return t
end

-- Only these names may stand in t: a misspelt one must not be ignored.
function native.known(what, t, allowed)
  for key in pairs(native.table_arg(what, t)) do
    if type(key) ~= "string" then
      raise("L012", what .. " takes named fields, not a list")
    end
    if not allowed[key] then
      raise("L012", ("%s does not take `%s`"):format(what, key),
        did_you_mean(key, names_of(allowed)) or ("it takes " .. table.concat(names_of(allowed), ", ")))
    end
  end
end

function native.text_of(what, t, key, needed)
  local value = t[key]
  if value == nil and needed then
    raise("L012", ("%s needs `%s`"):format(what, key))
  end
  if value ~= nil and (type(value) ~= "string" or value == "") then
    raise("L012", ("%s: `%s` must be a text, not %s"):format(what, key,
      value == "" and "empty" or "a " .. type(value)))
  end
  return value
end

-- As duration_of; days of a calendar ("3bd", "3bd@brussels", "2mo") come back as the text, which the
-- core works out when the step begins.
function native.span_of(what, value)
  if type(value) == "string" and #value < 80 and
      (value:find("^%d+bd$") or value:find("^%d+mo$") or value:find("^%d+bd@[%w_%-]+$") or
       value:find("^%d+mo@[%w_%-]+$") or value:find("^%d+d@[%w_%-]+$")) then
    return nil, value
  end
  return native.duration_of(what, value), nil
end

-- "30m" in milliseconds; a number without a unit means something else to everybody.
function native.duration_of(what, value)
  if value == nil then
    return nil
  end
  local ms = native.duration(value)
  if not ms then
    if type(value) == "number" or (type(value) == "string" and value:find("^%d+$")) then
      raise("R013", ("%s: `%s` needs a unit"):format(what, tostring(value)),
        ("\"%sh\" is hours, \"%sm\" minutes, \"%sd\" days"):format(value, value, value))
    end
    raise("R013", ("%s: `%s` is not a duration"):format(what, tostring(value)),
      "write it like \"30m\", \"2h\", \"1d\"")
  end
  return ms
end

-- What playbooks have of Lua -----------------------------------------------------------------

for _, name in ipairs { "assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall",
  "rawequal", "rawget", "rawlen", "select", "setmetatable", "tonumber", "tostring", "type",
  "random", "uuid" } do
  api[name] = assert(_ENV[name], name)
end

-- Names people try, and what to write instead.
local elsewhere = {
  ["math.random"] = "use random(), which gives the same at every replay",
  ["math.randomseed"] = "use random(), which gives the same at every replay",
  ["string.dump"] = "functions cannot be written down",
  os = "use now(), which is recorded", io = "use a connector; playbooks have no files",
  print = "use log()", load = "use require", loadstring = "use require", dofile = "use require",
  coroutine = "every step waits by itself", debug = "use log()",
  xpcall = "use pcall", collectgarbage = "the engine looks after memory",
  rawset = "write t.name = value", unpack = "use table.unpack",
  step = "every effect is an action of a connector",
  _G = "playbooks have no table of globals",
}

native.elsewhere = elsewhere

-- A library that can be read, not changed. What is not in it raises at once.
function native.readonly(name, t)
  native.libraries[name] = t
  return setmetatable({}, {
    __index = function(_, key)
      local value = t[key]
      if value == nil then
        local full = name .. "." .. tostring(key)
        raise("L102", full .. " is not available", elsewhere[full] or native.did_you_mean(tostring(key), t))
      end
      return value
    end,
    __newindex = function(_, key)
      raise("L103", ("%s.%s cannot be set"):format(name, tostring(key)))
    end,
    __metatable = name,
  })
end

api.string = native.readonly("string", string)
api.table = native.readonly("table", table)
api.math = native.readonly("math", math)
api.utf8 = native.readonly("utf8", utf8)
api.json = native.readonly("json",
  { encode = native.json_encode, decode = native.json_decode, list = native.json_list })

-- Small helpers --------------------------------------------------------------------------------

api.now = native.now             -- milliseconds since 1970, of the last thing that happened
api.timestamp = native.timestamp -- timestamp(now()) -> "2026-11-24T09:15:02.123Z"
api.sorted = pairs               -- for name, value in sorted(t): says that the order matters

function api.one_of(value, ...)
  for i = 1, select("#", ...) do
    if rawequal(value, (select(i, ...))) then
      return true
    end
  end
  return false
end

function api.log(...)
  local parts = {}
  for i = 1, select("#", ...) do
    parts[i] = tostring((select(i, ...)))
  end
  native.log("info", table.concat(parts, " "))
end

-- require "lib.text": a file of the bundle, run once.
local modules, loading = {}, {}
function api.require(name)
  if type(name) ~= "string" or not name:find("^[%w_%-]+[%w_%-.]*$") or name:find("..", 1, true) then
    raise("L005", "require takes the name of a module, such as \"lib.text\"")
  end
  if modules[name] ~= nil then
    return modules[name]
  end
  if loading[name] then
    raise("L005", ("module `%s` requires itself"):format(name))
  end
  loading[name] = true
  local value = native.load(name:gsub("%.", "/") .. ".lua")()
  if value == nil then
    value = true
  end
  modules[name] = value
  loading[name] = nil
  return value
end

-- Last of all files, see 50_playbook.lua.
function native.close_env()
  setmetatable(api, {
    __index = function(_, name)
      if elsewhere[name] then
        raise("L102", name .. " is not available", elsewhere[name])
      end
      name = tostring(name)
      raise("L101", ("`%s` is not known here"):format(name), native.did_you_mean(name, api))
    end,
    __newindex = function(_, name)
      raise("L103", ("`%s` is not declared"):format(tostring(name)),
        ("write `local %s`: globals are not shared and hide mistakes"):format(tostring(name)))
    end,
    __metatable = "environment",
  })
end
