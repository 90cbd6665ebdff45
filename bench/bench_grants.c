/* bench_grants.c - see bench_grants.h: a level of all chains at a time, many calls in flight. */
#include "bench/bench_grants.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/complain.h"
#include "base/memory.h"

#define IN_FLIGHT 128
#define SESSION_S 80000 /* of the 86,400 that a server allows by default */
#define GRANT_S 40000
#define HASH_SEED UINT64_C(14695981039346656037)
#define HASH_PRIME UINT64_C(1099511628211)

struct bench_grants {
    struct bench_grant **list;
    size_t count;
    size_t capacity;
    size_t made;
    uint32_t *table; /* by hash: index + 1, 0 = free */
    size_t table_size;
};

struct bench_grants *
bench_grants_new(void)
{
    struct bench_grants *grants = memory_new(sizeof *grants);

    *grants = (struct bench_grants){.table_size = 1024};
    grants->table = memory_new_array(grants->table_size, sizeof *grants->table);
    return grants;
}

void
bench_grants_free(struct bench_grants *grants)
{
    if (grants == NULL)
        return;
    for (size_t index = 0; index < grants->count; index++)
        memory_free(grants->list[index]);
    memory_free(grants->list);
    memory_free(grants->table);
    memory_free(grants);
}

/* --- by words --------------------------------------------------------------------------------- */

static uint64_t
hash_slice(uint64_t hash, struct slice text)
{
    for (size_t at = 0; at < text.size; at++)
        hash = (hash ^ (unsigned char)text.data[at]) * HASH_PRIME;
    return (hash ^ 0xff) * HASH_PRIME;
}

static uint64_t
hash_words(const struct bench_grant_words *words)
{
    uint64_t hash = hash_slice(HASH_SEED, words->principal);

    hash = hash_slice(hash, words->agents);
    hash = hash_slice(hash, words->selector);
    hash = hash_slice(hash, words->action);
    return hash ^ hash >> 29;
}

static bool
words_equal(const struct bench_grant_words *a, const struct bench_grant_words *b)
{
    return slice_equal(a->principal, b->principal) && slice_equal(a->agents, b->agents) &&
           slice_equal(a->selector, b->selector) && slice_equal(a->action, b->action) &&
           a->uses == b->uses;
}

/* Where it stands in the table, or would. */
static size_t
place_of(const struct bench_grants *grants, const struct bench_grant_words *words)
{
    size_t place = hash_words(words) % grants->table_size;

    while (grants->table[place] != 0 &&
           !words_equal(&grants->list[grants->table[place] - 1]->words, words))
        place = (place + 1) % grants->table_size;
    return place;
}

static void
grow(struct bench_grants *grants)
{
    grants->table_size *= 2;
    memory_free(grants->table);
    grants->table = memory_new_array(grants->table_size, sizeof *grants->table);
    for (size_t index = 0; index < grants->count; index++)
        grants->table[place_of(grants, &grants->list[index]->words)] = (uint32_t)index + 1;
}

static struct slice
keep(char **at, struct slice text)
{
    struct slice kept = {*at, text.size};

    if (text.size > 0)
        memcpy(*at, text.data, text.size);
    *at += text.size;
    return kept;
}

void
bench_grants_want(struct bench_grants *grants, const struct bench_grant_words *words)
{
    size_t place = place_of(grants, words);
    struct bench_grant *grant;
    char *texts;

    if (grants->table[place] != 0)
        return;
    grant = memory_new(sizeof *grant + words->principal.size + words->agents.size +
                       words->selector.size + words->action.size);
    texts = (char *)(grant + 1);
    *grant = (struct bench_grant){.words = {.uses = words->uses}};
    grant->words.principal = keep(&texts, words->principal);
    grant->words.agents = keep(&texts, words->agents);
    grant->words.selector = keep(&texts, words->selector);
    grant->words.action = keep(&texts, words->action);
    grants->list =
        memory_reserve(grants->list, grants->count + 1, &grants->capacity, sizeof *grants->list);
    grants->list[grants->count++] = grant;
    grants->table[place] = (uint32_t)grants->count;
    if (grants->count * 2 > grants->table_size)
        grow(grants);
}

const struct bench_grant *
bench_grants_find(const struct bench_grants *grants, const struct bench_grant_words *words)
{
    uint32_t index = grants->table[place_of(grants, words)];

    BEHALF_ASSERT(index != 0 && index <= grants->made);
    return grants->list[index - 1];
}

