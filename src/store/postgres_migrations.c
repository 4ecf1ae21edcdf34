/* postgres_migrations.c - the schema, as numbered steps.
 *
 * schema_versions holds the steps taken.  All missing ones are taken in one
 * transaction under an advisory lock, so that several processes may start at
 * once.  A released step is never changed: a new one is added.
 *
 * Why the tables look like this (see also sqlite_migrations.c, which means the
 * same):
 *  - They are in the connection's default schema, whichever that is.
 *  - Times are UTC microseconds, 0 is "none"; texts are '' when absent.
 *  - Lists are read backwards through (key, id), which also serves row-wise
 *    comparison with a cursor.  Tombstones are in none of these indexes.
 *  - papers.words is made by the program (postgres_text.c).  It lies outside
 * the row (EXTERNAL) and the abstract inside (MAIN): lists read abstracts and
 *    never words.  A tombstone has no words.
 *  - papers.labels holds tags ("t:attention") and arXiv categories ("a:cs.AI").
 *  - GIN's list of pending entries is read by every search: kept short.
 *  - pg_trgm serves substrings of scripts without spaces.  Who may not create
 *    extensions goes without: such searches then read all papers of such
 * scripts.
 *  - jobs.due_at is when a worker may take the job: a queued one at run_at, a
 *    running one when its lease ends.
 *  - The counter in meta is the count of the list without filters.
 *  - chunks.words holds the title twice, since it counts double; n_words counts
 *    alike.  vector_sets counts the chunks that are visible, and their words.
 *  - Vectors have tables of their own and lie inside the rows (PLAIN): a search
 *    reads all vectors and nothing else, or words and no vectors.  They are
 *    bytes, or of pgvector's type (postgres_vector_form.c).
 */
#include <stdio.h>

#include "base/log.h"
#include "store/postgres.h"
#include "store/transfer_impl.h"

#define PAPER_TEXTS                                                            \
    "  title text NOT NULL,"                                                   \
    "  abstract text NOT NULL,"                                                \
    "  authors text NOT NULL,"                                                 \
    "  author_list text NOT NULL,"                                             \
    "  url text COLLATE \"C\" NOT NULL,"                                       \
    "  pdf_url text NOT NULL,"                                                 \
    "  source text COLLATE \"C\" NOT NULL,"                                    \
    "  source_id text NOT NULL,"                                               \
    "  version bigint NOT NULL,"                                               \
    "  published_at bigint NOT NULL,"                                          \
    "  source_updated_at bigint NOT NULL,"                                     \
    "  arxiv_categories text NOT NULL,"                                        \
    "  primary_category text NOT NULL,"                                        \
    "  doi text NOT NULL,"                                                     \
    "  journal_ref text NOT NULL,"                                             \
    "  comment text NOT NULL,"                                                 \
    "  category text COLLATE \"C\" NOT NULL,"                                  \
    "  relevance_score double precision NOT NULL,"                             \
    "  relevance text NOT NULL,"                                               \
    "  tags text NOT NULL"

/* Each of the texts of a step is sent by itself: compilers need not take a
 * string of more than 4,095 characters. */
