/* sqlite_migrations.c - the schema, as numbered steps.
 *
 * PRAGMA user_version holds the number of the last step taken.  All missing
 * steps are taken in one transaction, so that a crash leaves the old schema or
 * the new one.  A released step is never changed: a new one is added.
 *
 * Why the tables look like this:
 *  - Times are UTC microseconds, 0 is "none"; texts are '' when absent.
 *  - papers: every ordering is an index (deleted_at, key); the row id that
 *    SQLite appends breaks ties, and with `deleted_at = 0` in front tombstones
 *    are in another part of the tree.  Short columns come first, so that
 * reading one does not walk over an abstract.
 *  - papers_fts holds no copy of the texts (content='papers').  Rows of deleted
 *    papers are taken out.  papers_trigram holds only papers with text in a
 *    script written without spaces, for which words cannot be told apart.
 *  - paper_tags is there for the filter.  arXiv's categories have no such
 * table: a webhook of 50 papers would write 50 more pages, a fifth of its
 * commit, for coverage alone, which can read the papers of a day.
 *  - meta.generation changes with papers and scraper jobs, papers_generation
 *    with papers alone; being a row, it is of the snapshot that a reader sees.
 *    marks_generation changes with marks (and generation does too).
 *    Papers with an id above texts_through are not in the full text yet.
 *  - documents has versions: visible ones, and of each job the one it is
 *    building.  Their numbers and those of chunks are never used again: indexes
 *    in memory know them.  In chunks the vector comes last, behind what is read
 *    without it.  chunks_fts holds no texts.
 *  - `model` is the begin of the fingerprint of the model that made a vector.
 *  - papers_unembedded is what waits for a vector: a set and not a number up to
 *    which all is done, for papers change.  Triggers keep it and paper_vectors,
 *    so that no writer of papers can forget it.
 */
#include "store/sqlite_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/transfer_impl.h"

