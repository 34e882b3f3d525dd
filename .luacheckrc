std = "lua54"
max_line_length = 110
-- What src/worker/prelude gives a playbook; the golden list in tests/sandbox is the truth.
files["playbooks/**/*.lua"].globals = {
  "playbook", "use", "start", "join", "restart", "parallel", "race", "each", "ask", "approve", "wait", "sleep", "clock", "choice", "text", "flag",
  "number", "date", "pick", "one_of", "sorted", "now", "uuid", "random", "log", "json", "require", "timestamp",
}
files["playbooks/**/*.lua"].std = "min"
-- Specs add the language of src/worker/author/40_spec.lua.
files["playbooks/**/*_spec.lua"].globals = {
  "describe", "it", "before_each", "sim", "fixture", "for_each_step", "assert", "sorted", "json",
}
files["playbooks/**/*_spec.lua"].max_line_length = 124
-- Rows of words and rules, one a line.
files["src/worker/author/**/*.lua"].max_line_length = 124
files["playbooks/**/*.lua"].max_line_length = 120
exclude_files = { "build/**" }
-- Connectors: the language of src/worker/author/35_connector.lua (docs/connectors.md).
files["plugins/**/*.lua"].std = "min"
files["plugins/**/*.lua"].globals = {
  "connector", "http", "mail", "done", "fail", "try_later", "not_known", "bearer", "basic", "joined", "hmac", "ed25519",
  "body", "urlencode", "shorten", "absent", "json", "timestamp", "one_of", "sorted", "utf8",
}
files["plugins/**/*.lua"].max_line_length = 150
