/* web.c - see web.h.
 *
 * Which file a path means:
 *   assets/...      the build puts a hash of the content into these names, so a
 *                   name never changes its content and is kept for a year;
 *   another file    kept too, but asked for again each time (ETag, 304);
 *   no extension    a page of the desk: index.html, whose script reads the
 * path, so that links into the desk and reloads work; anything else   404.  A
 * missing script must not be answered with a page.
 *
 * Every file carries the policy, not only index.html: the requests of a service
 * worker are judged by the policy that its own script came with.
 */
#include "web/web.h"

#include <stdlib.h>

#include "gen/assets.h"

/* Nothing from elsewhere, nothing in line.  `self` covers the WebSocket, which
 * is of the same origin. */
#define POLICY                                                                 \
    "default-src 'none'; script-src 'self'; style-src 'self'; "                \
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; "        \
    "manifest-src 'self'; worker-src 'self'; base-uri 'none'; "                \
    "form-action 'self'; frame-ancestors 'none'"

/* Said where the build left the desk out. */
static enum err_code no_desk(struct request *r)
{
    buf_add(reply_text(r, 200, "text/html; charset=utf-8"), asset_no_desk_html,
            asset_no_desk_html_len);
    return ERR_NONE;
}

static int by_path(const void *key, const void *file)
{
    return slice_cmp(*(const struct slice *)key,
                     slice_of(((const struct web_file *)file)->path));
}

static const struct web_file *find(const struct web_files *files,
                                   struct slice path)
{
    if (files->n == 0)
        return NULL;
    return bsearch(&path, files->list, files->n, sizeof(files->list[0]),
                   by_path);
}

/* Does the last segment end in a dot and letters (".js", ".woff2")?  What
 * begins with a digit is none: "2511.00001v2" is a paper. */
static bool has_extension(struct slice path)
{
    size_t i = path.len;
    char first = '\0';

    while (i > 0 && path.p[i - 1] != '/' && path.p[i - 1] != '.')
        first = path.p[--i];
    return i > 0 && path.p[i - 1] == '.' &&
           ((first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z'));
}

static enum err_code send(struct request *r, struct slice path, struct err *e)
{
    const struct web_files *files = r->ctx;
    const struct web_file *file;
    bool asset = slice_starts(path, "assets/");

    reply_header(r, "Content-Security-Policy", POLICY);
    file = find(files, path);
    if (!file && !asset && !has_extension(path)) {
        if (files->n == 0)
            return no_desk(r);
        file = find(files, SLICE("index.html"));
    }
    if (!file)
        return err_set(e, ERR_NOT_FOUND, "the desk has no such file");
    if (asset)
        reply_header(r, "Cache-Control", "public, max-age=31536000, immutable");
    reply_static(r, 200, &file->body);
    return ERR_NONE;
}

static enum err_code root(struct request *r, struct err *e)
{
    (void)e;
    reply_header(r, "Location", "/app/");
    reply_empty(r, 302);
    return ERR_NONE;
}

/* Without its slash it would be outside the scope of service worker and
 * manifest. */
static enum err_code index_page(struct request *r, struct err *e)
{
    if (slice_ends(r->raw_path, "/"))
        return send(r, SLICE(""), e);
    return root(r, e);
}

static enum err_code page_or_file(struct request *r, struct err *e)
{
    return send(r, request_str(r, "path"), e);
}

static const struct param path_params[] = {
    {"path", IN_PATH, PARAM_STR, .min = 1, .max = 2000,
     .doc = "A page of the desk, or one of its files; slashes are part of it."},
    {0},
};

#define WEB_ROW(where, handler, what)                                          \
    .method = HTTP_GET, .pattern = where, .handle = handler,                   \
    .policy = POLICY_PUBLIC, .open_query = true, .tag = "Desk",                \
    .summary = what

const struct route web_routes[] = {
    {WEB_ROW("/", root, "Leads to /app/"), .status = 302},
    {WEB_ROW("/app/", index_page, "The desk"), .media = "text/html"},
    {WEB_ROW("/app/{path...}", page_or_file, "Pages and files of the desk"),
     .params = path_params, .media = "*/*"},
    {0},
};
