-- matrix.lua - the transaction id of a Matrix request is our key: the same post sent twice is one.
-- Source: Matrix Client-Server API v1.11, 10.6 sending events, 10.8 redactions.
local function room_of(args, ctx)
  return args.room or ctx.settings.room
end

local function put(path, ctx, json)
  return http { method = "PUT", url = ctx.settings.url .. "/_matrix/client/v3/rooms/" .. path .. "/" .. urlencode(ctx.key),
    headers = { Authorization = bearer(ctx.settings.token) }, json = json }
end

return connector {
  post = {
    request = function(args, ctx)
      if not args.text or not room_of(args, ctx) then
        return fail("bad_request", "a post needs text and room")
      end
      return put(urlencode(room_of(args, ctx)) .. "/send/m.room.message", ctx,
        { msgtype = "m.text", body = shorten(args.text, 40000) })
    end,
    response = function(reply, args, ctx)
      return { event_id = reply.json and reply.json.event_id, room = room_of(args, ctx) }
    end,
  },
  remove = {
    request = function(args, ctx)
      if not args.event_id or not room_of(args, ctx) then
        return fail("bad_request", "which post? { event_id, room }")
      end
      return put(urlencode(room_of(args, ctx)) .. "/redact/" .. urlencode(args.event_id), ctx,
        { reason = args.reason or "taken back" })
    end,
    response = function(reply)
      return { event_id = reply.json and reply.json.event_id }
    end,
  },
}