uint64_t
bench_grants_count(const struct bench_grants *grants)
{
    return grants->made;
}

const struct bench_grant *
bench_grants_at(const struct bench_grants *grants, uint64_t index)
{
    BEHALF_ASSERT(index < grants->made);
    return grants->list[index];
}

/* --- arguments -------------------------------------------------------------------------------- */

static void
put_slice(struct behalf_writer *writer, const char *name, struct slice value)
{
    behalf_write_text(writer, name);
    behalf_write_string(writer, value.data, value.size);
}

static void
put_scope(struct behalf_writer *writer, const struct bench_grant_words *words)
{
    behalf_write_text(writer, "scope");
    behalf_write_array(writer, 1);
    behalf_write_map(writer, 2);
    put_slice(writer, "selector", words->selector);
    behalf_write_text(writer, "actions");
    behalf_write_array(writer, 1);
    behalf_write_string(writer, words->action.data, words->action.size);
}

/* The agent number `level` of the chain; empty behind the last. */
static struct slice
agent_at(const struct bench_grant_words *words, uint32_t level)
{
    struct slice rest = words->agents;

    for (; level > 0 && rest.size > 0; level--) {
        const char *comma = memchr(rest.data, ',', rest.size);

        if (comma == NULL)
            return (struct slice){NULL, 0};
        rest.size -= (size_t)(comma + 1 - rest.data);
        rest.data = comma + 1;
    }
    if (rest.size > 0 && memchr(rest.data, ',', rest.size) != NULL)
        rest.size = (size_t)((const char *)memchr(rest.data, ',', rest.size) - rest.data);
    return rest;
}

static uint32_t
length_of(const struct bench_grant_words *words)
{
    uint32_t length = 0;

    while (agent_at(words, length).size > 0)
        length++;
    return length;
}

/* What root grants and delegated ones have in common: so many members. */
static void
put_terms(struct behalf_writer *writer, const struct bench_grant_words *words, uint32_t level)
{
    uint32_t further = length_of(words) - 1 - level;

    put_scope(writer, words);
    if (level == 0) { /* the others end with it */
        behalf_write_text(writer, "expires_in_s");
        behalf_write_uint(writer, GRANT_S);
    }
    behalf_write_text(writer, "max_depth");
    behalf_write_uint(writer, further);
    if (words->uses > 0 && further == 0) {
        behalf_write_text(writer, "uses");
        behalf_write_uint(writer, words->uses);
    }
}

static uint32_t
terms_count(const struct bench_grant_words *words, uint32_t level)
{
    return 2 + (level == 0 ? 1U : 0U) +
           (words->uses > 0 && level + 1 == length_of(words) ? 1U : 0U);
}

static void
put_approval(struct behalf_writer *writer, const struct bench_grant_words *words)
{
    behalf_write_text(writer, "approval");
    behalf_write_map(writer, 1);
    put_slice(writer, "approver", words->principal);
}

static void
put_session(struct behalf_writer *writer, const struct bench_grant *grant)
{
    const struct bench_grant_words *words = &grant->words;

    behalf_write_map(writer, 5);
    put_slice(writer, "principal", words->principal);
    put_slice(writer, "agent", agent_at(words, 0));
    behalf_write_text(writer, "expires_in_s");
    behalf_write_uint(writer, SESSION_S);
    behalf_write_text(writer, "idle_timeout_s");
    behalf_write_uint(writer, 0);
    behalf_write_text(writer, "grant");
    behalf_write_map(writer, 1 + terms_count(words, 0));
    put_terms(writer, words, 0);
    put_approval(writer, words);
}

static void
put_delegated(struct behalf_writer *writer, const struct bench_grant *grant, uint32_t level)
{
    const struct bench_grant_words *words = &grant->words;

    behalf_write_map(writer, 3 + terms_count(words, level));
    behalf_write_text(writer, "parent");
    behalf_write_text(writer, grant->grant);
    put_slice(writer, "actor", agent_at(words, level - 1));
    put_slice(writer, "delegatee", agent_at(words, level));
    put_terms(writer, words, level);
}