static const char *const step_1[] = {
    "CREATE TABLE meta("
    "  id int PRIMARY KEY CHECK (id = 1),"
    "  generation bigint NOT NULL,"
    "  live_papers bigint NOT NULL) WITH (fillfactor = 10);"
    "INSERT INTO meta VALUES (1, 1, 0);",

    "CREATE TABLE papers("
    "  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    "  created_at bigint NOT NULL,"
    "  updated_at bigint NOT NULL,"
    "  deleted_at bigint NOT NULL DEFAULT 0,"
    "  unspaced boolean NOT NULL," PAPER_TEXTS ","
    "  title_key text COLLATE \"C\" NOT NULL,"
    "  labels text[] COLLATE \"C\" NOT NULL,"
    "  words tsvector NOT NULL);"
    "ALTER TABLE papers ALTER COLUMN abstract SET STORAGE MAIN,"
    "  ALTER COLUMN words SET STORAGE EXTERNAL;"
    "CREATE UNIQUE INDEX papers_by_url ON papers(url);"
    "CREATE INDEX papers_by_published ON papers(published_at, id)"
    "  WHERE deleted_at = 0;"
    "CREATE INDEX papers_by_relevance ON papers(relevance_score, id)"
    "  WHERE deleted_at = 0;"
    "CREATE INDEX papers_by_title ON papers(title_key, id)"
    "  WHERE deleted_at = 0;"
    "CREATE INDEX papers_by_created ON papers(created_at, id)"
    "  WHERE deleted_at = 0;"
    "CREATE INDEX papers_by_category ON"
    "  papers(category, published_at, id) WHERE deleted_at = 0;"
    "CREATE INDEX papers_by_source ON"
    "  papers(source, published_at, id) WHERE deleted_at = 0;"
    "CREATE INDEX papers_by_words ON papers USING gin (words)"
    "  WITH (gin_pending_list_limit = 1024);"
    "CREATE INDEX papers_by_label ON papers USING gin (labels)"
    "  WITH (gin_pending_list_limit = 512);"
    "CREATE INDEX papers_unspaced ON papers(id)"
    "  WHERE unspaced AND deleted_at = 0;"
    "DO $do$ DECLARE place text; BEGIN"
    "  BEGIN"
    "    CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;"
    "  EXCEPTION WHEN OTHERS THEN"
    "    RAISE NOTICE 'no pg_trgm: %', SQLERRM;"
    "  END;"
    "  SELECT n.nspname INTO place FROM pg_extension e"
    "    JOIN pg_namespace n ON n.oid = e.extnamespace"
    "    WHERE e.extname = 'pg_trgm';"
    "  IF FOUND THEN EXECUTE format("
    "    'CREATE INDEX papers_by_trigram ON papers USING gin ("
    "(title || E''\\n'' || abstract || E''\\n'' || authors) %I.gin_trgm_ops)"
    " WHERE unspaced AND deleted_at = 0', place);"
    "  END IF;"
    "END $do$;",

    "CREATE TABLE scraper_jobs("
    "  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    "  job_id text NOT NULL UNIQUE,"
    "  source text NOT NULL,"
    "  status text NOT NULL,"
    "  error text NOT NULL,"
    "  papers_found bigint NOT NULL,"
    "  papers_created bigint NOT NULL,"
    "  papers_updated bigint NOT NULL,"
    "  papers_unchanged bigint NOT NULL,"
    "  start_time bigint NOT NULL,"
    "  end_time bigint NOT NULL,"
    "  created_at bigint NOT NULL,"
    "  updated_at bigint NOT NULL);",

    "CREATE TABLE webhook_receipts("
    "  webhook_id text PRIMARY KEY,"
    "  body_sha256 bytea NOT NULL,"
    "  papers_created bigint NOT NULL,"
    "  papers_updated bigint NOT NULL,"
    "  papers_unchanged bigint NOT NULL,"
    "  received_at bigint NOT NULL);",

    "CREATE TABLE jobs("
    "  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    "  id text COLLATE \"C\" NOT NULL UNIQUE,"
    "  kind text COLLATE \"C\" NOT NULL,"
    "  state int NOT NULL,"
    "  progress double precision NOT NULL,"
    "  created_at bigint NOT NULL,"
    "  updated_at bigint NOT NULL,"
    "  run_at bigint NOT NULL,"
    "  lease_until bigint NOT NULL,"
    "  owner text NOT NULL,"
    "  claims bigint NOT NULL,"
    "  attempts bigint NOT NULL,"
    "  max_attempts bigint NOT NULL,"
    "  cancel_requested boolean NOT NULL,"
    "  schedule_id bigint NOT NULL,"
    "  input text NOT NULL,"
    "  checkpoint text NOT NULL,"
    "  result text NOT NULL,"
    "  error text NOT NULL,"
    "  due_at bigint GENERATED ALWAYS AS (CASE state WHEN 0 THEN run_at"
    "    WHEN 1 THEN lease_until END) STORED);"
    "CREATE INDEX jobs_by_due ON jobs(due_at, seq) WHERE due_at IS NOT NULL;"
    "CREATE INDEX jobs_by_state ON jobs(state);"
    "CREATE TABLE idempotency("
    "  route text NOT NULL,"
    "  key text NOT NULL,"
    "  body_sha256 bytea NOT NULL,"
    "  job_id text NOT NULL,"
    "  created_at bigint NOT NULL,"
    "  PRIMARY KEY (route, key));"
    "CREATE INDEX idempotency_by_age ON idempotency(created_at);",

    "CREATE TABLE scrape_results("
    "  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    "  job_id text NOT NULL,"
    "  found_at bigint NOT NULL," PAPER_TEXTS ","
    "  UNIQUE (job_id, url));",

    "CREATE TABLE deliveries("
    "  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    "  webhook_id text NOT NULL UNIQUE,"
    "  job_id text NOT NULL,"
    "  status int NOT NULL,"
    "  attempts bigint NOT NULL,"
    "  next_attempt_at bigint NOT NULL,"
    "  created_at bigint NOT NULL,"
    "  updated_at bigint NOT NULL,"
    "  delivered_at bigint NOT NULL,"
    "  last_status bigint NOT NULL,"
    "  last_error text NOT NULL,"
    "  body_bytes bigint NOT NULL,"
    "  papers_created bigint NOT NULL,"
    "  papers_updated bigint NOT NULL,"
    "  papers_unchanged bigint NOT NULL,"
    "  body text NOT NULL);"
    "CREATE INDEX deliveries_by_job ON deliveries(job_id, status);"
    "CREATE INDEX deliveries_by_status ON deliveries(status, id);"
    "CREATE TABLE delivery_attempts("
    "  delivery_id bigint NOT NULL REFERENCES deliveries(id),"
    "  n bigint NOT NULL,"
    "  at bigint NOT NULL,"
    "  took_ms bigint NOT NULL,"
    "  status bigint NOT NULL,"
    "  error text NOT NULL,"
    "  response text NOT NULL,"
    "  PRIMARY KEY (delivery_id, n));",

    "CREATE TABLE schedules("
    "  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    "  source text NOT NULL,"
    "  category text NOT NULL,"
    "  query text NOT NULL,"
    "  arxiv_categories text NOT NULL,"
    "  at text NOT NULL,"
    "  tz text NOT NULL,"
    "  every_s bigint NOT NULL,"
    "  days bigint NOT NULL,"
    "  max_results bigint NOT NULL,"
    "  enabled boolean NOT NULL,"
    "  next_run_at bigint NOT NULL,"
    "  last_run_at bigint NOT NULL DEFAULT 0,"
    "  last_confirmed_at bigint NOT NULL DEFAULT 0,"
    "  last_job_id text NOT NULL DEFAULT '',"
    "  created_at bigint NOT NULL,"
    "  updated_at bigint NOT NULL);",

    "CREATE TABLE coverage("
    "  category text COLLATE \"C\" NOT NULL,"
    "  day bigint NOT NULL,"
    "  expected bigint NOT NULL,"
    "  checked_at bigint NOT NULL,"
    "  PRIMARY KEY (category, day));"
    "CREATE INDEX coverage_by_day ON coverage(day DESC, category);",

    "CREATE TABLE limiter("
    "  name text PRIMARY KEY,"
    "  next_at bigint NOT NULL,"
    "  busy_until bigint NOT NULL,"
    "  open_until bigint NOT NULL,"
    "  failures bigint NOT NULL);",
    NULL};