static const char papers_1[] =
    "CREATE TABLE meta("
    "  id INTEGER PRIMARY KEY CHECK (id = 1),"
    "  generation INTEGER NOT NULL,"
    "  papers_generation INTEGER NOT NULL,"
    "  live_papers INTEGER NOT NULL,"
    "  texts_through INTEGER NOT NULL);"
    "INSERT INTO meta VALUES (1, 1, 1, 0, 0);"

    "CREATE TABLE papers("
    "  id INTEGER PRIMARY KEY,"
    "  deleted_at INTEGER NOT NULL,"
    "  published_at INTEGER NOT NULL,"
    "  created_at INTEGER NOT NULL,"
    "  updated_at INTEGER NOT NULL,"
    "  relevance_score REAL NOT NULL,"
    "  version INTEGER NOT NULL,"
    "  source_updated_at INTEGER NOT NULL,"
    "  unspaced INTEGER NOT NULL,"
    "  category TEXT NOT NULL,"
    "  source TEXT NOT NULL,"
    "  source_id TEXT NOT NULL,"
    "  url TEXT NOT NULL UNIQUE,"
    "  title_key TEXT NOT NULL,"
    "  title TEXT NOT NULL,"
    "  authors TEXT NOT NULL,"
    "  author_list TEXT NOT NULL,"
    "  pdf_url TEXT NOT NULL,"
    "  arxiv_categories TEXT NOT NULL,"
    "  primary_category TEXT NOT NULL,"
    "  doi TEXT NOT NULL,"
    "  journal_ref TEXT NOT NULL,"
    "  comment TEXT NOT NULL,"
    "  relevance TEXT NOT NULL,"
    "  tags TEXT NOT NULL,"
    "  abstract TEXT NOT NULL);"
    "CREATE INDEX papers_by_published ON papers(deleted_at, published_at);"
    "CREATE INDEX papers_by_relevance ON papers(deleted_at, relevance_score);"
    "CREATE INDEX papers_by_title ON papers(deleted_at, title_key);"
    "CREATE INDEX papers_by_created ON papers(deleted_at, created_at);"
    "CREATE INDEX papers_by_category"
    "  ON papers(category, deleted_at, published_at);"
    "CREATE INDEX papers_by_source ON papers(source, deleted_at);"
    "CREATE INDEX papers_unspaced ON papers(deleted_at) WHERE unspaced = 1;"

    "CREATE VIRTUAL TABLE papers_fts USING fts5("
    "  title, abstract, authors, content='papers', content_rowid='id',"
    "  tokenize='porter unicode61 remove_diacritics 2');"
    /* merged by sqlite_text.c; FTS5 itself only if that came to nothing */
    "INSERT INTO papers_fts(papers_fts, rank) VALUES ('automerge', 0);"
    "INSERT INTO papers_fts(papers_fts, rank) VALUES ('crisismerge', 256);"
    "CREATE VIRTUAL TABLE papers_trigram USING fts5("
    "  title, abstract, authors, content='papers', content_rowid='id',"
    "  tokenize='trigram');"

    "CREATE TABLE paper_tags("
    "  tag TEXT NOT NULL,"
    "  paper_id INTEGER NOT NULL,"
    "  PRIMARY KEY (tag, paper_id)) WITHOUT ROWID;"

    "CREATE TABLE scraper_jobs("
    "  id INTEGER PRIMARY KEY,"
    "  job_id TEXT NOT NULL UNIQUE,"
    "  source TEXT NOT NULL,"
    "  status TEXT NOT NULL,"
    "  error TEXT NOT NULL,"
    "  papers_found INTEGER NOT NULL,"
    "  papers_created INTEGER NOT NULL,"
    "  papers_updated INTEGER NOT NULL,"
    "  papers_unchanged INTEGER NOT NULL,"
    "  start_time INTEGER NOT NULL,"
    "  end_time INTEGER NOT NULL,"
    "  created_at INTEGER NOT NULL,"
    "  updated_at INTEGER NOT NULL);"

    "CREATE TABLE webhook_receipts("
    "  webhook_id TEXT PRIMARY KEY,"
    "  body_sha256 BLOB NOT NULL,"
    "  papers_created INTEGER NOT NULL,"
    "  papers_updated INTEGER NOT NULL,"
    "  papers_unchanged INTEGER NOT NULL,"
    "  received_at INTEGER NOT NULL) WITHOUT ROWID;";

static const char jobs_1[] =
    "CREATE TABLE jobs("
    "  seq INTEGER PRIMARY KEY,"
    "  id TEXT NOT NULL UNIQUE,"
    "  kind TEXT NOT NULL,"
    "  state INTEGER NOT NULL,"
    "  progress REAL NOT NULL,"
    "  created_at INTEGER NOT NULL,"
    "  updated_at INTEGER NOT NULL,"
    "  run_at INTEGER NOT NULL,"
    "  lease_until INTEGER NOT NULL,"
    "  owner TEXT NOT NULL,"
    "  claims INTEGER NOT NULL,"
    "  attempts INTEGER NOT NULL,"
    "  max_attempts INTEGER NOT NULL,"
    "  cancel_requested INTEGER NOT NULL,"
    "  schedule_id INTEGER NOT NULL,"
    "  input TEXT NOT NULL,"
    "  checkpoint TEXT NOT NULL,"
    "  result TEXT NOT NULL,"
    "  error TEXT NOT NULL);"
    "CREATE INDEX jobs_by_state ON jobs(state, kind, run_at);"
    "CREATE INDEX jobs_by_kind ON jobs(kind, state);"
    "CREATE TABLE idempotency("
    "  route TEXT NOT NULL,"
    "  key TEXT NOT NULL,"
    "  body_sha256 BLOB NOT NULL,"
    "  job_id TEXT NOT NULL,"
    "  created_at INTEGER NOT NULL,"
    "  PRIMARY KEY (route, key)) WITHOUT ROWID;"
    "CREATE INDEX idempotency_by_age ON idempotency(created_at);";

