/* status.c - see status.h. */
#include "cmd/status.h"

#include <sys/statvfs.h>

#include "base/config.h"
#include "cmd/datadir.h"
#include "cmd/metrics.h"
#include "socketio/socketio.h"

void status_settings(struct jw *j, struct arena *a, void *config)
{
    struct slice rest = slice_of(config_str(config, "services")), one;

    (void)a;
    jw_key(j, "services");
    jw_arr(j);
    while (slice_split(&rest, ',', &one))
        jw_slice(j, slice_trim(one));
    jw_end_arr(j);
}

void status_datadir(struct jw *j, struct arena *a, void *datadir)
{
    const struct datadir *dir = datadir;
    struct statvfs st;

    (void)a;
    jw_kstr(j, "data_dir", dir->path);
    jw_key(j, "disk");
    if (statvfs(dir->path, &st) != 0) {
        jw_null(j);
        return;
    }
    jw_obj(j);
    jw_kint(j, "free_bytes", (int64_t)(st.f_bavail * st.f_frsize));
    jw_kint(j, "total_bytes", (int64_t)(st.f_blocks * st.f_frsize));
    jw_end_obj(j);
}

static void write_jobs(struct jw *j, struct store *s)
{
    int64_t n[JOB_N_STATES];
    struct err e = {0};

    jw_key(j, "jobs");
    if (store_jobs_counts(s, n, &e) != ERR_NONE) {
        jw_null(j);
        return;
    }
    jw_obj(j);
    for (int i = 0; i < JOB_N_STATES; i++)
        jw_kint(j, job_state_words[i], n[i]);
    jw_end_obj(j);
}

void status_store(struct jw *j, struct arena *a, void *store)
{
    const char *text = NULL;
    struct err e = {0};

    if (store_describe(store, a, &text, &e) != ERR_NONE)
        text = NULL;
    jw_kstr(j, "database", text);
    write_jobs(j, store);
}

void status_live(struct jw *j, struct arena *a, void *sio)
{
    struct sio_stats st;

    (void)a;
    sio_stats(sio, &st);
    jw_kint(j, "live_clients", (int64_t)st.sessions);
}
