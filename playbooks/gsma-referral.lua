-- A finding in a mobile standard rather than in one vendor's product: the GSMA's CVD programme takes these.
--
-- A table decides (gsma.decide): redirect it when it is only in the standard, dual-file when our product is affected
-- too; what is public is out of the programme's scope. Nothing goes out without the reporter's consent and a lead's
-- release of exactly the submission that is sent.
local filing, gsma, mail = use "filing", use "gsma", use "mail"
local psirt = require "lib.psirt"

return playbook {
  name   = "gsma-referral",
  title  = "GSMA referral",
  on     = "case.standard",
  roles  = { judge = "responder", release = "psirt-lead" },
  inputs = { gsma = text { label = "Address of the programme", required = false } },

  run = function(case, ev)
    local report = case.report or {}
    local t = ask {
      id = "judge", role = "judge", title = "Does " .. case.name .. " belong to the GSMA?", within = "5d",
      remind = "2d", escalate = { after = "4d", to = "psirt-lead" }, show = report.text,
      fields = {
        standard = flag "Is the flaw in a standard?",
        several  = flag "Does it concern several vendors or operators?",
        public   = flag "Is it public already?",
        ours     = flag "Is a product of ours affected too?",
        consent  = flag "Does the reporter agree?",
        which    = text { required = true, label = "Standard and release" },
        summary  = text { required = true, label = "What the panel of experts has to know" },
        impact   = text { required = true },
        to       = text { required = false, label = "Address of the programme" },
      },
    }
    local decided = gsma.decide { standard_based = t.standard, industry_wide = t.several, own_product = t.ours,
      public = t.public }
    local to = t.to or (ev.inputs or {}).gsma
    if not decided.needs_submission or not t.consent or not to then
      case:note("Not referred: " .. (not decided.needs_submission and decided.why or
        not t.consent and "the reporter does not agree" or "no address of the programme is known"))
      return { referred = false, ours = t.ours }
    end

    local draft = filing.draft { to = "gsma", stage = "submission", fields = { standard = t.which,
      description = t.summary, impact = t.impact, affected = t.ours and "also a product of ours" or "the standard",
      contact = report.contact and report.contact.name or "anonymous" } }
    local go, d = approve {
      id = "refer", role = "release", within = "3d", not_by = t.by, show = draft,
      title = (decided.decision == "dual-file" and "Dual-file " or "Redirect ") .. case.name .. " to the GSMA",
    }
    if not go then
      case:note("Not referred: " .. d.reason)
      return { referred = false, ours = t.ours }
    end
    filing.approve { filing = draft.filing, digest = draft.digest, reason = d.reason, approval = "refer" }
    mail.send { to = to, template = "case-update", case = case.name, vars = { case = case.name,
      name = "CVD programme", subject = "Submission", text = draft.text } }
    filing.sent { filing = draft.filing }
    psirt.tell_reporter(case, "Your finding is with the GSMA", "Their panel of experts assesses it; we follow it.")

    local answer = wait { event = "gsma.reply", within = "30d" }
    if answer then
      filing.receipt { filing = draft.filing, receipt = tostring(answer.reference or "answered") }
    end
    case:note(answer and "The GSMA has answered" or "The GSMA has not answered in 30 days")
    if t.ours then
      return { referred = true, ours = true, accepted = answer ~= nil } -- our own case goes on
    end
    psirt.report_is("valid", "deferred", "closed")
    return case:close { resolution = answer and "referred" or "referred-unanswered", reason = d.reason }
  end,
}
