-- tocsin playbook test out-of-scope-but-real --crash-each-step
describe("out of scope but real", function()
  local owner = "security@libfoo.example"
  local function start(answer)
    local report = fixture "reports/weakness-a"
    local s = sim.start("out-of-scope-but-real", { event = { report = report },
      case = { kind = "weakness", title = "In libfoo", facts = { report = report } } })
    s:answer("whose", answer, "resp1")
    return s
  end
  local function handed_on()
    local s = start { owner = "libfoo", contact = owner, consent = true }
    assert.taken(s:approve("hand-on", "lead1"))
    return s
  end

  it("hands it on and follows until it is taken", function()
    local s = handed_on()
    assert.mailed(s, owner)
    s:signal("owner.reply", { text = "thanks" })
    assert.closed(s, "handed-on")
  end)

  it("asks again, and names a coordinator after six weeks", function()
    local s = handed_on()
    s:advance "15d"
    s:advance "15d"
    s:advance "15d"
    assert.mailed(s, "finder@research.example", { vars = { subject = "libfoo does not answer" } })
    assert.closed(s, "owner-silent")
  end)

  it("hands nothing on without the reporter's consent", function()
    local s = start { owner = "libfoo", contact = owner, consent = false }
    assert.not_asked(s, "hand-on")
    assert.closed(s, "redirected")
    assert.same(1, #s:calls("mail.send"))
  end)

  it("hands nothing on without an address", function()
    local s = start { owner = "libfoo", consent = true }
    assert.closed(s, "redirected")
  end)

  it("hands nothing on when the lead says no, or is silent", function()
    local s = start { owner = "libfoo", contact = owner, consent = true }
    assert.taken(s:reject("hand-on", "lead1", "we look once more"))
    assert.closed(s, "kept")
    s = start { owner = "libfoo", contact = owner, consent = true }
    s:advance "6d"
    assert.closed(s, "kept")
    assert.not_called(s, "mail.send")
  end)
end)
