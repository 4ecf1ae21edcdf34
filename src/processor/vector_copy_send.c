/* vector_copy_send.c - see vector_copy_send.h.
 *
 * A batch that is too large, or of which the server does not take something, is
 * halved until it is one record, which is then left out: one strange record
 * must not keep all others waiting.
 */
#include "processor/vector_copy_send.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "embed/vector_text.h"
#include "processor/chroma_record.h"
#include "processor/passage.h"

#define TIMEOUT_MS 60000
#define ARENA_BYTES ((size_t)64 << 20)
#define MAX_BODY ((size_t)24 << 20)   /* the server's own limit is 40 MB */
#define MAX_NAMES ((size_t)256 << 20) /* of what is to be removed */
#define PAGE 1000                     /* names listed at a time */
#define REMOVE STORE_MAX_BATCH        /* and removed */

struct record {
    char name[CHROMA_NAME];
    struct slice text;
    json_t *metadata;
    const float *vector;
    bool same; /* it is there like this */
};

/* ---- life ---- */

enum err_code copy_send_new(struct copy_send **out, struct job_run *r,
                            struct chroma *c, struct err *e)
{
    struct copy_send *w = calloc(1, sizeof(*w));
    json_t *before = NULL;

    *out = w;
    if (!w)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    w->run = r;
    w->chroma = c;
    w->how = (struct chroma_how){
        .timeout_ms = TIMEOUT_MS, .cancelled = job_run_cancelled, .ctx = r};
    buf_init(&w->body, MAX_BODY);
    buf_init(&w->removing, MAX_NAMES);
    w->arena = arena_new(ARENA_BYTES);
    if (!w->arena) {
        free(w);
        *out = NULL;
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    }
    if (r->job->result.len)
        (void)!json_parse(&before, r->job->result, NULL);
    w->total = w->compared = json_get_int(before, "compared", 0);
    w->sent = json_get_int(before, "sent", 0);
    w->removed = json_get_int(before, "removed", 0);
    json_decref(before);
    return ERR_NONE;
}

void copy_send_free(struct copy_send *w)
{
    if (!w)
        return;
    arena_free(w->arena);
    buf_release(&w->body);
    buf_release(&w->removing);
    free(w);
}

void copy_send_expect(struct copy_send *w, int64_t n)
{
    w->total = w->compared + n;
}

struct slice copy_send_result(struct copy_send *w)
{
    char *text = arena_printf(
        w->run->arena,
        "{\"total\":%lld,\"compared\":%lld,\"sent\":%lld,\"removed\":%lld,"
        "\"refused\":%lld}",
        (long long)w->total, (long long)w->compared, (long long)w->sent,
        (long long)w->removed, (long long)w->refused);

    return text ? slice_of(text) : SLICE_NONE;
}

static enum err_code note_progress(struct copy_send *w, struct err *e)
{
    double done = (double)w->compared;

    if (job_run_cancelled(w->run))
        return err_set(e, ERR_CANCELLED, "cancelled");
    if (w->total < w->compared) /* more changed meanwhile */
        w->total = w->compared;
    return store_job_progress(w->run->store, w->run->lease,
                              w->total ? 100.0 * done / (double)w->total : 0,
                              SLICE_NONE, copy_send_result(w), clock_now_us(),
                              e);
}

/* ---- what is to be there ---- */

static enum err_code fill(struct record *r, enum vector_set set,
                          const struct chunk *c, json_t *metadata,
                          struct err *e)
{
    struct copy_name name = {c->document_id, c->index};

    if (set == VECTORS_PAPERS)
        name.number = c->id;
    r->text = c->text;
    r->metadata = metadata ? chroma_metadata(metadata) : NULL;
    json_decref(metadata);
    if (!r->metadata)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    return chroma_name_write(r->name, set, name)
               ? ERR_NONE
               : err_set(e, ERR_TOO_LARGE, "the document's id is too long");
}

static json_t *metadata_of_paper(const struct paper *p)
{
    struct slice text;
    json_t *o = NULL;

    if (paper_metadata_text(p, &text, NULL) != ERR_NONE)
        return NULL;
    (void)!json_parse(&o, text, NULL);
    free((char *)text.p);
    return o;
}

