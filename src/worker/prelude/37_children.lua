-- 37_children.lua - runs that a run starts, and a run that begins anew with what it has learnt.
local native, api = ...
local raise, step = native.raise, native.step

-- child = start("playbook", { what it gets as its event }, { on_end = "leave" })
function api.start(name, input, options)
  if type(name) ~= "string" or name == "" then
    raise("L012", "start takes the name of a playbook: start(\"notify-customers\", { ... })")
  end
  if input ~= nil and type(input) ~= "table" then
    raise("L012", "start: what the run gets is a table")
  end
  local on_end
  if options ~= nil then
    native.known("start", options, native.offers.start.options)
    on_end = options.on_end
    if on_end ~= nil and on_end ~= "cancel" and on_end ~= "leave" then
      raise("L012", "start: `on_end` is \"cancel\" or \"leave\"",
        "what becomes of it when this run ends first")
    end
  end
  local outcome, result = step("start", name, { input = input or {}, on_end = on_end }, {})
  if outcome ~= "ok" then
    native.failed("start " .. name, outcome, result)
  end
  return result
end

-- What the child returned; its failure is an error here. nil and "timeout" when it takes longer.
function api.join(child, options)
  if type(child) ~= "table" or type(child.run) ~= "string" then
    raise("L012", "join takes what start returned")
  end
  local within
  if options ~= nil then
    native.known("join", options, native.offers.join.options)
    within = native.duration_of("join: within", options.within)
  end
  local outcome, result = step("join", child.name or "", { run = child.run, within_ms = within }, {})
  if outcome == "timeout" then
    return nil, "timeout"
  end
  if outcome ~= "ok" then
    native.failed("join " .. (child.name or child.run), outcome, result)
  end
  return result.result
end

-- Ends this run; its successor begins at the top, with `state` as the third argument of run.
function api.restart(state)
  if state ~= nil and type(state) ~= "table" then
    raise("L012", "restart takes a table, which the next run gets")
  end
  local outcome, result = step("restart", "", { state = state or {} }, {})
  native.failed("restart", outcome, result)
end
