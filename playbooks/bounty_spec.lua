-- tocsin playbook test bounty --crash-each-step
describe("bounty", function()
  local reports = 0

  -- Each start is a report of its own, later than the one before.
  local function start(change)
    reports = reports + 1
    local report, subject = fixture "reports/weakness-a", ("TR-0000-0000-0000-%04d"):format(reports)
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
    if c then
      s:answer("rate/3", { level = c, reason = "my view" }, "panel3")
    end
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

  it("pays the first of a root cause, by arrival", function()
    local s = start { root_cause = "name parser" }
    rate(s, "high", "high", "high")
    s = start { root_cause = "name parser" }
    assert.same("same-root-cause", s:result().why)
    assert.called(s, "bounty.enter", { root_cause = "name parser" })
    s = start { root_cause = "session table" }
    assert.asked(s, "rate/1")
    -- Another programme counts by itself.
    s = start { programme = "bounty-web", site = "www.vendor.example", root_cause = "name parser" }
    assert.asked(s, "rate/1")
  end)

  it("takes three of a kind on a site, not a fourth", function()
    local web = { programme = "bounty-web", weakness = "CWE-79", site = "www.vendor.example" }
    for _ = 1, 3 do
      assert.asked(start(web), "rate/1")
    end
    assert.same("over-limit", start(web):result().why)
    web.site = "shop.vendor.example"
    assert.asked(start(web), "rate/1")
    web.site, web.weakness = "www.vendor.example", "CWE-89"
    assert.asked(start(web), "rate/1")
  end)

  it("takes a level off at a subsidiary, and below low there is nothing", function()
    local sub = { programme = "bounty-web", site = "www.subsidiary.example" }
    local s = start(sub)
    rate(s, "high", "high") -- this programme has two seats
    s:answer("amount", { amount = 150 }, "panel1")
    assert.taken(s:approve("reward", "lead1"))
    s:signal("bounty.answer", { choice = "paid" })
    assert.same("medium", s:result().level)
    s = start(sub)
    rate(s, "low", "low")
    assert.same(0, s:result().reward)
  end)

  it("lets nobody approve what they have rated", function()
    local s = start()
    rate(s, "high", "high", "high")
    s:answer("amount", { amount = 2000 }, "panel1")
    assert.refused("A018", s:approve("reward", "panel1"))
    assert.asked(s, "reward")
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
