/* openapi.c - /openapi.json from the route table, and the page that shows it.
 *
 * The document is written anew for each request: it takes less than a
 * millisecond, and the server's ETag spares the transfer.
 */
#include "net/router_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "gen/assets.h"

/* ---- parameters ---- */

static void write_range(struct jw *j, const struct param *p, const char *low,
                        const char *high)
{
    bool whole = p->type != PARAM_NUM;

    if (p->min == 0 && p->max == 0)
        return;
    if (p->type != PARAM_LIST) {
        jw_key(j, low);
        if (whole)
            jw_int(j, (int64_t)p->min);
        else
            jw_double(j, p->min);
    }
    jw_key(j, high);
    if (whole)
        jw_int(j, (int64_t)p->max);
    else
        jw_double(j, p->max);
}

/* A default or an example, in the JSON type that it has. */
static void write_literal(struct jw *j, const char *key, const struct param *p,
                          const char *text)
{
    json_t *v = NULL;
    struct err ignored;
    bool is_text =
        p->type == PARAM_STR || p->type == PARAM_ENUM || p->type == PARAM_TIME;

    if (!is_text && json_parse(&v, slice_of(text), &ignored) == ERR_NONE) {
        jw_key(j, key);
        jw_value(j, v);
        json_decref(v);
    } else {
        jw_kstr(j, key, text);
    }
}

static void write_schema(struct jw *j, const struct param *p)
{
    static const char *const types[] = {
        [PARAM_STR] = "string",  [PARAM_INT] = "integer",
        [PARAM_NUM] = "number",  [PARAM_BOOL] = "boolean",
        [PARAM_TIME] = "string", [PARAM_ENUM] = "string",
        [PARAM_LIST] = "array",  [PARAM_JSON] = "object",
        [PARAM_FILE] = "string",
    };
    size_t i;

    jw_obj(j);
    if (p->type != PARAM_ANY) /* no type: any will do */
        jw_kstr(j, "type", types[p->type]);
    switch (p->type) {
    case PARAM_INT:
    case PARAM_NUM:
        write_range(j, p, "minimum", "maximum");
        break;
    case PARAM_STR:
        write_range(j, p, "minLength", "maxLength");
        break;
    case PARAM_TIME:
        jw_kstr(j, "format", "date-time");
        break;
    case PARAM_FILE:
        jw_kstr(j, "format", "binary");
        break;
    case PARAM_LIST:
        jw_kraw(j, "items", SLICE("{\"type\":\"string\"}"));
        write_range(j, p, NULL, "maxItems");
        break;
    case PARAM_JSON:
        jw_kbool(j, "additionalProperties", true);
        break;
    case PARAM_ENUM:
        jw_key(j, "enum");
        jw_arr(j);
        for (i = 0; p->choices[i]; i++)
            jw_str(j, p->choices[i]);
        jw_end_arr(j);
        break;
    default:
        break;
    }
    if (p->dflt)
        write_literal(j, "default", p, p->dflt);
    if (p->in == IN_BODY && p->doc)
        jw_kstr(j, "description", p->doc);
    if (p->in == IN_BODY && p->example)
        write_literal(j, "example", p, p->example);
    jw_end_obj(j);
}

/* Is it the "{name...}" at the end? */
static bool takes_slashes(const struct route *row, const struct param *p)
{
    char end[100];

    snprintf(end, sizeof(end), "{%s...}", p->name);
    return slice_ends(slice_of(row->pattern), end);
}

static void write_parameters(struct jw *j, const struct route *row)
{
    const struct param *p;

    jw_key(j, "parameters");
    jw_arr(j);
    for (p = row->params; p && p->name; p++) {
        if (p->in == IN_BODY)
            continue;
        jw_obj(j);
        jw_kstr(j, "name", p->name);
        jw_kstr(j, "in", p->in == IN_PATH ? "path" : "query");
        jw_kbool(j, "required", p->in == IN_PATH || p->required);
        if (takes_slashes(row, p)) /* OpenAPI has no word for that */
            jw_kbool(j, "x-slashes", true);
        if (p->doc)
            jw_kstr(j, "description", p->doc);
        jw_key(j, "schema");
        write_schema(j, p);
        if (p->example)
            write_literal(j, "example", p, p->example);
        jw_end_obj(j);
    }
    jw_end_arr(j);
}

