-- tocsin playbook test wrong-advisory --crash-each-step
describe("wrong advisory", function()
  local function start(verdict, harm)
    local s = sim.start("wrong-advisory", {
      event = { inputs = { advisory = "ACME-SA-2026-001", claim = "9.3 is affected too" } },
      case = { kind = "weakness", title = "Heap overflow", product = "edge-gw" },
    })
    s:answer("check", { verdict = verdict, harm = harm, reason = "9.3 has the code as well" }, "resp1")
    return s
  end

  it("corrects at once, with one signature, when somebody was called safe", function()
    local s = start("wrong", true)
    assert.taken(s:approve("correct", "lead1"))
    assert.mailed(s, "soc@customer-a.example")
    assert.same({ corrected = true, verdict = "wrong", harm = true }, s:result())
  end)

  it("needs two otherwise", function()
    local s = start("wrong", false)
    assert.taken(s:approve("correct", "lead1"))
    assert.asked(s, "correct")
    assert.taken(s:approve("correct", "lead2"))
    assert.called(s, "advisory.publish")
    assert.same("wrong", s:result().verdict)
  end)

  it("withdraws only what is out", function()
    local s = start("withdraw", false)
    s:approve("correct", "lead1")
    s:approve("correct", "lead2")
    assert.called(s, "advisory.withdraw", { name = "ACME-SA-2026-001" })
    assert.same("failed", s:state())
  end)

  it("tells nobody about a typo", function()
    local s = start("typo", false)
    assert.taken(s:approve("correct", "lead1"))
    assert.taken(s:approve("correct", "lead2"))
    assert.not_called(s, "mail.send")
  end)

  it("changes nothing when it is right", function()
    local s = start("right", false)
    assert.same({ corrected = false }, s:result())
    assert.not_called(s, "advisory.draft")
  end)

  it("stays as it is when nobody releases it", function()
    local s = start("wrong", true)
    s:advance "5h"
    assert.decision(s, "correct", { ok = false, by = "timeout" })
    assert.same({ corrected = false, refused = true }, s:result())
  end)
end)
