/* move.c - see move.h.
 *
 * Going on.  The rows of a table come in the same order as long as they are the
 * same, so what is committed of it are its first n: these are read and hashed
 * like all others, and not sent again.  The comparison at the end of the table
 * is what this rests on, and not a guess about the source: nothing needs to be
 * remembered of it.
 *
 * The checksum is a sum (modulo 2^64) of the first 8 bytes of the SHA-256 of
 * each row, written in one way whichever database it is from.
 */
#include "transfer/move.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "store/documents.h"

/* A batch is sent when it has so many rows or bytes. */
#define BATCH_ROWS 1000
#define BATCH_BYTES ((size_t)1 << 20)
/* The largest rows hold a text or a file, and little else. */
#define MAX_ROW (STORE_MAX_FILE + ((size_t)16 << 20))

/* ---- a row as bytes ---- */

static bool has_bytes(enum transfer_type type)
{
    return type == TRANSFER_TEXT || type == TRANSFER_BYTES ||
           type == TRANSFER_VECTOR;
}

static void add_cell(struct buf *b, enum transfer_type type,
                     const struct transfer_cell *v)
{
    uint64_t bits = (uint64_t)v->i;

    buf_add_char(b, v->null ? 'n' : 'v');
    if (v->null)
        return;
    if (type == TRANSFER_REAL)
        memcpy(&bits, &v->d, sizeof(bits));
    else if (has_bytes(type))
        bits = v->s.len;
    buf_add(b, &bits, sizeof(bits));
    if (has_bytes(type))
        buf_add_slice(b, v->s);
}

static enum err_code sum_row(struct move_sum *sum, struct buf *scratch,
                             const struct transfer_table *t,
                             const struct transfer_cell *row, struct err *e)
{
    uint8_t digest[32];
    uint64_t part;

    buf_clear(scratch);
    for (int i = 0; i < t->n_columns; i++)
        add_cell(scratch, t->columns[i].type, &row[i]);
    if (!buf_ok(scratch))
        return err_set(e, ERR_TOO_LARGE, "a row of '%s' is too large", t->name);
    crypto_sha256(digest, buf_slice(scratch));
    memcpy(&part, digest, sizeof(part));
    sum->rows++;
    sum->checksum += part;
    return ERR_NONE;
}

struct summing {
    const struct transfer_table *t;
    struct move_sum *sum;
    struct buf scratch;
};

static enum err_code sum_each(void *ctx, const struct transfer_cell *row,
                              struct err *e)
{
    struct summing *s = ctx;

    return sum_row(s->sum, &s->scratch, s->t, row, e);
}

enum err_code move_sum_table(struct store_export *x,
                             const struct transfer_table *t,
                             struct move_sum *out, struct err *e)
{
    struct summing s = {.t = t, .sum = out};
    enum err_code code;

    *out = (struct move_sum){0};
    buf_init(&s.scratch, MAX_ROW);
    code = store_export_each(x, t, sum_each, &s, e);
    buf_release(&s.scratch);
    return code;
}

/* ---- a batch ---- */

struct mover {
    const struct move_options *opt;
    struct move_result *out;
    struct store_export *source;
    int64_t total;
    int64_t read; /* rows of tables that are over */

    /* the table in hand */
    const struct transfer_table *t;
    struct move_sum sum;
    int64_t kept; /* its first rows, committed by an earlier run */
    int64_t done; /* committed now */
    struct buf scratch;

    /* rows on their way: copies; a cell's text is an offset until it is sent */
    struct transfer_cell *cells; /* room for BATCH_ROWS rows */
    size_t n;
    struct buf bytes;
};

static enum err_code tell_of(struct mover *m, const char *what, struct err *e)
{
    if (!m->opt->progress)
        return ERR_NONE;
    return m->opt->progress(m->opt->ctx, what, m->read + m->sum.rows, m->total,
                            e);
}

static enum err_code tell(struct mover *m, struct err *e)
{
    return tell_of(m, m->t->name, e);
}

static enum err_code keep_row(struct mover *m, const struct transfer_cell *row,
                              struct err *e)
{
    struct transfer_cell *to = m->cells + m->n * (size_t)m->t->n_columns;

