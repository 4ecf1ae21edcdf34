/* config_table.c - one row a setting; see config.h.
 *
 * To add a setting, add a row (and raise CONFIG_ROWS).  If its text has a form
 * of its own, add a check in config_check.c.  Help, example file and the
 * documentation's table follow by themselves.
 */
#include "base/config_table.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_S INT64_C(86400)

#define STR(key_, dflt_, meaning_)                                             \
    {                                                                          \
        .key = (key_), .type = CONFIG_STR, .dflt = (dflt_),                    \
        .meaning = (meaning_)                                                  \
    }
#define SECRET(key_, meaning_)                                                 \
    {                                                                          \
        .key = (key_), .type = CONFIG_STR, .dflt = "", .meaning = (meaning_),  \
        .secret = true                                                         \
    }
#define INT(key_, dflt_, min_, max_, meaning_)                                 \
    {                                                                          \
        .key = (key_), .type = CONFIG_INT, .dflt = (dflt_), .min = (min_),     \
        .max = (max_), .meaning = (meaning_)                                   \
    }
#define BOOL(key_, dflt_, meaning_)                                            \
    {                                                                          \
        .key = (key_), .type = CONFIG_BOOL, .dflt = (dflt_),                   \
        .meaning = (meaning_)                                                  \
    }
#define CHOICE(key_, dflt_, choices_, meaning_)                                \
    {                                                                          \
        .key = (key_), .type = CONFIG_CHOICE, .dflt = (dflt_),                 \
        .choices = (choices_), .meaning = (meaning_)                           \
    }
#define TEST_INT(key_, dflt_, min_, max_, meaning_)                            \
    {                                                                          \
        .key = (key_), .type = CONFIG_INT, .dflt = (dflt_), .min = (min_),     \
        .max = (max_), .meaning = (meaning_), .for_tests = true                \
    }
#define TEST_STR(key_, dflt_, meaning_)                                        \
    {                                                                          \
        .key = (key_), .type = CONFIG_STR, .dflt = (dflt_),                    \
        .meaning = (meaning_), .for_tests = true                               \
    }

