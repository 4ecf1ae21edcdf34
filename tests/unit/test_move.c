/* test_move.c - all rows of one database into another, both ways, and what is
 * done when it is broken off. */
#include "transfer/move.h"

#include <stdio.h>
#include <string.h>

#include "full_store.h"

/* A second store, in memory, to be filled. */
static struct store *other(struct store_fixture *f)
{
    struct store_options opt = {.purpose = STORE_TO_FILL,
                                .database_url = "sqlite::memory:"};
    struct store *s = NULL;

    OK(f, store_open(&s, &opt, &f->err));
    return s;
}

static struct store *swap(struct store_fixture *f, struct store *s)
{
    struct store *before = f->s;

    f->s = s;
    return before;
}

static struct move_result move(struct store_fixture *f, struct store *from,
                               struct store *to)
{
    struct move_options opt = {.from = from, .to = to};
    struct move_result out;

    OK(f, move_run(&opt, &out, &f->err));
    return out;
}

/* Checksums of every table. */
static void sums(struct store_fixture *f, struct store *s,
                 struct move_sum out[MOVE_MAX_TABLES])
{
    struct store_export *x;

    OK(f, store_export_begin(s, false, &x, &f->err));
    for (int i = 0; i < transfer_table_count(); i++)
        OK(f, move_sum_table(x, &transfer_tables[i], &out[i], &f->err));
    store_export_end(x);
}

static void assert_same(struct store_fixture *f, struct store *a,
                        struct store *b)
{
    struct move_sum sa[MOVE_MAX_TABLES], sb[MOVE_MAX_TABLES];

    sums(f, a, sa);
    sums(f, b, sb);
    for (int i = 0; i < transfer_table_count(); i++)
        if (sa[i].rows != sb[i].rows || sa[i].checksum != sb[i].checksum)
            fail_msg("'%s': %lld and %lld rows, sums %llx and %llx",
                     transfer_tables[i].name, (long long)sa[i].rows,
                     (long long)sb[i].rows, (unsigned long long)sa[i].checksum,
                     (unsigned long long)sb[i].checksum);
}

/* ---- both ways ---- */

static void nothing_is_left_out(struct store_fixture *f)
{
    struct store_export *x;
    int64_t n;

    full_store_fill(f);
    OK(f, store_export_begin(f->s, false, &x, &f->err));
    for (int i = 0; i < transfer_table_count(); i++) {
        OK(f, store_export_count(x, &transfer_tables[i], &n, &f->err));
        /* there while a collection's records are removed */
        if (n == 0 && strcmp(transfer_tables[i].name, "collections_gone") != 0)
            fail_msg("the full store has nothing in '%s'",
                     transfer_tables[i].name);
    }
    store_export_end(x);
}

static void away(struct store_fixture *f)
{
    struct store *to = other(f), *from;
    struct move_result r;

    full_store_fill(f);
    r = move(f, f->s, to);
    assert_true(r.rows > FULL_PAPERS + FULL_CHUNKS);
    assert_int_equal(r.kept + r.restarted, 0);
    assert_same(f, f->s, to);
    from = swap(f, to);
    full_store_check(f);
    store_close(swap(f, from));
}

static void back(struct store_fixture *f)
{
    struct store *from = other(f), *to = swap(f, from);

    full_store_fill(f);
    swap(f, to);
    move(f, from, f->s);
    assert_same(f, from, f->s);
    full_store_check(f);
    store_close(from);
}

/* As after a kill behind the last commit. */
static void once_more(struct store_fixture *f)
{
    struct store *from = other(f);
    struct move_options opt = {.from = from, .to = f->s};
    struct store *to = swap(f, from);
    struct move_result r;

    full_store_fill(f);
    swap(f, to);
    move(f, from, f->s);
    r = move(f, from, f->s);
    assert_int_equal(r.kept, r.rows);
    assert_same(f, from, f->s);
    /* The same number of rows, but not the same rows. */
    OK(f, store_paper_delete(f->s, id_of(f, 1), NOW, &f->err));
    GIVES(f, ERR_CONFLICT, move_run(&opt, &r, &f->err));
    store_close(from);
}

/* An empty one too. */
static void nothing(struct store_fixture *f)
{
    struct store *to = other(f);

    move(f, f->s, to);
    assert_same(f, f->s, to);
    store_close(to);
}

/* ---- refused ---- */

static void not_into_a_used_one(struct store_fixture *f)
{
    struct store *from = other(f);
    struct move_options opt = {.from = from, .to = f->s};
    struct move_result r;
    int64_t count;

    receive_one(f, a_paper(f, 1));
    GIVES(f, ERR_CONFLICT, move_run(&opt, &r, &f->err));
    count =
        list(f, &(struct paper_query){.min_relevance = -1, .want_count = true})
            .count;
    assert_int_equal(count, 1);
    store_close(from);
}

/* ---- broken off ---- */

struct breaking {
    int64_t after; /* calls of progress */
};

static enum err_code stop_after(void *ctx, const char *table, int64_t rows,
                                int64_t total, struct err *e)
{
    struct breaking *b = ctx;

    (void)table;
    assert_true(rows <= total);
    return --b->after > 0 ? ERR_NONE : err_set(e, ERR_CANCELLED, "stopped");
}

