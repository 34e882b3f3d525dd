/* engine_box.h - for tests of taking back: box.put and box.take, which write down what they did. */
#pragma once

#include "unit/engine/engine_rig.h"

static char did[2000]; /* "+a +b -b " */
static int refuse_undo, hold_put;
static struct tsn_call *held_call;

static inline void note_did(char sign, const struct tsn_call *call)
{
    size_t n = strlen(did);

    snprintf(did + n, sizeof(did) - n, "%c%s ", sign, tsn_json_str(call->args, "name", "?"));
}

static inline tsn_err put_start(struct tsn_call *call, struct tsn_diag *diag)
{
    struct rig *g = call->action->user;

    (void)diag;
    note_did('+', call);
    if (hold_put) {
        held_call = call;
        return 0;
    }
    return rig_later(g, call, TSN_OUTCOME_OK, json_object(), NULL);
}

static inline tsn_err take_start(struct tsn_call *call, struct tsn_diag *diag)
{
    (void)diag;
    if (refuse_undo > 0) {
        refuse_undo--;
        return rig_later(call->action->user, call, TSN_OUTCOME_FAIL, NULL, "R053");
    }
    note_did('-', call);
    return rig_later(call->action->user, call, TSN_OUTCOME_OK, json_object(), NULL);
}

static inline void box_actions(struct rig *g)
{
    const struct tsn_action actions[] = {
        {.name = "box.put",
         .summary = "puts",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_ASK,
         .start = put_start,
         .user = g},
        {.name = "box.take",
         .summary = "takes it out again",
         .effect = TSN_EFFECT_EXTERNAL,
         .doubt = TSN_DOUBT_REPEAT_SAFE,
         .start = take_start,
         .user = g},
    };

    for (size_t i = 0; i < 2; i++)
        assert_int_equal(tsn_registry_add(g->registry, &actions[i]), 0);
}

static inline int box_setup(void **state)
{
    int err = rig_setup(state);

    ((struct rig *)*state)->more_actions = box_actions;
    did[0] = '\0';
    refuse_undo = hold_put = 0;
    return err;
}

#define BOX                                                                                    \
    "local box = use \"box\"\n"                                                                \
    "local function put(n, expires)\n"                                                         \
    "  box.put { name = n, undo = box.take, expires = expires }\nend\n"

static inline bool put_is_held(struct rig *g, void *user)
{
    (void)g;
    (void)user;
    return held_call != NULL;
}