static const char *const step_2[] = {
    "CREATE TABLE vector_sets("
    "  id bigint PRIMARY KEY,"
    "  generation bigint NOT NULL,"
    "  model bytea NOT NULL,"
    "  n_chunks bigint NOT NULL,"
    "  n_words bigint NOT NULL) WITH (fillfactor = 10);"
    "INSERT INTO vector_sets VALUES (0, 1, '', 0, 0), (1, 1, '', 0, 0);",

    "CREATE TABLE documents("
    "  key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    "  visible boolean NOT NULL,"
    "  generation bigint NOT NULL,"
    "  created_at bigint NOT NULL,"
    "  updated_at bigint NOT NULL,"
    "  bytes bigint NOT NULL,"
    "  chars bigint NOT NULL,"
    "  chunk_size bigint NOT NULL,"
    "  overlap bigint NOT NULL,"
    "  total_chunks bigint NOT NULL,"
    "  sha256 bytea NOT NULL,"
    "  id text COLLATE \"C\" NOT NULL,"
    "  source text COLLATE \"C\" NOT NULL,"
    "  job_id text COLLATE \"C\" NOT NULL,"
    "  title text NOT NULL,"
    "  metadata text NOT NULL,"
    "  pages text NOT NULL);"
    "CREATE UNIQUE INDEX documents_by_id ON documents(id) WHERE visible;"
    "CREATE UNIQUE INDEX documents_by_job ON documents(job_id)"
    "  WHERE NOT visible;"
    "CREATE INDEX documents_by_source ON documents(source) WHERE visible;"
    "CREATE INDEX documents_by_content ON documents(sha256) WHERE visible;"
    "CREATE INDEX documents_by_generation ON documents(generation)"
    "  WHERE visible;",

    "CREATE TABLE document_texts("
    "  document bigint PRIMARY KEY"
    "    REFERENCES documents(key) ON DELETE CASCADE,"
    "  text bytea NOT NULL);"
    "ALTER TABLE document_texts ALTER COLUMN text SET STORAGE EXTERNAL;"
    "CREATE TABLE chunks("
    "  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    "  document bigint NOT NULL REFERENCES documents(key) ON DELETE CASCADE,"
    "  idx bigint NOT NULL,"
    "  model bigint NOT NULL,"
    "  start_char bigint NOT NULL,"
    "  end_char bigint NOT NULL,"
    "  start_byte bigint NOT NULL,"
    "  end_byte bigint NOT NULL,"
    "  page bigint NOT NULL,"
    "  tokens bigint NOT NULL,"
    "  n_words bigint NOT NULL,"
    "  sha256 bytea NOT NULL,"
    "  metadata text NOT NULL,"
    "  words tsvector NOT NULL,"
    "  vector bytea NOT NULL,"
    "  UNIQUE (document, idx));"
    "ALTER TABLE chunks ALTER COLUMN vector SET STORAGE EXTERNAL,"
    "  ALTER COLUMN words SET STORAGE MAIN;"
    "CREATE INDEX chunks_by_text ON chunks(sha256, model);"
    "CREATE INDEX chunks_by_model ON chunks(model, id);"
    "CREATE INDEX chunks_by_words ON chunks USING gin (words)"
    "  WITH (gin_pending_list_limit = 1024);",

    "CREATE TABLE paper_vectors("
    "  paper_id bigint PRIMARY KEY,"
    "  model bigint NOT NULL,"
    "  generation bigint NOT NULL,"
    "  sha256 bytea NOT NULL,"
    "  vector bytea NOT NULL);"
    "ALTER TABLE paper_vectors ALTER COLUMN vector SET STORAGE EXTERNAL;"
    "CREATE INDEX paper_vectors_by_generation"
    "  ON paper_vectors(model, generation, paper_id);"
    "CREATE TABLE papers_unembedded(paper_id bigint PRIMARY KEY);"
    "INSERT INTO papers_unembedded SELECT id FROM papers WHERE deleted_at = 0;",

    "CREATE FUNCTION papers_arrived() RETURNS trigger LANGUAGE plpgsql AS $f$"
    " BEGIN"
    "  INSERT INTO papers_unembedded SELECT id FROM arrived"
    "    ON CONFLICT DO NOTHING;"
    "  RETURN NULL;"
    " END $f$;"
    "CREATE TRIGGER papers_arrive AFTER INSERT ON papers"
    "  REFERENCING NEW TABLE AS arrived"
    "  FOR EACH STATEMENT EXECUTE FUNCTION papers_arrived();"
    "CREATE FUNCTION papers_changed() RETURNS trigger LANGUAGE plpgsql AS $f$"
    " BEGIN"
    "  DELETE FROM paper_vectors WHERE paper_id = NEW.id;"
    "  IF NEW.deleted_at = 0 THEN"
    "    INSERT INTO papers_unembedded VALUES (NEW.id)"
    "      ON CONFLICT DO NOTHING;"
    "  ELSE"
    "    DELETE FROM papers_unembedded WHERE paper_id = NEW.id;"
    "  END IF;"
    "  RETURN NULL;"
    " END $f$;"
    "CREATE TRIGGER papers_change"
    "  AFTER UPDATE OF title, abstract, deleted_at ON papers FOR EACH ROW"
    "  WHEN (OLD.title <> NEW.title OR OLD.abstract <> NEW.abstract"
    "    OR (OLD.deleted_at = 0) <> (NEW.deleted_at = 0))"
    "  EXECUTE FUNCTION papers_changed();",
    NULL};

