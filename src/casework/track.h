/* track.h - the independent automata of a case, as tables, and the one machine that runs them.
 *
 * A case is not one linear state: what is known about the world, the embargo, every document, every
 * report, every duty moves on its own (reference/psirt-domain 1.2 A to H; A to C are the automata of
 * CERT/CC's Vultron protocol). What ties them together are two more tables: guards (a move that the
 * state of the world forbids) and forced moves (a move that another one brings along, in the same
 * transaction). Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "core/diag.h"

enum tsn_track {
    TSN_TRACK_REPORT,      /* A, per report: Vultron RM */
    TSN_TRACK_FACTS,       /* B, per case and per vendor: Vultron CS, six letters */
    TSN_TRACK_EMBARGO,     /* C, one per case: Vultron EM */
    TSN_TRACK_DOCUMENT,    /* D, per advisory, VEX, notice or report to an authority */
    TSN_TRACK_CVE,         /* D, per CVE id */
    TSN_TRACK_INCIDENT,    /* E */
    TSN_TRACK_OBLIGATION,  /* F, per clock */
    TSN_TRACK_BOUNTY,      /* G, per report */
    TSN_TRACK_UPSTREAM,    /* H, per feed item */
    TSN_TRACK_LINK,        /* report in case: attached or not */
    TSN_TRACK_MEMBER,      /* person who may see a case that is not for everybody */
    TSN_TRACK_PARTICIPANT, /* party to the embargo: only `accepted` gets content */
    TSN_TRACK_FILING,      /* D, per report to an authority or the GSMA: goes out, not public */
    TSN_TRACK_ATTACHMENT,  /* evidence: kept, held, erased */
    TSN_TRACK_NOTICE,      /* per advisory version, stage and recipient: who was told */
    TSN_TRACK_RETENTION,   /* a closed case: how long it is kept */
    TSN_TRACK_ALIKE, /* another report that may say the same; a person says whether it does */
    TSN_TRACKS
};

struct tsn_automaton {
    const char *name;
    const char *const *states; /* [0] is where it begins; NULL-terminated */
    const char *const *edges;  /* "from>to", NULL-terminated; NULL: the letters of `facts` */
};
extern const struct tsn_automaton tsn_automata[TSN_TRACKS];

/* -1: no such track. */
int tsn_track_of(const char *name);
/* -1: no such state. States of `facts` are the 64 words "vfdpxa" to "VFDPXA". */
int tsn_track_state(enum tsn_track t, const char *state);
/* Whether the table has this edge. */
bool tsn_track_edge(enum tsn_track t, const char *from, const char *to);

/* --- the six facts ----------------------------------------------------------------------------- */

#define TSN_FACT_V 1u                             /* vendor aware */
#define TSN_FACT_F 2u                             /* fix ready */
#define TSN_FACT_D 4u                             /* fix deployed */
#define TSN_FACT_P 8u                             /* public aware */
#define TSN_FACT_X 16u                            /* exploit public */
#define TSN_FACT_A 32u                            /* attacks observed */
void tsn_facts_name(char out[7], unsigned facts); /* "VFdpxa" */
unsigned tsn_facts_bits(const char *name);
/* The letter of "public_aware"; 0: no such fact. */
unsigned tsn_facts_letter(const char *word);
const char *tsn_facts_word(unsigned letter);
/* What a step needs and brings along: F needs V, D needs F; X brings P, P brings V. A state that
 * still owes a forced letter takes nothing but that one. */
bool tsn_facts_step(unsigned from, unsigned to);

/* --- what ties tracks together ------------------------------------------------------------------ */

/* The parts of a case that guards and forced moves look at. */
struct tsn_tracks_now {
    unsigned facts;
    const char *embargo; /* state; never NULL */
    bool publishing;     /* a document is on its way out, or was out */
};
/* 0, or TSN_ECONFLICT with W001 (no such edge), W002 (the world forbids it); W003 for words that
 * are no state. */
tsn_err tsn_track_judge(enum tsn_track t, const char *from, const char *to,
                        const struct tsn_tracks_now *now, struct tsn_diag *diag);
/* The next move that must follow now; false when there is none. */
bool tsn_track_forced(const struct tsn_tracks_now *now, enum tsn_track *t, const char **to,
                      const char **why);
/* Attacks are known: the embargo should end, a person decides. */
bool tsn_embargo_should_end(const struct tsn_tracks_now *now);
/* active or revise: content stays with those who accepted. */
bool tsn_embargo_on(const char *state);
/* publishing or any state behind it. */
bool tsn_document_out(const char *state);
