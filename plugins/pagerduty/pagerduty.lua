-- pagerduty.lua - one incident for each dedup_key, whatever is sent how often: by default one for each case.
-- Source: developer.pagerduty.com, Events API v2 (send an event); 202 accepted, 400 invalid, 429 too many.
local severities = { critical = "critical", high = "error", medium = "warning", low = "info", error = "error",
  warning = "warning", info = "info" }

local function dedup_of(args, ctx)
  return shorten(args.dedup_key or ("tocsin/" .. (ctx.case or ctx.key)), 255)
end

local function event(action, payload)
  return {
    request = function(args, ctx)
      local json = { routing_key = ctx.settings.routing_key, event_action = action, dedup_key = dedup_of(args, ctx) }
      if payload then
        if not args.summary then
          return fail("bad_request", "a page needs a summary")
        end
        if args.severity and not severities[args.severity] then
          return fail("bad_request", "severity is one of critical, high, medium, low")
        end
        json.payload = { summary = shorten(args.summary, 1024), source = ctx.settings.source or "tocsin",
          severity = severities[args.severity or "high"], custom_details = args.details }
        json.links = args.link and { { href = args.link, text = "Open" } } or nil
        json.client = "tocsin"
      end
      return http { method = "POST", url = (ctx.settings.url or "https://events.pagerduty.com") .. "/v2/enqueue", json = json,
        accept = { 400 } }
    end,
    response = function(reply)
      local said = reply.json or {}
      if reply.status == 400 then
        return fail("invalid_event", (said.message or "invalid event") .. ": " .. table.concat(said.errors or {}, "; "))
      end
      return { dedup_key = said.dedup_key, status = said.status }
    end,
  }
end

return connector { trigger = event("trigger", true), acknowledge = event("acknowledge"), resolve = event("resolve") }
