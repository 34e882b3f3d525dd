/* mime_head.c - the headers of a mail that tocsin uses, decoded; repeated ones are a problem. */
#include <string.h>

#include "parser/mime_int.h"

static json_t *person(const char *name, const char *mail)
{
    return json_pack("{s:o*, s:o*}", "name", name && *name ? tsn_mime_string(name) : NULL,
                     "mail", mail ? tsn_mime_string(mail) : NULL);
}

static void put_people(json_t *out, InternetAddressList *list, int depth)
{
    for (int i = 0; list && i < internet_address_list_length(list); i++) {
        InternetAddress *a = internet_address_list_get_address(list, i);

        if (json_array_size(out) >= 100)
            return;
        if (INTERNET_ADDRESS_IS_MAILBOX(a))
            json_array_append_new(
                out, person(internet_address_get_name(a),
                            internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(a))));
        else if (INTERNET_ADDRESS_IS_GROUP(a) && depth < 4)
            put_people(out, internet_address_group_get_members(INTERNET_ADDRESS_GROUP(a)),
                       depth + 1);
    }
}

static json_t *people(InternetAddressList *list)
{
    json_t *out = json_array();

    put_people(out, list, 0);
    return out;
}

/* "<a@b> <c@d>" as a list of ids without brackets. */
static json_t *ids(const char *s)
{
    json_t *out = json_array();

    for (const char *p = s; p && (p = strchr(p, '<')) != NULL && json_array_size(out) < 100;) {
        const char *end = strchr(p, '>');

        if (!end)
            break;
        if (end - p > 1 && end - p < 1000) {
            char *id = g_strndup(p + 1, (gsize)(end - p) - 1);

            json_array_append_new(out, tsn_mime_string(id));
            g_free(id);
        }
        p = end;
    }
    return out;
}

static json_t *words(GMimeObject *o, const char *name)
{
    const char *raw = g_mime_object_get_header(o, name);
    char *text = raw ? g_mime_utils_header_decode_text(NULL, raw) : NULL;
    json_t *out = text ? tsn_mime_string(g_strstrip(text)) : NULL;

    g_free(text);
    return out;
}

/* Header fields that RFC 5322 3.6 allows once. */
static const char *const once[] = {"From",        "Sender",     "Reply-To",     "To",
                                   "Cc",          "Date",       "Subject",      "Message-ID",
                                   "In-Reply-To", "References", "Content-Type", "MIME-Version"};

static void count(struct tsn_mime *m, GMimeHeaderList *list)
{
    int n = g_mime_header_list_get_count(list);
    unsigned seen[sizeof(once) / sizeof(once[0])] = {0};
    char text[120];

    if (n > TSN_MIME_HEADERS_MAX)
        tsn_mime_problem(m, "too-many-headers", NULL,
                         "more than 200 header fields; only the usual ones were read");
    for (int i = 0; i < n && i < 4 * TSN_MIME_HEADERS_MAX; i++) {
        const char *name = g_mime_header_get_name(g_mime_header_list_get_header_at(list, i));

        for (size_t k = 0; k < sizeof(once) / sizeof(once[0]); k++) {
            if (g_ascii_strcasecmp(name, once[k]) == 0 && ++seen[k] == 2) {
                (void)snprintf(text, sizeof(text), "%s stands there more than once", once[k]);
                tsn_mime_problem(m, "repeated-header", NULL, text);
            }
        }
    }
}

json_t *tsn_mime_headers(struct tsn_mime *m, GMimeMessage *msg)
{
    static const struct {
        const char *header, *field;
    } plain[] = {{"Subject", "subject"},
                 {"Auto-Submitted", "auto_submitted"},
                 {"Precedence", "precedence"},
                 {"List-Id", "list_id"},
                 {"List-Unsubscribe", "list_unsubscribe"},
                 {"Return-Path", "return_path"},
                 {"X-Auto-Response-Suppress", "auto_response_suppress"},
                 {"X-Autoreply", "x_autoreply"},
                 {"X-Autorespond", "x_autorespond"},
                 {"X-Failed-Recipients", "failed_recipients"},
                 {"Delivered-To", "delivered_to"},
                 {"X-Original-To", "original_to"},
                 {"X-Tocsin-Loop", "loop"},
                 {"Autocrypt", "autocrypt"}};
    static const struct {
        GMimeAddressType type;
        const char *field;
    } lists[] = {{GMIME_ADDRESS_TYPE_FROM, "from"},
                 {GMIME_ADDRESS_TYPE_REPLY_TO, "reply_to"},
                 {GMIME_ADDRESS_TYPE_TO, "to"},
                 {GMIME_ADDRESS_TYPE_CC, "cc"}};
    GMimeObject *o = GMIME_OBJECT(msg);
    json_t *h = json_object(), *id;
    GDateTime *date = g_mime_message_get_date(msg);

    count(m, g_mime_object_get_header_list(o));
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        json_t *v = words(o, plain[i].header);

        if (v)
            json_object_set_new(h, plain[i].field, v);
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        json_object_set_new(h, lists[i].field,
                            people(g_mime_message_get_addresses(msg, lists[i].type)));
    if (date)
        json_object_set_new(h, "date_ms", json_integer(g_date_time_to_unix(date) * 1000));
    id = ids(g_mime_object_get_header(o, "Message-ID"));
    if (json_array_size(id))
        json_object_set(h, "message_id", json_array_get(id, 0));
    json_decref(id);
    json_object_set_new(h, "in_reply_to", ids(g_mime_object_get_header(o, "In-Reply-To")));
    json_object_set_new(h, "references", ids(g_mime_object_get_header(o, "References")));
    if (!json_array_size(json_object_get(h, "from")))
        tsn_mime_problem(m, "no-sender", NULL, "no From address that can be read");
    return h;
}

json_t *tsn_mime_protected(GMimeObject *o)
{
    static const struct {
        const char *header, *field;
    } kept[] = {
        {"Subject", "subject"},       {"From", "from"}, {"To", "to"}, {"Reply-To", "reply_to"},
        {"Message-ID", "message_id"}, {"Date", "date"}, {"Cc", "cc"}};
    GMimeContentType *type = g_mime_object_get_content_type(o);
    json_t *out;

    if (!type || !g_mime_content_type_get_parameter(type, "protected-headers"))
        return NULL;
    out = json_object();
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        json_t *v = words(o, kept[i].header);

        if (v)
            json_object_set_new(out, kept[i].field, v);
    }
    return out;
}
