local settings = { url = "https://hive.example", key = "secret:hive" }
return {
  { name = "looks, then makes it", action = "push", settings = settings, args = { title = "Scan", description = "From there", severity = "high",
      tlp = "RED", tags = { "edge" }, indicators = { "203.0.113.7", "bad.example" } },
    requests = { { method = "POST", url = "https://hive.example/api/v1/query", json = { query = { { _name = "listAlert" },
        { _name = "filter", _and = { { _value = "tocsin" }, { _field = "sourceRef", _value = "PSIRT-2026-0001" } } } } } },
      { method = "POST", url = "https://hive.example/api/v1/alert", json = { type = "psirt", source = "tocsin", sourceRef = "PSIRT-2026-0001",
        severity = 3, tlp = 4, observables = { { dataType = "ip", data = "203.0.113.7" }, { dataType = "domain" } } } } },
    replies = { { json = {} }, { status = 201, json = { _id = "~1", status = "New" } } }, result = { id = "~1", status = "New" } },
  { name = "is there already", action = "push", args = { title = "x", description = "y" }, settings = settings, requests = { {} },
    replies = { { json = { { _id = "~1", status = "Imported", caseId = "~7" } } } }, result = { id = "~1", existed = true, case = "~7" } },
  { name = "status back", action = "status", args = { id = "~1" }, settings = settings,
    requests = { { method = "GET", url = "https://hive.example/api/v1/alert/~1" } }, replies = { { json = { _id = "~1", status = "New" } } },
    result = { status = "New" } },
  { name = "half an alert", action = "push", args = { title = "x" }, settings = settings, requests = {}, error = { code = "bad_request" } },
}
