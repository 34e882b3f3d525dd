-- tocsin playbook test tell-system --crash-each-step
describe("tell system", function()
  local function start()
    return sim.start("tell-system", { event = { inputs = { type = "case.closed", note = "fixed in 9.4" } },
      case = { kind = "incident", title = "Not for the receiver" } })
  end

  it("sends what the other side may know, and asks nobody", function()
    local s = start()
    local sent = s:calls("webhook.send")
    assert.same(1, #sent)
    assert.same("case.closed", sent[1].args.type)
    assert.same({ case = s:case().name, note = "fixed in 9.4" },
      { case = sent[1].args.data.case, note = sent[1].args.data.note })
    assert.same(nil, sent[1].args.data.title)
    assert.not_asked(s, "hook/1")
    assert.same({ told = true }, s:result())
  end)

  it("asks a person when the receiver was away for three days, who has it sent again", function()
    sim.fails("webhook.send", { outcome = "retry", message = "no answer" })
    local s = start()
    s:advance "2d"
    assert.not_asked(s, "hook/1") -- it is still tried
    s:advance "25h"
    assert.asked(s, "hook/1")
    local tried = s:look().calls
    assert.same(1, #tried) -- one message
    assert.truthy(tried[1].tries > 50) -- each hour in the end
    sim.returns("webhook.send", { status = 204 })
    s:answer("hook/1", { next = "again", reason = "their proxy is mended" }, "resp1")
    assert.same(2, #s:calls("webhook.send"))
    assert.same({ told = true }, s:result())
  end)

  it("asks at once when it is refused for good, and writes down what was chosen", function()
    sim.fails("webhook.send", { outcome = "fail", message = "the receiver wants no more webhooks" })
    local s = start()
    assert.asked(s, "hook/1")
    s:answer("hook/1", { next = "again", reason = "once more" }, "resp1")
    assert.asked(s, "hook/2")
    s:answer("hook/2", { next = "leave", reason = "they have left" }, "resp2")
    assert.noted(s, "webhook did not deliver case.closed; left: they have left")
    assert.same({ told = false }, s:result())
  end)

  it("knows of who was told some other way", function()
    sim.fails("webhook.send", { outcome = "fail", message = "404" })
    local s = start()
    s:answer("hook/1", { next = "told", reason = "by telephone" }, "resp1")
    assert.noted(s, "told some other way: by telephone")
    assert.same({ told = true }, s:result())
  end)
end)
