/* harness_world.c - one world: writing it, then asking at all its moments. */
#include "tests/support/stored_context.h"
#include "tests/support/harness_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/datum.h"
#include "base/memory.h"
#include "tests/support/harness_world_private.h"

bool
comparison_fail(struct asking *asking, const char *format, ...)
{
    char text[2048];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    buffer_add_format(asking->mismatch, "%s (%s%s, %lld ns after the epoch)", text,
                      asking->at != NULL ? "at an older revision, " : "", asking->method,
                      (long long)(asking->now - WORLD_EPOCH));
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
    return asking->thorough ||
           world_random_below(&asking->random, 10000) < percent * asking->percent;
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

struct relationship
asking_relationship(const struct asking *asking, const struct world_tuple *tuple)
{
    struct relationship relationship = {
        .resource = asking_object(asking, tuple->type, tuple->id, tuple->name),
        .subject =
            asking_object(asking, tuple->subject_type, tuple->subject_id, tuple->subject_name),
        .context = asking->stored[tuple - asking->world->tuples],
        .expires_at = tuple->expires_at,
    };

    if (tuple->caveat > 0)
        relationship.caveat = slice_of(asking->world->caveats[tuple->caveat - 1].name);
    return relationship;
}

const struct datum *
asking_context(const struct asking *asking, int request)
{
    return asking->contexts[request];
}

/* --- subjects and contexts --- */

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

bool
asking_sample(struct asking *asking, int percent)
{
    return asking->thorough || world_random_chance(&asking->random, percent);
}

int
asking_subject(const struct asking *asking, int type, int id, int name)
{
    for (int i = 0; i < asking->subject_count; i++) {
        const struct oracle_subject *subject = &asking->subjects[i];

        if (subject->type == type && subject->id == id && subject->name == name)
            return i;
    }
    BEHALF_UNREACHABLE();
}

static void
read_contexts(struct asking *asking)
{
    const struct world *world = asking->world;
    struct error error;

    for (int i = 0; i < world->request_count; i++)
        if (world->requests[i][0] != '\0' &&
            datum_parse_json(slice_of(world->requests[i]), &asking->context_arena,
                             &asking->contexts[i], &error) != BEHALF_OK)
            BEHALF_UNREACHABLE();
    for (int i = 0; i < world->tuple_count; i++)
        asking->stored[i] =
            stored_context(slice_of(world->tuples[i].context), &asking->context_arena);
}

/* --- asking --- */

static void
move_to(struct asking *asking, int64_t now)
{
    asking->now = now;
    harness_set_time(&asking->side, now);
}

static bool
ask_all(struct asking *asking, const char *method, int percent)
{
    asking->method = method;
    asking->percent = percent;
    if (asking->checks_only)
        return ask_checks(asking);
    return ask_checks(asking) && ask_resources(asking) && ask_subjects(asking) &&
           ask_permissions(asking) && ask_trees(asking) && ask_chains(asking);
}

/* Takes away what has expired, some of it or all: no answer may tell. */
static bool
sweep_sometimes(struct asking *asking)
{
    struct engine_write write = {.kind = WRITE_SWEEP,
                                 .limit = 1 + (uint32_t)asking_below(asking, 3)};
    enum status status;

    if (asking->expiration_count == 0 || !world_random_chance(&asking->random, 30))
        return true;
    status = harness_submit(&asking->side, &write);
    return status == BEHALF_OK ||
           comparison_fail(asking, "sweeping: %s: %s", status_name(status), write.error.message);
}

/* All moments, mostly one of them. */
static bool
ask_moments(struct asking *asking)
{
    int count = asking->world->moment_count;
    int favourite = asking_below(asking, count);

    for (int moment = 0; moment < count; moment++) {
        move_to(asking, asking->world->moments[moment]);
        if (!sweep_sometimes(asking) || !ask_all(asking, "cached", moment == favourite ? 100 : 20))
            return false;
    }
    return true;
}

/* Some revisions of the past, with the tuples of then, at the present time: what has expired since
 * is not there any more. */
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
        sights_begin(asking);
        agreed = ask_all(asking, "cached", 12);
        sights_end(asking);
        asking->world = present;
        asking->at = NULL;
    }
    return agreed;
}

