/* params.c - path, query and body against the row's params: typed values for
 * the handler, or a 400 that names the field, the problem and the way out. */
#include "net/router_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/json.h"
#include "base/utf8.h"
#include "net/http_uri.h"
#include "net/multipart.h"

#define DEFAULT_MAX_TEXT 10000
#define MAX_NAMES 64

static bool is_limited(const struct param *p)
{
    return p->min != 0 || p->max != 0;
}

/* A limit as a person writes it. */
static const char *limit_text(struct arena *a, double v)
{
    const char *s = v == floor(v) && fabs(v) < 1e15 ? arena_printf(a, "%.0f", v)
                                                    : arena_printf(a, "%g", v);

    return s ? s : "";
}

static enum err_code check_range(struct exchange *x, const struct param *p,
                                 double v, const char *unit, struct err *e)
{
    struct arena *a = x->r.arena;

    if (v >= p->min && v <= p->max)
        return ERR_NONE;
    return err_field(e, p->name, "\"%s\" must be between %s and %s%s", p->name,
                     limit_text(a, p->min), limit_text(a, p->max), unit);
}

static enum err_code check_text(struct exchange *x, const struct param *p,
                                struct slice s, struct err *e)
{
    size_t n;

    if (!utf8_valid(s) || (s.len && memchr(s.p, 0, s.len)))
        return err_field(e, p->name, "\"%s\" must be UTF-8 text without NUL",
                         p->name);
    if (!is_limited(p) && s.len <= DEFAULT_MAX_TEXT)
        return ERR_NONE;
    n = utf8_count(s);
    if (is_limited(p) && p->min >= 1 && n < p->min)
        return n == 0
                   ? err_field(e, p->name, "\"%s\" must not be empty", p->name)
                   : check_range(x, p, (double)n, " characters long", e);
    if (n > (is_limited(p) ? p->max : DEFAULT_MAX_TEXT))
        return err_field(
            e, p->name, "\"%s\" must have at most %s characters", p->name,
            limit_text(x->r.arena, is_limited(p) ? p->max : DEFAULT_MAX_TEXT));
    return ERR_NONE;
}

static enum err_code check_choice(struct exchange *x, const struct param *p,
                                  struct slice s, struct err *e)
{
    const char *word = arena_strndup(x->r.arena, s.p ? s.p : "", s.len);
    const char *near;
    struct buf all;
    size_t i;

    for (i = 0; p->choices[i]; i++)
        if (slice_is(s, p->choices[i]))
            return ERR_NONE;
    near = word && s.len < 64 ? nearest_word(word, p->choices) : NULL;
    buf_init(&all, 300);
    for (i = 0; p->choices[i]; i++)
        buf_printf(&all, "%s%s", i ? ", " : "", p->choices[i]);
    (void)err_field(e, p->name, "\"%s\" must be one of %s%s%s%s", p->name,
                    buf_ok(&all) && all.p ? all.p : "its choices",
                    near ? "; did you mean \"" : "", near ? near : "",
                    near ? "\"?" : "");
    buf_release(&all);
    return ERR_INVALID;
}

/* A value that came as text: path, query, or a default. */
static enum err_code take_text(struct exchange *x, const struct param *p,
                               struct slice s, struct param_value *v,
                               struct err *e)
{
    v->given = true;
    v->text = s;
    switch (p->type) {
    case PARAM_INT:
        if (!slice_to_i64(s, &v->i))
            return err_field(e, p->name, "\"%s\" must be a whole number",
                             p->name);
        return is_limited(p) ? check_range(x, p, (double)v->i, "", e)
                             : ERR_NONE;
    case PARAM_NUM:
        if (!slice_to_double(s, &v->d))
            return err_field(e, p->name, "\"%s\" must be a number", p->name);
        return is_limited(p) ? check_range(x, p, v->d, "", e) : ERR_NONE;
    case PARAM_BOOL:
        v->i = slice_is(s, "true") || slice_is(s, "1");
        if (!v->i && !slice_is(s, "false") && !slice_is(s, "0"))
            return err_field(e, p->name, "\"%s\" must be true or false",
                             p->name);
        return ERR_NONE;
    case PARAM_TIME:
        if (!clock_parse(s, &v->i))
            return err_field(e, p->name,
                             "\"%s\" must be a date (2025-11-03) or a time "
                             "(2025-11-03T12:34:56Z)",
                             p->name);
        return ERR_NONE;
    case PARAM_ENUM:
        return check_choice(x, p, s, e);
    default:
        return check_text(x, p, s, e);
    }
}