static const char scrape_1[] =
    "CREATE TABLE scrape_results("
    "  seq INTEGER PRIMARY KEY,"
    "  job_id TEXT NOT NULL,"
    "  found_at INTEGER NOT NULL,"
    "  title TEXT NOT NULL,"
    "  abstract TEXT NOT NULL,"
    "  authors TEXT NOT NULL,"
    "  author_list TEXT NOT NULL,"
    "  url TEXT NOT NULL,"
    "  pdf_url TEXT NOT NULL,"
    "  source TEXT NOT NULL,"
    "  source_id TEXT NOT NULL,"
    "  version INTEGER NOT NULL,"
    "  published_at INTEGER NOT NULL,"
    "  source_updated_at INTEGER NOT NULL,"
    "  arxiv_categories TEXT NOT NULL,"
    "  primary_category TEXT NOT NULL,"
    "  doi TEXT NOT NULL,"
    "  journal_ref TEXT NOT NULL,"
    "  comment TEXT NOT NULL,"
    "  category TEXT NOT NULL,"
    "  relevance_score REAL NOT NULL,"
    "  relevance TEXT NOT NULL,"
    "  tags TEXT NOT NULL,"
    "  UNIQUE (job_id, url));"

    "CREATE TABLE deliveries("
    "  id INTEGER PRIMARY KEY,"
    "  webhook_id TEXT NOT NULL UNIQUE,"
    "  job_id TEXT NOT NULL,"
    "  status INTEGER NOT NULL,"
    "  attempts INTEGER NOT NULL,"
    "  next_attempt_at INTEGER NOT NULL,"
    "  created_at INTEGER NOT NULL,"
    "  updated_at INTEGER NOT NULL,"
    "  delivered_at INTEGER NOT NULL,"
    "  last_status INTEGER NOT NULL,"
    "  last_error TEXT NOT NULL,"
    "  body_bytes INTEGER NOT NULL,"
    "  papers_created INTEGER NOT NULL,"
    "  papers_updated INTEGER NOT NULL,"
    "  papers_unchanged INTEGER NOT NULL,"
    "  body TEXT NOT NULL);"
    "CREATE INDEX deliveries_by_job ON deliveries(job_id, status);"
    "CREATE INDEX deliveries_by_status ON deliveries(status);"
    "CREATE TABLE delivery_attempts("
    "  delivery_id INTEGER NOT NULL REFERENCES deliveries(id),"
    "  n INTEGER NOT NULL,"
    "  at INTEGER NOT NULL,"
    "  took_ms INTEGER NOT NULL,"
    "  status INTEGER NOT NULL,"
    "  error TEXT NOT NULL,"
    "  response TEXT NOT NULL,"
    "  PRIMARY KEY (delivery_id, n)) WITHOUT ROWID;"

    "CREATE TABLE schedules("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  source TEXT NOT NULL,"
    "  category TEXT NOT NULL,"
    "  query TEXT NOT NULL,"
    "  arxiv_categories TEXT NOT NULL,"
    "  at TEXT NOT NULL,"
    "  tz TEXT NOT NULL,"
    "  every_s INTEGER NOT NULL,"
    "  days INTEGER NOT NULL,"
    "  max_results INTEGER NOT NULL,"
    "  enabled INTEGER NOT NULL,"
    "  next_run_at INTEGER NOT NULL,"
    "  last_run_at INTEGER NOT NULL DEFAULT 0,"
    "  last_confirmed_at INTEGER NOT NULL DEFAULT 0,"
    "  last_job_id TEXT NOT NULL DEFAULT '',"
    "  created_at INTEGER NOT NULL,"
    "  updated_at INTEGER NOT NULL);"

    "CREATE TABLE coverage("
    "  category TEXT NOT NULL,"
    "  day INTEGER NOT NULL,"
    "  expected INTEGER NOT NULL,"
    "  checked_at INTEGER NOT NULL,"
    "  PRIMARY KEY (category, day)) WITHOUT ROWID;"
    "CREATE INDEX coverage_by_day ON coverage(day, category);"

    "CREATE TABLE limiter("
    "  name TEXT PRIMARY KEY,"
    "  next_at INTEGER NOT NULL,"
    "  busy_until INTEGER NOT NULL,"
    "  open_until INTEGER NOT NULL,"
    "  failures INTEGER NOT NULL) WITHOUT ROWID;";

