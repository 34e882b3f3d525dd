-- A report that may earn a reward.
--
-- Eligible or not by the rules of its programme, rated by a panel that does not see each other's votes before it
-- gives its own, approved by somebody who did not rate, offered, paid. First by arrival wins; what is public already
-- earns nothing.
local psirt = require "lib.psirt"

-- The published amounts of the two programmes, in US dollars: { least, most }.
local programmes = {
  web      = { critical = { 500, 1500 }, high = { 150, 500 }, medium = { 50, 150 }, low = { 10, 50 } },
  products = { critical = { 1000, 10000 }, high = { 500, 2500 }, medium = { 100, 500 }, low = { 30, 100 } },
}
local lower = { critical = "high", high = "medium", medium = "low" }
local levels = { "critical", "high", "medium", "low", "none" }

-- The level that most of the panel gave; between two, the lower one.
local function verdict(votes)
  local n = {}
  for _, vote in ipairs(votes) do
    n[vote.level] = (n[vote.level] or 0) + 1
  end
  local best
  for _, level in ipairs(levels) do
    if n[level] and (not best or n[level] >= n[best]) then
      best = level
    end
  end
  return best
end

return playbook {
  name   = "bounty",
  title  = "Bounty",
  on     = "bounty.candidate",
  roles  = { check = "responder", rate = "bounty-panel", approve = "psirt-lead" },
  inputs = { subject = text { label = "Receipt of the report", required = true } },

  run = function(case, ev)
    local subject = ev.inputs.subject
    local function move(to, reason)
      case:set { bounty = { report = subject, state = to }, reason = reason }
    end
    local t = ask {
      id = "eligible", role = "check", title = "May " .. subject .. " earn a reward?", within = "7d", remind = "2d",
      escalate = { after = "5d", to = "psirt-lead" },
      fields = {
        programme  = choice { "web", "products", "none" },
        first      = flag "Is it the first report of this root cause?",
        public     = flag "Was it public, or disclosed before its time?",
        subsidiary = flag "Is it in a listed subsidiary?",
        repeats    = number { min = 0, label = "How many of this kind at this site were rewarded before?" },
        reason     = text { required = true },
      },
    }
    move("candidate", "checked")
    local why = (t.programme == "none" and "in no programme") or (t.public and "already public")
      or (t.programme == "web" and (t.repeats or 0) >= 3 and "the fourth of its kind at one site") or nil
    if why or not t.first then
      move(why and "not_eligible" or "duplicate", t.reason)
      psirt.tell_reporter(case, "No reward this time", why and ("Your report earns none: " .. why .. ".")
        or "Somebody reported the same root cause before you.")
      return { reward = 0, why = why or "duplicate" }
    end

    local votes = each({ "a", "b", "c" }, function(seat)
      return ask {
        id = "rate/" .. seat, role = "rate", title = "Your rating of " .. subject, within = "7d", remind = "2d",
        escalate = { after = "5d", to = "psirt-lead" },
        fields = { level = choice(levels), reason = text { required = true } },
      }
    end)
    local level = verdict(votes)
    if t.subsidiary then
      level = lower[level] or "none" -- one level down, and low then earns nothing
    end
    if level == "none" then
      move("not_eligible", "rated as none")
      psirt.tell_reporter(case, "No reward this time", "The panel has rated your report below the table.")
      return { reward = 0, why = "rated as none" }
    end
    move("rated", level)

    local range = programmes[t.programme][level]
    local raters = {}
    for i, vote in ipairs(votes) do
      raters[i] = vote.by
    end
    local go, d = approve {
      id = "reward", role = "approve", not_by = raters, within = "7d",
      show = { level = level, range = range, votes = votes },
      title = ("Offer %d to %d dollars for %s"):format(range[1], range[2], subject),
    }
    if not go then
      psirt.tell_reporter(case, "No reward this time", d.reason)
      return { reward = 0, why = d.reason }
    end
    move("approved", d.reason)
    move("offered", level)
    psirt.tell_reporter(case, "You have earned a reward",
      ("Level %s, up to %d dollars. How shall we pay, and may we name you?"):format(level, range[2]))
    local answer = wait { event = "bounty.answer", within = "90d" }
    local to = answer and answer.choice or "declined" -- paid, donated or declined
    move(to, answer and "as the reporter chose" or "no answer in 90 days")
    return { reward = to == "declined" and 0 or range[2], level = level, paid = to }
  end,
}
