-- tocsin playbook test upstream-advisory --crash-each-step
describe("upstream advisory", function()
  local event

  before_each(function()
    event = fixture "events/exlib-2026-001"
  end)

  local function start(change)
    for name, value in sorted(change or {}) do
      event.advisory[name] = value
    end
    return sim.start("upstream-advisory", { event = event, case = { kind = "upstream", title = "Upstream" } })
  end

  local function judge(s, product, status, person)
    s:answer("assess/" .. product, { status = status, why = "read the code", fix_in = "9.4.2" }, person)
  end

  it("publishes for the products that are affected", function()
    local s = start()
    assert.clock(s, "assess", { due_in = "2d" })
    judge(s, "edge-gw", "affected", "owner1")
    judge(s, "cloud-relay", "not_affected", "owner2")
    assert.clock(s, "assess", { met = true })
    assert.taken(s:approve("publish", "lead1"))
    assert.mailed(s, "soc@customer-a.example")
    assert.same(2, #s:calls("mail.send")) -- the house, and the customer of the one product
    assert.called(s, "track.move", { track = "upstream", to = "opened" })
    assert.closed(s, "published")
  end)

  it("asks an owner who still looks again, and takes it as affected in the end", function()
    local s = start()
    judge(s, "edge-gw", "under_investigation", "owner1")
    assert.not_asked(s, "assess/cloud-relay")
    s:advance "2d"
    judge(s, "edge-gw/2", "not_affected", "owner1")
    for round = 1, 5 do
      judge(s, "cloud-relay" .. (round > 1 and "/" .. round or ""), "under_investigation", "owner2")
      s:advance "2d"
    end
    assert.asked(s, "publish")
  end)

  it("closes when nothing is affected", function()
    local s = start()
    judge(s, "edge-gw", "not_affected", "owner1")
    judge(s, "cloud-relay", "fixed", "owner2")
    assert.not_called(s, "advisory.draft")
    assert.closed(s, "not-affected")
  end)

  it("closes at once when the vendor has withdrawn it", function()
    local s = start { withdrawn = true }
    assert.closed(s, "withdrawn-upstream")
  end)

  it("gives a working week when it is neither critical nor exploited", function()
    local s = start { severity = "high" }
    assert.clock(s, "assess", { due_in = "5d" })
  end)

  it("hurries when it is exploited, whatever the severity", function()
    local s = start { severity = "low", kev = true }
    assert.clock(s, "assess", { due_in = "2d" })
  end)

  it("holds the advisory when the lead says no, and when nobody decides for a week", function()
    local s = start()
    judge(s, "edge-gw", "affected", "owner1")
    judge(s, "cloud-relay", "fixed", "owner2")
    assert.taken(s:reject("publish", "lead2", "the fix is not out"))
    assert.closed(s, "held")
    s = start()
    judge(s, "edge-gw", "affected", "owner1")
    judge(s, "cloud-relay", "fixed", "owner2")
    s:advance "8d"
    assert.decision(s, "publish", { ok = false, by = "timeout" })
    assert.closed(s, "held")
  end)

  it("takes no answer that was not offered", function()
    local s = start()
    assert.has_error(function() judge(s, "edge-gw", "perhaps", "owner1") end)
    assert.asked(s, "assess/edge-gw")
  end)
end)
