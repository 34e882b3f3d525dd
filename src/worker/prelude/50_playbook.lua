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

-- Keys ------------------------------------------------------------------------------------------
--
-- key = function(ev) return ev.advisory.id .. "/" .. ev.kind end is called once, here, with a stand-in
-- that only notes which fields it reads. What it returns is the recipe by which the core makes the key
-- of each event, in the very transaction that takes the event in.

local parts_of = {} -- stand-in -> { { path = "advisory.id" }, "/", ... }

local stand_in

local function join(a, b)
  local all = {}
  for _, side in ipairs { a, b } do
    local parts = parts_of[side]
    if parts then
      table.move(parts, 1, #parts, #all + 1, all)
    elseif type(side) == "string" or type(side) == "number" then
      all[#all + 1] = tostring(side)
    else
      raise("L014", "playbook: `key` joins fields of the event and texts only")
    end
  end
  return stand_in(nil, all)
end

function stand_in(path, parts)
  local it = setmetatable({}, {
    __index = function(_, name)
      if not path and parts then
        raise("L014", "playbook: a joined `key` has no fields")
      end
      if type(name) ~= "string" or not name:find("^[%a_][%w_%-]*$") then
        raise("L014", "playbook: `key` reads fields by name, such as ev.advisory.id")
      end
      return stand_in(path and path .. "." .. name or name)
    end,
    __newindex = function()
      raise("L014", "playbook: `key` only reads the event")
    end,
    __len = function()
      raise("L014", "playbook: `key` only joins fields, it does not count")
    end,
    __concat = join,
    __metatable = "event",
  })
  parts_of[it] = parts or { { path = path } }
  return it
end

-- Lua 5.4.4 loses the result of __concat when the stack had to grow in it and a third operand
-- follows: the room is made before.
local function roomy(n)
  return n == 0 and 0 or 1 + roomy(n - 1)
end

local function recipe_of(key)
  if key == nil then
    return nil
  end
  roomy(150)
  local event = stand_in(nil)
  local ok, made = pcall(key, event)
  local parts = ok and made ~= event and parts_of[made]
  if not parts or #parts > 16 then
    raise("L014", "playbook: `key` must return fields of the event, joined by `..`",
      "key = function(ev) return ev.advisory.id end")
  end
  return parts
end

local policies = { join = true, queue = true, drop = true, replace = true }

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
  if t.concurrency ~= nil and (not policies[t.concurrency] or t.key == nil) then
    raise("L014", "playbook: `concurrency` is join, queue, drop or replace, and needs `key`")
  end
  native.fields_of(t.inputs)
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
    key = recipe_of(t.key), concurrency = t.concurrency, inputs = t.inputs, match = t.match ~= nil,
  }
end

for name in pairs(api) do
  assert(native.offers[name], name)
end
if not native.author then -- whose tools close it themselves
  native.close_env()
end
