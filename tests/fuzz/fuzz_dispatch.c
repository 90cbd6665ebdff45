/* fuzz_dispatch.c - bytes of a client through scanner, dispatch, engine and back, without sockets.
 * Every complete frame must be answered by exactly one well-formed message of at most 4 MiB, whose
 * error, if it is one, has a code and a reason. The store is in memory and begins with a small
 * world; writes go through the real writer. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/env.h"
#include "base/memory.h"
#include "engine/agents.h"
#include "net/dispatch.h"
#include "net/frame.h"
#include "net/lookahead.h"
#include "net/server.h"
#include "storage/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAMES_MAX 8

/* Exception: a fuzzer has no other place to keep what outlives one input. */
static struct engine *engine;
static struct engine_worker *loop_worker;
static struct engine_worker *pool_worker;

static const char schema[] =
    "use expiration\n"
    "caveat quota(count int, limit int) { count < limit }\n"
    "definition user {}\n"
    "definition agent { relation acts_on_behalf_of: user | agent | user with quota }\n"
    "definition bot { permission acts_on_behalf_of = nil }\n"
    "definition group { relation member: user | group#member | group#member with quota }\n"
    "definition document {\n"
    "  relation parent: document | document with quota\n"
    "  relation viewer: user | group#member | user:* | user with quota | user with expiration |\n"
    "    user with quota and expiration | user:* with quota\n"
    "  relation banned: user | user with quota\n"
    "  permission view = (viewer + parent->view) - banned\n"
    "}\n";

static const char *const relationships[] = {
    "document:a#viewer@user:ann[quota:{\"limit\":3}]",
    "document:a#viewer@user:*[quota]",
    "document:a#viewer@user:bob[quota:{\"limit\":3}][expiration:2262-01-01T00:00:00Z]",
    "document:a#viewer@group:eng#member",
    "document:a#banned@user:bob[quota:{\"count\":1}]",
    "document:b#parent@document:a[quota:{\"count\":2}]",
    "document:a#viewer@user:cid[expiration:2262-01-01T00:00:00Z]",
    "group:eng#member@group:eng#member[quota]",
    "group:eng#member@user:cid",
    "agent:bot#acts_on_behalf_of@user:ann[quota:{\"count\":0}]",
};

static void
write_relationships(void)
{
    struct update updates[BEHALF_COUNT_OF(relationships)];
    struct engine_write write = {.kind = WRITE_RELATIONSHIPS,
                                 .updates = updates,
                                 .update_count = BEHALF_COUNT_OF(relationships)};
    struct arena arena;
    struct error error;

    arena_init(&arena, LIMIT_CHECK_ARENA);
    for (size_t index = 0; index < BEHALF_COUNT_OF(relationships); index++) {
        updates[index].op = UPDATE_TOUCH;
        BEHALF_ASSERT(relationship_parse(slice_of(relationships[index]), &arena,
                                         &updates[index].relationship, &error) == BEHALF_OK);
    }
    BEHALF_ASSERT(engine_write_wait(engine, &write, NULL) == BEHALF_OK);
    arena_release(&arena);
}

/* Ids are random, and inputs cannot know them: these stand for those of the world. */
static const char input_session[] = "ses_01JZ8PZ6WV3T5N0R2M4K7C9X1B";
static const char input_grant[] = "gr_01JZ8Q6WV3T5N0R2M4K7C9X1BD";
static struct record_id_text session_id;
static struct record_id_text grant_id;

/* A session of Ann and a grant whose uses the fuzzer does not come to an end of. */
static void
write_grant(void)
{
    static const struct slice actions[] = {{"view", 4}};
    static const struct engine_scope_element scope[] = {{{"document:*", 10}, actions, 1}};
    struct engine_root_grant grant = {
        .terms = {.scope = scope,
                  .scope_count = 1,
                  .end.in_ns = INT64_C(3600000000000),
                  .max_depth = 1,
                  .uses = UINT32_MAX},
        .approval.approver = {.type = {"user", 4}, .id = {"ann", 3}},
    };
    const struct engine_new_session session = {
        .principal = {.type = {"user", 4}, .id = {"ann", 3}},
        .agent = {.type = {"bot", 3}, .id = {"a", 1}},
        .end.in_ns = INT64_C(3600000000000),
        .grant = &grant,
    };
    struct engine_write write = {.kind = WRITE_SESSION_CREATE, .new_session = &session};

    BEHALF_ASSERT(engine_write_wait(engine, &write, NULL) == BEHALF_OK);
    record_id_print(&write.session, RECORD_PREFIX_SESSION, &session_id);
    record_id_print(&write.grant, RECORD_PREFIX_GRANT, &grant_id);
}

static void
replace(char *bytes, size_t size, const char *from, const char *to)
{
    size_t length = strlen(from);
    char *found = memmem(bytes, size, from, length);

    BEHALF_ASSERT(strlen(to) == length);
    for (; found != NULL; found = memmem(found, size - (size_t)(found - bytes), from, length))
        memcpy(found, to, length);
}

static void
open_world(void)
{
    const struct store_options store_options = {.env = env_system()};
    struct engine_options options = {.env = env_system(), .workers = 1};
    struct engine_write write = {.kind = WRITE_SCHEMA};
    struct error error;

    if (store_open(&store_options, &options.store, &error) != BEHALF_OK ||
        engine_open(&options, &engine, &error) != BEHALF_OK)
        abort();
    loop_worker = engine_worker_new(engine, false);
    pool_worker = engine_worker_new(engine, true);
    write.schema_text = slice_of(schema);
    BEHALF_ASSERT(engine_write_wait(engine, &write, NULL) == BEHALF_OK);
    write_relationships();
    write_grant();
}