static const char documents_2[] =
    "CREATE TABLE documents("
    "  key INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  visible INTEGER NOT NULL,"
    "  generation INTEGER NOT NULL,"
    "  created_at INTEGER NOT NULL,"
    "  updated_at INTEGER NOT NULL,"
    "  bytes INTEGER NOT NULL,"
    "  chars INTEGER NOT NULL,"
    "  chunk_size INTEGER NOT NULL,"
    "  overlap INTEGER NOT NULL,"
    "  total_chunks INTEGER NOT NULL,"
    "  sha256 BLOB NOT NULL,"
    "  id TEXT NOT NULL,"
    "  source TEXT NOT NULL,"
    "  job_id TEXT NOT NULL,"
    "  title TEXT NOT NULL,"
    "  metadata TEXT NOT NULL,"
    "  pages TEXT NOT NULL);"
    "CREATE UNIQUE INDEX documents_by_id ON documents(id) WHERE visible = 1;"
    "CREATE UNIQUE INDEX documents_by_job ON documents(job_id)"
    "  WHERE visible = 0;"
    "CREATE INDEX documents_by_source ON documents(source) WHERE visible = 1;"
    "CREATE INDEX documents_by_content ON documents(sha256) WHERE visible = 1;"
    "CREATE INDEX documents_by_generation ON documents(generation)"
    "  WHERE visible = 1;"
    "CREATE TABLE document_texts("
    "  document INTEGER NOT NULL,"
    "  at INTEGER NOT NULL,"
    "  text BLOB NOT NULL,"
    "  UNIQUE (document, at));"

    "CREATE TABLE chunks("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  document INTEGER NOT NULL,"
    "  idx INTEGER NOT NULL,"
    "  model INTEGER NOT NULL,"
    "  start_char INTEGER NOT NULL,"
    "  end_char INTEGER NOT NULL,"
    "  start_byte INTEGER NOT NULL,"
    "  end_byte INTEGER NOT NULL,"
    "  page INTEGER NOT NULL,"
    "  tokens INTEGER NOT NULL,"
    "  sha256 BLOB NOT NULL,"
    "  metadata TEXT NOT NULL,"
    "  vector BLOB NOT NULL,"
    "  UNIQUE (document, idx));"
    "CREATE INDEX chunks_by_text ON chunks(sha256, model);"
    "CREATE INDEX chunks_by_model ON chunks(model);"
    "CREATE VIRTUAL TABLE chunks_fts USING fts5("
    "  title, text, content='',"
    "  tokenize='porter unicode61 remove_diacritics 2');";

