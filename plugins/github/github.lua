-- github.lua - an issue carries our key as a label (lists by label are current, the search index is not), and is
-- looked for before it is made; a comment carries the step's key in an HTML comment.
-- Source: GitHub REST API 2022-11-28, issues; rate limits: 403 or 429, with Retry-After.
local function ask(method, path, ctx, json)
  return http { method = method, url = (ctx.settings.url or "https://api.github.com") .. path, json = json, accept = { 403, 422 },
    headers = { Authorization = bearer(ctx.settings.token), Accept = "application/vnd.github+json",
      ["X-GitHub-Api-Version"] = "2022-11-28" } }
end

local function repo_of(args, ctx)
  local repo = args.repo or ctx.settings.repo
  return repo and repo:find("^[%w%-_.]+/[%w%-_.]+$") and not repo:find("..", 1, true) and repo or nil
end

-- At most 50 characters, no commas.
local function label_of(args, ctx)
  return shorten("tocsin-" .. (args.key or ctx.case or ctx.key):gsub("[^%w%-_.]", "-"), 50)
end

local function refused(reply)
  local said = reply.json or {}
  local why = said.message or ("status " .. tostring(reply.status))
  if reply.status == 403 and (why:lower():find("rate limit", 1, true) or reply.retry_after_ms) then
    return try_later("rate_limited", "GitHub says: " .. why)
  end
  if reply.status == 403 or reply.status == 422 then
    return fail("refused", "GitHub says: " .. why)
  end
end

local function issue_of(issue, existed)
  return { number = issue.number, state = issue.state, reason = issue.state_reason, url = issue.html_url, existed = existed }
end

local function search(args, ctx)
  if not repo_of(args, ctx) then
    return fail("bad_request", "repo is owner/name")
  end
  return ask("GET", "/repos/" .. repo_of(args, ctx) .. "/issues?state=all&per_page=2&labels=" .. urlencode(label_of(args, ctx)), ctx)
end

local function first(reply)
  local no = refused(reply)
  if no then
    return no
  end
  local issues = reply.json or {}
  if #issues > 1 then
    return fail("several", ("more than one issue has this key: #%d, #%d"):format(issues[1].number, issues[2].number))
  end
  return issues[1] and issue_of(issues[1], true) or nil
end

local function numbered(method, path, json)
  return function(args, ctx)
    if not repo_of(args, ctx) or not args.number then
      return fail("bad_request", "which issue? { repo, number }")
    end
    return ask(method, ("/repos/%s/issues/%d%s"):format(repo_of(args, ctx), args.number, path), ctx, json and json(args, ctx))
  end
end

local function changed(reply)
  return refused(reply) or issue_of(reply.json)
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
        local labels = { label_of(args, ctx) }
        for _, label in ipairs(args.labels or {}) do
          labels[#labels + 1] = label
        end
        return ask("POST", "/repos/" .. repo_of(args, ctx) .. "/issues", ctx, { title = shorten(args.title, 250),
          body = shorten(args.body or "", 60000), labels = labels })
      end, response = changed },
  },
  comment = {
    { request = function(args, ctx)
        if not args.text then
          return fail("bad_request", "a comment needs text")
        end
        return numbered("GET", "/comments?per_page=100")(args, ctx)
      end,
      response = function(reply, _, ctx)
        for _, comment in ipairs(not refused(reply) and reply.json or {}) do
          if (comment.body or ""):find("<!-- tocsin " .. ctx.key .. " -->", 1, true) then
            return { id = comment.id, existed = true }
          end
        end
        return refused(reply)
      end },
    { request = numbered("POST", "/comments", function(args, ctx)
        return { body = shorten(args.text, 60000) .. "\n\n<!-- tocsin " .. ctx.key .. " -->" }
      end),
      response = function(reply)
        return refused(reply) or { id = reply.json.id }
      end },
  },
  close = { request = numbered("PATCH", "", function(args)
      return { state = "closed", state_reason = args.reason or "completed" }
    end), response = changed },
  reopen = { request = numbered("PATCH", "", function()
      return { state = "open" }
    end), response = changed },
  find = { request = search, response = function(reply)
      return first(reply) or { found = false }
    end },
}
