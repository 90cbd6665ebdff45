/* agents_rules.c - what writes of records have to come to, and what they leave. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "tests/support/agents_world.h"

static void
refuse(struct agents_verdict *verdict, enum status status)
{
    BEHALF_ASSERT(verdict->refusal_count < AGENTS_REFUSALS_MAX);
    verdict->refusals[verdict->refusal_count++] = status;
}

static const char *
client_of(const struct agents_step *step)
{
    /* The text of an agent is no client that a stop of these worlds names. */
    return step->client != NULL ? step->client : "";
}

static bool
stop_holds(const struct agents_state *state, enum agents_stop_scope scope,
           struct agents_object object, const char *client)
{
    const struct agents_stop *stop = agents_find_stop(state, scope, object, client);

    return stop != NULL && stop->in_force;
}

static bool
parties_are_stopped(const struct agents_state *state, struct agents_object principal,
                    struct agents_object agent, const char *client)
{
    struct agents_object none = {"", ""};

    return stop_holds(state, AGENTS_STOP_PRINCIPAL, principal, NULL) ||
           stop_holds(state, AGENTS_STOP_AGENT, agent, NULL) ||
           stop_holds(state, AGENTS_STOP_CLIENT, none, client) ||
           stop_holds(state, AGENTS_STOP_ALL, none, NULL);
}

bool
agents_step_applies(const struct agents_state *state, const struct agents_step *step)
{
    switch (step->kind) {
    case AGENTS_STEP_TIME:
        return step->time > state->now;
    case AGENTS_STEP_TUPLE:
    case AGENTS_STEP_SCHEMA:
    case AGENTS_STEP_REOPEN:
    case AGENTS_STEP_STOP:
        return true;
    case AGENTS_STEP_SESSION:
        return state->sessions[step->slot].order == 0 && step->time > state->now;
    case AGENTS_STEP_CHANGE:
        return state->sessions[step->slot].exists;
    case AGENTS_STEP_GRANT:
        return state->grants[step->slot].order == 0 && state->sessions[step->other].exists;
    case AGENTS_STEP_DELEGATE: {
        int chain[AGENTS_CHAIN_MAX];

        return state->grants[step->slot].order == 0 && agents_chain(state, step->other, chain) > 0;
    }
    case AGENTS_STEP_REVOKE:
        return state->grants[step->slot].exists;
    case AGENTS_STEP_DAMAGE:
        return step->damage == AGENTS_DAMAGE_SESSION ? state->sessions[step->slot].exists
                                                     : state->grants[step->slot].exists;
    case AGENTS_STEP_ASK:
        return step->question.grant < 0 || state->grants[step->question.grant].order != 0;
    }
    BEHALF_UNREACHABLE();
}

static void
judge_session(const struct agents_oracle *oracle, const struct agents_state *state,
              const struct agents_step *step, struct agents_verdict *verdict)
{
    if (!agents_is_agent_type(oracle->world, step->b.type) ||
        agents_is_agent_type(oracle->world, step->a.type))
        refuse(verdict, BEHALF_DELEGATION_REFUSED);
    if (parties_are_stopped(state, step->a, step->b, client_of(step)))
        refuse(verdict, BEHALF_AGENT_STOPPED);
}

static void
judge_change(const struct agents_state *state, const struct agents_step *step,
             struct agents_verdict *verdict)
{
    const struct agents_session *session = &state->sessions[step->slot];
    const char *soon = agents_session_state(state, step->slot, state->now, true);
    bool is_over = state->now >= session->expires_at ||
                   (session->idle_ns > 0 && state->now - session->seen_low >= session->idle_ns);

