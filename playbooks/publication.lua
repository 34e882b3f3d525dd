-- What follows when the files of an advisory are out: its CVE records, then those who are told.
--
-- The publisher starts this run in the commit that makes a release public, with everything it sends in
-- the event, frozen. The advisory is `publishing` until the run has finished. A record that CVE Services
-- do not take holds everything behind it until a person decides; a mail that cannot be sent does not. What is
-- withdrawn or superseded sends no record by itself: at the end a person says what becomes of its ids.
local psirt = require "lib.psirt"
local track = use "track"

-- One record, as often as a person says. True when it is there.
local function record(ev, one)
  local cve = use(ev.connector)
  for round = 1, 20 do
    local ok, got = pcall(cve.publish, {
      cve = one.cve, container = one.container, reference = one.reference,
      retry = { attempts = 20, first = "10s", max = "15m", within = "3d" },
    })
    if ok then
      if got.done ~= "same" or one.state == "reserved" then
        track.move { track = "cve", subject = one.cve,
          to = one.state == "reserved" and "published" or "updated", reason = ev.version }
      end
      return true
    end
    local t = ask {
      id = "cve/" .. one.cve .. "/" .. round, role = "publish", remind = "4h",
      title = "CVE Services did not take the record of " .. one.cve, show = tostring(got.message or got),
      fields = { next = choice { "again", "leave" }, reason = text { required = true } },
    }
    if t.next == "leave" then
      return false
    end
  end
  return false
end

-- The advisory of a published id is withdrawn or superseded: rejected, told the new words, or left, as a person says.
local function over(case, ev, one)
  for round = 1, 20 do
    local t = ask {
      id = "over/" .. one.cve .. "/" .. round, role = "publish", remind = "1d",
      title = ("%s no longer holds: what becomes of %s?"):format(ev.advisory, one.cve),
      show = "reject: the id named no vulnerability. update: its record gets the words of the new version. "
        .. "leave: the record stays as it is.",
      fields = { next = choice { "reject", "update", "leave" }, reason = text { required = true } },
    }
    if t.next == "leave" then
      return
    end
    local cve = use(ev.connector)
    local ok, why = pcall(function()
      if t.next == "reject" then
        cve.reject { cve = one.cve, reason = t.reason }
        track.move { track = "cve", subject = one.cve, to = "rejected", reason = "withdrawn", note = t.reason }
      else
        cve.publish { cve = one.cve, container = one.container, reference = one.reference }
        track.move { track = "cve", subject = one.cve, to = "updated", reason = ev.version }
      end
    end)
    if ok then
      return
    end
    case:note(("CVE Services did not do it for %s: %s"):format(one.cve, tostring(why.message or why)))
  end
end

return playbook {
  name  = "publication",
  title = "What follows a release",
  on    = "advisory.public",
  roles = { publish = "psirt-lead" },

  run = function(case, ev)
    local records, told = 0, 0
    for _, one in ipairs(ev.cve) do
      if record(ev, one) then
        records = records + 1
      end
    end
    local sent = each(ev.mails, function(to) return psirt.tell_of(case, ev, to, "publication") end, { limit = 4 })
    for _, ok in ipairs(sent) do
      if ok then
        told = told + 1
      end
    end
    for _, one in ipairs(ev.over or {}) do
      over(case, ev, one)
    end
    return { records = records, told = told, failed = #ev.mails - told }
  end,
}
