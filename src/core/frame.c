/* frame.c - the codec of frames. Pure. */
#include "core/frame.h"

tsn_err tsn_frame_put(struct tsn_buf *out, uint8_t type, const void *payload, size_t len)
{
    if (len > TSN_FRAME_MAX - 2)
        return TSN_ETOOBIG;
    uint32_t n = (uint32_t)len + 2;
    const uint8_t head[TSN_FRAME_HEAD] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16),
                                          (uint8_t)(n >> 8),  (uint8_t)n,
                                          TSN_FRAME_VERSION,  type};
    if (out->err)
        return out->err;
    /* All or nothing: half a frame would garble every later one. */
    if (out->len > out->max || out->max - out->len < sizeof(head) + len)
        return out->err = TSN_ETOOBIG;
    tsn_buf_put(out, head, sizeof(head));
    return tsn_buf_put(out, payload, len);
}

tsn_err tsn_frame_get(const struct tsn_buf *in, struct tsn_frame *out, size_t *used)
{
    *used = 0;
    if (in->len < 4)
        return 0;
    const uint8_t *p = (const uint8_t *)in->data;
    uint32_t n = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    if (n < 2 || n > TSN_FRAME_MAX)
        return TSN_EINPUT;
    /* A wrong version is refused as soon as it is seen, not after its payload came. */
    if (in->len > 4 && p[4] != TSN_FRAME_VERSION)
        return TSN_EINPUT;
    if (in->len - 4 < n)
        return 0;
    out->type = p[5];
    out->payload = in->data + TSN_FRAME_HEAD;
    out->len = n - 2;
    *used = 4 + (size_t)n;
    return 0;
}
