/* json_read.c - see json.h: reading.
 *
 * jansson parses by recursion, accepts any depth up to 2,048 and reports bytes
 * that are not UTF-8 without saying which.  So one pass over the text comes
 * first; jansson then only sees valid UTF-8 of bounded depth.
 */
#include "base/json.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

/* jansson reports a failed allocation as whatever it was doing at the time
 * ("invalid token"); this tells the two apart. */
static _Thread_local bool out_of_memory;

static void *alloc_for_jansson(size_t n)
{
    void *p = mem_alloc(n);

    if (!p)
        out_of_memory = true;
    return p;
}

/* Before main: no thread exists and jansson has allocated nothing yet. */
__attribute__((constructor)) static void take_over_jansson(void)
{
    json_set_alloc_funcs(alloc_for_jansson, mem_free);
}

/* `what` and line and column (in code points) of a byte, both counted from 1.
 * jansson's positions lie just behind the token: "near". */
static enum err_code fail_at(struct err *e, struct slice text, size_t at,
                             const char *what)
{
    size_t line = 1, start = 0, i;

    if (at > text.len)
        at = text.len;
    for (i = 0; i < at; i++) {
        if (text.p[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    return err_set(e, ERR_INVALID,
                   "malformed JSON: %s line %zu, column %zu (byte %zu)", what,
                   line, utf8_count(slice_sub(text, start, at)) + 1, at);
}

/* Past the string whose opening quote is at i; text.len if it never ends. */
static size_t skip_string(struct slice text, size_t i)
{
    for (i++; i < text.len; i++) {
        if (text.p[i] == '\\')
            i++;
        else if (text.p[i] == '"')
            return i + 1;
    }
    return text.len;
}

static enum err_code check_depth(struct slice text, struct err *e)
{
    int depth = 0;
    size_t i = 0;

    while (i < text.len) {
        char c = text.p[i];

        if (c == '"') {
            i = skip_string(text, i);
            continue;
        }
        if (c == '[' || c == '{') {
            if (++depth > JSON_MAX_DEPTH)
                return fail_at(e, text, i, "nested too deeply at");
        } else if (c == ']' || c == '}') {
            depth--;
        }
        i++;
    }
    return ERR_NONE;
}

static const char *what_jansson_says(const json_error_t *je)
{
    switch (json_error_code(je)) {
    case json_error_premature_end_of_input:
        return "unexpected end at";
    case json_error_end_of_input_expected:
        return "something after the end of the value near";
    case json_error_duplicate_key:
        return "duplicate key near";
    case json_error_numeric_overflow:
        return "number out of range near";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "NUL character in a string near";
    default:
        return "syntax error near";
    }
}

enum err_code json_parse(json_t **out, struct slice text, struct err *e)
{
    json_error_t je;
    enum err_code rc;
    size_t valid;
    ptrdiff_t nul;
    json_t *v;

    if (text.len > JSON_MAX_BYTES)
        return err_set(e, ERR_TOO_LARGE,
                       "JSON of %zu bytes is over the limit of %d", text.len,
                       JSON_MAX_BYTES);
    valid = utf8_valid_prefix(text);
    if (valid < text.len)
        return fail_at(e, text, valid, "not UTF-8 at");
    /* jansson takes one behind a number for the end of the text */
    nul = slice_find_byte(text, '\0');
    if (nul >= 0)
        return fail_at(e, text, (size_t)nul, "NUL byte at");
    rc = check_depth(text, e);
    if (rc)
        return rc;
    out_of_memory = false;
    v = json_loadb(text.p ? text.p : "", text.len,
                   JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &je);
    if (out_of_memory) { /* even with a tree: jansson may have left gaps */
        json_decref(v);
        return err_set(e, ERR_INTERNAL, "out of memory while reading JSON");
    }
    if (!v)
        return fail_at(e, text, (size_t)je.position, what_jansson_says(&je));
    *out = v;
    return ERR_NONE;
}

struct slice json_get_slice(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);

    if (!json_is_string(v))
        return SLICE_NONE;
    return (struct slice){json_string_value(v), json_string_length(v)};
}

int64_t json_get_int(const json_t *o, const char *key, int64_t dflt)
{
    const json_t *v = json_object_get(o, key);

    return json_is_integer(v) ? json_integer_value(v) : dflt;
}

double json_get_double(const json_t *o, const char *key, double dflt)
{
    const json_t *v = json_object_get(o, key);

    return json_is_number(v) ? json_number_value(v) : dflt;
}
