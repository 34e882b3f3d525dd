/* sim_scenes.c - playbooks of the simulation: small ones for each kind of step, one with all. */
#include "sim_scenes.h"

#define BEGIN                                                                                  \
    "local sim = use \"sim\"\n"                                                                \
    "return playbook { name = \"main\", title = \"T\", on = \"x\", run = function(case, ev)\n" \
    "  local out = {}\n"                                                                       \
    "  local function put(n, expires)\n"                                                       \
    "    return sim.once { name = n, undo = sim.undo, expires = expires }.name\n"              \
    "  end\n"
#define END      "end }\n"
#define ASKS(id) "ask { id = " id ", role = \"r\", title = \"T\", fields = { v = text {} } }.v"

const char sim_child_text[] =
    "local sim = use \"sim\"\n"
    "return playbook { name = \"child\", title = \"T\", on = \"x\", run = function(case, ev, "
    "s)\n"
    "  local n = s and s.n or ev.n\n"
    "  sim.probed { name = \"c\" .. n }\n"
    "  sleep \"1h\"\n"
    "  if n > 0 then restart { n = n - 1 } end\n"
    "  return \"done\"\n"
    "end }\n";
const char sim_broken_text[] =
    "local sim = use \"sim\"\n"
    "return playbook { name = \"broken\", title = \"T\", on = \"x\", run = function()\n"
    "  sim.once { name = \"k1\", undo = sim.undo }\n"
    "  parallel { function() sim.once { name = \"k2\", undo = sim.undo } end, function() sleep "
    "\"1s\" end }\n"
    "  error({ code = \"B1\", message = \"breaks\" })\n"
    "end }\n";

/* --- one kind of thing each */

static const char calls_text[] =
    BEGIN "  out.a = sim.look { name = \"a\" }.name .. sim.probed { name = \"p\" }.name\n"
          "  out.b = sim.safe { name = \"s\" }.name .. sim.once { name = \"o\" }.name\n"
          "  sim.note { name = \"n\" }\n"
          "  put(\"x\")\n"
          "  put(\"y\", \"2h\")\n"
          "  case:unwind()\n"
          "  put(\"z\", \"1h\")\n"
          "  out.c = sim.probed { name = \"q\" }.name\n"
          "  sim.note { name = \"end\" }\n"
          "  return out\n" END;
static const char *const calls_back[] = {"x", "y", "z", NULL};

static const char branches_text[] = BEGIN
    "  out.b = { parallel {\n"
    "    function() sleep \"3s\" return sim.once { name = \"o\" }.name end,\n"
    "    function() sim.note { name = \"n\" } return sim.safe { name = \"s\" }.name end,\n"
    "    function() return " ASKS(
        "\"q\"") " end } }\n"
                 "  out.c = each({ 1, 2, 3, 4, 5 }, function(i)\n"
                 "    if i % 2 == 0 then sleep(i .. \"s\") end\n"
                 "    return sim.safe { name = \"e\" .. i }.name end, { limit = 3 })\n"
                 "  for i = 1, 3 do race { function() sim.look { name = \"l\" } end,\n"
                 "    function() sleep \"9d\" end } end\n"
                 "  out.d = race { function() sleep \"100d\" return \"late\" end,\n"
                 "    function() return wait { event = \"go\", where = { n = 1 } }.v end }\n"
                 "  return out\n" END;

static const char giveup_text[] = BEGIN
    "  local ok, e = pcall(parallel, { function() put(\"z\") error({ code = \"X1\", message = "
    "\"m\" }) end,\n"
    "    function() sleep \"19d\" end,\n"
    "    function() race { function() sleep \"29d\" end, function() ask { id = \"r\", role = "
    "\"nobody\", title = \"T\" } end } end })\n"
    "  out.e = e.code\n"
    "  local ok2, e2 = pcall(each, { 1, 2, 3 }, function(i)\n"
    "    if i == 2 then error({ code = \"X2\", message = \"m\" }) end\n"
    "    wait { event = \"never\" } end)\n"
    "  out.f = e2.code\n"
    "  sleep \"1m\"\n"
    "  case:unwind()\n"
    "  return out\n" END;