static const char *const step_3[] = {
    /* What is compressed already is stored as it is. */
    "CREATE TABLE job_files("
    "  job_id text PRIMARY KEY,"
    "  file bytea NOT NULL"
    ");"
    "ALTER TABLE job_files ALTER COLUMN file SET STORAGE EXTERNAL;"
    "CREATE FUNCTION job_completed() RETURNS trigger LANGUAGE plpgsql AS $f$"
    " BEGIN"
    "  DELETE FROM job_files WHERE job_id = NEW.id;"
    "  RETURN NULL;"
    " END $f$;"
    "CREATE TRIGGER jobs_complete AFTER UPDATE OF state ON jobs FOR EACH ROW"
    "  WHEN (NEW.state = 2 AND OLD.state <> 2)"
    "  EXECUTE FUNCTION job_completed();",
    NULL};

static const char *const step_4[] = {
    "CREATE TABLE chunk_vectors("
    "  chunk bigint PRIMARY KEY,"
    "  document bigint NOT NULL REFERENCES documents(key) ON DELETE CASCADE,"
    "  model bigint NOT NULL,"
    "  vector bytea NOT NULL);"
    "ALTER TABLE chunk_vectors ALTER COLUMN vector SET STORAGE PLAIN;"
    "ALTER TABLE paper_vectors ALTER COLUMN vector SET STORAGE PLAIN;"
    "INSERT INTO chunk_vectors SELECT id, document, model, vector FROM chunks"
    "  ORDER BY id;"
    "CREATE INDEX chunk_vectors_by_document ON chunk_vectors(document);"
    "CREATE INDEX chunk_vectors_by_model ON chunk_vectors(model, chunk);"
    "ALTER TABLE chunks DROP COLUMN vector, DROP COLUMN model;"
    "CREATE INDEX chunks_by_text ON chunks(sha256);",
    NULL};