static const char vectors_2[] =
    "CREATE TABLE vector_sets("
    "  id INTEGER PRIMARY KEY,"
    "  generation INTEGER NOT NULL,"
    "  model BLOB NOT NULL);"
    "INSERT INTO vector_sets VALUES (0, 1, x''), (1, 1, x'');"

    "CREATE TABLE paper_vectors("
    "  paper_id INTEGER PRIMARY KEY,"
    "  model INTEGER NOT NULL,"
    "  generation INTEGER NOT NULL,"
    "  sha256 BLOB NOT NULL,"
    "  vector BLOB NOT NULL);"
    "CREATE INDEX paper_vectors_by_generation"
    "  ON paper_vectors(model, generation);"
    "CREATE TABLE papers_unembedded(paper_id INTEGER PRIMARY KEY);"
    "INSERT INTO papers_unembedded SELECT id FROM papers WHERE deleted_at = 0;"

    "CREATE TRIGGER papers_change"
    "  AFTER UPDATE OF title, abstract, deleted_at ON papers"
    "  WHEN new.deleted_at = 0 AND (old.deleted_at <> 0"
    "    OR new.title <> old.title OR new.abstract <> old.abstract) BEGIN"
    "  DELETE FROM paper_vectors WHERE paper_id = new.id;"
    "  INSERT OR IGNORE INTO papers_unembedded VALUES (new.id);"
    "END;"
    "CREATE TRIGGER papers_leave AFTER UPDATE OF deleted_at ON papers"
    "  WHEN new.deleted_at <> 0 AND old.deleted_at = 0 BEGIN"
    "  DELETE FROM paper_vectors WHERE paper_id = new.id;"
    "  DELETE FROM papers_unembedded WHERE paper_id = new.id;"
    "END;";

static const char files_3[] =
    "CREATE TABLE job_files("
    "  job_id TEXT PRIMARY KEY,"
    "  file BLOB NOT NULL"
    ");"
    "CREATE TRIGGER jobs_complete AFTER UPDATE OF state ON jobs"
    "  WHEN new.state = 2 AND old.state <> 2 BEGIN"
    "  DELETE FROM job_files WHERE job_id = new.id;"
    "END;";

/* A paper that changes in other things than its text keeps its vector, but
 * those who know it must hear of it. */
static const char vectors_4[] =
    "DROP TRIGGER papers_change;"
    "DROP TRIGGER papers_leave;"
    "CREATE TRIGGER papers_change AFTER UPDATE OF url, deleted_at ON papers"
    "  WHEN old.deleted_at = 0 OR new.deleted_at = 0 BEGIN"
    "  UPDATE vector_sets SET generation = generation + 1 WHERE id = 1;"
    "  DELETE FROM paper_vectors WHERE paper_id = new.id"
    "    AND (new.deleted_at <> 0 OR old.deleted_at <> 0"
    "      OR new.title <> old.title OR new.abstract <> old.abstract);"
    "  UPDATE paper_vectors SET generation ="
    "    (SELECT generation FROM vector_sets WHERE id = 1)"
    "    WHERE paper_id = new.id;"
    "  DELETE FROM papers_unembedded WHERE paper_id = new.id;"
    "  INSERT INTO papers_unembedded SELECT new.id WHERE new.deleted_at = 0"
    "    AND new.id NOT IN (SELECT paper_id FROM paper_vectors);"
    "END;"
    "CREATE INDEX paper_vectors_by_change ON paper_vectors(generation);";

/* Page views as counts: by page for all times, by minute since 1970. */
static const char events_5[] =
    "CREATE TABLE pages("
    "  id INTEGER PRIMARY KEY,"
    "  page TEXT NOT NULL UNIQUE,"
    "  title TEXT NOT NULL,"
    "  views INTEGER NOT NULL,"     /* by people */
    "  bot_views INTEGER NOT NULL)" /* by others */
    "  STRICT;"
    "CREATE INDEX pages_by_views ON pages(views DESC, page);"
    "CREATE TABLE page_views("
    "  minute INTEGER NOT NULL,"
    "  page_id INTEGER NOT NULL,"
    "  bot TEXT NOT NULL," /* the reason, '' for people */
    "  referrer TEXT NOT NULL,"
    "  views INTEGER NOT NULL,"
    "  PRIMARY KEY (minute, page_id, bot, referrer)) STRICT, WITHOUT ROWID;";

/* Visitors: today's by a hash, whose salt goes with the day; then a number. */
static const char visitors_6[] =
    "CREATE TABLE visitor_salts("
    "  day INTEGER PRIMARY KEY,"
    "  salt BLOB NOT NULL) STRICT;"
    "CREATE TABLE visitors("
    "  day INTEGER NOT NULL,"
    "  hash BLOB NOT NULL,"
    "  seen_at INTEGER NOT NULL,"
    "  PRIMARY KEY (day, hash)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE visitor_days("
    "  day INTEGER PRIMARY KEY,"
    "  visitors INTEGER NOT NULL) STRICT;";

