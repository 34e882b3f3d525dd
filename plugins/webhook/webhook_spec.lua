local key = { ["$secret"] = "secret:k" }
local over = { ["$join"] = { "msg_6b1f0c0000000000000000000000000a", ".", "1795555200", ".", { ["$body"] = true } } }
return {
  { name = "signed by both", action = "send", args = { type = "case.changed", data = { id = "1" } },
    settings = { url = "https://r.example/in", key = "secret:k", sign_key = "secret:s" },
    requests = { { method = "POST", url = "https://r.example/in", json = { type = "case.changed", data = { id = "1" },
        timestamp = "2026-11-24T21:20:00.000Z" },
      headers = { ["webhook-id"] = "msg_6b1f0c0000000000000000000000000a", ["webhook-timestamp"] = "1795555200",
        ["webhook-signature"] = { ["$join"] = {
          "v1,", { ["$hmac_sha256"] = { key = key, over = over, base64_after = "whsec_", as = "base64" } },
          " v1a,", { ["$ed25519"] = { key = { ["$secret"] = "secret:s" }, over = over, base64_after = "whsk_" } } } } } } },
    replies = { { status = 204 } }, result = { status = 204 } },
  { name = "two keys while one is changed", action = "send", args = { type = "t" },
    settings = { url = "https://r.example/in", key = "secret:k", old_key = "secret:o" },
    requests = { { headers = { ["webhook-signature"] = { ["$join"] = { "v1,", { ["$hmac_sha256"] = { key = key } }, " v1,",
      { ["$hmac_sha256"] = { key = { ["$secret"] = "secret:o" } } } } } } } } },
  { name = "an address that is a secret", action = "send", args = { type = "t" }, settings = { url = "secret:u", key = "secret:k" },
    requests = { { url = { ["$secret"] = "secret:u" } } } },
  { name = "never unsigned", action = "send", args = { type = "t" }, settings = { url = "https://r.example" }, requests = {},
    error = { code = "no_key" } },
  { name = "the receiver has gone", action = "send", args = { type = "t" }, settings = { url = "https://r.example", key = "secret:k" },
    replies = { { status = 410 } }, error = { code = "gone" } },
}