    if (step->change == AGENTS_REVOKE)
        return;
    if (session->status == AGENTS_REVOKED)
        refuse(verdict, BEHALF_RECORD_NOT_ACTIVE);
    if (step->change == AGENTS_SUSPEND) {
        /* May be repeated, also of what is over or stopped anyhow. */
        if (verdict->refusal_count == 0 && soon != NULL) {
            refuse(verdict, BEHALF_RECORD_NOT_ACTIVE);
            verdict->may_be_done = true;
        }
        return;
    }
    if (session->status != AGENTS_SUSPENDED || is_over)
        refuse(verdict, BEHALF_RECORD_NOT_ACTIVE);
    verdict->may_be_done = session->status == AGENTS_SUSPENDED && is_over &&
                           state->now < session->expires_at &&
                           state->now - session->seen_high < session->idle_ns;
    if (parties_are_stopped(state, session->principal, session->agent, session->client)) {
        refuse(verdict, BEHALF_AGENT_STOPPED);
    } else if (agents_session_is_stopped(state, step->slot)) {
        /* Ended for good: resuming makes no difference. */
        verdict->may_be_done = verdict->may_be_done || verdict->refusal_count == 0;
        refuse(verdict, BEHALF_AGENT_STOPPED);
    }
}

static void
name_principal(struct agents_terms *terms, struct agents_object principal)
{
    for (int i = 0; i < terms->element_count; i++)
        if (terms->elements[i].is_principal)
            terms->elements[i].object = principal;
}

/* Names of the schema that the terms need, and times. */
static void
judge_terms(const struct agents_oracle *oracle, const struct agents_state *state,
            const struct agents_terms *terms, struct agents_verdict *verdict)
{
    const struct world *world = oracle->world;

    for (int i = 0; i < terms->element_count; i++) {
        const struct agents_element *element = &terms->elements[i];
        int type = world_find_type(world, element->type);
        int member = element->form == AGENTS_MEMBERS ? world_find_name(world, element->member) : -1;

        for (int j = 0; j < element->action_count; j++) {
            int name = world_find_name(world, element->actions[j]);

            if (name < 0 || world_find_member(world, type, name) < 0)
                refuse(verdict, BEHALF_UNKNOWN_RELATION_OR_PERMISSION);
        }
        if (element->form == AGENTS_MEMBERS &&
            (member < 0 || world_find_member(world, type, member) < 0))
            refuse(verdict, BEHALF_UNKNOWN_RELATION_OR_PERMISSION);
        if (verdict->refusal_count > 0)
            break;
    }
    for (int i = 0; i < terms->constraint_count; i++) {
        bool known = false;

        for (int j = 0; j < world->caveat_count; j++)
            known = known || strcmp(world->caveats[j].name, terms->constraints[i].caveat) == 0;
        if (!known) {
            refuse(verdict, BEHALF_UNKNOWN_CAVEAT);
            break;
        }
    }
    if (terms->expires_at <= state->now)
        refuse(verdict, BEHALF_MALFORMED_REQUEST);
}

/* A session that a stop has ended, without being in force any more, is not active either; whether
 * a grant of it is refused at once or denied for ever makes no difference. */
static void
judge_session_of(const struct agents_state *state, int session, struct agents_verdict *verdict)
{
    const struct agents_session *at = &state->sessions[session];
    const char *early = agents_session_state(state, session, state->now, true);
    const char *late = agents_session_state(state, session, state->now, false);

    if (early == NULL)
        return;
    refuse(verdict, BEHALF_RECORD_NOT_ACTIVE);
    refuse(verdict, BEHALF_AGENT_STOPPED);
    verdict->may_be_done =
        late == NULL || (strcmp(early, "agent_stopped") == 0 &&
                         !parties_are_stopped(state, at->principal, at->agent, at->client));
}

/* Whether an element has the action on what was asked for, as a write decides it. */
static bool
contains_asked(const struct agents_step *step)
{
    for (int i = 0; i < step->terms.element_count; i++) {
        const struct agents_element *element = &step->terms.elements[i];

        if (strcmp(element->type, step->resource.type) != 0 ||
            (element->form == AGENTS_OBJECT && strcmp(element->id, step->resource.id) != 0))
            continue;
        for (int j = 0; j < element->action_count; j++)
            if (strcmp(element->actions[j], step->action) == 0)
                return true;
    }
    return false;
}

/* Others than the principal approve exactly what was asked for; of limits these requests ask for
 * none. */
