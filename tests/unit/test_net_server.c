/* test_net_server.c - what the server says of itself, by calls as they come over the wire. */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <string.h>

#include "base/env.h"
#include "cli/cli.h"
#include "net/dispatch.h"
#include "storage/store.h"

#define SECOND INT64_C(1000000000)
#define START (INT64_C(1790000000) * SECOND) /* 2026-09-21T14:13:20Z */

/* Clocks that show what a test wants. */
struct clocks {
    atomic_int_fast64_t wall; /* the engine's threads look too */
    atomic_int_fast64_t monotonic;
};

static int64_t
read_wall(void *context)
{
    struct clocks *shown = context;

    return atomic_load(&shown->wall);
}

static int64_t
read_monotonic(void *context)
{
    struct clocks *shown = context;

    return atomic_load(&shown->monotonic);
}

static struct clocks clocks;
static struct env env;
static struct engine *engine;
static struct store *store;
static struct engine_worker *worker;
static struct arena arena;

static void
begin(void)
{
    struct engine_options options = {
        .env = &env, .workers = 1, .sweep_every_ns = ENGINE_SWEEP_NEVER};
    struct store_options store_options = {.env = &env};
    struct error error;

    atomic_store(&clocks.wall, START);
    atomic_store(&clocks.monotonic, SECOND);
    env = *env_system();
    env.context = &clocks;
    env.wall_ns = read_wall;
    env.monotonic_ns = read_monotonic;
    arena_init(&arena, LIMIT_CHECK_ARENA);
    cr_assert_eq(store_open(&store_options, &store, &error), BEHALF_OK);
    options.store = store;
    cr_assert_eq(engine_open(&options, &engine, &error), BEHALF_OK);
    worker = engine_worker_new(engine, true);
}

static void
end(void)
{
    engine_worker_free(worker);
    engine_close(engine);
    store_close(store);
    arena_release(&arena);
}

TestSuite(net_server, .init = begin, .fini = end);

/* The result (or error) of a call with one argument or none, as JSON. */
static const char *
call(const char *method, const char *name, const char *value)
{
    static char json[4096];
    const struct server_memory memory = {.limit = 512, .graph = 256, .rest = 256};
    struct method_context context = {.engine = engine,
                                     .worker = worker,
                                     .arena = &arena,
                                     .caller = &key_of_all,
                                     .memory = &memory};
    struct behalf_writer *writer = behalf_writer_new();
    struct behalf_value reply;
    struct request request;
    struct buffer out;
    struct buffer text;
    struct slice frame;

    behalf_write_array(writer, 4);
    behalf_write_uint(writer, 0);
    behalf_write_uint(writer, 7);
    behalf_write_text(writer, method);
    behalf_write_array(writer, 1);
    behalf_write_map(writer, name != NULL ? 1 : 0);
    if (name != NULL) {
        behalf_write_text(writer, name);
        behalf_write_text(writer, value);
    }
    frame.data = (const char *)behalf_writer_bytes(writer, &frame.size);
    buffer_init(&out);
    buffer_init(&text);
    if (dispatch_frame(&context, frame, &request, &out) == DISPATCH_POOL)
        cr_assert_eq(dispatch_run(&context, &request, &out), DISPATCH_REPLIED);
    reply = (struct behalf_value){(const unsigned char *)out.data, out.size};
    cli_json_value(&text, reply);
    (void)snprintf(json, sizeof json, "%s", text.data);
    buffer_release(&text);
    buffer_release(&out);
    behalf_writer_free(writer);
    return json;
}

#define AT_START "2026-09-21T14:13:20Z"
#define TWO_HOURS_ON "2026-09-21T16:13:20Z"
#define CLOCK(state, now, wall, trusted)                                                           \
    "[1,7,null,{\"state\":\"" state "\",\"now\":\"" now "\",\"wall\":\"" wall                      \
    "\",\"trusted\":\"" trusted "\"}]"

/* Of a fresh server: what was counted is what was asked. */
Test(net_server, stats_count_what_was_asked)
{
    struct engine_worker *loop = engine_worker_new(engine, false);
    struct engine_worker *asker = worker;
    const char *shown;

    (void)call("check", "resource", "document:a");
    worker = loop;
    (void)call("lookup_subjects", "resource", "document:a");
    worker = asker;
    shown = call("server.stats", NULL, NULL);
    cr_assert_not_null(strstr(shown, "[1,7,null,{\"revision\":0,\"uptime_ms\":0,\"graph\":{"));
    cr_assert_not_null(
        strstr(shown, "\"loops\":{\"checks\":0,\"handed_on\":0,\"errors\":1,\"internal\":0}"), "%s",
        shown);
    cr_assert_not_null(
        strstr(shown, "\"pool\":{\"checks\":0,\"lookups\":0,\"errors\":1,\"internal\":0,"), "%s",
        shown);
    engine_worker_free(loop);
}

Test(net_server, a_clock_that_jumps_waits_for_an_operator)
{
    cr_assert_str_eq(call("server.clock", NULL, NULL),
                     CLOCK("agrees", AT_START, AT_START, AT_START));
    atomic_fetch_add(&clocks.wall, 7200 * SECOND);
    cr_assert_str_eq(call("server.clock", NULL, NULL),
                     CLOCK("ahead", TWO_HOURS_ON, TWO_HOURS_ON, AT_START));
    cr_assert_not_null(strstr(call("server.info", NULL, NULL), "\"clock\":{\"state\":\"ahead\""));
    cr_assert_str_eq(call("server.clock", "action", "reject"),
                     CLOCK("rejected", AT_START, TWO_HOURS_ON, AT_START));
    cr_assert_str_eq(call("server.clock", NULL, NULL),
                     CLOCK("rejected", AT_START, TWO_HOURS_ON, AT_START));
    cr_assert_str_eq(call("server.clock", "action", "confirm"),
                     CLOCK("agrees", TWO_HOURS_ON, TWO_HOURS_ON, TWO_HOURS_ON));
}

Test(net_server, an_action_is_one_of_two_words)
{
    cr_assert_not_null(strstr(call("server.clock", "action", "accept"),
                              "argument 'action': must be \\\"confirm\\\" or \\\"reject\\\""));
    cr_assert_not_null(strstr(call("server.clock", "acton", "reject"), "UNKNOWN_ARGUMENT"));
    cr_assert_not_null(strstr(call("server.clock", NULL, NULL), "\"agrees\""));
}
