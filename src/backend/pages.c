/* pages.c - see pages.h.
 *
 * The files are public also when reads are private: what they show they fetch
 * from the API, which asks for the token.
 */
#include "backend/pages.h"

#include <stdlib.h>
#include <string.h>

#include "gen/assets.h"
#include "net/shared_body.h"

/* Copied once at start, so that replies share ETag and gzip form. */
struct pages {
    struct shared_body *html, *css, *js, *icon;
};

static struct shared_body *asset(const unsigned char *p, size_t len,
                                 const char *content_type)
{
    struct shared_body *body;
    struct buf bytes;

    buf_init(&bytes, len);
    buf_add(&bytes, p, len);
    body = shared_body_new(&bytes, content_type);
    if (!body)
        abort();
    return body;
}

struct pages *pages_new(void)
{
    struct pages *p = calloc(1, sizeof(*p));

    if (!p)
        abort();
    p->html = asset(asset_index_html, asset_index_html_len,
                    "text/html; charset=utf-8");
    p->css =
        asset(asset_index_css, asset_index_css_len, "text/css; charset=utf-8");
    p->js = asset(asset_index_js, asset_index_js_len,
                  "text/javascript; charset=utf-8");
    p->icon = asset(asset_icon_svg, asset_icon_svg_len, "image/svg+xml");
    return p;
}

void pages_free(struct pages *p)
{
    if (!p)
        return;
    shared_body_unref(p->html);
    shared_body_unref(p->css);
    shared_body_unref(p->js);
    shared_body_unref(p->icon);
    free(p);
}

static enum err_code root(struct request *r, struct err *e)
{
    (void)e;
    reply_header(r, "Location", "/app/");
    reply_empty(r, 302);
    return ERR_NONE;
}

static enum err_code html(struct request *r, struct err *e)
{
    const struct pages *p = r->ctx;

    (void)e;
    reply_shared(r, 200, p->html);
    return ERR_NONE;
}

static enum err_code css(struct request *r, struct err *e)
{
    const struct pages *p = r->ctx;

    (void)e;
    reply_shared(r, 200, p->css);
    return ERR_NONE;
}

static enum err_code js(struct request *r, struct err *e)
{
    const struct pages *p = r->ctx;

    (void)e;
    reply_shared(r, 200, p->js);
    return ERR_NONE;
}

static enum err_code icon(struct request *r, struct err *e)
{
    const struct pages *p = r->ctx;

    (void)e;
    reply_shared(r, 200, p->icon);
    return ERR_NONE;
}

#define PAGE_ROW(path, handler, what)                                          \
    {                                                                          \
        .method = HTTP_GET, .pattern = path, .handle = handler,                \
        .policy = POLICY_PUBLIC, .open_query = true, .tag = "Pages",           \
        .summary = what                                                        \
    }

const struct route pages_routes[] = {
    PAGE_ROW("/", root, "Leads to /app/"),
    PAGE_ROW("/app/", html, "The desk"),
    PAGE_ROW("/app/index.css", css, "Its style"),
    PAGE_ROW("/app/index.js", js, "Its script"),
    PAGE_ROW("/app/icon.svg", icon, "Its icon"),
    {0},
};
