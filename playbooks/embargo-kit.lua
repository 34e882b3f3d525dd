-- What we say when an embargo breaks, written while there is time.
--
-- Started when the embargo begins: a holding statement that names the product and nothing else, and an early
-- advisory with what is known to help. Both wait behind one question; the approval ends the embargo and releases
-- both. When the embargo ends as planned the kit is thrown away.
local advisory = use "advisory"
local embargo = use "embargo"
local psirt = require "lib.psirt"

-- The embargo as it is now; looked at once a day.
local function ended(case)
  for _ = 1, 800 do
    sleep "1d"
    local state = case:get().embargo
    if not one_of(state or "none", "proposed", "active", "revise") then
      return true
    end
  end
end

return playbook {
  name   = "embargo-kit",
  title  = "Embargo kit",
  on     = "embargo.accepted",
  roles  = { release = "psirt-lead" },
  inputs = {
    mitigation = text { label = "What helps before there is a fix", required = true },
    product    = text { label = "The product as customers know it", required = false },
    flaw       = text { label = "The flaw, in words that may be public then", required = false },
  },

  run = function(case, ev)
    local t = ev.inputs
    local product = t.product or case.product or "our product"
    local holding = case:advisory { template = "holding-statement", another = true }
    local early = case:advisory {
      template = "early-mitigation", another = true, title = "Early mitigation for " .. product, tlp = "CLEAR",
      products = { { ref = "P", product = product, version_range = "vers:all/*" } },
      vulnerabilities = { {
        title = "Vulnerability in " .. product,
        description = t.flaw or ("A vulnerability in " .. product .. " has become public. A fix is being prepared."),
        status = { known_affected = { "P" } },
        remediations = { { category = "mitigation", details = t.mitigation, product_ids = { "P" } } },
      } },
    }

    local got = race {
      function()
        local go, d = approve {
          id = "release", policy = "kit", role = "release", quorum = 2, within = "800d",
          title = "The embargo of " .. case.name .. " is broken: release " .. holding.name .. " and " .. early.name,
          show = { holding = holding, early = early },
        }
        return { go = go, reason = d.reason }
      end,
      function() return ended(case) and { go = false, reason = "the embargo has ended" } or { go = false } end,
    }
    if not got.go then
      case:note("The embargo kit is not needed: " .. (got.reason or ""))
      return { released = false, reason = got.reason }
    end
    if one_of(case:get().embargo or "none", "proposed", "active", "revise") then
      embargo.release_early { reason = got.reason, approval = "release" }
    end
    for _, one in ipairs { holding, early } do
      advisory.publish { name = one.name, digest = one.digest, status = "interim" }
    end
    psirt.tell_reporter(case, "The matter has become public",
      "We have published what helps now. The full advisory follows.")
    return { released = true, advisories = { holding.name, early.name } }
  end,
}
