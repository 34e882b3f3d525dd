/* read_desk.c - policies of a case, export, search, figures, likely duplicates. Reader's thread; what
 * the caller may not see is not there (the reader's view). */
#include "api/api_case.h"
#include "casework/likeness.h"
#include "casework/case_desk.h"
#include "core/clock.h"
#include "store/record_case.h"

tsn_err tsn_read_case_policy(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_rec_case c;
    tsn_err err = tsn_case_find(st, rd->op.arena, rd->id, &c, &rd->op.diag);
    return err ? err : tsn_case_policy(st, rd->op.arena, rd->casework, &c, out);
}

tsn_err tsn_read_case_export(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_rec_case c;
    tsn_err err = tsn_case_find(st, rd->op.arena, rd->id, &c, &rd->op.diag);
    return err ? err : tsn_case_export(st, rd->op.arena, &c, out);
}

tsn_err tsn_read_search(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    size_t limit;
    tsn_err err = tsn_read_limit(rd, 50, 1000, &limit);
    const char *q = rd->param[TSN_PARAM_Q];
    return err ? err : tsn_case_search(st, rd->op.arena, q ? q : "", limit, out, &rd->op.diag);
}

tsn_err tsn_read_figures(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    return tsn_case_figures(st, rd->op.arena, tsn_clock_wall_ms(), out);
}

tsn_err tsn_read_duplicates(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_rec_report r;
    tsn_err err = tsn_read_resolve(st, rd->op.arena, &tsn_table_report, "report", rd->id, &r,
                                   &rd->op.diag);
    return err ? err : tsn_report_candidates(st, rd->op.arena, rd->casework, &r, out);
}