static void
judge_request_of_grant(const struct agents_step *step, struct agents_object principal,
                       struct agents_verdict *verdict)
{
    const struct agents_element *first = &step->terms.elements[0];
    bool exact = step->terms.element_count == 1 && first->form == AGENTS_OBJECT &&
                 first->action_count == 1 && contains_asked(step);

    if (!contains_asked(step))
        refuse(verdict, BEHALF_SCOPE_NOT_NARROWER);
    if (!agents_object_equal(step->a, principal) && (!exact || step->terms.max_depth > 0))
        refuse(verdict, BEHALF_APPROVER_REFUSED);
}

void
agents_request_judge(const struct agents_oracle *oracle, const struct agents_state *state,
                     const struct agents_step *step, struct agents_verdict *verdict)
{
    const struct agents_session *session = &state->sessions[step->other];
    int type = world_find_type(oracle->world, step->resource.type);
    int name = world_find_name(oracle->world, step->action);

    *verdict = (struct agents_verdict){.refusal_count = 0};
    if (!agents_is_agent_type(oracle->world, session->agent.type) ||
        agents_is_agent_type(oracle->world, session->principal.type))
        refuse(verdict, BEHALF_DELEGATION_REFUSED);
    if (name < 0 || world_find_member(oracle->world, type, name) < 0)
        refuse(verdict, BEHALF_UNKNOWN_RELATION_OR_PERMISSION);
    /* The client is not known yet. */
    if (parties_are_stopped(state, session->principal, session->agent, ""))
        refuse(verdict, BEHALF_AGENT_STOPPED);
}

static void
judge_grant(struct agents_oracle *oracle, const struct agents_state *state,
            const struct agents_step *step, struct agents_verdict *verdict)
{
    const struct agents_session *session = &state->sessions[step->other];
    struct oracle_value approves;

    if (step->request == AGENTS_AFTER_DENIAL || step->request == AGENTS_AFTER_CANCEL) {
        refuse(verdict, BEHALF_RECORD_NOT_ACTIVE);
        return;
    }
    judge_session_of(state, step->other, verdict);
    if (step->request == AGENTS_BY_REQUEST)
        judge_request_of_grant(step, session->principal, verdict);
    if (verdict->may_be_done)
        return;
    judge_terms(oracle, state, &step->terms, verdict);
    if (step->terms.expires_at > session->expires_at)
        refuse(verdict, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT);
    if (!agents_is_agent_type(oracle->world, session->agent.type) ||
        agents_is_agent_type(oracle->world, session->principal.type))
        refuse(verdict, BEHALF_DELEGATION_REFUSED);
    approves = agents_plain(oracle, session->principal, "agent_approver", step->a, 0, state->now);
    if (agents_is_agent_type(oracle->world, step->a.type) ||
        (!agents_object_equal(step->a, session->principal) && approves.answer != ORACLE_ALLOW))
        refuse(verdict, BEHALF_APPROVER_REFUSED);
}

static void
judge_delegate(struct agents_oracle *oracle, const struct agents_state *state,
               const struct agents_step *step, struct agents_verdict *verdict)
{
    const struct agents_grant *parent = &state->grants[step->other];
    const char *early = agents_grant_state(oracle, state, step->other, state->now, true);
    const char *late = agents_grant_state(oracle, state, step->other, state->now, false);
    int chain[AGENTS_CHAIN_MAX];
    int count = agents_chain(state, step->other, chain);
    struct agents_object principal = state->sessions[parent->session].principal;
    struct agents_terms terms = step->terms;
    bool again = agents_object_equal(step->b, principal);

    if (early != NULL) {
        refuse(verdict, BEHALF_RECORD_NOT_ACTIVE);
        refuse(verdict, BEHALF_AGENT_STOPPED);
        refuse(verdict, BEHALF_UNKNOWN_RECORD);
        refuse(verdict, BEHALF_DELEGATION_REFUSED);
        if (late == NULL) {
            verdict->may_be_done = true;
            return;
        }
    }
    judge_terms(oracle, state, &step->terms, verdict);
    name_principal(&terms, principal);
    for (int i = 0; i < count; i++)
        again = again || agents_object_equal(step->b, state->grants[chain[i]].delegatee);
    if (again || !agents_object_equal(step->a, parent->delegatee) ||
        !agents_is_agent_type(oracle->world, step->b.type))
        refuse(verdict, BEHALF_DELEGATION_REFUSED);
    if (parent->terms.max_depth < 1 || step->terms.max_depth >= parent->terms.max_depth) {
        refuse(verdict, BEHALF_DELEGATION_REFUSED);
        refuse(verdict, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT);
    }
    if (step->terms.expires_at > parent->terms.expires_at)
        refuse(verdict, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT);
    if (!agents_is_narrower(&terms, &parent->terms))
        refuse(verdict, BEHALF_SCOPE_NOT_NARROWER);
    if (parties_are_stopped(state, principal, step->b, state->sessions[parent->session].client))
        refuse(verdict, BEHALF_AGENT_STOPPED);
}

