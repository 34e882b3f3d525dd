-- tocsin playbook test gsma-referral --crash-each-step
describe("GSMA referral", function()
  local gsma = "cvd@gsma.example"

  local function start(change)
    local report = fixture "reports/weakness-a"
    local s = sim.start("gsma-referral", { event = { inputs = { gsma = gsma }, report = report },
      case = { kind = "weakness", title = "Paging leaks identities", facts = { report = report } } })
    local answer = { standard = true, several = true, public = false, ours = false, consent = true,
      summary = "the paging channel leaks identities", impact = "people can be followed", which = "TS 33.501" }
    for name, value in sorted(change or {}) do
      answer[name] = value
    end
    s:answer("judge", answer, "resp1")
    return s
  end

  it("redirects what is only in the standard", function()
    local s = start()
    assert.taken(s:approve("refer", "lead1"))
    assert.called(s, "gsma.decide", { standard_based = true })
    assert.mailed(s, gsma, { vars = { subject = "Submission" } })
    assert.called(s, "filing.sent")
    assert.mailed(s, "finder@research.example")
    s:signal("gsma.reply", { number = "CVD-2026-0001" })
    assert.closed(s, "referred")
  end)

  it("dual-files when our product is affected too, and our case goes on", function()
    local s = start { ours = true }
    assert.taken(s:approve("refer", "lead1"))
    s:signal("gsma.reply", { number = "CVD-2026-0001" })
    assert.same({ referred = true, ours = true, accepted = true }, s:result())
    assert.same("open", s:case().state)
  end)

  it("closes as unanswered after 30 days", function()
    local s = start()
    assert.taken(s:approve("refer", "lead1"))
    s:advance "31d"
    assert.closed(s, "referred-unanswered")
  end)

  it("sends nothing that is public, in one product only, or without consent", function()
    for _, change in ipairs { { public = true }, { several = false }, { standard = false }, { consent = false } } do
      local s = start(change)
      assert.same(false, s:result().referred)
      assert.not_called(s, "mail.send")
    end
  end)

  it("sends nothing that no lead has released", function()
    local s = start()
    s:advance "4d"
    assert.decision(s, "refer", { ok = false, by = "timeout" })
    assert.not_called(s, "mail.send")
  end)
end)
