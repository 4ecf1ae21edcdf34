/* collections.c - collections: create, list, show, modify, delete. */
#include "base/clock.h"
#include "chroma/chroma_impl.h"
#include "chroma/metadata.h"
#include "chroma/names.h"

#define MAX_BODY ((size_t)2 << 20)
#define MAX_CONFIGURATION ((size_t)128 << 10)

static void write_collection(struct jw *j, const struct source *s)
{
    const struct record_collection *c = &s->collection;

    jw_obj(j);
    jw_kslice(j, "id", c->id);
    jw_kslice(j, "name", c->name);
    configuration_write(&s->configuration, j);
    if (c->metadata.len)
        jw_kraw(j, "metadata", c->metadata);
    else
        jw_knull(j, "metadata");
    if (c->dim)
        jw_kint(j, "dimension", c->dim);
    else
        jw_knull(j, "dimension");
    jw_kslice(j, "tenant", c->tenant);
    jw_kslice(j, "database", c->database);
    jw_kint(j, "log_position", 0);
    jw_kint(j, "version", 0);
    jw_end_obj(j);
}

static void reply_collection(struct request *r, const struct source *s)
{
    struct jw j;

    jw_init(&j, reply_json(r, 200));
    write_collection(&j, s);
}

/* ---- create ---- */

static enum err_code check_metadata(const json_t *metadata, const char *what,
                                    bool nulls, struct err *e)
{
    if (!metadata)
        return ERR_NONE;
    if (json_object_size(metadata) == 0)
        return err_set(e, ERR_INVALID,
                       "Validation error: %s: Metadata cannot be empty", what);
    return metadata_check(metadata, what, nulls, e);
}

static enum err_code keep_configuration(const struct configuration *c,
                                        struct arena *a, struct slice *out,
                                        struct err *e)
{
    struct buf b;

    buf_init(&b, MAX_CONFIGURATION);
    configuration_keep(c, &b);
    *out = buf_ok(&b) ? arena_slice(a, buf_slice(&b)) : SLICE_NONE;
    buf_release(&b);
    return out->p ? ERR_NONE
                  : err_set(e, ERR_TOO_LARGE, "the configuration is too large");
}

static enum err_code prepare(struct request *r, struct record_collection *new,
                             struct err *e)
{
    const json_t *metadata = request_value(r, "metadata");
    struct configuration configuration;
    enum err_code code = name_check(new->name, e);

    if (code != ERR_NONE)
        err_prefix(e, "Validation error: name");
    if (code == ERR_NONE)
        code = check_metadata(metadata, "metadata", false, e);
    if (code == ERR_NONE)
        code = configuration_new(&configuration, r->arena,
                                 request_value(r, "configuration"), metadata,
                                 request_value(r, "schema"), e);
    if (code == ERR_NONE && metadata)
        code = metadata_text(metadata, r->arena, &new->metadata, e);
    return code == ERR_NONE ? keep_configuration(&configuration, r->arena,
                                                 &new->configuration, e)
                            : code;
}

static enum err_code exists_already(struct slice name, struct err *e)
{
    return err_set(e, ERR_CONFLICT, "Collection [%.*s] already exists",
                   SLICE_ARG(name));
}

static enum err_code create(struct request *r,
                            const struct record_collection *new,
                            struct source *out, struct err *e)
{
    struct chroma_api *c = r->ctx;
    struct record_collection made;
    bool existing = false;
    enum err_code code =
        store_collection_create(c->store, r->arena, new, &made, &existing, e);

    if (code == ERR_NOT_FOUND)
        return err_set(e, ERR_INVALID, "Database [%.*s] does not exist",
                       SLICE_ARG(new->database));
    if (code == ERR_NONE && existing && !request_bool(r, "get_or_create"))
        return exists_already(new->name, e);
    return code == ERR_NONE ? store_source(out, c, r->arena, &made, e) : code;
}

static enum err_code create_collection(struct request *r, struct err *e)
{
    char id[UUID_TEXT];
    struct record_collection new = {.name = request_str(r, "name"),
                                    .tenant = request_str(r, "tenant"),
                                    .database = request_str(r, "database"),
                                    .created_at = clock_now_us()};
    struct source s = {0};
    enum err_code code = prepare(r, &new, e);

    if (code != ERR_NONE)
        return code;
    uuid_new(id);
    new.id = slice_of(id);
    if (!builtin_find(&s, r->ctx, new.tenant, new.database, new.name))
        code = create(r, &new, &s, e);
    else if (!request_bool(r, "get_or_create"))
        code = exists_already(new.name, e);
    if (code == ERR_NONE)
        reply_collection(r, &s);
    source_close(&s);
    return code;
}

