-- A published advisory turns out to be wrong.
--
-- It is corrected with a new version that says what changed, or withdrawn; never silently edited. Whoever acted on
-- the wrong one is told, first of all those to whom it said that they were safe.
local advisory = use "advisory"
local psirt = require "lib.psirt"

return playbook {
  name   = "wrong-advisory",
  title  = "Wrong advisory",
  on     = "advisory.wrong",
  roles  = { check = "responder", publish = "psirt-lead" },
  inputs = { advisory = text { required = true }, claim = text { label = "What is wrong", required = true } },

  run = function(case, ev)
    local wrong = ev.inputs
    local t = ask {
      id = "check", role = "check", title = "Is " .. wrong.advisory .. " wrong?", within = "1d", remind = "4h",
      escalate = { after = "8h", to = "psirt-lead" }, show = wrong.claim,
      fields = {
        verdict = choice { "right", "typo", "wrong", "withdraw" },
        harm    = flag "Did it call somebody safe who is not?",
        reason  = text { required = true },
      },
    }
    if t.verdict == "right" then
      case:note(wrong.advisory .. " is right: " .. t.reason)
      return { corrected = false }
    end

    if t.harm then
      psirt.tell_house(case)
    end
    local draft = case:advisory { template = "csaf-vendor", text = "Correction: " .. t.reason }
    local go, d = approve {
      id = "correct", role = "publish", not_by = t.by, quorum = t.harm and 1 or 2, within = t.harm and "4h" or "3d",
      escalate = "executive", show = draft,
      title = (t.verdict == "withdraw" and "Withdraw " or "Correct ") .. wrong.advisory .. ": " .. t.reason,
    }
    if not go then
      case:note("It stays as it is: " .. d.reason)
      return { corrected = false, refused = true }
    end
    -- What is withdrawn says so in one more version; everything else is a new version that says what changed.
    -- Readers match their assets anew by its number: a typo is a patch, and nobody is woken for it.
    if t.verdict == "withdraw" then
      advisory.withdraw { name = wrong.advisory, reason = t.reason }
    elseif t.verdict == "typo" then
      advisory.publish { name = draft.name, digest = draft.digest }
    else
      psirt.publish(case, draft)
    end
    return { corrected = true, verdict = t.verdict, harm = t.harm }
  end,
}
