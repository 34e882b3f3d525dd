-- 15_offers.lua - everything a playbook is offered: one row a global, a method, a form field.
--
-- The prelude checks arguments against these rows, `tocsin playbook lint` reads them, and the file for
-- Lua language servers is written from them, so the three cannot disagree. A global without a row
-- here does not load (50_playbook.lua), a method without one fails a test.
--
-- step = true: it waits or acts, and is written down. fields (options): what the one table (the last
-- one) may hold, with its type; "!" = must be there. Types: text duration integer number boolean any
-- table function people (a name or a list of names) fields form reminder time. What each does, in
-- words, stands in src/worker/author/30_words.lua.
local native = ...

local step = { step = true }
local form = { label = "text", required = "boolean", placeholder = "text", help = "text" }

local function form_with(more)
  local fields = {}
  for name, kind in pairs(form) do
    fields[name] = kind
  end
  for name, kind in pairs(more) do
    fields[name] = kind
  end
  return { form = true, fields = fields }
end

native.offers = {
  playbook = { fields = { name = "text!", title = "text", on = "text!", roles = "table", clocks = "table",
    key = "function", concurrency = "text", inputs = "fields", match = "function", run = "function!",
    summary = "text" } },
  use = {}, require = {},

  ask = { step = true, fields = { id = "text!", role = "text!", title = "text", fields = "fields",
    show = "any", remind = "duration", escalate = "reminder", within = "duration", on_timeout = "any",
    to = "people", not_by = "people" } },
  approve = { step = true, fields = { id = "text!", role = "text!", title = "text", quorum = "integer",
    not_by = "people", show = "any", within = "duration", on_timeout = "text", escalate = "reminder",
    remind = "duration", assurance = "text", policy = "text" } },
  wait = { step = true, fields = { id = "text", event = "text!", where = "table", within = "duration" } },
  sleep = step, patched = step,
  start = { step = true, options = { on_end = "text" } },
  join = { step = true, options = { within = "duration" } }, restart = step,
  parallel = step, race = step, each = { step = true, options = { limit = "integer" } },

  clock = {},
  ["clock:start"] = { step = true, fields = { due = "duration", at = "time", owner = "text" } },
  ["clock:met"] = step,

  choice = form_with { options = "table" }, pick = form_with { of = "text" },
  flag = form_with {}, date = form_with {},
  text = form_with { min = "number", max = "number" }, number = form_with { min = "number", max = "number" },

  ["case:set"] = step, ["case:note"] = step, ["case:link"] = step, ["case:get"] = step,
  ["case:advisory"] = step, ["case:affected_customers"] = step, ["case:unwind"] = step,
  ["case:close"] = { step = true, fields = { resolution = "text!", reason = "text" } },
  ["report:update"] = step,
  ["report:acknowledge"] = { step = true, fields = { template = "text!", vars = "table" } },

  secret = {}, joined = {}, bearer = {}, basic = {},

  now = {}, timestamp = {}, uuid = {}, random = {}, one_of = {}, sorted = {}, log = {},
  string = { library = true }, table = { library = true }, math = { library = true },
  utf8 = { library = true }, json = { library = true },

  assert = {}, error = {}, getmetatable = {}, ipairs = {}, next = {}, pairs = {}, pcall = {},
  rawequal = {}, rawget = {}, rawlen = {}, select = {}, setmetatable = {}, tonumber = {}, tostring = {},
  type = {},
}
-- A form field's own names, for `choice.optional`.
native.offers["choice.optional"] = native.offers.choice

function native.fields_for(what)
  return native.offers[what].fields
end

-- Methods of values, filled by the files that make them: case, report, clock.
native.methods = {}
