-- 20_meaning.lua - what an expression of a playbook is: the case, a connector, an answer, a step.
--
-- Works on the tree of 10_parse.lua without running anything, so it says "don't know" (nil) rather than
-- guess. `look` is what one look at a file knows: connectors, steps of functions.
local native = ...

local function first_value(var)
  -- Set once, where it was declared: then that is what it is.
  if var and var.value and not var.assigned then
    return var.value
  end
  return nil
end

-- "case" "report" "clock" "connector:edge" "ask" "approve" "wait" ...; nil = don't know.
function native.kind_of(e, depth)
  depth = depth or 0
  if not e or depth > 8 then
    return nil
  end
  if e.k == "paren" then
    return native.kind_of(e.e, depth + 1)
  elseif e.k == "name" then
    local var = e.var
    if not var then
      return nil
    end
    if var.what == "param" and (var.name == "case" or var.name == "report") then
      return var.name
    end
    return native.kind_of(first_value(var), depth + 1)
  elseif e.k == "index" then
    if e.key.k == "string" and e.key.value == "report" and native.kind_of(e.obj, depth + 1) == "case" then
      return "report"
    end
    return nil
  elseif e.k == "call" then
    local name = native.global_name(e.fn)
    if name == "use" and e.args[1] and e.args[1].k == "string" then
      return "connector:" .. e.args[1].value
    end
    return name
  end
  return nil
end

-- The name of a global that e is; nil when it is something else.
function native.global_name(e)
  if e and e.k == "name" and not e.var then
    return e.name
  end
  return nil
end

-- What a call node calls: "ask", "edge.apply", "case:set", "table.sort", "?:gsub"; nil = don't know.
function native.called(e)
  if e.k == "method" then
    local kind = native.kind_of(e.obj)
    if kind == "case" or kind == "report" or kind == "clock" then
      return kind .. ":" .. e.name
    end
    if kind and kind:find("^connector:") then
      return nil
    end
    return "?:" .. e.name -- a method of we know not what
  elseif e.k ~= "call" then
    return nil
  end
  local fn = e.fn
  if fn.k == "index" and fn.key.k == "string" then
    local library = native.global_name(fn.obj)
    if library then
      return library .. "." .. fn.key.value
    end
    local kind = native.kind_of(fn.obj)
    local connector = kind and kind:match("^connector:(.*)")
    if connector then
      return connector .. "." .. fn.key.value, connector, fn.key.value
    end
    return nil
  end
  return native.global_name(fn)
end

-- The name of the step that a call takes by itself; nil = none that we know of.
function native.step_name(e)
  local name, connector = native.called(e)
  if not name then
    return nil
  end
  if connector then
    return name
  end
  local offer = native.offers[name]
  return offer and offer.step and name or nil
end

-- A step somewhere inside, also in local functions that are called; nil = none. `seen` ends rings.
function native.step_inside(tree, seen)
  seen = seen or {}
  if seen[tree] then
    return nil
  end
  seen[tree] = true
  local found
  native.walk_tree({ body = tree.k and { tree } or tree }, function(n)
    if found then
      return false
    end
    if n.k == "function" and n ~= tree then
      return false -- defined here, not run here
    end
    if n.k == "call" or n.k == "method" then
      local name = native.step_name(n)
      if name then
        found = { name = name, line = n.line, col = n.col }
        return false
      end
      local var = n.k == "call" and n.fn.k == "name" and n.fn.var
      local inner = var and (var.fn or (var.value and var.value.k == "function" and var.value))
      if inner then
        local deep = native.step_inside(inner.body, seen)
        if deep then
          found = { name = deep.name, line = n.line, col = n.col }
          return false
        end
      end
      -- A function given to pcall, parallel, each runs.
      for _, arg in ipairs(n.args) do
        if arg.k == "function" and n.k == "call" then
          found = found or native.step_inside(arg.body, seen)
        end
      end
    end
    return nil
  end)
  return found
end

-- The named item of a table constructor.
function native.item(t, name)
  for _, item in ipairs(t and t.k == "table" and t.items or {}) do
    if item.name == name then
      return item.value, item
    end
  end
  return nil
end

-- name -> item for a table whose names are all plain; open = true when there are others.
function native.items(t)
  local named, open = {}, false
  for _, item in ipairs(t.items) do
    if item.name then
      named[item.name] = item
    elseif item.key and item.key.k == "string" then
      named[item.key.value] = item
    else
      open = true
    end
  end
  return named, open
end

-- The fields an ask offers: name -> { options = { text = true } or nil, list }; nil = don't know.
function native.form_of(ask)
  local fields = native.item(ask.args[1], "fields")
  if not ask.args[1] or ask.args[1].k ~= "table" then
    return nil
  end
  local form = { by = {}, at = {} }
  if not fields then
    return form
  end
  if fields.k ~= "table" then
    return nil
  end
  local named, open = native.items(fields)
  if open then
    return nil
  end
  for name, item in pairs(named) do
    local made = native.called(item.value)
    local field = { kind = made }
    if (made == "choice" or made == "choice.optional") and item.value.args[1] and
        item.value.args[1].k == "table" then
      field.options, field.list = {}, {}
      for _, option in ipairs(item.value.args[1].items) do
        if option.name then
          if option.name == "options" then
            field.options = nil
            break
          end
        elseif option.value.k == "string" then
          field.options[option.value.value] = true
          field.list[#field.list + 1] = option.value.value
        else
          field.options = nil
          break
        end
      end
    end
    form[name] = field
  end
  return form
end
