/* feed_desk.h - a person's word on feeds and decisions. Loop thread. Everything is an entry with who
 * and why, and outlives a restart. Answers as tsn_engine_done does, possibly inside the call. */
#pragma once

#include "feed/feed.h"

/* `what`: add { kind, url|domain, every, ... as in the configuration }, remove (one that was added),
 * pause, resume, trust { trust }, release { how: release|drop|sample, n } - what a storm held. Each
 * may have { reason }. `body` is borrowed until done. F011 F010 F142 F143. */
void tsn_feed_desk(struct tsn_feeds *feeds, const struct tsn_actor *who, const char *what,
                   const char *name, const json_t *body, tsn_engine_done *done, void *user);
/* A decision that waits: "run" or "drop". F140 F141. */
void tsn_feed_decide(struct tsn_feeds *feeds, const struct tsn_actor *who, const char *id,
                     const char *verdict, const char *reason, tsn_engine_done *done,
                     void *user);
/* A match: "affected", "not_affected" or "fixed"; holds for later revisions, with `always` for every
 * document with the names of its evidence. F144. */
void tsn_match_decide(struct tsn_feeds *feeds, const struct tsn_actor *who, const char *match,
                      const char *verdict, const char *reason, bool always,
                      tsn_engine_done *done, void *user);
/* A quarantined document is taken as it is: { feed, path, sha256, matches }. F145: there is none. */
void tsn_feed_accept(struct tsn_feeds *feeds, const struct tsn_actor *who, const char *name,
                     const char *path, const char *reason, tsn_engine_done *done, void *user);
/* What today's rules say of decisions: each of items { inputs } gets `would` { verdict, rule, reason }, then `done`
 * is called, perhaps at once. */
void tsn_feeds_would(struct tsn_feeds *feeds, json_t *items, void (*done)(void *user),
                     void *user);
