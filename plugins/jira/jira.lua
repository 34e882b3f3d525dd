-- jira.lua - an issue carries our key as a label, and is looked for by it before it is made; a comment carries the
-- step's key. So a repeat finds what the first try did. `find` brings the status back.
-- Source: Jira REST API 2 (Data Center 9, Cloud), search/jql of Cloud.
local function auth(s)
  return s.user and basic(s.user, s.token) or bearer(s.token)
end

local function ask(method, path, ctx, json, accept)
  return http { method = method, url = ctx.settings.url .. "/rest/api/2" .. path, json = json, accept = accept,
    headers = { Authorization = auth(ctx.settings), Accept = "application/json" } }
end

-- Labels have no spaces.
local function label_of(args, ctx)
  return "tocsin-" .. (args.key or ctx.case or ctx.key):gsub("[^%w%-_.]", "-")
end

local function search(args, ctx)
  -- Cloud took the old search away; its accounts are those with a user.
  local path = ctx.settings.user and "/search/jql" or "/search"
  return ask("GET", path .. "?maxResults=2&fields=status,summary&jql=" .. urlencode(('labels = "%s"'):format(label_of(args, ctx))), ctx)
end

local function issue_of(found, ctx)
  local fields = found.fields or {}
  return { issue = found.key, id = found.id, status = fields.status and fields.status.name,
    done = fields.status and fields.status.statusCategory and fields.status.statusCategory.key == "done",
    url = ctx.settings.url .. "/browse/" .. found.key }
end

local function first(reply, _, ctx)
  local issues = reply.json and reply.json.issues or {}
  if #issues > 1 then
    return fail("several", "more than one issue has this key: " .. issues[1].key .. ", " .. issues[2].key)
  end
  return issues[1] and issue_of(issues[1], ctx) or nil
end

local function errors_of(reply)
  local said, parts = reply.json or {}, {}
  for _, text in ipairs(said.errorMessages or {}) do
    parts[#parts + 1] = text
  end
  for name, text in sorted(said.errors or {}) do
    parts[#parts + 1] = name .. ": " .. text
  end
  return fail("refused", "Jira says: " .. (#parts > 0 and table.concat(parts, "; ") or "status " .. tostring(reply.status)))
end

return connector {
  create = {
    { request = function(args, ctx)
        if not args.summary or not (args.project or ctx.settings.project) then
          return fail("bad_request", "an issue needs summary and project")
        end
        return search(args, ctx)
      end,
      response = function(reply, args, ctx)
        local found = first(reply, args, ctx)
        if found and not getmetatable(found) then
          found.existed = true
        end
        return found
      end },
    { request = function(args, ctx)
        local labels = { label_of(args, ctx) }
        for _, label in ipairs(args.labels or {}) do
          labels[#labels + 1] = label
        end
        return ask("POST", "/issue", ctx, { fields = { project = { key = args.project or ctx.settings.project },
          issuetype = { name = args.type or ctx.settings.type or "Task" }, summary = shorten(args.summary:gsub("%s+", " "), 250),
          description = shorten(args.description or "", 30000), labels = labels } }, { 400 })
      end,
      response = function(reply, _, ctx)
        if reply.status == 400 then
          return errors_of(reply)
        end
        return issue_of(reply.json, ctx)
      end },
  },
  comment = {
    { request = function(args, ctx)
        if not args.issue or not args.text then
          return fail("bad_request", "a comment needs issue and text")
        end
        return ask("GET", "/issue/" .. urlencode(args.issue) .. "/comment?orderBy=-created&maxResults=100", ctx)
      end,
      response = function(reply, _, ctx)
        for _, comment in ipairs(reply.json and reply.json.comments or {}) do
          if type(comment.body) == "string" and comment.body:find("[tocsin " .. ctx.key .. "]", 1, true) then
            return { id = comment.id, existed = true }
          end
        end
      end },
    { request = function(args, ctx)
        return ask("POST", "/issue/" .. urlencode(args.issue) .. "/comment", ctx,
          { body = shorten(args.text, 30000) .. "\n\n[tocsin " .. ctx.key .. "]" })
      end,
      response = function(reply)
        return { id = reply.json and reply.json.id }
      end },
  },
  transition = {
    { request = function(args, ctx)
        if not args.issue or not args.to then
          return fail("bad_request", "a transition needs issue and to")
        end
        return ask("GET", "/issue/" .. urlencode(args.issue) .. "?fields=status", ctx)
      end,
      response = function(reply, args)
        local status = reply.json and reply.json.fields and reply.json.fields.status
        if status and status.name:lower() == args.to:lower() then
          return { status = status.name, existed = true }
        end
      end },
    { request = function(args, ctx)
        return ask("GET", "/issue/" .. urlencode(args.issue) .. "/transitions", ctx)
      end,
      response = function(reply, args)
        local names = {}
        for _, t in ipairs(reply.json and reply.json.transitions or {}) do
          names[#names + 1] = t.to and t.to.name or t.name
          if t.name:lower() == args.to:lower() or (t.to and t.to.name:lower() == args.to:lower()) then
            return nil
          end
        end
        return fail("no_transition", "from here it can go to: " .. table.concat(names, ", "))
      end },
    { request = function(args, ctx)
        for _, t in ipairs(ctx.replies[2].json.transitions) do
          if t.name:lower() == args.to:lower() or (t.to and t.to.name:lower() == args.to:lower()) then
            return ask("POST", "/issue/" .. urlencode(args.issue) .. "/transitions", ctx, { transition = { id = t.id } })
          end
        end
        return fail("no_transition", "it is gone")
      end,
      response = function(_, args)
        return { status = args.to }
      end },
  },
  find = {
    request = search,
    response = function(reply, args, ctx)
      return first(reply, args, ctx) or { issue = nil, found = false }
    end,
  },
}
