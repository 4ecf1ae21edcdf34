/* columns.c - see columns.h.
 *
 * A few records are read at once.  Of many each column is read by itself, in
 * batches that are small where a value may be large: the limits of records.h
 * say how much a batch can be.
 */
#include "chroma/columns.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "embed/vector_text.h"

#define FEW 32
#define SCRATCH_BYTES ((size_t)320 << 20)
#define REPLY_BYTES ((size_t)64 << 20)
#define PIECE_BYTES ((size_t)1 << 20)

enum column { IDS, EMBEDDINGS, DOCUMENTS, URIS, METADATAS, N_COLUMNS };

static const struct {
    const char *name;
    unsigned include, field;
    size_t batch;
} columns[N_COLUMNS] = {
    [IDS] = {"ids", 0, 0, SOURCE_MAX_LOAD},
    [EMBEDDINGS] = {"embeddings", INCLUDE_EMBEDDINGS, RECORD_VECTOR, 256},
    [DOCUMENTS] = {"documents", INCLUDE_DOCUMENTS, RECORD_DOCUMENT, FEW},
    [URIS] = {"uris", INCLUDE_URIS, RECORD_URI, 512},
    [METADATAS] = {"metadatas", INCLUDE_METADATAS, RECORD_METADATA | RECORD_URI,
                   128},
};

static const struct {
    const char *name;
    unsigned bit;
} includes[] = {{"documents", INCLUDE_DOCUMENTS},
                {"embeddings", INCLUDE_EMBEDDINGS},
                {"metadatas", INCLUDE_METADATAS},
                {"uris", INCLUDE_URIS},
                {"distances", INCLUDE_DISTANCES}};
#define N_INCLUDES (sizeof(includes) / sizeof(includes[0]))

enum err_code include_read(unsigned *out, const struct request *r,
                           unsigned dflt, struct err *e)
{
    const json_t *list = request_value(r, "include"), *item;
    size_t i, k;

    *out = list ? 0 : dflt;
    json_array_foreach(list, i, item)
    {
        for (k = 0; k < N_INCLUDES; k++)
            if (strcmp(json_string_value(item), includes[k].name) == 0)
                break;
        if (k == N_INCLUDES)
            return err_set(e, ERR_UNPROCESSABLE,
                           "include[%zu]: unknown variant, expected one of "
                           "`distances`, `documents`, `embeddings`, "
                           "`metadatas`, `uris`",
                           i);
        *out |= includes[k].bit;
    }
    return ERR_NONE;
}

struct writing {
    struct columns c;
    struct source *s;
    struct request *r;
    struct arena *scratch;
    struct buf out;
    struct record *records; /* those that are loaded */
    size_t n_records;
    bool few; /* all are loaded, with all that is wanted */
    bool streaming;
};

static enum err_code too_large(struct err *e)
{
    return err_set(e, ERR_TOO_LARGE,
                   "the reply is larger than %zu bytes; ask for fewer records",
                   REPLY_BYTES);
}

/* ---- output ---- */

/* Send what is there, if it is enough to be worth it. */
static enum err_code flush(struct writing *w, struct err *e)
{
    enum err_code code = ERR_NONE;

    if (!buf_ok(&w->out))
        return too_large(e);
    if (!w->c.may_stream || w->out.len < PIECE_BYTES)
        return ERR_NONE;
    if (!w->streaming)
        code = stream_begin(w->r, 200, "application/json", e);
    w->streaming = true;
    if (code == ERR_NONE)
        code = stream_write(w->r, buf_slice(&w->out), e);
    buf_clear(&w->out);
    return code;
}

static enum err_code finish(struct writing *w, struct err *e)
{
    if (!buf_ok(&w->out))
        return too_large(e);
    if (w->streaming)
        return stream_write(w->r, buf_slice(&w->out), e);
    buf_add_slice(reply_json(w->r, 200), buf_slice(&w->out));
    /* Clients ask for gzip by themselves; of 100 vectors it took 11 ms. */
    reply_momentary(w->r);
    return ERR_NONE;
}

/* ---- records ---- */

static enum err_code load(struct writing *w, size_t from, size_t n,
                          unsigned fields, struct err *e)
{
    w->records = NULL;
    w->n_records = 0;
    if (n == 0)
        return ERR_NONE;
    arena_reset(w->scratch);
    return w->s->ops->load(w->s, w->scratch, w->c.numbers + from, n, fields,
                           &w->records, &w->n_records, e);
}

static unsigned wanted_fields(unsigned include)
{
    unsigned fields = 0;

    for (enum column c = IDS; c < N_COLUMNS; c++)
        if (columns[c].include & include)
            fields |= columns[c].field;
    return fields;
}

/* Leave out those that are gone: of numbers from..from+n those that are loaded
 * are kept, at `to`. */
static size_t compact(struct writing *w, size_t from, size_t n, size_t to)
{
    size_t k = 0;

    for (size_t i = from; i < from + n; i++) {
        bool there =
            k < w->n_records && w->records[k].number == w->c.numbers[i];

        k += there;
        w->c.numbers[to] = w->c.numbers[i];
        if (w->c.distances)
            w->c.distances[to] = w->c.distances[i];
        for (size_t g = 0; !there && g < w->c.n_ends; g++)
            w->c.ends[g] -= w->c.ends[g] > to;
        to += there;
    }
    return to;
}

/* What is there still.  Of a few records all is read. */
static enum err_code look(struct writing *w, struct err *e)
{
    size_t n = w->c.n, to = 0;
    enum err_code code = ERR_NONE;