static size_t count_in_body(const struct route *row, bool required)
{
    const struct param *p;
    size_t n = 0;

    for (p = row->params; p && p->name; p++)
        n += p->in == IN_BODY && (!required || p->required);
    return n;
}

static void write_body(struct jw *j, const struct route *row)
{
    const struct param *p;

    if (count_in_body(row, false) == 0)
        return;
    jw_key(j, "requestBody");
    jw_obj(j);
    jw_kbool(j, "required", count_in_body(row, true) > 0);
    jw_key(j, "content");
    jw_obj(j);
    jw_key(j, row->form_body ? "multipart/form-data" : "application/json");
    jw_obj(j);
    jw_key(j, "schema");
    jw_obj(j);
    jw_kstr(j, "type", "object");
    jw_kbool(j, "additionalProperties", row->raw_body || row->open_body);
    jw_key(j, "properties");
    jw_obj(j);
    for (p = row->params; p->name; p++)
        if (p->in == IN_BODY) {
            jw_key(j, p->name);
            write_schema(j, p);
        }
    jw_end_obj(j);
    if (count_in_body(row, true) > 0) {
        jw_key(j, "required");
        jw_arr(j);
        for (p = row->params; p->name; p++)
            if (p->in == IN_BODY && p->required)
                jw_str(j, p->name);
        jw_end_arr(j);
    }
    jw_end_obj(j);
    jw_end_obj(j);
    jw_end_obj(j);
    jw_end_obj(j);
}

/* ---- replies ---- */

static void write_json_content(struct jw *j, const char *schema,
                               const char *example_text)
{
    json_t *example = NULL;
    char ref[100];

    jw_key(j, "application/json");
    jw_obj(j);
    jw_key(j, "schema");
    jw_obj(j);
    snprintf(ref, sizeof(ref), "#/components/schemas/%s", schema);
    jw_kstr(j, "$ref", ref);
    jw_end_obj(j);
    if (example_text &&
        json_parse(&example, slice_of(example_text), NULL) == ERR_NONE) {
        jw_key(j, "example");
        jw_value(j, example);
        json_decref(example);
    }
    jw_end_obj(j);
}

static void write_other_content(struct jw *j, const char *media)
{
    struct slice rest = slice_of(media), type;

    while (slice_split(&rest, ' ', &type)) {
        jw_key_slice(j, type);
        jw_raw(j, SLICE("{\"schema\":{\"type\":\"string\"}}"));
    }
}

static void write_reply(struct jw *j, const char *status, const char *what,
                        const char *schema)
{
    jw_key(j, status);
    jw_obj(j);
    jw_kstr(j, "description", what);
    jw_key(j, "content");
    jw_obj(j);
    write_json_content(j, schema, NULL);
    jw_end_obj(j);
    jw_end_obj(j);
}

static void write_success(struct jw *j, const struct route *row)
{
    int status = row->status ? row->status : 200;
    char key[4] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
                   (char)('0' + status % 10), 0};

    jw_key(j, key);
    jw_obj(j);
    jw_kstr(j, "description", http_reason(status));
    if (row->schema || row->media) {
        jw_key(j, "content");
        jw_obj(j);
        if (row->schema)
            write_json_content(j, row->schema, row->returns);
        if (row->media)
            write_other_content(j, row->media);
        jw_end_obj(j);
    }
    jw_end_obj(j);
}

