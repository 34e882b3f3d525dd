-- What is under embargo turns up in public before the agreed date.
--
-- First find out how much is out. A rumour is watched; details or an exploit end the embargo, with everybody who
-- keeps it told before our own page says anything.
local fact = use "fact"
local psirt = require "lib.psirt"

return playbook {
  name   = "leak-before-date",
  title  = "Leak before the date",
  on     = "case.leaked",
  roles  = { look = "responder", decide = "psirt-lead" },
  inputs = { where = text { label = "Where it stands", required = true },
             participants = text { label = "Who knows under embargo, addresses" } },

  run = function(case, ev)
    local leak, found = ev.inputs, nil
    -- A rumour is looked at again each day, for a week at most.
    for day = 1, 7 do
      found = ask {
        id = "look/" .. day, role = "look", title = "How much of " .. case.name .. " is public?", within = "8h",
        escalate = { after = "2h", to = "psirt-lead" }, show = leak.where,
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
    if found.public == "exploit" then
      fact.seen { fact = "exploit_public", evidence = leak.where } -- and with it everybody knows
    else
      fact.seen { fact = "public_aware", evidence = leak.where }
    end
    psirt.tell_all(case, psirt.addresses(leak.participants), "The matter has become public",
      "It stands at " .. leak.where .. ". Our embargo has ended; we publish as soon as two of us have released it.")
    psirt.tell_reporter(case, "The matter has become public", "We publish early. This was not our doing.")

    local out, d = psirt.release(case, { template = "incident-notice", role = "decide", within = "1d", id = "early" })
    if not out then
      case:note("Silent although it is public: " .. d.reason)
    end
    return { public = found.public, published = out }
  end,
}