static enum err_code take_list(const struct param *p, const json_t *j,
                               struct err *e)
{
    size_t i, n = json_array_size(j);

    if (!json_is_array(j))
        return err_field(e, p->name, "\"%s\" must be a list of strings",
                         p->name);
    if (is_limited(p) && (double)n > p->max)
        return err_field(e, p->name, "\"%s\" must have at most %.0f items",
                         p->name, p->max);
    for (i = 0; i < n; i++)
        if (!json_is_string(json_array_get(j, i)))
            return err_field(e, p->name,
                             "\"%s\" must be a list of strings; item %zu is "
                             "none",
                             p->name, i);
    return ERR_NONE;
}

/* A value of a JSON body: the JSON type must fit, "5" is no number. */
static enum err_code take_json(struct exchange *x, const struct param *p,
                               const json_t *j, struct param_value *v,
                               struct err *e)
{
    v->given = true;
    v->json = j;
    switch (p->type) {
    case PARAM_INT:
        if (json_is_real(j) &&
            json_real_value(j) == floor(json_real_value(j)) &&
            fabs(json_real_value(j)) < 1e15)
            v->i = (int64_t)json_real_value(j);
        else if (json_is_integer(j))
            v->i = json_integer_value(j);
        else
            return err_field(e, p->name, "\"%s\" must be a whole number",
                             p->name);
        return is_limited(p) ? check_range(x, p, (double)v->i, "", e)
                             : ERR_NONE;
    case PARAM_NUM:
        if (!json_is_number(j))
            return err_field(e, p->name, "\"%s\" must be a number", p->name);
        v->d = json_number_value(j);
        return is_limited(p) ? check_range(x, p, v->d, "", e) : ERR_NONE;
    case PARAM_BOOL:
        if (!json_is_boolean(j))
            return err_field(e, p->name, "\"%s\" must be true or false",
                             p->name);
        v->i = json_is_true(j);
        return ERR_NONE;
    case PARAM_LIST:
        return take_list(p, j, e);
    case PARAM_ANY:
        return ERR_NONE;
    case PARAM_JSON:
        if (!json_is_object(j))
            return err_field(e, p->name, "\"%s\" must be an object", p->name);
        return ERR_NONE;
    default:
        if (!json_is_string(j))
            return err_field(e, p->name, "\"%s\" must be a string", p->name);
        return take_text(
            x, p, (struct slice){json_string_value(j), json_string_length(j)},
            v, e);
    }
}

/* Index of the declared parameter, or -1. */
static int find(const struct param *p, enum param_in in, struct slice name)
{
    int i;

    for (i = 0; p && p[i].name; i++)
        if (p[i].in == in && slice_is(name, p[i].name))
            return i;
    return -1;
}

static enum err_code unknown(struct exchange *x, enum param_in in,
                             struct slice name, struct err *e)
{
    const char *kind = in == IN_BODY ? "field" : "parameter";
    const char *names[MAX_NAMES + 1], *word, *near = NULL;
    const struct param *p = x->r.route->params;
    size_t i, n = 0;

    name = utf8_cut(name, 60);
    word = arena_strndup(x->r.arena, name.p ? name.p : "", name.len);
    if (!word)
        return err_set(e, ERR_TOO_LARGE, "the request is too large");
    for (i = 0; p && p[i].name && n < MAX_NAMES; i++)
        if (p[i].in == in)
            names[n++] = p[i].name;
    names[n] = NULL;
    if (n > 0)
        near = nearest_word(word, names);
    if (near)
        return err_field(e, word, "unknown %s \"%s\"; did you mean \"%s\"?",
                         kind, word, near);
    return err_field(e, word, "unknown %s \"%s\"", kind, word);
}

static enum err_code check_path(struct exchange *x, struct err *e)
{
    const struct match *m = x->match;
    enum err_code rc;
    size_t i, at;

