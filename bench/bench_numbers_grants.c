/* bench_numbers_grants.c - figures of decisions by grants, as far as a client can see them. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/complain.h"
#include "base/memory.h"
#include "bench/bench_grants.h"
#include "bench/bench_numbers.h"

#define CLIENTS 64
#define MANY_USES UINT64_C(4000000000)
#define IN_FLIGHT 256
#define SESSION_GRANTS 990 /* of the 1,000 that one may have */
#define SESSIONS_MOST 1000 /* of one principal */
#define MAKE_RATE 1000.0   /* grants a second, while others are revoked */
#define REVOKES_MAX 4000
#define KILLS 15

/* --- N18, N19: rates -------------------------------------------------------------------------- */

static enum bench_exit
rate_with(const struct stage *stage, enum bench_method method, uint32_t connections, uint32_t depth,
          double *rate)
{
    struct stage quiet = *stage;
    struct report *report = NULL;
    enum bench_exit outcome;

    quiet.options.echo = false;
    outcome = stage_measure(&quiet, method, connections, depth, &report);
    if (outcome == BENCH_OK)
        *rate = stage_rate(report);
    report_free(report);
    return outcome;
}

static enum bench_exit
number_wire(const struct stage *stage)
{
    struct stage plain = *stage;
    double by_grant = 0;
    double alone = 0;
    enum bench_exit outcome;
    char what[128];

    plain.options.without_grants = true;
    outcome = rate_with(&plain, METHOD_CHECK, 16, 16, &alone);
    if (outcome == BENCH_OK)
        outcome = rate_with(stage, METHOD_CHECK, 16, 16, &by_grant);
    if (outcome != BENCH_OK)
        return outcome;
    (void)snprintf(what, sizeof what, "checks by grants, 16 x 16: %.0f/s, of the principal: %.0f/s",
                   by_grant, alone);
    print_number("N18", what, by_grant / alone, AIM_AT_LEAST, 0.6, "of plain");
    return BENCH_OK;
}

static enum bench_exit
numbers_of_writes(const struct stage *stage)
{
    struct stage counted = *stage;
    double writes = 0;
    double uses = 0;
    double grants = 0;
    enum bench_exit outcome;
    char what[128];

    counted.options.updates = 1;
    counted.options.grant_uses = MANY_USES;
    outcome = rate_with(&counted, METHOD_WRITE, CLIENTS, 1, &writes);
    if (outcome == BENCH_OK)
        outcome = rate_with(&counted, METHOD_CHECK, CLIENTS, 1, &uses);
    if (outcome == BENCH_OK)
        outcome = rate_with(stage, METHOD_GRANT, CLIENTS, 1, &grants);
    if (outcome != BENCH_OK)
        return outcome;
    (void)snprintf(what, sizeof what, "checks with uses, 64 clients: %.0f/s, writes: %.0f/s", uses,
                   writes);
    print_number("N19", what, uses / writes, AIM_AT_LEAST, 0.5, "of writes");
    (void)snprintf(what, sizeof what, "  grants.create, 64 clients: %.0f/s", grants);
    print_number("", what, grants / writes, AIM_AT_LEAST, 0.5, "of writes");
    return BENCH_OK;
}

/* --- N21: revoking beside makers -------------------------------------------------------------- */

struct maker {
    pthread_t thread;
    struct stage stage;
    enum bench_exit outcome;
    double rate;
};

static void *
make_along(void *context)
{
    struct maker *maker = context;

    maker->outcome = rate_with(&maker->stage, METHOD_GRANT, 16, 16, &maker->rate);
    return NULL;
}

static int
compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

static double
part_of(double *values, size_t count, double part)
{
    qsort(values, count, sizeof *values, compare_doubles);
    return values[(size_t)((double)(count - 1) * part)];
}