/* A paper that changes in other things than its text keeps its vector, but
 * those who know it must hear of it. */
static const char *const step_5[] = {
    "DROP TRIGGER papers_change ON papers;"
    "CREATE OR REPLACE FUNCTION papers_changed() RETURNS trigger"
    " LANGUAGE plpgsql AS $f$"
    " BEGIN"
    "  UPDATE vector_sets SET generation = generation + 1 WHERE id = 1;"
    "  IF NEW.deleted_at <> 0 OR OLD.deleted_at <> 0"
    "    OR NEW.title <> OLD.title OR NEW.abstract <> OLD.abstract THEN"
    "    DELETE FROM paper_vectors WHERE paper_id = NEW.id;"
    "  ELSE"
    "    UPDATE paper_vectors SET generation ="
    "      (SELECT generation FROM vector_sets WHERE id = 1)"
    "      WHERE paper_id = NEW.id;"
    "  END IF;"
    "  IF NEW.deleted_at <> 0 THEN"
    "    DELETE FROM papers_unembedded WHERE paper_id = NEW.id;"
    "  ELSE"
    "    INSERT INTO papers_unembedded SELECT NEW.id WHERE NEW.id NOT IN"
    "      (SELECT paper_id FROM paper_vectors WHERE paper_id = NEW.id)"
    "      ON CONFLICT DO NOTHING;"
    "  END IF;"
    "  RETURN NULL;"
    " END $f$;"
    "CREATE TRIGGER papers_change"
    "  AFTER UPDATE OF url, deleted_at ON papers FOR EACH ROW"
    "  WHEN (OLD.deleted_at = 0 OR NEW.deleted_at = 0)"
    "  EXECUTE FUNCTION papers_changed();"
    "CREATE INDEX paper_vectors_by_change"
    "  ON paper_vectors(generation, paper_id);",
    NULL};

/* Page views as counts: by page for all times, by minute since 1970. */
static const char *const step_6[] = {
    "CREATE TABLE pages("
    "  id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    "  page text COLLATE \"C\" NOT NULL,"
    "  title text NOT NULL,"
    "  views int8 NOT NULL,"      /* by people */
    "  bot_views int8 NOT NULL);" /* by others */
    "CREATE UNIQUE INDEX pages_by_page ON pages(page);"
    "CREATE INDEX pages_by_views ON pages(views DESC, page);"
    "CREATE TABLE page_views("
    "  minute int8 NOT NULL,"
    "  page_id int8 NOT NULL,"
    "  bot text COLLATE \"C\" NOT NULL," /* the reason, '' for people */
    "  referrer text COLLATE \"C\" NOT NULL,"
    "  views int8 NOT NULL,"
    "  PRIMARY KEY (minute, page_id, bot, referrer));",
    NULL};

