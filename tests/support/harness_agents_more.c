/* harness_agents_more.c - what has to hold between answers, whatever each of them is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/datum.h"
#include "tests/support/harness_agents.h"

#define SCRATCH (run->world.now.request_count - 1) /* the context that is made up here */

static bool
fail(struct agents_run *run, const char *what, const struct agents_question *question)
{
    struct agents_step step = {.kind = AGENTS_STEP_ASK, .question = *question};
    struct buffer text;

    buffer_init(&text);
    agents_step_print(&step, &text);
    buffer_add_byte(&text, '\0');
    agents_run_fail(run, "%s: %s", what, text.data);
    buffer_release(&text);
    return false;
}

/* --- what an allow implies --- */

static bool
allows(struct agents_run *run, const struct agents_question *question, bool *allowed)
{
    struct agents_answered answered;

    if (!agents_run_ask_check(run, question, &answered))
        return false;
    *allowed = answered.status == BEHALF_OK && answered.decision == DECISION_ALLOW;
    return true;
}

/* The grant above, shown by the agent before. */
static struct agents_question
one_hop_less(const struct agents_run *run, const struct agents_question *question, int parent)
{
    struct agents_question less = *question;

    less.grant = parent;
    if (less.actor_count > 1)
        less.actor_count--;
    else
        less.actors[0] = run->state.grants[parent].delegatee;
    return less;
}

static bool
ends_lie_ahead(const struct agents_run *run, const int *chain, int count)
{
    const struct agents_session *session =
        &run->state.sessions[run->state.grants[chain[0]].session];

    for (int i = 0; i < count; i++)
        if (run->state.now >= run->state.grants[chain[i]].terms.expires_at)
            return false;
    return run->state.now < session->expires_at;
}

/* Whether both were made while the schema said the same of their constraints. */
static bool
same_caveats(const struct agents_run *run, int base, int stricter)
{
    const struct agents_terms *a = &run->state.grants[base].terms;
    const struct agents_terms *b = &run->state.grants[stricter].terms;

    for (int i = 0; i < a->constraint_count; i++)
        if (strcmp(a->constraints[i].approved.condition, b->constraints[i].approved.condition) != 0)
            return false;
    return true;
}

/* By a grant with one condition less, as long as that one lives. */
static bool
after_stricter(struct agents_run *run, const struct agents_question *question)
{
    struct agents_question less = *question;
    bool allowed = true;

    less.grant = run->state.grants[question->grant].stricter_than - 1;
    if (less.grant < 0 || !same_caveats(run, less.grant, question->grant) ||
        agents_has_uses(&run->state, less.grant) ||
        agents_grant_state(&run->oracle, &run->state, less.grant, run->state.now, true) != NULL)
        return true;
    run->counts->stricter++;
    if (!allows(run, &less, &allowed))
        return false;
    return allowed || fail(run, "allowed, but not with one condition less", question);
}

static bool
after_allow(struct agents_run *run, const struct agents_question *question)
{
    struct agents_question plain = *question;
    int chain[AGENTS_CHAIN_MAX];
    int count = agents_chain(&run->state, question->grant, chain);
    bool allowed = true;

    if (!ends_lie_ahead(run, chain, count))
        return fail(run, "allowed at or after an end", question);
    if (count > 1 && !agents_has_uses(&run->state, chain[count - 2])) {
        struct agents_question less = one_hop_less(run, question, chain[count - 2]);

        run->counts->hops++;
        if (!allows(run, &less, &allowed))
            return false;
        if (!allowed)
            return fail(run, "allowed, but not one hop before", question);
    }
    if (!after_stricter(run, question))
        return false;
    plain.grant = AGENTS_NO_GRANT;
    plain.actor_count = 0;
    if (!allows(run, &plain, &allowed))
        return false;
    return allowed || fail(run, "allowed, but not to the principal", question);
}

/* --- what was missing, added --- */

static const struct datum *
with_missing(struct agents_run *run, int request, const struct missing_context *missing)
{
    const struct datum *old = run->contexts[request];
    const struct datum *full = run->contexts[1];
    size_t count = old != NULL ? old->as.map.count : 0;
    struct datum_field *fields =
        arena_take(&run->contexts_arena, (count + missing->count) * sizeof *fields);
    struct datum *map = arena_take(&run->contexts_arena, sizeof *map);
    struct slice twice;

    BEHALF_ASSERT(fields != NULL && map != NULL);
    if (count > 0)
        memcpy(fields, old->as.map.fields, count * sizeof *fields);
    for (size_t i = 0; i < missing->count; i++) {
        char *name = arena_take(&run->contexts_arena, missing->names[i].size);
        const struct datum *value = datum_field(full, missing->names[i]);

        BEHALF_ASSERT(name != NULL && value != NULL);
        memcpy(name, missing->names[i].data, missing->names[i].size);
        fields[count++] = (struct datum_field){{name, missing->names[i].size}, value};
    }
    /* What is missing was not there. */
    BEHALF_ASSERT(datum_sort_fields(fields, count, &twice));
    *map = (struct datum){.kind = DATUM_MAP};
    map->as.map.fields = fields;
    map->as.map.count = count;
    return map;
}

/* Which no context gives. */
static bool
misses_attributes(const struct missing_context *missing)
{
    for (size_t i = 0; i < missing->count; i++)
        if (slice_equal(missing->names[i], SLICE_LITERAL("subject")) ||
            slice_equal(missing->names[i], SLICE_LITERAL("resource")))
            return true;
    return false;
}

