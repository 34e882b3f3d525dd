/* cli_sarif.c - see sarif.h. One thread. */
#include <stdlib.h>
#include <string.h>
#include "cli/sarif.h"
#include "core/buf.h"
#include "core/json.h"

const struct tsn_severity tsn_severities[TSN_SEVERITIES] = {
    {"error", "errors", "error", TSN_RED},
    {"warning", "warnings", "warning", TSN_YELLOW},
    {"info", "infos", "note", TSN_DIM},
};

size_t tsn_severity_of(const json_t *finding)
{
    size_t i = 0;
    const char *word = tsn_json_str(finding, "severity", "error");
    while (i < TSN_SEVERITIES - 1 && strcmp(word, tsn_severities[i].word) != 0)
        i++;
    return i;
}

const char *tsn_sarif_uri(struct tsn_cli *cli, const char *path)
{
    struct tsn_buf b;
    tsn_buf_init(&b, 65536);
    (void)tsn_buf_puts(&b, "");
    for (const char *p = path; *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     (*p >= '0' && *p <= '9') || strchr("-._~/", *p);
        (void)(plain ? tsn_buf_putc(&b, *p) : tsn_buf_printf(&b, "%%%02X", (unsigned char)*p));
    }
    const char *uri = tsn_arena_strdup(cli->arena, b.data);
    tsn_buf_free(&b);
    return uri;
}

void tsn_sarif_print(const json_t *rules, const json_t *results)
{
    json_t *list = json_array(), *rule;
    const char *id;
    json_object_foreach((json_t *)(uintptr_t)rules, id, rule)
    {
        json_array_append(list, rule);
    }
    json_t *doc = json_pack("{s:s, s:s, s:[{s:{s:{s:s, s:s, s:o}}, s:O}]}", "version", "2.1.0",
                            "$schema", "https://json.schemastore.org/sarif-2.1.0.json", "runs",
                            "tool", "driver", "name", "tocsin", "version", TOCSIN_VERSION,
                            "rules", list, "results", results);
    char *text = tsn_json_text(doc);
    (void)fputs(text, stdout);
    (void)fputc('\n', stdout);
    free(text);
    json_decref(doc);
}
