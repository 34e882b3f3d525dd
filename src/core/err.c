/* err.c - names, texts and classes of the error list in err.h. Pure; any thread. */
#include "core/err.h"

#include <errno.h>
#include <stddef.h>

struct err_row {
    tsn_err err;
    enum tsn_err_class cls;
    const char *name, *text;
};

static const struct err_row rows[] = {
#define ERR_ROW(name, number, cls, text) {(number), TSN_CLASS_##cls, #name, text},
    TSN_ERR_LIST(ERR_ROW)
#undef ERR_ROW
};

static const struct err_row *find(tsn_err err)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].err == err)
            return &rows[i];
    }
    return NULL;
}

const char *tsn_err_name(tsn_err err)
{
    const struct err_row *row = find(err);

    return err == 0 ? "TSN_OK" : row ? row->name : "TSN_EBUG";
}

const char *tsn_err_text(tsn_err err)
{
    const struct err_row *row = find(err);

    return err == 0 ? "ok" : row ? row->text : "internal error";
}

enum tsn_err_class tsn_err_class(tsn_err err)
{
    const struct err_row *row = find(err);

    return err == 0 ? TSN_CLASS_OK : row ? row->cls : TSN_CLASS_BUG;
}

tsn_err tsn_err_from_errno(int errno_value)
{
    switch (errno_value) {
    case 0:
        return 0;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return TSN_ENOSPC;
    case ETIMEDOUT:
        return TSN_ETIMEOUT;
    case ECONNREFUSED:
    case ECONNRESET:
    case ECONNABORTED:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EPIPE:
        return TSN_ENET;
    case ENOENT:
    case ENOTDIR:
    case ESRCH:
        return TSN_ENOTFOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return TSN_EDENIED;
    case EEXIST:
    case EADDRINUSE:
    case ENOTEMPTY:
        return TSN_ECONFLICT;
    case EAGAIN:
    case EMFILE:
    case ENFILE:
        return TSN_EBUSY;
    case EINVAL:
    case EILSEQ:
        return TSN_EINPUT;
    case E2BIG:
    case ENAMETOOLONG:
        return TSN_ETOOBIG;
    default:
        return TSN_EIO;
    }
}
