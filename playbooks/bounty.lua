-- A report that may earn a reward.
--
-- Entered in a programme, whose rules decide who earns nothing (public, out of scope, not the first of a root cause,
-- one too many of a kind on a site); rated by a panel, offered within the published range by somebody who did not
-- rate, then paid, donated or declined. Rules and amounts stand in the programme's policy document.
local bounty = use "bounty"
local psirt = require "lib.psirt"

local programmes = { "bounty-web", "bounty-products", "none" }
local bands = { "critical", "high", "medium", "low", "none" }

return playbook {
  name   = "bounty",
  title  = "Bounty",
  on     = "bounty.candidate",
  roles  = { check = "responder", rate = "bounty-panel", approve = "psirt-lead" },
  inputs = { subject = text { label = "Receipt of the report", required = true } },

  run = function(case, ev)
    local subject = ev.inputs.subject
    local function no_reward(why)
      psirt.tell_reporter(case, "No reward this time", "Your report earns none: " .. why .. ".")
      return { reward = 0, why = why }
    end

    local t = ask {
      id = "eligible", role = "check", title = "Which programme is " .. subject .. " for?", within = "7d",
      remind = "2d", escalate = { after = "5d", to = "psirt-lead" },
      fields = {
        programme  = choice(programmes),
        site       = text { required = true, label = "Host or product model" },
        weakness   = text { required = true, placeholder = "CWE-79" },
        root_cause = text { label = "One word for the cause; the same word counts once" },
        public     = flag "Was it public, or disclosed before its time?",
        reason     = text { required = true },
      },
    }
    if t.programme == "none" then
      return no_reward("it is in no programme")
    end
    local entered = bounty.enter { report = subject, programme = t.programme, site = t.site, weakness = t.weakness,
      root_cause = t.root_cause, public = t.public }
    if not entered.eligible then
      return no_reward(entered.why)
    end

    -- One vote a person: who answers twice has voted once, and another is asked.
    local rating, raters
    raters = {}
    for seat = 1, 5 do
      local vote = ask {
        id = "rate/" .. seat, role = "rate", title = "Your rating of " .. subject, within = "7d", remind = "2d",
        escalate = { after = "5d", to = "psirt-lead" },
        fields = { level = choice(bands), reason = text { required = true } },
      }
      raters[#raters + 1] = vote.by
      rating = bounty.vote { report = subject, band = vote.level, reason = vote.reason, approval = "rate/" .. seat }
      if rating.votes >= rating.needed then
        break
      end
    end
    if not rating.band or rating.band == "none" then
      return no_reward("the panel has rated it below the table")
    end

    local offer = ask {
      id = "amount", role = "rate", title = ("How much for %s, %d to %d %s?"):format(rating.band, rating.least,
        rating.most, rating.currency), within = "7d",
      fields = { amount = number { required = true, min = rating.least, max = rating.most } },
    }
    local go, d = approve {
      id = "reward", role = "approve", not_by = raters, within = "7d", show = { rating = rating, offer = offer.amount },
      title = ("Offer %d %s for %s"):format(offer.amount, rating.currency, subject),
    }
    if not go then
      return no_reward(d.reason)
    end
    bounty.approve { report = subject, amount = offer.amount, reason = d.reason, approval = "reward" }
    bounty.offer { report = subject }
    psirt.tell_reporter(case, "You have earned a reward",
      ("%d %s. How shall we pay, and may we name you?"):format(offer.amount, rating.currency))
    local answer = wait { event = "bounty.answer", within = "90d" }
    local outcome = answer and answer.choice or "declined" -- paid, donated or declined
    bounty.settle { report = subject, outcome = outcome, approval = "reward",
      reason = answer and "as the reporter chose" or "no answer in 90 days" }
    if answer and answer.name then
      bounty.consent { report = subject, consent = answer.name }
    end
    return { reward = outcome == "declined" and 0 or offer.amount, level = rating.band, paid = outcome }
  end,
}
