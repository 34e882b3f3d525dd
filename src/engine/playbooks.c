/* playbooks.c - playbook files: read, bundled, described by a worker, known by name.
 *
 * A bundle is the file and everything in lib/ it may require, named by the SHA-256 of its
 * canonical JSON. A file that cannot be described is reported and left out; the others go on.
 * Reading blocks and happens once, before the loop runs. Loop thread.
 */
#include "engine/bundle.h"
#include "engine/engine_impl.h"

#include <stdlib.h>
#include <string.h>
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"

#define KILLS_MAX 2

void tsn_playbooks_broken(struct tsn_engine *e, const struct tsn_diag *diag)
{
    e->broken = tsn_realloc(e->broken, (e->nbroken + 1) * sizeof(*e->broken));
    e->broken[e->nbroken++] = *diag;
    tsn_log(TSN_LOG_ERROR, "playbook.broken", "file", diag->file, "code", diag->code, "why",
            diag->what, NULL);
}

static void broken_module(void *user, const struct tsn_diag *diag)
{
    tsn_playbooks_broken(user, diag);
}

char *tsn_playbook_bundle(const char *file, json_t *source, json_t *lib,
                          char hash[2 * TSN_HASH_LEN + 1])
{
    json_t *files = json_copy(lib), *bundle;
    uint8_t digest[TSN_HASH_LEN];
    char *text;

    json_object_set_new(files, file, source);
    bundle = json_pack("{s:s, s:o}", "main", file, "files", files);
    text = tsn_json_text(bundle);
    json_decref(bundle);
    tsn_sha256_once(digest, text, strlen(text));
    tsn_hex(hash, digest, sizeof(digest));
    return text;
}

static void add_file(struct tsn_engine *e, const char *name, json_t *lib)
{
    struct tsn_pbfile *f = &e->files[e->nfiles];
    struct tsn_diag diag;
    json_t *source;

    tsn_diag_init(&diag);
    source = tsn_bundle_source(e->playbook_dir, name, &diag);
    if (!source) {
        tsn_diag_at(&diag, name, 0, 0);
        tsn_playbooks_broken(e, &diag);
        return;
    }
    f->file = tsn_strdup(name);
    f->bundle = tsn_playbook_bundle(f->file, source, lib, f->hash);
    e->nfiles++;
}

tsn_err tsn_playbooks_read(struct tsn_engine *e, struct tsn_diag *diag)
{
    char **names;
    size_t n;
    json_t *lib;
    tsn_err err = tsn_bundle_files(e->playbook_dir, false, &names, &n);

    if (err) {
        tsn_diag_at(diag, e->playbook_dir, 0, 0);
        return tsn_diag_set(diag, err, "R039", "the playbook folder cannot be read: %s",
                            tsn_err_text(err));
    }
    e->files = tsn_alloc((n + 1) * sizeof(*e->files));
    lib = tsn_bundle_lib(e->playbook_dir, broken_module, e);
    for (size_t i = 0; i < n; i++)
        add_file(e, names[i], lib);
    json_decref(lib);
    tsn_bundle_files_free(names, n);
    return 0;
}

/* --- described, one at a time and worker */

static bool being_described(const struct tsn_engine *e, int file)
{
    for (size_t i = 0; i < e->nworkers; i++)
        if (e->workers[i].describing == file)
            return true;
    return false;
}

static struct tsn_worker *free_worker(struct tsn_engine *e)
{
    for (size_t i = 0; i < e->nworkers; i++)
        if (e->workers[i].up && e->workers[i].describing < 0)
            return &e->workers[i];
    return NULL;
}

void tsn_playbooks_next(struct tsn_engine *e)
{
    bool all = true;

    if (e->closing || e->ready)
        return;
    for (size_t i = 0; i < e->nfiles; i++) {
        struct tsn_worker *w;

        if (e->files[i].done)
            continue;
        all = false;
        if (being_described(e, (int)i))
            continue;
        w = free_worker(e);
        if (!w)
            return;
        tsn_worker_describe(w, (int)i);
    }
    if (all)
        tsn_recover_begin(e);
}

static void set_broken(struct tsn_engine *e, struct tsn_pbfile *f, const char *code,
                       const char *why, int line)
{
    struct tsn_diag diag;

    tsn_diag_init(&diag);
    (void)tsn_diag_set(&diag, TSN_EINPUT, code, "%s", why);
    tsn_diag_at(&diag, f->file, line, 0);
    f->done = f->broken = true;
    if (e->ready)
        tsn_deploy_described(e, &diag);
    else
        tsn_playbooks_broken(e, &diag);
}

static bool name_ok(const char *s)
{
    size_t n = strlen(s);

    if (n < 1 || n > 64)
        return false;
    return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") == n;
}

