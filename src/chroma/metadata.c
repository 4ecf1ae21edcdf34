/* metadata.c - see metadata.h. */
#include "chroma/metadata.h"

#include "base/json.h"
#include "base/utf8.h"
#include "store/records.h"

static enum err_code bad_value(const char *what, const char *key, struct err *e)
{
    return err_set(e, ERR_UNPROCESSABLE,
                   "%s.%.*s: the value must be a text, a number, true or "
                   "false, or a list of one of these kinds",
                   what, SLICE_ARG(utf8_cut(slice_of(key), 100)));
}

static bool is_scalar(const json_t *v)
{
    return json_is_string(v) || json_is_number(v) || json_is_boolean(v);
}

static bool is_same_kind(const json_t *a, const json_t *b)
{
    return json_typeof(a) == json_typeof(b) ||
           (json_is_number(a) && json_is_number(b)) ||
           (json_is_boolean(a) && json_is_boolean(b));
}

static bool is_list(const json_t *v)
{
    const json_t *item;
    size_t i;

    if (!json_is_array(v))
        return false;
    json_array_foreach(
        v, i, item) if (!is_scalar(item) ||
                        !is_same_kind(item, json_array_get(v, 0))) return false;
    return true;
}

static enum err_code check_key(const char *key, const char *what, struct err *e)
{
    if (key[0] == '\0')
        return err_set(e, ERR_INVALID,
                       "Validation error: %s: Metadata key cannot be empty",
                       what);
    if (key[0] == '#' || key[0] == '$')
        return err_set(e, ERR_INVALID,
                       "Validation error: %s: Metadata key cannot start with "
                       "'#' or '$': %.*s",
                       what, SLICE_ARG(utf8_cut(slice_of(key), 100)));
    if (slice_is(slice_of(key), "chroma:document"))
        return err_set(e, ERR_INVALID,
                       "Validation error: %s: '%s' is where Chroma keeps the "
                       "document: give it as one",
                       what, key);
    return ERR_NONE;
}

enum err_code metadata_check(const json_t *o, const char *what, bool nulls,
                             struct err *e)
{
    const char *key;
    json_t *v;

    if (!json_is_object(o))
        return err_set(e, ERR_UNPROCESSABLE, "%s: must be an object", what);
    json_object_foreach((json_t *)o, key, v)
    {
        enum err_code code = check_key(key, what, e);

        if (code != ERR_NONE)
            return code;
        if (json_is_object(v) && json_object_get(v, "indices"))
            return err_set(e, ERR_UNPROCESSABLE,
                           "%s.%.*s: sparse vectors are not supported", what,
                           SLICE_ARG(utf8_cut(slice_of(key), 100)));
        if (!is_scalar(v) && !is_list(v) && !(nulls && json_is_null(v)))
            return bad_value(what, key, e);
    }
    return ERR_NONE;
}

enum err_code metadata_text(const json_t *o, struct arena *a, struct slice *out,
                            struct err *e)
{
    struct buf b;
    struct jw j;

    buf_init(&b, RECORDS_MAX_METADATA);
    jw_init(&j, &b);
    jw_value(&j, o);
    *out = buf_ok(&b) ? arena_slice(a, buf_slice(&b)) : SLICE_NONE;
    buf_release(&b);
    return out->p
               ? ERR_NONE
               : err_set(e, ERR_TOO_LARGE, "metadata is larger than %zu bytes",
                         RECORDS_MAX_METADATA);
}
