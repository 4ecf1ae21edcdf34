/* store_args_records.c - checks of what records.h takes (store_args.h). */
#include <math.h>
#include <string.h>

#include "base/json_scan.h"
#include "store/store_args.h"

#define UUID_CHARS 36

enum err_code args_record_name(const char *field, struct slice s, struct err *e)
{
    if (s.len == 0)
        return err_field(e, field, "'%s' is empty", field);
    return args_text_within(field, s, RECORDS_MAX_NAME, e);
}

enum err_code args_record_id(struct slice id, struct err *e)
{
    bool is_good = id.len == UUID_CHARS;

    for (size_t i = 0; i < id.len && is_good; i++)
        is_good = i == 8 || i == 13 || i == 18 || i == 23
                      ? id.p[i] == '-'
                      : strchr("0123456789abcdef", id.p[i]) && id.p[i];
    return is_good ? ERR_NONE
                   : err_field(e, "id", "'id' is no UUID in lower case");
}

enum err_code args_record_count(size_t n, struct err *e)
{
    return n <= RECORDS_MAX_BATCH
               ? ERR_NONE
               : err_set(e, ERR_TOO_LARGE, "more than %d records at once",
                         RECORDS_MAX_BATCH);
}

/* None, or an object. */
static enum err_code metadata(struct slice s, struct err *e)
{
    enum err_code code =
        args_text_within("metadata", s, RECORDS_MAX_METADATA, e);

    if (code != ERR_NONE || !s.p)
        return code;
    if (!slice_starts(s, "{") || !json_scan_valid(s))
        return err_field(e, "metadata", "'metadata' is no JSON object");
    return ERR_NONE;
}

enum err_code args_record_collection(const struct record_collection *c,
                                     struct err *e)
{
    enum err_code code = args_record_id(c->id, e);

    if (code == ERR_NONE)
        code = args_record_name("name", c->name, e);
    if (code == ERR_NONE)
        code = args_text("tenant", c->tenant, e);
    if (code == ERR_NONE)
        code = args_text("database", c->database, e);
    if (code == ERR_NONE)
        code = metadata(c->metadata, e);
    return code == ERR_NONE
               ? args_text_within("configuration", c->configuration,
                                  RECORDS_MAX_METADATA, e)
               : code;
}

enum err_code args_collection_change(const struct collection_change *c,
                                     struct err *e)
{
    enum err_code code = ERR_NONE;

    if (c->name.len)
        code = args_record_name("new_name", c->name, e);
    if (code == ERR_NONE && c->set_metadata)
        code = metadata(c->metadata, e);
    if (code == ERR_NONE && c->set_configuration)
        code = args_text_within("new_configuration", c->configuration,
                                RECORDS_MAX_METADATA, e);
    return code;
}

static bool all_finite(const float *v, int dim)
{
    bool finite = true;

    for (int i = 0; i < dim; i++)
        finite &= isfinite(v[i]) != 0;
    return finite;
}

static enum err_code record_vector(const struct record_batch *b,
                                   const struct record_new *r, struct err *e)
{
    if (!r->vector && b->how == RECORDS_UPDATE)
        return ERR_NONE;
    if (!r->vector || !b->dim)
        return err_field(e, "embeddings", "a record without an embedding");
    if (!all_finite(r->vector, b->dim))
        return err_field(e, "embeddings", "an embedding that is not finite");
    return ERR_NONE;
}

static enum err_code one_record(const struct record_batch *b,
                                const struct record_new *r, struct err *e)
{
    enum err_code code = args_record_name("ids", r->id, e);

    if (code == ERR_NONE)
        code = record_vector(b, r, e);
    if (code == ERR_NONE)
        code =
            args_text_within("documents", r->document, RECORDS_MAX_DOCUMENT, e);
    if (code == ERR_NONE)
        code = args_text_within("uris", r->uri, RECORDS_MAX_URI, e);
    return code == ERR_NONE ? metadata(r->metadata, e) : code;
}

enum err_code args_record_batch(const struct record_batch *b, struct err *e)
{
    enum err_code code = args_record_count(b->n, e);

    if (code == ERR_NONE && (unsigned)b->how > RECORDS_UPDATE)
        code = err_field(e, "how", "no such way to put records");
    if (code == ERR_NONE && (b->dim < 0 || b->dim > RECORDS_MAX_DIM))
        code = err_field(e, "embeddings",
                         "an embedding has %d dimensions: "
                         "at most %d can be kept",
                         b->dim, RECORDS_MAX_DIM);
    for (size_t i = 0; i < b->n && code == ERR_NONE; i++)
        code = one_record(b, &b->records[i], e);
    return code;
}