/* A stop that was never ordered cannot be taken back; one on everything may have been, by the store
 * itself. */
static void
judge_stop(const struct agents_oracle *oracle, const struct agents_state *state,
           const struct agents_step *step, struct agents_verdict *verdict)
{
    if (step->scope == AGENTS_STOP_AGENT && !agents_is_agent_type(oracle->world, step->a.type))
        refuse(verdict, BEHALF_DELEGATION_REFUSED);
    if (!step->restore || agents_find_stop(state, step->scope, step->a, client_of(step)) != NULL)
        return;
    refuse(verdict, BEHALF_UNKNOWN_RECORD);
    verdict->may_be_done = step->scope == AGENTS_STOP_ALL;
}

void
agents_step_judge(struct agents_oracle *oracle, const struct agents_state *state,
                  const struct agents_step *step, struct agents_verdict *verdict)
{
    *verdict = (struct agents_verdict){.refusal_count = 0};
    if (step->kind == AGENTS_STEP_SESSION)
        judge_session(oracle, state, step, verdict);
    else if (step->kind == AGENTS_STEP_CHANGE)
        judge_change(state, step, verdict);
    else if (step->kind == AGENTS_STEP_GRANT)
        judge_grant(oracle, state, step, verdict);
    else if (step->kind == AGENTS_STEP_DELEGATE)
        judge_delegate(oracle, state, step, verdict);
    else if (step->kind == AGENTS_STEP_STOP)
        judge_stop(oracle, state, step, verdict);
}

/* --- what they leave --- */

static void
keep_terms(const struct world *world, struct agents_grant *grant, const struct agents_terms *terms,
           struct agents_object principal)
{
    grant->terms = *terms;
    grant->uses_left = terms->uses;
    name_principal(&grant->terms, principal);
    for (int i = 0; i < terms->constraint_count; i++)
        for (int j = 0; j < world->caveat_count; j++)
            if (strcmp(world->caveats[j].name, terms->constraints[i].caveat) == 0)
                grant->terms.constraints[i].approved = world->caveats[j];
}

static void
apply_stop(struct agents_state *state, const struct agents_step *step)
{
    struct agents_stop *stop = NULL;

    for (int i = 0; i < state->stop_count; i++)
        if (&state->stops[i] == agents_find_stop(state, step->scope, step->a, client_of(step)))
            stop = &state->stops[i];
    if (stop == NULL) {
        if (step->restore)
            return;
        BEHALF_ASSERT(state->stop_count < AGENTS_STOPS_MAX);
        stop = &state->stops[state->stop_count++];
        *stop = (struct agents_stop){
            .scope = step->scope, .object = step->a, .client = client_of(step)};
    }
    stop->in_force = !step->restore;
    if (!step->restore)
        stop->epoch = state->order;
}

static void
apply_change(struct agents_session *session, enum agents_change change)
{
    if (session->status == AGENTS_REVOKED)
        return;
    session->status = change == AGENTS_SUSPEND  ? AGENTS_SUSPENDED
                      : change == AGENTS_RESUME ? AGENTS_ACTIVE
                                                : AGENTS_REVOKED;
}

