/* scraper_jobs.c - GET /api/scraper-jobs/: what webhooks told of scrapes. */
#include "backend/handlers.h"

#include "net/paging.h"

static void write_job(struct jw *j, const void *row)
{
    const struct scraper_job *s = row;

    jw_obj(j);
    jw_kint(j, "id", s->id);
    jw_kslice(j, "job_id", s->job_id);
    jw_kslice(j, "source", s->source);
    jw_kslice(j, "status", s->status);
    jw_ktext(j, "error", s->error);
    jw_kint(j, "papers_found", s->papers_found);
    jw_kint(j, "papers_created", s->papers_created);
    jw_kint(j, "papers_updated", s->papers_updated);
    jw_kint(j, "papers_unchanged", s->papers_unchanged);
    jw_ktime(j, "start_time", s->start_time);
    jw_ktime(j, "end_time", s->end_time);
    jw_ktime(j, "created_at", s->created_at);
    jw_ktime(j, "updated_at", s->updated_at);
    jw_end_obj(j);
}

static enum err_code render_list(struct request *r, struct buf *out,
                                 struct err *e)
{
    struct backend *b = r->ctx;
    struct page page = paging_read(r);
    struct scraper_job *jobs;
    int64_t count;
    enum err_code rc;
    struct jw j;
    size_t n;

    rc = store_scraper_jobs_list(b->store, r->arena, page.offset,
                                 (int)page.size, &jobs, &n, &count, e);
    if (rc == ERR_NONE)
        rc = paging_check(&page, count, e);
    if (rc)
        return rc;
    jw_init(&j, out);
    paging_write(&j, r, &page, count, jobs, n, sizeof(*jobs), write_job);
    return ERR_NONE;
}

enum err_code scraper_jobs_list(struct request *r, struct err *e)
{
    return reply_cached(r, "application/json", render_list, e);
}

enum err_code scraper_job_detail(struct request *r, struct err *e)
{
    struct backend *b = r->ctx;
    struct scraper_job job;
    enum err_code rc;
    struct jw j;

    rc = store_scraper_job_get(b->store, r->arena, request_int(r, "id"), &job,
                               e);
    if (rc == ERR_NOT_FOUND)
        return err_set(e, rc, "Not found.");
    if (rc)
        return rc;
    jw_init(&j, reply_json(r, 200));
    write_job(&j, &job);
    return ERR_NONE;
}
