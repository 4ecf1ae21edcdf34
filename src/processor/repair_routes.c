/* repair_routes.c - POST /vectors/repair: compare the copy of the vectors with
 * what the database has, and mend it. */
#include "processor/processor_impl.h"

#include "store/copies.h"

static enum err_code post_repair(struct request *r, struct err *e)
{
    struct processor *p = r->ctx;
    struct job job = {.kind = SLICE(COPY_JOB)};
    struct jw j;
    enum err_code code = store_copies_repair(p->store, r->arena, &job.id, e);

    if (code != ERR_NONE)
        return code;
    if (p->jobs)
        jobs_wake(p->jobs);
    job_accepted(&j, r, &job);
    jw_end_obj(&j);
    return ERR_NONE;
}

const struct route processor_repair_routes[] = {
    {.method = HTTP_POST,
     .pattern = "/vectors/repair",
     .handle = post_repair,
     .policy = POLICY_ADMIN,
     .tag = "Operations",
     .summary = "Repair the copy of the vectors",
     .status = 202,
     .doc = "Where a Chroma server finds vectors: queues a job that compares "
            "all that it has with the database, sends what is missing or "
            "differs, and removes what is not ours.  Elsewhere 409: there is "
            "no copy.",
     .schema = "JobAccepted",
     .returns = "{\"job_id\":\"chroma-1762123331\",\"status\":\"pending\"}"},
    {.pattern = NULL}};
