/* record_mail.c - columns of mails that came in. Constant; any thread. */
#include "store/record_mail.h"
#include "store/record_cols.h"

static const struct tsn_col mail_cols[] = {
    TEXT(mail, id),         TEXT(mail, sha256), TEXT(mail, twin),    TEXT(mail, source),
    TEXT(mail, state),      TEXT(mail, reason), TEXT(mail, case_id), TEXT(mail, sender),
    SEALED(mail, found),    SEALED(mail, raw),  INT(mail, size),     INT(mail, received_at),
    INT(mail, answered_at),
};
TABLE(mail, 6);

static const struct tsn_col message_cols[] = {
    TEXT(message, id),      TEXT(message, case_id), TEXT(message, report), TEXT(message, way),
    TEXT(message, channel), TEXT(message, state),   TEXT(message, run),    TEXT(message, path),
    SEALED(message, body),  INT(message, at),       INT(message, seq),
};
TABLE(message, 1);
