-- teams.lua - an Adaptive Card to a workflow's address, which is itself the secret. Workflows know no key for
-- repeats and cannot be asked, so a lost answer is for a person.
-- Source: Microsoft Learn, "Create incoming webhooks with Workflows"; Adaptive Cards 1.4.
local function block(text, more)
  local b = { type = "TextBlock", wrap = true, text = shorten(text, 5000) }
  for key, value in pairs(more or {}) do
    b[key] = value
  end
  return b
end

return connector {
  post = {
    request = function(args, ctx)
      if not args.text then
        return fail("bad_request", "a post needs text")
      end
      local body = {}
      if args.title then
        body[1] = block(args.title, { weight = "Bolder", size = "Medium" })
      end
      body[#body + 1] = block(args.text)
      if args.facts then
        local facts = {}
        for name, value in sorted(args.facts) do
          facts[#facts + 1] = { title = name, value = tostring(value) }
        end
        body[#body + 1] = { type = "FactSet", facts = facts }
      end
      local card = { ["type"] = "AdaptiveCard", version = "1.4", body = body }
      if args.link then
        card.actions = { { type = "Action.OpenUrl", title = "Open", url = args.link } }
      end
      return http { method = "POST", url = ctx.settings.webhook,
        json = { type = "message", attachments = { { contentType = "application/vnd.microsoft.card.adaptive",
          content = card } } } }
    end,
    response = function(reply)
      return { status = reply.status }
    end,
  },
}