/* Calls with one argument that matters, and a reason. False after complaining. */
static bool
call_with(struct behalf_client *client, const char *method, const char *name, const char *value,
          double *ms)
{
    struct behalf_writer *arguments = behalf_writer_new();
    struct behalf_reply *reply = NULL;
    struct behalf_error error;
    int64_t from_ns = bench_now_ns();
    bool good;

    BEHALF_ASSERT(arguments != NULL);
    behalf_write_map(arguments, 2);
    behalf_write_text(arguments, name);
    behalf_write_text(arguments, value);
    behalf_write_text(arguments, "reason");
    behalf_write_text(arguments, "a measurement");
    good = behalf_call(client, method, arguments, &reply, &error) == BEHALF_SUCCESS;
    *ms = (double)(bench_now_ns() - from_ns) / 1e6;
    if (!good)
        complain(NULL, "%s: %s", method, error.message);
    behalf_reply_free(reply);
    behalf_writer_free(arguments);
    return good;
}

static enum bench_exit
revoke_all(const struct stage *stage, double *ms, size_t *count)
{
    struct behalf_client *client = NULL;
    uint64_t most = bench_grants_count(stage->options.grants);
    int64_t end_ns = bench_now_ns() + (int64_t)(stage->options.seconds * 1e9);
    bool good = behalf_connect(stage->options.endpoint, NULL, &client, NULL) == BEHALF_SUCCESS;

    *count = 0;
    for (uint64_t index = 0; good && index < most && *count < REVOKES_MAX; index++) {
        if (bench_now_ns() >= end_ns)
            break;
        good = call_with(client, "grants.revoke", "grant",
                         bench_grants_at(stage->options.grants, index)->grant, &ms[(*count)++]);
    }
    behalf_close(client);
    return good && *count > 0 ? BENCH_OK : BENCH_CONNECTION;
}

static enum bench_exit
number_revoke(const struct stage *stage)
{
    double *ms = memory_new_array(REVOKES_MAX, sizeof *ms);
    struct maker maker = {.stage = *stage, .outcome = BENCH_OK};
    enum bench_exit outcome = BENCH_CONNECTION;
    size_t count = 0;
    char what[128];

    maker.stage.options.rate = MAKE_RATE;
    maker.stage.options.repeat = 1;
    maker.stage.options.warmup_seconds = 0;
    maker.stage.options.seconds = stage->options.seconds + 1;
    if (pthread_create(&maker.thread, NULL, make_along, &maker) == 0) {
        outcome = revoke_all(stage, ms, &count);
        (void)pthread_join(maker.thread, NULL);
        outcome = outcome == BENCH_OK ? maker.outcome : outcome;
    }
    if (outcome == BENCH_OK) {
        (void)snprintf(what, sizeof what, "p99 of %zu revokes beside %.0f grants/s, median %.2f ms",
                       count, maker.rate, part_of(ms, count, 0.5));
        print_number("N21", what, part_of(ms, count, 0.99), AIM_AT_MOST, 10, "ms");
    }
    memory_free(ms);
    return outcome;
}

/* --- N20: many live grants -------------------------------------------------------------------- */

struct many {
    struct stage *stage;
    struct behalf_client *client;
    struct behalf_writer *writer;
    struct bench_grants *sessions;
    char (*ids)[BENCH_GRANT_ID_SIZE];
    uint32_t (*waiting)[2]; /* request (UINT32_MAX = none) and grant of what is in flight */
    uint64_t count;
};

/* All to one agent, of as many people as there have to be. */
static bool
make_sessions(struct many *many)
{
    uint64_t wanted = (many->count + SESSION_GRANTS - 1) / SESSION_GRANTS;

    for (uint64_t index = 0; index < wanted; index++) {
        char principal[32];
        char selector[48];
        struct bench_grant_words words = {.agents = SLICE_LITERAL("agent:0-0"),
                                          .action = SLICE_LITERAL("view")};

        (void)snprintf(principal, sizeof principal, "user:0-%u",
                       (unsigned)(index / SESSIONS_MOST * 2 + index % 2));
        (void)snprintf(selector, sizeof selector, "document:0-%u", (unsigned)index);
        words.principal = slice_of(principal);
        words.selector = slice_of(selector);
        bench_grants_want(many->sessions, &words);
    }
    return bench_grants_make(many->sessions, many->stage->options.endpoint, NULL);
}

static const struct bench_grant *
session_of(const struct many *many, uint64_t number)
{
    return bench_grants_at(many->sessions, number / SESSION_GRANTS);
}

static void
put_make(struct many *many, uint64_t number)
{
    bench_grants_put_root(many->writer, session_of(many, number), 0);
}

