/* record_rules.c - see record_rules.h.
 *
 * The rules were learned from Chroma 1.5.9 by trying: an update leaves what is
 * not given, metadata is merged by its members, also by an upsert; a record
 * that is in a batch twice is written once, as the second one left it.
 *
 * Ids and members are found by sorting, not by hashing: they are chosen by who
 * sends them, and could be chosen so that they collide.
 */
#include "store/record_rules.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_scan.h"

/* ---- numbers ---- */

int64_t record_before_first(int64_t collection)
{
    return collection << RECORD_BITS;
}

int64_t record_behind_last(int64_t collection)
{
    return (collection + 1) << RECORD_BITS;
}

struct records_state record_state(int64_t generation, int64_t count,
                                  int64_t given)
{
    return (struct records_state){(uint64_t)generation, count, given - count};
}

int64_t record_page_start(int64_t collection, const struct records_state *state,
                          int64_t after, int64_t offset, int64_t *skip)
{
    int64_t first = record_before_first(collection) + 1;
    int64_t given = state->count + state->removed;

    if (after >= first)
        first = after + 1;
    *skip = state->removed ? offset : 0;
    if (state->removed)
        return first;
    return offset < given ? first + offset : record_behind_last(collection);
}

/* ---- errors ---- */

enum err_code record_check_dim(int dim, const struct record_batch *b,
                               struct err *e)
{
    if (!b->dim || !dim || b->dim == dim)
        return ERR_NONE;
    return err_set(e, ERR_UNPROCESSABLE,
                   "Collection expecting embedding with dimension of %d,"
                   " got %d",
                   dim, b->dim);
}

enum err_code record_check_collection(int64_t number, struct err *e)
{
    return number <= RECORDS_MAX_COLLECTION
               ? ERR_NONE
               : err_set(e, ERR_TOO_LARGE,
                         "the database has had %lld collections, and can "
                         "number no more",
                         (long long)number - 1);
}

enum err_code record_no_collection(int64_t number, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "no collection '%lld'", (long long)number);
}

enum err_code record_no_room(struct err *e)
{
    return err_set(e, ERR_TOO_LARGE, "the records do not fit into memory");
}

/* ---- metadata ---- */

struct member {
    struct slice name; /* without escapes: names are equal as texts */
    struct slice key, value;
    size_t at; /* its place among the others */
    bool used;
};

struct members {
    struct member *p;
    size_t n;
};

static int by_name(const void *pa, const void *pb)
{
    const struct member *a = pa, *b = pb;
    int order = slice_cmp(a->name, b->name);

    return order ? order : (a->at > b->at) - (a->at < b->at);
}

static int by_place(const void *pa, const void *pb)
{
    const struct member *a = pa, *b = pb;

    return (a->at > b->at) - (a->at < b->at);
}

static int name_only(const void *pa, const void *pb)
{
    return slice_cmp(((const struct member *)pa)->name,
                     ((const struct member *)pb)->name);
}

/* A key in its quotes as the text that it stands for. */
static enum err_code plain_name(struct arena *a, struct slice key,
                                struct slice *out, struct err *e)
{
    enum err_code code;
    json_t *text;

    *out = slice_sub(key, 1, key.len - 1);
    if (slice_find_byte(*out, '\\') < 0)
        return ERR_NONE;
    code = json_parse(&text, key, e);
    if (code != ERR_NONE)
        return code;
    *out = arena_slice(
        a, (struct slice){json_string_value(text), json_string_length(text)});
    json_decref(text);
    return out->p ? ERR_NONE : record_no_room(e);
}

static enum err_code read_members(struct arena *a, struct slice object,
                                  struct members *out, struct err *e)
{
    enum err_code code = ERR_NONE;
    struct slice key, value;
    size_t n = 0, pos = 0;

    *out = (struct members){0};
    if (!object.p)
        return ERR_NONE;
    while (json_scan_member(object, &pos, &key, &value))
        n++;
    out->p = arena_calloc(a, n + 1, sizeof(*out->p));
    if (!out->p)
        return record_no_room(e);
    for (pos = 0;
         code == ERR_NONE && json_scan_member(object, &pos, &key, &value);) {
        struct member *m = &out->p[out->n];

        *m = (struct member){.key = key, .value = value, .at = out->n++};
        code = plain_name(a, key, &m->name, e);
    }
    return code;
}

/* Sorted by name, of equal ones only the last: that is what counts. */
static void sort_given(struct members *given)
{
    size_t kept = 0;

    if (given->n)
        qsort(given->p, given->n, sizeof(*given->p), by_name);
    for (size_t i = 0; i < given->n; i++)
        if (i + 1 == given->n || name_only(&given->p[i], &given->p[i + 1]))
            given->p[kept++] = given->p[i];
    given->n = kept;
}

struct text {
    char *p;
    size_t len;
};

static void put(struct text *t, struct slice s)
{
    memcpy(t->p + t->len, s.p, s.len);
    t->len += s.len;
}

static void put_member(struct text *t, const struct member *m)
{
    if (slice_is(m->value, "null"))
        return;
    put(t, t->len ? SLICE(",") : SLICE("{"));
    put(t, m->key);
    put(t, SLICE(":"));
    put(t, m->value);
}

