/* caveats.c - many threads evaluate the same conditions: the compiled form is shared, zones are
 * loaded and patterns compiled on the way, and every answer is the one a single thread gives. */
#include <pthread.h>
#include <stdio.h>

#include "schema/caveat.h"

#define THREADS 8
#define ROUNDS 400
#define CAP ((size_t)1024 * 1024)

static const char *const zones[] = {"Europe/Berlin",    "America/New_York", "Asia/Tokyo",
                                    "Australia/Sydney", "Africa/Lagos",     "Asia/Kolkata"};

static const char text[] = "now.getHours(zone) == hour || name.matches('^n' + string(hour) + '$')";

static const struct caveat *caveat;

static const struct datum *
context(struct arena *arena, size_t number)
{
    const struct datum *datum = NULL;
    struct buffer json;
    enum status status;

    buffer_init(&json);
    buffer_add_format(&json,
                      "{\"now\":\"2024-06-01T12:00:00Z\",\"zone\":\"%s\",\"hour\":%zu,"
                      "\"name\":\"n%zu\"}",
                      zones[number % BEHALF_COUNT_OF(zones)], number % 100,
                      number % 100 + (number % 2));
    status = datum_parse_json(buffer_slice(&json), arena, &datum, NULL);
    BEHALF_ASSERT(status == BEHALF_OK);
    buffer_release(&json);
    return datum;
}

static void *
run(void *argument)
{
    static const size_t hours[] = {14, 8, 21, 22, 13, 17};
    size_t *wrong = argument;
    struct arena arena;

    arena_init(&arena, CAP);
    for (size_t number = 0; number < ROUNDS; number++) {
        struct caveat_result result = {.outcome = CAVEAT_UNKNOWN};
        bool expected = number % 2 == 0 || number % 100 == hours[number % BEHALF_COUNT_OF(zones)];
        enum status status;

        arena_reset(&arena, CAP);
        status = caveat_evaluate(caveat, (struct slice){NULL, 0},
                                 &(struct caveat_inputs){.context = context(&arena, number)},
                                 CAVEAT_STEPS_MAX, &arena, &result, NULL);
        if (status != BEHALF_OK || result.outcome != (expected ? CAVEAT_TRUE : CAVEAT_FALSE))
            (*wrong)++;
    }
    arena_release(&arena);
    return NULL;
}

int
main(void)
{
    static const struct caveat_parameter parameters[] = {
        {{"now", 3}, {CAVEAT_TIMESTAMP, NULL}},
        {{"zone", 4}, {CAVEAT_STRING, NULL}},
        {{"hour", 4}, {CAVEAT_INT, NULL}},
        {{"name", 4}, {CAVEAT_STRING, NULL}},
    };
    pthread_t threads[THREADS];
    size_t wrong[THREADS] = {0};
    size_t total = 0;
    struct arena arena;
    enum status status;

    arena_init(&arena, CAP);
    status = caveat_compile(SLICE_LITERAL("c"), parameters, BEHALF_COUNT_OF(parameters), false,
                            slice_of(text), 1, 1, NULL, &arena, &caveat, NULL);
    BEHALF_ASSERT(status == BEHALF_OK);
    for (size_t index = 0; index < THREADS; index++)
        BEHALF_ASSERT(pthread_create(&threads[index], NULL, run, &wrong[index]) == 0);
    for (size_t index = 0; index < THREADS; index++) {
        (void)pthread_join(threads[index], NULL);
        total += wrong[index];
    }
    caveat_release(caveat);
    arena_release(&arena);
    if (total > 0)
        fprintf(stderr, "caveats: %zu wrong answers\n", total);
    return total > 0;
}