/* Visitors: today's by a hash, whose salt goes with the day; then a number. */
static const char *const step_7[] = {"CREATE TABLE visitor_salts("
                                     "  day int8 PRIMARY KEY,"
                                     "  salt bytea NOT NULL);"
                                     "CREATE TABLE visitors("
                                     "  day int8 NOT NULL,"
                                     "  hash bytea NOT NULL,"
                                     "  seen_at int8 NOT NULL,"
                                     "  PRIMARY KEY (day, hash));"
                                     "CREATE TABLE visitor_days("
                                     "  day int8 PRIMARY KEY,"
                                     "  visitors int8 NOT NULL);",
                                     NULL};

/* What a reader notes about papers.  Marks have a generation of their own: the
 * other one says whether counts of lists still hold. */
static const char *const step_8[] = {
    "ALTER TABLE meta ADD COLUMN marks_generation bigint NOT NULL DEFAULT 0;"
    "CREATE TABLE paper_marks("
    "  paper_id bigint PRIMARY KEY,"
    "  read boolean NOT NULL,"
    "  starred boolean NOT NULL,"
    "  noted boolean NOT NULL," /* is there a note? */
    "  marked_at bigint NOT NULL,"
    "  note text NOT NULL);"
    "CREATE INDEX paper_marks_read ON paper_marks(paper_id) WHERE read;"
    "CREATE INDEX paper_marks_starred ON paper_marks(paper_id) WHERE starred;"
    "CREATE INDEX paper_marks_noted ON paper_marks(paper_id) WHERE noted;",
    NULL};

/* One page's views, over a year in a few ms.  `views` is not in it: a count
 * that grows leaves the indexes alone (HOT). */
static const char *const step_9[] = {
    "CREATE INDEX page_views_by_page ON page_views(page_id, minute);", NULL};

/* What a reader searches for again and again. */
static const char *const step_10[] = {
    "CREATE TABLE saved_searches("
    "  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    "  name text NOT NULL,"
    "  filters text NOT NULL,"
    "  seen_at bigint NOT NULL,"
    "  created_at bigint NOT NULL,"
    "  updated_at bigint NOT NULL);",
    NULL};

/* Others hear of it in the commit (postgres_listen.c): of work that may be
 * taken or is to be cancelled, and of vectors. */
static const char *const step_11[] = {
    "CREATE FUNCTION tell_others() RETURNS trigger LANGUAGE plpgsql AS $f$"
    " BEGIN"
    "  PERFORM pg_notify('sheaf_' || relnamespace, TG_ARGV[0])"
    "    FROM pg_class WHERE oid = TG_RELID;"
    "  RETURN NULL;"
    " END $f$;"
    "CREATE TRIGGER jobs_tell AFTER INSERT OR UPDATE OF state, cancel_requested"
    "  ON jobs FOR EACH ROW WHEN (NEW.state = 0"
    "    OR NEW.state = 1 AND NEW.cancel_requested)"
    "  EXECUTE FUNCTION tell_others('jobs');"
    "CREATE TRIGGER vector_sets_tell AFTER UPDATE OF generation ON vector_sets"
    "  FOR EACH ROW EXECUTE FUNCTION tell_others('vectors');",
    NULL};

/* Chroma's collections.  A record's number begins with its collection's, so the
 * records of a collection lie together.  Vectors do not compress, and up to
 * 8 kB they stay in the row.  A deleted collection is in collections_gone until
 * its records are removed. */
static const char *const step_12[] = {
    "CREATE TABLE tenants(name text COLLATE \"C\" PRIMARY KEY);"
    "CREATE TABLE databases("
    "  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    "  id text COLLATE \"C\" NOT NULL UNIQUE,"
    "  tenant text COLLATE \"C\" NOT NULL,"
    "  name text COLLATE \"C\" NOT NULL,"
    "  UNIQUE (tenant, name));"
    "CREATE TABLE collections("
    "  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    "  id text COLLATE \"C\" NOT NULL UNIQUE,"
    "  database bigint NOT NULL,"
    "  name text COLLATE \"C\" NOT NULL,"
    "  metadata text,"
    "  configuration text NOT NULL,"
    "  dim int NOT NULL,"
    "  created_at bigint NOT NULL,"
    "  generation bigint NOT NULL DEFAULT 0,"
    "  given bigint NOT NULL DEFAULT 0," /* numbers, in all */
    "  count bigint NOT NULL DEFAULT 0,"
    "  UNIQUE (database, name));"
    "CREATE TABLE collections_gone(number bigint PRIMARY KEY);",
    "CREATE TABLE records("
    "  number bigint PRIMARY KEY,"
    "  collection bigint NOT NULL,"
    "  generation bigint NOT NULL,"
    "  id text COLLATE \"C\" NOT NULL,"
    "  uri text,"
    "  metadata text,"
    "  document text,"
    "  vector bytea NOT NULL) WITH (toast_tuple_target = 8160);"
    "ALTER TABLE records ALTER COLUMN vector SET STORAGE EXTERNAL;"
    "CREATE UNIQUE INDEX records_by_id ON records(collection, id);"
    "CREATE INDEX records_by_change ON records(collection, generation, number);"
    "INSERT INTO tenants VALUES ('default_tenant');"
    "INSERT INTO databases(id, tenant, name) VALUES"
    "  ('00000000-0000-0000-0000-000000000000', 'default_tenant',"
    "  'default_database');",
    NULL};

