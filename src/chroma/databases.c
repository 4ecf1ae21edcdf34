/* databases.c - tenants and databases. */
#include "chroma/chroma_impl.h"
#include "chroma/names.h"

#define MIN_TENANT 3

/* ---- lists ---- */

struct list_range list_range(const struct request *r)
{
    return (struct list_range){
        .offset = request_int(r, "offset"),
        .left = request_has(r, "limit") ? request_int(r, "limit") : INT64_MAX};
}

int list_page(const struct list_range *range)
{
    return (int)(range->left < LIST_PAGE ? range->left : LIST_PAGE);
}

void list_took(struct list_range *range, size_t n, int page)
{
    range->offset += (int64_t)n;
    range->left = n < (size_t)page ? 0 : range->left - (int64_t)n;
}

/* ---- tenants ---- */

static enum err_code create_tenant(struct request *r, struct err *e)
{
    struct chroma_api *c = r->ctx;
    struct slice name = request_str(r, "name");
    enum err_code code;

    if (name.len < MIN_TENANT)
        return err_field(e, "name",
                         "Validation error: name: at least %d characters are "
                         "needed",
                         MIN_TENANT);
    code = store_tenant_create(c->store, name, e);
    if (code == ERR_CONFLICT)
        return err_set(e, ERR_CONFLICT, "Tenant [%.*s] already exists",
                       SLICE_ARG(name));
    if (code == ERR_NONE)
        reply_done(r, 200);
    return code;
}

static enum err_code show_tenant(struct request *r, struct err *e)
{
    struct chroma_api *c = r->ctx;
    struct slice name = request_str(r, "tenant");
    bool exists = false;
    enum err_code code = store_tenant_exists(c->store, name, &exists, e);
    struct jw j;

    if (code == ERR_NONE && !exists)
        return err_set(e, ERR_NOT_FOUND, "Tenant [%.*s] not found",
                       SLICE_ARG(name));
    if (code != ERR_NONE)
        return code;
    jw_init(&j, reply_json(r, 200));
    jw_obj(&j);
    jw_kslice(&j, "name", name);
    jw_knull(&j, "resource_name");
    jw_end_obj(&j);
    return ERR_NONE;
}

/* A resource name is of Chroma's cloud; their own server forgets it, too. */
static enum err_code update_tenant(struct request *r, struct err *e)
{
    (void)e;
    reply_done(r, 200);
    return ERR_NONE;
}

/* ---- databases ---- */

static enum err_code create_database(struct request *r, struct err *e)
{
    struct chroma_api *c = r->ctx;
    char id[UUID_TEXT];
    struct record_database d = {.name = request_str(r, "name"),
                                .tenant = request_str(r, "tenant")};
    enum err_code code = name_check(d.name, e);

    if (code != ERR_NONE)
        return code;
    uuid_new(id);
    d.id = slice_of(id);
    code = store_database_create(c->store, &d, e);
    if (code == ERR_CONFLICT)
        return err_set(e, ERR_CONFLICT, "Database [%.*s] already exists",
                       SLICE_ARG(d.name));
    if (code == ERR_NONE)
        reply_done(r, 200);
    return code;
}

static void write_database(struct jw *j, const struct record_database *d)
{
    jw_obj(j);
    jw_kslice(j, "id", d->id);
    jw_kslice(j, "name", d->name);
    jw_kslice(j, "tenant", d->tenant);
    jw_end_obj(j);
}

static enum err_code show_database(struct request *r, struct err *e)
{
    struct chroma_api *c = r->ctx;
    struct slice name = request_str(r, "database");
    struct record_database d;
    enum err_code code = store_database_get(
        c->store, r->arena, request_str(r, "tenant"), name, &d, e);
    struct jw j;

    if (code == ERR_NOT_FOUND)
        return err_set(e, code,
                       "Database [%.*s] not found. Are you sure it exists?",
                       SLICE_ARG(name));
    if (code != ERR_NONE)
        return code;
    jw_init(&j, reply_json(r, 200));
    write_database(&j, &d);
    return ERR_NONE;
}

static enum err_code list_databases(struct request *r, struct err *e)
{
    struct chroma_api *c = r->ctx;
    struct list_range range = list_range(r);
    enum err_code code = ERR_NONE;
    struct jw j;
    int page;

    jw_init(&j, reply_json(r, 200));
    jw_arr(&j);
    while (code == ERR_NONE && (page = list_page(&range)) > 0) {
        struct record_database *list = NULL;
        size_t n = 0;
        int64_t count;

        code =
            store_databases_list(c->store, r->arena, request_str(r, "tenant"),
                                 range.offset, page, &list, &n, &count, e);
        for (size_t i = 0; i < n && code == ERR_NONE; i++)
            write_database(&j, &list[i]);
        list_took(&range, n, page);
    }
    jw_end_arr(&j);
    return code;
}

