/* frame.c - the frame codec of frame.h. Pure. */
#include "core/frame.h"

tsn_err tsn_frame_put(struct tsn_buf *out, uint8_t type, const void *payload, size_t len)
{
    unsigned char head[TSN_FRAME_HEAD];
    size_t rest = len + 2;
    tsn_err err;

    if (len > TSN_FRAME_MAX - 2)
        return TSN_ETOOBIG;
    if (out->err)
        return out->err;
    /* All or nothing: half a frame would garble every later one. */
    if (out->max - out->len < sizeof(head) || out->max - out->len - sizeof(head) < len)
        return out->err = TSN_ETOOBIG;
    for (int i = 0; i < 4; i++)
        head[i] = (unsigned char)(rest >> (24 - 8 * i));
    head[4] = TSN_FRAME_VERSION;
    head[5] = type;
    err = tsn_buf_put(out, head, sizeof(head));
    return err ? err : tsn_buf_put(out, payload, len);
}

tsn_err tsn_frame_get(const struct tsn_buf *in, struct tsn_frame *out, size_t *used)
{
    const unsigned char *p = (const unsigned char *)in->data;
    size_t rest;

    *used = 0;
    if (in->len < 4)
        return 0;
    rest = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    if (rest < 2 || rest > TSN_FRAME_MAX)
        return TSN_EINPUT;
    /* A wrong version is known before the whole frame is there. */
    if (in->len > 4 && p[4] != TSN_FRAME_VERSION)
        return TSN_EINPUT;
    if (in->len < rest + 4)
        return 0;
    out->type = p[5];
    out->payload = in->data + TSN_FRAME_HEAD;
    out->len = rest - 2;
    *used = rest + 4;
    return 0;
}