/* What a reader notes about papers. */
static const char desk_7[] =
    "ALTER TABLE meta ADD COLUMN marks_generation INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE paper_marks("
    "  paper_id INTEGER PRIMARY KEY,"
    "  read INTEGER NOT NULL,"
    "  starred INTEGER NOT NULL,"
    "  noted INTEGER NOT NULL," /* is there a note? */
    "  marked_at INTEGER NOT NULL,"
    "  note TEXT NOT NULL) STRICT;"
    "CREATE INDEX paper_marks_read ON paper_marks(paper_id) WHERE read = 1;"
    "CREATE INDEX paper_marks_starred ON paper_marks(paper_id)"
    "  WHERE starred = 1;"
    "CREATE INDEX paper_marks_noted ON paper_marks(paper_id) WHERE noted = 1;";

/* One page's views, over a year in a few ms. */
static const char events_8[] =
    "CREATE INDEX page_views_by_page ON page_views(page_id, minute);";

/* What a reader searches for again and again. */
static const char searches_9[] = "CREATE TABLE saved_searches("
                                 "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
                                 "  name TEXT NOT NULL,"
                                 "  filters TEXT NOT NULL,"
                                 "  seen_at INTEGER NOT NULL,"
                                 "  created_at INTEGER NOT NULL,"
                                 "  updated_at INTEGER NOT NULL) STRICT;";

/* Chroma's collections.  A record's number begins with its collection's, so the
 * records of a collection lie together; what is long is at the end of the row.
 * A deleted collection is in collections_gone until its records are removed. */
static const char records_10[] =
    "CREATE TABLE tenants(name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;"
    "CREATE TABLE databases("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  id TEXT NOT NULL UNIQUE,"
    "  tenant TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  UNIQUE (tenant, name)) STRICT;"
    "CREATE TABLE collections("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  id TEXT NOT NULL UNIQUE,"
    "  database INTEGER NOT NULL,"
    "  name TEXT NOT NULL,"
    "  metadata TEXT,"
    "  configuration TEXT NOT NULL,"
    "  dim INTEGER NOT NULL,"
    "  created_at INTEGER NOT NULL,"
    "  generation INTEGER NOT NULL DEFAULT 0,"
    "  given INTEGER NOT NULL DEFAULT 0," /* numbers, in all */
    "  count INTEGER NOT NULL DEFAULT 0,"
    "  UNIQUE (database, name)) STRICT;"
    "CREATE TABLE collections_gone(number INTEGER PRIMARY KEY) STRICT;"
    "CREATE TABLE records("
    "  number INTEGER PRIMARY KEY,"
    "  collection INTEGER NOT NULL,"
    "  generation INTEGER NOT NULL,"
    "  id TEXT NOT NULL,"
    "  uri TEXT,"
    "  metadata TEXT,"
    "  document TEXT,"
    "  vector BLOB NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX records_by_id ON records(collection, id);"
    "CREATE INDEX records_by_change ON records(collection, generation);"
    "INSERT INTO tenants VALUES ('default_tenant');"
    "INSERT INTO databases(id, tenant, name) VALUES"
    "  ('00000000-0000-0000-0000-000000000000', 'default_tenant',"
    "  'default_database');";

/* What a server outside has of the vectors (copies.h).  The job's id is made as
 * store_job_create() makes it. */