static void
put_use(struct many *many, uint64_t number)
{
    const struct bench_grant *session = session_of(many, number);

    behalf_write_map(many->writer, 5);
    behalf_write_text(many->writer, "resource");
    behalf_write_string(many->writer, session->words.selector.data, session->words.selector.size);
    behalf_write_text(many->writer, "permission");
    behalf_write_text(many->writer, "view");
    behalf_write_text(many->writer, "subject");
    behalf_write_string(many->writer, session->words.principal.data, session->words.principal.size);
    behalf_write_text(many->writer, "actor");
    behalf_write_text(many->writer, "agent:0-0");
    behalf_write_text(many->writer, "grant");
    behalf_write_text(many->writer, many->ids[number]);
}

static bool
take_one(struct many *many, bool makes)
{
    struct behalf_reply *reply = NULL;
    struct behalf_error error;
    const char *text;
    size_t place = 0;
    size_t size;
    bool good;

    if (behalf_next(many->client, &reply, &error) != BEHALF_SUCCESS) {
        complain(NULL, "%s", error.message);
        return false;
    }
    while (many->waiting[place][0] != behalf_reply_id(reply))
        place++;
    good = behalf_reply_check(reply, &error) == BEHALF_SUCCESS;
    if (!good)
        complain(NULL, "%s", error.message);
    if (good && makes) {
        good = behalf_value_string(behalf_value_get(behalf_reply_result(reply), "grant"), &text,
                                   &size) &&
               size < BENCH_GRANT_ID_SIZE;
        if (good)
            memcpy(many->ids[many->waiting[place][1]], text, size);
    }
    many->waiting[place][0] = UINT32_MAX;
    behalf_reply_free(reply);
    return good;
}

/* One call for each grant. */
static bool
call_all(struct many *many, const char *method, void (*put)(struct many *many, uint64_t number),
         double *per_second)
{
    bool makes = put == put_make;
    int64_t from_ns = bench_now_ns();
    struct behalf_error error;
    bool good = true;

    memset(many->waiting, 0xff, IN_FLIGHT * sizeof *many->waiting);
    for (uint64_t number = 0; good && number < many->count; number++) {
        size_t place = 0;

        if (behalf_in_flight(many->client) == IN_FLIGHT)
            good = take_one(many, makes);
        while (good && many->waiting[place][0] != UINT32_MAX)
            place++;
        behalf_writer_clear(many->writer);
        put(many, number);
        good = good && behalf_submit(many->client, method, many->writer, &many->waiting[place][0],
                                     &error) == BEHALF_SUCCESS;
        many->waiting[place][1] = (uint32_t)number;
    }
    while (good && behalf_in_flight(many->client) > 0)
        good = take_one(many, makes);
    *per_second = (double)many->count * 1e9 / (double)(bench_now_ns() - from_ns);
    return good;
}

static void
print_bytes(const struct many *many, const char *what, uint64_t before, uint64_t after)
{
    print_number("", what, ((double)after - (double)before) / (double)many->count, AIM_NONE, 0,
                 "bytes");
}

/* From the end of the server to the first answer by a grant. */
static enum bench_exit
number_first_answer(struct many *many)
{
    struct stage *stage = many->stage;
    struct behalf_reply *reply = NULL;
    enum bench_exit outcome = BENCH_CONNECTION;
    int64_t from_ns;

    bench_serve_end(&stage->server, SIGTERM);
    from_ns = bench_now_ns();
    behalf_close(many->client);
    many->client = NULL;
    if (!bench_serve_restart(&stage->server))
        return outcome;
    stage->options.endpoint = stage->server.endpoint;
    behalf_writer_clear(many->writer);
    put_use(many, many->count / 2);
    if (behalf_connect(stage->options.endpoint, NULL, &many->client, NULL) == BEHALF_SUCCESS &&
        behalf_call(many->client, "check", many->writer, &reply, NULL) == BEHALF_SUCCESS)
        outcome = BENCH_OK;
    if (outcome == BENCH_OK)
        print_number("", "  first answer by a grant after an orderly end",
                     (double)(bench_now_ns() - from_ns) / 1e9, AIM_AT_MOST, 1, "s");
    behalf_reply_free(reply);
    return outcome;
}