void
bench_grants_put_root(struct behalf_writer *writer, const struct bench_grant *grant,
                      uint32_t deadline_ms)
{
    behalf_write_map(writer, 4 + (deadline_ms > 0));
    if (deadline_ms > 0) {
        behalf_write_text(writer, "deadline_ms");
        behalf_write_uint(writer, deadline_ms);
    }
    behalf_write_text(writer, "session");
    behalf_write_text(writer, grant->session);
    put_scope(writer, &grant->words);
    behalf_write_text(writer, "expires_in_s");
    behalf_write_uint(writer, GRANT_S);
    put_approval(writer, &grant->words);
}

/* --- making ----------------------------------------------------------------------------------- */

struct flight {
    struct behalf_client *client;
    struct behalf_writer *writer;
    uint32_t ids[IN_FLIGHT];
    struct bench_grant *grants[IN_FLIGHT];
    uint32_t level;
};

static bool
complain_of(const struct behalf_error *error)
{
    complain(NULL, "cannot make sessions and grants: %s", error->message);
    return false;
}

static bool
keep_id(struct behalf_value result, const char *name, char id[BENCH_GRANT_ID_SIZE])
{
    const char *text;
    size_t size;

    if (!behalf_value_string(behalf_value_get(result, name), &text, &size) ||
        size >= BENCH_GRANT_ID_SIZE) {
        complain(NULL, "the server gives no %s", name);
        return false;
    }
    memcpy(id, text, size);
    id[size] = '\0';
    return true;
}

/* The next reply, whosever it is; its place is free then. */
static bool
take_reply(struct flight *flight)
{
    struct behalf_reply *reply = NULL;
    struct behalf_error error;
    struct bench_grant *grant;
    size_t place = 0;
    bool good;

    if (behalf_next(flight->client, &reply, &error) != BEHALF_SUCCESS)
        return complain_of(&error);
    while (flight->grants[place] == NULL || flight->ids[place] != behalf_reply_id(reply))
        place++;
    grant = flight->grants[place];
    flight->grants[place] = NULL;
    good = behalf_reply_check(reply, &error) == BEHALF_SUCCESS || complain_of(&error);
    good = good && keep_id(behalf_reply_result(reply), "grant", grant->grant);
    if (good && flight->level == 0) {
        memcpy(grant->root, grant->grant, sizeof grant->root);
        good = keep_id(behalf_reply_result(reply), "session", grant->session);
    }
    behalf_reply_free(reply);
    return good;
}

static bool
submit(struct flight *flight, struct bench_grant *grant)
{
    struct behalf_error error;
    size_t place = 0;

    while (flight->grants[place] != NULL)
        place++;
    behalf_writer_clear(flight->writer);
    if (flight->level == 0)
        put_session(flight->writer, grant);
    else
        put_delegated(flight->writer, grant, flight->level);
    if (behalf_submit(flight->client, flight->level == 0 ? "sessions.create" : "grants.delegate",
                      flight->writer, &flight->ids[place], &error) != BEHALF_SUCCESS)
        return complain_of(&error);
    flight->grants[place] = grant;
    return true;
}

/* One level of all chains that are long enough. */
static bool
make_level(struct bench_grants *grants, struct flight *flight, bool *any)
{
    bool good = true;

    *any = false;
    for (size_t index = grants->made; good && index < grants->count; index++) {
        struct bench_grant *grant = grants->list[index];

        if (length_of(&grant->words) <= flight->level)
            continue;
        *any = true;
        if (behalf_in_flight(flight->client) == IN_FLIGHT)
            good = take_reply(flight);
        good = good && submit(flight, grant);
    }
    while (good && behalf_in_flight(flight->client) > 0)
        good = take_reply(flight);
    return good;
}

bool
bench_grants_make(struct bench_grants *grants, const char *endpoint,
                  const struct behalf_options *connect)
{
    struct flight flight = {.writer = behalf_writer_new()};
    struct behalf_error error;
    bool any = grants->made < grants->count;
    bool good = true;

    BEHALF_ASSERT(flight.writer != NULL);
    if (any && behalf_connect(endpoint, connect, &flight.client, &error) != BEHALF_SUCCESS)
        good = complain_of(&error);
    for (; good && any; flight.level++)
        good = make_level(grants, &flight, &any);
    if (good)
        grants->made = grants->count;
    behalf_close(flight.client);
    behalf_writer_free(flight.writer);
    return good;
}
