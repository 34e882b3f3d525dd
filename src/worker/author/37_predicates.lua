-- 37_predicates.lua - rules about upstream advisories that are written in Lua: pure functions from what is known
-- of a difference to yes or no. The file returns a table of them; docs/feeds.md has the inputs.
local native = ...
local raise = native.raise

-- Each predicate has its own: none can change what the next one sees.
local function copy(value)
  if type(value) ~= "table" then
    return value
  end
  local out = {}
  for key, one in pairs(value) do
    out[key] = copy(one)
  end
  return out
end

local function load_predicates(file)
  local all = native.load(file)()
  if type(all) ~= "table" then
    raise("L310", file .. " does not return a table of functions", "return { name = function(a) return a.kev end }")
  end
  for name, f in pairs(all) do
    if type(name) ~= "string" or type(f) ~= "function" then
      raise("L310", ("%s: `%s` is not a function with a name"):format(file, tostring(name)))
    end
  end
  return all
end

local function text_of(err)
  return type(err) == "table" and tostring(err.message or err.text or err.code or "an error") or tostring(err)
end

-- { file, names, inputs } -> { name = true | false | "why it failed" }
function native.tools.predicates(input)
  local all, out = load_predicates(input.file), {}
  for _, name in ipairs(input.names) do
    local ok, value = pcall(all[name] or error, copy(input.inputs))
    if not all[name] then
      out[name] = "there is no such function"
    elseif not ok then
      out[name] = text_of(value)
    elseif value ~= nil and type(value) ~= "boolean" then
      out[name] = "it returned a " .. type(value) .. ", not true or false"
    else
      out[name] = value == true
    end
  end
  return out
end

-- Are the functions that the configuration names there? { file, names } -> { missing }
function native.tools.predicates_check(input)
  local all, missing = load_predicates(input.file), {}
  for _, name in ipairs(input.names) do
    if not all[name] then
      missing[#missing + 1] = name
    end
  end
  return { missing = missing, n = #missing }
end