/* Median of some kills, each taken back. */
static bool
kill_some(struct many *many, const char *agent, double *median)
{
    double ms[KILLS];
    double ignored;

    for (size_t at = 0; at < KILLS; at++)
        if (!call_with(many->client, "agents.kill", "agent", agent, &ms[at]) ||
            !call_with(many->client, "agents.restore", "agent", agent, &ignored))
            return false;
    *median = part_of(ms, KILLS, 0.5);
    return true;
}

static bool
number_kill(struct many *many)
{
    double many_ms = 0;
    double one_ms = 0;
    char what[128];

    if (!kill_some(many, "agent:0-59", &one_ms) || !kill_some(many, "agent:0-0", &many_ms))
        return false;
    (void)snprintf(what, sizeof what,
                   "kill of an agent with %.0e grants: %.2f ms, another: %.2f ms",
                   (double)many->count, many_ms, one_ms);
    print_number("N21", what, many_ms / one_ms, AIM_AT_MOST, 2, "x");
    return true;
}

static enum bench_exit
measure_many(struct many *many)
{
    struct bench_server *server = &many->stage->server;
    uint64_t resident = 0;
    uint64_t disk = 0;
    double rate = 0;
    char what[128];

    if (!make_sessions(many))
        return BENCH_CONNECTION;
    resident = bench_serve_resident_bytes(server);
    disk = bench_serve_disk_bytes(server);
    if (!call_all(many, "grants.create", put_make, &rate))
        return BENCH_CONNECTION;
    (void)snprintf(what, sizeof what, "%.0e live grants made, many in flight", (double)many->count);
    print_number("N20", what, rate, AIM_NONE, 0, "/s");
    print_bytes(many, "  resident, each, made", resident, bench_serve_resident_bytes(server));
    print_bytes(many, "  disk, each, changelog and log files included", disk,
                bench_serve_disk_bytes(server));
    if (!call_all(many, "check", put_use, &rate))
        return BENCH_CONNECTION;
    print_bytes(many, "  resident, each, made and used", resident,
                bench_serve_resident_bytes(server));
    if (number_first_answer(many) != BENCH_OK)
        return BENCH_CONNECTION;
    /* In a server that has just begun: what is used again and nothing else is resident. */
    resident = bench_serve_resident_bytes(server);
    if (!call_all(many, "check", put_use, &rate))
        return BENCH_CONNECTION;
    print_number("", "  resident, each, when used",
                 ((double)bench_serve_resident_bytes(server) - (double)resident) /
                     (double)many->count,
                 AIM_AT_MOST, 256, "bytes");
    return number_kill(many) ? BENCH_OK : BENCH_CONNECTION;
}

static enum bench_exit
numbers_of_many(const struct bench_options *options, const char *name)
{
    struct stage stage;
    struct many many = {.stage = &stage, .count = options->size};
    enum bench_exit outcome = stage_open(&stage, options, name, WORKLOAD_SMALL);

    many.writer = behalf_writer_new();
    many.sessions = bench_grants_new();
    many.ids = memory_new_array(many.count, sizeof *many.ids);
    many.waiting = memory_new_array(IN_FLIGHT, sizeof *many.waiting);
    BEHALF_ASSERT(many.writer != NULL);
    if (outcome == BENCH_OK &&
        behalf_connect(stage.options.endpoint, NULL, &many.client, NULL) == BEHALF_SUCCESS)
        outcome = measure_many(&many);
    behalf_close(many.client);
    behalf_writer_free(many.writer);
    bench_grants_free(many.sessions);
    memory_free(many.ids);
    memory_free(many.waiting);
    stage_close(&stage);
    return outcome;
}

enum bench_exit
numbers_of_grants(const struct bench_options *options, const char *name)
{
    struct stage stage;
    enum bench_exit outcome = stage_open(&stage, options, name, WORKLOAD_SMALL);

    if (outcome == BENCH_OK)
        outcome = stage_warm(&stage);
    if (outcome == BENCH_OK)
        outcome = number_wire(&stage);
    if (outcome == BENCH_OK)
        outcome = numbers_of_writes(&stage);
    if (outcome == BENCH_OK)
        outcome = number_revoke(&stage);
    stage_close(&stage);
    return outcome == BENCH_OK ? numbers_of_many(options, name) : outcome;
}
