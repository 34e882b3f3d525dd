-- 40_spec.lua - the language of specs: describe, it, sim, fixture and what can be asserted.
--
-- A spec runs in a box like a playbook, and what touches the simulation is a step: the core plays it
-- (src/author/spec.c) and the answer comes back. Same words as busted where there are such.
local native, api = ...
local raise, step = native.raise, native.step

-- The core's part ---------------------------------------------------------------------------------

local function ask_core(what, args)
  local outcome, result = step("call", "sim." .. what, args or {}, {})
  if outcome ~= "ok" then
    local e = type(result) == "table" and result.error or {}
    raise(e.code or "L280", e.message or "the simulation failed", e.hint)
  end
  return result
end

-- A failed expectation: an error of its own kind, with both sides.
local function fail(message, expected, got)
  local parts = { message }
  if expected ~= nil then
    parts[#parts + 1] = "expected: " .. expected
  end
  if got ~= nil then
    parts[#parts + 1] = "got:      " .. got
  end
  raise("L290", table.concat(parts, "\n"))
end

local function show(value)
  if type(value) == "table" then
    local ok, text = pcall(native.json_encode, value)
    value = ok and text or tostring(value)
  end
  value = type(value) == "string" and value or tostring(value)
  return #value > 400 and value:sub(1, 400) .. "..." or value
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return rawequal(a, b)
  end
  for key, value in pairs(a) do
    if not same(value, b[key]) then
      return false
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return false
    end
  end
  return true
end

-- Everything that `want` names is so in `got`.
local function holds(want, got)
  if type(want) ~= "table" or type(got) ~= "table" then
    return rawequal(want, got)
  end
  for key, value in pairs(want) do
    if not holds(value, got[key]) then
      return false
    end
  end
  return true
end

-- Tests -----------------------------------------------------------------------------------------

local groups, running = {}, false
local tests, names, before = nil, {}, {}

function api.describe(name, fn)
  if type(name) ~= "string" or type(fn) ~= "function" then
    raise("L012", "describe(\"what\", function() ... end)")
  end
  if not running then
    groups[#groups + 1] = { name = name, fn = fn }
    return
  end
  names[#names + 1] = name
  fn()
  names[#names] = nil
end

function api.before_each(fn)
  before[#before + 1] = { fn = fn, depth = #names }
end

function api.it(name, fn)
  if type(name) ~= "string" or type(fn) ~= "function" then
    raise("L012", "it(\"does something\", function() ... end)")
  end
  if not tests then
    raise("L291", "`it` stands inside describe(\"...\", function() ... end)")
  end
  local first = {}
  for _, b in ipairs(before) do
    if b.depth <= #names then
      first[#first + 1] = b.fn
    end
  end
  tests[#tests + 1] = { name = table.concat(names, " ") .. " " .. name, fn = fn, first = first }
end

local function run_test(test)
  local begun = ask_core("begin", { name = test.name })
  while begun.run do
    local ok, e = pcall(function()
      for _, fn in ipairs(test.first) do
        fn()
      end
      test.fn()
    end)
    local report = { name = test.name, ok = ok }
    if not ok then
      if type(e) == "table" then
        report.code, report.message, report.hint, report.file, report.line = e.code, e.message, e.hint,
          e.file, e.line
      else
        report.message = tostring(e)
      end
    end
    begun = ask_core("finish", report)
  end
end

local function run_all()
  running = true
  for _, group in ipairs(groups) do
    tests, names, before = {}, { group.name }, {}
    group.fn()
    local mine = tests
    for _, test in ipairs(mine) do
      run_test(test)
    end
  end
  return { tests = #groups }
end

-- A box with a main file and these tools runs a spec, whatever the file returns.
function native.loaded()
  if #groups == 0 then
    raise("L291", "the file describes nothing", "describe(\"my playbook\", function() it(\"...\", function() ... end) end)")
  end
  native.entry(run_all)
  return { spec = true }
end

-- The simulation ----------------------------------------------------------------------------------

local methods = {}
local handle = { __index = methods, __metatable = "run" }

local function ms_of(what, duration)
  return native.duration_of(what, duration)
end

-- fixture "reports/customer-a": fixtures/reports/customer-a.json beside the playbooks.
function api.fixture(name)
  return ask_core("fixture", { name = name }).value
end

local sim = {}

-- sim.start("name", { report = ... }) or { event = ..., case = { kind, title, severity, facts } }
function sim.start(name, what)
  native.known("sim.start", what or {}, { report = true, event = true, case = true })
  ask_core("start", { playbook = name, what = what or {} })
  return setmetatable({}, handle)
end

-- sim.returns("edge.plan_block", { rules = ... }): how a connector answers from now on.
function sim.returns(action, result)
  ask_core("answers", { action = action, outcome = "ok", result = result })
end

-- sim.fails("edge.apply", { outcome = "fail" | "retry" | "unknown" | "hang", times = 1, message = "..." })
function sim.fails(action, how)
  how = how or {}
  native.known("sim.fails", how, { outcome = true, times = true, message = true, code = true })
  ask_core("answers", { action = action, outcome = how.outcome or "fail", times = how.times, message = how.message,
    code = how.code })
end

-- The code as it is now against a recorded run: sim.replay("name", fixture "runs/x")
function sim.replay(name, record)
  return ask_core("replay", { playbook = name, record = record })
end

function sim.now()
  return ask_core("look").now
end

-- What differs between two lives and means nothing: numbers, times, repeats of what was in doubt.
local forgotten = { ["step.retry"] = true, ["step.in_doubt"] = true, ["run.recovered"] = true,
  ["run.resumed"] = true, ["run.owned"] = true }

-- Names that are made up anew in each life.
local function masked(text)
  return (text:gsub("TR%-%w%w%w%w%-%w%w%w%w%-%w%w%w%w%-%w%w%w%w", "TR-*")
    :gsub("01%w%w%w%w%w%w%w%w%w%w%w%w%w%w%w%w%w%w%w%w%w%w%w%w", "*")
    :gsub("%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x", "*")
    :gsub("sha256:%x+", "sha256:*"))
end

-- Lines in the order of the log; what parallel branches do has no order among them, so it stands behind, by
-- branch.
local function history_of(seen)
  local out, intended, branches = {}, {}, {}
  for _, e in ipairs(seen.entries or {}) do
    local again = e.kind == "step.intent" and intended[e.step]
    if e.kind == "step.intent" then
      intended[e.step] = true
    end
    if not forgotten[e.kind] and not again then
      local list = e.step and e.step:find("b", 1, true) and branches or out
      list[#list + 1] = table.concat({ e.step or "-", e.chain, e.kind, e.outcome or "-", e.reason or "-",
        e.actor or "-" }, " ")
    end
  end
  for _, call in ipairs(seen.calls or {}) do
    branches[#branches + 1] = masked("call "
      .. call.action .. " at " .. call.path .. " with " .. native.json_encode(call.args))
  end
  table.sort(branches)
  return table.move(branches, 1, #branches, #out + 1, out)
end

-- The steps of one life of a scenario: a function that starts a run and plays it.
local function life(scenario, crash_at, every)
  ask_core("anew", { crash_at = crash_at, every = every })
  scenario()
  local seen = ask_core("look")
  ask_core("anew", {})
  return seen
end

local function steps_of(seen)
  local out = {}
  for _, e in ipairs(seen.entries or {}) do
    if e.kind == "step.result" then
      local request = e.args
      for _, o in ipairs(seen.entries) do
        if not request and o.step == e.step and o.args then
          request = o.args
        end
      end
      out[#out + 1] = e.step .. " " .. (request and request.name ~= "" and request.name or request and request.kind
        or "step")
    end
  end
  return out
end

-- sim.crash_after(scenario, step): what happens without and with a crash behind that step.
function sim.crash_after(scenario, at)
  local plain = life(scenario)
  local n
  for i, name in ipairs(steps_of(plain)) do
    if name == at then
      n = i
    end
  end
  if not n then
    raise("L291", ("the scenario has no step `%s`"):format(tostring(at)), table.concat(steps_of(plain), ", "))
  end
  return { plain = history_of(plain), crashed = history_of(life(scenario, n)), step = at }
end

-- for_each_step(scenario, function(step) it(...) end)
function api.for_each_step(scenario, fn)
  for _, name in ipairs(steps_of(life(scenario))) do
    fn(name)
  end
end

api.sim = native.readonly("sim", sim)

-- A run ---------------------------------------------------------------------------------------------

function methods.look(_)
  return ask_core("look")
end
function methods.state(self)
  return self:look().run.state
end
function methods.result(self)
  return self:look().run.result
end
function methods.case(self)
  return self:look().case
end
-- Steps and calls of an action, oldest first: { args, result, outcome, step, at }.
function methods.calls(self, action)
  local out, request = {}, {}
  for _, e in ipairs(self:look().entries or {}) do
    if e.chain == "run" and e.step and e.args and e.args.name then
      request[e.step] = e.args
    end
    local r = e.kind == "step.result" and request[e.step]
    if r and r.name == action and (r.kind == "call" or r.kind == "undo") then
      out[#out + 1] = { args = r.args, result = e.result, outcome = e.outcome, step = e.step, at = e.at }
    end
  end
  return out
end

-- The newest question of this id, open or closed; nil = it was never asked.
function methods.task(self, id)
  local found
  for _, task in ipairs(self:look().tasks or {}) do
    if task.id == id and (not found or task.state == "open" or task.opened_at >= found.opened_at) then
      found = task
    end
  end
  return found
end
-- Ids of what people are asked now.
function methods.asked(self)
  local out = {}
  for _, task in ipairs(self:look().tasks or {}) do
    if task.state == "open" then
      out[#out + 1] = task.id
    end
  end
  return out
end
-- Who may decide it.
function methods.paged(self, id)
  local task = self:task(id)
  return task and task.state == "open" and task.may or {}
end

-- A refusal is a value: { code, message }; nil when it was taken.
local function decide(verb, id, person, reason, answer)
  local result = ask_core("decide", { verb = verb, id = id, person = person, reason = reason, answer = answer })
  return result.refused
end

local function must(refused)
  if refused then
    raise(refused.code, refused.message, refused.hint)
  end
end

function methods.answer(_, id, answer, person)
  must(decide("answer", id, person, nil, answer))
end
function methods.approve(_, id, person, reason)
  return decide("approve", id, person, reason)
end
function methods.reject(_, id, person, reason)
  return decide("reject", id, person, reason)
end
function methods.advance(_, duration)
  ask_core("advance", { ms = ms_of("advance", duration) })
end
function methods.signal(_, event, body)
  ask_core("signal", { event = event, body = body or {} })
end
-- An operation of docs/casework.md, done by a person: s:act("embargo.accept", {}, "lead1")
function methods.act(_, op, args, person)
  ask_core("act", { op = op, args = args or {}, person = person })
end
function methods.cancel(_, person, reason)
  ask_core("cancel", { person = person, reason = reason or "the spec says so" })
end
function methods.crash(_)
  ask_core("crash")
end

-- Expectations ----------------------------------------------------------------------------------------

local plain_assert, asserts = api.assert, {}

function asserts.same(expected, got)
  if not same(expected, got) then
    fail("they differ", show(expected), show(got))
  end
end
asserts.equal = asserts.same
function asserts.is_true(value)
  if value ~= true then
    fail("not true", "true", show(value))
  end
end
function asserts.is_false(value)
  if value ~= false then
    fail("not false", "false", show(value))
  end
end
function asserts.is_nil(value)
  if value ~= nil then
    fail("not nil", "nil", show(value))
  end
end
function asserts.truthy(value)
  if not value then
    fail("nothing is there", "a value", show(value))
  end
end

function asserts.state(s, expected)
  local run = s:look().run
  if run.state ~= expected then
    fail("the run is in another state", expected, run.state .. (run.reason and " (" .. run.reason .. ")" or ""))
  end
end

local function result_text(run)
  local e = type(run.result) == "table" and run.result.error
  return e and ("%s: %s"):format(tostring(e.code), tostring(e.message)) or run.reason or ""
end

-- The case is closed so, and the run is over.
function asserts.closed(s, resolution)
  local seen = s:look()
  if seen.run.state ~= "finished" then
    fail("the run has not finished", "finished", seen.run.state .. " (" .. result_text(seen.run) .. ")")
  end
  if seen.case.state ~= "closed" or (resolution and seen.case.resolution ~= resolution) then
    fail("the case is not closed so", resolution or "closed", seen.case.state .. " " ..
      tostring(seen.case.resolution))
  end
end

function asserts.asked(s, id)
  local task = s:task(id)
  if not task or task.state ~= "open" then
    fail(("`%s` is not asked"):format(id), id, "open: " .. table.concat(s:asked(), ", "))
  end
  return task
end
function asserts.not_asked(s, id)
  if s:task(id) then
    fail(("`%s` was asked"):format(id))
  end
end

function asserts.decision(s, id, expected)
  local task = s:task(id)
  if not task or task.state == "open" then
    fail(("`%s` has not been decided"):format(id), show(expected), task and "open" or "never asked")
  end
  local got = { ok = task.state == "approved", by = task.by, state = task.state,
    reason = type(task.answer) == "table" and task.answer.reason or nil }
  if not holds(expected, got) then
    fail(("`%s` was decided otherwise"):format(id), show(expected), show(got))
  end
end

function asserts.called(s, action, args)
  local calls = s:calls(action)
  for _, call in ipairs(calls) do
    if args == nil or holds(args, call.args) then
      return call
    end
  end
  fail(("%s was not called%s"):format(action, args and " so" or ""), show(args), show(#calls > 0 and calls or nil))
  return nil
end
function asserts.not_called(s, action)
  local calls = s:calls(action)
  if #calls > 0 then
    fail(action .. " was called", "no call", show(calls[1].args))
  end
end

-- A refusal by its code: assert.refused("A007", s:approve("contain", "resp1"))
function asserts.refused(code, refused)
  if refused == nil or refused.code ~= code then
    fail("not refused so", code, refused and refused.code .. " " .. refused.message or "taken")
  end
end
function asserts.taken(refused)
  if refused ~= nil then
    fail("it was refused", "taken", refused.code .. " " .. refused.message)
  end
end

-- assert.clock(s, "cra-early-warning", { due_in = "23h29m" })
function asserts.clock(s, name, expected)
  local seen = s:look()
  local clocks = seen.case.facts and seen.case.facts.clocks or {}
  local clock = clocks[name]
  if not clock then
    fail(("the clock `%s` does not run"):format(name))
  end
  if expected and expected.due_in then
    local ms = 0
    for part in expected.due_in:gmatch("%d+%a+") do
      ms = ms + native.duration_of("due_in", part)
    end
    local due = native.timestamp(seen.now + ms)
    if clock.due_at ~= due then
      fail(("the clock `%s` is due at another time"):format(name), due, clock.due_at)
    end
  end
  if expected and expected.met ~= nil and (clock.met_at ~= nil) ~= expected.met then
    fail(("the clock `%s`"):format(name), expected.met and "met" or "not met", show(clock))
  end
end

local function texts_of(s, action)
  local out = {}
  for _, call in ipairs(s:calls(action)) do
    out[#out + 1] = tostring(call.args.text)
  end
  return out
end
function asserts.noted(s, pattern)
  local notes = texts_of(s, "case.note")
  for _, text in ipairs(notes) do
    if text:find(pattern) then
      return
    end
  end
  fail(("no note has `%s`"):format(pattern), pattern, show(notes))
end

-- Mail to this address went out.
function asserts.mailed(s, address, args)
  for _, call in ipairs(s:calls("mail.send")) do
    if call.args.to == address and call.outcome == "ok" and (args == nil or holds(args, call.args)) then
      return
    end
  end
  local got = {}
  for _, call in ipairs(s:calls("mail.send")) do
    got[#got + 1] = call.args
  end
  fail("no such mail to " .. address, show(args), show(got))
end

-- Two lives, one with a crash, look the same to everybody.
function asserts.same_history(lives)
  for i = 1, math.max(#lives.plain, #lives.crashed) do
    if lives.plain[i] ~= lives.crashed[i] then
      fail(("after a crash behind %s line %d of the history differs"):format(lives.step or "every step", i),
        show(lives.plain[i]), show(lives.crashed[i]))
    end
  end
end

-- The code still does what it did in this recorded run: an open run of that version could move to it.
function asserts.replays(name, record)
  local place = sim.replay(name, record)
  if place.diverged then
    fail(("%s no longer does what was recorded, at step %s"):format(name, place.diverged.path),
      show(place.diverged.recorded), show(place.diverged.asked))
  end
end

function asserts.has_error(fn, code)
  local ok, e = pcall(fn)
  local got = type(e) == "table" and e.code or tostring(e)
  if ok or (code and got ~= code) then
    fail("no such error", code, ok and "no error" or got)
  end
end

api.assert = setmetatable({}, {
  __index = function(_, key)
    return asserts[key] or raise("L101", ("assert.%s is not known"):format(tostring(key)),
      native.did_you_mean(tostring(key), asserts))
  end,
  __call = function(_, ...) return plain_assert(...) end,
  __newindex = function() raise("L103", "assert cannot be changed") end,
  __metatable = "assert",
})

-- For the core: the history of a life, and whether two are the same.
function native.tools.history(seen)
  return history_of(seen)
end

native.spec_offers = {}
for name in pairs(native.offers) do
  native.spec_offers[name] = native.offers[name]
end
for _, name in ipairs { "describe", "it", "before_each", "fixture", "sim", "for_each_step" } do
  native.spec_offers[name] = {}
end

native.close_env()
