/* err.h - every error tocsin can return, and what a caller may do about it.
 *
 * A tsn_err is 0 or a negative code from the one list below. The class, not the code,
 * decides retry: ask tsn_err_class(). Foreign codes (uv, SQLite, curl, errno) are turned
 * into these at the border of the file that calls the library and go no further.
 */
#pragma once

typedef int tsn_err;

/* What a caller may do: fix a bug, tell the sender, try later, give up, find out who owns
 * the thing now, or accept that somebody ended it. */
enum tsn_err_class {
    TSN_CLASS_OK,
    TSN_CLASS_BUG,
    TSN_CLASS_INPUT,
    TSN_CLASS_RETRY,
    TSN_CLASS_FINAL,
    TSN_CLASS_LOST,
    TSN_CLASS_KILLED
};

/* clang-format off: a table */
/*     name             number class   text                                          */
#define TSN_ERR_LIST(X)                                                                        \
    X(TSN_EBUG, -1, BUG, "internal error")                                                     \
    X(TSN_EINPUT, -2, INPUT, "malformed input")                                                \
    X(TSN_ETOOBIG, -3, INPUT, "over a size limit")                                             \
    X(TSN_EDUP, -4, INPUT, "given twice")                                                      \
    X(TSN_EFIELD, -5, INPUT, "unknown field")                                                  \
    X(TSN_ENOTFOUND, -6, INPUT, "no such thing")                                               \
    X(TSN_ECONFLICT, -7, INPUT, "already decided, changed or in use")                          \
    X(TSN_EDENIED, -8, INPUT, "not allowed")                                                   \
    X(TSN_EUNAUTH, -9, INPUT, "not logged in")                                                 \
    X(TSN_EUNSUPPORTED, -10, INPUT, "not supported")                                           \
    X(TSN_EBUSY, -20, RETRY, "busy")                                                           \
    X(TSN_ETIMEOUT, -21, RETRY, "timed out")                                                   \
    X(TSN_ENET, -22, RETRY, "connection failed")                                               \
    X(TSN_EFULL, -23, RETRY, "queue is full")                                                  \
    X(TSN_EIO, -40, FINAL, "input or output error")                                            \
    X(TSN_ENOSPC, -41, FINAL, "no space left")                                                 \
    X(TSN_EREMOTE, -42, FINAL, "refused by the other side")                                    \
    X(TSN_ETAMPERED, -43, FINAL, "does not verify")                                            \
    X(TSN_EDIVERGED, -44, FINAL, "replay differs from the record")                             \
    X(TSN_ESCHEMA, -45, FINAL, "made by a newer version")                                      \
    X(TSN_ELOST, -60, LOST, "somebody else owns it now")                                       \
    X(TSN_ECLOSED, -61, LOST, "closed")                                                        \
    X(TSN_EOUTCOME, -62, LOST, "outcome unknown")                                              \
    X(TSN_EKILLED, -80, KILLED, "killed")                                                      \
    X(TSN_EBUDGET, -81, KILLED, "over its budget")                                             \
    X(TSN_ECANCELLED, -82, KILLED, "cancelled")
/* clang-format on */

enum {
#define TSN_ERR_ENUM(name, number, cls, text) name = (number),
    TSN_ERR_LIST(TSN_ERR_ENUM)
#undef TSN_ERR_ENUM
};

/* "TSN_EINPUT"; never NULL. Any thread. */
const char *tsn_err_name(tsn_err err);
/* One lower-case sentence part for people; never NULL. Any thread. */
const char *tsn_err_text(tsn_err err);
enum tsn_err_class tsn_err_class(tsn_err err);
/* From a positive errno: ENOSPC, EIO, ETIMEDOUT, ECONN*, ENOENT, EACCES ... else TSN_EIO. */
tsn_err tsn_err_from_errno(int errno_value);
