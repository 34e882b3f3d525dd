/* read_record.c - GET /runs/{id}/record: a run as it is on record, to step through elsewhere. Store thread
 * of the reader. Owns nothing. */
#include "api/api_impl.h"
#include "store/record_run.h"

tsn_err tsn_read_run_record(struct tsn_store *st, struct tsn_read *rd, json_t **out)
{
    struct tsn_rec_run r;
    tsn_err err =
        tsn_read_resolve(st, rd->op.arena, &tsn_table_run, "run", rd->id, &r, &rd->op.diag);

    return err ? err : tsn_run_record(st, rd->op.arena, r.id, out);
}