    for (int i = 0; i < m->t->n_columns; i++) {
        to[i] = row[i];
        if (!has_bytes(m->t->columns[i].type) || row[i].null)
            continue;
        to[i].i = (int64_t)m->bytes.len;
        buf_add_slice(&m->bytes, row[i].s);
    }
    m->n++;
    return buf_ok(&m->bytes)
               ? ERR_NONE
               : err_set(e, ERR_TOO_LARGE, "a row of '%s' is too large",
                         m->t->name);
}

static enum err_code send_batch(struct mover *m, struct err *e)
{
    enum err_code code;

    if (m->n == 0)
        return ERR_NONE;
    for (size_t k = 0; k < m->n * (size_t)m->t->n_columns; k++) {
        struct transfer_cell *c = &m->cells[k];

        if (has_bytes(m->t->columns[k % (size_t)m->t->n_columns].type) &&
            !c->null)
            c->s.p = m->bytes.len ? m->bytes.p + c->i : "";
    }
    code = store_import_rows(m->opt->to, m->t, m->done, m->cells, m->n, e);
    if (code != ERR_NONE)
        return code;
    m->done += (int64_t)m->n;
    m->n = 0;
    buf_clear(&m->bytes);
    return tell(m, e);
}

/* ---- a table ---- */

static enum err_code move_row(void *ctx, const struct transfer_cell *row,
                              struct err *e)
{
    struct mover *m = ctx;
    enum err_code code = sum_row(&m->sum, &m->scratch, m->t, row, e);

    if (code != ERR_NONE)
        return code;
    if (m->sum.rows <= m->kept)
        return m->sum.rows % BATCH_ROWS == 0 ? tell(m, e) : ERR_NONE;
    code = keep_row(m, row, e);
    if (code == ERR_NONE && (m->n == BATCH_ROWS || m->bytes.len >= BATCH_BYTES))
        code = send_batch(m, e);
    return code;
}

static enum err_code sum_target(struct mover *m, struct move_sum *out,
                                struct err *e)
{
    struct store_export *x;
    enum err_code code = store_export_begin(m->opt->to, false, &x, e);

    if (code != ERR_NONE)
        return code;
    code = move_sum_table(x, m->t, out, e);
    store_export_end(x);
    return code;
}

/* Copy what is not there yet; *equal: now both sides are. */
static enum err_code fill_table(struct mover *m, bool *equal, struct err *e)
{
    struct move_sum target = {0};
    enum err_code code = store_import_done(m->opt->to, m->t, &m->kept, e);

    if (code != ERR_NONE)
        return code;
    m->sum = (struct move_sum){0};
    m->done = m->kept;
    m->n = 0;
    buf_clear(&m->bytes);
    code = store_export_each(m->source, m->t, move_row, m, e);
    if (code == ERR_NONE)
        code = send_batch(m, e);
    if (code == ERR_NONE)
        code = sum_target(m, &target, e);
    *equal = target.rows == m->sum.rows && target.checksum == m->sum.checksum;
    return code;
}

static enum err_code move_table(struct mover *m, struct err *e)
{
    bool equal = false;
    enum err_code code = fill_table(m, &equal, e);

    if (code == ERR_NONE && !equal && m->kept > 0) {
        m->out->restarted++;
        code = store_import_clear(m->opt->to, m->t, e);
        if (code == ERR_NONE)
            code = fill_table(m, &equal, e);
    }
    if (code == ERR_NONE && !equal)
        code = err_set(e, ERR_INTERNAL,
                       "the rows of '%s' in the target differ from those in "
                       "the source",
                       m->t->name);
    if (code != ERR_NONE)
        return code;
    m->out->tables[m->t - transfer_tables] = m->sum;
    m->out->rows += m->sum.rows;
    m->out->kept += m->kept;
    m->read += m->sum.rows;
    m->sum = (struct move_sum){0};
    return tell(m, e);
}

/* ---- all of them ---- */

static enum err_code count_all(struct store_export *x, struct move_result *out,
                               struct err *e)
{
    enum err_code code = ERR_NONE;

