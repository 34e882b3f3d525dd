-- A finding in a mobile standard rather than in one vendor's product: the GSMA's CVD programme takes these.
--
-- Redirect it when it is only in the standard, dual-file when our product is affected too. What is already public
-- is out of the programme's scope. Nothing goes out without the reporter's consent and a lead's release.
local mail = use "mail"
local psirt = require "lib.psirt"

return playbook {
  name   = "gsma-referral",
  title  = "GSMA referral",
  on     = "case.standard",
  roles  = { judge = "responder", release = "psirt-lead" },
  inputs = { gsma = text { label = "Address of the programme", required = true } },

  run = function(case, ev)
    local t = ask {
      id = "judge", role = "judge", title = "Does " .. case.name .. " belong to the GSMA?", within = "5d",
      remind = "2d",
      escalate = { after = "4d", to = "psirt-lead" }, show = case.report and case.report.text,
      fields = {
        standard = flag "Is the flaw in a standard?",
        several  = flag "Does it concern several vendors or operators?",
        public   = flag "Is it public already?",
        ours     = flag "Is a product of ours affected too?",
        consent  = flag "Does the reporter agree?",
        summary  = text { required = true, label = "What the panel of experts has to know" },
      },
    }
    local fits = t.standard and t.several and not t.public
    if not fits or not t.consent then
      case:note("Not referred: " .. (not fits and "outside the programme's scope" or "the reporter does not agree"))
      return { referred = false, ours = t.ours }
    end

    local package = { case = case.name, summary = t.summary, vendor_affected = t.ours,
      reporter = case.report and case.report.contact and case.report.contact.name or "anonymous" }
    local go, d = approve {
      id = "refer", role = "release", within = "3d", show = package,
      title = (t.ours and "Dual-file " or "Redirect ") .. case.name .. " to the GSMA",
    }
    if not go then
      case:note("Not referred: " .. d.reason)
      return { referred = false, ours = t.ours }
    end
    mail.send { to = ev.inputs.gsma, template = "case-update", vars = { case = case.name, name = "CVD programme",
      subject = "Submission", text = json.encode(package) } }
    psirt.tell_reporter(case, "Your finding is with the GSMA", "Their panel of experts assesses it; we follow it.")

    local accepted = wait { event = "gsma.reply", within = "30d" }
    case:note(accepted and "The GSMA has answered" or "The GSMA has not answered in 30 days")
    if t.ours then
      return { referred = true, ours = true, accepted = accepted ~= nil } -- our own case goes on
    end
    return case:close { resolution = accepted and "referred" or "referred-unanswered", reason = d.reason }
  end,
}
