-- A vendor whose components we ship has published or changed an advisory.
--
-- Started once for an advisory, with exactly our products that it touches. Each owner judges their product, again
-- while they are still looking; what is affected goes into our own advisory, which needs a release. The item moves
-- along its own track.
local track = use "track"
local psirt = require "lib.psirt"

-- Two days for what is exploited or critical, a working week for the rest.
local function time_to_assess(advisory)
  if advisory.kev or advisory.severity == "critical" then
    return "2d"
  end
  return "5d"
end

return playbook {
  name  = "upstream-advisory",
  title = "Upstream vendor advisory",
  on    = "advisory.matched",
  roles = { assess = "product-owner", publish = "psirt-lead" },

  run = function(case, ev)
    local advisory = ev.advisory
    local function item_is(...)
      for _, state in ipairs { ... } do
        pcall(track.move, { track = "upstream", subject = advisory.id, to = state })
      end
    end

    case:set { title = advisory.title, severity = advisory.severity }
    item_is("parsed", "confirmed")
    if advisory.withdrawn then
      item_is("not_affected", "closed")
      return case:close { resolution = "withdrawn-upstream" }
    end
    clock("assess"):start { due = time_to_assess(advisory), owner = "psirt-lead" }

    -- Who still looks is asked again two days later; a verdict that never comes counts as affected.
    local function judged(product)
      local id = "assess/" .. product.id
      for round = 1, 5 do
        local verdict = ask {
          id = round == 1 and id or id .. "/" .. round, role = "assess", remind = "1d",
          escalate = { after = "3d", to = "psirt-lead" },
          title  = ("%s: is %s affected?"):format(advisory.id, product.name),
          show   = { summary = advisory.summary, evidence = product.evidence, cves = advisory.cves },
          fields = {
            status = choice { "affected", "not_affected", "fixed", "under_investigation" },
            why    = text { required = true },
            fix_in = text {},
          },
        }
        case:note(("%s is %s: %s"):format(product.name, verdict.status, verdict.why))
        if verdict.status ~= "under_investigation" then
          return verdict
        end
        item_is("under_investigation")
        sleep "2d"
      end
      return { status = "affected", why = "still under investigation after five looks" }
    end

    local affected, ids, fixed = {}, {}, false
    for _, product in ipairs(ev.products) do
      local verdict = judged(product)
      fixed = fixed or verdict.status == "fixed"
      if verdict.status == "affected" then
        affected[#affected + 1] = {
          product = product.id, name = product.name, status = verdict.status,
          why = verdict.why, fix_in = verdict.fix_in,
        }
        ids[#ids + 1] = product.id
      end
    end
    clock("assess"):met {}

    if #affected == 0 then
      item_is(fixed and "fixed" or "not_affected", "closed")
      return case:close { resolution = "not-affected", reason = "no product of ours is affected" }
    end
    item_is("affected", "opened")
    psirt.tell_house(case)

    local draft = case:advisory { template = "csaf-vendor", verdicts = affected }
    local go, d = approve {
      id = "publish", role = "publish", show = draft, within = "7d",
      title = "Publish " .. draft.name .. " about " .. advisory.id,
    }
    if not go then
      return case:close { resolution = "held", reason = d.reason }
    end

    psirt.publish(case, draft, ids)
    item_is("closed")
    return case:close { resolution = "published", reason = d.reason }
  end,
}
