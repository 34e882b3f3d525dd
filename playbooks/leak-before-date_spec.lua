-- tocsin playbook test leak-before-date --crash-each-step
describe("leak before the date", function()
  local function start()
    local s = sim.start("leak-before-date", {
      event = { inputs = { where = "https://forum.example/t/1" } },
      case = { kind = "weakness", title = "Heap overflow", product = "edge-gw" },
    })
    s:act("embargo.propose", { ["end"] = "2026-03-01T12:00:00Z" }, "lead1")
    s:act("embargo.accept", { by = "finder" }, "lead2")
    for _, party in ipairs { "a@vendor.example", "b@vendor.example" } do
      s:act("embargo.invite", { party = party }, "lead1")
      s:act("embargo.terms", { party = party, answer = "accepted" }, "lead1")
    end
    s:act("embargo.invite", { party = "c@vendor.example" }, "lead1") -- has not answered: hears nothing
    return s
  end
  local function look(s, day, public)
    s:answer("look/" .. day, { public = public, reason = "read the thread" }, "resp1")
  end

  it("publishes early when details are out", function()
    local s = start()
    look(s, 1, "details")
    assert.called(s, "fact.seen", { fact = "public_aware" })
    assert.mailed(s, "a@vendor.example")
    assert.taken(s:approve("early", "lead1"))
    assert.same({ public = "details", published = true }, s:result())
  end)

  it("watches a rumour, day after day", function()
    local s = start()
    look(s, 1, "rumour")
    s:advance "1d"
    look(s, 2, "rumour")
    s:advance "1d"
    look(s, 3, "exploit")
    assert.called(s, "fact.seen", { fact = "exploit_public" })
    assert.asked(s, "early")
  end)

  it("gives a rumour up after a week", function()
    local s = start()
    for day = 1, 7 do
      look(s, day, "rumour")
      s:advance "1d"
    end
    assert.same({ public = "rumour" }, s:result())
  end)

  it("keeps the embargo when nothing is out", function()
    local s = start()
    look(s, 1, "nothing")
    assert.same({ public = "nothing" }, s:result())
    assert.not_called(s, "fact.seen")
  end)

  it("assumes the worse when nobody looks", function()
    local s = start()
    s:advance "8h"
    assert.asked(s, "early")
    s:advance "25h"
    assert.noted(s, "Silent although it is public")
    assert.same(false, s:result().published)
  end)
end)
