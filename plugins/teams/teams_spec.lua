local settings = { webhook = "secret:teams" }
return {
  { name = "a card with title, facts and a link", action = "post", settings = settings,
    args = { title = "Case", text = "Look", facts = { severity = "high" }, link = "https://t.example/1" },
    requests = { { method = "POST", url = { ["$secret"] = "secret:teams" }, json = { type = "message", attachments = { {
      contentType = "application/vnd.microsoft.card.adaptive", content = { type = "AdaptiveCard", version = "1.4",
        body = { { text = "Case", weight = "Bolder" }, { text = "Look" },
          { type = "FactSet", facts = { { title = "severity", value = "high" } } } },
        actions = { { type = "Action.OpenUrl", url = "https://t.example/1" } } } } } } } },
    replies = { { status = 202 } }, result = { status = 202 } },
  { name = "no text", action = "post", settings = settings, requests = {}, error = { code = "bad_request" } },
}