/* What a server outside has of the vectors (copies.h).  Who makes the job holds
 * a lock, which postgres_copies.c knows too.  The id is made as
 * store_job_create() makes it. */
static const char *const step_13[] = {
    "CREATE TABLE vector_copy("
    "  set_id int8 PRIMARY KEY,"
    "  collection text NOT NULL,"
    "  generation int8 NOT NULL,"
    "  repair boolean NOT NULL,"
    "  wanted int8 NOT NULL);" /* grows: the job is wanted */
    "CREATE TABLE vector_copies("
    "  set_id int8 NOT NULL,"
    "  key int8 NOT NULL,"
    "  name text COLLATE \"C\" NOT NULL,"
    "  records int8 NOT NULL,"
    "  PRIMARY KEY (set_id, key));",
    "CREATE FUNCTION copy_job() RETURNS trigger LANGUAGE plpgsql AS $f$"
    " DECLARE"
    "  now_us int8 := extract(epoch FROM clock_timestamp()) * 1000000;"
    "  base text := 'chroma-' || now_us / 1000000;"
    " BEGIN"
    "  IF NOT EXISTS (SELECT 1 FROM vector_copy) THEN RETURN NULL; END IF;"
    "  PERFORM pg_advisory_xact_lock(1936221548, hashtext(current_schema()));"
    "  INSERT INTO jobs(id, kind, state, progress, created_at, updated_at,"
    "    run_at, lease_until, owner, claims, attempts, max_attempts,"
    "    cancel_requested, schedule_id, input, checkpoint, result, error)"
    "   SELECT base || CASE WHEN o.n > 0 THEN '-' || (o.n + 1) ELSE '' END,"
    "    'chroma', 0, 0, now_us, now_us, now_us, 0, '', 0, 0, 5, false, 0,"
    "    '{}', '', '', ''"
    "   FROM (SELECT count(*) AS n FROM jobs j WHERE j.id = base"
    "     OR (j.id > base || '-' AND j.id < base || '.')) o"
    "   WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE kind = 'chroma'"
    "     AND state IN (0, 1) AND NOT cancel_requested);"
    "  RETURN NULL;"
    " END $f$;",
    "CREATE TRIGGER vector_sets_move AFTER UPDATE OF generation ON vector_sets"
    "  FOR EACH ROW EXECUTE FUNCTION copy_job();",
    "CREATE TRIGGER vector_copy_wanted AFTER UPDATE OF wanted ON vector_copy"
    "  FOR EACH ROW EXECUTE FUNCTION copy_job();",
    NULL};

static const char *const *const steps[] = {
    step_1, step_2, step_3,  step_4,  step_5,  step_6, step_7,
    step_8, step_9, step_10, step_11, step_12, step_13};
#define N_STEPS ((int)(sizeof(steps) / sizeof(*steps)))

/* 0: a schema without tables of ours.  (Reading pg_class makes the server look
 * at what others have created while this transaction waited for the lock:
 * to_regclass() alone would answer from its cache.) */
static enum err_code current_version(struct pg_conn *c, int64_t *version,
                                     struct err *e)
{
    PGresult *r;
    enum err_code code = pg_query(
        c, &r,
        "SELECT current_schema() IS NULL, to_regclass('schema_versions')"
        " IS NOT NULL, to_regclass('papers') IS NOT NULL"
        " FROM pg_class WHERE oid = 'pg_class'::regclass",
        NULL, e);
    bool homeless, ours, papers;

