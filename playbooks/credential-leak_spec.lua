-- tocsin playbook test credential-leak --crash-each-step
describe("credential leak", function()
  local function start()
    local report = fixture "reports/weakness-a"
    return sim.start("credential-leak", { event = { report = report,
      inputs = { where = "a public repository", what = "the build cache, read only" } },
      case = { kind = "incident", title = "A token is out", facts = { report = report } } })
  end
  local function real(s)
    s:answer("look", { real = true, owner = "build team", breaks = "nightly builds" }, "resp1")
  end
  local function cleaned(s, revoked, used)
    s:answer("cleaned", { revoked = revoked, removed = true, used = used }, "resp1")
  end

  it("revokes, cleans up and closes", function()
    local s = start()
    real(s)
    assert.taken(s:approve("revoke", "duty1"))
    cleaned(s, true, false)
    assert.mailed(s, "finder@research.example", { vars = { subject = "The credential is void" } })
    assert.closed(s, "revoked")
  end)

  it("asks the duty manager too when no responder looks for ten minutes", function()
    local s = start()
    assert.same({ "resp1", "resp2" }, s:paged("look"))
    s:advance "11m"
    assert.same({ "resp1", "resp2", "duty1", "duty2" }, s:paged("look"))
    s:answer("look", { real = true, owner = "build team" }, "duty1")
    assert.asked(s, "revoke")
  end)

  it("takes it as real when nobody looks for half an hour", function()
    local s = start()
    s:advance "30m"
    assert.asked(s, "revoke")
  end)

  it("closes at once when it never worked", function()
    local s = start()
    s:answer("look", { real = false, owner = "nobody" }, "resp1")
    assert.closed(s, "not-valid")
  end)

  it("goes on by hand when nobody allows it in time", function()
    local s = start()
    real(s)
    s:advance "31m"
    assert.decision(s, "revoke", { ok = false, by = "timeout" })
    assert.noted(s, "Not revoked")
    cleaned(s, false, false)
    assert.closed(s, "accepted-risk")
  end)

  it("becomes an incident when it was used", function()
    local s = start()
    real(s)
    assert.taken(s:approve("revoke", "duty1"))
    cleaned(s, true, true)
    assert.same({ revoked = true, used = true }, s:result())
    assert.same("open", s:case().state)
  end)
end)