    for (i = 0; i < m->n_path_params; i++) {
        at = m->path_params[i];
        rc = take_text(x, &m->route->params[at], x->path_values[i],
                       &x->values[at], e);
        if (rc) {
            /* No such thing can exist under that name. */
            *e = (struct err){0};
            return err_set(e, ERR_NOT_FOUND, "%s",
                           x->envelope == ENVELOPE_DRF ? "Not found."
                                                       : "not found");
        }
    }
    return ERR_NONE;
}

static enum err_code check_query(struct exchange *x, struct err *e)
{
    const struct route *row = x->r.route;
    struct slice rest = x->r.query, name, value;
    enum err_code rc = ERR_NONE;
    int at;

    while (!rc && uri_query_next(&rest, &name, &value)) {
        rc = uri_query_decode(x->r.arena, name, &name, e);
        if (!rc)
            rc = uri_query_decode(x->r.arena, value, &value, e);
        if (rc)
            return rc;
        at = find(row->params, IN_QUERY, name);
        if (at < 0 && row->open_query)
            continue;
        if (at < 0)
            return unknown(x, IN_QUERY, name, e);
        if (x->values[at].given)
            return err_field(e, row->params[at].name, "\"%s\" is given twice",
                             row->params[at].name);
        rc = take_text(x, &row->params[at], value, &x->values[at], e);
    }
    return rc;
}

/* A field of a form: text, where JSON is wanted as JSON. */
static enum err_code take_field(struct exchange *x, const struct param *p,
                                const struct multipart_part *part,
                                struct param_value *v, struct err *e)
{
    json_t *value = NULL;
    struct err why = {0};
    enum err_code rc;

    if (p->type == PARAM_FILE) {
        *v = (struct param_value){
            .given = true,
            .text = part->data,
            .filename = arena_slice(x->r.arena, slice_of(part->filename))};
        return v->filename.p
                   ? ERR_NONE
                   : err_set(e, ERR_TOO_LARGE, "the request is too large");
    }
    if (part->is_file)
        return err_field(e, p->name, "\"%s\" must be a text, not a file",
                         p->name);
    if (p->type != PARAM_JSON && p->type != PARAM_LIST && p->type != PARAM_ANY)
        return take_text(x, p, part->data, v, e);
    if (json_parse(&value, part->data, &why) != ERR_NONE)
        return err_field(e, p->name, "\"%s\" is no JSON: %s", p->name, why.msg);
    json_object_set_new(x->json, p->name, value);
    rc = take_json(x, p, value, v, e);
    v->text = part->data; /* for request_digest */
    return rc;
}

/* One part of a form.  An empty text is as if it were not there: a browser
 * sends every field. */
static enum err_code
check_part(struct exchange *x, const struct multipart_part *part, struct err *e)
{
    const struct param *params = x->r.route->params;
    struct slice name = slice_of(part->name);
    int at = find(params, IN_BODY, name);

    if (at < 0)
        return unknown(x, IN_BODY, name, e);
    if (x->values[at].given)
        return err_field(e, params[at].name, "\"%s\" is given twice",
                         params[at].name);
    if (part->data.len == 0 && params[at].type != PARAM_FILE)
        return ERR_NONE;
    return take_field(x, &params[at], part, &x->values[at], e);
}

static enum err_code check_form(struct exchange *x, struct err *e)
{
    struct slice type = request_header(&x->r, "Content-Type");
    struct multipart m;
    bool more = true;
    enum err_code rc = multipart_open(&m, type, x->r.body, e);

    x->json = json_object();
    if (!rc && !x->json)
        rc = err_set(e, ERR_UNAVAILABLE, "out of memory");
    while (!rc && more) {
        struct multipart_part part;

        rc = multipart_next(&m, &part, &more, e);
        if (!rc && more)
            rc = check_part(x, &part, e);
    }
    return rc;
}

static bool has_body(const struct route *row)
{
    const struct param *p = row->params;

    while (p && p->name && p->in != IN_BODY)
        p++;
    return p && p->name;
}

/* To Chroma's clients JSON that says something else than it should is a 422; a
 * 400 is for what is no JSON. */
static enum err_code wrong_field(const struct exchange *x, enum err_code rc,
                                 struct err *e)
{
    if (rc == ERR_INVALID && x->envelope == ENVELOPE_CHROMA)
        rc = e->code = ERR_UNPROCESSABLE;
    return rc;
}

