local settings = { url = "https://m.example", token = "secret:m", room = "!r:m.example" }
return {
  { name = "the key is the transaction", action = "post", args = { text = "hi" }, settings = settings,
    requests = { { method = "PUT",
      url = "https://m.example/_matrix/client/v3/rooms/%21r%3Am.example/send/m.room.message/6b1f0c0000000000000000000000000a",
      headers = { Authorization = { ["$join"] = { "Bearer ", { ["$secret"] = "secret:m" } } } },
      json = { msgtype = "m.text", body = "hi" } } },
    replies = { { json = { event_id = "$e" } } }, result = { event_id = "$e", room = "!r:m.example" } },
  { name = "no room", action = "post", args = { text = "x" }, settings = { url = "https://m.example", token = "secret:m" },
    requests = {}, error = { code = "bad_request" } },
  { name = "taken back", action = "remove", args = { event_id = "$e", room = "!r:m.example" }, settings = settings,
    requests = { { url = "https://m.example/_matrix/client/v3/rooms/%21r%3Am.example/redact/%24e/6b1f0c0000000000000000000000000a" } },
    replies = { { json = { event_id = "$f" } } }, result = { event_id = "$f" } },
}
