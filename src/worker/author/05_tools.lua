-- 05_tools.lua - the tools of playbook authors: functions from plain data to plain data.
--
-- They run in the worker, confined like a playbook and with the prelude around them, so that what they
-- know of the language is the prelude itself. The core calls them by name (frame TOOL).
local native, api = ...
native.tools = {}

-- What playbooks see, before 40_spec.lua adds the language of specs.
native.playbook_api = {}
for name, value in pairs(api) do
  native.playbook_api[name] = value
end
