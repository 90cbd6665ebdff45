/* caveat.c - what the evaluation of a condition costs.
 *
 * Method: each expression is compiled once and evaluated with one context; a number is the median
 * of ROUNDS rounds of a thread's own CPU time per evaluation, in nanoseconds. `bytes` is what one
 * evaluation took from its arena. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/datum.h"
#include "schema/caveat.h"

#define ROUNDS 9
#define EVALUATIONS 200000
#define CAP ((size_t)1024 * 1024)

struct subject {
    const char *text;
    const char *stored;
    const char *request;
    struct caveat_parameter parameters[3];
    size_t count;
};

#define PARAMETER(name, kind)                                                                      \
    {                                                                                              \
        {name, sizeof(name) - 1},                                                                  \
        {                                                                                          \
            CAVEAT_##kind, NULL                                                                    \
        }                                                                                          \
    }

static const struct subject subjects[] = {
    {"count < limit",
     "{\"limit\":4}",
     "{\"count\":3}",
     {PARAMETER("count", INT), PARAMETER("limit", INT)},
     2},
    {"count < limit", "{\"limit\":4}", "{}", {PARAMETER("count", INT), PARAMETER("limit", INT)}, 2},
    {"used < limit",
     "{\"limit\":0.75}",
     "{\"used\":0.5}",
     {PARAMETER("used", DOUBLE), PARAMETER("limit", DOUBLE)},
     2},
    {"region == home",
     "{\"home\":\"eu-central-1\"}",
     "{\"region\":\"eu-central-1\"}",
     {PARAMETER("region", STRING), PARAMETER("home", STRING)},
     2},
    {"now < until",
     "{\"until\":\"2024-01-01T01:00:00Z\"}",
     "{\"now\":\"2024-01-01T00:30:00Z\"}",
     {PARAMETER("now", TIMESTAMP), PARAMETER("until", TIMESTAMP)},
     2},
    {"enabled && !blocked",
     "{\"blocked\":false}",
     "{\"enabled\":true}",
     {PARAMETER("enabled", BOOL), PARAMETER("blocked", BOOL)},
     2},
    {"role in ['admin', 'owner', 'auditor']",
     "{}",
     "{\"role\":\"auditor\"}",
     {PARAMETER("role", STRING)},
     1},
    {"ip.in_cidr('10.0.0.0/8') && !blocked",
     "{\"blocked\":false}",
     "{\"ip\":\"10.1.2.3\"}",
     {PARAMETER("ip", IPADDRESS), PARAMETER("blocked", BOOL)},
     2},
    {"now < granted + duration('1h')",
     "{\"granted\":\"2024-01-01T00:00:00Z\"}",
     "{\"now\":\"2024-01-01T00:30:00Z\"}",
     {PARAMETER("now", TIMESTAMP), PARAMETER("granted", TIMESTAMP)},
     2},
    {"now.getHours('Europe/Berlin') >= 9",
     "{}",
     "{\"now\":\"2024-01-01T09:30:00Z\"}",
     {PARAMETER("now", TIMESTAMP)},
     1},
    {"name.matches('^report-[0-9]+$')",
     "{}",
     "{\"name\":\"report-2024\"}",
     {PARAMETER("name", STRING)},
     1},
    {"tags.all(t, t.startsWith('x'))",
     "{}",
     "{\"tags\":[\"x1\",\"x2\",\"x3\",\"x4\"]}",
     {PARAMETER("tags", LIST)},
     1},
    {"name.matches(pattern)",
     "{\"pattern\":\"^report-[0-9]+$\"}",
     "{\"name\":\"report-2024\"}",
     {PARAMETER("name", STRING), PARAMETER("pattern", STRING)},
     2},
    {"tag in tags",
     "{\"tags\":[\"x1\",\"x2\",\"x3\",\"x4\"]}",
     "{\"tag\":\"x3\"}",
     {PARAMETER("tag", STRING), PARAMETER("tags", LIST)},
     2},
};

static void
must(enum status status, const struct error *error)
{
    if (status == BEHALF_OK)
        return;
    fprintf(stderr, "micro/caveat: %s: %s\n", status_name(status), error->message);
    exit(1);
}

static int64_t
thread_cpu_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int
compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

static void
measure(const struct subject *subject)
{
    const struct caveat *caveat = NULL;
    const struct datum *datum = NULL;
    const struct datum *request = NULL;
    struct arena arena;
    struct arena scratch;
    struct caveat_result result = {CAVEAT_FALSE, 0};
    struct slice nothing = {NULL, 0};
    struct buffer stored;
    double rounds[ROUNDS];
    size_t bytes = 0;
    struct error error;

    arena_init(&arena, CAP);
    arena_init(&scratch, CAP);
    must(caveat_compile(SLICE_LITERAL("c"), subject->parameters, subject->count,
                        slice_of(subject->text), 1, 1, &arena, &caveat, &error),
         &error);
    must(datum_parse_json(slice_of(subject->stored), &arena, &datum, &error), &error);
    buffer_init(&stored);
    datum_encode(datum, &stored);
    must(datum_parse_json(slice_of(subject->request), &arena, &request, &error), &error);
    for (size_t round = 0; round < ROUNDS; round++) {
        int64_t begun = thread_cpu_ns();

        for (int count = 0; count < EVALUATIONS; count++) {
            arena_reset(&scratch, CAP);
            must(caveat_evaluate(caveat, datum->as.map.count > 0 ? buffer_slice(&stored) : nothing,
                                 request, &scratch, &result, &error),
                 &error);
        }
        rounds[round] = (double)(thread_cpu_ns() - begun) / EVALUATIONS;
    }
    if (scratch.chunks != NULL)
        bytes = (size_t)(scratch.next - (char *)scratch.chunks);
    qsort(rounds, ROUNDS, sizeof rounds[0], compare_doubles);
    printf("%-40s %-8s %8.0f ns %8zu bytes\n", subject->text,
           result.outcome == CAVEAT_TRUE    ? "true"
           : result.outcome == CAVEAT_FALSE ? "false"
                                            : "unknown",
           rounds[ROUNDS / 2], bytes);
    buffer_release(&stored);
    caveat_release(caveat);
    arena_release(&scratch);
    arena_release(&arena);
}

int
main(void)
{
    for (size_t index = 0; index < BEHALF_COUNT_OF(subjects); index++)
        measure(&subjects[index]);
    return 0;
}