static const char *const giveup_back[] = {"z", NULL};

static const char people_text[] = BEGIN
    "  out.a = ask { id = \"a\", role = \"r\", title = \"T\", fields = { v = text {} },\n"
    "    remind = \"1m\", escalate = { { after = \"5m\", to = \"duty\" } } }.v\n"
    "  out.b = ask { id = \"b\", role = \"nobody\", title = \"T\", fields = { v = text {} },\n"
    "    within = \"3h\", remind = \"20m\", on_timeout = { v = \"none\" } }.v\n"
    "  local ok, d = approve { id = \"c\", role = \"r\", title = \"T\", quorum = 2, show = "
    "\"the plan\" }\n"
    "  out.c = ok\n"
    "  local late, why = approve { id = \"d\", role = \"nobody\", title = \"T\", within = "
    "\"1h\" }\n"
    "  out.d = { late, why.by }\n"
    "  out.e = { parallel { function() return " ASKS(
        "\"m1\"") " end,\n"
                  "    function() return " ASKS("\"m2\"") " end } }\n"
                                                          "  return out\n" END;

static const char times_text[] =
    BEGIN "  out.a = wait { event = \"go\", where = { n = 1 } }.v\n"
          "  local none, why = wait { event = \"never\", within = \"2h\" }\n"
          "  out.b = { none == nil, why }\n"
          "  sleep \"2h\"\n"
          "  sim.once { name = \"o\" }\n"
          "  sleep \"150m\"\n"
          "  out.c = wait { event = \"go\", where = { n = { min = 1 }, v = { prefix = \"go\" } "
          "}, within = \"900d\" "
          "}.v\n"
          "  return out\n" END;

static const char children_text[] =
    BEGIN "  out.f = join(start(\"child\", { n = 2 })) .. \"\"\n"
          "  local ok2, e2 = pcall(join, start(\"broken\"))\n"
          "  out.h = e2.code\n"
          "  return out\n" END;
static const char *const children_back[] = {"k1", "k2", NULL};

static const char fails_text[] = BEGIN
    "  put(\"x\")\n"
    "  parallel { function() put(\"y\", \"9h\") end, function() sim.look { name = \"l\" } end "
    "}\n"
    "  sleep \"1m\"\n"
    "  put(\"z\")\n"
    "  error({ code = \"F1\", message = \"fails\" })\n" END;
static const char *const fails_back[] = {"x", "y", "z", NULL};

static const char cancelled_text[] =
    BEGIN "  put(\"x\")\n"
          "  out.a = " ASKS("\"q\"") "\n"
                                     "  each({ 1, 2, 3 }, function(i) sleep(i .. \"s\") "
                                     "put(\"y\" .. i, \"9h\") end)\n"
                                     "  sleep \"2h\"\n"
                                     "  sim.probed { name = \"p\", undo = sim.undo }\n"
                                     "  sleep \"4h\"\n"
                                     "  return out\n" END;
static const char *const cancelled_back[] = {"x", "y1", "y2", "y3", "p", NULL};

/* --- everything */