/* Which of the vectors that were added is this one's? */
static const float *vector_of(const struct copy_send *w, size_t from, size_t n,
                              int64_t id)
{
    for (size_t i = from; i < from + n; i++)
        if (w->ids[i] == id)
            return w->vectors[i];
    return NULL;
}

/* One note a document; chunks come in their order. */
static enum err_code note_chunks(struct copy_send *w, const struct chunk *c,
                                 size_t n, struct err *e)
{
    struct copy_note notes[COPY_BATCH];
    size_t m = 0;

    for (size_t i = 0; i < n; i++) {
        if (m == 0 || notes[m - 1].key != c[i].document_key)
            m++;
        notes[m - 1] = (struct copy_note){c[i].document_key, c[i].document_id,
                                          c[i].index + 1};
    }
    return store_copy_note(w->run->store, w->set, notes, m, e);
}

static enum err_code load_chunks(struct copy_send *w, size_t from, size_t n,
                                 struct record *records, size_t *out,
                                 struct err *e)
{
    struct chunk *c;
    size_t there;
    enum err_code code = store_chunks_get(w->run->store, w->arena,
                                          w->ids + from, n, &c, &there, e);

    if (code == ERR_NONE)
        code = note_chunks(w, c, there, e);
    for (size_t i = 0; code == ERR_NONE && i < there; i++) {
        struct record *r = &records[(*out)++];

        r->vector = vector_of(w, from, n, c[i].id);
        code = fill(r, w->set, &c[i], chunk_metadata(&c[i]), e);
    }
    return code;
}

static enum err_code load_papers(struct copy_send *w, size_t from, size_t n,
                                 struct record *records, size_t *out,
                                 struct err *e)
{
    struct copy_note notes[COPY_BATCH];
    struct paper *p;
    size_t there;
    enum err_code code = store_papers_get(w->run->store, w->arena,
                                          w->ids + from, n, &p, &there, e);

    for (size_t i = 0; code == ERR_NONE && i < there; i++)
        notes[i] = (struct copy_note){.key = p[i].id, .records = 1};
    if (code == ERR_NONE)
        code = store_copy_note(w->run->store, w->set, notes, there, e);
    for (size_t i = 0; code == ERR_NONE && i < there; i++) {
        struct record *r = &records[(*out)++];
        struct chunk c;

        r->vector = vector_of(w, from, n, p[i].id);
        code = paper_as_chunk(&p[i], w->arena, &c, e);
        if (code == ERR_NONE)
            code = fill(r, w->set, &c, metadata_of_paper(&p[i]), e);
    }
    return code;
}

/* ---- what is there ---- */

static struct record *record_named(struct record *records, size_t n,
                                   struct slice name)
{
    for (size_t i = 0; i < n; i++)
        if (slice_is(name, records[i].name))
            return &records[i];
    return NULL;
}

/* Compare with the record there.  Keys that are to go stay behind as nulls. */
static enum err_code compare(struct record *r, const struct chroma_records *old,
                             size_t at, struct err *e)
{
    json_t *there = json_array_get(old->metadatas, at);
    const char *key;
    json_t *v;

    r->same = chroma_record_same(json_array_get(old->embeddings, at),
                                 json_array_get(old->documents, at), there,
                                 r->vector, r->text, r->metadata);
    json_object_foreach(
        there, key, v) if (!json_object_get(r->metadata, key) &&
                           json_object_set_new(r->metadata, key, json_null()) !=
                               0) return err_set(e, ERR_UNAVAILABLE,
                                                 "out of memory");
    return ERR_NONE;
}

static enum err_code look(struct copy_send *w, struct record *records, size_t n,
                          struct err *e)
{
    struct slice names[COPY_BATCH];
    struct chroma_records old;
    enum err_code code;

    for (size_t i = 0; i < n; i++)
        names[i] = slice_of(records[i].name);
    code = chroma_get(w->chroma, &w->how, w->collection.id, names, n, &old, e);
    for (size_t i = 0; code == ERR_NONE && i < old.n; i++) {
        struct record *r =
            record_named(records, n, chroma_records_name(&old, i));

        if (r)
            code = compare(r, &old, i, e);
    }
    chroma_records_release(&old);
    return code;
}

