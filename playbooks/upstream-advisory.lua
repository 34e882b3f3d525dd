-- A vendor whose components we ship has published or changed an advisory.
--
-- Started once for an advisory, with exactly our products that it touches. Each owner judges
-- their product; what is affected goes into our own advisory, which needs a release.
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
    case:set { title = advisory.title, severity = advisory.severity }
    if advisory.withdrawn then
      return case:close { resolution = "withdrawn-upstream" }
    end
    clock("assess"):start { due = time_to_assess(advisory), owner = "psirt-lead" }

    local affected, ids = {}, {}
    for _, product in ipairs(ev.products) do
      local verdict = ask {
        id = "assess/" .. product.id, role = "assess",
        title  = ("%s: is %s affected?"):format(advisory.id, product.name),
        show   = { summary = advisory.summary, evidence = product.evidence, cves = advisory.cves },
        fields = {
          status = choice { "affected", "not_affected", "fixed", "under_investigation" },
          why    = text { required = true },
          fix_in = text {},
        },
      }
      case:note(("%s is %s: %s"):format(product.name, verdict.status, verdict.why))
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
      return case:close { resolution = "not-affected", reason = "no product of ours is affected" }
    end

    local draft = case:advisory { template = "csaf-vendor", verdicts = affected }
    local go, d = approve {
      id = "publish", role = "publish", quorum = 1, show = draft, within = "7d",
      title = "Publish " .. draft.name .. " about " .. advisory.id,
    }
    if not go then
      return case:close { resolution = "held", reason = d.reason }
    end

    psirt.publish(case, draft, ids)
    return case:close { resolution = "published", reason = d.reason }
  end,
}
