/* commands.c - the commands in the order of the help page, table by table. Constant. */
#include <string.h>
#include "cli/cli.h"

const struct tsn_command_table tsn_command_tables[] = {
    {"EVERY DAY", tsn_commands_everyday},
    {"WORK", tsn_commands_case},
    {"WORK", tsn_commands_run},
    {"WORK", tsn_commands_advisory},
    {"WORK", tsn_commands_feed},
    {"WORK", tsn_commands_mail},
    {"AUTHORING", tsn_commands_authoring},
    {"AUDIT", tsn_commands_audit},
    {"RUNNING IT", tsn_commands_running},
    {"MORE", tsn_commands_more},
    {NULL, NULL},
};

void tsn_command_first(struct tsn_command_place *at)
{
    at->table = tsn_command_tables;
    at->row = at->table->rows;
}

const struct tsn_command *tsn_command_next(struct tsn_command_place *at)
{
    while (at->table->rows && !at->row->words) {
        at->table++;
        at->row = at->table->rows;
    }
    if (!at->table->rows)
        return NULL;
    at->group = at->table->group;
    return at->row++;
}

const struct tsn_command *tsn_command_find(const char *words)
{
    struct tsn_command_place at;
    const struct tsn_command *c;

    tsn_command_first(&at);
    while ((c = tsn_command_next(&at)) && strcmp(c->words, words) != 0)
        continue;
    return c;
}