static const char *meta_wrong(const struct tsn_engine *e, const struct tsn_pbfile *f,
                              const json_t *meta)
{
    const char *name = tsn_json_str(meta, "name", "");

    if (!name_ok(name))
        return "name must be 1 to 64 of a-z, 0-9, - and _";
    for (size_t i = 0; i < e->nfiles; i++) {
        const struct tsn_pbfile *o = &e->files[i];

        if (o != f && o->meta && strcmp(o->file, f->file) != 0 &&
            strcmp(tsn_json_str(o->meta, "name", ""), name) == 0)
            return "another file has a playbook of this name";
    }
    return NULL;
}

void tsn_playbooks_described(struct tsn_engine *e, int file, const json_t *frame)
{
    struct tsn_pbfile *f = &e->files[file];
    json_t *meta = json_object_get(frame, "meta");
    const json_t *error = json_object_get(frame, "error");
    const char *wrong;

    if (!tsn_json_bool(frame, "ok", false) || !json_is_object(meta)) {
        char code[8];

        (void)tsn_copy(code, sizeof(code), tsn_json_str(error, "code", "L001"));
        set_broken(e, f, code, tsn_json_str(error, "error", "cannot be described"),
                   (int)tsn_json_int(error, "line", 0));
    } else if ((wrong = meta_wrong(e, f, meta)) != NULL) {
        set_broken(e, f, "R039", wrong, 0);
    } else {
        f->meta = json_deep_copy(meta);
        f->done = true;
        if (e->ready)
            tsn_deploy_described(e, NULL);
    }
    tsn_playbooks_next(e);
}

void tsn_playbooks_killed(struct tsn_engine *e, int file)
{
    struct tsn_pbfile *f = &e->files[file];

    if (!f->done && ++f->kills >= KILLS_MAX)
        set_broken(e, f, "R022", "loading it was stopped: it loops, or crashes the worker", 0);
    else if (!f->done && e->ready)
        set_broken(e, f, "R023", "the worker ended while it looked at it: try again", 0);
    tsn_playbooks_next(e);
}

/* --- one more, while all is at work */

int tsn_playbooks_add(struct tsn_engine *e, const char *file, const char *bundle,
                      const char *hash)
{
    struct tsn_worker *w = free_worker(e);
    struct tsn_pbfile *f;

    if (!w)
        return -1;
    e->files = tsn_realloc(e->files, (e->nfiles + 1) * sizeof(*e->files));
    f = &e->files[e->nfiles];
    memset(f, 0, sizeof(*f));
    f->file = tsn_strdup(file);
    f->bundle = tsn_strdup(bundle);
    (void)tsn_copy(f->hash, sizeof(f->hash), hash);
    for (size_t i = 0; i < e->nplaybooks; i++) /* they point into what may have moved */
        for (size_t k = 0; k < e->nfiles; k++)
            if (e->files[k].meta == e->playbooks[i].meta)
                e->playbooks[i].hash = e->files[k].hash;
    tsn_worker_describe(w, (int)e->nfiles);
    return (int)e->nfiles++;
}

void tsn_playbooks_replace(struct tsn_engine *e, int file, int64_t version)
{
    struct tsn_pbfile *f = &e->files[file];
    const char *name = tsn_json_str(f->meta, "name", "");
    struct tsn_playbook *p = NULL;

    for (size_t i = 0; i < e->nplaybooks; i++)
        if (strcmp(e->playbooks[i].name, name) == 0)
            p = &e->playbooks[i];
    if (!p) {
        e->playbooks = tsn_realloc(e->playbooks, (e->nplaybooks + 1) * sizeof(*e->playbooks));
        p = &e->playbooks[e->nplaybooks++];
    }
    *p = (struct tsn_playbook){.name = name,
                               .hash = f->hash,
                               .title = tsn_json_str(f->meta, "title", name),
                               .on = tsn_json_str(f->meta, "on", ""),
                               .file = f->file,
                               .version = version,
                               .meta = f->meta};
}

/* --- what others ask */

const struct tsn_playbook *tsn_engine_playbook(const struct tsn_engine *e, const char *name)
{
    for (size_t i = 0; e && i < e->nplaybooks; i++)
        if (strcmp(e->playbooks[i].name, name) == 0)
            return &e->playbooks[i];
    return NULL;
}

size_t tsn_engine_playbooks(const struct tsn_engine *e, const struct tsn_playbook **out)
{
    *out = e ? e->playbooks : NULL;
    return e ? e->nplaybooks : 0;
}

size_t tsn_engine_broken(const struct tsn_engine *e, const struct tsn_diag **out)
{
    *out = e ? e->broken : NULL;
    return e ? e->nbroken : 0;
}

void tsn_playbooks_close(struct tsn_engine *e)
{
    for (size_t i = 0; i < e->nfiles; i++) {
        free(e->files[i].file);
        free(e->files[i].bundle);
        json_decref(e->files[i].meta);
    }
    free(e->files);
    free(e->playbooks);
    free(e->broken);
}