static void
count_world(struct asking *asking, const struct world *world)
{
    bool conditional = false;
    bool error = false;

    for (int request = 0; request < world->request_count; request++) {
        const struct sight *sight =
            asking_sight(asking, request, asking_state(asking, asking->now));

        for (int subject = 0; subject < asking->subject_count; subject++) {
            for (int type = 0; type < world->type_count; type++) {
                for (int id = 0; id < world->id_count; id++) {
                    for (int member = 0; member < world->types[type].member_count; member++) {
                        enum oracle_answer answer =
                            oracle_value(&sight->oracles[subject / ORACLE_LANES], type, id,
                                         world->types[type].members[member].name,
                                         subject % ORACLE_LANES)
                                .answer;

                        conditional = conditional || answer == ORACLE_CONDITIONAL;
                        error = error || answer == ORACLE_ERROR;
                    }
                }
            }
        }
    }
    asking->counts->conditional_worlds += conditional ? 1 : 0;
    asking->counts->error_worlds += error ? 1 : 0;
}

static bool
ask_written(struct asking *asking, const struct history *history, struct world *past)
{
    bool agreed;

    sights_begin(asking);
    agreed = ask_moments(asking);
    if (agreed && (asking->thorough || world_random_chance(&asking->random, 30))) {
        harness_engine_reopen(&asking->side, 1);
        agreed = ask_all(asking, "without a cache", 12);
    }
    if (agreed)
        count_world(asking, asking->world);
    sights_end(asking);
    return agreed && (asking->checks_only || ask_history(asking, history, past));
}

static bool
compare_opened(struct asking *asking, struct world_comparison *comparison)
{
    struct history *history = memory_new(sizeof *history);
    struct world *past = memory_new(sizeof *past);
    bool refused = false;
    bool agreed;

    move_to(asking, world_written_at(asking->world));
    asking->method = "writing";
    agreed = asking_write_schema(asking, comparison, &refused);
    if (refused)
        comparison->counts->refused++;
    else if (agreed)
        agreed = asking_write_tuples(asking, history) && ask_written(asking, history, past);
    memory_free(history);
    memory_free(past);
    return agreed;
}

bool
world_compare(struct world_comparison *comparison, const struct world *world)
{
    int subjects_max = world->type_count * world->id_count * (WORLD_MEMBERS_MAX + 1);
    struct asking asking = {.world = world,
                            .random = {comparison->seed ^ UINT64_C(0x5bd1e995)},
                            .caveats = &comparison->caveats,
                            .thorough = comparison->thorough,
                            .checks_only = comparison->checks_only,
                            .percent = 100,
                            .counts = comparison->counts,
                            .mismatch = &comparison->mismatch};
    bool agreed;

    asking.subjects = memory_new_array((size_t)subjects_max, sizeof *asking.subjects);
    if (!asking.checks_only)
        asking.sets = memory_new(sizeof *asking.sets);
    arena_init(&asking.context_arena, SIZE_MAX);
    buffer_clear(&comparison->mismatch);
    buffer_clear(&comparison->refusal);
    comparison->counts->worlds++;
    oracle_caveats_prepare(asking.caveats, world);
    harness_engine_open_at(&asking.side, 0, world_written_at(world));
    add_subjects(&asking);
    read_contexts(&asking);
    agreed = compare_opened(&asking, comparison);
    harness_engine_close(&asking.side);
    if (asking.sets != NULL)
        oracle_release(&asking.sets->oracle);
    arena_release(&asking.context_arena);
    memory_free(asking.subjects);
    memory_free(asking.sets);
    return agreed;
}

void
world_comparison_init(struct world_comparison *comparison, uint64_t seed,
                      struct world_counts *counts)
{
    *comparison = (struct world_comparison){.seed = seed, .counts = counts};
    buffer_init(&comparison->mismatch);
    buffer_init(&comparison->refusal);
    oracle_caveats_init(&comparison->caveats);
}

void
world_comparison_release(struct world_comparison *comparison)
{
    buffer_release(&comparison->mismatch);
    buffer_release(&comparison->refusal);
    oracle_caveats_release(&comparison->caveats);
}
