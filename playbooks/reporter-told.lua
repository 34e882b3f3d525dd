-- Somebody of us has written to the reporter (`tocsin report tell`): they hear of it by mail.
--
-- Who reported by mail gets the words, in their thread and encrypted to their key when we know it. Who reported by the
-- form gets a mail that says only that there is news: the words are on the page that their receipt opens.
local psirt = require "lib.psirt"

return playbook {
  name  = "reporter-told",
  title = "The reporter was written to",
  on    = "report.told",

  run = function(case, ev)
    local told = psirt.tell_reporter(case, "A message about your report", ev.message, true)
    return { told = told }
  end,
}
