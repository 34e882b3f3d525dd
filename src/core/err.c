/* err.c - names, texts and classes of the one error list. Pure; any thread. */
#include "core/err.h"

#include <errno.h>
#include <stddef.h>

static const struct {
    tsn_err err;
    enum tsn_err_class cls;
    const char *name, *text;
} rows[] = {
#define TSN_ERR_ROW(name, number, cls, text) {(number), TSN_CLASS_##cls, #name, text},
    TSN_ERR_LIST(TSN_ERR_ROW)
#undef TSN_ERR_ROW
};

static int row_of(tsn_err err)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].err == err)
            return (int)i;
    return -1;
}

const char *tsn_err_name(tsn_err err)
{
    if (err == 0)
        return "TSN_OK";
    int i = row_of(err);
    return i < 0 ? "TSN_EBUG" : rows[i].name;
}

const char *tsn_err_text(tsn_err err)
{
    if (err == 0)
        return "no error";
    int i = row_of(err);
    return i < 0 ? "internal error" : rows[i].text;
}

enum tsn_err_class tsn_err_class(tsn_err err)
{
    if (err == 0)
        return TSN_CLASS_OK;
    int i = row_of(err);
    return i < 0 ? TSN_CLASS_BUG : rows[i].cls;
}

tsn_err tsn_err_from_errno(int errno_value)
{
    switch (errno_value) {
    case 0:
        return 0;
    case ENOSPC:
    case EDQUOT:
        return TSN_ENOSPC;
    case ENOENT:
    case ENOTDIR:
        return TSN_ENOTFOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return TSN_EDENIED;
    case EEXIST:
    case ENOTEMPTY:
        return TSN_ECONFLICT;
    case EFBIG:
    case E2BIG:
    case ENAMETOOLONG:
    case EMSGSIZE:
        return TSN_ETOOBIG;
    case ETIMEDOUT:
        return TSN_ETIMEOUT;
    case ECONNREFUSED:
    case ECONNRESET:
    case ECONNABORTED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case ENOTCONN:
        return TSN_ENET;
    case EPIPE:
    case ESRCH:
        return TSN_ECLOSED;
    case EAGAIN:
    case EBUSY:
    case EMFILE:
    case ENFILE:
    case ETXTBSY:
        return TSN_EBUSY;
    case ENOSYS:
    case EOPNOTSUPP:
        return TSN_EUNSUPPORTED;
    default:
        return TSN_EIO;
    }
}
