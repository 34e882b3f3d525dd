-- tocsin playbook test embargo-end-not-ready --crash-each-step
describe("embargo ends before the fix", function()
  local function start()
    local s = sim.start("embargo-end-not-ready", {
      event = { inputs = { ends = "2026-02-01" } },
      case = { kind = "weakness", title = "Heap overflow", product = "edge-gw" },
    })
    s:act("embargo.propose", { ["end"] = "2026-02-01T12:00:00Z" }, "lead1")
    s:act("embargo.accept", { by = "finder" }, "lead2")
    for _, party in ipairs { "a@vendor.example", "b@vendor.example" } do
      s:act("embargo.invite", { party = party }, "lead1")
      s:act("embargo.terms", { party = party, answer = "accepted" }, "lead1")
    end
    return s
  end
  local function late(s)
    s:answer("state", { ready = false, needed_until = "2026-03-01", mitigation = "switch it off" }, "owner1")
  end

  it("does nothing when the fix will be there", function()
    local s = start()
    s:answer("state", { ready = true }, "owner1")
    assert.same({ extended = false, ready = true }, s:result())
  end)

  it("moves the date when all agree", function()
    local s = start()
    late(s)
    assert.taken(s:approve("extend", "lead1"))
    assert.same(2, #s:calls("mail.send"))
    s:signal("embargo.answer", { agreed = true })
    assert.called(s, "embargo.accept")
    assert.same({ extended = true, ready = false }, s:result())
  end)

  it("publishes mitigations on the date when somebody says no", function()
    local s = start()
    late(s)
    assert.taken(s:approve("extend", "lead1"))
    s:signal("embargo.answer", { agreed = false })
    assert.noted(s, "keep the date")
    s:advance "30d"
    assert.not_asked(s, "mitigations") -- one day too early
    s:advance "2d"
    assert.taken(s:approve("mitigations", "lead1"))
    assert.called(s, "advisory.publish")
    assert.same({ extended = false, ready = false, published = true }, s:result())
  end)

  it("takes silence as no", function()
    local s = start()
    late(s)
    assert.taken(s:approve("extend", "lead1"))
    s:advance "6d"
    assert.noted(s, "the date stands")
    s:advance "27d"
    assert.asked(s, "mitigations")
  end)

  it("asks nobody when a lead does not want to", function()
    local s = start()
    late(s)
    assert.taken(s:reject("extend", "lead2", "we have asked twice"))
    assert.not_called(s, "mail.send")
    s:advance "32d"
    assert.asked(s, "mitigations")
  end)

  it("takes it as not ready when the owner is silent", function()
    local s = start()
    s:advance "2d"
    assert.not_asked(s, "extend")
    s:advance "30d"
    assert.asked(s, "mitigations")
  end)
end)
