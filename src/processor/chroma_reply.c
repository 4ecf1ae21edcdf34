/* chroma_reply.c - see chroma_reply.h. */
#include "processor/chroma_reply.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"

#define MAX_QUOTED 160 /* bytes of the server's message that are passed on */

static enum err_code strange(struct err *e, const char *what)
{
    return err_set(e, ERR_UNAVAILABLE,
                   "what the Chroma server answers is not of its API v2: %s",
                   what);
}

static enum err_code parse(json_t **out, struct slice body, struct err *e)
{
    struct err why = {0};

    if (json_parse(out, body, &why) != ERR_NONE)
        return strange(e, why.msg);
    return ERR_NONE;
}

/* ---- collections ---- */

static struct slice space_of(const json_t *collection)
{
    const json_t *c = json_object_get(collection, "configuration_json");
    struct slice s = json_get_slice(json_object_get(c, "hnsw"), "space");

    return s.p ? s : json_get_slice(json_object_get(c, "spann"), "space");
}

static enum err_code check_collection(const json_t *o, int64_t dim,
                                      struct err *e)
{
    struct slice space = utf8_cut(space_of(o), MAX_QUOTED);
    struct slice name = utf8_cut(json_get_slice(o, "name"), MAX_QUOTED);
    int64_t there = json_get_int(o, "dimension", dim);

    if (space.p && !slice_is(space, "cosine"))
        return err_set(e, ERR_CONFLICT,
                       "the collection '%.*s' of the Chroma server measures "
                       "by '%.*s', not by cosine: remove it, or name another "
                       "database in 'vectors'",
                       SLICE_ARG(name), SLICE_ARG(space));
    if (there != dim)
        return err_set(e, ERR_CONFLICT,
                       "the collection '%.*s' of the Chroma server has "
                       "vectors of %lld numbers, not %lld: remove it, or name "
                       "another database in 'vectors'",
                       SLICE_ARG(name), (long long)there, (long long)dim);
    return ERR_NONE;
}

/* It becomes part of a path. */
static bool take_id(struct chroma_collection *out, struct slice id)
{
    for (size_t i = 0; i < id.len; i++)
        if (!strchr("0123456789abcdefABCDEF-", id.p[i]))
            return false;
    if (id.len == 0 || id.len > CHROMA_MAX_ID)
        return false;
    memcpy(out->id, id.p, id.len);
    return true;
}

enum err_code chroma_reply_collection(struct slice body, int64_t dim,
                                      struct chroma_collection *out,
                                      struct err *e)
{
    json_t *o;
    struct slice mark;
    enum err_code code = parse(&o, body, e);

    *out = (struct chroma_collection){.id = ""};
    if (code != ERR_NONE)
        return code;
    mark = json_get_slice(json_object_get(o, "metadata"), CHROMA_MARK);
    if (mark.len <= CHROMA_MAX_ID && mark.len > 0)
        memcpy(out->mark, mark.p, mark.len);
    code = take_id(out, json_get_slice(o, "id"))
               ? check_collection(o, dim, e)
               : strange(e, "a collection without an id");
    json_decref(o);
    return code;
}

enum err_code chroma_reply_count(struct slice body, int64_t *out, struct err *e)
{
    json_t *v;
    enum err_code code = parse(&v, body, e);

    if (code != ERR_NONE)
        return code;
    if (json_is_integer(v) && json_integer_value(v) >= 0)
        *out = json_integer_value(v);
    else
        code = strange(e, "a count that is no number");
    json_decref(v);
    return code;
}

/* ---- search ---- */

/* The list of the one vector that was asked for. */
static const json_t *first_list(const json_t *o, const char *key)
{
    const json_t *lists = json_object_get(o, key);

    return json_array_size(lists) == 1 ? json_array_get(lists, 0) : NULL;
}

static enum err_code read_hit(const json_t *id, const json_t *distance,
                              struct arena *a, struct chroma_hit *out,
                              struct err *e)
{
    if (!json_is_string(id) || !json_is_number(distance) ||
        !isfinite(json_number_value(distance)))
        return strange(e, "a hit without id or distance");
    out->distance = json_number_value(distance);
    out->name = arena_slice(
        a, (struct slice){json_string_value(id), json_string_length(id)});
    return out->name.p ? ERR_NONE
                       : err_set(e, ERR_TOO_LARGE, "the hits are too large");
}

