-- gitlab.lua - an issue carries our key as a label and is looked for by it before it is made; issues are confidential
-- unless `public` says otherwise. A comment carries the step's key in an HTML comment.
-- Source: GitLab REST API v4, issues and notes.
local function ask(method, path, ctx, json)
  return http { method = method, url = (ctx.settings.url or "https://gitlab.com") .. "/api/v4" .. path, json = json,
    headers = { ["PRIVATE-TOKEN"] = ctx.settings.token } }
end

local function project_of(args, ctx)
  local project = args.project or ctx.settings.project
  return project and urlencode(project)
end

local function label_of(args, ctx)
  return "tocsin-" .. (args.key or ctx.case or ctx.key):gsub("[^%w%-_.]", "-")
end

local function issue_of(issue, existed)
  return { number = issue.iid, id = issue.id, state = issue.state, url = issue.web_url, existed = existed }
end

local function search(args, ctx)
  if not project_of(args, ctx) then
    return fail("bad_request", "which project? { project }")
  end
  return ask("GET", "/projects/" .. project_of(args, ctx) .. "/issues?scope=all&per_page=2&labels=" .. urlencode(label_of(args, ctx)), ctx)
end

local function first(reply)
  local issues = reply.json or {}
  if #issues > 1 then
    return fail("several", ("more than one issue has this key: #%d, #%d"):format(issues[1].iid, issues[2].iid))
  end
  return issues[1] and issue_of(issues[1], true) or nil
end

local function numbered(method, path, json)
  return function(args, ctx)
    if not project_of(args, ctx) or not args.number then
      return fail("bad_request", "which issue? { project, number }")
    end
    return ask(method, ("/projects/%s/issues/%d%s"):format(project_of(args, ctx), args.number, path), ctx, json and json(args, ctx))
  end
end

local function changed(reply)
  return issue_of(reply.json)
end

local function state(event)
  return { request = numbered("PUT", "", function()
    return { state_event = event }
  end), response = changed }
end

return connector {
  create = {
    { request = function(args, ctx)
        if not args.title then
          return fail("bad_request", "an issue needs a title")
        end
        return search(args, ctx)
      end, response = first },
    { request = function(args, ctx)
        local labels = label_of(args, ctx)
        for _, label in ipairs(args.labels or {}) do
          labels = labels .. "," .. label
        end
        return ask("POST", "/projects/" .. project_of(args, ctx) .. "/issues", ctx, { title = shorten(args.title, 250),
          description = shorten(args.description or "", 100000), labels = labels, confidential = args.public ~= true })
      end, response = changed },
  },
  comment = {
    { request = function(args, ctx)
        if not args.text then
          return fail("bad_request", "a comment needs text")
        end
        return numbered("GET", "/notes?per_page=100&sort=desc")(args, ctx)
      end,
      response = function(reply, _, ctx)
        for _, note in ipairs(reply.json or {}) do
          if (note.body or ""):find("<!-- tocsin " .. ctx.key .. " -->", 1, true) then
            return { id = note.id, existed = true }
          end
        end
      end },
    { request = numbered("POST", "/notes", function(args, ctx)
        return { body = shorten(args.text, 100000) .. "\n\n<!-- tocsin " .. ctx.key .. " -->" }
      end),
      response = function(reply)
        return { id = reply.json.id }
      end },
  },
  close = state("close"),
  reopen = state("reopen"),
  find = { request = search, response = function(reply)
      return first(reply) or { found = false }
    end },
}
