-- tocsin playbook test advance-notice --crash-each-step
describe("advance notice", function()
  local function start(mails, invite)
    return sim.start("advance-notice", {
      event = { kind = "advisory.ahead", advisory = "ACME-SA-2026-001", version = "0",
                about = "ACME-SA-2026-001@0", tlp = "AMBER", cve = json.decode "[]",
                mails = mails or json.decode "[]", invite = invite or json.decode "[]",
                letters = { gold = { subject = "[TLP:AMBER] Advance notice ACME-SA-2026-001: Flaw",
                                     text = "TLP:AMBER\n", attach = json.decode "[]" } } },
      case = { kind = "weakness", title = "Heap overflow", product = "edge-gw" },
    })
  end

  it("asks for the terms with a mail that says nothing", function()
    local s = start(nil, { { to = "soc@customer-a.example", customer = "Customer A" } })
    assert.mailed(s, "soc@customer-a.example")
    assert.called(s, "embargo.invite", { party = "soc@customer-a.example" })
    assert.same({ told = 0, asked = 1 }, s:result())
  end)

  it("tells those who accepted", function()
    local s = start({ { to = "soc@customer-a.example", customer = "Customer A", list = "gold" } })
    assert.called(s, "notice.record", { state = "sent", stage = "advance-notice" })
    assert.same({ told = 1, asked = 0 }, s:result())
  end)
end)
