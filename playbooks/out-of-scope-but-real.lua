-- The finding is real, and not ours: an upstream component, another vendor, a hosted service of somebody else.
--
-- Real findings are never just refused. With the reporter's consent we hand it on, and follow until somebody has
-- taken it; without consent we say where it belongs.
local mail, fact = use "mail", use "fact"
local psirt = require "lib.psirt"

return playbook {
  name   = "out-of-scope-but-real",
  title  = "Out of scope, but real",
  on     = "report.out-of-scope",
  roles  = { route = "responder", release = "psirt-lead" },

  run = function(case)
    local report = case.report
    local t = ask {
      id = "whose", role = "route", title = "Whose is it, and where do they take reports?", within = "5d",
      remind = "2d", escalate = { after = "3d", to = "psirt-lead" }, show = report.text,
      fields = {
        owner   = text { required = true, label = "Vendor or project" },
        contact = text { label = "Their address for reports" },
        consent = flag "Does the reporter agree that we hand it on?",
      },
    }
    if not t.consent or not t.contact then
      psirt.tell_reporter(case, "This is for " .. t.owner, "Your finding is real, and it is theirs to fix. "
        .. (t.contact and ("They take reports at " .. t.contact .. ".") or "We know of no address for reports."))
      psirt.report_is("valid", "deferred", "closed")
      report:update { state = "closed", message = "It belongs to " .. t.owner .. "." }
      return case:close { resolution = "redirected", reason = t.owner }
    end

    local go, d = approve {
      id = "hand-on", policy = "refer", role = "release", within = "5d", show = { to = t.contact, text = report.text },
      title = "Hand the finding on to " .. t.owner,
    }
    if not go then
      return case:close { resolution = "kept", reason = d.reason }
    end
    mail.send { to = t.contact, template = "case-update", case = case.name, vars = { case = case.name,
      name = t.owner, subject = "A finding in something of yours", text = report.text } }
    fact.seen { fact = "vendor_aware", vendor = t.owner, evidence = "handed on to " .. t.contact }
    for letter = 1, 3 do
      local taken = wait { id = "taken/" .. letter, event = "owner.reply", within = "14d" }
      if taken then
        psirt.tell_reporter(case, t.owner .. " has taken it over", "They have your finding and answer to us.")
        psirt.report_is("valid", "deferred", "closed")
        report:update { state = "closed", message = "It is with " .. t.owner .. "." }
        return case:close { resolution = "handed-on", reason = t.owner }
      end
      mail.send { to = t.contact, template = "case-update", case = case.name, vars = { case = case.name,
        name = t.owner, subject = "A finding in something of yours, asked again", text = "We have had no answer." } }
    end

    -- Six weeks of silence: a coordinator may have more luck.
    case:note(t.owner .. " does not answer; a coordinator should be asked")
    psirt.tell_reporter(case, t.owner .. " does not answer", "You may publish, or ask a coordinator such as CERT/CC.")
    psirt.report_is("valid", "deferred", "closed")
    report:update { state = "closed", message = t.owner .. " does not answer." }
    return case:close { resolution = "owner-silent", reason = t.owner }
  end,
}