    *out = (struct move_result){0};
    assert(transfer_table_count() <= MOVE_MAX_TABLES);
    for (int i = 0; i < transfer_table_count() && code == ERR_NONE; i++) {
        code =
            store_export_count(x, &transfer_tables[i], &out->tables[i].rows, e);
        out->rows += out->tables[i].rows;
    }
    return code;
}

static enum err_code begin_source(struct store *from, bool alone,
                                  struct store_export **out, struct err *e)
{
    struct store_export *x;
    int64_t others = 0;
    enum err_code code = store_export_begin(from, alone, &x, e);

    if (code != ERR_NONE)
        return code;
    if (alone)
        code = store_export_others(x, &others, e);
    if (code == ERR_NONE && others)
        code = err_set(e, ERR_CONFLICT,
                       "%lld other connections of sheaf are open in the "
                       "source's database: stop the sheaf that serves it first",
                       (long long)others);
    if (code == ERR_NONE)
        *out = x;
    else
        store_export_end(x);
    return code;
}

enum err_code move_count(struct store *from, bool alone,
                         struct move_result *out, struct err *e)
{
    struct store_export *x;
    enum err_code code = begin_source(from, alone, &x, e);

    if (code != ERR_NONE)
        return code;
    code = count_all(x, out, e);
    store_export_end(x);
    return code;
}

static bool same_counts(const struct move_result *a,
                        const struct move_result *b)
{
    for (int i = 0; i < transfer_table_count(); i++)
        if (a->tables[i].rows != b->tables[i].rows)
            return false;
    return true;
}

/* Who is killed after the last commit finds a target that is not empty, for it
 * is done.  *same: it holds just what the source does. */
static enum err_code compare_all(struct mover *m,
                                 const struct move_result *counted, bool *same,
                                 struct err *e)
{
    struct move_result there;
    struct store_export *x;
    enum err_code code = store_export_begin(m->opt->to, false, &x, e);

    if (code != ERR_NONE)
        return code;
    code = count_all(x, &there, e);
    *same = code == ERR_NONE && same_counts(counted, &there);
    for (int i = 0; i < transfer_table_count() && *same; i++) {
        struct move_sum *sum = &m->out->tables[i], other;

        m->t = &transfer_tables[i];
        code = move_sum_table(m->source, m->t, sum, e);
        if (code == ERR_NONE)
            code = move_sum_table(x, m->t, &other, e);
        *same = code == ERR_NONE && sum->checksum == other.checksum;
        m->read += sum->rows;
        if (*same)
            code = tell(m, e);
    }
    m->out->rows = m->out->kept = counted->rows;
    store_export_end(x);
    return code;
}

static enum err_code move_all(struct mover *m, struct err *e)
{
    struct move_result counted;
    struct err other = {0};
    bool done = false;
    enum err_code code = count_all(m->source, &counted, e);

    m->total = counted.rows;
    if (code == ERR_NONE)
        code = store_import_begin(m->opt->to, e);
    if (code == ERR_CONFLICT &&
        compare_all(m, &counted, &done, &other) == ERR_NONE && done) {
        *e = (struct err){0};
        return ERR_NONE;
    }
    for (m->t = transfer_tables; m->t->name && code == ERR_NONE; m->t++)
        code = move_table(m, e);
    if (code == ERR_NONE)
        code = tell_of(m, "indexes", e);
    return code == ERR_NONE ? store_import_finish(m->opt->to, e) : code;
}

enum err_code move_run(const struct move_options *opt, struct move_result *out,
                       struct err *e)
{
    struct mover m = {.opt = opt, .out = out};
    enum err_code code = begin_source(opt->from, opt->alone, &m.source, e);

    if (code != ERR_NONE)
        return code;
    *out = (struct move_result){0};
    m.cells =
        calloc((size_t)BATCH_ROWS * TRANSFER_MAX_COLUMNS, sizeof(*m.cells));
    if (!m.cells)
        abort();
    buf_init(&m.scratch, MAX_ROW);
    buf_init(&m.bytes, MAX_ROW + BATCH_BYTES);
    code = move_all(&m, e);
    buf_release(&m.bytes);
    buf_release(&m.scratch);
    free(m.cells);
    store_export_end(m.source);
    return code;
}