static void goes_on(struct store_fixture *f)
{
    struct store *from = other(f), *to = swap(f, from);
    struct move_result r;
    int64_t kept = 0, calls = 0;
    enum err_code code;

    full_store_fill(f);
    swap(f, to);
    do {
        struct breaking b = {.after = ++calls};
        struct move_options opt = {
            .from = from, .to = f->s, .progress = stop_after, .ctx = &b};

        f->err = (struct err){0};
        code = move_run(&opt, &r, &f->err);
        if (code == ERR_NONE)
            kept = r.kept;
    } while (code == ERR_CANCELLED);
    OK(f, code);
    assert_true(calls > transfer_table_count());
    assert_true(kept > 0);
    assert_same(f, from, f->s);
    full_store_check(f);
    store_close(from);
}

/* The source changed meanwhile: what was copied of it is done anew. */
static void a_changed_source(struct store_fixture *f)
{
    struct store *from = other(f), *to = swap(f, from);
    struct breaking b = {.after = 20};
    struct move_options opt = {.from = from, .progress = stop_after, .ctx = &b};
    struct move_result r;

    full_store_fill(f);
    opt.to = to;
    GIVES(f, ERR_CANCELLED, move_run(&opt, &r, &f->err));
    OK(f, store_paper_delete(f->s, id_of(f, 1), NOW + 5, &f->err));
    opt.progress = NULL;
    OK(f, move_run(&opt, &r, &f->err));
    assert_true(r.restarted > 0);
    assert_same(f, from, to);
    swap(f, to);
    assert_int_equal(
        list(f, &(struct paper_query){.min_relevance = -1, .want_count = true})
            .count,
        FULL_PAPERS - 2);
    assert_string_equal(search(f, "unspaced"), "3");
    store_close(from);
}

static void a_half_filled_one_is_not_served(struct store_fixture *f)
{
    struct store *from = other(f), *to = swap(f, from), *again = NULL;
    struct breaking b = {.after = 20};
    struct move_options opt = {
        .from = from, .to = to, .progress = stop_after, .ctx = &b};
    struct store_options as = {
        .database_url = f->url, .data_dir = f->dir, .vectors = f->vectors};
    struct move_result r;

    full_store_fill(f);
    swap(f, to);
    GIVES(f, ERR_CANCELLED, move_run(&opt, &r, &f->err));
    for (int p = STORE_TO_SERVE; p <= STORE_TO_READ; p++) {
        as.purpose = (enum store_purpose)p;
        GIVES(f, ERR_INVALID, store_open(&again, &as, &f->err));
    }
    as.purpose = STORE_TO_FILL;
    OK(f, store_open(&again, &as, &f->err));
    store_close(again);
    opt.progress = NULL;
    OK(f, move_run(&opt, &r, &f->err));
    as.purpose = STORE_TO_READ;
    OK(f, store_open(&again, &as, &f->err));
    store_close(again);
    store_close(from);
}

/* Any call of the target fails once. */
static void faults(struct store_fixture *f)
{
    struct store *from = other(f), *to = swap(f, from);
    struct move_options opt = {.from = from, .to = to};
    struct move_result r;
    enum err_code code;

    full_store_fill(f);
    swap(f, to);
    for (int64_t n = 1; n < 1000; n += 7) {
        store_fault_after(to, n, ERR_UNAVAILABLE);
        f->err = (struct err){0};
        code = move_run(&opt, &r, &f->err);
        if (code != ERR_UNAVAILABLE)
            break;
    }
    store_fault_after(to, 0, ERR_NONE);
    OK(f, code);
    assert_same(f, from, to);
    full_store_check(f);
    store_close(from);
}

/* ---- alone ---- */

static void served_ones_stay(struct store_fixture *f)
{
    struct store_options as = {
        .purpose = STORE_TO_READ, .database_url = f->url, .data_dir = f->dir};
    struct store *reader = NULL;
    struct store_export *x;

    receive_one(f, a_paper(f, 1));
    OK(f, store_open(&reader, &as, &f->err));
    GIVES(f, ERR_CONFLICT, store_export_begin(reader, true, &x, &f->err));
    OK(f, store_export_begin(reader, false, &x, &f->err)); /* a backup may */
    receive_one(f, a_paper(f, 2));
    store_export_end(x);
    store_close(reader);
    store_close(f->s);
    f->s = NULL;
    OK(f, store_open(&reader, &as, &f->err));
    OK(f, store_export_begin(reader, true, &x, &f->err));
    as.purpose = STORE_TO_SERVE;
    GIVES(f, ERR_UNAVAILABLE, store_open(&f->s, &as, &f->err));
    store_export_end(x);
    store_close(reader);
}

static const struct store_case cases[] = {
    CASE(nothing_is_left_out),
    CASE(away),
    CASE(back),
    CASE(once_more),
    CASE(nothing),
    CASE(not_into_a_used_one),
    CASE(goes_on),
    CASE(a_changed_source),
    CASE_WHERE(ON_DISK, a_half_filled_one_is_not_served),
    CASE(faults),
    CASE_WHERE(IN_ONE_FILE, served_ones_stay),
};

int main(void)
{
    return STORE_SUITE("move", cases);
}