static void write_merged(struct text *t, const struct members *stored,
                         struct members *given)
{
    for (size_t i = 0; i < stored->n; i++) {
        struct member *m = NULL;

        if (given->n)
            m = bsearch(&stored->p[i], given->p, given->n, sizeof(*m),
                        name_only);
        if (m && m->used) /* stored twice, which this never writes */
            continue;
        put_member(t, m ? m : &stored->p[i]);
        if (m)
            m->used = true;
    }
    if (given->n)
        qsort(given->p, given->n, sizeof(*given->p), by_place);
    for (size_t i = 0; i < given->n; i++)
        if (!given->p[i].used)
            put_member(t, &given->p[i]);
    if (t->len)
        put(t, SLICE("}"));
}

enum err_code record_merge_metadata(struct arena *a, struct slice stored,
                                    struct slice given, struct slice *out,
                                    struct err *e)
{
    struct members old, new;
    struct text t = {0};
    enum err_code code = read_members(a, stored, &old, e);

    if (code == ERR_NONE)
        code = read_members(a, given, &new, e);
    if (code != ERR_NONE)
        return code;
    sort_given(&new);
    t.p = arena_alloc(a, stored.len + given.len + 2);
    if (!t.p)
        return record_no_room(e);
    write_merged(&t, &old, &new);
    if (t.len > RECORDS_MAX_METADATA)
        return err_set(e, ERR_TOO_LARGE,
                       "the metadata of a record would be longer than %zu "
                       "bytes",
                       RECORDS_MAX_METADATA);
    *out = t.len ? (struct slice){t.p, t.len} : SLICE_NONE;
    return ERR_NONE;
}

/* ---- a batch ---- */

struct entry {
    struct slice id;
    uint32_t at;
};

static int by_id(const void *pa, const void *pb)
{
    const struct entry *a = pa, *b = pb;
    int order = slice_cmp(a->id, b->id);

    return order ? order : (a->at > b->at) - (a->at < b->at);
}

/* first[i]: the first record with the id of record i. */
static void find_first(const struct record_batch *b, struct entry *sorted,
                       uint32_t *first)
{
    for (size_t i = 0; i < b->n; i++)
        sorted[i] = (struct entry){b->records[i].id, (uint32_t)i};
    if (b->n)
        qsort(sorted, b->n, sizeof(*sorted), by_id);
    for (size_t i = 0; i < b->n; i++)
        first[sorted[i].at] = i && slice_eq(sorted[i].id, sorted[i - 1].id)
                                  ? first[sorted[i - 1].at]
                                  : sorted[i].at;
}

enum err_code record_plan_make(struct record_plan *p, struct arena *a,
                               const struct record_batch *b, struct err *e)
{
    struct entry *sorted = arena_calloc(a, b->n + 1, sizeof(*sorted));
    uint32_t *first = arena_calloc(a, b->n + 1, sizeof(*first));

    *p = (struct record_plan){.batch = b, .a = a};
    p->slots = arena_calloc(a, b->n + 1, sizeof(*p->slots));
    p->slot_of = arena_calloc(a, b->n + 1, sizeof(*p->slot_of));
    if (!sorted || !first || !p->slots || !p->slot_of)
        return record_no_room(e);
    find_first(b, sorted, first);
    for (size_t i = 0; i < b->n; i++) {
        const struct record_new *r = &b->records[i];

        if (first[i] == i) {
            p->slot_of[i] = (uint32_t)p->n;
            p->slots[p->n++].id = r->id;
        } else {
            p->slot_of[i] = p->slot_of[first[i]];
        }
        p->slots[p->slot_of[i]].merges |=
            r->metadata.p && b->how != RECORDS_ADD;
    }
    return ERR_NONE;
}

static enum err_code apply(struct record_plan *p, struct record_slot *s,
                           const struct record_new *r, struct err *e)
{
    if (r->vector)
        s->vector = r->vector;
    if (r->document.p)
        s->document = r->document;
    if (r->uri.p)
        s->uri = r->uri;
    if (!r->metadata.p)
        return ERR_NONE;
    s->set_metadata = true;
    return record_merge_metadata(p->a, s->metadata, r->metadata, &s->metadata,
                                 e);
}

enum err_code record_plan_decide(struct record_plan *p, int64_t collection,
                                 int64_t *given, size_t *inserted,
                                 size_t *updated, struct err *e)
{
    enum records_put how = p->batch->how;
    enum err_code code = ERR_NONE;

    *inserted = *updated = 0;
    for (size_t i = 0; i < p->batch->n && code == ERR_NONE; i++) {
        const struct record_new *r = &p->batch->records[i];
        struct record_slot *s = &p->slots[p->slot_of[i]];
        bool is_there = s->number != 0;

        if (how == (is_there ? RECORDS_ADD : RECORDS_UPDATE))
            continue;
        code = apply(p, s, r, e);
        if (!is_there) {
            s->number = record_before_first(collection) + ++*given;
            s->insert = true;
            ++*inserted;
        } else if (!s->insert && !s->update) {
            s->update = r->vector || r->document.p || r->uri.p || r->metadata.p;
            *updated += s->update;
        }
    }
    if (code == ERR_NONE && record_before_first(collection) + *given >=
                                record_behind_last(collection))
        code = err_set(e, ERR_TOO_LARGE,
                       "the collection has used up its "
                       "numbers: make another one");
    return code;
}
