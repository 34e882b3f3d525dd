-- tocsin playbook test second-report --crash-each-step
describe("second report", function()
  local function start()
    local report = fixture "reports/weakness-a"
    return sim.start("second-report", { event = { report = report,
      inputs = { first = "PSIRT-2026-0001", why = "same function, same weakness" } },
      case = { kind = "weakness", title = "Overflow in names", facts = { report = report } } })
  end
  local function judge(s, verdict)
    s:answer("same", { verdict = verdict, reason = "compared both" }, "resp1")
  end

  it("looks at the embargo again when it is the same", function()
    local s = start()
    judge(s, "same")
    assert.called(s, "case.link", { link = "case PSIRT-2026-0001 (same)" })
    assert.called(s, "case.set", { bounty_duplicate_of = "PSIRT-2026-0001" })
    assert.taken(s:approve("shorten", "lead1", "two found it in a month"))
    assert.same({ verdict = "same", shortened = true }, s:result())
  end)

  it("keeps the embargo when the lead says no, or nobody decides", function()
    local s = start()
    judge(s, "same")
    assert.taken(s:reject("shorten", "lead1", "the fix is a week away"))
    assert.same({ verdict = "same", shortened = false }, s:result())
    s = start()
    judge(s, "same")
    s:advance "3d"
    assert.decision(s, "shorten", { ok = false, by = "timeout" })
  end)

  it("only links what is related", function()
    local s = start()
    judge(s, "related")
    assert.mailed(s, "finder@research.example")
    assert.same({ verdict = "related" }, s:result())
  end)

  it("says nothing to anybody when it is something else", function()
    local s = start()
    judge(s, "different")
    assert.not_called(s, "mail.send")
    assert.same({ verdict = "different" }, s:result())
  end)

  it("never decides by itself that they are the same", function()
    local s = start()
    s:advance "4d"
    assert.not_called(s, "case.link")
  end)
end)
