/* redis_probe.c - redis_probe(): is Redis there?  For `sheaf doctor`. */
#include "net/redis.h"

#include <stdio.h>

#include "base/redis_url.h"
#include "net/redis_lib.h"

static enum err_code ask(redisContext *c, const struct slice *args, size_t n,
                         char *out, size_t size, struct err *e)
{
    const char *argv[3];
    size_t lens[3];
    redisReply *reply;
    enum err_code rc = ERR_NONE;

    for (size_t i = 0; i < n; i++) {
        argv[i] = args[i].p;
        lens[i] = args[i].len;
    }
    reply = redis_lib.redisCommandArgv(c, (int)n, argv, lens);
    if (!reply)
        return err_set(e, ERR_UNAVAILABLE, "%s", c->errstr);
    if (reply->type == REDIS_REPLY_ERROR)
        rc = err_set(e, ERR_UNAVAILABLE, "%s", reply->str);
    else if (out && reply->str)
        snprintf(out, size, "%s", reply->str);
    redis_lib.freeReplyObject(reply);
    return rc;
}

static enum err_code probe(redisContext *c, const struct redis_url *u,
                           char version[32], struct err *e)
{
    struct slice auth[] = {SLICE("AUTH"), slice_of(u->user),
                           slice_of(u->password)};
    struct slice ping = SLICE("PING");
    struct slice info[] = {SLICE("INFO"), SLICE("server")};
    struct slice text, line;
    char number[24], answer[1024] = "";
    int n = snprintf(number, sizeof(number), "%d", u->database);
    struct slice select[] = {SLICE("SELECT"), {number, (size_t)n}};
    enum err_code rc = ERR_NONE;

    if (*u->password && *u->user)
        rc = ask(c, auth, 3, NULL, 0, e);
    else if (*u->password)
        rc = ask(c, (struct slice[]){auth[0], auth[2]}, 2, NULL, 0, e);
    if (rc == ERR_NONE && u->database)
        rc = ask(c, select, 2, NULL, 0, e);
    if (rc == ERR_NONE)
        rc = ask(c, &ping, 1, NULL, 0, e);
    snprintf(version, 32, "of an unknown version");
    if (rc != ERR_NONE ||
        ask(c, info, 2, answer, sizeof(answer), NULL) != ERR_NONE)
        return rc; /* INFO may be forbidden */
    for (text = slice_of(answer); slice_split(&text, '\n', &line);)
        if (slice_starts(line, "redis_version:")) {
            line = slice_trim(slice_sub(line, 14, line.len));
            snprintf(version, 32, "%.*s", SLICE_ARG(line));
        }
    return ERR_NONE;
}

enum err_code redis_probe(const char *url, char version[32], struct err *e)
{
    struct timeval limit = {.tv_sec = 5};
    struct redis_url u;
    const char *wrong = redis_url_parse(&u, slice_of(url));
    redisContext *c;
    enum err_code rc;

    if (wrong)
        return err_field(e, "redis_url", "'redis_url' is not right: %s", wrong);
    rc = redis_lib_load(e);
    if (rc != ERR_NONE)
        return rc;
    c = redis_lib.redisConnectWithTimeout(u.host, u.port, limit);
    if (!c)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    if (c->err)
        rc = err_set(e, ERR_UNAVAILABLE, "%s", c->errstr);
    else if (redis_lib.redisSetTimeout(c, limit) != REDIS_OK)
        rc = err_set(e, ERR_UNAVAILABLE, "%s", c->errstr);
    else
        rc = probe(c, &u, version, e);
    redis_lib.redisFree(c);
    return rc;
}
