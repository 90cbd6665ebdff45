/* method_server.c - what a client may ask about the server itself. */
#include "engine/audit.h"
#include "net/caller.h"
#include "net/results.h"

struct ping_arguments {
    struct slice payload; /* one value, header included */
};

enum status
method_ping(const struct method_context *context, struct wire_reader arguments, struct buffer *out,
            struct error *error)
{
    static const struct field fields[] = {
        FIELD(ping_arguments, payload, "payload", decode_payload, FIELD_OPTIONAL),
    };
    struct ping_arguments call = {.payload = {NULL, 0}};
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    codec_put_map(out, call.payload.size > 0 ? 1 : 0);
    if (call.payload.size > 0) {
        codec_put_text(out, SLICE_LITERAL("payload"));
        buffer_add_slice(out, call.payload);
    }
    return BEHALF_OK;
}

/* --- the clock --- */

typedef void clock_action(struct engine *engine, struct engine_clock *clock);

struct clock_arguments {
    clock_action *action;
};

static enum status
decode_clock_action(struct decoder *decoder, void *into)
{
    clock_action **action = into;
    struct wire_value value;
    enum status status = decoder_expect(decoder, VALUE_TEXT, "a string", &value);

    if (status != BEHALF_OK)
        return status;
    if (slice_equal(value.bytes, SLICE_LITERAL("confirm")))
        *action = engine_clock_confirm;
    else if (slice_equal(value.bytes, SLICE_LITERAL("reject")))
        *action = engine_clock_reject;
    else
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST,
                              "must be \"confirm\" or \"reject\"");
    return BEHALF_OK;
}

static const char *
clock_state_name(enum engine_clock_state state)
{
    switch (state) {
    case ENGINE_CLOCK_AGREES:
        return "agrees";
    case ENGINE_CLOCK_AHEAD:
        return "ahead";
    case ENGINE_CLOCK_REJECTED:
        return "rejected";
    }
    BEHALF_UNREACHABLE();
}

static void
put_clock(struct buffer *out, const struct engine_clock *clock)
{
    codec_put_map(out, 4);
    codec_put_literal(out, "state");
    codec_put_literal(out, clock_state_name(clock->state));
    codec_put_literal(out, "now");
    codec_put_time(out, clock->now_ns);
    codec_put_literal(out, "wall");
    codec_put_time(out, clock->wall_ns);
    codec_put_literal(out, "trusted");
    codec_put_time(out, clock->trusted_ns);
}

enum status
method_server_clock(const struct method_context *context, struct wire_reader arguments,
                    struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(clock_arguments, action, "action", decode_clock_action, FIELD_OPTIONAL),
    };
    struct clock_arguments call = {.action = engine_clock_read};
    struct engine_clock clock;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    if (call.action != engine_clock_read && !key_has_role(context->caller, ROLE_ADMIN))
        return caller_refuse_action(context->caller, error);
    call.action(context->engine, &clock);
    if (call.action != engine_clock_read)
        engine_audit_event(context->engine,
                           call.action == engine_clock_confirm ? AUDIT_EVENT_CLOCK_CONFIRMED
                                                               : AUDIT_EVENT_CLOCK_REJECTED,
                           &(struct engine_audit_report){
                               .caller = {context->caller->name, context->caller->name_size},
                               .method = SLICE_LITERAL("server.clock")});
    put_clock(out, &clock);
    return BEHALF_OK;
}

struct count_row {
    const char *name;
    uint64_t value;
};

static void
put_counts(struct buffer *out, const char *name, const struct count_row *rows, size_t count)
{
    codec_put_literal(out, name);
    codec_put_map(out, count);
    for (size_t index = 0; index < count; index++) {
        codec_put_literal(out, rows[index].name);
        codec_put_unsigned(out, rows[index].value);
    }
}

#define PUT_COUNTS(out, name, rows) put_counts((out), (name), (rows), BEHALF_COUNT_OF(rows))

/* --- what it is --- */

/* The limits that a client can run into; docs/protocol.md explains each. */
static const struct count_row limit_rows[] = {
    {"message_bytes", LIMIT_MESSAGE_SIZE},
    {"depth", LIMIT_DEPTH},
    {"updates", LIMIT_UPDATES},
    {"preconditions", LIMIT_PRECONDITIONS},
    {"checks", LIMIT_CHECKS},
    {"actors", LIMIT_ACTORS},
    {"filter_resources", LIMIT_FILTER},
    {"object_id_bytes", LIMIT_OBJECT_ID},
    {"page", LIMIT_PAGE},
    {"delete", LIMIT_DELETE},
    {"token_bytes", LIMIT_TOKEN},
    {"context_bytes", LIMIT_CONTEXT},
    {"stored_context_bytes", LIMIT_STORED_CONTEXT},
    {"metadata_bytes", LIMIT_METADATA},
    {"idempotency_key_bytes", LIMIT_IDEMPOTENCY_KEY},
    {"schema_bytes", LIMIT_SCHEMA_SIZE},
    {"deadline_ms", LIMIT_DEADLINE_MS},
    {"calls_in_flight", LIMIT_CALLS_IN_FLIGHT},
};

/* Of the whole process, and its parts. */
static void
put_memory_limits(struct buffer *out, const struct server_memory *memory)
{
    const struct count_row rows[] = {
        {"limit", memory->limit}, {"graph", memory->graph},     {"storage", memory->storage},
        {"calls", memory->calls}, {"buffers", memory->buffers}, {"requests", memory->requests},
        {"rest", memory->rest},
    };

    PUT_COUNTS(out, "memory", rows);
}

