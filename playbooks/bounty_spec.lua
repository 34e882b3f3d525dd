-- tocsin playbook test bounty --crash-each-step
describe("bounty", function()
  local subject = "TR-0000-0000-0000-0001"

  local function start(change)
    local report = fixture "reports/weakness-a"
    local s = sim.start("bounty", { event = { inputs = { subject = subject }, report = report },
      case = { kind = "weakness", title = "Heap overflow", facts = { report = report, receipt = subject } } })
    local answer = { programme = "bounty-products", site = "edge-gw", weakness = "CWE-787", public = false,
      reason = "checked" }
    for name, value in sorted(change or {}) do
      answer[name] = value
    end
    s:answer("eligible", answer, "resp1")
    return s
  end
  local function rate(s, a, b, c)
    s:answer("rate/1", { level = a, reason = "my view" }, "panel1")
    s:answer("rate/2", { level = b, reason = "my view" }, "panel2")
    s:answer("rate/3", { level = c, reason = "my view" }, "panel3")
  end

  it("rates, approves, offers and pays", function()
    local s = start()
    rate(s, "critical", "high", "high")
    s:answer("amount", { amount = 2000 }, "panel1")
    assert.taken(s:approve("reward", "lead1"))
    s:signal("bounty.answer", { choice = "paid", name = "A. Finder" })
    assert.same({ reward = 2000, level = "high", paid = "paid" }, s:result())
    assert.called(s, "bounty.settle", { outcome = "paid" })
    assert.called(s, "bounty.consent", { consent = "A. Finder" })
  end)

  it("takes the middle vote, and one vote a person", function()
    local s = start { programme = "bounty-web", site = "www.vendor.example" }
    s:answer("rate/1", { level = "critical", reason = "my view" }, "panel1")
    s:answer("rate/2", { level = "critical", reason = "again" }, "panel1")
    s:answer("rate/3", { level = "medium", reason = "my view" }, "panel2")
    s:answer("amount", { amount = 100 }, "panel2")
    assert.taken(s:approve("reward", "lead1"))
    s:signal("bounty.answer", { choice = "donated" })
    assert.same({ reward = 100, level = "medium", paid = "donated" }, s:result())
  end)

  it("pays nothing for what is public, outside, or rated as none", function()
    local s = start { programme = "none" }
    assert.same("it is in no programme", s:result().why)
    s = start { public = true }
    assert.same("already-public", s:result().why)
    s = start { site = "elsewhere.example" }
    assert.same("out-of-scope", s:result().why)
    s = start()
    rate(s, "none", "none", "low")
    assert.same(0, s:result().reward)
  end)

  it("offers nothing without a release", function()
    local s = start()
    rate(s, "low", "low", "low")
    s:answer("amount", { amount = 50 }, "panel1")
    s:advance "8d"
    assert.decision(s, "reward", { ok = false, by = "timeout" })
    assert.same(0, s:result().reward)
  end)

  it("takes 90 days of silence as declined", function()
    local s = start()
    rate(s, "low", "low", "low")
    s:answer("amount", { amount = 50 }, "panel1")
    assert.taken(s:approve("reward", "lead1"))
    s:advance "91d"
    assert.same({ reward = 0, level = "low", paid = "declined" }, s:result())
    assert.called(s, "bounty.settle", { outcome = "declined" })
  end)
end)
