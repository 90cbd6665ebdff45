/* test_denial.c - what a denial is for: words that are the same have one digest, others another. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "net/denial.h"
#include "net/limits.h"

static const struct object bot = {.type = {"agent", 5}, .id = {"bot", 3}};

/* The digest of a body asked by a caller through the agents. */
static void
digest_of(const char *caller, const struct object *agents, size_t agent_count, const char *text,
          uint8_t digest[DIGEST_SIZE])
{
    const struct datum *body = NULL;
    struct authzen_words words;
    struct arena arena;
    struct error error;

    arena_init(&arena, LIMIT_CHECK_ARENA);
    cr_assert_eq(authzen_read_body(slice_of(text), &arena, &body, &error), BEHALF_OK, "%s",
                 error.message);
    cr_assert_eq(authzen_read_words(body, NULL, AUTHZEN_EVERYTHING, &words, &error), BEHALF_OK,
                 "%s", error.message);
    denial_digest(slice_of(caller), agents, agent_count, &words, digest);
    arena_release(&arena);
}

static bool
same(const char *one, const char *other)
{
    uint8_t digests[2][DIGEST_SIZE];

    digest_of("gateway", &bot, 1, one, digests[0]);
    digest_of("gateway", &bot, 1, other, digests[1]);
    return memcmp(digests[0], digests[1], DIGEST_SIZE) == 0;
}

static const char plain[] = "{\"subject\":{\"type\":\"user\",\"id\":\"ann\"},"
                            "\"resource\":{\"type\":\"document\",\"id\":\"d1\"},"
                            "\"action\":{\"name\":\"delete\"}}";

Test(denial, what_is_written_otherwise_and_says_the_same_is_the_same)
{
    static const char *const bodies[] = {
        " {\"action\": {\"name\": \"delete\"}, \"resource\": {\"id\": \"d1\", \"type\": "
        "\"document\"}, \"subject\": {\"id\": \"\\u0061nn\", \"type\": \"user\"}}",
        /* the agents are words of their own */
        "{\"subject\":{\"type\":\"user\",\"id\":\"ann\","
        "\"properties\":{\"act\":{\"sub\":\"bot\"}}},"
        "\"resource\":{\"type\":\"document\",\"id\":\"d1\"},\"action\":{\"name\":\"delete\"}}",
        /* nor does the context count */
        "{\"subject\":{\"type\":\"user\",\"id\":\"ann\",\"properties\":{}},"
        "\"resource\":{\"type\":\"document\",\"id\":\"d1\"},\"action\":{\"name\":\"delete\"},"
        "\"context\":{\"agent\":\"bot\",\"time\":7}}",
    };

    for (size_t at = 0; at < BEHALF_COUNT_OF(bodies); at++)
        cr_expect(same(plain, bodies[at]), "%s", bodies[at]);
}

Test(denial, each_word_counts)
{
    static const char *const bodies[] = {
        "{\"subject\":{\"type\":\"users\",\"id\":\"ann\"},\"resource\":{\"type\":\"document\","
        "\"id\":\"d1\"},\"action\":{\"name\":\"delete\"}}",
        "{\"subject\":{\"type\":\"user\",\"id\":\"bob\"},\"resource\":{\"type\":\"document\","
        "\"id\":\"d1\"},\"action\":{\"name\":\"delete\"}}",
        "{\"subject\":{\"type\":\"user\",\"id\":\"ann\"},\"resource\":{\"type\":\"folder\","
        "\"id\":\"d1\"},\"action\":{\"name\":\"delete\"}}",
        "{\"subject\":{\"type\":\"user\",\"id\":\"ann\"},\"resource\":{\"type\":\"document\","
        "\"id\":\"d2\"},\"action\":{\"name\":\"delete\"}}",
        "{\"subject\":{\"type\":\"user\",\"id\":\"ann\"},\"resource\":{\"type\":\"document\","
        "\"id\":\"d1\"},\"action\":{\"name\":\"view\"}}",
        "{\"subject\":{\"type\":\"user\",\"id\":\"ann\",\"properties\":{\"a\":1}},\"resource\":{"
        "\"type\":\"document\",\"id\":\"d1\"},\"action\":{\"name\":\"delete\"}}",
        "{\"subject\":{\"type\":\"user\",\"id\":\"ann\",\"properties\":{\"a\":1,\"act\":{\"sub\":"
        "\"bot\"}}},\"resource\":{\"type\":\"document\",\"id\":\"d1\"},\"action\":{\"name\":"
        "\"delete\"}}",
        "{\"subject\":{\"type\":\"user\",\"id\":\"ann\"},\"resource\":{\"type\":\"document\","
        "\"id\":\"d1\",\"properties\":{\"a\":1}},\"action\":{\"name\":\"delete\"}}",
        "{\"subject\":{\"type\":\"user\",\"id\":\"ann\"},\"resource\":{\"type\":\"document\","
        "\"id\":\"d1\",\"properties\":{\"\":1}},\"action\":{\"name\":\"delete\"}}",
        "{\"subject\":{\"type\":\"user\",\"id\":\"ann\"},\"resource\":{\"type\":\"document\","
        "\"id\":\"d1\",\"properties\":{\"act\":1}},\"action\":{\"name\":\"delete\"}}",
        "{\"subject\":{\"type\":\"user\",\"id\":\"ann\"},\"resource\":{\"type\":\"document\","
        "\"id\":\"d1\"},\"action\":{\"name\":\"delete\",\"properties\":{\"a\":1}}}",
        "{\"subject\":{\"type\":\"user\",\"id\":\"ann\"},\"resource\":{\"type\":\"document\","
        "\"id\":\"d1\"},\"action\":{\"name\":\"delete\",\"properties\":{\"a\":null}}}",
    };

    for (size_t at = 0; at < BEHALF_COUNT_OF(bodies); at++)
        for (size_t other = 0; other <= at; other++) {
            /* Beside `act` a property is the same property. */
            bool alike = other == at || (at == 6 && other == 5);

            cr_expect(!same(plain, bodies[at]), "%s", bodies[at]);
            cr_expect_eq(same(bodies[at], bodies[other]), alike, "%zu %zu", at, other);
        }
}