/* ---- sending ---- */

static void write_list(struct jw *j, const char *key,
                       const struct record *records, size_t n,
                       void (*write)(struct jw *j, const struct record *r))
{
    jw_key(j, key);
    jw_arr(j);
    for (size_t i = 0; i < n; i++)
        if (!records[i].same)
            write(j, &records[i]);
    jw_end_arr(j);
}

static void write_name(struct jw *j, const struct record *r)
{
    jw_str(j, r->name);
}

static void write_text(struct jw *j, const struct record *r)
{
    jw_slice(j, r->text);
}

static void write_metadata(struct jw *j, const struct record *r)
{
    jw_value(j, r->metadata);
}

static void write_vector(struct jw *j, const struct record *r)
{
    char text[STORE_VECTOR_DIM * (VECTOR_TEXT + 1) + 3];
    struct buf b;

    buf_init(&b, sizeof(text));
    vector_add_json(&b, r->vector, STORE_VECTOR_DIM);
    jw_raw(j, buf_slice(&b));
    buf_release(&b);
}

static enum err_code send(struct copy_send *w, const struct record *records,
                          size_t n, struct err *e)
{
    struct jw j;
    size_t differ = 0;
    enum err_code code;

    for (size_t i = 0; i < n; i++)
        differ += !records[i].same;
    if (differ == 0)
        return ERR_NONE;
    buf_clear(&w->body);
    jw_init(&j, &w->body);
    jw_obj(&j);
    write_list(&j, "ids", records, n, write_name);
    write_list(&j, "embeddings", records, n, write_vector);
    write_list(&j, "documents", records, n, write_text);
    write_list(&j, "metadatas", records, n, write_metadata);
    jw_end_obj(&j);
    if (!buf_ok(&w->body))
        return err_set(e, ERR_TOO_LARGE, "the records are too large");
    code = chroma_upsert(w->chroma, &w->how, w->collection.id,
                         buf_slice(&w->body), e);
    if (code == ERR_NONE)
        w->sent += (int64_t)differ;
    return code;
}

/* ---- a batch ---- */

static enum err_code put(struct copy_send *w, size_t from, size_t n,
                         struct err *e)
{
    struct record *records = calloc(n, sizeof(*records));
    size_t there = 0;
    enum err_code code;

    if (!records)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    arena_reset(w->arena);
    code = w->set == VECTORS_PAPERS
               ? load_papers(w, from, n, records, &there, e)
               : load_chunks(w, from, n, records, &there, e);
    if (code == ERR_NONE && w->look && there)
        code = look(w, records, there, e);
    if (code == ERR_NONE)
        code = send(w, records, there, e);
    for (size_t i = 0; i < there; i++)
        json_decref(records[i].metadata);
    free(records);
    return code;
}

static enum err_code put_what_goes(struct copy_send *w, size_t from, size_t n,
                                   struct err *e)
{
    struct err why = {0};
    enum err_code code = put(w, from, n, &why);

    if (code != ERR_TOO_LARGE && code != ERR_UNPROCESSABLE) {
        if (code != ERR_NONE)
            *e = why;
        return code;
    }
    if (n > 1) {
        code = put_what_goes(w, from, n / 2, e);
        return code == ERR_NONE ? put_what_goes(w, from + n / 2, n - n / 2, e)
                                : code;
    }
    w->refused++;
    log_warn("processor", "the Chroma server gets no copy of a passage",
             LOG_S("of", w->set == VECTORS_PAPERS ? "paper" : "chunk"),
             LOG_I("id", w->ids[from]), LOG_S("why", why.msg));
    return ERR_NONE;
}

enum err_code copy_send_flush(struct copy_send *w, struct err *e)
{
    size_t n = w->n;
    enum err_code code;

    if (n == 0)
        return ERR_NONE;
    w->n = 0;
    code = put_what_goes(w, 0, n, e);
    w->compared += (int64_t)n;
    return code == ERR_NONE ? note_progress(w, e) : code;
}