/* ---- list, show ---- */

/* Those of the store. */
static enum err_code list_stored(struct request *r, struct jw *j,
                                 struct list_range range, struct err *e)
{
    struct chroma_api *c = r->ctx;
    enum err_code code = ERR_NONE;
    int page;

    while (code == ERR_NONE && (page = list_page(&range)) > 0) {
        struct record_collection *list = NULL;
        size_t n = 0;
        int64_t count = 0;

        code =
            store_collections_list(c->store, r->arena, request_str(r, "tenant"),
                                   request_str(r, "database"), range.offset,
                                   page, &list, &n, &count, e);
        for (size_t i = 0; i < n && code == ERR_NONE; i++) {
            struct source s = {0};

            code = store_source(&s, c, r->arena, &list[i], e);
            if (code == ERR_NONE)
                write_collection(j, &s);
            source_close(&s);
        }
        list_took(&range, n, page);
    }
    return code;
}

/* Ours come first. */
static enum err_code list_collections(struct request *r, struct err *e)
{
    struct list_range range = list_range(r);
    bool home =
        builtin_is_home(request_str(r, "tenant"), request_str(r, "database"));
    enum err_code code;
    struct jw j;

    jw_init(&j, reply_json(r, 200));
    jw_arr(&j);
    for (size_t i = 0; home && i < N_BUILTIN; i++) {
        struct source s = {0};

        if (range.offset > 0 || range.left == 0) {
            range.offset -= range.offset > 0;
            continue;
        }
        builtin_nth(&s, r->ctx, i);
        write_collection(&j, &s);
        range.left--;
    }
    code = list_stored(r, &j, range, e);
    jw_end_arr(&j);
    return code;
}

static enum err_code count_collections(struct request *r, struct err *e)
{
    struct chroma_api *c = r->ctx;
    struct slice tenant = request_str(r, "tenant"),
                 database = request_str(r, "database");
    struct record_collection *list = NULL;
    size_t n = 0;
    int64_t count = 0;
    enum err_code code = store_collections_list(
        c->store, r->arena, tenant, database, 0, 1, &list, &n, &count, e);

    if (code != ERR_NONE)
        return code;
    if (builtin_is_home(tenant, database))
        count += N_BUILTIN;
    buf_add_i64(reply_json(r, 200), count);
    return ERR_NONE;
}

static enum err_code show_collection(struct request *r, struct err *e)
{
    struct source s = {0};
    enum err_code code =
        source_find(&s, r, request_str(r, "tenant"), request_str(r, "database"),
                    request_str(r, "collection"), e);

    if (code == ERR_NONE)
        reply_collection(r, &s);
    source_close(&s);
    return code;
}

static enum err_code show_collection_by_id(struct request *r, struct err *e)
{
    struct source s = {0};
    enum err_code code = source_open(&s, r, e);

    if (code == ERR_NONE)
        reply_collection(r, &s);
    source_close(&s);
    return code;
}

/* ---- modify, delete ---- */

/* null removes a member; since what comes replaces what was there, it is only
 * not taken over. */
static enum err_code read_new_metadata(struct request *r,
                                       struct collection_change *change,
                                       struct err *e)
{
    const json_t *given = request_value(r, "new_metadata");
    json_t *kept;
    void *next;
    const char *key;
    json_t *v;
    enum err_code code = check_metadata(given, "new_metadata", true, e);

    if (!given || code != ERR_NONE)
        return code;
    kept = json_copy((json_t *)given);
    if (!kept)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    json_object_foreach_safe(kept, next, key, v)
    {
        if (json_is_null(v))
            json_object_del(kept, key);
    }
    change->set_metadata = true;
    if (json_object_size(kept))
        code = metadata_text(kept, r->arena, &change->metadata, e);
    json_decref(kept);
    return code;
}

static enum err_code read_change(struct request *r, struct source *s,
                                 struct collection_change *change,
                                 struct err *e)
{
    const json_t *configuration = request_value(r, "new_configuration");
    enum err_code code = ERR_NONE;

    if (request_has(r, "new_name")) {
        change->name = request_str(r, "new_name");
        code = name_check(change->name, e);
        if (code != ERR_NONE)
            err_prefix(e, "Validation error: new_name");
    }
    if (code == ERR_NONE)
        code = read_new_metadata(r, change, e);
    if (code != ERR_NONE || !configuration)
        return code;
    change->set_configuration = true;
    code = configuration_change(&s->configuration, r->arena, configuration, e);
    return code == ERR_NONE ? keep_configuration(&s->configuration, r->arena,
                                                 &change->configuration, e)
                            : code;
}