static void
apply_damage(struct agents_state *state, const struct agents_step *step)
{
    switch (step->damage) {
    case AGENTS_DAMAGE_DEPTH:
        state->grants[step->slot].terms.max_depth = 0;
        return;
    case AGENTS_DAMAGE_GRANT:
        state->grants[step->slot].exists = false;
        return;
    case AGENTS_DAMAGE_SESSION:
        state->sessions[step->slot].exists = false;
        return;
    }
}

void
agents_step_apply(const struct agents_world *world, struct agents_state *state,
                  const struct agents_step *step)
{
    /* Steps that are of no session or grant have no slot. */
    struct agents_grant *grant = step->slot >= 0 ? &state->grants[step->slot] : NULL;

    state->order++;
    switch (step->kind) {
    case AGENTS_STEP_SESSION:
        state->sessions[step->slot] = (struct agents_session){
            .exists = true,
            .principal = step->a,
            .agent = step->b,
            .client = client_of(step),
            .expires_at = step->time,
            .idle_ns = step->idle_ns,
            .order = state->order,
            .seen_low = state->now,
            .seen_high = state->now,
        };
        return;
    case AGENTS_STEP_CHANGE:
        apply_change(&state->sessions[step->slot], step->change);
        return;
    case AGENTS_STEP_GRANT:
        *grant = (struct agents_grant){.exists = true,
                                       .session = step->other,
                                       .parent = -1,
                                       .delegatee = state->sessions[step->other].agent,
                                       .order = state->order,
                                       .stricter_than = step->stricter_than};
        keep_terms(&world->now, grant, &step->terms, state->sessions[step->other].principal);
        return;
    case AGENTS_STEP_DELEGATE:
        *grant = (struct agents_grant){.exists = true,
                                       .session = state->grants[step->other].session,
                                       .parent = step->other,
                                       .delegatee = step->b,
                                       .order = state->order};
        keep_terms(&world->now, grant, &step->terms, state->sessions[grant->session].principal);
        return;
    case AGENTS_STEP_REVOKE:
        grant->revoked = true;
        return;
    case AGENTS_STEP_STOP:
        apply_stop(state, step);
        return;
    case AGENTS_STEP_DAMAGE:
        apply_damage(state, step);
        return;
    case AGENTS_STEP_TIME:
        state->now = step->time;
        return;
    case AGENTS_STEP_TUPLE:
    case AGENTS_STEP_SCHEMA:
    case AGENTS_STEP_REOPEN:
    case AGENTS_STEP_ASK:
        return;
    }
}

bool
agents_step_restricts(const struct agents_step *step)
{
    return step->kind == AGENTS_STEP_REVOKE ||
           (step->kind == AGENTS_STEP_CHANGE && step->change != AGENTS_RESUME) ||
           (step->kind == AGENTS_STEP_STOP && !step->restore) || step->kind == AGENTS_STEP_DAMAGE;
}

struct agents_object
agents_step_concerns(const struct agents_state *state, const struct agents_step *step)
{
    struct agents_object nobody = {NULL, NULL};

    switch (step->kind) {
    case AGENTS_STEP_SESSION:
        return step->a;
    case AGENTS_STEP_CHANGE:
        return state->sessions[step->slot].principal;
    case AGENTS_STEP_GRANT:
        return state->sessions[step->other].principal;
    case AGENTS_STEP_DELEGATE:
        return state->sessions[state->grants[step->other].session].principal;
    case AGENTS_STEP_REVOKE:
        return state->sessions[state->grants[step->slot].session].principal;
    case AGENTS_STEP_STOP:
        return step->scope == AGENTS_STOP_PRINCIPAL ? step->a : nobody;
    case AGENTS_STEP_TIME:
    case AGENTS_STEP_TUPLE:
    case AGENTS_STEP_SCHEMA:
    case AGENTS_STEP_REOPEN:
    case AGENTS_STEP_DAMAGE:
    case AGENTS_STEP_ASK:
        return nobody;
    }
    BEHALF_UNREACHABLE();
}
