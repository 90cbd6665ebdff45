/* harness_world_values.c - what the oracle says, and whether an answer is that. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/datum.h"
#include "base/memory.h"
#include "tests/support/harness_world_private.h"

/* --- sights --- */

static int
oracle_count(const struct asking *asking)
{
    return asking->subject_count / ORACLE_LANES + 1;
}

static int
compare_times(const void *a, const void *b)
{
    const int64_t *left = a;
    const int64_t *right = b;

    return (*left > *right) - (*left < *right);
}

static void
find_expirations(struct asking *asking)
{
    const struct world *world = asking->world;
    int count = 0;
    int kept = 0;

    for (int i = 0; i < world->tuple_count; i++)
        if (world->tuples[i].expires_at != 0)
            asking->expirations[count++] = world->tuples[i].expires_at;
    if (count > 1)
        qsort(asking->expirations, (size_t)count, sizeof asking->expirations[0], compare_times);
    for (int i = 0; i < count; i++)
        if (kept == 0 || asking->expirations[kept - 1] != asking->expirations[i])
            asking->expirations[kept++] = asking->expirations[i];
    asking->expiration_count = kept;
}

void
sights_begin(struct asking *asking)
{
    find_expirations(asking);
    asking->sights = memory_new_array((size_t)asking->world->request_count *
                                          ((size_t)asking->expiration_count + 1),
                                      sizeof *asking->sights);
}

void
sights_end(struct asking *asking)
{
    int count = asking->world->request_count * (asking->expiration_count + 1);

    for (int i = 0; i < count; i++) {
        for (int j = 0; asking->sights[i].solved && j < oracle_count(asking); j++)
            oracle_release(&asking->sights[i].oracles[j]);
        memory_free(asking->sights[i].oracles);
    }
    memory_free(asking->sights);
    asking->sights = NULL;
}

int
asking_state(const struct asking *asking, int64_t time)
{
    int state = 0;

    while (state < asking->expiration_count && asking->expirations[state] <= time)
        state++;
    return state;
}

static void
solve(struct asking *asking, struct sight *sight, int request, int state)
{
    const struct world *world = asking->world;
    int64_t now = state > 0 ? asking->expirations[state - 1] : INT64_MIN;

    oracle_facts_find(&sight->facts, world, asking->caveats, world->requests[request], now);
    sight->oracles = memory_new_array((size_t)oracle_count(asking), sizeof *sight->oracles);
    for (int first = 0; first < asking->subject_count; first += ORACLE_LANES) {
        int count = asking->subject_count - first;

        oracle_solve(&sight->oracles[first / ORACLE_LANES], &sight->facts, asking->subjects + first,
                     count < ORACLE_LANES ? count : ORACLE_LANES);
    }
    sight->solved = true;
}

const struct sight *
asking_sight(struct asking *asking, int request, int state)
{
    struct sight *sight = &asking->sights[request * (asking->expiration_count + 1) + state];

    BEHALF_ASSERT(request < asking->world->request_count && state <= asking->expiration_count);
    if (!sight->solved)
        solve(asking, sight, request, state);
    return sight;
}

struct oracle_value
asking_value(struct asking *asking, const struct question *question, int state)
{
    const struct sight *sight = asking_sight(asking, question->request, state);

    return oracle_value(&sight->oracles[question->subject / ORACLE_LANES], question->type,
                        question->id, question->name, question->subject % ORACLE_LANES);
}

struct oracle_value
asking_expect(struct asking *asking, const struct question *question)
{
    return asking_value(asking, question, asking_state(asking, asking->now));
}

/* --- comparing --- */

bool
answered_fits(const struct asking *asking, struct oracle_value expected,
              const struct answered *answered)
{
    static const enum decision decisions[] = {
        [ORACLE_DENY] = DECISION_DENY,
        [ORACLE_CONDITIONAL] = DECISION_CONDITIONAL,
        [ORACLE_ALLOW] = DECISION_ALLOW,
    };
    size_t count = 0;

    if (expected.answer == ORACLE_ERROR)
        return oracle_error_fits(expected, answered->status);
    if (answered->status != BEHALF_OK || answered->decision != decisions[expected.answer])
        return false;
    for (int name = 0; name < asking->caveats->name_count; name++) {
        if ((expected.reasons >> name & 1) == 0)
            continue;
        if (count == answered->missing.count ||
            !slice_equal(answered->missing.names[count], slice_of(asking->caveats->names[name])))
            return false;
        count++;
    }
    return count == answered->missing.count;
}

