local settings = { url = "https://misp.example", key = "secret:misp" }
local event = { Event = { id = "12", uuid = "u", published = false } }
return {
  { name = "looks, then makes it", action = "push", settings = settings, args = { info = "Scan", severity = "high", tlp = "AMBER",
      indicators = { "203.0.113.7", "https://bad.example/x", "bad.example", "CVE-2026-1234", ("a"):rep(64), "odd thing" } },
    requests = { { method = "GET", headers = { Authorization = { ["$secret"] = "secret:misp" }, Accept = "application/json" } },
      { method = "POST", url = "https://misp.example/events/add", json = { Event = { info = "Scan", threat_level_id = "1",
        distribution = "0", published = false, Tag = { { name = "tlp:amber" } }, Attribute = {
          { type = "ip-dst", value = "203.0.113.7", to_ids = true }, { type = "url" }, { type = "domain" },
          { type = "vulnerability", to_ids = false }, { type = "sha256" }, { type = "text", to_ids = false } } } } } },
    replies = { { status = 404, json = {} }, { status = 200, json = event } }, result = { id = "12" } },
  { name = "is there already", action = "push", args = { info = "x", indicators = {} }, settings = settings, requests = { {} },
    replies = { { status = 200, json = event } }, result = { existed = true } },
  { name = "nothing to share", action = "push", settings = settings, requests = {}, error = { code = "bad_request" } },
  { name = "none", action = "find", settings = settings, replies = { { status = 404 } }, result = { found = false } },
}
