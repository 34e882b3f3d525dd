-- slack.lua - chat.postMessage. Slack has no key of its own for repeats, so each message carries ours as
-- metadata, and the probe looks for it among the latest messages of the channel.
-- Source: docs.slack.dev, methods chat.postMessage and conversations.history.
local function api_of(ctx)
  return ctx.settings.url or "https://slack.com/api"
end

local function channel_of(args, ctx)
  return args.channel or ctx.settings.channel
end

-- Slack answers 200 and says in the body whether it did it.
local function refused(reply)
  local why = reply.json and reply.json.error or "no answer that can be read"
  if one_of(why, "ratelimited", "rate_limited", "service_unavailable") then
    return try_later(why, "Slack says: " .. why)
  end
  if one_of(why, "internal_error", "fatal_error") then
    return not_known(why, "Slack says: " .. why)
  end
  return fail(why, "Slack says: " .. why)
end

return connector {
  post = {
    request = function(args, ctx)
      local channel = channel_of(args, ctx)
      if not channel or not args.text then
        return fail("bad_request", "a post needs text and channel")
      end
      return http { method = "POST", url = api_of(ctx) .. "/chat.postMessage",
        headers = { Authorization = bearer(ctx.settings.token) },
        json = { channel = channel, text = shorten(args.text, 40000), unfurl_links = false, unfurl_media = false,
          metadata = { event_type = "tocsin", event_payload = { key = ctx.key } } } }
    end,
    response = function(reply)
      if reply.json and reply.json.ok then
        return { ts = reply.json.ts, channel = reply.json.channel }
      end
      return refused(reply)
    end,
  },

  probe_post = {
    request = function(args, ctx)
      return http { method = "GET", url = api_of(ctx) .. "/conversations.history?limit=200&include_all_metadata=true&channel="
        .. urlencode(channel_of(args, ctx)), headers = { Authorization = bearer(ctx.settings.token) } }
    end,
    response = function(reply, _, ctx)
      if not (reply.json and reply.json.ok) then
        return not_known("no_history", "the channel's history cannot be read")
      end
      for _, message in ipairs(reply.json.messages) do
        local payload = message.metadata and message.metadata.event_payload
        if payload and payload.key == ctx.key then
          return { ts = message.ts, channel = reply.json.channel }
        end
      end
      if reply.json.has_more then
        return not_known("too_many", "not among the latest 200 messages")
      end
      return fail("not_posted", "the channel has no such message")
    end,
  },
}
