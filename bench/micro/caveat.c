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
    struct caveat_result result = {.outcome = CAVEAT_FALSE};
    struct slice nothing = {NULL, 0};
    struct buffer stored;
    double rounds[ROUNDS];
    size_t bytes = 0;
    struct error error;

    arena_init(&arena, CAP);
    arena_init(&scratch, CAP);
    must(caveat_compile(SLICE_LITERAL("c"), subject->parameters, subject->count, false,
                        slice_of(subject->text), 1, 1, NULL, &arena, &caveat, &error),
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
                                 &(struct caveat_inputs){.context = request}, CAVEAT_STEPS_MAX,
                                 &scratch, &result, &error),
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

/* --- the price of a step ---------------------------------------------------------------------- */

#define TEXT_SIZE 60000 /* nearly what a context may have */

/* Inputs that make a function take as long as it can, for what it is charged. */
static void
fill_text(struct buffer *out, const char *unit, size_t size)
{
    size_t start = out->size;

    while (out->size - start < size)
        buffer_add_text(out, unit);
    out->size = start + size;
}

/* Texts that no automaton has seen a part of: x and y at random. */
static void
fill_random(struct buffer *out, size_t size)
{
    uint64_t random = 88172645463325252;

    for (size_t index = 0; index < size; index++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        buffer_add_byte(out, (random & 1) != 0 ? 'x' : 'y');
    }
}

/* {"a": text of `unit`, "b": shorter text and its end} */
static void
put_texts(struct buffer *out, const char *unit, size_t part, const char *end)
{
    buffer_add_text(out, "{\"a\":\"");
    if (unit == NULL)
        fill_random(out, TEXT_SIZE);
    else
        fill_text(out, unit, TEXT_SIZE - part);
    buffer_add_text(out, "\",\"b\":\"");
    if (unit != NULL)
        fill_text(out, unit, part);
    buffer_add_text(out, end);
    buffer_add_text(out, "\"}");
}

/* {"l": [item, ...]} */
static void
put_list(struct buffer *out, const char *item, size_t count)
{
    buffer_add_text(out, "{\"l\":[");
    for (size_t index = 0; index < count; index++) {
        buffer_add_text(out, index > 0 ? "," : "");
        buffer_add_text(out, item);
    }
    buffer_add_text(out, "]}");
}

/* {"m": {long key 0: 0, ...}, "n": the same} */
static void
put_maps(struct buffer *out, size_t key_size, size_t count)
{
    for (int map = 0; map < 2; map++) {
        buffer_add_text(out, map == 0 ? "{\"m\":{" : "},\"n\":{");
        for (size_t index = 0; index < count; index++) {
            buffer_add_text(out, index > 0 ? ",\"" : "\"");
            fill_text(out, "k", key_size);
            buffer_add_format(out, "%05zu\":0", index);
        }
    }
    buffer_add_text(out, "}}");
}

#define A PARAMETER("a", STRING)
#define BB PARAMETER("b", STRING)
#define L PARAMETER("l", LIST)
#define M PARAMETER("m", MAP)
#define N PARAMETER("n", MAP)

