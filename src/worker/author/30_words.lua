-- 30_words.lua - what each thing a playbook is offered does, in words, with parameters and results.
--
-- One row for every name of the environment and its libraries: { parameters, results, sentence }, in the
-- notation of Lua language servers. The tool `meta` writes their file from the rows and the tables of the
-- prelude; a name that lacks a row, or a row whose name is gone, is told in `missing` and `stale`.
local native = ...

local words = {
  playbook = { "t:tocsin.playbook", "tocsin.playbook", "The playbook of this file: return what it gives." },
  use = { "name:string", "table<string, fun(args?:table):any>",
    "A connector. Each method is a step: it is written down, done once, and gives the same at every replay." },
  require = { "name:string", "any", "A module of the playbook folder: require \"lib.text\" reads lib/text.lua." },
  ask = { "t:tocsin.ask", "tocsin.Answer", "Asks people. Waits, also across restarts. Returns what they answered." },
  approve = { "t:tocsin.approve", "boolean ok, tocsin.Decision decision",
    "Asks people to allow exactly what `show` shows. Test the first result: the second is a table, always true." },
  wait = { "t:tocsin.wait", "any event, \"timeout\"? late", "Waits for an event of this case; nil when it is too late." },
  patched = { "id:string", "boolean", "True where the code it guards is new for this run; false on runs whose record "
    .. "came past without it." },
  sleep = { "duration:tocsin.Duration", "", "Waits. Wall time: it goes on across restarts." },
  start = { "playbook:string, event?:table, options?:{ on_end?:\"cancel\"|\"leave\" }", "{ run:string, name:string }",
    "Starts a run of another playbook on the same case. When this run ends first, it is cancelled or left running." },
  join = { "child:{ run:string }, options?:{ within?:tocsin.Duration }", "any result, \"timeout\"? late",
    "Waits for the end of a run that start began; what it returned. Its failure is an error here." },
  restart = { "state?:table", "", "Ends this run and begins it anew, with `state` as the third argument of run." },
  parallel = { "branches:(fun():any)[]", "any ...",
    "All at once; what each returned, in their order. The first error gives the others up and comes out here." },
  race = { "branches:(fun():any)[]", "any value, integer which", "The first that ends; the others are given up." },
  each = { "list:any[], f:(fun(item:any, i:integer):any), options?:{ limit?:integer }", "any[]",
    "f for all items at once, or for `limit` at a time; what each returned, in their order." },
  clock = { "name:string", "tocsin.Clock", "A promise or a legal deadline, seen everywhere." },
  ["clock:start"] = { "t:tocsin.clock.start", "any", "Starts it: due = \"24h\" from now, or at = a time." },
  ["clock:met"] = { "t?:table", "any", "What was promised is done." },
  choice = { "t:string[]|tocsin.choice", "tocsin.Field", "One of these texts." },
  ["choice.optional"] = { "t:string[]|tocsin.choice", "tocsin.Field", "One of these texts, or nothing." },
  pick = { "t:string|tocsin.pick", "tocsin.Field", "One of the things the installation knows: pick \"product\"." },
  flag = { "t?:string|tocsin.flag", "tocsin.Field", "Yes or no." },
  text = { "t?:string|tocsin.text", "tocsin.Field", "Words." },
  number = { "t?:string|tocsin.number", "tocsin.Field", "A number." },
  date = { "t?:string|tocsin.date", "tocsin.Field", "A day." },
  ["case:set"] = { "changes:table", "any", "Changes the case: one entry with from and to." },
  ["case:note"] = { "text:string", "any", "Writes a note into the case." },
  ["case:link"] = { "thing:string|table", "any", "Links an address, or what a connector returned." },
  ["case:get"] = { "", "table", "The case as it is now, not as it was when the run started." },
  ["case:advisory"] = { "t:{ template:string, [string]:any }", "tocsin.Draft", "Drafts the advisory of this case." },
  ["case:affected_customers"] = { "t?:{ products?:string[] }", "{ name:string, mail:string }[]",
    "Customers who have the product." },
  ["case:unwind"] = { "", "", "Takes back what was done with an undo, newest first." },
  ["case:close"] = { "t:tocsin.case.close", "any", "Closes the case." },
  ["report:update"] = { "t:{ state:string, message?:string }", "any", "Tells the reporter how it stands." },
  ["report:acknowledge"] = { "t:tocsin.report.acknowledge", "any",
    "Mail to the reporter; nothing when they left no address." },
  secret = { "name:string", "tocsin.Secret",
    "A secret of `http: secrets:`: goes into query, headers, json or body of http.request, to where it may go." },
  joined = { "parts:(string|number|tocsin.Secret)[]", "tocsin.Secret",
    "Texts and secrets as one: joined { \"Token \", secret \"name\" }." },
  bearer = { "token:string|tocsin.Secret", "tocsin.Secret", "\"Bearer \" and the token, for an Authorization header." },
  basic = { "user:string|tocsin.Secret, password:string|tocsin.Secret", "tocsin.Secret",
    "Basic authentication, for an Authorization header." },
  now = { "", "integer ms", "Milliseconds since 1970 of the last thing that happened: the same at every replay." },
  timestamp = { "ms:integer", "string", "RFC 3339, UTC." },
  uuid = { "", "string", "Made up, and the same at every replay." },
  random = { "m?:integer, n?:integer", "number", "As math.random was, and the same at every replay." },
  one_of = { "value:any, ...:any", "boolean", "Is the value one of the others?" },
  sorted = { "t:table", "fun(t:table, k?:any):any, any, table", "As pairs, and says that the order matters." },
  log = { "...:any", "", "A line in the log; silent on replay." },

  assert = { "v:any, message?:any, ...:any", "any", "As in Lua." },
  error = { "message:any, level?:integer", "", "As in Lua." },
  getmetatable = { "v:any", "any", "As in Lua." },
  ipairs = { "t:table", "fun(t:table, i?:integer):integer, any, table, integer", "As in Lua." },
  next = { "t:table, k?:any", "any, any", "In a fixed order: numbers, then strings." },
  pairs = { "t:table", "fun(t:table, k?:any):any, any, table", "In a fixed order: numbers, then strings." },
  pcall = { "f:function, ...:any", "boolean, any", "As in Lua; steps inside may wait. Cannot catch a cancellation." },
  rawequal = { "a:any, b:any", "boolean", "As in Lua." },
  rawget = { "t:table, k:any", "any", "As in Lua." },
  rawlen = { "v:table|string", "integer", "As in Lua." },
  select = { "n:integer|\"#\", ...:any", "any", "As in Lua." },
  setmetatable = { "t:table, m?:table", "table", "As in Lua, without __gc and __mode." },
  tonumber = { "v:any, base?:integer", "number?", "As in Lua." },
  tostring = { "v:any", "string", "As in Lua, without addresses." },
  type = { "v:any", "string", "As in Lua." },

  ["json.encode"] = { "v:any", "string", "Canonical JSON." },
  ["json.decode"] = { "text:string", "any", "null is nil." },
  ["json.list"] = { "t?:table", "table", "A table that is a list also when it is empty." },

  ["math.abs"] = { "x:number", "number", "" }, ["math.ceil"] = { "x:number", "integer", "" },
  ["math.floor"] = { "x:number", "integer", "" }, ["math.fmod"] = { "x:number, y:number", "number", "" },
  ["math.max"] = { "x:number, ...:number", "number", "" }, ["math.min"] = { "x:number, ...:number", "number", "" },
  ["math.modf"] = { "x:number", "integer, number", "" }, ["math.sqrt"] = { "x:number", "number", "" },
  ["math.type"] = { "x:any", "\"integer\"|\"float\"|nil", "" },
  ["math.tointeger"] = { "x:any", "integer?", "" }, ["math.ult"] = { "m:integer, n:integer", "boolean", "" },
  ["math.huge"] = { false, "number" }, ["math.maxinteger"] = { false, "integer" },
  ["math.mininteger"] = { false, "integer" }, ["math.pi"] = { false, "number" },

  ["string.byte"] = { "s:string, i?:integer, j?:integer", "integer ...", "" },
  ["string.char"] = { "...:integer", "string", "" },
  ["string.find"] = { "s:string, pattern:string, init?:integer, plain?:boolean",
    "integer?, integer?, any", "Patterns have a bound on their steps." },
  ["string.format"] = { "format:string, ...:any", "string", "Without %p." },
  ["string.gmatch"] = { "s:string, pattern:string, init?:integer", "fun():string", "" },
  ["string.gsub"] = { "s:string, pattern:string, with:string|table|function, n?:integer", "string, integer", "" },
  ["string.len"] = { "s:string", "integer", "" }, ["string.lower"] = { "s:string", "string", "" },
  ["string.match"] = { "s:string, pattern:string, init?:integer", "any", "" },
  ["string.rep"] = { "s:string, n:integer, sep?:string", "string", "At most 4 MiB." },
  ["string.reverse"] = { "s:string", "string", "" },
  ["string.sub"] = { "s:string, i:integer, j?:integer", "string", "" },
  ["string.upper"] = { "s:string", "string", "" },

  ["table.concat"] = { "list:table, sep?:string, i?:integer, j?:integer", "string", "" },
  ["table.insert"] = { "list:table, pos:any, value?:any", "", "" },
  ["table.move"] = { "a:table, f:integer, e:integer, t:integer, b?:table", "table", "" },
  ["table.pack"] = { "...:any", "table", "" },
  ["table.remove"] = { "list:table, pos?:integer", "any", "" },
  ["table.sort"] = { "list:table, less?:fun(a:any, b:any):boolean", "", "A step cannot wait inside." },
  ["table.unpack"] = { "list:table, i?:integer, j?:integer", "any ...", "" },

  ["utf8.char"] = { "...:integer", "string", "" }, ["utf8.charpattern"] = { false, "string" },
  ["utf8.codepoint"] = { "s:string, i?:integer, j?:integer, lax?:boolean", "integer ...", "" },
  ["utf8.codes"] = { "s:string, lax?:boolean", "fun():integer, integer", "" },
  ["utf8.len"] = { "s:string, i?:integer, j?:integer, lax?:boolean", "integer?, integer?", "" },
  ["utf8.offset"] = { "s:string, n:integer, i?:integer", "integer?", "" },
}
native.words = words

