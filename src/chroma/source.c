/* source.c - see source.h: which collection a request means. */
#include "chroma/source.h"

#include "chroma/chroma_impl.h"
#include "chroma/names.h"

enum err_code source_open(struct source *out, struct request *r, struct err *e)
{
    struct chroma_api *c = r->ctx;
    struct record_collection collection;
    char text[UUID_TEXT];
    struct slice id;
    enum err_code code;

    if (!uuid_read(request_str(r, "collection"), text))
        return err_set(e, ERR_INVALID, "Collection ID is not a valid UUIDv4");
    id = slice_of(text);
    if (builtin_open(out, c, id))
        return ERR_NONE;
    code = store_collection_get(c->store, r->arena, id, &collection, e);
    if (code == ERR_NOT_FOUND)
        return err_set(e, code, "Collection [%s] does not exist.", text);
    return code == ERR_NONE ? store_source(out, c, r->arena, &collection, e)
                            : code;
}

enum err_code source_find(struct source *out, struct request *r,
                          struct slice tenant, struct slice database,
                          struct slice name, struct err *e)
{
    struct chroma_api *c = r->ctx;
    struct record_collection collection;
    enum err_code code;

    if (builtin_find(out, c, tenant, database, name))
        return ERR_NONE;
    code = store_collection_find(c->store, r->arena, tenant, database, name,
                                 &collection, e);
    if (code == ERR_NOT_FOUND)
        return err_set(e, code, "Collection [%.*s] does not exist",
                       SLICE_ARG(name));
    return code == ERR_NONE ? store_source(out, c, r->arena, &collection, e)
                            : code;
}

void source_close(struct source *s)
{
    if (s->ops)
        s->ops->close(s);
}

enum err_code source_check_write(const struct source *s, struct err *e)
{
    return s->writer ? err_set(e, ERR_FORBIDDEN,
                               "Collection [%.*s] is written by sheaf itself "
                               "(%s); here it can only be read",
                               SLICE_ARG(s->collection.name), s->writer)
                     : ERR_NONE;
}
