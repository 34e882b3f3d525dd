-- 20_fields.lua - what ask{} can ask for: choice, pick, flag, text, number, date.
--
-- Each gives plain data { type = ..., ... } that goes into the task as it is; the core checks
-- answers against it.
local native, api = ...
local raise = native.raise

-- A lone text is the label.
local function spec_of(what, spec)
  local allowed = native.fields_for(what)
  if spec == nil then
    return {}
  end
  if type(spec) == "string" then
    return { label = spec }
  end
  local out = {}
  for key, value in pairs(native.table_arg(what, spec)) do
    if type(key) == "string" then
      if not allowed[key] then
        raise("L013", ("%s does not take `%s`"):format(what, key), native.did_you_mean(key, allowed))
      end
      out[key] = value
    elseif not allowed.options then
      raise("L013", what .. " takes named fields, not a list")
    end
  end
  native.text_of(what, out, "label")
  if out.required ~= nil and type(out.required) ~= "boolean" then
    raise("L013", what .. ": `required` is true or false")
  end
  return out
end

local function choice_of(what, spec, required)
  local out = spec_of(what, spec)
  local options = out.options or {}
  for _, option in ipairs(native.table_arg(what, spec)) do
    options[#options + 1] = option
  end
  if #options == 0 then
    raise("L013", what .. " needs at least one option")
  end
  local seen = {}
  for i, option in ipairs(options) do
    if type(option) ~= "string" or seen[option] then
      raise("L013", ("%s: option %d must be a text that stands there once"):format(what, i))
    end
    seen[option] = true
  end
  out.type, out.options = "choice", options
  if out.required == nil then
    out.required = required
  end
  return out
end

api.choice = setmetatable({}, {
  __index = { optional = function(spec) return choice_of("choice.optional", spec, false) end },
  __newindex = function() raise("L103", "choice cannot be changed") end,
  __call = function(_, spec) return choice_of("choice", spec, true) end,
  __metatable = "choice",
})

-- pick "product": one of the things the installation knows.
function api.pick(spec)
  local out
  if type(spec) == "string" then
    out = { of = spec }
  else
    out = spec_of("pick", spec)
  end
  native.text_of("pick", out, "of", true)
  out.type = "pick"
  if out.required == nil then
    out.required = true
  end
  return out
end

local function simple(kind, required)
  api[kind] = function(spec)
    local out = spec_of(kind, spec)
    out.type = kind
    if out.required == nil then
      out.required = required
    end
    for _, key in ipairs { "min", "max" } do
      if out[key] ~= nil and type(out[key]) ~= "number" then
        raise("L013", ("%s: `%s` must be a number"):format(kind, key))
      end
    end
    return out
  end
end
simple("flag", true)
simple("text", false)
simple("number", false)
simple("date", false)

local kinds = { choice = true, pick = true, flag = true, text = true, number = true, date = true }

function native.fields_of(fields)
  if fields == nil then
    return nil
  end
  for name, field in pairs(native.table_arg("ask: fields", fields)) do
    if type(name) ~= "string" or not name:find("^[%a_][%w_]*$") then
      raise("L013", "ask: a field needs a name, such as severity = choice { ... }")
    end
    if name == "by" or name == "at" then
      raise("L013", ("ask: `%s` is who answered and when; give the field another name"):format(name))
    end
    if type(field) ~= "table" or not kinds[field.type] then
      raise("L013", ("ask: field `%s` must be choice, pick, flag, text, number or date"):format(name))
    end
  end
  return fields
end
