/* check.c - see check.h. */
#include "transfer/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "store/transfer.h"

/* int8 and bf16 kernels leave lengths within 1e-3 of 1. */
#define LENGTH_SLACK 0.01

struct vector_check {
    int vector, model;    /* columns */
    int64_t of_set;       /* the set's model; 0: none is known */
    int64_t all, strange; /* strange: of another model */
    int64_t bad, first_bad;
    int64_t long_or_short, first_length;
};

static void look_at(struct vector_check *k, int64_t id, struct slice bytes)
{
    double sum = 0;

    for (size_t i = 0; i + sizeof(float) <= bytes.len; i += sizeof(float)) {
        float f;

        memcpy(&f, bytes.p + i, sizeof(f));
        sum += (double)f * (double)f;
    }
    if (!isfinite(sum)) {
        if (k->bad++ == 0)
            k->first_bad = id;
    } else if (fabs(sqrt(sum) - 1) > LENGTH_SLACK && k->long_or_short++ == 0) {
        k->first_length = id;
    }
}

static enum err_code each(void *ctx, const struct transfer_cell *row,
                          struct err *e)
{
    struct vector_check *k = ctx;

    (void)e;
    k->all++;
    k->strange += k->of_set && row[k->model].i != k->of_set;
    look_at(k, row[0].i, row[k->vector].s);
    return ERR_NONE;
}

static int column(const struct transfer_table *t, const char *name)
{
    int i = 0;

    while (strcmp(t->columns[i].name, name) != 0)
        i++;
    return i;
}

static void say(const struct store_verify *v, const char *table,
                const struct vector_check *k)
{
    char text[200];

    if (k->bad) {
        snprintf(text, sizeof(text),
                 "%lld vectors in '%s' have numbers that are not finite (one "
                 "of them: %lld)",
                 (long long)k->bad, table, (long long)k->first_bad);
        v->found(v->ctx, text);
    }
    if (k->long_or_short) {
        snprintf(text, sizeof(text),
                 "%lld vectors in '%s' are not of length 1 (one of them: %lld)",
                 (long long)k->long_or_short, table,
                 (long long)k->first_length);
        v->found(v->ctx, text);
    }
    if (k->strange) {
        snprintf(text, sizeof(text),
                 "%lld of %lld vectors in '%s' are of another model than the "
                 "others; the job that embeds makes them anew",
                 (long long)k->strange, (long long)k->all, table);
        v->note(v->ctx, text);
    }
}

static enum err_code check_set(struct store *s, struct store_export *x,
                               const struct store_verify *v,
                               enum vector_set set, const char *table,
                               struct err *e)
{
    const struct transfer_table *t = transfer_tables;
    struct vector_check k = {0};
    struct model_id model;
    bool known = false;
    enum err_code code = store_vectors_model(s, set, &model, &known, e);

    while (strcmp(t->name, table) != 0)
        t++;
    k.vector = column(t, "vector");
    k.model = column(t, "model");
    if (code == ERR_NONE && known)
        memcpy(&k.of_set, model.fingerprint, sizeof(k.of_set));
    if (code == ERR_NONE)
        code = store_export_each(x, t, each, &k, e);
    say(v, table, &k);
    return code;
}

enum err_code check_vectors(struct store *s, const struct store_verify *v,
                            struct err *e)
{
    struct err why = {0};
    struct store_export *x;
    enum err_code code = store_export_begin(s, false, &x, e);

    if (code != ERR_NONE)
        return code;
    v->step(v->ctx, "vectors");
    code = check_set(s, x, v, VECTORS_CHUNKS, "chunks", &why);
    if (code == ERR_NONE)
        code = check_set(s, x, v, VECTORS_PAPERS, "paper_vectors", &why);
    store_export_end(x);
    if (code == ERR_INTERNAL) { /* one that cannot even be read */
        v->found(v->ctx, why.msg);
        return ERR_NONE;
    }
    if (code != ERR_NONE && e)
        *e = why;
    return code;
}