void
answered_print(const struct answered *answered, struct buffer *out)
{
    static const char *const decisions[] = {"deny", "conditional on", "allow"};

    if (answered->status != BEHALF_OK) {
        buffer_add_format(out, "error: %s", status_name(answered->status));
        return;
    }
    buffer_add_text(out, decisions[answered->decision]);
    for (size_t i = 0; i < answered->missing.count; i++)
        buffer_add_format(out, "%s%.*s", i > 0 ? ", " : " ",
                          SLICE_PRINTF(answered->missing.names[i]));
}

static bool
fail_answer(struct asking *asking, const char *text, struct oracle_value expected,
            const struct answered *answered)
{
    struct buffer both = {0};

    buffer_init(&both);
    oracle_print_value(asking->caveats, expected, &both);
    buffer_add_text(&both, ", got ");
    answered_print(answered, &both);
    comparison_fail(asking, "%s: expected %s", text, both.data);
    buffer_release(&both);
    return false;
}

static bool
fail_validity(struct asking *asking, const char *text, int64_t valid_until, int state)
{
    struct buffer times = {0};

    buffer_init(&times);
    if (valid_until == 0)
        buffer_add_text(&times, "for ever");
    else
        buffer_add_format(&times, "until %lld", (long long)(valid_until - WORLD_EPOCH));
    comparison_fail(asking, "%s: valid %s (after the epoch), but at %lld it is another answer",
                    text, times.data, (long long)(asking->expirations[state - 1] - WORLD_EPOCH));
    buffer_release(&times);
    return false;
}

/* The first state at or behind `valid_until`: none behind the last when it is for ever. */
static int
state_behind(const struct asking *asking, int64_t valid_until)
{
    if (valid_until == 0)
        return asking->expiration_count + 1;
    return asking_state(asking, valid_until - 1) + 1;
}

bool
asking_compare(struct asking *asking, const char *text, expect_function *expect, const void *what,
               const struct answered *answered)
{
    int present = asking_state(asking, asking->now);
    struct oracle_value expected = expect(asking, what, present);

    if (!answered_fits(asking, expected, answered))
        return fail_answer(asking, text, expected, answered);
    if (answered->status != BEHALF_OK)
        return true;
    if (answered->valid_until != 0 && answered->valid_until <= asking->now)
        return comparison_fail(asking, "%s: valid until %lld after the epoch, which is past", text,
                               (long long)(answered->valid_until - WORLD_EPOCH));
    asking->counts->bounded += answered->valid_until != 0 ? 1 : 0;
    for (int state = present + 1; state < state_behind(asking, answered->valid_until); state++)
        if (!oracle_value_equal(expected, expect(asking, what, state)))
            return fail_validity(asking, text, answered->valid_until, state);
    return true;
}

bool
asking_compare_validity(struct asking *asking, const char *text, int64_t valid_until,
                        bool (*same)(struct asking *asking, const void *what, int state),
                        const void *what)
{
    if (valid_until != 0 && valid_until <= asking->now)
        return comparison_fail(asking, "%s: valid until %lld after the epoch, which is past", text,
                               (long long)(valid_until - WORLD_EPOCH));
    for (int state = asking_state(asking, asking->now) + 1;
         state < state_behind(asking, valid_until); state++)
        if (!same(asking, what, state))
            return fail_validity(asking, text, valid_until, state);
    return true;
}

static struct oracle_value
question_value(struct asking *asking, const void *what, int state)
{
    return asking_value(asking, what, state);
}

void
asking_print(const struct asking *asking, const struct question *question, char *text)
{
    const struct world *world = asking->world;
    const struct oracle_subject *subject = &asking->subjects[question->subject];
    const char *context = world->requests[question->request];
    bool userset = subject->name >= 0;

    snprintf(text, QUESTION_TEXT_SIZE, "%s:%s#%s@%s:%s%s%s%s%s", world->types[question->type].name,
             world->ids[question->id], world->names[question->name],
             world->types[subject->type].name, world->ids[subject->id], userset ? "#" : "",
             userset ? world->names[subject->name] : "", context[0] != '\0' ? " with " : "",
             context);
}

bool
asking_compare_question(struct asking *asking, const char *method, const struct question *question,
                        const struct answered *answered)
{
    char text[QUESTION_TEXT_SIZE + 64];
    char of[QUESTION_TEXT_SIZE];

    /* The question is put into words only when it must be told. */
    if (asking_compare(asking, "", question_value, question, answered))
        return true;
    buffer_clear(asking->mismatch);
    asking_print(asking, question, of);
    snprintf(text, sizeof text, "%s %s", method, of);
    return asking_compare(asking, text, question_value, question, answered);
}