const struct config_row config_table[CONFIG_ROWS] = {
    STR("listen", "127.0.0.1:8642",
        "address and port to listen on, host:port or [v6]:port; port 0 is any "
        "free one, printed at the start and written to the lock file"),
    STR("data_dir", "",
        "folder of everything that is kept; not set: $XDG_DATA_HOME/sheaf or "
        "~/.local/share/sheaf"),
    STR("services", "scraper,backend,processor,analytics,web",
        "which services this process runs"),
    STR("public_url", "",
        "address under which readers reach this server, when it is behind a "
        "proxy"),
    STR("allowed_origins", "",
        "other sites whose pages may call, as https://host[:port], separated "
        "by commas"),
    STR("trusted_proxies", "",
        "proxies whose forwarding headers are believed, as addresses or "
        "networks (10.0.0.0/8), separated by commas"),
    BOOL("private_reads", "off", "reading and live events need the token too"),
    STR("database_url", "sqlite:",
        "sqlite: (a file in data_dir), or postgresql://user:password@host/"
        "name"),
    INT("database_timeout_ms", "30000", 1000, 600000,
        "longest time that a statement on PostgreSQL may take, and somewhat "
        "less than the longest silence of its server"),
    STR("vectors", "embedded",
        "who finds vectors: embedded, an index in memory; pgvector, in the "
        "PostgreSQL of database_url; or a Chroma server, "
        "chroma:http://host:port[/tenant/database]; where it is set, vectors "
        "that the database has in the other form are rewritten at the start"),
    INT("hnsw_from", "50000", 0, 1000000000,
        "vectors of a collection from which pgvector searches without a "
        "filter use an approximate index (HNSW), which a job makes; 0: "
        "always exact"),
    SECRET("chroma_token",
           "sent to the Chroma server of vectors, as X-Chroma-Token and as "
           "Bearer token"),
    INT("chroma_memory_mb", "1024", 0, 1048576,
        "megabytes that collections of Chroma's API may keep in memory while "
        "nobody asks them"),
    BOOL("chroma_reset", "off",
         "POST /api/v2/reset empties everything that Chroma's API holds, "
         "instead of being refused"),
    STR("redis_url", "",
        "redis://[[user]:password@]host[:port][/database]: page counts "
        "and live events shared between processes on one database"),
    STR("redis_key", "socket.io",
        "beginning of all names in Redis: the option 'key' of "
        "@socket.io/redis-adapter; installations that share a Redis need one "
        "each"),
    STR("live_name", "",
        "name of this process among those that serve live events behind one "
        "proxy: the ids of its sessions begin with it and a dot, so that the "
        "proxy finds the way back"),
    STR("backend_url", "",
        "where the scraper delivers; not set: this process; needed when "
        "services holds scraper without backend"),
    SECRET("webhook_secret",
           "Bearer secret of the webhook (WEBHOOK_SECRET in the environment "
           "counts too); not set: generated into data_dir"),
    SECRET("webhook_signing_secret",
           "whsec_... secret of the Standard Webhooks signature; not set: "
           "generated into data_dir"),
    SECRET("admin_token",
           "token for writing and for pages of operations; processes behind "
           "one proxy need the same; not set: generated into data_dir"),
    STR("server_url", "",
        "the server that commands talk to; not set: the one that runs on "
        "data_dir, or the command itself"),
    STR("model_dir", "",
        "folder with model.safetensors and vocab.txt of all-MiniLM-L6-v2; not "
        "set: next to the program, then data_dir/model"),
    CHOICE("precision", "auto", "auto,f32,bf16,int8",
           "number format of the embedding engine"),
    STR("kernel", "",
        "forces an instruction set of the embedding engine; not set: the best "
        "that the processor has"),
    STR("llm_url", "",
        "base address of an OpenAI-compatible server; not set: answers are "
        "extracts"),
    STR("llm_model", "", "name of the model to ask for at llm_url"),
    SECRET("llm_key", "key sent to llm_url as Bearer token"),
    INT("llm_context", "0", 0, 10000000,
        "tokens that the model at llm_url can see; 0 is not known, a small "
        "window is assumed"),
    INT("llm_max_tokens", "600", 16, 100000,
        "longest answer of the model at llm_url, in tokens"),
    INT("llm_timeout_ms", "120000", 10, HOUR_MS,
        "longest silence of llm_url before and within an answer"),
    STR("arxiv_url", "https://export.arxiv.org/api/query",
        "address of arXiv's query API"),
    INT("arxiv_interval_ms", "3000", 0, HOUR_MS,
        "shortest time between two requests to arXiv; its rule is 3000"),
    STR("contact", "",
        "mail address or page that arXiv finds in our User-Agent"),
    STR("rules_dir", "",
        "folder with categories.tsv and tags.tsv to use instead of the built-"
        "in tables"),
    INT("retention_days", "0", 0, 36500,
        "page views older than this are kept as daily totals only; 0 keeps "
        "all"),
    CHOICE("log_level", "info", "debug,info,warn,error,off",
           "least important lines that are logged"),
    CHOICE("log_format", "auto", "auto,text,json",
           "form of the log; auto is text on a terminal, else json"),
    INT("pool_requests", "8", 1, 64, "threads that answer requests"),
    INT("pool_jobs", "4", 1, 64, "threads that run jobs"),
    INT("pool_streams", "4", 1, 64, "threads that feed streamed answers"),
    INT("max_connections", "4096", 1, 100000, "open connections in all"),
    INT("max_connections_per_ip", "1024", 1, 100000,
        "open connections of one client address, and its live sessions"),
    INT("http_header_timeout_ms", "10000", 10, HOUR_MS,
        "time for a request's header to arrive complete"),
    INT("http_body_timeout_ms", "30000", 10, HOUR_MS,
        "time for a request's body to arrive complete"),
    INT("http_idle_timeout_ms", "75000", 10, HOUR_MS,
        "time that a connection may wait between two requests"),
    INT("http_write_timeout_ms", "30000", 10, HOUR_MS,
        "time that a client may leave its answer unread"),
    INT("stop_timeout_ms", "10000", 0, HOUR_MS,
        "time that requests and jobs get to finish when the server stops"),
    INT("webhook_timeout_ms", "15000", 10, HOUR_MS,
        "time that the receiver of a webhook gets to answer"),
    TEST_STR("webhook_retry_ms",
             "0,5000,300000,1800000,7200000,18000000,36000000,50400000,"
             "72000000,86400000",
             "time before each delivery attempt"),
    TEST_INT("job_lease_ms", "30000", 100, HOUR_MS,
             "time after which a silent worker has lost its job"),
    TEST_INT("job_backoff_ms", "5000", 0, HOUR_MS,
             "time before the second attempt of a job; doubles"),
    TEST_INT("schedule_tick_ms", "30000", 10, HOUR_MS,
             "time between two looks at the schedules"),
    TEST_INT("arxiv_timeout_ms", "60000", 10, HOUR_MS,
             "time that arXiv gets to answer"),
    TEST_STR("live_path", "/socket.io/", "path of the Socket.IO server"),
    TEST_INT("live_ping_interval_ms", "25000", 10, HOUR_MS,
             "time between two pings of a live client"),
    TEST_INT("live_ping_timeout_ms", "20000", 10, HOUR_MS,
             "time that a live client gets to answer a ping"),
    TEST_INT("live_connect_timeout_ms", "45000", 10, HOUR_MS,
             "time that a live client gets to join a namespace"),
    TEST_INT("live_max_payload", "1000000", 100, 100000000,
             "bytes of one message of a live client"),
    TEST_INT("idempotency_ttl_s", "86400", 1, 365 * DAY_S,
             "time that an Idempotency-Key is remembered"),
    TEST_INT("ask_ping_ms", "15000", 10, HOUR_MS,
             "time after which a streamed answer with nothing to say pings"),
};
