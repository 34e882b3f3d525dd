-- tocsin playbook test customer-incident --crash-each-step
describe("customer incident", function()
  local rules = { "deny 192.0.2.7", "deny 192.0.2.8" }

  local function start()
    sim.returns("edge.plan_block", { rules = rules, targets = { "edge-fw-01" } })
    return sim.start("customer-incident", { report = fixture "reports/customer-a" })
  end

  local function triage(s, severity, exploited)
    s:answer("triage", { severity = severity, product = "edge-gw", exploited = exploited, reason = "logs agree" },
      "resp1")
  end

  local function release(s)
    assert.taken(s:approve("notify", "lead1"))
    assert.taken(s:approve("notify", "lead2"))
  end

  local function over(s, round, watch, more)
    local answer = { cause = "product-caused", weakness = false, watch = watch, lessons = "shorter sessions" }
    for name, value in sorted(more or {}) do
      answer[name] = value
    end
    s:answer("over/" .. round, answer, "resp1")
  end

  it("contains, tells the customers and closes", function()
    local s = start()
    assert.mailed(s, "soc@customer-a.example", { template = "ack-incident" })
    triage(s, "critical", true)
    assert.same({ "resp2", "duty1", "duty2" }, s:paged("contain"))
    assert.taken(s:approve("contain", "duty1"))
    assert.called(s, "edge.apply", { rules = rules })
    release(s)
    assert.mailed(s, "soc@customer-a.example", { template = "customer-notice" })
    assert.mailed(s, "management@acme.example", { template = "case-alert" })
    over(s, 1, "none")
    -- The block is taken back when nobody renewed it, also after the case is closed.
    s:advance "29d"
    assert.not_called(s, "edge.remove")
    s:advance "2d"
    assert.state(s, "finished")
    assert.called(s, "edge.remove", { rules = rules })
    assert.closed(s, "notified")
  end)

  it("rejects containment when nobody answers in 30 minutes", function()
    local s = start()
    triage(s, "critical", true)
    s:advance "31m"
    assert.decision(s, "contain", { ok = false, by = "timeout" })
    assert.not_called(s, "edge.apply")
    assert.noted(s, "Containment rejected by timeout")
    assert.clock(s, "cra-early-warning", { due_in = "23h29m" })
    release(s)
    over(s, 1, "none")
    assert.closed(s, "notified")
  end)

  it("does not let the triager approve containment", function()
    local s = start()
    s:answer("triage", { severity = "high", product = "edge-gw", exploited = false, reason = "seen" }, "resp2")
    assert.same({ "duty1", "duty2" }, s:paged("contain"))
    assert.refused("A007", s:approve("contain", "resp2"))
    assert.refused("A018", s:approve("contain", "resp1"))
    assert.asked(s, "contain")
  end)

  it("needs two people to release, and not the same one twice", function()
    local s = start()
    triage(s, "low", false)
    assert.not_asked(s, "contain")
    assert.taken(s:approve("notify", "lead1"))
    assert.asked(s, "notify")
    assert.truthy(s:approve("notify", "lead1"))
    assert.taken(s:approve("notify", "lead2"))
    over(s, 1, "none", { cause = "not-an-incident" })
    assert.closed(s, "notified")
  end)

  it("publishes nothing when a lead says no", function()
    local s = start()
    triage(s, "low", false)
    assert.taken(s:reject("notify", "lead1", "the text names the customer"))
    over(s, 1, "none")
    assert.closed(s, "not-published")
  end)

  it("publishes nothing when nobody decides for a day", function()
    local s = start()
    triage(s, "low", false)
    s:advance "25h"
    assert.decision(s, "notify", { ok = false, by = "timeout" })
    over(s, 1, "none")
    assert.closed(s, "not-published")
  end)

  it("watches, begins again when it comes back, and asks until somebody says that it is over", function()
    local s = start()
    triage(s, "low", false)
    release(s)
    s:advance "4d" -- reminded, and the duty manager is asked too
    assert.same({ "resp1", "resp2", "duty1", "duty2" }, s:paged("over/1"))
    over(s, 1, "7d")
    s:advance "2d"
    s:signal("incident.again", { seen = "the same address" })
    over(s, 2, "3d", { weakness = true })
    s:advance "3d"
    assert.noted(s, "A weakness of ours is behind it")
    assert.called(s, "track.move", { track = "incident", to = "lessons" })
    assert.closed(s, "notified")
  end)

  it("goes without containment when no indicator is known", function()
    local report = fixture "reports/customer-a"
    report.indicators = nil
    local s = sim.start("customer-incident", { report = report })
    triage(s, "critical", false)
    assert.not_called(s, "edge.plan_block")
    assert.asked(s, "notify")
  end)

  it("stops when the firewall refuses", function()
    local s = start()
    sim.fails("edge.apply", { message = "the firewall says no" })
    triage(s, "critical", false)
    assert.taken(s:approve("contain", "duty1"))
    assert.state(s, "failed")
  end)

  it("asks a person what became of a block whose answer was lost", function()
    local s = start()
    sim.fails("edge.apply", { outcome = "unknown" })
    triage(s, "critical", false)
    assert.taken(s:approve("contain", "duty1"))
    assert.state(s, "in_doubt")
  end)

  local function whole_story()
    local s = start()
    triage(s, "critical", true)
    assert.taken(s:approve("contain", "duty1"))
    release(s)
    over(s, 1, "none")
  end

  for_each_step(whole_story, function(step)
    it("survives a crash after " .. step, function()
      assert.same_history(sim.crash_after(whole_story, step))
    end)
  end)
end)
