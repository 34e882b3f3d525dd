-- tocsin playbook test cra-reporting --crash-each-step
describe("CRA reporting", function()
  local authority = "csirt@authority.example"

  local function start()
    return sim.start("cra-reporting", { event = { inputs = { authority = authority } },
      case = { kind = "weakness", title = "Heap overflow", product = "edge-gw" } })
  end
  local function reportable(s)
    s:answer("reportable", { reportable = true, reason = "exploited since Monday" }, "legal1")
  end
  local function report(s, id)
    s:answer("write/" .. id, { content = "what we know: " .. id }, "resp1")
    assert.taken(s:approve("release/" .. id, "lead1"))
  end

  it("sends three reports, each released by somebody else", function()
    local s = start()
    reportable(s)
    assert.clock(s, "cra-early-warning", { due_in = "24h" })
    report(s, "early-warning")
    assert.clock(s, "cra-early-warning", { met = true })
    report(s, "notification")
    s:advance "20d"
    s:signal("measure.available", { version = "9.4.2" })
    assert.clock(s, "cra-final", { due_in = "14d" })
    report(s, "final")
    assert.same({ "early-warning", "notification", "final" }, s:result().sent)
    assert.mailed(s, authority, { vars = { text = "what we know: final" } })
  end)

  it("takes it as reportable when nobody decides in six hours", function()
    local s = start()
    s:advance "6h"
    assert.clock(s, "cra-early-warning", { due_in = "24h" })
    assert.asked(s, "write/early-warning")
  end)

  it("reports nothing that is not reportable", function()
    local s = start()
    s:answer("reportable", { reportable = false, reason = "a researcher's test" }, "legal1")
    assert.same({ reported = false }, s:result())
  end)

  it("goes on when a report is not released in time", function()
    local s = start()
    reportable(s)
    s:answer("write/early-warning", { content = "too little" }, "resp1")
    s:advance "7h"
    assert.decision(s, "release/early-warning", { ok = false, by = "timeout" })
    assert.not_called(s, "mail.send")
    assert.noted(s, "is not sent")
    assert.asked(s, "write/notification")
  end)

  it("owes the final report also when no measure comes in half a year", function()
    local s = start()
    reportable(s)
    report(s, "early-warning")
    report(s, "notification")
    s:advance "181d"
    assert.noted(s, "No measure after 180 days")
    assert.asked(s, "write/final")
  end)
end)
