-- tocsin playbook test bounty --crash-each-step
describe("bounty", function()
  local subject = "TR-0000-0000-0000-0001"

  local function start(change)
    local report = fixture "reports/weakness-a"
    local s = sim.start("bounty", { event = { inputs = { subject = subject }, report = report },
      case = { kind = "weakness", title = "Heap overflow", facts = { report = report } } })
    local answer = { programme = "products", first = true, public = false, subsidiary = false, reason = "checked" }
    for name, value in sorted(change or {}) do
      answer[name] = value
    end
    s:answer("eligible", answer, "resp1")
    return s
  end
  local function rate(s, a, b, c)
    s:answer("rate/a", { level = a, reason = "my view" }, "panel1")
    s:answer("rate/b", { level = b, reason = "my view" }, "panel2")
    s:answer("rate/c", { level = c, reason = "my view" }, "panel3")
  end

  it("rates, approves, offers and pays", function()
    local s = start()
    rate(s, "critical", "high", "high")
    assert.taken(s:approve("reward", "lead1"))
    s:signal("bounty.answer", { choice = "paid" })
    assert.same({ reward = 2500, level = "high", paid = "paid" }, s:result())
    assert.called(s, "case.set", { bounty = { report = subject, state = "paid" } })
  end)

  it("takes the lower of two levels that as many gave", function()
    local s = start { programme = "web" }
    rate(s, "critical", "high", "medium")
    assert.taken(s:approve("reward", "lead1"))
    s:signal("bounty.answer", { choice = "donated" })
    assert.same({ reward = 150, level = "medium", paid = "donated" }, s:result())
  end)

  it("drops a subsidiary's finding by one level, and low then earns nothing", function()
    local s = start { subsidiary = true }
    rate(s, "high", "high", "high")
    assert.taken(s:approve("reward", "lead2"))
    assert.called(s, "case.set", { bounty = { report = subject, state = "offered" }, reason = "medium" })
    s = start { subsidiary = true }
    rate(s, "low", "low", "low")
    assert.same({ reward = 0, why = "rated as none" }, s:result())
  end)

  it("pays nothing for duplicates, for what is public, outside, or the fourth of its kind", function()
    assert.same("duplicate", (start { first = false }):result().why)
    assert.same("already public", (start { public = true }):result().why)
    assert.same("in no programme", (start { programme = "none" }):result().why)
    assert.same("the fourth of its kind at one site", (start { programme = "web", repeats = 3 }):result().why)
  end)

  it("offers nothing without a release", function()
    local s = start()
    rate(s, "low", "low", "low")
    s:advance "8d"
    assert.decision(s, "reward", { ok = false, by = "timeout" })
    assert.same(0, s:result().reward)
  end)

  it("takes 90 days of silence as declined", function()
    local s = start()
    rate(s, "low", "low", "low")
    assert.taken(s:approve("reward", "lead1"))
    s:advance "91d"
    assert.same({ reward = 0, level = "low", paid = "declined" }, s:result())
  end)
end)