#define MAKE_COPY_JOB                                                          \
    "  INSERT INTO jobs(id, kind, state, progress, created_at, updated_at,"    \
    "    run_at, lease_until, owner, claims, attempts, max_attempts,"          \
    "    cancel_requested, schedule_id, input, checkpoint, result, error)"     \
    "  SELECT b.id || iif(o.n > 0, '-' || (o.n + 1), ''), 'chroma', 0, 0,"     \
    "    b.now, b.now, b.now, 0, '', 0, 0, 5, 0, 0, '{}', '', '', ''"          \
    "  FROM (SELECT 'chroma-' || unixepoch() AS id, unixepoch() * 1000000"     \
    "    + substr(strftime('%f'), 4) * 1000 AS now) b,"                        \
    "   (SELECT count(*) AS n FROM jobs j"                                     \
    "    WHERE j.id = 'chroma-' || unixepoch() OR (j.id > 'chroma-'"           \
    "      || unixepoch() || '-' AND j.id < 'chroma-' || unixepoch() || '.'))" \
    "   o WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE kind = 'chroma'"          \
    "    AND state IN (0, 1) AND cancel_requested = 0);"

static const char copies_11[] =
    "CREATE TABLE vector_copy("
    "  set_id INTEGER PRIMARY KEY,"
    "  collection TEXT NOT NULL,"
    "  generation INTEGER NOT NULL,"
    "  repair INTEGER NOT NULL,"
    "  wanted INTEGER NOT NULL) STRICT;" /* grows: the job is wanted */
    "CREATE TABLE vector_copies("
    "  set_id INTEGER NOT NULL,"
    "  key INTEGER NOT NULL,"
    "  name TEXT NOT NULL,"
    "  records INTEGER NOT NULL,"
    "  PRIMARY KEY (set_id, key)) STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER vector_sets_move AFTER UPDATE OF generation ON vector_sets"
    "  WHEN EXISTS (SELECT 1 FROM vector_copy) BEGIN" MAKE_COPY_JOB "END;"
    "CREATE TRIGGER vector_copy_wanted AFTER UPDATE OF wanted ON vector_copy"
    "  BEGIN" MAKE_COPY_JOB "END;";

/* Each step in parts (C promises no longer literals), NULL-ended. */
#define MAX_PARTS 4
static const char *const steps[][MAX_PARTS] = {
    {papers_1, jobs_1, scrape_1, NULL},
    {documents_2, vectors_2, NULL},
    {files_3, NULL},
    {vectors_4, NULL},
    {events_5, NULL},
    {visitors_6, NULL},
    {desk_7, NULL},
    {events_8, NULL},
    {searches_9, NULL},
    {records_10, NULL},
    {copies_11, NULL},
};
#define N_STEPS ((int)(sizeof(steps) / sizeof(*steps)))

int sqlite_schema_version(void)
{
    return N_STEPS;
}

/* A pragma that gives one number. */
static enum err_code get_number(struct db *c, const char *sql, int64_t *out,
                                struct err *e)
{
    struct query q;

    q_start(&q, c, sql);
    return q_one_int(&q, 0, out, e);
}

/* Is it ours?  A file of another program must not get our tables. */
static enum err_code check_owner(struct sqlite_store *s, struct db *c,
                                 int64_t *version, struct err *e)
{
    int64_t id = 0, tables = 0;
    enum err_code code;

    code = get_number(c, "PRAGMA application_id", &id, e);
    if (code == ERR_NONE)
        code = get_number(c, "SELECT count(*) FROM sqlite_schema", &tables, e);
    if (code == ERR_NONE)
        code = get_number(c, "PRAGMA user_version", version, e);
    if (code != ERR_NONE)
        return code;
    if (id != SQLITE_APPLICATION_ID && (id != 0 || tables != 0))
        return err_field(e, "database_url",
                         "'%s' is a database of another program; name another "
                         "file in 'database_url'",
                         s->path);
    if (s->purpose != STORE_TO_FILL) {
        code = get_number(c,
                          "SELECT count(*) FROM sqlite_schema"
                          " WHERE name = 'unfinished_move'",
                          &tables, e);
        if (code == ERR_NONE && tables)
            code = transfer_unfinished(e);
        if (code != ERR_NONE)
            return code;
    }
    if (*version > N_STEPS)
        return err_field(e, "database_url",
                         "the database has schema %d and this program knows "
                         "%d: run the newer sheaf that wrote it, or restore a "
                         "snapshot from '%s/snapshots'",
                         (int)*version, N_STEPS, s->data_dir);
    return ERR_NONE;
}