static enum err_code change_collection(struct request *r, struct source *s,
                                       struct err *e)
{
    struct chroma_api *c = r->ctx;
    const struct record_collection *old = &s->collection;
    struct collection_change change = {0};
    struct source same = {0};
    enum err_code code = read_change(r, s, &change, e);

    if (code != ERR_NONE)
        return code;
    if (change.name.len &&
        builtin_find(&same, c, old->tenant, old->database, change.name)) {
        source_close(&same);
        return exists_already(change.name, e);
    }
    code = store_collection_modify(c->store, old->number, &change, e);
    if (code == ERR_CONFLICT)
        return exists_already(change.name, e);
    if (code == ERR_NONE)
        reply_done(r, 200);
    return code;
}

static enum err_code modify_collection(struct request *r, struct err *e)
{
    struct source s = {0};
    enum err_code code = source_open(&s, r, e);

    if (code == ERR_NONE)
        code = source_check_write(&s, e);
    if (code == ERR_NONE)
        code = change_collection(r, &s, e);
    source_close(&s);
    return code;
}

static enum err_code delete_collection(struct request *r, struct err *e)
{
    struct chroma_api *c = r->ctx;
    struct source s = {0};
    int64_t number;
    enum err_code code =
        source_find(&s, r, request_str(r, "tenant"), request_str(r, "database"),
                    request_str(r, "collection"), e);

    if (code == ERR_NONE)
        code = source_check_write(&s, e);
    number = s.collection.number;
    source_close(&s);
    if (code == ERR_NONE)
        code = store_collection_delete(c->store, number, e);
    if (code == ERR_NONE) {
        index_forget(c->indexes, number);
        reply_done(r, 200);
    }
    return code;
}

/* ---- what a server that is no cloud cannot do ---- */

static enum err_code no_fork(struct request *r, struct err *e)
{
    (void)e;
    reply_error(r, 501, NULL, "Collection forking is unsupported");
    return ERR_NONE;
}

static enum err_code no_search(struct request *r, struct err *e)
{
    (void)e;
    reply_error(r, 501, NULL,
                "Search is not implemented, as on Chroma's own local server: "
                "use query");
    return ERR_NONE;
}

static enum err_code no_functions(struct request *r, struct err *e)
{
    (void)e;
    reply_error(r, 501, NULL, "Attached functions are not implemented");
    return ERR_NONE;
}

/* An index is up to date whenever it is asked. */
static enum err_code indexing_status(struct request *r, struct err *e)
{
    struct source s = {0};
    int64_t n = 0;
    struct jw j;
    enum err_code code = source_open(&s, r, e);

    if (code == ERR_NONE)
        code = s.ops->count(&s, &n, e);
    source_close(&s);
    if (code != ERR_NONE)
        return code;
    jw_init(&j, reply_json(r, 200));
    jw_obj(&j);
    jw_kint(&j, "num_indexed_ops", n);
    jw_kint(&j, "num_unindexed_ops", 0);
    jw_kint(&j, "total_ops", n);
    jw_kdouble(&j, "op_indexing_progress", 1);
    jw_end_obj(&j);
    return ERR_NONE;
}

/* ---- the table ---- */

#define BY_NAME "Its name."
#define BY_ID "Its id, a UUID."

static const struct param list_params[] = {
    TENANT_PARAM, DATABASE_PARAM, LIMIT_PARAMS(IN_QUERY), {0}};
static const struct param place_params[] = {TENANT_PARAM, DATABASE_PARAM, {0}};
static const struct param name_params[] = {
    TENANT_PARAM, DATABASE_PARAM, COLLECTION_PARAM(BY_NAME), {0}};
static const struct param id_params[] = {
    TENANT_PARAM, DATABASE_PARAM, COLLECTION_PARAM(BY_ID), {0}};
static const struct param function_params[] = {
    TENANT_PARAM,
    DATABASE_PARAM,
    COLLECTION_PARAM(BY_ID),
    {.name = "function", .in = IN_PATH, .type = PARAM_STR, .example = "count"},
    {0}};