static void
check_reply(const struct buffer *out)
{
    struct wire_reader reader = reader_of(buffer_slice(out));
    struct wire_value value;
    struct slice part;

    /* Trees may be deeper than a request may be. */
    BEHALF_ASSERT(out->size <= LIMIT_MESSAGE_SIZE && reader_skip(&reader, &part));
    BEHALF_ASSERT(reader.at == reader.end);
    reader = reader_of(buffer_slice(out));
    BEHALF_ASSERT(reader_next(&reader, &value) && value.kind == VALUE_ARRAY && value.number == 4);
    BEHALF_ASSERT(reader_next(&reader, &value) && value.number == 1);
    BEHALF_ASSERT(reader_skip(&reader, &part)); /* id */
    BEHALF_ASSERT(reader_next(&reader, &value));
    if (value.kind == VALUE_NIL)
        return;
    BEHALF_ASSERT(value.kind == VALUE_MAP && value.number >= 3);
    BEHALF_ASSERT(reader_next(&reader, &value) && slice_equal(value.bytes, slice_of("code")));
    BEHALF_ASSERT(reader_next(&reader, &value) && value.bytes.size > 0);
    BEHALF_ASSERT(reader_next(&reader, &value) && slice_equal(value.bytes, slice_of("reason")));
}

static void
run_write(const struct method_context *context, struct request *request, struct buffer *out)
{
    struct engine_write write = {.kind = WRITE_RELATIONSHIPS};

    /* Schemas grow without end and slow the fuzzer down; they have a fuzzer of their own. */
    if (!dispatch_prepare(context, request, &write, out))
        return;
    if (write.kind == WRITE_SCHEMA)
        dispatch_refuse(request,
                        &(struct error){.status = BEHALF_OVERLOADED, .index = ERROR_NO_INDEX}, out);
    else if (engine_write_wait(engine, &write, NULL) == BEHALF_OVERLOADED)
        dispatch_refuse(request,
                        &(struct error){.status = BEHALF_OVERLOADED, .index = ERROR_NO_INDEX}, out);
    else
        dispatch_written(context->worker, request, &write, out);
}

/* As the pool does: what takes uses of a grant is run again once they are taken. */
static void
run_read(struct method_context *context, struct request *request, struct buffer *out)
{
    struct engine_write write = {.kind = WRITE_USE};
    struct engine_use use = {.write = &write};
    enum dispatch_outcome outcome;

    context->worker = pool_worker;
    context->ahead = NULL;
    context->use = &use;
    outcome = dispatch_run(context, request, out);
    if (outcome == DISPATCH_SPEND) {
        BEHALF_ASSERT(out->size == 0);
        write.use = &use;
        if (engine_write_wait(engine, &write, NULL) == BEHALF_OK) {
            use.spent = true;
            outcome = dispatch_run(context, request, out);
        } else {
            dispatch_written(context->worker, request, &write, out);
            outcome = DISPATCH_REPLIED;
        }
    }
    BEHALF_ASSERT(outcome == DISPATCH_REPLIED);
}

static bool
run_frame(struct slice frame, struct arena *arena, struct buffer *out)
{
    static const struct server_memory memory = {.limit = 512, .graph = 256, .rest = 256};
    struct method_context context = {
        .engine = engine,
        .worker = loop_worker,
        .arena = arena,
        .arrived_ns = env_monotonic_ns(env_system()),
        .caller = &key_of_all,
        .memory = &memory,
    };
    struct slice window[] = {frame, frame};
    struct lookahead ahead;
    struct request request;
    enum dispatch_outcome outcome;

    arena_reset(arena, LIMIT_CHECK_ARENA);
    buffer_clear(out);
    lookahead(loop_worker, window, BEHALF_COUNT_OF(window), &ahead);
    context.ahead = ahead.of_frame[0];
    outcome = dispatch_frame(&context, frame, &request, out);
    if (outcome == DISPATCH_POOL) {
        BEHALF_ASSERT(out->size == 0);
        arena_reset(arena, LIMIT_CHECK_ARENA);
        run_read(&context, &request, out);
    } else if (outcome == DISPATCH_WRITE) {
        run_write(&context, &request, out);
    }
    check_reply(out);
    return outcome != DISPATCH_CLOSE;
}

static void
run_frames(const uint8_t *data, size_t size)
{
    struct frame_scanner scanner;
    struct arena arena;
    struct buffer out;
    size_t at = 0;

    arena_init(&arena, LIMIT_CHECK_ARENA);
    buffer_init(&out);
    for (int frames = 0; frames < FRAMES_MAX && at < size; frames++) {
        enum frame_state state;

        frame_scanner_init(&scanner, LIMIT_MESSAGE_SIZE);
        state = frame_scan(&scanner, data + at, size - at);
        if (state != FRAME_COMPLETE) {
            if (state != FRAME_PARTIAL) {
                buffer_clear(&out);
                dispatch_malformed((struct slice){(const char *)data + at, size - at},
                                   frame_state_text(state), &out);
                check_reply(&out);
            }
            break;
        }
        if (!run_frame((struct slice){(const char *)data + at, scanner.at}, &arena, &out))
            break;
        at += scanner.at;
    }
    buffer_release(&out);
    arena_release(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes;

    if (engine == NULL)
        open_world();
    if (size == 0)
        return 0;
    bytes = memory_copy((const char *)data, size);
    replace(bytes, size, input_session, session_id.text);
    replace(bytes, size, input_grant, grant_id.text);
    run_frames((const uint8_t *)bytes, size);
    memory_free(bytes);
    return 0;
}
