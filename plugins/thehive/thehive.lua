-- thehive.lua - type, source and sourceRef of an alert are unique in TheHive, and sourceRef is our key: it is
-- looked for before it is made.
-- Source: TheHive 5 API, POST /api/v1/query, POST /api/v1/alert, GET /api/v1/alert/{id}.
local severities = { low = 1, medium = 2, high = 3, critical = 4 }
local tlps = { clear = 0, white = 0, green = 1, amber = 2, ["amber+strict"] = 3, red = 4 }

local function ask(method, path, ctx, json)
  return http { method = method, url = ctx.settings.url .. "/api/v1" .. path, json = json,
    headers = { Authorization = bearer(ctx.settings.key), ["X-Organisation"] = ctx.settings.organisation } }
end

local function ref_of(args, ctx)
  return shorten(args.key or ctx.case or ctx.key, 128)
end

local function alert_of(alert, existed)
  return { id = alert._id, number = alert.number, status = alert.status, stage = alert.stage, case = alert.caseId, existed = existed }
end

local function kind_of(value)
  if value:find("^%d+%.%d+%.%d+%.%d+$") or (value:find(":", 1, true) and value:find("^[%x:]+$")) then
    return "ip"
  elseif value:find("^https?://") then
    return "url"
  elseif value:find("^%x+$") and one_of(#value, 32, 40, 64, 128) then
    return "hash"
  elseif value:find("^[%w%-_.]+@[%w%-.]+$") then
    return "mail"
  elseif value:find("^[%w%-]+%.[%w%-.]+$") then
    return "domain"
  end
  return "other"
end

return connector {
  push = {
    { request = function(args, ctx)
        if not args.title or not args.description then
          return fail("bad_request", "an alert needs title and description")
        end
        return ask("POST", "/query", ctx, { query = { { _name = "listAlert" },
          { _name = "filter", _and = { { _field = "source", _value = "tocsin" }, { _field = "sourceRef", _value = ref_of(args, ctx) } } },
          { _name = "page", from = 0, to = 1 } } })
      end,
      response = function(reply)
        local alerts = reply.json or {}
        return alerts[1] and alert_of(alerts[1], true) or nil
      end },
    { request = function(args, ctx)
        local observables = {}
        for i, value in ipairs(args.indicators or {}) do
          observables[i] = { dataType = kind_of(value), data = value }
        end
        return ask("POST", "/alert", ctx, { type = "psirt", source = "tocsin", sourceRef = ref_of(args, ctx),
          title = shorten(args.title, 512), description = shorten(args.description, 100000), severity = severities[args.severity] or 2,
          tlp = tlps[(args.tlp or "amber"):lower()] or 2, tags = args.tags or json.list {}, observables = json.list(observables) })
      end,
      response = function(reply)
        return alert_of(reply.json)
      end },
  },
  status = {
    request = function(args, ctx)
      if not args.id then
        return fail("bad_request", "which alert? { id }")
      end
      return ask("GET", "/alert/" .. urlencode(args.id), ctx)
    end,
    response = function(reply)
      return alert_of(reply.json)
    end,
  },
}
