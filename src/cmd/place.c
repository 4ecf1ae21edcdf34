/* place.c - see place.h. */
#include "cmd/place.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cmd/term.h"

#define CONNECTIONS 3

enum store_vectors place_vectors(const struct config *c)
{
    if (strcmp(config_str(c, "vectors"), "pgvector") == 0)
        return STORE_VECTORS_PGVECTOR;
    return config_from(c, "vectors") == FROM_DEFAULT ? STORE_VECTORS_AS_THEY_ARE
                                                     : STORE_VECTORS_EMBEDDED;
}

bool place_is_in_datadir(const char *database_url)
{
    return strcmp(database_url, "sqlite:") == 0;
}

enum err_code place_open(struct store **out, const char *database_url,
                         const struct datadir *d, enum store_purpose purpose,
                         enum store_vectors vectors, struct err *e)
{
    struct store_options opt = {
        .purpose = purpose,
        .database_url = database_url,
        .data_dir = d->path,
        .connections = CONNECTIONS,
        .vectors = vectors,
    };

    return store_open(out, &opt, e);
}

void place_describe(struct store *s, char *out, size_t n)
{
    struct arena *a = arena_new(64 << 10);
    const char *text = NULL;
    struct err e;

    if (a && store_describe(s, a, &text, &e) == ERR_NONE)
        snprintf(out, n, "%s", text);
    else
        snprintf(out, n, "%s", store_name(s));
    arena_free(a);
}

enum err_code place_draw(void *progress, const char *table, int64_t rows,
                         int64_t total, struct err *e)
{
    struct place_progress *p = progress;
    int64_t now = clock_mono_us();
    double seconds;
    char note[120];

    (void)e;
    if (!p->started_us)
        p->started_us = now;
    if (now - p->drawn_us < US_PER_S / 10 && p->table == table)
        return ERR_NONE;
    p->drawn_us = now;
    p->table = table;
    seconds = (double)(now - p->started_us) / US_PER_S;
    snprintf(note, sizeof(note), "%lld of %lld rows, %.0f/s, %s",
             (long long)rows, (long long)total,
             seconds > 0 ? (double)rows / seconds : 0.0, table);
    term_progress(p->label, total ? 100.0 * (double)rows / (double)total : 100,
                  note);
    return ERR_NONE;
}