static enum err_code delete_database(struct request *r, struct err *e)
{
    struct chroma_api *c = r->ctx;
    struct slice tenant = request_str(r, "tenant"),
                 name = request_str(r, "database");
    enum err_code code;

    if (builtin_is_home(tenant, name))
        return err_set(e, ERR_FORBIDDEN,
                       "Database [%.*s] has collections that sheaf itself "
                       "writes, and cannot be deleted",
                       SLICE_ARG(name));
    code = store_database_delete(c->store, tenant, name, e);
    if (code == ERR_NOT_FOUND)
        return err_set(e, code, "Database [%.*s] not found", SLICE_ARG(name));
    if (code == ERR_NONE)
        reply_done(r, 200);
    return code;
}

/* ---- the table ---- */

static const struct param tenant_params[] = {TENANT_PARAM, {0}};
static const struct param tenant_update_params[] = {
    TENANT_PARAM,
    {.name = "resource_name",
     .in = IN_BODY,
     .type = PARAM_STR,
     .doc = "Taken and not looked at."},
    {0}};
static const struct param new_tenant_params[] = {{.name = "name",
                                                  .in = IN_BODY,
                                                  .type = PARAM_STR,
                                                  .required = true,
                                                  .max = 1024,
                                                  .example = "research"},
                                                 {0}};
static const struct param new_database_params[] = {TENANT_PARAM,
                                                   {.name = "name",
                                                    .in = IN_BODY,
                                                    .type = PARAM_STR,
                                                    .required = true,
                                                    .max = 1024,
                                                    .example = "library"},
                                                   {0}};
static const struct param database_params[] = {
    TENANT_PARAM, DATABASE_PARAM, {0}};
static const struct param databases_params[] = {
    TENANT_PARAM, LIMIT_PARAMS(IN_QUERY), {0}};

#define DATABASE_EXAMPLE                                                       \
    "{\"id\":\"6d21b4ce-07a7-4607-89d5-ffd4ff158236\",\"name\":"               \
    "\"library\",\"tenant\":\"default_tenant\"}"

const struct route chroma_database_routes[] = {
    {.method = HTTP_POST,
     .pattern = "/api/v2/tenants",
     .handle = create_tenant,
     .policy = POLICY_WRITE,
     .envelope = ENVELOPE_CHROMA,
     .params = new_tenant_params,
     .open_query = true,
     .open_body = true,
     .tag = "Chroma",
     .summary = "Create a tenant",
     .schema = "ChromaDone",
     .returns = "{}"},
    {.method = HTTP_GET,
     .pattern = "/api/v2/tenants/{tenant}",
     .handle = show_tenant,
     .policy = POLICY_READ,
     .envelope = ENVELOPE_CHROMA,
     .params = tenant_params,
     .open_query = true,
     .tag = "Chroma",
     .summary = "Show a tenant",
     .schema = "ChromaTenant",
     .returns = "{\"name\":\"default_tenant\",\"resource_name\":null}"},
    {.method = HTTP_PATCH,
     .pattern = "/api/v2/tenants/{tenant}",
     .handle = update_tenant,
     .policy = POLICY_WRITE,
     .envelope = ENVELOPE_CHROMA,
     .params = tenant_update_params,
     .open_query = true,
     .open_body = true,
     .tag = "Chroma",
     .summary = "Update a tenant",
     .schema = "ChromaDone",
     .returns = "{}"},
    {.method = HTTP_POST,
     .pattern = DATABASES,
     .handle = create_database,
     .policy = POLICY_WRITE,
     .envelope = ENVELOPE_CHROMA,
     .params = new_database_params,
     .open_query = true,
     .open_body = true,
     .tag = "Chroma",
     .summary = "Create a database",
     .schema = "ChromaDone",
     .returns = "{}"},
    {.method = HTTP_GET,
     .pattern = DATABASES,
     .handle = list_databases,
     .policy = POLICY_READ,
     .envelope = ENVELOPE_CHROMA,
     .params = databases_params,
     .open_query = true,
     .tag = "Chroma",
     .summary = "List databases",
     .schema = "ChromaDatabases",
     .returns = "[" DATABASE_EXAMPLE "]"},
    {.method = HTTP_GET,
     .pattern = DATABASES "/{database}",
     .handle = show_database,
     .policy = POLICY_READ,
     .envelope = ENVELOPE_CHROMA,
     .params = database_params,
     .open_query = true,
     .tag = "Chroma",
     .summary = "Show a database",
     .schema = "ChromaDatabase",
     .returns = DATABASE_EXAMPLE},
    {.method = HTTP_DELETE,
     .pattern = DATABASES "/{database}",
     .handle = delete_database,
     .policy = POLICY_WRITE,
     .envelope = ENVELOPE_CHROMA,
     .params = database_params,
     .open_query = true,
     .tag = "Chroma",
     .summary = "Delete a database",
     .doc = "With all its collections.",
     .schema = "ChromaDone",
     .returns = "{}"},
    {0}};
