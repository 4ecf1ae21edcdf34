/* marks.c - what a reader notes about papers: read, starred, a note.
 *
 * A mark is a small, frequent write by one reader.  It is answered with what
 * is stored now, so that a page can show it without asking again.
 */
#include "backend/handlers.h"

#include "base/clock.h"
#include "base/json.h"

void marks_json_members(struct jw *j, const struct paper_marks *m)
{
    jw_kbool(j, "read", m->read);
    jw_kbool(j, "starred", m->starred);
    jw_kbool(j, "has_note", m->note.len > 0);
    jw_ktext(j, "note", m->note);
    jw_ktime(j, "marked_at", m->marked_at);
}

/* What a body wants changed, and where its values are. */
struct wish {
    struct marks_change change;
    bool read, starred;
    struct slice note;
};

static enum err_code read_wish(const struct request *r, bool may_note,
                               struct wish *w, struct err *e)
{
    *w = (struct wish){.change.now_us = clock_now_us()};
    if (request_has(r, "read")) {
        w->read = request_bool(r, "read");
        w->change.read = &w->read;
    }
    if (request_has(r, "starred")) {
        w->starred = request_bool(r, "starred");
        w->change.starred = &w->starred;
    }
    if (may_note && request_has(r, "note")) {
        w->note = request_str(r, "note");
        w->change.note = &w->note;
    }
    if (!w->change.read && !w->change.starred && !w->change.note)
        return err_set(e, ERR_INVALID, "nothing to change: give \"read\"%s%s",
                       may_note ? ", \"starred\"" : " or \"starred\"",
                       may_note ? " or \"note\"" : "");
    return ERR_NONE;
}

enum err_code paper_mark(struct request *r, struct err *e)
{
    struct backend *b = r->ctx;
    int64_t id = request_int(r, "id");
    struct paper_marks m;
    bool marked = false;
    struct wish w;
    struct jw j;
    enum err_code rc = read_wish(r, true, &w, e);

    if (rc == ERR_NONE)
        rc = store_marks_set(b->store, &id, 1, &w.change, &marked, e);
    if (rc == ERR_NONE && !marked)
        return err_set(e, ERR_NOT_FOUND, "Not found.");
    if (rc == ERR_NONE)
        rc = store_marks_get(b->store, r->arena, id, &m, e);
    if (rc != ERR_NONE)
        return rc;
    jw_init(&j, reply_json(r, 200));
    jw_obj(&j);
    jw_kint(&j, "id", id);
    marks_json_members(&j, &m);
    jw_end_obj(&j);
    return ERR_NONE;
}

static enum err_code read_ids(const struct request *r, int64_t *ids, size_t *n,
                              struct err *e)
{
    const json_t *list = request_value(r, "ids");

    *n = json_array_size(list);
    if (!json_is_array(list) || *n < 1 || *n > MARKS_MAX_PAPERS)
        return err_field(e, "ids", "\"ids\" must be a list of 1 to %d numbers",
                         MARKS_MAX_PAPERS);
    for (size_t i = 0; i < *n; i++) {
        const json_t *id = json_array_get(list, i);

        ids[i] = json_integer_value(id);
        if (!json_is_integer(id) || ids[i] < 1)
            return err_field(e, "ids", "\"ids[%zu]\" must be a paper's number",
                             i);
    }
    return ERR_NONE;
}

enum err_code papers_mark(struct request *r, struct err *e)
{
    struct backend *b = r->ctx;
    int64_t ids[MARKS_MAX_PAPERS], n_marked = 0;
    bool marked[MARKS_MAX_PAPERS] = {false};
    struct wish w;
    struct jw j;
    size_t n;
    enum err_code rc = read_ids(r, ids, &n, e);

    if (rc == ERR_NONE)
        rc = read_wish(r, false, &w, e);
    if (rc == ERR_NONE)
        rc = store_marks_set(b->store, ids, n, &w.change, marked, e);
    if (rc != ERR_NONE)
        return rc;
    jw_init(&j, reply_json(r, 200));
    jw_obj(&j);
    for (size_t i = 0; i < n; i++)
        n_marked += marked[i];
    jw_kint(&j, "marked", n_marked);
    jw_key(&j, "missing");
    jw_arr(&j);
    for (size_t i = 0; i < n; i++)
        if (!marked[i])
            jw_int(&j, ids[i]);
    jw_end_arr(&j);
    jw_end_obj(&j);
    return ERR_NONE;
}