Test(denial, who_asks_and_through_whom_counts)
{
    static const struct object other = {.type = {"agent", 5}, .id = {"bat", 3}};
    static const struct object robot = {.type = {"robot", 5}, .id = {"bot", 3}};
    const struct object both[] = {bot, other};
    const struct object turned[] = {other, bot};
    const struct {
        const char *caller;
        const struct object *agents;
        size_t count;
    } rows[] = {
        {"gateway", &bot, 1},   {"other", &bot, 1},     {"", &bot, 1},
        {"gateway", &other, 1}, {"gateway", &robot, 1}, {"gateway", both, 2},
        {"gateway", turned, 2}, {"gateway", NULL, 0},
    };
    uint8_t digests[BEHALF_COUNT_OF(rows)][DIGEST_SIZE];

    for (size_t at = 0; at < BEHALF_COUNT_OF(rows); at++) {
        digest_of(rows[at].caller, rows[at].agents, rows[at].count, plain, digests[at]);
        for (size_t before = 0; before < at; before++)
            cr_expect(memcmp(digests[at], digests[before], DIGEST_SIZE) != 0, "%zu %zu", at,
                      before);
    }
}

/* Of properties.n, by value. */
static bool
same_number(const char *one, const char *other)
{
    char texts[2][512];

    for (int at = 0; at < 2; at++)
        (void)snprintf(texts[at], sizeof texts[at],
                       "{\"subject\":{\"type\":\"user\",\"id\":\"ann\"},\"resource\":{\"type\":"
                       "\"document\",\"id\":\"d1\",\"properties\":{\"list\":[{\"n\":%s}]}},"
                       "\"action\":{\"name\":\"delete\"}}",
                       at == 0 ? one : other);
    return same(texts[0], texts[1]);
}

Test(denial, numbers_count_by_value)
{
    static const char *const alike[][2] = {
        {"1", "1.0"},
        {"1", "1e0"},
        {"100", "1E2"},
        {"0", "-0.0"},
        {"-5", "-50e-1"},
        {"0.5", "5e-1"},
        {"1e300", "10e299"},
        {"4503599627370496", "4503599627370496.0"},
        {"-9223372036854775808", "-9223372036854775808.0"},
    };
    static const char *const unlike[][2] = {
        {"1", "2"},
        {"1", "1.5"},
        {"1", "-1"},
        {"1", "\"1\""},
        {"1", "true"},
        {"0", "null"},
        {"0", "false"},
        {"1", "[1]"},
        {"9223372036854775807", "9223372036854775808"},
        {"9007199254740993", "9007199254740992"},
        {"0.1", "0.10000000000000002"},
    };

    for (size_t at = 0; at < BEHALF_COUNT_OF(alike); at++)
        cr_expect(same_number(alike[at][0], alike[at][1]), "%s and %s", alike[at][0], alike[at][1]);
    for (size_t at = 0; at < BEHALF_COUNT_OF(unlike); at++)
        cr_expect(!same_number(unlike[at][0], unlike[at][1]), "%s and %s", unlike[at][0],
                  unlike[at][1]);
}
