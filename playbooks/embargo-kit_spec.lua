-- tocsin playbook test embargo-kit --crash-each-step
describe("embargo kit", function()
  local function start()
    local s = sim.start("embargo-kit", {
      event = { inputs = { mitigation = "Close port 80.", product = "Edge Gateway" } },
      case = { kind = "weakness", title = "Secret heap overflow", product = "edge-gw" },
    })
    s:act("embargo.propose", { ["end"] = "2026-01-31T00:00:00Z" }, "lead1")
    s:act("embargo.accept", { by = "finder@lab.example" }, "lead1")
    return s
  end

  it("is out with one approval when the embargo breaks", function()
    local s = start()
    assert.asked(s, "release")
    assert.not_called(s, "advisory.publish")
    assert.taken(s:approve("release", "lead1", "it is in the press"))
    assert.not_called(s, "advisory.publish")
    assert.taken(s:approve("release", "lead2", "seen it too"))
    assert.called(s, "embargo.release_early")
    assert.called(s, "advisory.publish", { status = "interim" })
    assert.same(true, s:result().released)
  end)

  it("is thrown away when the embargo ends as planned", function()
    local s = start()
    s:act("fact.seen", { fact = "attacks_observed" }, "lead1")
    s:act("embargo.exit", { reason = "attacks" }, "lead1")
    s:advance "2d"
    assert.same("the embargo has ended", s:result().reason)
    assert.not_called(s, "advisory.publish")
  end)
end)