static void write_responses(struct jw *j, const struct route *row)
{
    static const char *const schemas[] = {
        [ENVELOPE_OWN] = "Error",          [ENVELOPE_DRF] = "Detail",
        [ENVELOPE_OPENAI] = "OpenAIError", [ENVELOPE_ENGINE] = "EngineError",
        [ENVELOPE_CHROMA] = "ChromaError",
    };
    const char *error = schemas[row->envelope];

    jw_key(j, "responses");
    jw_obj(j);
    write_success(j, row);
    write_reply(j, "400", "The input is wrong; the text names what.", error);
    if (row->policy == POLICY_WEBHOOK)
        write_reply(j, "401", "Wrong or missing secret.", error);
    else if (row->policy != POLICY_PUBLIC)
        write_reply(j, "401", "The admin token is needed.", error);
    if (strchr(row->pattern, '{'))
        write_reply(j, "404", "No such thing.", error);
    if (row->method != HTTP_GET)
        write_reply(j, "413", "The body is too large.", error);
    if (row->unready_schema)
        write_reply(j, "503", "Not ready.", row->unready_schema);
    else
        write_reply(j, "503", "Busy or not ready; see Retry-After.", error);
    write_reply(j, "default", "Another error.", error);
    jw_end_obj(j);
}

static void write_security(struct jw *j, const struct route *row)
{
    struct slice by_policy[] = {
        [POLICY_PUBLIC] = SLICE("[]"),
        [POLICY_READ] = SLICE("[{},{\"token\":[]},{\"session\":[]}]"),
        [POLICY_WRITE] = SLICE("[{},{\"token\":[]},{\"session\":[]}]"),
        [POLICY_ADMIN] = SLICE("[{},{\"token\":[]},{\"session\":[]}]"),
        [POLICY_WEBHOOK] = SLICE("[{\"webhook\":[]}]"),
    };
    static const char *const names[] = {
        [POLICY_PUBLIC] = "public",   [POLICY_READ] = "read",
        [POLICY_WRITE] = "write",     [POLICY_ADMIN] = "admin",
        [POLICY_WEBHOOK] = "webhook",
    };

    jw_kraw(j, "security", by_policy[row->policy]);
    jw_kstr(j, "x-policy", names[row->policy]);
}

/* ---- the document ---- */

static const char *lower_method(enum http_method m)
{
    static const char *const names[HTTP_OTHER] = {
        [HTTP_GET] = "get",     [HTTP_POST] = "post",     [HTTP_PUT] = "put",
        [HTTP_PATCH] = "patch", [HTTP_DELETE] = "delete",
    };

    return names[m];
}

/* "get_api_papers_id": a name that generated clients can use. */
static void write_operation_id(struct jw *j, const struct route *row)
{
    struct buf id;
    const char *c;
    bool gap = true;

    buf_init(&id, 200);
    buf_add_str(&id, lower_method(row->method));
    for (c = row->pattern; *c; c++) {
        bool word = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9');

        if (word && gap)
            buf_add_char(&id, '_');
        if (word)
            buf_add_char(&id, *c);
        gap = !word;
    }
    jw_kslice(j, "operationId", buf_slice(&id));
    buf_release(&id);
}

static void write_operation(struct jw *j, const struct route *row)
{
    jw_key(j, lower_method(row->method));
    jw_obj(j);
    write_operation_id(j, row);
    if (row->tag) {
        jw_key(j, "tags");
        jw_arr(j);
        jw_str(j, row->tag);
        jw_end_arr(j);
    }
    if (row->summary)
        jw_kstr(j, "summary", row->summary);
    if (row->doc)
        jw_kstr(j, "description", row->doc);
    write_parameters(j, row);
    write_body(j, row);
    write_responses(j, row);
    write_security(j, row);
    jw_end_obj(j);
}

static bool is_first(const struct router *rt, size_t i)
{
    size_t k;

    for (k = 0; k < i; k++)
        if (strcmp(rt->rows[k]->route->pattern, rt->rows[i]->route->pattern) ==
            0)
            return false;
    return true;
}