enum status
method_server_info(const struct method_context *context, struct wire_reader arguments,
                   struct buffer *out, struct error *error)
{
    const struct method *methods;
    struct engine_info info;
    size_t count = 0;
    enum status status = method_decode_nothing(context, arguments, error);

    if (status != BEHALF_OK)
        return status;
    status = engine_info_read(context->engine, &info, error);
    if (status != BEHALF_OK)
        return status;
    codec_put_map(out, 11);
    codec_put_literal(out, "version");
    codec_put_literal(out, BEHALF_VERSION);
    codec_put_literal(out, "protocol");
    codec_put_unsigned(out, PROTOCOL_VERSION);
    codec_put_literal(out, "methods");
    methods = method_table(&count);
    codec_put_array(out, count);
    for (size_t index = 0; index < count; index++)
        codec_put_literal(out, methods[index].name);
    PUT_COUNTS(out, "limits", limit_rows);
    put_memory_limits(out, context->memory);
    codec_put_literal(out, "revision");
    codec_put_unsigned(out, info.revision);
    codec_put_literal(out, "schema_revision");
    codec_put_unsigned(out, info.schema_revision);
    codec_put_literal(out, "relationships");
    codec_put_unsigned(out, info.relationship_count);
    codec_put_literal(out, "writable");
    codec_put_bool(out, info.writable);
    codec_put_literal(out, "clock");
    put_clock(out, &info.clock);
    codec_put_literal(out, "token");
    result_put_token(out, &info.token);
    return BEHALF_OK;
}

/* --- what it does --- */

static void
put_memory(struct buffer *out, const struct engine_stats *stats)
{
    const struct count_row graph[] = {
        {"bytes", stats->graph.bytes},
        {"superseded_bytes", stats->graph.superseded_bytes},
        {"retired_bytes", stats->graph.retired_bytes},
        {"relationships", stats->graph.edges},
        {"sets", stats->graph.sets},
        {"chains", stats->graph.chains},
        {"empty", stats->graph.empty},
        {"direct", stats->graph.direct},
        {"loading", stats->graph.loading},
    };
    const struct count_row names[] = {
        {"bytes", stats->names.bytes},
        {"entries", stats->names.entries},
    };
    const struct count_row requests[] = {
        {"bytes", arena_request_bytes()},
    };

    PUT_COUNTS(out, "graph", graph);
    PUT_COUNTS(out, "names", names);
    PUT_COUNTS(out, "requests", requests);
}

static void
put_warming(struct buffer *out, const struct engine_warming *warming)
{
    static const char *const states[] = {
        [ENGINE_WARMING_OFF] = "off",         [ENGINE_WARMING_HOT] = "hot",
        [ENGINE_WARMING_ALL] = "all",         [ENGINE_WARMING_DONE] = "done",
        [ENGINE_WARMING_STOPPED] = "stopped", [ENGINE_WARMING_FAILED] = "failed",
    };

    codec_put_literal(out, "warm_up");
    codec_put_map(out, 6);
    codec_put_literal(out, "state");
    codec_put_literal(out, states[warming->state]);
    codec_put_literal(out, "full");
    codec_put_bool(out, warming->full);
    codec_put_literal(out, "sets");
    codec_put_unsigned(out, warming->sets);
    codec_put_literal(out, "relationships");
    codec_put_unsigned(out, warming->edges);
    codec_put_literal(out, "names");
    codec_put_unsigned(out, warming->names);
    codec_put_literal(out, "ms");
    codec_put_unsigned(out, (uint64_t)(warming->took_ns / 1000000));
}

static void
put_reads(struct buffer *out, const struct engine_stats *stats)
{
    const struct count_row loops[] = {
        {"checks", stats->loops.checks},
        {"handed_on", stats->loops.handed_on},
        {"errors", stats->loops.errors},
        {"internal", stats->loops.internal},
    };
    const struct count_row pool[] = {
        {"checks", stats->pool.checks},
        {"lookups", stats->pool.lookups},
        {"errors", stats->pool.errors},
        {"internal", stats->pool.internal},
        {"checks_waiting", stats->waiting.checks},
        {"lookups_waiting", stats->waiting.lookups},
        {"refused", stats->waiting.refused},
    };

    PUT_COUNTS(out, "loops", loops);
    PUT_COUNTS(out, "pool", pool);
}

static void
put_writes(struct buffer *out, const struct engine_stats *stats)
{
    const struct count_row writes[] = {
        {"transactions", stats->writes.transactions},
        {"groups", stats->writes.groups},
        {"syncs", stats->writes.syncs},
        {"bytes", stats->writes.bytes},
        {"refused", stats->writes.refused},
        {"waiting", stats->writes.waiting},
    };
    const struct count_row storage[] = {
        {"data_bytes", stats->storage.data_bytes},
        {"free_bytes", stats->storage.free_bytes},
    };

    PUT_COUNTS(out, "writes", writes);
    PUT_COUNTS(out, "storage", storage);
}

enum status
method_server_stats(const struct method_context *context, struct wire_reader arguments,
                    struct buffer *out, struct error *error)
{
    struct engine_stats stats;
    enum status status = method_decode_nothing(context, arguments, error);

    if (status == BEHALF_OK)
        status = engine_stats_read(context->engine, &stats, error);
    if (status != BEHALF_OK)
        return status;
    codec_put_map(out, 10);
    codec_put_literal(out, "revision");
    codec_put_unsigned(out, stats.revision);
    codec_put_literal(out, "uptime_ms");
    codec_put_unsigned(out, (uint64_t)(stats.uptime_ns / 1000000));
    put_memory(out, &stats);
    put_warming(out, &stats.warming);
    put_reads(out, &stats);
    put_writes(out, &stats);
    return BEHALF_OK;
}
