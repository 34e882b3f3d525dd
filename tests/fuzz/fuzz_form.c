/* What comes to the public form: both readers of forms, receipts, languages. Whatever is sent, parts
 * stay inside the body, fields are texts, and no file keeps a folder in its name. */
#include "fuzz.h"

#include "form/form_int.h"

static const char *const seeds[] = {
    "multipart/form-data; boundary=b\n--b\r\nContent-Disposition: form-data; "
    "name=\"text\"\r\n\r\none"
    "\r\ntwo\r\n--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a/b.txt\"\r\n"
    "Content-Type: text/plain\r\n\r\n\x01\x02\r\n--b--\r\n",
    "multipart/form-data; boundary=\"x y\"\n--x y\r\nContent-Disposition: form-data; "
    "filename=\"%22%0D"
    "..\"; name=q\r\n\r\n\r\n--x y--",
    "application/"
    "x-www-form-urlencoded\nreceipt=TR-7K3M-9QWD-2HXN-5VBE&lang=de&text=%C3%A9+%0d%0a",
    "zh-Hans;q=0.8, de-CH;q=0.9,*;q=0.1\n",
};

const char *fuzz_seed(size_t i, size_t *len)
{
    if (i >= sizeof(seeds) / sizeof(seeds[0]))
        return NULL;
    *len = strlen(seeds[i]);
    return seeds[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tsn_arena *a = tsn_arena_new();
    const char *text = tsn_arena_strndup(a, (const char *)data, size);
    const uint8_t *line = memchr(data, '\n', size);
    size_t head = line ? (size_t)(line - data) : size, rest = line ? size - head - 1 : 0;
    const char *type = tsn_arena_strndup(a, text, head), *receipt = tsn_receipt_of(a, text);
    /* A block of its own size: what is read behind it is seen by the sanitizer. */
    char *body = malloc(rest + 1);
    struct tsn_form_data d;

    memcpy(body, line ? (const char *)line + 1 : "", rest);
    body[rest] = '\0';
    FUZZ_CHECK(tsn_texts_choose(type) < TSN_LANGUAGES);
    FUZZ_CHECK(!receipt || strlen(receipt) == 22);
    if (tsn_form_parse(a, type, body, rest, &d) == 0) {
        FUZZ_CHECK(d.n <= TSN_FORM_PARTS);
        for (size_t i = 0; i < d.n; i++) {
            const struct tsn_form_part *p = &d.part[i];

            FUZZ_CHECK(p->name);
            if (!p->filename) {
                FUZZ_CHECK(strlen(p->data) == p->len && !strchr(p->data, '\r'));
                continue;
            }
            FUZZ_CHECK(p->data >= body && p->data + p->len <= body + rest);
            FUZZ_CHECK(!strpbrk(p->filename, "/\\\r\n") && p->filename[0] != '.' && p->type);
        }
    }
    free(body);
    tsn_arena_destroy(a);
    return 0;
}
