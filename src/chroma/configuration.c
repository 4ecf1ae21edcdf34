/* configuration.c - see configuration.h.  The rules, and which error has which
 * status, were read off Chroma's server (1.5.9). */
#include "chroma/configuration.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"

#define MAX_FUNCTION ((size_t)64 << 10) /* of JSON */

static const char *const spaces[VECTOR_N_METRICS] = {
    [VECTOR_COSINE] = "cosine", [VECTOR_IP] = "ip", [VECTOR_L2] = "l2"};

/* Whole numbers; `later`: may be changed. */
static const struct number {
    const char *name, *in_metadata;
    size_t offset;
    bool later;
} numbers[] = {
    {"ef_construction", "hnsw:construction_ef",
     offsetof(struct configuration, ef_construction), false},
    {"ef_search", "hnsw:search_ef", offsetof(struct configuration, ef_search),
     true},
    {"max_neighbors", "hnsw:M", offsetof(struct configuration, max_neighbors),
     true},
    {"num_threads", "hnsw:num_threads",
     offsetof(struct configuration, num_threads), true},
    {"batch_size", "hnsw:batch_size",
     offsetof(struct configuration, batch_size), true},
    {"sync_threshold", "hnsw:sync_threshold",
     offsetof(struct configuration, sync_threshold), true},
};
#define N_NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static int64_t *field(struct configuration *c, const struct number *n)
{
    return (int64_t *)(void *)((char *)c + n->offset);
}

static int64_t value(const struct configuration *c, const struct number *n)
{
    return *(const int64_t *)(const void *)((const char *)c + n->offset);
}

static struct configuration defaults(void)
{
    return (struct configuration){
        .space = VECTOR_L2,
        .ef_construction = 100,
        .ef_search = 100,
        .max_neighbors = 16,
        .num_threads = sysconf(_SC_NPROCESSORS_ONLN),
        .batch_size = 100,
        .sync_threshold = 1000,
        .resize_factor = 1.2,
    };
}

static bool is_given(const json_t *v)
{
    return v && !json_is_null(v);
}

/* ---- members of an index ---- */

static enum err_code wrong(struct err *e, const char *where, const char *key,
                           const char *what)
{
    return err_set(e, ERR_UNPROCESSABLE, "%s.%.*s: %s", where,
                   SLICE_ARG(utf8_cut(slice_of(key), 60)), what);
}

static bool read_space(const json_t *v, enum vector_metric *out)
{
    for (int i = 0; i < VECTOR_N_METRICS; i++) {
        if (json_is_string(v) && strcmp(json_string_value(v), spaces[i]) == 0) {
            *out = (enum vector_metric)i;
            return true;
        }
    }
    return false;
}

static bool read_count(const json_t *v, int64_t *out)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return false;
    *out = json_integer_value(v);
    return true;
}

static const struct number *find_number(const char *name)
{
    for (size_t i = 0; i < N_NUMBERS; i++)
        if (strcmp(numbers[i].name, name) == 0)
            return &numbers[i];
    return NULL;
}

static enum err_code read_member(struct configuration *c, const char *where,
                                 const char *key, const json_t *v, bool later,
                                 struct err *e)
{
    const struct number *n = find_number(key);

    if (strcmp(key, "space") == 0 && !later)
        return read_space(v, &c->space)
                   ? ERR_NONE
                   : wrong(e, where, key,
                           "unknown variant, expected one of `l2`, `cosine`, "
                           "`ip`");
    if (strcmp(key, "resize_factor") == 0) {
        c->resize_factor = json_number_value(v);
        return json_is_number(v) ? ERR_NONE
                                 : wrong(e, where, key, "must be a number");
    }
    if (!n || (later && !n->later))
        return wrong(e, where, key,
                     later ? "unknown field, or one that cannot be changed"
                           : "unknown field");
    return read_count(v, field(c, n))
               ? ERR_NONE
               : wrong(e, where, key, "must be a whole number, 0 or more");
}

/* *given: something of it is not null. */
static enum err_code read_index(struct configuration *c, const char *where,
                                const json_t *o, bool later, bool *given,
                                struct err *e)
{
    const char *key;
    json_t *v;

    if (!json_is_object(o))
        return err_set(e, ERR_UNPROCESSABLE, "%s: must be an object", where);
    json_object_foreach((json_t *)o, key, v)
    {
        enum err_code code = ERR_NONE;

        if (is_given(v))
            code = read_member(c, where, key, v, later, e);
        if (code != ERR_NONE)
            return code;
        *given |= is_given(v);
    }
    return ERR_NONE;
}

/* The index of Chroma's cloud: of it, as on their own server, only the space
 * counts. */
static enum err_code read_spann(struct configuration *c, const json_t *o,
                                bool later, bool *given, struct err *e)
{
    const json_t *space = json_object_get(o, "space");

    if (!json_is_object(o))
        return err_set(e, ERR_UNPROCESSABLE,
                       "configuration.spann: must be an object");
    if (later || !is_given(space))
        return ERR_NONE;
    *given = true;
    return read_member(c, "configuration.spann", "space", space, false, e);
}

