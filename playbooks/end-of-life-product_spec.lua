-- tocsin playbook test end-of-life-product --crash-each-step
describe("end-of-life product", function()
  local function start(severity, exploited, still_used)
    local s = sim.start("end-of-life-product", { event = { report = fixture "reports/weakness-a" },
      case = { kind = "weakness", title = "Old box", product = "edge-gw",
        facts = { report = fixture "reports/weakness-a" } } })
    s:answer("judge", { severity = severity, exploited = exploited, still_used = still_used, instead = "replace it" },
      "owner1")
    return s
  end
  local function release(s)
    assert.taken(s:approve("publish", "lead1"))
  end

  it("says plainly that no fix is planned", function()
    local s = start("medium", false, true)
    assert.called(s, "case.set", { remediation = "no_fix_planned", cve_tag = "unsupported-when-assigned" })
    release(s)
    assert.mailed(s, "finder@research.example")
    assert.closed(s, "published-no-fix")
  end)

  it("lets management fix it by way of exception", function()
    local s = start("critical", true, true)
    assert.taken(s:approve("fix-anyway", "exec1", "40,000 still run it"))
    assert.called(s, "case.set", { remediation = "vendor_fix" })
    assert.same({ fixed = true }, s:result())
  end)

  it("stays without a fix when management says no, or is silent", function()
    local s = start("critical", true, true)
    assert.taken(s:reject("fix-anyway", "exec1", "the successor is out"))
    assert.asked(s, "publish")
    s = start("high", true, true)
    s:advance "3d"
    assert.decision(s, "fix-anyway", { ok = false, by = "timeout" })
    release(s)
    assert.taken(s:approve("publish", "lead2")) -- exploited: the plan wants two
    assert.closed(s, "published-no-fix")
  end)

  it("does not ask management when it is not exploited", function()
    local s = start("critical", false, true)
    assert.not_asked(s, "fix-anyway")
  end)

  it("is held when nobody releases it", function()
    local s = start("low", false, false)
    s:advance "8d"
    assert.closed(s, "held")
  end)
end)
