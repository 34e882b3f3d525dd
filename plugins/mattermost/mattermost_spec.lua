local settings = { url = "https://mm.example", token = "secret:mm", channel = "c1" }
local auth = { Authorization = { ["$join"] = { "Bearer ", { ["$secret"] = "secret:mm" } } } }
return {
  { name = "posts", action = "post", args = { text = "hi" }, settings = settings,
    requests = { { method = "POST", url = "https://mm.example/api/v4/posts", headers = auth,
      json = { channel_id = "c1", message = "hi", props = { tocsin_key = "6b1f0c0000000000000000000000000a" } } } },
    replies = { { status = 201, json = { id = "p1" } } }, result = { id = "p1" } },
  { name = "no text", action = "post", settings = settings, requests = {}, error = { code = "bad_request" } },
  { name = "the probe finds it", action = "probe_post", settings = settings,
    requests = { { method = "GET", url = "https://mm.example/api/v4/channels/c1/posts?per_page=200" } },
    replies = { { json = { posts = { a = { props = {} }, b = { props = {
      tocsin_key = "6b1f0c0000000000000000000000000a" } } } } } }, result = { id = "b" } },
  { name = "the probe does not", action = "probe_post", settings = settings, replies = { { json = { posts = {} } } },
    error = { code = "not_posted" } },
  { name = "taken back", action = "remove", args = { id = "p1" }, settings = settings,
    requests = { { method = "DELETE", url = "https://mm.example/api/v4/posts/p1" } },
    replies = { { status = 200 } }, result = { removed = true } },
  { name = "gone already", action = "remove", args = { id = "p1" }, settings = settings,
    replies = { { status = 404 } }, result = { removed = false } },
}
