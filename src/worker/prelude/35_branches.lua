-- 35_branches.lua - parallel, race and each: several things at once, with results in argument order.
--
-- A branch is a function; its steps are steps of the run like any other. The first error ends the
-- whole: the other branches are given up, and their open steps get an outcome on record.
local native, api = ...
local raise, fork = native.raise, native.fork

local function functions_of(what, t)
  native.table_arg(what, t)
  for key, f in pairs(t) do
    if math.type(key) ~= "integer" then
      raise("L012", what .. " takes a list of functions, without names")
    end
    if type(f) ~= "function" then
      raise("L012", ("%s: part %d is a %s, not a function"):format(what, key, type(f)),
        ("write %s { function() ... end, function() ... end }"):format(what))
    end
  end
  return t
end

-- a, b = parallel { function() ... end, function() ... end }
function api.parallel(t)
  functions_of("parallel", t)
  if #t == 0 then
    return
  end
  local _, results = fork("parallel", t, #t)
  return table.unpack(results, 1, #t)
end

-- value, which = race { ... }: of the branch that ended first.
function api.race(t)
  functions_of("race", t)
  if #t == 0 then
    raise("L012", "race needs at least one function")
  end
  local which, results = fork("race", t, #t)
  return results[which], which
end

local each_options = native.offers.each.options

-- results = each(list, function(item, i) ... end, { limit = 5 })
function api.each(list, f, options)
  if type(list) ~= "table" then
    raise("L012", "each takes a list and a function: each(list, function(item) ... end)")
  end
  if type(f) ~= "function" then
    raise("L012", "each takes a function as its second argument")
  end
  local n = #list
  local limit = n
  if options ~= nil then
    native.known("each", options, each_options)
    limit = options.limit or n
    if math.type(limit) ~= "integer" or limit < 1 then
      raise("L012", "each: `limit` is a number of branches at once, from 1")
    end
  end
  if n == 0 then
    return native.json_list {}
  end
  local branches = {}
  for i = 1, n do
    local item = list[i]
    branches[i] = function() return f(item, i) end
  end
  local _, results = fork("each", branches, limit)
  return native.json_list(results)
end
