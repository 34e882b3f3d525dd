-- A weakness in a product that gets no updates any more.
--
-- No fix is planned, and that has to be said plainly, with what owners can do instead. When it is exploited and
-- many still run it, a person may decide to fix it after all.
local psirt = require "lib.psirt"

return playbook {
  name   = "end-of-life-product",
  title  = "End-of-life product",
  on     = "case.end-of-life",
  roles  = { judge = "product-owner", except = "executive", publish = "psirt-lead" },

  run = function(case)
    local t = ask {
      id = "judge", role = "judge", title = "How bad is it for who still runs " .. (case.product or "it") .. "?",
      within = "7d", remind = "2d", escalate = { after = "5d", to = "psirt-lead" },
      fields = {
        severity   = choice { "low", "medium", "high", "critical" },
        exploited  = flag "Is it being exploited?",
        still_used = flag "Do many still run it?",
        instead    = text { required = true, label = "What owners can do: replace, isolate, switch off" },
      },
    }
    case:set { severity = t.severity, exploited = t.exploited, remediation = "no_fix_planned",
      cve_tag = "unsupported-when-assigned" }

    psirt.report_is("valid", "accepted")
    if t.exploited then
      psirt.tell_house(case)
    end
    if t.exploited and t.still_used and one_of(t.severity, "high", "critical") then
      local fix, d = approve {
        id = "fix-anyway", role = "except", within = "3d", title = "Fix it although support has ended", show = t,
      }
      if fix then
        case:set { remediation = "vendor_fix", reason = d.reason }
        case:note("It is fixed by way of exception; vulnerability-report goes on from here")
        return { fixed = true }
      end
    end

    local out, d = psirt.release(case, { template = "csaf-vendor", role = "publish", within = "7d",
      text = "Support has ended and no fix is planned. What owners can do: " .. t.instead })
    psirt.report_is("closed")
    psirt.tell_reporter(case, "The product is out of support", "No fix is planned. Owners can: " .. t.instead)
    return case:close { resolution = out and "published-no-fix" or "held", reason = d.reason }
  end,
}