enum err_code copy_send_add(struct copy_send *w, int64_t id,
                            const float *vector, struct err *e)
{
    w->ids[w->n] = id;
    memcpy(w->vectors[w->n], vector, sizeof(w->vectors[0]));
    return ++w->n == COPY_BATCH ? copy_send_flush(w, e) : ERR_NONE;
}

/* ---- removing ---- */

static enum err_code send_removed(struct copy_send *w,
                                  const struct slice *names, size_t n,
                                  struct err *e)
{
    enum err_code code =
        chroma_delete(w->chroma, &w->how, w->collection.id, names, n, e);

    if (code == ERR_NONE)
        w->removed += (int64_t)n;
    return code == ERR_NONE ? note_progress(w, e) : code;
}

enum err_code copy_send_flush_removed(struct copy_send *w, struct err *e)
{
    struct slice names[REMOVE];
    const char *at = w->removing.p;
    size_t n = 0;
    enum err_code code = ERR_NONE;

    for (size_t i = 0; i < w->n_removing && code == ERR_NONE; i++) {
        names[n++] = slice_of(at);
        at += names[n - 1].len + 1;
        if (n == REMOVE || i + 1 == w->n_removing) {
            code = send_removed(w, names, n, e);
            n = 0;
        }
    }
    buf_clear(&w->removing);
    w->n_removing = 0;
    return code;
}

static enum err_code remove_name(struct copy_send *w, struct slice name,
                                 struct err *e)
{
    buf_add_slice(&w->removing, name);
    buf_add(&w->removing, "", 1);
    w->n_removing++;
    return buf_ok(&w->removing)
               ? ERR_NONE
               : err_set(e, ERR_UNAVAILABLE,
                         "too much is to be removed at a time");
}

enum err_code copy_send_remove(struct copy_send *w, const struct copy_gone *g,
                               struct err *e)
{
    char text[CHROMA_NAME];
    enum err_code code = ERR_NONE;

    if (w->set == VECTORS_PAPERS) {
        (void)chroma_name_write(text, w->set,
                                (struct copy_name){.number = g->note.key});
        return remove_name(w, slice_of(text), e);
    }
    for (int64_t i = g->kept; i < g->note.records && code == ERR_NONE; i++) {
        if (chroma_name_write(text, w->set,
                              (struct copy_name){g->note.name, i}))
            code = remove_name(w, slice_of(text), e);
        if (code == ERR_NONE && w->n_removing >= REMOVE)
            code = copy_send_flush_removed(w, e);
    }
    return code;
}

/* Of a page those that stand for nothing here. */
static enum err_code judge(struct copy_send *w, const struct chroma_records *r,
                           struct err *e)
{
    struct slice names[PAGE] = {SLICE_NONE};
    int64_t ids[PAGE];
    size_t n = 0;
    enum err_code code;

    for (size_t i = 0; i < r->n; i++) {
        struct slice name = chroma_records_name(r, i);

        if (!memchr(name.p, 0, name.len)) /* else never ours */
            names[n++] = name;
    }
    code = chroma_names_find(w->run->store, w->set, names, n, ids, e);
    for (size_t i = 0; i < n && code == ERR_NONE; i++)
        if (ids[i] == 0)
            code = remove_name(w, names[i], e);
    return code;
}

enum err_code copy_send_remove_foreign(struct copy_send *w, struct err *e)
{
    size_t n = PAGE;
    enum err_code code = ERR_NONE;

    /* removed at the end: the places of the others move */
    for (int64_t at = 0; code == ERR_NONE && n == PAGE; at += PAGE) {
        struct chroma_records page;

        code = chroma_list(w->chroma, &w->how, w->collection.id, at, PAGE,
                           &page, e);
        n = page.n;
        if (code == ERR_NONE && n > PAGE)
            code = err_set(e, ERR_UNAVAILABLE,
                           "the Chroma server lists more than it was asked "
                           "for");
        if (code == ERR_NONE)
            code = judge(w, &page, e);
        chroma_records_release(&page);
    }
    return code == ERR_NONE ? copy_send_flush_removed(w, e) : code;
}
