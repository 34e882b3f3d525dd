-- tocsin playbook test publication --crash-each-step
describe("publication", function()
  local function event(more)
    local ev = {
      kind = "advisory.public", advisory = "ACME-SA-2026-001", version = "1", about = "ACME-SA-2026-001@1",
      release = "01:000001", tlp = "CLEAR", cve = json.decode "[]", invite = json.decode "[]",
      mails = {
        { to = "soc@customer-a.example", customer = "Customer A", list = "gold" },
        { to = "announce@lists.acme.example", customer = "announce", list = "all" },
      },
      letters = {
        gold = { subject = "[TLP:CLEAR] ACME-SA-2026-001 version 1: Flaw", text = "TLP:CLEAR\n",
                 attach = json.decode '[{"name":"a.json","type":"application/json","text":"{}"}]' },
        all = { subject = "[TLP:CLEAR] ACME-SA-2026-001 version 1: Flaw", text = "TLP:CLEAR\n",
                attach = json.decode "[]" },
      },
    }
    for name, value in pairs(more or {}) do
      ev[name] = value
    end
    return { event = ev, case = { kind = "weakness", title = "Heap overflow", product = "edge-gw" } }
  end

  it("tells everybody once, and writes down who was told", function()
    local s = sim.start("publication", event())
    assert.mailed(s, "soc@customer-a.example")
    assert.mailed(s, "announce@lists.acme.example")
    assert.called(s, "notice.record", { to = "soc@customer-a.example", state = "sent", list = "gold" })
    assert.same({ records = 0, told = 2, failed = 0 }, s:result())
  end)

  it("goes on when one address is refused", function()
    sim.fails("mail.send", { outcome = "fail", times = 1, message = "550 no such user" })
    local s = sim.start("publication", event())
    assert.same(1, s:result().failed)
    assert.called(s, "notice.record", { state = "failed" })
  end)
end)
