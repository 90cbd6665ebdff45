/* harness_world_write.c - putting a world into an engine: by transactions, and past it. */
#include "base/check.h"
#include "tests/support/harness_world_private.h"

#define BATCH_MAX 8

bool
asking_write_schema(struct asking *asking, struct world_comparison *comparison, bool *refused)
{
    struct buffer text = {0};
    struct error error;
    enum status status;

    buffer_init(&text);
    world_print_schema(asking->world, &text);
    status = harness_write_schema(&asking->side, buffer_slice(&text), &error);
    buffer_release(&text);
    *refused = status == BEHALF_SCHEMA_TYPE_ERROR;
    if (*refused)
        buffer_add_format(&comparison->refusal, "%s", error.message);
    if (*refused || status == BEHALF_OK)
        return true;
    return comparison_fail(asking, "the schema is refused: %s: %u:%u: %s", status_name(status),
                           error.line, error.column, error.message);
}

static struct update
make_update(struct asking *asking, int tuple, enum update_op op)
{
    return (struct update){
        .op = op, .relationship = asking_relationship(asking, &asking->world->tuples[tuple])};
}

/* A transaction of some updates that together are allowed; *after is what they leave. */
static size_t
make_batch(struct asking *asking, const struct history *history, bool hurry, struct update *updates,
           uint64_t *after)
{
    uint64_t touched = 0;
    size_t wanted = 1 + (size_t)asking_below(asking, BATCH_MAX);
    size_t count = 0;

    *after = history->present;
    for (int tries = 0; tries < 200 && count < wanted; tries++) {
        int tuple = asking_below(asking, asking->world->tuple_count);
        uint64_t bit = UINT64_C(1) << tuple;
        bool present = (history->present & bit) != 0;
        int choice = asking_below(asking, 100);
        enum update_op op = UPDATE_CREATE;

        if (((touched | history->past_engine) & bit) != 0 || (present && (hurry || choice < 70)))
            continue;
        if (present)
            op = choice < 85 ? UPDATE_TOUCH : UPDATE_DELETE;
        else if (choice < 40)
            op = !hurry && choice < 8 ? UPDATE_DELETE : UPDATE_TOUCH;
        touched |= bit;
        *after = op == UPDATE_DELETE ? *after & ~bit : *after | bit;
        updates[count++] = make_update(asking, tuple, op);
    }
    return count;
}

static bool
write_batch(struct asking *asking, struct history *history, bool hurry)
{
    struct update updates[BATCH_MAX + 1];
    struct revision *revision = &history->revisions[history->count];
    struct error error;
    uint64_t after;
    size_t count = make_batch(asking, history, hurry, updates, &after);
    enum status status;

    if (count == 0)
        return true;
    /* Creating what is there spoils the whole transaction. */
    if ((history->present & ~history->past_engine) != 0 &&
        world_random_chance(&asking->random, 5)) {
        int tuple = __builtin_ctzll(history->present & ~history->past_engine);
        struct update updates_refused[2] = {updates[0], make_update(asking, tuple, UPDATE_CREATE)};
        struct relationship *first = &updates_refused[0].relationship;
        struct relationship *second = &updates_refused[1].relationship;

        if (slice_equal(first->resource.type, second->resource.type) &&
            slice_equal(first->resource.id, second->resource.id))
            return true;
        status = harness_write_updates(&asking->side, updates_refused, 2, NULL, &error);
        if (status != BEHALF_ATTEMPT_TO_RECREATE_RELATIONSHIP)
            return comparison_fail(asking, "creating a relationship twice gives %s",
                                   status_name(status));
    }
    status = harness_write_updates(&asking->side, updates, count, &revision->token, &error);
    if (status != BEHALF_OK)
        return comparison_fail(asking, "a write of %zu updates is refused: %s: %s", count,
                               status_name(status), error.message);
    history->present = after;
    revision->present = after;
    history->count++;
    return true;
}

/* Strays, and what has expired when it is written, are not for the engine to write. */
static bool
must_pass_engine(const struct asking *asking, const struct world_tuple *tuple)
{
    return !world_tuple_is_allowed(asking->world, tuple) ||
           (tuple->expires_at != 0 && tuple->expires_at <= asking->now);
}

static void
put_past_engine(struct asking *asking, struct history *history)
{
    struct relationship relationships[64];
    size_t count = 0;
    bool conditional = world_random_chance(&asking->random, 30);

    for (int i = 0; i < asking->world->tuple_count; i++) {
        const struct world_tuple *tuple = &asking->world->tuples[i];
        bool plain = tuple->caveat == 0 && tuple->expires_at == 0;

        if (!must_pass_engine(asking, tuple) && (plain || !conditional))
            continue;
        relationships[count++] = asking_relationship(asking, tuple);
        history->past_engine |= UINT64_C(1) << i;
    }
    if (count > 0)
        harness_put(&asking->side, relationships, count);
    history->present = history->past_engine;
}

bool
asking_write_tuples(struct asking *asking, struct history *history)
{
    int tuple_count = asking->world->tuple_count;
    uint64_t all;

    BEHALF_ASSERT(tuple_count <= 64);
    if (tuple_count == 0)
        return true;
    all = UINT64_MAX >> (64 - tuple_count);
    put_past_engine(asking, history);
    for (int round = 0; history->present != all; round++) {
        BEHALF_ASSERT(history->count < REVISIONS_MAX);
        if (!write_batch(asking, history, round > 12))
            return false;
        /* From time to time a question in between, so that caches are filled before they change. */
        if (!asking->checks_only && world_random_chance(&asking->random, 40) &&
            !ask_something(asking))
            return false;
    }
    return true;
}