static const char whole_text[] = BEGIN
    "  out.a = sim.look { name = \"a\" }.name .. sim.probed { name = \"p\" }.name\n"
    "  out.b = { parallel {\n"
    "    function() sleep \"3s\" return put(\"x\") end,\n"
    "    function() sim.note { name = \"n\" } return sim.safe { name = \"s\" }.name end,\n"
    "    function() return " ASKS(
        "\"q\"") " end } }\n"
                 "  out.i = { parallel {\n"
                 "    function() return each({ 1, 2, 3, 4 }, function(i)\n"
                 "      return " ASKS(
                     "\"m\" .. i") " end) end,\n"
                                   "    function() for i = 1, 8 do sim.look { name = \"l\" } "
                                   "sim.note { name = \"m\" } end "
                                   "return 8 end,\n"
                                   "    function() for i = 1, 4 do race { function() sim.look "
                                   "{ name = \"l\" } end,\n"
                                   "      function() sleep \"9d\" end } end return 4 end } }\n"
                                   "  out.c = each({ 1, 2, 3, 4, 5 }, function(i)\n"
                                   "    if i % 2 == 0 then sleep(i .. \"s\") end\n"
                                   "    return sim.safe { name = \"e\" .. i }.name end, { "
                                   "limit = 3 })\n"
                                   "  out.d = race { function() sleep \"100d\" return \"late\" "
                                   "end,\n"
                                   "    function() return wait { event = \"go\", where = { n = "
                                   "1 } }.v end }\n"
                                   "  put(\"y\", \"2h\")\n"
                                   "  local ok, e = pcall(parallel, { function() put(\"z\") "
                                   "error({ code = \"X1\", message = "
                                   "\"m\" }) end,\n"
                                   "    function() sleep \"19d\" end,\n"
                                   "    function() race { function() sleep \"29d\" end, "
                                   "function() ask { id = \"r\", role = "
                                   "\"nobody\", title = \"T\" } end } end })\n"
                                   "  out.e = e.code\n"
                                   "  out.f = join(start(\"child\", { n = 3 })) .. \"\"\n"
                                   "  out.g = approve { id = \"p\", role = \"r\", title = "
                                   "\"T\" }\n"
                                   "  case:unwind()\n"
                                   "  put(\"w\")\n"
                                   "  local ok2, e2 = pcall(join, start(\"broken\"))\n"
                                   "  out.h = e2.code\n"
                                   "  sleep \"5h\"\n"
                                   "  sim.note { name = \"end\" }\n"
                                   "  return out\n" END;
static const char *const whole_back[] = {"x", "y", "z", "k1", "k2", NULL};

static const struct sim_scene scenes[] = {
    {.name = "calls",
     .text = calls_text,
     .state = "finished",
     .result = "{\"a\":\"ap\",\"b\":\"so\",\"c\":\"q\"}",
     .taken_back = calls_back},
    {.name = "branches",
     .text = branches_text,
     .state = "finished",
     .result = "{\"b\":[\"o\",\"s\",\"yes\"],\"c\":[\"e1\",\"e2\",\"e3\",\"e4\",\"e5\"],\"d\":"
               "\"gone\"}"},
    {.name = "giveup",
     .text = giveup_text,
     .state = "finished",
     .result = "{\"e\":\"X1\",\"f\":\"X2\"}",
     .taken_back = giveup_back},
    {.name = "people",
     .text = people_text,
     .state = "finished",
     .result = "{\"a\":\"yes\",\"b\":\"none\",\"c\":true,\"d\":[false,\"timeout\"],\"e\":["
               "\"yes\",\"yes\"]}"},
    {.name = "times",
     .text = times_text,
     .state = "finished",
     .result = "{\"a\":\"gone\",\"b\":[true,\"timeout\"],\"c\":\"gone\"}"},
    {.name = "children",
     .text = children_text,
     .children = true,
     .state = "finished",
     .result = "{\"f\":\"done\",\"h\":\"B1\"}",
     .taken_back = children_back},
    {.name = "fails", .text = fails_text, .state = "failed", .taken_back = fails_back},
    {.name = "cancelled",
     .text = cancelled_text,
     .cancelled = true,
     .state = "cancelled",
     .taken_back = cancelled_back},
    {.name = "whole",
     .text = whole_text,
     .children = true,
     .state = "finished",
     .result =
         "{\"a\":\"ap\",\"b\":[\"x\",\"s\",\"yes\"],\"c\":[\"e1\",\"e2\",\"e3\",\"e4\",\"e5\"],"
         "\"d\":\"gone\",\"e\":\"X1\",\"f\":\"done\",\"g\":true,\"h\":\"B1\",\"i\":[[\"yes\","
         "\"yes\",\"yes\",\"yes\"],8,4]}",
     .taken_back = whole_back},
};

const struct sim_scene *sim_scenes(size_t *n)
{
    *n = sizeof(scenes) / sizeof(scenes[0]);
    return scenes;
}

/* Every sixteenth plays everything; the others share the small ones. */
const struct sim_scene *sim_scene_of(unsigned long long seed)
{
    size_t small = sizeof(scenes) / sizeof(scenes[0]) - 1;

    return &scenes[seed % 16 == 0 ? small : (seed - seed / 16) % small];
}