static const struct param create_params[] = {
    TENANT_PARAM,
    DATABASE_PARAM,
    {.name = "name",
     .in = IN_BODY,
     .type = PARAM_STR,
     .required = true,
     .max = 1024,
     .doc = "3 to 512 of a-z, A-Z, 0-9, '.', '_' and '-', no address.",
     .example = "notes"},
    {.name = "metadata",
     .in = IN_BODY,
     .type = PARAM_JSON,
     .doc = "Texts, numbers, truth values, or lists of one of them."},
    {.name = "configuration",
     .in = IN_BODY,
     .type = PARAM_JSON,
     .doc = "hnsw.space: l2 (default), cosine or ip; embedding_function is "
            "kept for the clients.  The index is exact: what tunes Chroma's is "
            "kept and given back.",
     .example = "{\"hnsw\":{\"space\":\"cosine\"}}"},
    {.name = "schema",
     .in = IN_BODY,
     .type = PARAM_JSON,
     .doc = "Another way to say the same; which fields are indexed does not "
            "matter, all can be asked."},
    {.name = "get_or_create",
     .in = IN_BODY,
     .type = PARAM_BOOL,
     .dflt = "false",
     .doc = "If there is one of this name, give that one, unchanged."},
    {0}};

static const struct param modify_params[] = {
    TENANT_PARAM,
    DATABASE_PARAM,
    COLLECTION_PARAM(BY_ID),
    {.name = "new_name", .in = IN_BODY, .type = PARAM_STR, .max = 1024},
    {.name = "new_metadata",
     .in = IN_BODY,
     .type = PARAM_JSON,
     .doc = "Replaces all of it."},
    {.name = "new_configuration",
     .in = IN_BODY,
     .type = PARAM_JSON,
     .doc = "The space cannot be changed."},
    {0}};

#define ROW(method_, pattern_, handle_, policy_, params_, schema_, summary_)   \
    .method = (method_), .pattern = pattern_, .handle = (handle_),             \
    .policy = (policy_), .envelope = ENVELOPE_CHROMA, .params = (params_),     \
    .open_query = true, .open_body = true, .tag = "Chroma",                    \
    .summary = (summary_), .schema = (schema_)

const struct route chroma_collection_routes[] = {
    {ROW(HTTP_POST, COLLECTIONS, create_collection, POLICY_WRITE, create_params,
         "ChromaCollection", "Create a collection"),
     .max_body = MAX_BODY},
    {ROW(HTTP_GET, COLLECTIONS, list_collections, POLICY_READ, list_params,
         "ChromaCollections", "List collections")},
    {ROW(HTTP_GET, DATABASES "/{database}/collections_count", count_collections,
         POLICY_READ, place_params, "Count", "Count collections")},
    {ROW(HTTP_GET, COLLECTIONS "/{collection}", show_collection, POLICY_READ,
         name_params, "ChromaCollection", "Show a collection")},
    {ROW(HTTP_GET, COLLECTIONS "/by-id/{collection}", show_collection_by_id,
         POLICY_READ, id_params, "ChromaCollection",
         "Show a collection by its id")},
    {ROW(HTTP_PUT, COLLECTIONS "/{collection}", modify_collection, POLICY_WRITE,
         modify_params, "ChromaDone", "Change a collection"),
     .max_body = MAX_BODY},
    {ROW(HTTP_DELETE, COLLECTIONS "/{collection}", delete_collection,
         POLICY_WRITE, name_params, "ChromaDone",
         "Delete a collection, with its records")},
    {ROW(HTTP_GET, COLLECTIONS "/{collection}/indexing_status", indexing_status,
         POLICY_READ, id_params, "ChromaIndexing",
         "How much of it is indexed")},
    {ROW(HTTP_POST, COLLECTIONS "/{collection}/fork", no_fork, POLICY_WRITE,
         id_params, NULL, "Not supported"),
     .hidden = true},
    {ROW(HTTP_GET, COLLECTIONS "/{collection}/fork_count", no_fork, POLICY_READ,
         id_params, NULL, "Not supported"),
     .hidden = true},
    {ROW(HTTP_POST, COLLECTIONS "/{collection}/search", no_search, POLICY_READ,
         id_params, NULL, "Not supported"),
     .hidden = true},
    {ROW(HTTP_POST, COLLECTIONS "/{collection}/functions/attach", no_functions,
         POLICY_WRITE, id_params, NULL, "Not supported"),
     .hidden = true},
    {ROW(HTTP_GET, COLLECTIONS "/{collection}/functions/{function}",
         no_functions, POLICY_READ, function_params, NULL, "Not supported"),
     .hidden = true},
    {ROW(HTTP_POST,
         COLLECTIONS "/{collection}/attached_functions/{function}/detach",
         no_functions, POLICY_WRITE, function_params, NULL, "Not supported"),
     .hidden = true},
    {0}};
