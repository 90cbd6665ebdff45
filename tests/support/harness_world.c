/* harness_world.c - writing a world, and the order of the questions. */
#include "tests/support/harness_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/memory.h"
#include "tests/support/harness_world_private.h"

#define REVISIONS_MAX 256
#define BATCH_MAX 8
#define SHRINK_SECONDS 60

/* Which tuples there were after a revision, one bit each. */
struct revision {
    struct engine_token token;
    uint64_t present;
};

struct history {
    struct revision revisions[REVISIONS_MAX];
    int count;
    uint64_t present;
};

bool
comparison_fail(struct asking *asking, const char *format, ...)
{
    char text[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    buffer_add_text(asking->mismatch, text);
    if (asking->at != NULL)
        buffer_add_format(asking->mismatch, " (at an older revision: %s)", asking->state);
    else
        buffer_add_format(asking->mismatch, " (%s)", asking->state);
    return false;
}

int
asking_below(struct asking *asking, int bound)
{
    return world_random_below(&asking->random, bound);
}

bool
asking_chance(struct asking *asking, int percent)
{
    return asking->thorough || world_random_chance(&asking->random, percent);
}

struct object
asking_object(const struct asking *asking, int type, int id, int name)
{
    const struct world *world = asking->world;
    struct object object = {.type = slice_of(world->types[type].name)};

    if (id < 0)
        object.wildcard = true;
    else
        object.id = slice_of(world->ids[id]);
    if (name >= 0)
        object.relation = slice_of(world->names[name]);
    return object;
}

enum oracle_answer
asking_expect(const struct asking *asking, const struct question *question)
{
    return oracle_answer(&asking->oracles[question->subject / ORACLE_LANES], question->type,
                         question->id, question->name, question->subject % ORACLE_LANES);
}

/* --- writing --- */

static struct update
make_update(struct asking *asking, int tuple, enum update_op op)
{
    const struct world_tuple *at = &asking->world->tuples[tuple];
    struct update update = {.op = op};

    update.relationship.resource = asking_object(asking, at->type, at->id, at->name);
    update.relationship.subject =
        asking_object(asking, at->subject_type, at->subject_id, at->subject_name);
    return update;
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

        if ((touched & bit) != 0 || (present && (hurry || choice < 70)))
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
    if (history->present != 0 && world_random_chance(&asking->random, 5)) {
        int tuple = __builtin_ctzll(history->present);
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

static bool
write_tuples(struct asking *asking, struct history *history)
{
    int tuple_count = asking->world->tuple_count;
    uint64_t all;

    BEHALF_ASSERT(tuple_count <= 64);
    if (tuple_count == 0)
        return true;
    all = UINT64_MAX >> (64 - tuple_count);
    for (int round = 0; history->present != all; round++) {
        BEHALF_ASSERT(history->count < REVISIONS_MAX);
        if (!write_batch(asking, history, round > 12))
            return false;
        /* From time to time a question in between, so that caches are filled before they change. */
        if (world_random_chance(&asking->random, 40) && !ask_something(asking))
            return false;
    }
    return true;
}

static bool
write_schema(struct asking *asking, struct world_comparison *comparison, bool *refused)
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

/* --- asking --- */

static void
add_subjects(struct asking *asking)
{
    const struct world *world = asking->world;

    asking->subject_count = 0;
    for (int type = 0; type < world->type_count; type++) {
        for (int id = 0; id < world->id_count; id++) {
            asking->subjects[asking->subject_count++] = (struct oracle_subject){type, id, -1};
            for (int member = 0; member < world->types[type].member_count; member++)
                asking->subjects[asking->subject_count++] =
                    (struct oracle_subject){type, id, world->types[type].members[member].name};
        }
    }
}

/* The oracle's answers for all subjects in the present world. */
static void
solve(struct asking *asking)
{
    for (int first = 0; first < asking->subject_count; first += ORACLE_LANES) {
        int count = asking->subject_count - first;

        oracle_solve(&asking->oracles[first / ORACLE_LANES], asking->world,
                     asking->subjects + first, count < ORACLE_LANES ? count : ORACLE_LANES);
    }
}

static bool
ask_all(struct asking *asking, const char *state)
{
    asking->state = state;
    return ask_checks(asking) && ask_resources(asking) && ask_subjects(asking) &&
           ask_permissions(asking) && ask_trees(asking) && ask_chains(asking);
}

/* Some revisions of the past, with the tuples of then. */
static bool
ask_history(struct asking *asking, const struct history *history, struct world *past)
{
    const struct world *present = asking->world;
    bool agreed = true;

    for (int tries = asking->thorough ? 6 : 2; agreed && tries > 0 && history->count > 0; tries--) {
        const struct revision *then = &history->revisions[asking_below(asking, history->count)];

        *past = *present;
        past->tuple_count = 0;
        for (int tuple = 0; tuple < present->tuple_count; tuple++)
            if ((then->present >> tuple & 1) != 0)
                past->tuples[past->tuple_count++] = present->tuples[tuple];
        asking->world = past;
        asking->at = &then->token;
        solve(asking);
        asking->past = true;
        agreed = ask_all(asking, "cached");
        asking->past = false;
        asking->world = present;
        asking->at = NULL;
    }
    return agreed;
}

static bool
compare_written(struct asking *asking, struct history *history, struct world *past)
{
    if (!write_tuples(asking, history))
        return false;
    solve(asking);
    if (!ask_all(asking, "cached"))
        return false;
    if (!ask_history(asking, history, past))
        return false;
    if (asking->thorough || world_random_chance(&asking->random, 30)) {
        harness_engine_reopen(&asking->side, 1);
        solve(asking);
        asking->past = !asking->thorough;
        if (!ask_all(asking, "without a cache"))
            return false;
    }
    return true;
}

static void
count_world(const struct asking *asking, struct world_counts *counts)
{
    bool undefined = false;

    for (int i = 0; i < asking->subject_count; i += ORACLE_LANES) {
        const struct oracle *oracle = &asking->oracles[i / ORACLE_LANES];

        undefined = undefined || memcmp(oracle->lower, oracle->upper, sizeof oracle->lower) != 0;
    }
    counts->undefined_worlds += undefined ? 1 : 0;
}

bool
world_compare(struct world_comparison *comparison, const struct world *world)
{
    int subjects_max = world->type_count * world->id_count * (WORLD_MEMBERS_MAX + 1);
    size_t oracle_count = (size_t)subjects_max / ORACLE_LANES + 1;
    struct asking asking = {.world = world,
                            .random = {comparison->seed ^ UINT64_C(0x5bd1e995)},
                            .thorough = comparison->thorough,
                            .counts = comparison->counts,
                            .mismatch = &comparison->mismatch,
                            .state = "writing"};
    struct history *history = memory_new(sizeof *history);
    struct world *past = memory_new(sizeof *past);
    bool refused = false;
    bool agreed;

    asking.oracles = memory_new_array(oracle_count, sizeof *asking.oracles);
    asking.subjects = memory_new_array((size_t)subjects_max, sizeof *asking.subjects);
    asking.sets = memory_new(sizeof *asking.sets);
    buffer_clear(&comparison->mismatch);
    buffer_clear(&comparison->refusal);
    comparison->counts->worlds++;
    harness_engine_open(&asking.side, 0);
    add_subjects(&asking);
    agreed = write_schema(&asking, comparison, &refused);
    if (refused)
        comparison->counts->refused++;
    else if (agreed)
        agreed = compare_written(&asking, history, past);
    if (agreed && !refused)
        count_world(&asking, comparison->counts);
    harness_engine_close(&asking.side);
    memory_free(asking.oracles);
    memory_free(asking.subjects);
    memory_free(asking.sets);
    memory_free(history);
    memory_free(past);
    return agreed;
}

void
world_comparison_init(struct world_comparison *comparison, uint64_t seed,
                      struct world_counts *counts)
{
    *comparison = (struct world_comparison){.seed = seed, .counts = counts};
    buffer_init(&comparison->mismatch);
    buffer_init(&comparison->refusal);
}

void
world_comparison_release(struct world_comparison *comparison)
{
    buffer_release(&comparison->mismatch);
    buffer_release(&comparison->refusal);
}

/* --- when something disagrees --- */

/* Half a world may no longer be what the oracle reads: every name used must still be there. */
static bool
expression_is_whole(const struct world *world, int type, int expression)
{
    const struct world_expression *at = &world->expressions[expression];

    switch (at->op) {
    case WORLD_NIL:
    case WORLD_SELF:
        return true;
    case WORLD_MEMBER:
    case WORLD_ARROW:
    case WORLD_ALL:
        return world_find_member(world, type, at->name) >= 0;
    case WORLD_UNION:
    case WORLD_INTERSECTION:
    case WORLD_EXCLUSION:
        return expression_is_whole(world, type, at->left) &&
               expression_is_whole(world, type, at->right);
    case WORLD_OP_COUNT:
        break;
    }
    BEHALF_UNREACHABLE();
}

static bool
world_is_whole(const struct world *world)
{
    for (int type = 0; type < world->type_count; type++) {
        for (int member = 0; member < world->types[type].member_count; member++) {
            const struct world_member *at = &world->types[type].members[member];

            if (at->root >= 0 && !expression_is_whole(world, type, at->root))
                return false;
            for (int i = 0; i < at->variant_count; i++)
                if (at->variants[i].name >= 0 &&
                    world_find_member(world, at->variants[i].type, at->variants[i].name) < 0)
                    return false;
        }
    }
    return true;
}

static bool
disagrees(const struct world *world, uint64_t seed)
{
    struct world_counts counts = {0};
    struct world_comparison comparison;
    bool result;

    if (!world_is_whole(world))
        return false;
    world_comparison_init(&comparison, seed, &counts);
    comparison.thorough = true;
    result = !world_compare(&comparison, world);
    world_comparison_release(&comparison);
    return result;
}

void
world_shrink(struct world *world, uint64_t seed)
{
    struct world *smaller = memory_new(sizeof *smaller);
    time_t end = time(NULL) + SHRINK_SECONDS;
    bool changed = true;

    while (changed && disagrees(world, seed)) {
        changed = false;
        for (int part = 0; time(NULL) < end && world_drop(world, part, smaller); part++) {
            if (disagrees(smaller, seed)) {
                *world = *smaller;
                changed = true;
                part--;
            }
        }
    }
    memory_free(smaller);
}

static void
print_world(const struct world *world)
{
    struct buffer text = {0};

    buffer_init(&text);
    world_print_schema(world, &text);
    for (int tuple = 0; tuple < world->tuple_count; tuple++) {
        world_print_tuple(world, &world->tuples[tuple], &text);
        buffer_add_byte(&text, '\n');
    }
    fprintf(stderr, "%s", text.data);
    buffer_release(&text);
}

void
world_report(const struct world *world, uint64_t seed)
{
    struct world *smaller = memory_copy(world, sizeof *world);
    struct world_counts counts = {0};
    struct world_comparison comparison;

    world_shrink(smaller, seed);
    world_comparison_init(&comparison, seed, &counts);
    comparison.thorough = true;
    if (world_compare(&comparison, smaller)) {
        /* Only the sample of the first run showed it. */
        comparison.thorough = false;
        *smaller = *world;
        world_compare(&comparison, smaller);
    }
    print_world(smaller);
    fprintf(stderr, "%s\nseed %llu\n", comparison.mismatch.data, (unsigned long long)seed);
    world_comparison_release(&comparison);
    memory_free(smaller);
}
