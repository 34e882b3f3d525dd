-- misp.lua - the event's UUID is made from our key, so the same push is the same event. It is not published:
-- that is for people of MISP.
-- Source: MISP OpenAPI 2.4/2.5, events; MISP core format, types and categories.
local levels = { critical = "1", high = "1", medium = "2", low = "3" }

local function ask(method, path, ctx, json, accept)
  return http { method = method, url = ctx.settings.url .. path, json = json, accept = accept,
    headers = { Authorization = ctx.settings.key, Accept = "application/json" } }
end

-- 32 hexadecimal digits made of any text: four rounds of a small hash, enough to tell our own keys apart.
local function digits(text)
  local out = {}
  for round = 1, 8 do
    local h = 2166136261 + round * 374761393
    for i = 1, #text do
      h = ((h ~ text:byte(i)) * 16777619) % 4294967296
    end
    out[round] = ("%04x"):format((h ~ (h >> 16)) % 65536)
  end
  return table.concat(out)
end

-- A UUID of version 8 (RFC 9562 5.8: made by our own rule).
local function uuid_of(args, ctx)
  local d = digits(args.key or ctx.case or ctx.key)
  return ("%s-%s-8%s-8%s-%s"):format(d:sub(1, 8), d:sub(9, 12), d:sub(13, 15), d:sub(16, 18), d:sub(19, 30))
end

local function kind_of(value)
  if value:find("^%d+%.%d+%.%d+%.%d+$") or (value:find(":", 1, true) and value:find("^[%x:]+$")) then
    return "ip-dst", "Network activity"
  elseif value:find("^%d+%.%d+%.%d+%.%d+/%d+$") then
    return "ip-dst", "Network activity"
  elseif value:find("^https?://") then
    return "url", "Network activity"
  elseif value:find("^%x+$") and one_of(#value, 32, 40, 64) then
    return ({ [32] = "md5", [40] = "sha1", [64] = "sha256" })[#value], "Payload delivery"
  elseif value:find("^[%w%-_.]+@[%w%-.]+$") then
    return "email-src", "Payload delivery"
  elseif value:upper():find("^CVE%-%d+%-%d+$") then
    return "vulnerability", "External analysis"
  elseif value:find("^[%w%-]+%.[%w%-.]+$") then
    return "domain", "Network activity"
  end
  return "text", "Other"
end

local function event_of(reply, existed)
  local event = reply.json and reply.json.Event
  return event and { id = event.id, uuid = event.uuid, published = event.published, existed = existed }
end

return connector {
  push = {
    { request = function(args, ctx)
        if not args.info or not args.indicators then
          return fail("bad_request", "an event needs info and indicators")
        end
        return ask("GET", "/events/view/" .. uuid_of(args, ctx), ctx, nil, { 404 })
      end,
      response = function(reply)
        return reply.status ~= 404 and event_of(reply, true) or nil
      end },
    { request = function(args, ctx)
        local attributes = {}
        for i, value in ipairs(args.indicators) do
          local kind, category = kind_of(value)
          attributes[i] = { type = kind, category = category, value = value, to_ids = not one_of(kind, "text", "vulnerability") }
        end
        local tags = args.tlp and { { name = "tlp:" .. args.tlp:lower() } } or nil
        return ask("POST", "/events/add", ctx, { Event = { uuid = uuid_of(args, ctx), info = shorten(args.info, 1000),
          distribution = tostring(ctx.settings.distribution or 0), threat_level_id = levels[args.severity] or "4", analysis = "1",
          published = false, Attribute = attributes, Tag = tags } })
      end,
      response = function(reply)
        return event_of(reply) or fail("refused", "MISP gave no event back")
      end },
  },
  find = {
    request = function(args, ctx)
      return ask("GET", "/events/view/" .. uuid_of(args, ctx), ctx, nil, { 404 })
    end,
    response = function(reply)
      return reply.status ~= 404 and event_of(reply) or { found = false }
    end,
  },
}