    w->few = n <= FEW;
    for (size_t i = 0; i < n && code == ERR_NONE; i += SOURCE_MAX_LOAD) {
        size_t part = n - i < SOURCE_MAX_LOAD ? n - i : SOURCE_MAX_LOAD;

        code = load(w, i, part, w->few ? wanted_fields(w->c.include) : 0, e);
        if (code == ERR_NONE)
            to = compact(w, i, part, to);
    }
    w->c.n = to;
    return code;
}

/* ---- lists ---- */

/* Where in the lists a writer is. */
struct place {
    size_t i, group;
};

static void open_lists(struct writing *w)
{
    buf_add_char(&w->out, '[');
    if (w->c.n_ends)
        buf_add_char(&w->out, '[');
}

/* Before value number at->i, or the end. */
static void separate(struct writing *w, struct place *at)
{
    bool first = at->i == 0;

    while (at->group < w->c.n_ends && at->i == w->c.ends[at->group]) {
        first = true;
        at->group++;
        buf_add_str(&w->out, at->group < w->c.n_ends ? "],[" : "]");
    }
    if (!first && at->i < w->c.n)
        buf_add_char(&w->out, ',');
}

static void close_lists(struct writing *w, struct place *at)
{
    separate(w, at);
    buf_add_char(&w->out, ']');
}

static void write_cell(struct buf *out, enum column c, const struct record *r,
                       int dim)
{
    struct jw j;

    jw_init(&j, out);
    if (c == IDS)
        jw_slice(&j, r ? r->id : SLICE(""));
    else if (r && c == EMBEDDINGS && r->vector)
        vector_add_json(out, r->vector, (size_t)dim);
    else if (r && c == DOCUMENTS && r->document.p)
        jw_slice(&j, r->document);
    else if (r && c == URIS && r->uri.p)
        jw_slice(&j, r->uri);
    else if (r && c == METADATAS && r->metadata.p)
        jw_raw(&j, r->metadata);
    else if (r && c == METADATAS && r->uri.p)
        jw_raw(&j, SLICE("{}")); /* Chroma keeps the uri among them */
    else
        jw_null(&j);
}

/* n values of the column, of the records that are loaded; one alone may be
 * megabytes. */
static enum err_code write_cells(struct writing *w, enum column c, size_t n,
                                 struct place *at, struct err *e)
{
    enum err_code code = ERR_NONE;
    size_t k = 0;

    for (size_t end = at->i + n; at->i < end && code == ERR_NONE; at->i++) {
        const struct record *r = k < w->n_records ? &w->records[k] : NULL;
        bool there = r && r->number == w->c.numbers[at->i];

        separate(w, at);
        write_cell(&w->out, c, there ? r : NULL, w->s->collection.dim);
        k += there;
        code = flush(w, e);
    }
    return code;
}

static enum err_code write_column(struct writing *w, enum column c,
                                  struct err *e)
{
    size_t batch = w->few ? FEW : columns[c].batch;
    struct place at = {0, 0};
    enum err_code code = ERR_NONE;

    open_lists(w);
    while (at.i < w->c.n && code == ERR_NONE) {
        size_t n = w->c.n - at.i < batch ? w->c.n - at.i : batch;

        if (!w->few)
            code = load(w, at.i, n, columns[c].field, e);
        if (code == ERR_NONE)
            code = write_cells(w, c, n, &at, e);
    }
    close_lists(w, &at);
    return code;
}

static void write_distances(struct writing *w)
{
    struct place at = {0, 0};

    open_lists(w);
    for (; at.i < w->c.n; at.i++) {
        char text[VECTOR_TEXT];

        separate(w, &at);
        if (isfinite(w->c.distances[at.i]))
            buf_add(&w->out, text,
                    vector_value_text(text, w->c.distances[at.i]));
        else
            buf_add_str(&w->out, "null");
    }
    close_lists(w, &at);
}

/* As it was asked for. */
static void write_include(struct writing *w)
{
    const json_t *asked = request_value(w->r, "include");
    struct jw j;

    buf_add_str(&w->out, ",\"include\":");
    jw_init(&j, &w->out);
    if (asked) {
        jw_value(&j, asked);
    } else {
        jw_arr(&j);
        for (size_t i = 0; i < N_INCLUDES; i++)
            if (w->c.include & includes[i].bit)
                jw_str(&j, includes[i].name);
        jw_end_arr(&j);
    }
    buf_add_char(&w->out, '}');
}

static enum err_code write_all(struct writing *w, struct err *e)
{
    enum err_code code = look(w, e);

    for (enum column c = IDS; c < N_COLUMNS && code == ERR_NONE; c++) {
        buf_printf(&w->out, "%c\"%s\":", c == IDS ? '{' : ',', columns[c].name);
        if (c == IDS || (w->c.include & columns[c].include))
            code = write_column(w, c, e);
        else
            buf_add_str(&w->out, "null");
    }
    if (code != ERR_NONE)
        return code;
    if (w->c.n_ends || w->c.distances) {
        buf_add_str(&w->out, ",\"distances\":");
        if (w->c.include & INCLUDE_DISTANCES)
            write_distances(w);
        else
            buf_add_str(&w->out, "null");
    }
    write_include(w);
    return finish(w, e);
}

enum err_code columns_reply(const struct columns *c, struct source *s,
                            struct request *r, struct err *e)
{
    struct writing w = {.c = *c, .s = s, .r = r};
    enum err_code code;

    w.scratch = arena_new(SCRATCH_BYTES);
    if (!w.scratch)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    buf_init(&w.out, REPLY_BYTES);
    code = write_all(&w, e);
    buf_release(&w.out);
    arena_free(w.scratch);
    return code;
}