static enum err_code read_function(struct configuration *c, struct arena *a,
                                   const json_t *v, struct err *e)
{
    static const char where[] = "configuration.embedding_function";
    struct slice type = json_get_slice(v, "type");
    struct buf b;
    struct jw j;

    if (!json_is_object(v))
        return err_set(e, ERR_UNPROCESSABLE, "%s: must be an object", where);
    if (!slice_is(type, "legacy") && !slice_is(type, "known") &&
        !slice_is(type, "unknown"))
        return wrong(e, where, "type",
                     "expected one of `legacy`, `known`, `unknown`");
    if (slice_is(type, "known") &&
        (!json_is_string(json_object_get(v, "name")) ||
         !json_object_get(v, "config")))
        return err_set(e, ERR_UNPROCESSABLE,
                       "%s: `name` and `config` are needed", where);
    buf_init(&b, MAX_FUNCTION);
    jw_init(&j, &b);
    jw_value(&j, v);
    c->embedding_function =
        buf_ok(&b) ? arena_slice(a, buf_slice(&b)) : SLICE_NONE;
    buf_release(&b);
    return c->embedding_function.p
               ? ERR_NONE
               : err_set(e, ERR_TOO_LARGE, "%s is larger than %zu bytes", where,
                         MAX_FUNCTION);
}

/* "hnsw", "spann", "embedding_function". */
static enum err_code read_configuration(struct configuration *c,
                                        struct arena *a, const json_t *o,
                                        bool later, bool *given, struct err *e)
{
    const json_t *hnsw = json_object_get(o, "hnsw"),
                 *spann = json_object_get(o, "spann"),
                 *function = json_object_get(o, "embedding_function");
    enum err_code code = ERR_NONE;

    if (is_given(hnsw) && is_given(spann))
        return err_set(e, ERR_INVALID,
                       "Multiple vector index configurations provided");
    if (is_given(hnsw))
        code = read_index(c, "configuration.hnsw", hnsw, later, given, e);
    if (is_given(spann))
        code = read_spann(c, spann, later, given, e);
    if (code == ERR_NONE && is_given(function))
        code = read_function(c, a, function, e);
    return code;
}

/* ---- old ways, new ways ---- */

static bool read_metadata_member(struct configuration *c, const char *key,
                                 const json_t *v)
{
    if (strcmp(key, "hnsw:space") == 0)
        return read_space(v, &c->space);
    if (strcmp(key, "hnsw:resize_factor") == 0) {
        c->resize_factor = json_number_value(v);
        return json_is_number(v);
    }
    for (size_t i = 0; i < N_NUMBERS; i++)
        if (strcmp(key, numbers[i].in_metadata) == 0)
            return read_count(v, field(c, &numbers[i]));
    return false;
}

static enum err_code read_metadata(struct configuration *c,
                                   const json_t *metadata, struct err *e)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)metadata, key, v)
    {
        if (slice_starts(slice_of(key), "hnsw:") &&
            !read_metadata_member(c, key, v))
            return err_set(e, ERR_INVALID,
                           "Failed to parse hnsw parameters from segment "
                           "metadata: '%.*s'",
                           SLICE_ARG(utf8_cut(slice_of(key), 60)));
    }
    return ERR_NONE;
}

/* keys.#embedding.float_list.vector_index.config: which fields are indexed does
 * not matter, since all of them can be asked. */
static enum err_code read_schema(struct configuration *c, struct arena *a,
                                 const json_t *schema, struct err *e)
{
    static const char *const path[] = {"keys", "#embedding", "float_list",
                                       "vector_index", "config"};
    const json_t *v = schema, *part;
    bool given = false;
    enum err_code code = ERR_NONE;

    for (size_t i = 0; i < sizeof(path) / sizeof(path[0]); i++)
        v = json_object_get(v, path[i]);
    part = json_object_get(v, "space");
    if (is_given(part))
        code = read_member(c, "schema", "space", part, false, e);
    part = json_object_get(v, "hnsw");
    if (code == ERR_NONE && is_given(part))
        code = read_index(c, "schema.hnsw", part, false, &given, e);
    part = json_object_get(v, "embedding_function");
    if (code == ERR_NONE && is_given(part))
        code = read_function(c, a, part, e);
    return code;
}

/* ---- for callers ---- */

enum err_code configuration_new(struct configuration *out, struct arena *a,
                                const json_t *configuration,
                                const json_t *metadata, const json_t *schema,
                                struct err *e)
{
    bool given = false;
    enum err_code code = ERR_NONE;

    *out = defaults();
    if (is_given(configuration))
        code = read_configuration(out, a, configuration, false, &given, e);
    if (code == ERR_NONE && !given)
        code = read_metadata(out, metadata, e);
    if (code != ERR_NONE || !is_given(schema))
        return code;
    if (given)
        return err_set(e, ERR_INVALID,
                       "Failed to reconcile schema: Cannot set both collection "
                       "config and schema simultaneously");
    return read_schema(out, a, schema, e);
}

