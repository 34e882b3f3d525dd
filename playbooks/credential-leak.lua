-- A password, key or token of ours stands somewhere it must not.
--
-- Revoke first and ask later: what is out is used within minutes. Revoking may break things, so a duty manager
-- allows it; when nobody answers in a quarter of an hour, the next one is asked, and then it is done by hand.
local psirt = require "lib.psirt"

return playbook {
  name   = "credential-leak",
  title  = "Credential leak",
  on     = "report.credential",
  roles  = { look = "responder", revoke = "duty-manager" },
  inputs = { where = text { label = "Where it stands", required = true },
             what = text { label = "What it opens, without the secret itself", required = true } },

  run = function(case, ev)
    local leak = ev.inputs
    case:set { severity = "high", reason = "a credential is out" }
    local t = ask {
      id = "look", role = "look", title = "Is the credential real, and whose is it?", within = "30m", remind = "10m",
      escalate = { after = "10m", to = "duty-manager" }, show = leak,
      fields = { real = flag "Does it work, or did it?", owner = text { required = true }, breaks = text {} },
      on_timeout = { real = true, owner = "unknown" },
    }
    if not t.real then
      psirt.tell_reporter(case, "Thank you, it is not valid", "The credential never worked, or not any more.")
      return case:close { resolution = "not-valid" }
    end

    psirt.tell_house(case)
    local go, d = approve {
      id = "revoke", role = "revoke", within = "30m", escalate = "psirt-lead",
      title = "Revoke the credential of " .. t.owner .. " now", show = { leak = leak, breaks = t.breaks },
    }
    if not go then
      case:note("Not revoked: " .. d.reason)
    end
    -- Done by a person, because each kind of credential is revoked elsewhere.
    local done = ask {
      id = "cleaned", role = "look", title = "What was done about it?", remind = "30m",
      escalate = { after = "2h", to = "psirt-lead" },
      fields = {
        revoked = flag "Revoked, and replaced where it is needed?",
        removed = flag("Removed from " .. leak.where .. " and its history?"),
        used    = flag "Do the logs show that somebody used it?",
        note    = text {},
      },
    }
    case:set { revoked = done.revoked, exploited = done.used, reason = "checked in the logs" }
    if done.used then
      case:note("It was used: customer-incident or exploited-under-embargo goes on from here")
      return { revoked = done.revoked, used = true }
    end
    psirt.report_is("valid", "accepted", "closed")
    psirt.tell_reporter(case, "The credential is void", "Thank you. It has been revoked, and nobody has used it.")
    return case:close { resolution = done.revoked and "revoked" or "accepted-risk", reason = d.reason }
  end,
}