-- What playbooks reach, from the environment itself: { name = true }.
function native.reachable()
  local names = {}
  for name in pairs(native.playbook_api) do
    if native.libraries[name] then
      for member in pairs(native.libraries[name]) do
        names[name .. "." .. member] = true
      end
    else
      names[name] = true
    end
  end
  names["choice.optional"] = true
  for kind, methods in pairs(native.methods) do
    for method in pairs(methods) do
      names[kind .. ":" .. method] = true
    end
  end
  return names
end

local kinds = { text = "string", duration = "tocsin.Duration", integer = "integer", number = "number",
  boolean = "boolean", any = "any", table = "table", ["function"] = "function", people = "string|string[]",
  fields = "table<string, tocsin.Field>", time = "integer|string", reminder = "string|tocsin.Reminder" }

local function class_of(name)
  return "tocsin." .. name:gsub(":", ".")
end

local function put_class(out, name, fields)
  out[#out + 1] = ("\n---@class %s"):format(class_of(name))
  for field, kind in pairs(fields) do
    local plain = kind:gsub("!", "")
    out[#out + 1] = ("---@field %s%s %s"):format(field, kind:find("!", 1, true) and "" or "?",
      kinds[plain] or plain)
  end
end

local function put_function(out, name, row, step)
  local params = {}
  out[#out + 1] = ""
  if row[3] ~= "" then
    out[#out + 1] = "---" .. row[3]
  end
  local rest = row[1]
  -- Split at commas that are not inside (), {} or [].
  local depth, from, parts = 0, 1, {}
  for i = 1, #rest + 1 do
    local c = rest:sub(i, i)
    if c:find("[%({%[<]") then
      depth = depth + 1
    elseif c:find("[%)}%]>]") then
      depth = depth - 1
    elseif (c == "," or c == "") and depth == 0 then
      parts[#parts + 1] = rest:sub(from, i - 1):gsub("^%s+", "")
      from = i + 1
    end
  end
  for _, part in ipairs(parts) do
    local param, kind = part:match("^([%w_%.]+%??):(.*)$")
    if param then
      out[#out + 1] = ("---@param %s %s"):format(param, kind)
      params[#params + 1] = (param:gsub("%?$", ""))
    end
  end
  if row[2] ~= "" then
    out[#out + 1] = "---@return " .. row[2]
  end
  if step and name == "approve" then
    out[#out + 1] = "---@nodiscard"
  end
  if step then
    out[#out + 1] = "---@async"
  end
  local spelt = name:gsub("^case:", "tocsin_Case:"):gsub("^report:", "tocsin_Report:"):gsub("^clock:", "tocsin_Clock:")
  out[#out + 1] = ("function %s(%s) end"):format(spelt, table.concat(params, ", "))
end

local head = [[
---@meta tocsin
-- Written by `tocsin playbook new` from the tables that the sandbox itself is built from. Do not edit.

---@alias tocsin.Duration string  "30m" "2h" "1d": a unit is required
---@class tocsin.Field
---@class tocsin.Secret
---@class tocsin.Answer
---@field by string  who answered
---@field at string  when
---@field [string] any
---@class tocsin.Decision
---@field ok boolean  the same as the first result
---@field by string  who decided, or "timeout"
---@field reason string
---@field at string  RFC 3339, UTC
---@field votes table[]
---@class tocsin.Reminder
---@field after tocsin.Duration
---@field to? string|string[]
---@class tocsin.Draft
---@field id string
---@field name string
---@field version integer
---@field digest string
---@field title string
---@field markdown string
---@field csaf any
---@class tocsin.Report
---@field kind string
---@field title string
---@field text string
---@field product? string
---@field severity? string
---@field indicators? string[]
---@field contact? { mail:string, name?:string }
local tocsin_Report = {}
---@class tocsin.Case
---@field id string
---@field name string
---@field title string
---@field severity? string
---@field product? string
---@field report? tocsin.Report
local tocsin_Case = {}
---@class tocsin.Clock
local tocsin_Clock = {}]]

-- {} -> { text = the file for language servers, reachable, missing, stale }
function native.tools.meta()
  local names, out = native.reachable(), { head }
  local missing, stale, list = {}, {}, {}
  for name in pairs(words) do
    if not names[name] then
      stale[#stale + 1] = name
    end
  end
  for name in pairs(names) do
    list[#list + 1] = name
    if not words[name] then
      missing[#missing + 1] = name
    end
    if name:find(":", 1, true) and not native.offers[name] then
      missing[#missing + 1] = name .. " (no offer)"
    end
  end
  for name, offer in pairs(native.offers) do
    if not names[name] and not offer.library then
      stale[#stale + 1] = name .. " (offer)"
    end
    if offer.fields and name ~= "choice.optional" then
      put_class(out, name, offer.fields)
    end
  end
  for name in pairs(native.libraries) do
    out[#out + 1] = ("\n---@class %slib\n%s = {}"):format(name, name)
  end
  for name in pairs(names) do
    local row = words[name] or { "...:any", "any", "" }
    if row[1] == false then
      out[#out + 1] = ("\n---@type %s\n%s = nil"):format(row[2], name)
    elseif name == "choice" then
      out[#out + 1] = "\n---@overload fun(t:string[]|tocsin.choice):tocsin.Field\nchoice = {}"
    else
      put_function(out, name, row, native.offers[name] and native.offers[name].step)
    end
  end
  out[#out + 1] = ""
  return { text = table.concat(out, "\n"), reachable = list, missing = native.json_list(missing),
    stale = native.json_list(stale) }
end