/* OpenAPI has no word for "and all that follows". */
static void write_path(struct jw *j, const char *pattern)
{
    struct slice path = slice_of(pattern);
    char plain[200];

    if (slice_ends(path, "...}")) {
        snprintf(plain, sizeof(plain), "%.*s}", (int)path.len - 4, pattern);
        pattern = plain;
    }
    jw_key(j, pattern);
}

static void write_paths(struct jw *j, const struct router *rt)
{
    size_t i, k;

    jw_key(j, "paths");
    jw_obj(j);
    for (i = 0; i < rt->n_rows; i++) {
        const char *pattern = rt->rows[i]->route->pattern;

        if (!is_first(rt, i))
            continue;
        write_path(j, pattern);
        jw_obj(j);
        for (k = i; k < rt->n_rows; k++)
            if (strcmp(rt->rows[k]->route->pattern, pattern) == 0 &&
                !rt->rows[k]->route->hidden)
                write_operation(j, rt->rows[k]->route);
        jw_end_obj(j);
    }
    jw_end_obj(j);
}

void router_describe(const struct router *rt, struct slice base_url,
                     struct buf *out)
{
    struct jw j;

    rt = router_at_address(rt);
    jw_init(&j, out);
    jw_obj(&j);
    jw_kstr(&j, "openapi", "3.1.0");
    jw_key(&j, "info");
    jw_obj(&j);
    jw_kstr(&j, "title", "sheaf");
    jw_kstr(&j, "version", SHEAF_VERSION);
    jw_kstr(&j, "description",
            "A self-hosted research desk: papers, documents, questions, "
            "readers.");
    jw_end_obj(&j);
    jw_key(&j, "servers");
    jw_arr(&j);
    jw_obj(&j);
    jw_kslice(&j, "url", base_url);
    jw_end_obj(&j);
    jw_end_arr(&j);
    write_paths(&j, rt);
    jw_kraw(&j, "components",
            (struct slice){(const char *)asset_components_json,
                           asset_components_json_len});
    jw_end_obj(&j);
}

static enum err_code openapi(struct request *r, struct err *e)
{
    (void)e;
    router_describe(r->exchange->router, r->base_url, reply_json(r, 200));
    return ERR_NONE;
}

static enum err_code send_asset(struct request *r, const char *type,
                                const unsigned char *p, size_t len)
{
    reply_header(r, "Content-Security-Policy",
                 "default-src 'none'; script-src 'self'; style-src 'self'; "
                 "connect-src 'self'; img-src 'self' data:; base-uri 'none'; "
                 "form-action 'none'; frame-ancestors 'none'");
    buf_add(reply_text(r, 200, type), p, len);
    return ERR_NONE;
}

static enum err_code docs_page(struct request *r, struct err *e)
{
    (void)e;
    return send_asset(r, "text/html; charset=utf-8", asset_docs_html,
                      asset_docs_html_len);
}

static enum err_code docs_style(struct request *r, struct err *e)
{
    (void)e;
    return send_asset(r, "text/css; charset=utf-8", asset_docs_css,
                      asset_docs_css_len);
}

static enum err_code docs_script(struct request *r, struct err *e)
{
    (void)e;
    return send_asset(r, "text/javascript; charset=utf-8", asset_docs_js,
                      asset_docs_js_len);
}

const struct route docs_routes[] = {
    {HTTP_GET, "/openapi.json", openapi, POLICY_PUBLIC, .tag = "Documents",
     .summary = "This interface, described (OpenAPI 3.1)",
     .schema = "ApiDescription"},
    {HTTP_GET, "/docs", docs_page, POLICY_PUBLIC, .open_query = true,
     .tag = "Documents", .summary = "This interface as a page, offline",
     .media = "text/html"},
    {HTTP_GET, "/docs/docs.css", docs_style, POLICY_PUBLIC, .open_query = true,
     .media = "text/css"},
    {HTTP_GET, "/docs/docs.js", docs_script, POLICY_PUBLIC, .open_query = true,
     .media = "text/javascript"},
    {0},
};