    if (code != ERR_NONE)
        return code;
    homeless = pg_bool(r, 0, 0);
    ours = pg_bool(r, 0, 1);
    papers = pg_bool(r, 0, 2);
    postgres_lib.PQclear(r);
    if (homeless)
        return err_field(e, "database_url",
                         "no schema of the connection's search_path exists: "
                         "create it (CREATE SCHEMA), or leave it out of "
                         "'database_url'");
    if (!ours && papers)
        return err_field(e, "database_url",
                         "the database has a table 'papers' of another "
                         "program: name another database, or another schema "
                         "with ?options=-csearch_path%%3Dsheaf");
    *version = 0;
    if (!ours)
        return ERR_NONE;
    code =
        pg_query(c, &r, "SELECT coalesce(max(version), 0) FROM schema_versions",
                 NULL, e);
    if (code != ERR_NONE)
        return code;
    *version = pg_i64(r, 0, 0);
    postgres_lib.PQclear(r);
    if (*version > N_STEPS)
        return err_field(e, "database_url",
                         "the database has schema %d and this program knows "
                         "%d: run the newer sheaf that wrote it, or restore a "
                         "backup made before",
                         (int)*version, N_STEPS);
    return ERR_NONE;
}

static enum err_code take_steps(struct pg_conn *c, struct err *e)
{
    int64_t version = 0;
    enum err_code code = current_version(c, &version, e);

    if (code == ERR_NONE && version == 0)
        code = pg_script(c,
                         "CREATE TABLE schema_versions("
                         "version int PRIMARY KEY,"
                         " taken_at timestamptz NOT NULL DEFAULT now())",
                         e);
    for (int i = (int)version; i < N_STEPS && code == ERR_NONE; i++) {
        char note[80];

        for (const char *const *sql = steps[i]; *sql && code == ERR_NONE; sql++)
            code = pg_script(c, *sql, e);
        snprintf(note, sizeof(note), "INSERT INTO schema_versions VALUES (%d)",
                 i + 1);
        if (code == ERR_NONE)
            code = pg_script(c, note, e);
        if (code != ERR_NONE)
            err_prefix(e, "migration %d", i + 1);
    }
    return code;
}

enum err_code postgres_begin_alone(struct pg_conn *c, struct err *e)
{
    return pg_script(c,
                     "BEGIN; SET LOCAL lock_timeout = '60s';"
                     "SET LOCAL statement_timeout = 0;"
                     "SELECT pg_advisory_xact_lock(1936221542,"
                     " hashtext(current_schema()))",
                     e);
}

static enum err_code migrate_locked(struct pg_conn *c, struct err *e)
{
    enum err_code code = postgres_begin_alone(c, e);

    if (code == ERR_NONE)
        code = take_steps(c, e);
    if (code == ERR_NONE)
        code = pg_script(c, "COMMIT", e);
    if (code != ERR_NONE)
        pg_reset(c);
    return code;
}

static enum err_code warn_without_trigrams(struct pg_conn *c, struct err *e)
{
    PGresult *r;
    enum err_code code = pg_query(
        c, &r, "SELECT to_regclass('papers_by_trigram') IS NULL", NULL, e);

    if (code != ERR_NONE)
        return code;
    if (pg_bool(r, 0, 0))
        log_warn("store", "without the extension pg_trgm searches in scripts "
                          "without spaces are slow; let an administrator "
                          "install it before the first start");
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

static enum err_code check_filled(struct pg_conn *c, struct err *e)
{
    PGresult *r;
    bool unfinished;
    enum err_code code = pg_query(
        c, &r, "SELECT to_regclass('unfinished_move') IS NOT NULL", NULL, e);

    if (code != ERR_NONE)
        return code;
    unfinished = pg_bool(r, 0, 0);
    postgres_lib.PQclear(r);
    return unfinished ? transfer_unfinished(e) : ERR_NONE;
}

enum err_code postgres_migrate(struct pg_conn *c, enum store_purpose purpose,
                               struct err *e)
{
    int64_t version = 0;
    enum err_code code = current_version(c, &version, e);

    if (code == ERR_NONE && purpose != STORE_TO_FILL)
        code = check_filled(c, e);
    if (code != ERR_NONE)
        return code;
    if (purpose == STORE_TO_READ && version == 0)
        return err_set(e, ERR_NOT_FOUND, "the database holds nothing of sheaf");
    if (purpose == STORE_TO_READ && version < N_STEPS)
        return transfer_too_old(version, N_STEPS, e);
    if (version < N_STEPS)
        code = migrate_locked(c, e);
    if (code == ERR_NONE)
        code = warn_without_trigrams(c, e);
    return code;
}