static const struct price {
    const char *text;
    struct caveat_parameter parameters[2];
    size_t count;
    enum { GIVE_TEXTS, GIVE_LIST, GIVE_MAPS } give;
    const char *unit;
    size_t part;
    const char *end;
} prices[] = {
    {"a.contains(b)", {A, BB}, 2, GIVE_TEXTS, "a", 250, "b"},
    {"a.contains(b)", {A, BB}, 2, GIVE_TEXTS, "a", 20000, "b"},
    {"a.contains(b)", {A, BB}, 2, GIVE_TEXTS, "ab", 200, "aa"},
    {"a.startsWith(b) || a.endsWith(b)", {A, BB}, 2, GIVE_TEXTS, "a", 20000, "b"},
    {"a == b || a < b", {A, BB}, 2, GIVE_TEXTS, "a", 29999, "b"},
    {"size(a) + size(b) == 0", {A, BB}, 2, GIVE_TEXTS, "a", 10, ""},
    {"(a + b + a + b + a + b).size() == 0", {A, BB}, 2, GIVE_TEXTS, "a", 30000, ""},
    {"a.matches(b)", {A, BB}, 2, GIVE_TEXTS, "ab", 0, "(a|b)*a(a|b){12}c"},
    {"a.matches(b)", {A, BB}, 2, GIVE_TEXTS, "a", 0, "((a{0,30}b{0,30}){0,20}k)"},
    {"a.matches('(x|y)*x(x|y){14}z') || b == ''", {A, BB}, 2, GIVE_TEXTS, NULL, 0, ""},
    {"a.matches('(x|y)*x(x|y){60}z') || b == ''", {A, BB}, 2, GIVE_TEXTS, NULL, 0, ""},
    {"a.matches('((x|y){0,30}(x|yx){0,30}){0,6}z') || b == ''",
     {A, BB},
     2,
     GIVE_TEXTS,
     NULL,
     0,
     ""},
    {"a.matches('(x|y)*x(x|y){200}z') || b == ''", {A, BB}, 2, GIVE_TEXTS, NULL, 0, ""},
    {"a.matches('(x|y)*x(x|y){10}(x|y)*y(x|y){30}z') || b == ''",
     {A, BB},
     2,
     GIVE_TEXTS,
     NULL,
     0,
     ""},
    {"b.matches(a)", {A, BB}, 2, GIVE_TEXTS, "a", 56000, "b"},
    {"a.matches('(x+x+)+y|z{0,100}') || b == ''", {A, BB}, 2, GIVE_TEXTS, "x", 0, ""},
    {"int(a) == 1 || double(a) == 1.0 || b == ''", {A, BB}, 2, GIVE_TEXTS, "0", 0, ""},
    {"double(a) == 1.0 || b == ''", {A, BB}, 2, GIVE_TEXTS, "1", 0, ""},
    {"duration(a) > duration('1h') || b == ''", {A, BB}, 2, GIVE_TEXTS, "0h", 0, ""},
    {"timestamp(a) > timestamp(0) || b == ''", {A, BB}, 2, GIVE_TEXTS, "0", 0, ""},
    {"string(bytes(a)) == b", {A, BB}, 2, GIVE_TEXTS, "\303\244", 0, ""},
    {"l.all(x, x != 1)", {L}, 1, GIVE_LIST, "0", 20000, ""},
    {"l.exists(x, x in l)", {L}, 1, GIVE_LIST, "1.5", 200, ""},
    {"l.all(x, string(x) != 'x')", {L}, 1, GIVE_LIST, "1.2345678901234e-300", 1000, ""},
    {"l.all(x, timestamp(x).getHours('Pacific/Auckland') >= 0)",
     {L},
     1,
     GIVE_LIST,
     "1700000000",
     2000,
     ""},
    {"l.all(x, ipaddress('1.2.3.4').in_cidr('1.2.3.0/24'))", {L}, 1, GIVE_LIST, "1", 2000, ""},
    {"l.all(x, {'a': x, 'c': x, 'b': x}.size() > 0)", {L}, 1, GIVE_LIST, "1", 2000, ""},
    {"l.all(x, (l + l).size() > 0)", {L}, 1, GIVE_LIST, "1", 150, ""},
    {"l.map(x, l.map(y, y)).size() > 0", {L}, 1, GIVE_LIST, "1", 150, ""},
    {"m.isSubtreeOf(n)", {M, N}, 2, GIVE_MAPS, NULL, 4, "3000"},
    {"m.isSubtreeOf(n)", {M, N}, 2, GIVE_MAPS, NULL, 1000, "25"},
    {"m == n", {M, N}, 2, GIVE_MAPS, NULL, 1000, "25"},
    {"m.all(k, k in n)", {M, N}, 2, GIVE_MAPS, NULL, 4, "2000"},
};

static void
put_context(const struct price *price, struct buffer *out)
{
    switch (price->give) {
    case GIVE_TEXTS:
        put_texts(out, price->unit, price->part, price->end);
        break;
    case GIVE_LIST:
        put_list(out, price->unit, price->part);
        break;
    case GIVE_MAPS:
        put_maps(out, price->part, (size_t)strtoul(price->end, NULL, 10));
        break;
    }
}

static void
measure_price(const struct price *price)
{
    const struct caveat *caveat = NULL;
    const struct datum *request = NULL;
    struct caveat_result result = {.steps = 0};
    struct arena arena;
    struct arena scratch;
    struct buffer json;
    struct error error;
    enum status status = BEHALF_OK;
    int64_t ns = INT64_MAX;

    arena_init(&arena, CAP);
    arena_init(&scratch, CAP);
    buffer_init(&json);
    must(caveat_compile(SLICE_LITERAL("c"), price->parameters, price->count, false,
                        slice_of(price->text), 1, 1, NULL, &arena, &caveat, &error),
         &error);
    put_context(price, &json);
    must(datum_parse_json(buffer_slice(&json), &arena, &request, &error), &error);
    for (int round = 0; round < ROUNDS; round++) {
        int64_t begun = thread_cpu_ns();

        arena_reset(&scratch, CAP);
        status = caveat_evaluate(caveat, (struct slice){NULL, 0},
                                 &(struct caveat_inputs){.context = request}, CAVEAT_STEPS_MAX,
                                 &scratch, &result, &error);
        begun = thread_cpu_ns() - begun;
        ns = begun < ns ? begun : ns;
    }
    printf("%-60s %8.1f us %6u steps %7.1f ns a step  %s\n", price->text, (double)ns / 1000,
           result.steps, (double)ns / result.steps, status == BEHALF_OK ? "" : status_name(status));
    buffer_release(&json);
    caveat_release(caveat);
    arena_release(&scratch);
    arena_release(&arena);
}

int
main(void)
{
    for (size_t index = 0; index < BEHALF_COUNT_OF(subjects); index++)
        measure(&subjects[index]);
    for (size_t index = 0; index < BEHALF_COUNT_OF(prices); index++)
        measure_price(&prices[index]);
    return 0;
}
