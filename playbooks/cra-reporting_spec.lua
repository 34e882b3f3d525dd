-- tocsin playbook test cra-reporting --crash-each-step
describe("CRA reporting", function()
  local authority = "csirt@authority.example"

  local function start(kind)
    return sim.start("cra-reporting", { event = { inputs = { authority = authority } },
      case = { kind = kind or "weakness", title = "Heap overflow", product = "edge-gw" } })
  end
  local function reportable(s)
    s:answer("reportable", { reportable = true, reason = "exploited since Monday" }, "legal1")
  end
  local content = {
    ["early-warning"] = { member_states = "DE, FR", exploitation = "sessions are taken over" },
    notification = { exploitation = "sessions are taken over", nature = "CWE-787", severity = "high",
      measures = "close port 80", sensitivity = "TLP:AMBER" },
    final = { severity = "high", description = "a heap overflow", impact = "full control", actor = "not known",
      fix = "9.4.2" },
  }
  local incident = {
    ["early-warning"] = { malicious = true, member_states = "DE" },
    notification = { nature = "break-in", assessment = "one customer", measures = "blocked", sensitivity = "none" },
    final = { description = "tokens replayed", severity = "high", impact = "data read", root_cause = "weak tokens",
      fix = "9.4.2" },
  }
  local function write(s, id, round, forms)
    s:answer(("write/%s/%d"):format(id, round or 1), (forms or content)[id], "resp1")
  end
  local function report(s, id, round, forms)
    write(s, id, round, forms)
    assert.taken(s:approve(("release/%s/%d"):format(id, round or 1), "lead1"))
  end

  it("sends three reports, each released by somebody else", function()
    local s = start()
    reportable(s)
    assert.mailed(s, "legal@acme.example", { template = "case-alert" })
    assert.clock(s, "cra-early-warning", { due_in = "24h" })
    report(s, "early-warning")
    assert.clock(s, "cra-early-warning", { met = true })
    report(s, "notification")
    s:advance "20d"
    s:signal("measure.available", { version = "9.4.2" })
    assert.clock(s, "cra-final", { due_in = "14d" })
    report(s, "final")
    assert.same({ "early-warning", "notification", "final" }, s:result().sent)
    assert.mailed(s, authority, { vars = { subject = "CRA Article 14, final" } })
    assert.same(3, #s:calls("filing.sent"))
  end)

  it("has forms of its own for a severe incident, and waits for no measure", function()
    local s = start("incident")
    reportable(s)
    for _, id in ipairs { "early-warning", "notification", "final" } do
      report(s, id, 1, incident)
    end
    assert.called(s, "filing.draft", { stage = "incident_final" })
    assert.same({ "early-warning", "notification", "final" }, s:result().sent)
  end)

  it("takes it as reportable when nobody decides in six hours", function()
    local s = start()
    s:advance "6h"
    assert.clock(s, "cra-early-warning", { due_in = "24h" })
    assert.asked(s, "write/early-warning/1")
  end)

  it("reports nothing that is not reportable", function()
    local s = start()
    s:answer("reportable", { reportable = false, reason = "a researcher's test" }, "legal1")
    assert.same({ reported = false }, s:result())
    assert.not_called(s, "filing.draft")
  end)

  it("writes again what nobody releases, and the clock goes on", function()
    local s = start()
    reportable(s)
    write(s, "early-warning")
    s:advance "7h"
    assert.decision(s, "release/early-warning/1", { ok = false, by = "timeout" })
    assert.not_called(s, "filing.sent")
    assert.clock(s, "cra-early-warning", { due_in = "17h" })
    report(s, "early-warning", 2)
    assert.clock(s, "cra-early-warning", { met = true })
  end)

  it("does not let who writes release it", function()
    local s = start()
    reportable(s)
    s:answer("write/early-warning/1", content["early-warning"], "resp1")
    assert.refused("A018", s:approve("release/early-warning/1", "resp1"))
    assert.taken(s:reject("release/early-warning/1", "lead1", "name the countries"))
    assert.asked(s, "write/early-warning/2")
  end)

  it("owes the final report also when no measure comes in half a year", function()
    local s = start()
    reportable(s)
    report(s, "early-warning")
    report(s, "notification")
    s:advance "181d"
    assert.noted(s, "No measure after 180 days")
    assert.asked(s, "write/final/1")
  end)
end)
