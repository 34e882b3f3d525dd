-- tocsin playbook test second-report --crash-each-step
describe("second report", function()
  local first, second = "TR-0000-0000-0000-0001", "TR-0000-0000-0000-0002"
  local finder = "finder@research.example"

  local function begin(receipt)
    local report = fixture "reports/weakness-a"
    return sim.start("second-report", { event = { report = report, receipt = receipt,
      inputs = { first = first, second = second, why = "same function, same weakness" } },
      case = { kind = "weakness", title = "Overflow in names", facts = { report = report, receipt = receipt } } })
  end
  local function start(embargo)
    begin(first)
    local s = begin(second)
    if embargo then
      s:act("embargo.propose", { ["end"] = "2026-03-31T12:00:00Z" }, "lead1")
      s:act("embargo.accept", { by = "first@finder.example" }, "lead2")
    end
    return s
  end
  local function judge(s, verdict)
    s:answer("same", { verdict = verdict, reason = "compared both" }, "resp1")
  end

  it("asks for the terms, and proposes an earlier end", function()
    local s = start(true)
    judge(s, "same")
    assert.called(s, "report.duplicate", { report = second, of = first })
    assert.mailed(s, finder, { template = "embargo-terms" })
    assert.same(1, #s:calls("mail.send")) -- nothing of the matter before they have accepted
    assert.taken(s:approve("shorten", "lead1", "two found it in a month"))
    s:answer("until", { ends = "2026-02-15" }, "lead2")
    assert.called(s, "embargo.propose", { ["end"] = "2026-02-15T12:00:00Z" })
    assert.mailed(s, "first@finder.example")
    assert.same({ verdict = "same", shortened = true, ends = "2026-02-15" }, s:result())
  end)

  it("proposes two weeks when nobody names a day", function()
    local s = start(true)
    judge(s, "same")
    assert.taken(s:approve("shorten", "lead1", "two found it in a month"))
    s:advance "3d"
    assert.called(s, "embargo.propose")
  end)

  it("keeps the embargo when the lead says no, or nobody decides", function()
    local s = start(true)
    judge(s, "same")
    assert.taken(s:reject("shorten", "lead1", "the fix is a week away"))
    assert.same({ verdict = "same", shortened = false }, s:result())
    assert.not_called(s, "embargo.propose")
    s = start(true)
    judge(s, "same")
    s:advance "3d"
    assert.decision(s, "shorten", { ok = false, by = "timeout" })
  end)

  it("only links what is related", function()
    local s = start()
    judge(s, "related")
    assert.called(s, "case.link", { link = "report " .. first .. " (related)" })
    assert.mailed(s, finder, { template = "case-update" })
    assert.same({ verdict = "related" }, s:result())
  end)

  it("says nothing to anybody when it is something else", function()
    local s = start()
    judge(s, "different")
    assert.called(s, "report.different", { of = first })
    assert.not_called(s, "mail.send")
    assert.same({ verdict = "different" }, s:result())
  end)

  it("never decides by itself that they are the same", function()
    local s = start()
    s:advance "4d"
    assert.not_called(s, "report.duplicate")
    assert.not_called(s, "case.link")
  end)
end)
