-- edr_http.lua - isolates hosts. Two encodings: the product's own REST calls, whose paths and members are settings, or
-- OpenC2 commands (Language 1.0 with HTTPS transfer 1.0: contain and allow of a device). The step's key is in our mark on the
-- isolation, so a lost answer is looked up, and what somebody else isolated stays theirs.
local MARK = "tocsin "

local function set(ctx, name, otherwise)
  return ctx.settings[name] or otherwise
end

local function at(value, path)
  for name in path:gmatch("[^.]+") do
    value = type(value) == "table" and value[name] or nil
  end
  return value
end

local function is_openc2(ctx)
  return ctx.settings.encoding == "openc2"
end

local function bad(args, ctx)
  local encoding = set(ctx, "encoding", "rest")
  if encoding ~= "rest" and encoding ~= "openc2" then
    return fail("settings", "encoding is rest or openc2")
  end
  if type(args.host) ~= "string" or args.host == "" then
    return fail("bad_request", "host is the name of a host")
  end
end

local function protected(args, ctx)
  for _, name in ipairs(ctx.settings.protect or {}) do
    if name:lower() == args.host:lower() then
      return fail("protected", args.host .. " is protected")
    end
  end
end

local function rest(method, path, values, ctx, json, accept)
  path = path:gsub("{(%w+)}", function(name)
    return urlencode(tostring(values[name]))
  end)
  return http { method = method, url = ctx.settings.url .. path, json = json, accept = accept,
    headers = { Authorization = bearer(ctx.settings.token), Accept = "application/json" } }
end

local function look(args, ctx)
  return rest("GET", set(ctx, "find", "/hosts/{host}"), args, ctx, nil, { 404 })
end

local function state_of(reply, args, ctx)
  if reply.status == 404 then
    return nil, fail("no_host", "the EDR knows no host " .. args.host)
  end
  local id, state = at(reply.json, set(ctx, "id_at", "id")), at(reply.json, set(ctx, "state_at", "isolation.state"))
  if id == nil then
    return nil, fail("no_host", "the answer about " .. args.host .. " has no " .. set(ctx, "id_at", "id"))
  end
  local found = { host = args.host, id = id, state = state, isolated = false }
  for _, name in ipairs(set(ctx, "isolated", { "isolated", "isolating" })) do
    found.isolated = found.isolated or state == name
  end
  local comment = at(reply.json, set(ctx, "comment_at", "isolation.comment"))
  found.by = type(comment) == "string" and comment or nil
  found.ours = found.isolated and found.by ~= nil and found.by:sub(1, #MARK) == MARK
  return found
end

-- One command for one device; the key is the command's id and the request's.
local function openc2(action, args, ctx)
  return http { method = "POST", url = ctx.settings.url, body = json.encode { action = action,
      target = { device = { hostname = args.host } }, command_id = ctx.key,
      args = { response_requested = "complete", comment = args.reason and shorten(args.reason, 500) or nil } },
    headers = { Authorization = bearer(ctx.settings.token), ["X-Request-ID"] = ctx.key,
      ["Content-Type"] = "application/openc2-cmd+json;version=1.0", Accept = "application/openc2-rsp+json;version=1.0" } }
end

-- A consumer says how it went in the message, whatever the status of HTTP.
local function openc2_result(reply, args)
  local said = reply.json or {}
  local text = "the consumer says: " .. tostring(said.status) .. (said.status_text and " " .. said.status_text or "")
  if said.status == 200 or said.status == 201 then
    return { host = args.host, isolated = nil, results = said.results }
  elseif said.status == 102 then
    return not_known("processing", text)
  elseif said.status == 503 then
    return try_later("unavailable", text)
  end
  return fail("refused", text)
end

local function mark(args, ctx)
  return { [set(ctx, "comment", "comment")] = MARK .. ctx.key .. (args.reason and ": " .. shorten(args.reason, 500) or "") }
end

local function judged(reply, args, ctx, go_on)
  if is_openc2(ctx) then
    return nil
  end
  local found, why = state_of(reply, args, ctx)
  return why or go_on(found)
end

-- The second stage of isolate and release: the change itself, on the host that the first one found.
local function change(verb, otherwise, extra)
  return { request = function(args, ctx)
      local id = at(ctx.replies[1].json, set(ctx, "id_at", "id"))
      return rest("POST", set(ctx, verb, otherwise), { id = id, host = args.host }, ctx, mark(args, ctx))
    end,
    response = function(_, args, ctx)
      local done_to = { host = args.host, id = at(ctx.replies[1].json, set(ctx, "id_at", "id")) }
      for name, value in sorted(extra) do
        done_to[name] = value
      end
      return done_to
    end }
end

local function first_look(args, ctx)
  return bad(args, ctx) or look(args, ctx)
end

return connector {
  plan_isolate = {
    request = function(args, ctx)
      local why = bad(args, ctx)
      if why then
        return why
      end
      if is_openc2(ctx) then
        return done { host = args.host, command = { action = "contain", target = { device = { hostname = args.host } } },
          refused = protected(args, ctx) and "it is protected" or nil }
      end
      return look(args, ctx)
    end,
    response = function(reply, args, ctx)
      return judged(reply, args, ctx, function(found)
        found.refused = protected(args, ctx) and "it is protected" or nil
        return found
      end)
    end,
  },
  isolate = {
    { request = function(args, ctx)
        local why = bad(args, ctx) or protected(args, ctx)
        if why then
          return why
        end
        return is_openc2(ctx) and openc2("contain", args, ctx) or look(args, ctx)
      end,
      response = function(reply, args, ctx)
        if is_openc2(ctx) then
          return openc2_result(reply, args)
        end
        return judged(reply, args, ctx, function(found)
          if not found.isolated then
            return nil
          end
          local mine = found.by ~= nil and found.by:find(ctx.key, 1, true) ~= nil
          return { host = args.host, id = found.id, isolated = true, already = not mine }
        end)
      end },
    change("isolate", "/hosts/{id}/isolate", { isolated = true, already = false }),
  },
  probe_isolate = {
    request = function(args, ctx)
      if is_openc2(ctx) then
        return fail("repeat", "a device that is contained twice is contained")
      end
      return first_look(args, ctx)
    end,
    response = function(reply, args, ctx)
      return judged(reply, args, ctx, function(found)
        if not found.isolated then
          return fail("not_there", args.host .. " is not isolated")
        elseif found.by and found.by:find(ctx.key, 1, true) then
          return done { host = args.host, id = found.id, isolated = true, already = false }
        end
        return not_known("another", args.host .. " is isolated, and not by this step's mark")
      end)
    end,
  },
  release = {
    { request = function(args, ctx)
        local why = bad(args, ctx)
        if why then
          return why
        end
        return is_openc2(ctx) and openc2("allow", args, ctx) or look(args, ctx)
      end,
      response = function(reply, args, ctx)
        if is_openc2(ctx) then
          return openc2_result(reply, args)
        end
        return judged(reply, args, ctx, function(found)
          if not found.isolated or not (found.ours or args.force) then
            return { host = args.host, id = found.id, isolated = found.isolated, changed = false }
          end
        end)
      end },
    change("release", "/hosts/{id}/release", { isolated = false, changed = true }),
  },
}