enum err_code configuration_change(struct configuration *c, struct arena *a,
                                   const json_t *change, struct err *e)
{
    bool given = false;

    return read_configuration(c, a, change, true, &given, e);
}

static void write_numbers(const struct configuration *c, struct jw *j, bool all)
{
    for (size_t i = 0; i < N_NUMBERS; i++)
        if (all || (strcmp(numbers[i].name, "num_threads") != 0 &&
                    strcmp(numbers[i].name, "batch_size") != 0))
            jw_kint(j, numbers[i].name, value(c, &numbers[i]));
    jw_kdouble(j, "resize_factor", c->resize_factor);
}

static void write_function(const struct configuration *c, struct jw *j)
{
    if (c->embedding_function.p)
        jw_kraw(j, "embedding_function", c->embedding_function);
    else
        jw_knull(j, "embedding_function");
}

void configuration_keep(const struct configuration *c, struct buf *out)
{
    struct jw j;

    jw_init(&j, out);
    jw_obj(&j);
    jw_key(&j, "hnsw");
    jw_obj(&j);
    jw_kstr(&j, "space", spaces[c->space]);
    write_numbers(c, &j, true);
    jw_end_obj(&j);
    write_function(c, &j);
    jw_end_obj(&j);
}

enum err_code configuration_read(struct configuration *out, struct arena *a,
                                 struct slice kept, struct err *e)
{
    bool given = false;
    json_t *o = NULL;
    enum err_code code = ERR_NONE;

    *out = defaults();
    if (kept.len == 0)
        return ERR_NONE;
    code = json_parse(&o, kept, e);
    if (code == ERR_NONE)
        code = read_configuration(out, a, o, false, &given, e);
    json_decref(o);
    return code;
}

/* ---- replies ---- */

static void write_vector_index(const struct configuration *c, struct jw *j,
                               bool enabled)
{
    jw_key(j, "float_list");
    jw_obj(j);
    jw_key(j, "vector_index");
    jw_obj(j);
    jw_kbool(j, "enabled", enabled);
    jw_key(j, "config");
    jw_obj(j);
    jw_kstr(j, "space", spaces[c->space]);
    if (enabled) {
        if (c->embedding_function.p)
            jw_kraw(j, "embedding_function", c->embedding_function);
        jw_kstr(j, "source_key", "#document");
    }
    jw_key(j, "hnsw");
    jw_obj(j);
    write_numbers(c, j, true);
    jw_end_obj(j);
    jw_end_obj(j);
    jw_end_obj(j);
    jw_end_obj(j);
}

static void write_schema(const struct configuration *c, struct jw *j)
{
    struct configuration plain = defaults();

    plain.space = c->space;
    jw_key(j, "defaults");
    jw_obj(j);
    jw_kraw(j, "string",
            SLICE("{\"fts_index\":{\"enabled\":false,\"config\":{}},"
                  "\"string_inverted_index\":{\"enabled\":true,"
                  "\"config\":{}}}"));
    write_vector_index(&plain, j, false);
    jw_kraw(j, "sparse_vector",
            SLICE("{\"sparse_vector_index\":{\"enabled\":false,\"config\":"
                  "{\"embedding_function\":{\"type\":\"unknown\"},"
                  "\"bm25\":false}}}"));
    jw_kraw(j, "int",
            SLICE("{\"int_inverted_index\":{\"enabled\":true,"
                  "\"config\":{}}}"));
    jw_kraw(j, "float",
            SLICE("{\"float_inverted_index\":{\"enabled\":true,"
                  "\"config\":{}}}"));
    jw_kraw(j, "bool",
            SLICE("{\"bool_inverted_index\":{\"enabled\":true,"
                  "\"config\":{}}}"));
    jw_end_obj(j);
    jw_key(j, "keys");
    jw_obj(j);
    jw_kraw(j, "#document",
            SLICE("{\"string\":{\"fts_index\":{\"enabled\":true,"
                  "\"config\":{}},\"string_inverted_index\":"
                  "{\"enabled\":false,\"config\":{}}}}"));
    jw_key(j, "#embedding");
    jw_obj(j);
    write_vector_index(c, j, true);
    jw_end_obj(j);
    jw_end_obj(j);
}

void configuration_write(const struct configuration *c, struct jw *j)
{
    jw_key(j, "configuration_json");
    jw_obj(j);
    jw_key(j, "hnsw");
    jw_obj(j);
    jw_kstr(j, "space", spaces[c->space]);
    write_numbers(c, j, false);
    jw_end_obj(j);
    jw_knull(j, "spann");
    write_function(c, j);
    jw_end_obj(j);
    jw_key(j, "schema");
    jw_obj(j);
    write_schema(c, j);
    jw_end_obj(j);
}
