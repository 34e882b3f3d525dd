-- webhook.lua - webhook-id, webhook-timestamp and webhook-signature over "id.timestamp.body". The id is the step's
-- key, so a receiver that keeps ids takes a repeat once; the timestamp is that of the try.
-- Source: Standard Webhooks 1.0 (v1: HMAC-SHA256, v1a: Ed25519).
return connector {
  send = {
    request = function(args, ctx)
      local s = ctx.settings
      if not args.type then
        return fail("bad_request", "an event needs a type, such as case.changed")
      end
      if not s.key and not s.sign_key then
        return fail("no_key", "the settings need key, sign_key or both: unsigned webhooks are not sent")
      end
      local id = "msg_" .. ctx.key
      local at = timestamp(ctx.now * 1000)
      local over = joined { id, ".", ctx.now, ".", body }
      local signatures = {}
      local function add(version, signature)
        signatures[#signatures + 1] = (#signatures > 0 and " " or "") .. version .. ","
        signatures[#signatures + 1] = signature
      end
      if s.key then
        add("v1", hmac { key = s.key, over = over, base64_after = "whsec_", as = "base64" })
      end
      if s.old_key then
        add("v1", hmac { key = s.old_key, over = over, base64_after = "whsec_", as = "base64" })
      end
      if s.sign_key then
        add("v1a", ed25519 { key = s.sign_key, over = over, base64_after = "whsk_" })
      end
      return http { method = "POST", url = s.url,
        headers = { ["webhook-id"] = id, ["webhook-timestamp"] = tostring(ctx.now), ["webhook-signature"] = joined(signatures) },
        json = { type = args.type, timestamp = at, data = args.data or {} }, accept = { 410 } }
    end,
    response = function(reply, _, ctx)
      if reply.status == 410 then
        return fail("gone", "the receiver wants no more webhooks")
      end
      return { id = "msg_" .. ctx.key, status = reply.status }
    end,
  },
}