static bool
after_conditional(struct agents_run *run, const struct agents_question *question,
                  const struct missing_context *missing)
{
    struct agents_question more = *question;
    struct agents_answered answered;
    const struct datum *given = with_missing(run, question->request, missing);
    struct buffer text;

    buffer_init(&text);
    datum_print_json(given, &text);
    buffer_add_byte(&text, '\0');
    snprintf(run->world.now.requests[SCRATCH], WORLD_CONTEXT_SIZE, "%s", text.data);
    buffer_release(&text);
    run->contexts[SCRATCH] = given;
    agents_oracle_forget(&run->oracle, SCRATCH);
    more.request = SCRATCH;
    run->counts->contexts++;
    if (!agents_run_ask_check(run, &more, &answered))
        return false;
    for (size_t i = 0; answered.status == BEHALF_OK && i < answered.missing.count; i++)
        if (datum_field(given, answered.missing.names[i]) != NULL)
            return fail(run, "misses what is given", &more);
    return true;
}

static void
keep_sample(struct agents_run *run, const struct agents_question *question)
{
    if (agents_has_uses(&run->state, question->grant) || question->grant < 0)
        return;
    run->samples[run->sample_count++ % AGENTS_SAMPLES] = *question;
}

bool
agents_run_more(struct agents_run *run, const struct agents_question *question,
                const struct agents_answered *answered)
{
    keep_sample(run, question);
    if (question->grant < 0 || answered->status != BEHALF_OK)
        return true;
    if (answered->decision == DECISION_ALLOW)
        return after_allow(run, question);
    /* A use that is left may be taken by the first of two questions. */
    if (answered->decision == DECISION_CONDITIONAL && question->request != 1 &&
        !misses_attributes(&answered->missing))
        return after_conditional(run, question, &answered->missing);
    return true;
}

/* --- before and after a write --- */

static int
sample_count(const struct agents_run *run)
{
    return run->sample_count < AGENTS_SAMPLES ? run->sample_count : AGENTS_SAMPLES;
}

/* Samples would count many times in the shares of answers. */
static bool
ask_again(struct agents_run *run, const struct agents_question *question,
          struct agents_answered *answered)
{
    static struct agents_counts uncounted;
    struct agents_counts *counts = run->counts;
    bool agreed;

    run->counts = &uncounted;
    agreed = agents_run_ask_check(run, question, answered);
    run->counts = counts;
    return agreed;
}

bool
agents_run_before(struct agents_run *run, const struct agents_step *step,
                  struct agents_before *before)
{
    *before = (struct agents_before){.restricts = agents_step_restricts(step),
                                     .concerns = agents_step_concerns(&run->state, step)};
    if (!before->restricts && before->concerns.type == NULL)
        return true;
    /* The write takes a moment of its own, in which nothing else may change. */
    if (agents_next_moment(&run->oracle, &run->state) < run->state.now + AGENTS_SECOND)
        return true;
    before->count = sample_count(run);
    for (int i = 0; i < before->count; i++)
        if (!ask_again(run, &run->samples[i], &before->answers[i]))
            return false;
    return true;
}

bool
agents_run_after(struct agents_run *run, const struct agents_before *before)
{
    for (int i = 0; i < before->count; i++) {
        const struct agents_answered *old = &before->answers[i];
        const struct agents_question *question = &run->samples[i];
        struct agents_answered now;

        if (!ask_again(run, question, &now))
            return false;
        if (before->restricts) {
            run->counts->restricted++;
            if (old->status == BEHALF_OK && old->decision == DECISION_DENY &&
                (now.status != BEHALF_OK || now.decision != DECISION_DENY))
                return fail(run, "no deny any more after something was taken away", question);
        }
        if (before->concerns.type == NULL ||
            agents_object_equal(before->concerns, question->principal))
            continue;
        run->counts->apart++;
        if (now.status != old->status || now.decision != old->decision ||
            !slice_equal(now.reason, old->reason) || now.missing.count != old->missing.count)
            return fail(run, "changed by what is another principal's", question);
    }
    return true;
}

/* --- the agent that nobody knows --- */

static bool
alone_is_denied(struct agents_run *run, struct agents_question question)
{
    struct agents_step step = {.kind = AGENTS_STEP_ASK, .limit = 1000};
    bool allowed = false;

    for (int i = 0; i < 2; i++) {
        question.principal = (struct agents_object){i == 0 ? "agent" : "user", i == 0 ? "z" : "a"};
        question.actor_count = i;
        question.actors[0] = (struct agents_object){"agent", "z"};
        run->counts->alone++;
        if (!allows(run, &question, &allowed))
            return false;
        if (allowed)
            return fail(run, "an agent without grant and relationship is allowed", &question);
        step.question = question;
        step.method = AGENTS_RESOURCES;
        if (!agents_run_ask(run, &step))
            return false;
    }
    return true;
}

bool
agents_run_alone(struct agents_run *run)
{
    static const char *const permissions[] = {"view", "edit"};

    for (int i = 0; i < 2; i++) {
        struct agents_question question = {.grant = AGENTS_NO_GRANT,
                                           .resource = {"document", "a"},
                                           .permission = permissions[i],
                                           .request = 1};

        if (!alone_is_denied(run, question))
            return false;
        question.resource.type = "folder";
        if (!alone_is_denied(run, question))
            return false;
    }
    return true;
}
