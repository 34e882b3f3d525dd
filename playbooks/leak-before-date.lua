-- What is under embargo turns up in public before the agreed date.
--
-- First find out how much is out. A rumour is watched, and nothing is said about it; details or an exploit end the
-- embargo by themselves. Everybody who keeps it is told before our own page says anything; only then we publish.
local fact = use "fact"
local psirt = require "lib.psirt"

return playbook {
  name   = "leak-before-date",
  title  = "Leak before the date",
  on     = "case.leaked",
  roles  = { look = "responder", decide = "psirt-lead" },
  inputs = { where = text { label = "Where it stands", required = true } },

  run = function(case, ev)
    local where, found = ev.inputs.where, nil
    -- A rumour is looked at again each day, for a week at most.
    for day = 1, 7 do
      found = ask {
        id = "look/" .. day, role = "look", title = "How much of " .. case.name .. " is public?", within = "8h",
        escalate = { after = "2h", to = "psirt-lead" }, show = where,
        fields = { public = choice { "nothing", "rumour", "details", "exploit" }, reason = text { required = true } },
        on_timeout = { public = "details", reason = "nobody looked in eight hours: the worse case is assumed" },
      }
      if found.public ~= "rumour" then
        break
      end
      sleep "1d"
    end

    if one_of(found.public, "nothing", "rumour") then
      case:note("The embargo holds: " .. found.reason)
      return { public = found.public }
    end
    local parties = psirt.participants(case)
    -- P and X end the embargo in the same breath; an exploit makes it public too.
    fact.seen { fact = found.public == "exploit" and "exploit_public" or "public_aware", evidence = where }
    psirt.tell_house(case)
    psirt.tell_all(case, parties, "The matter has become public",
      "It stands at " .. where .. ". Our embargo has ended; we publish as soon as it is released.")
    psirt.tell_reporter(case, "The matter has become public", "We publish early. This was not our doing.")

    local out, d = psirt.release(case, { template = "incident-notice", role = "decide", within = "1d", id = "early" })
    if not out then
      case:note("Silent although it is public: " .. d.reason)
    end
    return { public = found.public, published = out }
  end,
}
