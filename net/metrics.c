/* metrics.c - where each metric of metrics.def comes from, in the order of that table. */
#include "net/metrics.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/memory.h"
#include "engine/figures.h"
#include "net/metrics_text.h"
#include "net/net_counts.h"

#define LABELS_SIZE 160

static const char *const class_names[METHOD_CLASS_COUNT] = {
    [METHOD_CLASS_TRIVIAL] = "trivial", [METHOD_CLASS_INLINE] = "check",
    [METHOD_CLASS_ADMIN] = "admin",     [METHOD_CLASS_LOOKUP] = "lookup",
    [METHOD_CLASS_WRITE] = "write",
};

/* --- the process --- */

/* 0 when it cannot be read. */
static uint64_t
resident_bytes(void)
{
    char text[128] = "";
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    char *end = text;
    unsigned long pages;

    if (fd >= 0)
        (void)close(fd);
    if (size <= 0)
        return 0;
    (void)strtoul(text, &end, 10); /* the whole size */
    pages = strtoul(end, NULL, 10);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void
put_process(struct metrics_text *text, const struct http_side_state *state,
            const struct engine_figures *figures)
{
    metrics_put(text, METRIC_BUILD, "version=\"" BEHALF_VERSION "\"", 1);
    metrics_put_seconds(text, METRIC_UPTIME, "", (uint64_t)figures->uptime_ns);
    metrics_put(text, METRIC_RESIDENT_BYTES, "", resident_bytes());
    metrics_put(text, METRIC_MEMORY_LIMIT, "", server_memory_of(state->server)->limit);
    metrics_put(text, METRIC_REQUEST_MEMORY, "", arena_request_bytes());
}

/* --- requests --- */

static void
put_results(struct metrics_text *text, const char *method, const uint64_t *results)
{
    char labels[LABELS_SIZE];

    for (size_t status = 0; status < BEHALF_STATUS_COUNT; status++) {
        if (results[status] == 0 && status != BEHALF_OK)
            continue;
        (void)snprintf(labels, sizeof labels, "method=\"%s\",result=\"%s\"", method,
                       status == BEHALF_OK ? "ok" : status_name((enum status)status));
        metrics_put(text, METRIC_REQUESTS, labels, results[status]);
    }
}

static void
put_requests(struct metrics_text *text, const struct net_reading *net)
{
    size_t count;
    const struct method *methods = method_table(&count);
    char labels[LABELS_SIZE];

    for (size_t row = 0; row < count; row++)
        put_results(text, methods[row].name, net->requests[methods[row].index]);
    put_results(text, "unknown", net->requests[METHOD_INDEX_COUNT]);
    for (size_t class = 0; class < METHOD_CLASS_COUNT; class ++) {
        (void)snprintf(labels, sizeof labels, "class=\"%s\"", class_names[class]);
        metrics_put_histogram(text, METRIC_REQUEST_DURATION, labels, &net->durations[class],
                              metric_times_ns, true);
    }
}

static void
put_queues(struct metrics_text *text, const struct engine_figures *figures)
{
    metrics_put(text, METRIC_HANDED_ON, "", figures->loops.handed_on);
    metrics_put(text, METRIC_WAITING, "queue=\"checks\"", figures->checks_waiting);
    metrics_put(text, METRIC_WAITING, "queue=\"lookups\"", figures->lookups_waiting);
    metrics_put(text, METRIC_WAITING, "queue=\"writes\"", figures->writes_waiting);
    metrics_put(text, METRIC_REFUSED, "", figures->pool_refused);
    metrics_put(text, METRIC_EXPIRED, "", figures->pool_expired);
}

static void
put_decisions(struct metrics_text *text, const struct engine_figures *figures)
{
    static const char *const labels[] = {
        [DECISION_DENY] = "decision=\"deny\"",
        [DECISION_CONDITIONAL] = "decision=\"conditional\"",
        [DECISION_ALLOW] = "decision=\"allow\"",
    };
    char reason_label[LABELS_SIZE];

    for (size_t at = 0; at < BEHALF_COUNT_OF(labels); at++)
        metrics_put(text, METRIC_DECISIONS, labels[at],
                    figures->loops.decisions[at] + figures->pool.decisions[at]);
    for (size_t at = 0; at < ENGINE_REASON_COUNT; at++) {
        struct slice word = engine_reason_word((enum engine_reason)at);

        (void)snprintf(reason_label, sizeof reason_label, "reason=\"%.*s\"",
                       SLICE_PRINTF(at == REASON_NONE ? SLICE_LITERAL("none") : word));
        metrics_put(text, METRIC_DELEGATED, reason_label,
                    figures->loops.reasons[at] + figures->pool.reasons[at]);
    }
    metrics_put(text, METRIC_EDGES, "by=\"loops\"", figures->loops.edges);
    metrics_put(text, METRIC_EDGES, "by=\"pool\"", figures->pool.edges);
}

/* --- memory --- */

static void
put_caches(struct metrics_text *text, const struct engine_figures *figures)
{
    enum engine_warming_state warming = figures->warming.state;

    metrics_put(text, METRIC_GRAPH_BYTES, "", figures->graph.bytes);
    metrics_put(text, METRIC_GRAPH_NODES, "", figures->graph.entries);
    metrics_put(text, METRIC_GRAPH_EVICTED, "", figures->graph.evicted);
    metrics_put(text, METRIC_NAMES_BYTES, "", figures->names.bytes);
    metrics_put(text, METRIC_NAMES_ENTRIES, "", figures->names.entries);
    metrics_put(text, METRIC_NAMES_EVICTED, "", figures->names.evicted);
    metrics_put(text, METRIC_RECORDS_BYTES, "", figures->records.bytes);
    metrics_put(text, METRIC_RECORDS_ENTRIES, "", figures->records.entries);
    metrics_put(text, METRIC_RECORDS_EVICTED, "", figures->records.evicted);
    metrics_put(text, METRIC_RETIRED_BYTES, "", figures->retired_bytes);
    metrics_put(text, METRIC_WARM_UP, "",
                warming == ENGINE_WARMING_HOT || warming == ENGINE_WARMING_ALL);
}

/* --- writes and storage --- */

static void
put_writes(struct metrics_text *text, const struct engine_figures *figures)
{
    metrics_put_histogram(text, METRIC_WRITE_GROUP_SIZE, "", &figures->group_sizes, metric_sizes,
                          false);
    metrics_put_histogram(text, METRIC_WRITE_GROUP_DURATION, "", &figures->groups_ns,
                          metric_times_ns, true);
    metrics_put_histogram(text, METRIC_SYNC_DURATION, "", &figures->syncs_ns, metric_times_ns,
                          true);
    metrics_put(text, METRIC_TRANSACTIONS, "", figures->transactions);
    metrics_put(text, METRIC_TRANSACTION_BYTES, "", figures->transaction_bytes);
    metrics_put(text, METRIC_WRITES_REFUSED, "", figures->writes_refused);
    metrics_put(text, METRIC_REVISION, "", figures->revision);
    metrics_put(text, METRIC_SCHEMA_REVISION, "", figures->schema_revision);
    metrics_put(text, METRIC_HORIZON, "", figures->horizon);
    metrics_put(text, METRIC_RELATIONSHIPS, "", figures->relationships);
    metrics_put(text, METRIC_SESSIONS_LIVE, "", figures->sessions_live);
    metrics_put(text, METRIC_GRANTS_LIVE, "", figures->grants_live);
    metrics_put(text, METRIC_WRITABLE, "", figures->writable);
    metrics_put(text, METRIC_DATA_BYTES, "", figures->data_bytes);
    metrics_put(text, METRIC_FREE_BYTES, "", figures->free_bytes);
    metrics_put(text, METRIC_CLOCK_AGREES, "", figures->clock == ENGINE_CLOCK_AGREES);
}

/* Absent where nothing is recorded: a zero would look like a log that is never written. */
static void
put_audit(struct metrics_text *text, const struct engine_audit_figures *audit)
{
    if (!audit->on)
        return;
    metrics_put(text, METRIC_AUDIT_RECORDS, "", audit->records);
    metrics_put(text, METRIC_AUDIT_QUEUED, "", audit->queued);
    metrics_put(text, METRIC_AUDIT_DROPPED, "", audit->dropped);
    metrics_put(text, METRIC_AUDIT_REFUSED, "", audit->refused);
    metrics_put(text, METRIC_AUDIT_SYNCS, "", audit->syncs);
    metrics_put(text, METRIC_AUDIT_WRITABLE, "", audit->writable);
}

static void
put_rocksdb(struct metrics_text *text, const struct engine_storage_figures *storage)
{
    metrics_put(text, METRIC_ROCKSDB_MEMTABLES, "", storage->memtable_bytes);
    metrics_put(text, METRIC_ROCKSDB_IMMUTABLE, "", storage->immutable_memtables);
    metrics_put(text, METRIC_ROCKSDB_CACHE, "", storage->cache_bytes);
    metrics_put(text, METRIC_ROCKSDB_CACHE_PINNED, "", storage->cache_pinned_bytes);
    metrics_put(text, METRIC_ROCKSDB_CACHE_CAPACITY, "", storage->cache_capacity);
    metrics_put(text, METRIC_ROCKSDB_READERS, "", storage->table_reader_bytes);
    metrics_put(text, METRIC_ROCKSDB_LEVEL0, "", storage->level0_files);
    metrics_put(text, METRIC_ROCKSDB_PENDING, "", storage->pending_compaction_bytes);
    metrics_put(text, METRIC_ROCKSDB_COMPACTIONS, "", storage->running_compactions);
    metrics_put(text, METRIC_ROCKSDB_FLUSHES, "", storage->running_flushes);
    metrics_put(text, METRIC_ROCKSDB_ERRORS, "", storage->background_errors);
    metrics_put(text, METRIC_ROCKSDB_DELAYED, "", storage->delayed_write_bytes);
    metrics_put(text, METRIC_ROCKSDB_STOPPED, "", storage->writes_stopped);
}

/* --- connections --- */

static void
put_events(struct metrics_text *text, const struct net_reading *net)
{
    static const struct {
        enum metric_name name;
        const char *labels;
    } rows[] = {
#define X(name, family, label) {METRIC_##family, label},
#include "net/net_events.def"
#undef X
    };

    for (size_t event = 0; event < NET_EVENT_COUNT; event++)
        metrics_put(text, rows[event].name, rows[event].labels, net->events[event]);
}

/* Keys over RPC are shown by the method auth. */
static void
put_auth(struct metrics_text *text, const struct http_side_state *state,
         const struct net_reading *net)
{
    const uint64_t *auth = net->requests[METHOD_INDEX_method_auth];

    metrics_put(text, METRIC_AUTH, "result=\"known\"",
                auth[BEHALF_OK] + atomic_load(&state->keys_known) +
                    atomic_load(&state->authzen.keys_known));
    metrics_put(text, METRIC_AUTH, "result=\"unknown\"",
                auth[BEHALF_UNKNOWN_KEY] + atomic_load(&state->keys_unknown) +
                    atomic_load(&state->authzen.keys_unknown));
}

/* Of each path the replies that there were, and those with 200. */
static void
put_authzen(struct metrics_text *text, const struct authzen_counts *counts)
{
    char labels[LABELS_SIZE];

    for (size_t at = 0; at < AUTHZEN_ENDPOINT_COUNT; at++) {
        for (size_t column = 0; column < AUTHZEN_STATUS_COUNT; column++) {
            uint64_t count = atomic_load(&counts->replies[at][column]);
            unsigned status = authzen_counted_status(column);

            if (count == 0 && status != 200)
                continue;
            (void)snprintf(labels, sizeof labels, "path=\"%s\",status=\"%u\"",
                           authzen_pattern((enum authzen_endpoint)at), status);
            metrics_put(text, METRIC_AUTHZEN_REQUESTS, labels, count);
        }
    }
}

static void
put_connections(struct metrics_text *text, const struct http_side_state *state,
                const struct net_reading *net)
{
    struct http_stats http;

    http_server_stats(state->http, &http);
    metrics_put(text, METRIC_CONNECTIONS, "", net->connections);
    put_events(text, net);
    put_auth(text, state, net);
    metrics_put(text, METRIC_HTTP_CONNECTIONS, "", http.connections);
    metrics_put(text, METRIC_HTTP_ACCEPTED, "", http.accepted);
    metrics_put(text, METRIC_HTTP_REFUSED, "", http.refused_connections);
    metrics_put(text, METRIC_HTTP_REQUESTS, "", http.requests);
    put_authzen(text, &state->authzen);
    metrics_put(text, METRIC_HTTP_REQUESTS_REFUSED, "", http.refused_requests);
}

enum status
metrics_write(const struct http_side_state *state, struct buffer *out, struct error *error)
{
    struct engine_figures figures;
    struct net_reading *net;
    struct metrics_text text;
    enum status status = engine_figures_read(state->engine, &figures, error);

    if (status != BEHALF_OK)
        return status;
    net = memory_new(sizeof *net);
    server_counts_read(state->server, net);
    metrics_text_init(&text, out);
    put_process(&text, state, &figures);
    put_requests(&text, net);
    put_queues(&text, &figures);
    put_decisions(&text, &figures);
    put_caches(&text, &figures);
    put_writes(&text, &figures);
    put_audit(&text, &figures.audit);
    put_rocksdb(&text, &figures.storage);
    put_connections(&text, state, net);
    memory_free(net);
    return BEHALF_OK;
}
