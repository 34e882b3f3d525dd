-- tocsin playbook test reporter-told --crash-each-step
describe("reporter told", function()
  local function start(source, change)
    local report = fixture "reports/weakness-a"
    report.source = source
    if change then
      change(report)
    end
    return sim.start("reporter-told", { event = { message = "SECRET words", report = report },
      case = { kind = "weakness", title = "Heap overflow", facts = { report = report } } })
  end

  it("says by mail only that there is news, to who reported by the form", function()
    local s = start("form")
    local sent = s:calls("mail.send")
    assert.same(1, #sent)
    assert.same("reporter-news", sent[1].args.template)
    assert.same(nil, sent[1].args.vars.text)
    assert.same(0, #s:calls("report.update")) -- the words stand there already
    assert.same({ told = true }, s:result())
  end)

  it("sends the words in their thread to who reported by mail", function()
    local s = start("mail", function(sent) sent.mail = { message_id = "a@b.example" } end)
    local sent = s:calls("mail.send")
    assert.same("case-update", sent[1].args.template)
    assert.same("SECRET words", sent[1].args.vars.text)
    assert.same("a@b.example", sent[1].args.in_reply_to)
  end)

  it("sends nothing to who left no address", function()
    local s = start("form", function(sent) sent.contact = nil end)
    assert.same(0, #s:calls("mail.send"))
    assert.same({ told = false }, s:result())
  end)
end)
