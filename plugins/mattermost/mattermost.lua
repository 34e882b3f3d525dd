-- mattermost.lua - posts with our key as a property, by which the probe finds them.
-- Source: Mattermost API v4, posts and channels.
local function ask(method, path, ctx, json, accept)
  return http { method = method, url = ctx.settings.url .. "/api/v4" .. path, json = json, accept = accept,
    headers = { Authorization = bearer(ctx.settings.token) } }
end

local function channel_of(args, ctx)
  return args.channel or ctx.settings.channel
end

return connector {
  post = {
    request = function(args, ctx)
      if not args.text or not channel_of(args, ctx) then
        return fail("bad_request", "a post needs text and channel")
      end
      return ask("POST", "/posts", ctx, { channel_id = channel_of(args, ctx), message = shorten(args.text, 16000),
        props = { tocsin_key = ctx.key } })
    end,
    response = function(reply)
      return { id = reply.json and reply.json.id }
    end,
  },
  probe_post = {
    request = function(args, ctx)
      return ask("GET", "/channels/" .. urlencode(channel_of(args, ctx)) .. "/posts?per_page=200", ctx)
    end,
    response = function(reply, _, ctx)
      local n = 0
      for id, post in sorted(reply.json and reply.json.posts or {}) do
        n = n + 1
        if post.props and post.props.tocsin_key == ctx.key then
          return { id = id }
        end
      end
      if n >= 200 then
        return not_known("too_many", "not among the latest 200 posts")
      end
      return fail("not_posted", "the channel has no such post")
    end,
  },
  remove = {
    -- As an undo it gets what post answered.
    request = function(args, ctx)
      if not args.id then
        return fail("bad_request", "which post? { id }")
      end
      return ask("DELETE", "/posts/" .. urlencode(args.id), ctx, nil, { 404 })
    end,
    response = function(reply)
      return { removed = reply.status ~= 404 }
    end,
  },
}
