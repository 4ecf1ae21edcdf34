/* gone.c - see gone.h.
 *
 * All that is to go is gathered first: a list of pages moves up while it is
 * deleted from.
 */
#include "cmd/gone.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"

#define PAGE_SIZE 100
#define MAX_IDS ((size_t)16 << 20)

static bool is_gone(const json_t *document, const char *path, bool is_folder)
{
    const char *source = json_string_value(json_object_get(document, "source"));
    size_t n = strlen(path);

    if (!source)
        return false;
    if (is_folder ? strncmp(source, path, n) != 0 || source[n] != '/'
                  : strcmp(source, path) != 0)
        return false;
    return access(source, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* One page; *more tells whether another follows. */
static enum err_code gather(struct client *c, const char *path, bool is_folder,
                            int page, struct buf *ids, bool *more,
                            struct err *e)
{
    json_t *list = NULL;
    const json_t *row;
    struct buf url;
    size_t i;
    enum err_code rc;

    buf_init(&url, 64 << 10);
    buf_printf(&url, "/documents/?page_size=%d&page=%d", PAGE_SIZE, page);
    if (!is_folder)
        client_query(&url, "source", path);
    rc = client_get(c, &url, &list, e);
    if (rc != ERR_NONE)
        return rc;
    json_array_foreach(json_object_get(list, "results"), i, row)
    {
        if (is_gone(row, path, is_folder)) {
            buf_add_slice(ids, json_get_slice(row, "id"));
            buf_add_char(ids, '\n');
        }
    }
    *more = json_is_string(json_object_get(list, "next"));
    json_decref(list);
    return ERR_NONE;
}

enum err_code gone_remove(struct client *c, const char *path, bool is_folder,
                          int64_t *removed, struct err *e)
{
    struct slice rest, id;
    struct buf ids;
    bool more = true;
    enum err_code rc = ERR_NONE;

    buf_init(&ids, MAX_IDS);
    for (int page = 1; more && rc == ERR_NONE; page++)
        rc = gather(c, path, is_folder, page, &ids, &more, e);
    if (rc == ERR_NONE && !buf_ok(&ids))
        rc = err_set(e, ERR_TOO_LARGE, "too many documents are gone");
    rest = buf_slice(&ids);
    while (rc == ERR_NONE && slice_split(&rest, '\n', &id)) {
        char url[200];

        if (!id.len)
            continue;
        snprintf(url, sizeof(url), "/documents/%.*s", SLICE_ARG(id));
        rc = client_send(c, "DELETE", url, NULL, SLICE_NONE, NULL, e);
        *removed += rc == ERR_NONE;
        if (rc == ERR_NOT_FOUND) /* somebody else was faster */
            rc = ERR_NONE;
    }
    buf_release(&ids);
    return rc;
}
