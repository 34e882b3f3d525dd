-- 10_parse.lua - a playbook's text as a tree, with the place of everything: what lint looks at.
--
-- Real Lua has accepted the text before, so this reads and does not judge. Nodes are tables
-- { k = kind, line, col, ... }; a name that is a local holds its declaration in `var`.
local native = ...

local words = {}
for word in ("and break do else elseif end false for function goto if in local nil not or repeat return "
  .. "then true until while"):gmatch("%a+") do
  words[word] = true
end

-- Tokens ---------------------------------------------------------------------------------------

local escapes = { n = "\n", t = "\t", r = "\r", a = "\a", b = "\b", f = "\f", v = "\v", z = "" }
local symbols = { "...", "<<", ">>", "//", "==", "~=", "<=", ">=", "::", "..", }

local function unescape(s)
  s = s:gsub("\\(z)%s*", ""):gsub("\\x(%x%x)", function(h) return string.char(tonumber(h, 16)) end)
  return (s:gsub("\\(%d%d?%d?)", function(d) return string.char(tonumber(d) % 256) end)
    :gsub("\\(.)", function(c) return escapes[c] or c end))
end

-- All tokens: { t = "name word string number symbol eof", v, line, col, at, stop }.
local function scan(source)
  local list, at, line, line_at = {}, 1, 1, 1

  local function count_lines(from, to)
    local p = from
    while true do
      local nl = source:find("\n", p, true)
      if not nl or nl > to then
        return
      end
      line, line_at, p = line + 1, nl + 1, nl + 1
    end
  end

  local function put(t, v, stop)
    list[#list + 1] = { t = t, v = v, line = line, col = at - line_at + 1, at = at, stop = stop }
    count_lines(at, stop)
    at = stop + 1
  end

  if source:sub(1, 1) == "#" then
    at = (source:find("\n", 1, true) or #source) -- the first line of a script
  end
  while true do
    local space = source:match("^[ \t\r\n\f\v]+", at)
    if space then
      count_lines(at, at + #space - 1)
      at = at + #space
    end
    if at > #source then
      break
    end
    local c = source:sub(at, at)
    local equals = source:match("^%[(=*)%[", at)
    if source:sub(at, at + 1) == "--" then
      local long = source:match("^%-%-%[(=*)%[", at)
      local _, stop
      if long then
        _, stop = source:find("]" .. long .. "]", at, true)
      else
        stop = (source:find("\n", at, true) or #source + 1) - 1
      end
      stop = stop or #source
      count_lines(at, stop)
      at = stop + 1
    elseif equals then
      local _, stop = source:find("]" .. equals .. "]", at, true)
      put("string", source:sub(at + #equals + 2, (stop or #source) - #equals - 2), stop or #source)
    elseif c == '"' or c == "'" then
      local p = at + 1
      while p <= #source and source:sub(p, p) ~= c do
        p = p + (source:sub(p, p) == "\\" and 2 or 1)
      end
      put("string", unescape(source:sub(at + 1, p - 1)), p)
    elseif c:find("[%a_]") then
      local word = source:match("^[%w_]+", at)
      put(words[word] and "word" or "name", word, at + #word - 1)
    elseif c:find("%d") or source:find("^%.%d", at) then
      local number = source:match("^0[xX][%x%.]*[pP]?[%+%-]?%x*", at) or
        source:match("^[%d%.]+[eE][%+%-]?%d+", at) or source:match("^[%d%.]+", at)
      put("number", tonumber(number), at + #number - 1)
    else
      local symbol = c
      for _, s in ipairs(symbols) do
        if source:sub(at, at + #s - 1) == s then
          symbol = s
          break
        end
      end
      put("symbol", symbol, at + #symbol - 1)
    end
  end
  at = #source + 1
  list[#list + 1] = { t = "eof", v = "<eof>", line = line, col = at - line_at + 1, at = at, stop = at }
  return list
end

-- The tree ---------------------------------------------------------------------------------------

local binary = { -- left and right strength, as in Lua's own parser
  ["+"] = { 10, 10 }, ["-"] = { 10, 10 }, ["*"] = { 11, 11 }, ["%"] = { 11, 11 }, ["^"] = { 14, 13 },
  ["/"] = { 11, 11 }, ["//"] = { 11, 11 }, ["&"] = { 6, 6 }, ["|"] = { 4, 4 }, ["~"] = { 5, 5 },
  ["<<"] = { 7, 7 }, [">>"] = { 7, 7 }, [".."] = { 9, 8 }, ["=="] = { 3, 3 }, ["<"] = { 3, 3 },
  ["<="] = { 3, 3 }, ["~="] = { 3, 3 }, [">"] = { 3, 3 }, [">="] = { 3, 3 }, ["and"] = { 2, 2 },
  ["or"] = { 1, 1 },
}
local unary = { ["not"] = true, ["-"] = true, ["#"] = true, ["~"] = true }

function native.parse(source)
  local tokens, pos = scan(source), 1
  local token = tokens[1]
  local scope = { vars = {} }
  local declared = {} -- names of all locals
  local expression, block

  local function advance()
    local was = token
    pos = pos + 1
    token = tokens[pos] or tokens[#tokens]
    return was
  end
  local function is(v)
    return (token.t == "symbol" or token.t == "word") and token.v == v
  end
  local function accept(v)
    return is(v) and advance()
  end
  local function want(v)
    if not is(v) then
      native.raise("L209", ("lint expected `%s` at line %d, not `%s`"):format(v, token.line, tostring(token.v)))
    end
    return advance()
  end
  local function want_name()
    if token.t ~= "name" then
      native.raise("L209", ("lint expected a name at line %d, not `%s`"):format(token.line, tostring(token.v)))
    end
    return advance()
  end
  local function node(k, at)
    return { k = k, line = at.line, col = at.col, at = at.at }
  end

  local function enter()
    scope = { vars = {}, up = scope }
  end
  local function leave()
    scope = scope.up
  end
  local function declare(name_token, what)
    local var = { name = name_token.v, line = name_token.line, col = name_token.col, what = what, uses = 0 }
    scope.vars[name_token.v] = var
    declared[var.name] = true
    return var
  end
  local function resolve(name)
    local s = scope
    while s do
      if s.vars[name] then
        return s.vars[name]
      end
      s = s.up
    end
    return nil
  end

  local function list_of(read)
    local list = { read() }
    while accept(",") do
      list[#list + 1] = read()
    end
    return list
  end

  local function body(at, with_self)
    local f = node("function", at)
    enter()
    scope.fn = f
    f.params = {}
    if with_self then
      f.params[1] = declare({ v = "self", line = at.line, col = at.col }, "param")
    end
    want "("
    while not is(")") do
      if accept("...") then
        f.vararg = true
      else
        f.params[#f.params + 1] = declare(want_name(), "param")
      end
      if not accept(",") then
        break
      end
    end
    want ")"
    f.body = block()
    f.stop = token
    want "end"
    leave()
    return f
  end

  local function table_of()
    local t = node("table", token)
    t.items = {}
    want "{"
    while not is("}") do
      local item = { line = token.line, col = token.col }
      local after = tokens[pos + 1]
      if token.t == "name" and after.t == "symbol" and after.v == "=" then
        item.name = advance().v
        advance()
        item.value = expression()
      elseif accept("[") then
        item.key = expression()
        want "]"
        want "="
        item.value = expression()
      else
        item.value = expression()
      end
      t.items[#t.items + 1] = item
      if not (accept(",") or accept(";")) then
        break
      end
    end
    t.stop = token
    want "}"
    return t
  end

  local function arguments()
    if token.t == "string" then
      local s = node("string", token)
      s.value = advance().v
      return { s }
    end
    if is("{") then
      return { table_of() }
    end
    want "("
    local list = {}
    if not is(")") then
      list = list_of(expression)
    end
    want ")"
    return list
  end

  local function suffixed()
    local e
    local first = token
    if accept("(") then
      e = node("paren", first)
      e.e = expression()
      want ")"
    else
      e = node("name", token)
      e.name = want_name().v
      e.var = resolve(e.name)
      if e.var then
        e.var.uses = e.var.uses + 1
      end
    end
    while true do
      if accept(".") then
        local key = node("string", token)
        key.value = want_name().v
        e = { k = "index", line = first.line, col = first.col, at = first.at, obj = e, key = key, dot = true }
      elseif accept("[") then
        e = { k = "index", line = first.line, col = first.col, at = first.at, obj = e, key = expression() }
        want "]"
      elseif accept(":") then
        local name = want_name()
        e = { k = "method", line = first.line, col = first.col, at = first.at, obj = e, name = name.v,
          nline = name.line, ncol = name.col, args = arguments() }
      elseif is("(") or is("{") or token.t == "string" then
        e = { k = "call", line = first.line, col = first.col, at = first.at, fn = e, args = arguments() }
      else
        return e
      end
      e.stop = tokens[pos - 1]
    end
  end

  local function simple()
    local at = token
    if token.t == "number" or token.t == "string" then
      local e = node(token.t, at)
      e.value = advance().v
      return e
    end
    for _, word in ipairs { "nil", "true", "false" } do
      if accept(word) then
        return node(word, at)
      end
    end
    if accept("...") then
      return node("vararg", at)
    end
    if is("{") then
      return table_of()
    end
    if accept("function") then
      return body(at)
    end
    return suffixed()
  end

  local function sub(limit)
    local at, left = token
    if (token.t == "symbol" or token.t == "word") and unary[token.v] then
      left = node("unop", at)
      left.op = advance().v
      left.e = sub(12)
    else
      left = simple()
    end
    while true do
      local strength = (token.t == "symbol" or token.t == "word") and binary[token.v]
      if not strength or strength[1] <= limit then
        return left
      end
      local e = { k = "binop", line = left.line, col = left.col, at = left.at, opline = token.line,
        opcol = token.col, op = advance().v, l = left }
      e.r = sub(strength[2])
      left = e
    end
  end

  function expression()
    return sub(0)
  end

  local function scoped_block()
    enter()
    local b = block()
    leave()
    return b
  end

  local function if_of(at)
    local s = node("if", at)
    s.clauses = {}
    repeat
      local clause = { line = token.line, col = token.col, cond = expression() }
      want "then"
      clause.body = scoped_block()
      s.clauses[#s.clauses + 1] = clause
    until not accept("elseif")
    if accept("else") then
      s.orelse = scoped_block()
    end
    want "end"
    return s
  end

  local function for_of(at)
    local names = list_of(want_name)
    local s
    if accept("=") then
      s = node("fornum", at)
      s.exprs = list_of(expression)
    else
      want "in"
      s = node("forin", at)
      s.exprs = list_of(expression)
    end
    want "do"
    enter()
    s.vars = {}
    for i, name in ipairs(names) do
      s.vars[i] = declare(name, "loop")
    end
    s.body = block()
    leave()
    want "end"
    return s
  end

  local function local_of(at)
    local s = node("local", at)
    if accept("function") then
      s.k = "localfunction"
      s.var = declare(want_name(), "function")
      s.fn = body(at)
      s.var.fn = s.fn
      return s
    end
    local names = list_of(function()
      local name = want_name()
      if accept("<") then
        want_name()
        want ">"
      end
      return name
    end)
    s.values = {}
    if accept("=") then
      s.values = list_of(expression)
    end
    s.vars = {}
    for i, name in ipairs(names) do
      s.vars[i] = declare(name, "local")
      s.vars[i].value = s.values[i]
      s.vars[i].from, s.vars[i].nth = s, i
    end
    return s
  end

  local function function_of(at)
    local s = node("assign", at)
    local target = node("name", token)
    target.name = want_name().v
    target.var = resolve(target.name)
    local with_self = false
    while is(".") or is(":") do
      with_self = advance().v == ":"
      local key = node("string", token)
      key.value = want_name().v
      target = { k = "index", line = target.line, col = target.col, at = target.at, obj = target, key = key,
        dot = true }
    end
    s.targets, s.values = { target }, { body(at, with_self) }
    return s
  end

  local function statement()
    local at = token
    if accept("if") then
      return if_of(at)
    elseif accept("while") then
      local s = node("while", at)
      s.cond = expression()
      want "do"
      s.body = scoped_block()
      want "end"
      return s
    elseif accept("do") then
      local s = node("do", at)
      s.body = scoped_block()
      want "end"
      return s
    elseif accept("for") then
      return for_of(at)
    elseif accept("repeat") then
      local s = node("repeat", at)
      enter()
      s.body = block()
      want "until"
      s.cond = expression()
      leave()
      return s
    elseif accept("function") then
      return function_of(at)
    elseif accept("local") then
      return local_of(at)
    elseif accept("return") then
      local s = node("return", at)
      s.values = {}
      if not (is("end") or is("else") or is("elseif") or is("until") or is(";") or token.t == "eof") then
        s.values = list_of(expression)
      end
      accept(";")
      return s
    elseif accept("break") then
      return node("break", at)
    elseif accept("goto") then
      want_name()
      return node("goto", at)
    elseif accept("::") then
      want_name()
      want "::"
      return node("label", at)
    end
    local e = suffixed()
    if is("=") or is(",") then
      local s = node("assign", at)
      s.targets = { e }
      while accept(",") do
        s.targets[#s.targets + 1] = suffixed()
      end
      want "="
      s.values = list_of(expression)
      for i, target in ipairs(s.targets) do
        if target.k == "name" and target.var then
          target.var.uses = target.var.uses - 1
          target.var.assigned = s.values[i] or true
        end
      end
      return s
    end
    local s = node("callstat", at)
    s.call = e
    return s
  end

  function block()
    local list = {}
    while not (is("end") or is("else") or is("elseif") or is("until") or token.t == "eof") do
      if not accept(";") then
        list[#list + 1] = statement()
      end
    end
    return list
  end

  local tree = { k = "chunk", line = 1, col = 1, body = block(), names = declared }
  if token.t ~= "eof" then
    native.raise("L209", ("lint stopped at line %d, before `%s`"):format(token.line, tostring(token.v)))
  end
  return tree
end

-- Calls fn(node, parent) for every expression and statement under `tree`, parents first. fn returning
-- false keeps the walk out of that node.
function native.walk_tree(tree, fn)
  local visit

  local function all(list, parent)
    for _, n in ipairs(list or {}) do
      visit(n, parent)
    end
  end

  function visit(n, parent)
    if not n or fn(n, parent) == false then
      return
    end
    all(n.exprs, n)
    all(n.values, n)
    all(n.targets, n)
    for _, clause in ipairs(n.clauses or {}) do
      visit(clause.cond, n)
      all(clause.body, n)
    end
    visit(n.cond, n)
    visit(n.fn, n)
    visit(n.obj, n)
    visit(n.key, n)
    all(n.args, n)
    for _, item in ipairs(n.items or {}) do
      visit(item.key, n)
      visit(item.value, n)
    end
    visit(n.e, n)
    visit(n.l, n)
    visit(n.r, n)
    visit(n.call, n)
    all(n.body, n)
    all(n.orelse, n)
  end

  all(tree.body, tree)
end
