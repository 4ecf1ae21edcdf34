/* ingest_file.c - see ingest_file.h. */
#include "processor/ingest_file.h"

#include "base/json.h"

#define MAX_META_VALUE 500 /* bytes of a line of front matter that is kept */
#define MAX_SECTION 2000   /* bytes of a chunk's headings */
#define MAX_PAGES_TEXT (1u << 20)

/* ---- metadata of the document ---- */

static void set_absent(json_t *o, const char *key, json_t *value)
{
    if (!json_object_get(o, key))
        json_object_set(o, key, value);
    json_decref(value);
}

static json_t *text_of(struct slice s)
{
    return json_stringn(s.p ? s.p : "", s.len);
}

/* Its front matter says what it wants, but not where it is from. */
static void add_front_matter(json_t *o, const struct extract *x)
{
    for (size_t i = 0; i < x->n_meta; i++) {
        const struct extract_meta *m = &x->meta[i];
        json_t *value;

        if (slice_is(m->key, "source") || slice_is(m->key, "title") ||
            m->value.len == 0 || m->value.len > MAX_META_VALUE)
            continue;
        if (json_object_getn(o, m->key.p, m->key.len))
            continue;
        value = text_of(m->value);
        json_object_setn_new(o, m->key.p, m->key.len, value);
    }
}

static json_t *make_metadata(const struct extract *x, struct slice name,
                             const json_t *callers)
{
    json_t *o = callers ? json_copy((json_t *)callers) : json_object();

    if (!o)
        return NULL;
    if (name.len)
        set_absent(o, "filename", text_of(name));
    set_absent(o, "type", json_string(extract_kind_name(x->kind)));
    if (x->page_count)
        set_absent(o, "pages", json_integer(x->page_count));
    add_front_matter(o, x);
    return o;
}

/* ---- pages ---- */

static enum err_code keep_pages(struct ingest_file *f, struct err *e)
{
    struct buf b;
    struct jw j;

    if (f->x.n_pages == 0)
        return ERR_NONE;
    buf_init(&b, MAX_PAGES_TEXT);
    jw_init(&j, &b);
    jw_arr(&j);
    for (size_t i = 0; i < f->x.n_pages; i++) {
        jw_arr(&j);
        jw_int(&j, f->x.pages[i].page);
        jw_int(&j, (int64_t)f->x.pages[i].start_char);
        jw_end_arr(&j);
    }
    jw_end_arr(&j);
    f->pages = buf_ok(&b) ? arena_slice(f->arena, buf_slice(&b)) : SLICE_NONE;
    buf_release(&b);
    return f->pages.p ? ERR_NONE : err_set(e, ERR_INTERNAL, "out of memory");
}

int64_t ingest_file_page(const struct ingest_file *f,
                         const struct text_chunk *c)
{
    return f->arena ? extract_page_at(&f->x, c->start_char) : 0;
}

enum err_code ingest_file_chunk(const struct ingest_file *f, int64_t start_char,
                                int64_t end_char, bool in_parts,
                                struct slice *metadata, struct err *e)
{
    struct buf b, section;
    struct jw j;

    *metadata = in_parts ? SLICE("{\"embedded_in_parts\":true}") : SLICE_NONE;
    if (!f->arena || (f->x.n_pages == 0 && f->x.n_headings == 0))
        return ERR_NONE;
    buf_init(&b, 4 * MAX_SECTION);
    buf_init(&section, MAX_SECTION);
    jw_init(&j, &b);
    jw_obj(&j);
    if (in_parts)
        jw_kbool(&j, "embedded_in_parts", true);
    if (f->x.n_pages)
        jw_kint(&j, "page_end", extract_page_at(&f->x, (size_t)(end_char - 1)));
    /* Its middle: a chunk begins with the last words of the one before. */
    extract_section_at(&f->x, (size_t)(start_char + end_char) / 2, &section);
    if (section.len && buf_ok(&section))
        jw_kslice(&j, "section", buf_slice(&section));
    jw_end_obj(&j);
    *metadata = buf_ok(&b) ? arena_slice(f->arena, buf_slice(&b)) : SLICE_NONE;
    buf_release(&b);
    buf_release(&section);
    return metadata->p ? ERR_NONE : err_set(e, ERR_INTERNAL, "out of memory");
}

/* ---- read ---- */

struct slice ingest_file_name(struct slice name, struct arena *a)
{
    struct buf b;
    struct slice out;

    buf_init(&b, name.len + 1);
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.p[i];

        if (c == '/' || c == '\\')
            buf_clear(&b);
        else if (c >= 0x20 && c != 0x7F)
            buf_add_char(&b, name.p[i]);
    }
    out = arena_slice(a, slice_trim(buf_slice(&b)));
    buf_release(&b);
    return out;
}

enum err_code ingest_file_read(struct ingest_file *f, struct job_run *r,
                               struct slice name, const json_t *metadata,
                               struct err *e)
{
    const struct extract_options opt = {
        .name = name, .cancelled = job_run_cancelled, .cancelled_ctx = r};
    struct slice bytes;
    enum err_code code;

    f->arena = arena_new(EXTRACT_ARENA + EXTRACT_MAX_BYTES);
    if (!f->arena)
        return err_set(e, ERR_INTERNAL, "out of memory");
    code = store_job_file(r->store, f->arena, r->job->id, &bytes, e);
    if (code == ERR_NONE)
        code = extract_file(f->arena, bytes, &opt, &f->x, e);
    if (code == ERR_NONE)
        code = keep_pages(f, e);
    if (code != ERR_NONE)
        return code;
    f->metadata = make_metadata(&f->x, name, metadata);
    return f->metadata ? ERR_NONE : err_set(e, ERR_INTERNAL, "out of memory");
}

void ingest_file_release(struct ingest_file *f)
{
    json_decref(f->metadata);
    arena_free(f->arena);
    *f = (struct ingest_file){.arena = NULL};
}
