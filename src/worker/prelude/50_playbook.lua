-- 50_playbook.lua - playbook { ... }, and what the engine asks of the file that returned it.
local native, api = ...
local raise = native.raise

local the_playbook

local function texts(what, t)
  if t == nil then
    return {}
  end
  for name, value in pairs(native.table_arg(what, t)) do
    if type(name) ~= "string" or type(value) ~= "string" then
      raise("L004", ("%s: write it as { name = \"value\" }"):format(what))
    end
  end
  return t
end

function api.playbook(t)
  native.known("playbook", t, native.fields_for("playbook"))
  local name = native.text_of("playbook", t, "name", true)
  if #name > 80 or not name:find("^[%l%d][%l%d_%-]*$") then
    raise("L004", "playbook: `name` takes small letters, digits and -")
  end
  if type(t.run) ~= "function" then
    raise("L004", "playbook needs run = function(case, ev) ... end")
  end
  for _, key in ipairs { "key", "match" } do
    if t[key] ~= nil and type(t[key]) ~= "function" then
      raise("L004", ("playbook: `%s` must be a function"):format(key))
    end
  end
  if type(t.on) ~= "string" or t.on == "" then
    raise("L004", "playbook needs `on`, the event it starts on, such as \"report.accepted\"")
  end
  native.text_of("playbook", t, "title")
  native.text_of("playbook", t, "summary")
  texts("playbook: roles", t.roles)
  for clock, due in pairs(texts("playbook: clocks", t.clocks)) do
    native.duration_of("playbook: clocks." .. clock, due)
  end
  the_playbook = t
  return t
end

-- What the main file returned; gives the description for the core.
function native.loaded(t)
  if t == nil or t ~= the_playbook then
    raise("L003", "the file does not return a playbook", "end it with: return playbook { ... }")
  end
  native.entry(t.run)
  return {
    name = t.name, title = t.title or t.name, on = t.on, summary = t.summary,
    roles = t.roles or {}, clocks = t.clocks or {},
    key = t.key ~= nil, match = t.match ~= nil,
  }
end

for name in pairs(api) do
  assert(native.offers[name], name)
end
if not native.author then -- whose tools close it themselves
  native.close_env()
end