static enum err_code read_hits(const json_t *o, struct arena *a,
                               struct chroma_hit **out, size_t *n,
                               struct err *e)
{
    const json_t *ids = first_list(o, "ids");
    const json_t *distances = first_list(o, "distances");
    enum err_code code = ERR_NONE;

    if (!json_is_array(ids) || !json_is_array(distances) ||
        json_array_size(ids) != json_array_size(distances))
        return strange(e, "hits without ids or distances");
    *n = json_array_size(ids);
    *out = arena_calloc(a, *n + 1, sizeof(**out));
    if (!*out)
        return err_set(e, ERR_TOO_LARGE, "the hits are too large");
    for (size_t i = 0; i < *n && code == ERR_NONE; i++)
        code = read_hit(json_array_get(ids, i), json_array_get(distances, i), a,
                        &(*out)[i], e);
    return code;
}

enum err_code chroma_reply_query(struct slice body, struct arena *a,
                                 struct chroma_hit **out, size_t *n,
                                 struct err *e)
{
    json_t *o;
    enum err_code code = parse(&o, body, e);

    *n = 0;
    if (code != ERR_NONE)
        return code;
    code = read_hits(o, a, out, n, e);
    json_decref(o);
    return code;
}

/* ---- records ---- */

/* A list of n values, or absent; false: neither. */
static bool take_list(const json_t *o, const char *key, size_t n,
                      const json_t **out)
{
    const json_t *list = json_object_get(o, key);

    *out = json_is_array(list) ? list : NULL;
    return !list || json_is_null(list) || (*out && json_array_size(list) == n);
}

static bool all_texts(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!json_is_string(json_array_get(list, i)))
            return false;
    return true;
}

enum err_code chroma_reply_records(struct slice body,
                                   struct chroma_records *out, struct err *e)
{
    json_t *o;
    enum err_code code = parse(&o, body, e);

    *out = (struct chroma_records){.n = 0};
    if (code != ERR_NONE)
        return code;
    out->root = o;
    out->ids = json_object_get(o, "ids");
    out->n = json_array_size(out->ids);
    if (json_is_array(out->ids) && all_texts(out->ids) &&
        take_list(o, "embeddings", out->n, &out->embeddings) &&
        take_list(o, "documents", out->n, &out->documents) &&
        take_list(o, "metadatas", out->n, &out->metadatas))
        return ERR_NONE;
    chroma_records_release(out);
    return strange(e, "records whose parts are not of one length");
}

void chroma_records_release(struct chroma_records *r)
{
    json_decref(r->root);
    *r = (struct chroma_records){.n = 0};
}

struct slice chroma_records_name(const struct chroma_records *r, size_t i)
{
    const json_t *id = json_array_get(r->ids, i);

    return (struct slice){json_string_value(id), json_string_length(id)};
}

/* ---- errors ---- */

/* The server's message, short and on one line; "" if there is none. */
static void quote(char out[MAX_QUOTED + 1], struct slice body)
{
    json_t *o = NULL;
    struct slice s = SLICE_NONE;

    if (json_parse(&o, body, NULL) == ERR_NONE)
        s = utf8_cut(slice_trim(json_get_slice(o, "message")), MAX_QUOTED);
    for (size_t i = 0; i < s.len; i++)
        out[i] = (unsigned char)s.p[i] < ' ' || s.p[i] == 0x7F ? ' ' : s.p[i];
    out[s.len] = '\0';
    json_decref(o);
}

enum err_code chroma_reply_error(int status, struct slice body, struct err *e)
{
    char said[MAX_QUOTED + 1];
    enum err_code code = ERR_UNAVAILABLE;
    const char *what = "failed";

    quote(said, body);
    if (status == 401 || status == 403) {
        what = "refuses the token, look at 'chroma_token'";
    } else if (status == 404) {
        code = ERR_NOT_FOUND;
        what = "does not know what is asked for";
    } else if (status == 400 || status == 413 || status == 422) {
        code = ERR_UNPROCESSABLE;
        what = "does not take what it is sent";
    } else if (status == 500) {
        code = ERR_INTERNAL;
    }
    return err_set(e, code, "the Chroma server %s (status %d%s%s)", what,
                   status, said[0] ? ": " : "", said);
}