enum err_code sqlite_snapshot(struct sqlite_store *s, struct db *c,
                              int64_t version, struct err *e)
{
    struct buf path;
    struct query q;
    enum err_code code;

    buf_init(&path, 4096);
    buf_printf(&path, "%s/snapshots", s->data_dir);
    if (!buf_ok(&path)) {
        buf_release(&path);
        return err_field(e, "data_dir", "'data_dir' is too long");
    }
    if (mkdir(path.p, 0700) != 0 && errno != EEXIST) {
        code = err_set(e, errno == ENOSPC ? ERR_NO_SPACE : ERR_UNAVAILABLE,
                       "cannot make '%s': %s", path.p, strerror(errno));
        buf_release(&path);
        return code;
    }
    buf_printf(&path, "/schema-%d-%lld.db", (int)version,
               (long long)(clock_now_us() / US_PER_S));
    q_start(&q, c, "VACUUM INTO ?");
    q_text(&q, buf_slice(&path));
    code = q_run(&q, NULL, e);
    if (code != ERR_NONE)
        err_prefix(e, "snapshot before the migration");
    else
        log_info("store", "snapshot before the migration",
                 LOG_SL("file", buf_slice(&path)));
    buf_release(&path);
    return code;
}

static enum err_code take_step(struct db *c, int64_t i, struct err *e)
{
    enum err_code code = ERR_NONE;

    for (const char *const *part = steps[i]; *part && code == ERR_NONE; part++)
        code = db_exec(c, *part, e);
    if (code != ERR_NONE)
        err_prefix(e, "migration %d", (int)i + 1);
    return code;
}

static enum err_code take_steps(struct db *c, int64_t version, struct err *e)
{
    char pragmas[100];
    enum err_code code = db_exec(c, "BEGIN IMMEDIATE", e);

    for (int64_t i = version; i < N_STEPS && code == ERR_NONE; i++)
        code = take_step(c, i, e);
    snprintf(pragmas, sizeof(pragmas),
             "PRAGMA application_id = %d; PRAGMA user_version = %d;",
             SQLITE_APPLICATION_ID, N_STEPS);
    if (code == ERR_NONE)
        code = db_exec(c, pragmas, e);
    if (code == ERR_NONE)
        code = db_exec(c, "COMMIT", e);
    if (code != ERR_NONE && !sqlite3_get_autocommit(c->db))
        sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

enum err_code sqlite_check_schema(struct sqlite_store *s, struct db *c,
                                  struct err *e)
{
    int64_t version = 0;
    enum err_code code = check_owner(s, c, &version, e);

    if (code == ERR_NONE && version == 0)
        code = err_set(e, ERR_NOT_FOUND, "'%s' is empty", s->path);
    if (code == ERR_NONE && version < N_STEPS)
        code = transfer_too_old(version, N_STEPS, e);
    return code;
}

enum err_code sqlite_migrate(struct sqlite_store *s, struct db *c,
                             struct err *e)
{
    int64_t version = 0;
    enum err_code code = check_owner(s, c, &version, e);

    if (code != ERR_NONE || version == N_STEPS)
        return code;
    if (version > 0)
        code = sqlite_snapshot(s, c, version, e);
    if (code == ERR_NONE)
        code = take_steps(c, version, e);
    /* A new file: the log's first commit must not meet an empty file after a
     * power failure, SQLite would take the log for a stranger's. */
    if (code == ERR_NONE && version == 0 && !s->in_memory)
        code = db_exec(c, "PRAGMA wal_checkpoint(PASSIVE)", e);
    return code;
}