static enum err_code check_body(struct exchange *x, struct err *e)
{
    const struct route *row = x->r.route;
    const char *key;
    json_t *value;
    enum err_code rc;
    int at;

    if (row->raw_body || row->method == HTTP_GET)
        return ERR_NONE;
    if (x->r.body.len == 0)
        return x->envelope == ENVELOPE_CHROMA && has_body(row)
                   ? err_set(e, ERR_INVALID,
                             "Failed to parse the request body as JSON: it is "
                             "empty")
                   : ERR_NONE;
    if (row->form_body)
        return check_form(x, e);
    rc = json_parse(&x->json, x->r.body, e);
    if (rc)
        return rc;
    if (!json_is_object(x->json))
        return wrong_field(
            x, err_set(e, ERR_INVALID, "the body must be a JSON object"), e);
    x->r.json = x->json;
    json_object_foreach(x->json, key, value)
    {
        at = find(row->params, IN_BODY, slice_of(key));
        if (at < 0 && row->open_body)
            continue;
        if (at < 0)
            return unknown(x, IN_BODY, slice_of(key), e);
        if (json_is_null(value))
            continue; /* as if it were not there */
        rc = take_json(x, &row->params[at], value, &x->values[at], e);
        if (rc)
            return wrong_field(x, rc, e);
    }
    return ERR_NONE;
}

/* Defaults for what was not sent; what must be there is. */
static enum err_code complete(struct exchange *x, struct err *e)
{
    const struct param *p = x->r.route->params;
    enum err_code rc = ERR_NONE;
    size_t i;

    for (i = 0; p && p[i].name && !rc; i++) {
        if (x->values[i].given)
            continue;
        if (p[i].in == IN_BODY && x->r.route->raw_body)
            continue;
        if (p[i].required)
            return wrong_field(
                x, err_field(e, p[i].name, "\"%s\" is required", p[i].name), e);
        if (p[i].dflt)
            rc = take_text(x, &p[i], slice_of(p[i].dflt), &x->values[i], e);
    }
    return rc;
}

static enum err_code make_values(struct exchange *x, struct err *e)
{
    const struct param *p = x->r.route->params;
    size_t n = 0;

    while (p && p[n].name)
        n++;
    x->values = arena_calloc(x->r.arena, n + 1, sizeof(x->values[0]));
    return x->values ? ERR_NONE
                     : err_set(e, ERR_TOO_LARGE, "the request is too large");
}

static enum err_code check_members(struct exchange *x, const json_t *object,
                                   struct err *e)
{
    const struct param *params = x->r.route->params;
    const char *key;
    json_t *value;
    enum err_code rc = ERR_NONE;

    json_object_foreach((json_t *)object, key, value)
    {
        int at = find(params, IN_QUERY, slice_of(key));

        if (at < 0)
            return unknown(x, IN_QUERY, slice_of(key), e);
        if (json_is_null(value))
            continue;
        if (json_is_string(value))
            rc = take_text(x, &params[at],
                           (struct slice){json_string_value(value),
                                          json_string_length(value)},
                           &x->values[at], e);
        else
            rc = take_json(x, &params[at], value, &x->values[at], e);
        if (rc)
            return rc;
    }
    return complete(x, e);
}

enum err_code request_of_object(const struct request *r,
                                const struct param *params,
                                const json_t *object, struct request **out,
                                struct err *e)
{
    struct exchange *x = arena_calloc(r->arena, 1, sizeof(*x));
    struct route *row = arena_calloc(r->arena, 1, sizeof(*row));
    enum err_code rc;

    if (!x || !row)
        return err_set(e, ERR_TOO_LARGE, "the request is too large");
    row->params = params;
    x->r.exchange = x;
    x->r.arena = r->arena;
    x->r.ctx = r->ctx;
    x->r.route = row;
    rc = make_values(x, e);
    if (!rc)
        rc = check_members(x, object, e);
    if (!rc)
        *out = &x->r;
    return rc;
}

enum err_code params_check(struct exchange *x, struct err *e)
{
    enum err_code rc = make_values(x, e);

    if (!rc)
        rc = check_path(x, e);
    if (!rc)
        rc = check_query(x, e);
    if (!rc)
        rc = check_body(x, e);
    if (!rc)
        rc = complete(x, e);
    return rc;
}
