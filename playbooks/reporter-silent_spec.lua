-- tocsin playbook test reporter-silent --crash-each-step
describe("reporter silent", function()
  local function start(anonymous)
    local report = fixture "reports/weakness-a"
    if anonymous then
      report.contact = nil
    end
    return sim.start("reporter-silent", { event = { inputs = { question = "Which version was it?" }, report = report },
      case = { kind = "weakness", title = "Heap overflow", facts = { report = report } } })
  end

  it("ends when the reporter answers the first letter", function()
    local s = start()
    s:advance "3d"
    s:signal("report.reply", { text = "9.3" })
    assert.same({ answered = true, letters = 1 }, s:result())
  end)

  it("writes three letters, each later, then asks a person", function()
    local s = start()
    assert.same(1, #s:calls("mail.send"))
    s:advance "8d"
    assert.same(2, #s:calls("mail.send"))
    s:advance "15d"
    assert.same(3, #s:calls("mail.send"))
    s:advance "31d"
    s:answer("without", { go_on = true, reason = "we can reproduce it" }, "resp1")
    assert.same({ answered = false, goes_on = true }, s:result())
  end)

  it("closes when what we have is not enough", function()
    local s = start()
    s:advance "8d"
    s:advance "15d"
    s:advance "31d"
    s:answer("without", { go_on = false, reason = "cannot be reproduced" }, "resp1")
    assert.closed(s, "no-answer")
  end)

  it("asks a person at once when the report is anonymous", function()
    local s = start(true)
    assert.not_called(s, "mail.send")
    assert.asked(s, "without")
  end)

  it("waits for the person when the week is over", function()
    local s = start(true)
    s:advance "8d"
    assert.state(s, "failed") -- nobody decided, and nothing may be assumed
  end)
end)
