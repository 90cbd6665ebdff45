/* oracle_agents.c - the conditions, one after the other. */
#include "tests/support/oracle_agents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

/* All plain objects are subjects: one lane each. */
struct agents_sight {
    bool solved;
    struct oracle_facts facts;
    struct oracle oracle;
};

static int
lane_of(const struct world *world, int type, int id)
{
    return type * world->id_count + id;
}

static int
compare_times(const void *a, const void *b)
{
    const int64_t *left = a;
    const int64_t *right = b;

    return (*left > *right) - (*left < *right);
}

static int
sort_once(int64_t *times, int count)
{
    int kept = 0;

    if (count > 1)
        qsort(times, (size_t)count, sizeof *times, compare_times);
    for (int i = 0; i < count; i++)
        if (kept == 0 || times[kept - 1] != times[i])
            times[kept++] = times[i];
    return kept;
}

/* --- the values of the world --- */

/* Conditions see the ranks of the one subject and the one resource that are asked about. */
static int
sights_of_request(const struct agents_oracle *oracle)
{
    return AGENTS_RANKS * AGENTS_RANKS * (oracle->expiration_count + 1);
}

static int
sight_count(const struct agents_oracle *oracle)
{
    return oracle->world->request_count * sights_of_request(oracle);
}

void
agents_oracle_release(struct agents_oracle *oracle)
{
    if (oracle->sights == NULL)
        return;
    for (int i = 0; i < sight_count(oracle); i++)
        oracle_release(&oracle->sights[i].oracle);
    memory_free(oracle->sights);
    oracle->sights = NULL;
}

void
agents_oracle_begin(struct agents_oracle *oracle, const struct world *world,
                    struct oracle_caveats *caveats)
{
    int count = 0;

    agents_oracle_release(oracle);
    BEHALF_ASSERT(world->type_count * world->id_count <= ORACLE_LANES);
    oracle->world = world;
    oracle->caveats = caveats;
    oracle_caveats_prepare(caveats, world);
    for (int i = 0; i < world->tuple_count; i++)
        if (world->tuples[i].expires_at != 0)
            oracle->expirations[count++] = world->tuples[i].expires_at;
    oracle->expiration_count = sort_once(oracle->expirations, count);
    oracle->sights = memory_new_array((size_t)sight_count(oracle), sizeof *oracle->sights);
}

void
agents_oracle_forget(struct agents_oracle *oracle, int request)
{
    int sights = sights_of_request(oracle);

    for (int i = request * sights; i < (request + 1) * sights; i++) {
        oracle_release(&oracle->sights[i].oracle);
        oracle->sights[i].solved = false;
    }
}

/* --- attributes --- */

const char *const agents_rank_values[AGENTS_RANKS] = {NULL, "x", "y"};

int
agents_rank(uint64_t seed, struct agents_object object)
{
    struct world_random random = {seed * 8 + 5};

    if (strcmp(object.id, "z") == 0) /* of which nothing is stored */
        return 0;
    for (const char *at = object.type; *at != '\0'; at++)
        random.state = (random.state + (unsigned char)*at) * UINT64_C(0x9E3779B97F4A7C15);
    random.state += (unsigned char)object.id[0];
    world_random_next(&random);
    return world_random_below(&random, AGENTS_RANKS);
}

/* What is asked with, and the attributes: to the oracle, parameters like others. One that has no
 * rank is not there, which has to come to the same. */
static void
add_attributes(const char *request, int subject, int resource, char text[WORLD_CONTEXT_SIZE + 64])
{
    const char *rest = request[0] != '\0' ? request + 1 : "}";
    const int ranks[] = {subject, resource};
    static const char *const names[] = {"subject", "resource"};
    size_t size = (size_t)snprintf(text, WORLD_CONTEXT_SIZE + 64, "{");

    for (size_t i = 0; i < BEHALF_COUNT_OF(names); i++)
        if (ranks[i] != 0)
            size += (size_t)snprintf(text + size, WORLD_CONTEXT_SIZE + 64 - size,
                                     "%s\"%s\":{\"rank\":\"%s\"}", size > 1 ? "," : "", names[i],
                                     agents_rank_values[ranks[i]]);
    (void)snprintf(text + size, WORLD_CONTEXT_SIZE + 64 - size, "%s%s",
                   size > 1 && rest[0] != '}' ? "," : "", rest);
}

static struct oracle *
sight(struct agents_oracle *oracle, int request, int subject, int resource, int64_t now)
{
    const struct world *world = oracle->world;
    struct oracle_subject subjects[ORACLE_LANES];
    struct agents_sight *sight;
    char context[WORLD_CONTEXT_SIZE + 64];
    int past = 0;

    while (past < oracle->expiration_count && oracle->expirations[past] <= now)
        past++;
    sight =
        &oracle
             ->sights[request * sights_of_request(oracle) +
                      (subject * AGENTS_RANKS + resource) * (oracle->expiration_count + 1) + past];
    if (sight->solved)
        return &sight->oracle;
    for (int type = 0; type < world->type_count; type++)
        for (int id = 0; id < world->id_count; id++)
            subjects[lane_of(world, type, id)] = (struct oracle_subject){type, id, -1};
    add_attributes(world->requests[request], subject, resource, context);
    oracle_facts_find(&sight->facts, world, oracle->caveats, context, now);
    oracle_solve(&sight->oracle, &sight->facts, subjects, world->type_count * world->id_count);
    sight->solved = true;
    return &sight->oracle;
}

struct oracle_value
agents_plain(struct agents_oracle *oracle, struct agents_object resource, const char *permission,
             struct agents_object subject, int request, int64_t now)
{
    const struct world *world = oracle->world;
    int type = world_find_type(world, resource.type);
    int name = world_find_name(world, permission);
    int id = world_find_id(world, resource.id);
    int subject_type = world_find_type(world, subject.type);
    int subject_id = world_find_id(world, subject.id);

    if (type < 0 || name < 0 || subject_type < 0)
        return (struct oracle_value){.answer = ORACLE_DENY};
    BEHALF_ASSERT(id >= 0 && subject_id >= 0);
    return oracle_value(sight(oracle, request, agents_rank(oracle->rank_seed, subject),
                              agents_rank(oracle->rank_seed, resource), now),
                        type, id, name, lane_of(world, subject_type, subject_id));
}

/* One of them is enough: the greatest decides, and those that are equal say why together. */
static struct oracle_value
either(struct oracle_value a, struct oracle_value b)
{
    static const int ranks[] = {
        [ORACLE_DENY] = 0, [ORACLE_CONDITIONAL] = 1, [ORACLE_ERROR] = 2, [ORACLE_ALLOW] = 3};

    if (a.answer == b.answer)
        return (struct oracle_value){a.answer, a.reasons | b.reasons};
    return ranks[a.answer] > ranks[b.answer] ? a : b;
}

/* --- small words --- */

bool
agents_object_equal(struct agents_object a, struct agents_object b)
{
    return strcmp(a.type, b.type) == 0 && strcmp(a.id, b.id) == 0;
}

static bool
text_equal(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool
agents_is_agent_type(const struct world *world, const char *type)
{
    int number = world_find_type(world, type);
    int name = world_find_name(world, "acts_on_behalf_of");

    return number >= 0 && name >= 0 && world_find_member(world, number, name) >= 0;
}

static bool
has_action(const struct agents_element *element, const char *action)
{
    for (int i = 0; i < element->action_count; i++)
        if (strcmp(element->actions[i], action) == 0)
            return true;
    return false;
}

const struct agents_stop *
agents_find_stop(const struct agents_state *state, enum agents_stop_scope scope,
                 struct agents_object object, const char *client)
{
    for (int i = 0; i < state->stop_count; i++) {
        const struct agents_stop *stop = &state->stops[i];

        if (stop->scope != scope)
            continue;
        if (scope == AGENTS_STOP_ALL ||
            (scope == AGENTS_STOP_CLIENT ? strcmp(stop->client, client) == 0
                                         : agents_object_equal(stop->object, object)))
            return stop;
    }
    return NULL;
}

static bool
in_force(const struct agents_state *state, enum agents_stop_scope scope,
         struct agents_object object, const char *client)
{
    const struct agents_stop *stop = agents_find_stop(state, scope, object, client);

    return stop != NULL && stop->in_force;
}

static bool
ended_by(const struct agents_state *state, enum agents_stop_scope scope,
         struct agents_object object, const char *client, int order)
{
    const struct agents_stop *stop = agents_find_stop(state, scope, object, client);

    return stop != NULL && stop->epoch >= order;
}

/* --- chains --- */

int
agents_chain(const struct agents_state *state, int grant, int chain[AGENTS_CHAIN_MAX])
{
    int upwards[AGENTS_CHAIN_MAX];
    int count = 0;
    int session;

    if (grant < 0 || !state->grants[grant].exists)
        return 0;
    session = state->grants[grant].session;
    for (int at = grant; at >= 0; at = state->grants[at].parent) {
        BEHALF_ASSERT(count < AGENTS_CHAIN_MAX);
        if (!state->grants[at].exists || state->grants[at].session != session)
            return 0;
        upwards[count++] = at;
    }
    if (!state->sessions[session].exists)
        return 0;
    for (int i = 0; i < count; i++)
        chain[i] = upwards[count - 1 - i];
    return count;
}

bool
agents_has_uses(const struct agents_state *state, int grant)
{
    int chain[AGENTS_CHAIN_MAX];
    int count = agents_chain(state, grant, chain);

    for (int i = 0; i < count; i++)
        if (state->grants[chain[i]].terms.uses > 0)
            return true;
    return false;
}

/* --- the conditions that are yes or no: the reason of the deny, or NULL --- */

static const char *
condition_d9(const struct agents_state *state, const struct agents_question *question,
             const int *chain, int count)
{
    const struct agents_grant *last = &state->grants[chain[count - 1]];

    if (!agents_object_equal(question->actors[question->actor_count - 1], last->delegatee))
        return "actor_mismatch";
    if (question->actor_count > 1) {
        if (question->actor_count != count)
            return "act_chain_mismatch";
        for (int i = 0; i < count; i++)
            if (!agents_object_equal(question->actors[i], state->grants[chain[i]].delegatee))
                return "act_chain_mismatch";
    }
    if (!agents_object_equal(question->principal, state->sessions[last->session].principal))
        return "principal_mismatch";
    return NULL;
}

static const char *
condition_d6(const struct agents_session *session, int64_t now, bool early)
{
    int64_t seen = early ? session->seen_low : session->seen_high;

    if (session->status == AGENTS_REVOKED)
        return "session_revoked";
    if (session->status == AGENTS_SUSPENDED)
        return "session_suspended";
    if (now >= session->expires_at)
        return "session_expired";
    if (session->idle_ns > 0 && now - seen >= session->idle_ns)
        return "session_idle";
    return NULL;
}

bool
agents_session_is_stopped(const struct agents_state *state, int number)
{
    const struct agents_session *session = &state->sessions[number];
    struct agents_object none = {"", ""};

    return in_force(state, AGENTS_STOP_PRINCIPAL, session->principal, NULL) ||
           in_force(state, AGENTS_STOP_CLIENT, none, session->client) ||
           in_force(state, AGENTS_STOP_AGENT, session->agent, NULL) ||
           in_force(state, AGENTS_STOP_ALL, none, NULL) ||
           ended_by(state, AGENTS_STOP_PRINCIPAL, session->principal, NULL, session->order) ||
           ended_by(state, AGENTS_STOP_AGENT, session->agent, NULL, session->order) ||
           ended_by(state, AGENTS_STOP_CLIENT, none, session->client, session->order) ||
           ended_by(state, AGENTS_STOP_ALL, none, NULL, session->order);
}

static const char *
condition_d7(const struct agents_state *state, const int *chain, int count)
{
    for (int i = 0; i < count; i++)
        if (state->grants[chain[i]].revoked)
            return "grant_revoked";
    if (agents_session_is_stopped(state, state->grants[chain[0]].session))
        return "agent_stopped";
    for (int i = 0; i < count; i++) {
        const struct agents_grant *grant = &state->grants[chain[i]];

        if (in_force(state, AGENTS_STOP_AGENT, grant->delegatee, NULL) ||
            ended_by(state, AGENTS_STOP_AGENT, grant->delegatee, NULL, grant->order))
            return "agent_stopped";
    }
    return NULL;
}

static const char *
condition_d4(const struct agents_state *state, const int *chain, int count, int64_t now,
             int64_t *not_before)
{
    for (int i = 0; i < count; i++) {
        if (now < state->grants[chain[i]].terms.not_before) {
            *not_before = state->grants[chain[i]].terms.not_before;
            return "grant_not_yet_valid";
        }
    }
    for (int i = 0; i < count; i++)
        if (now >= state->grants[chain[i]].terms.expires_at)
            return "grant_expired";
    return NULL;
}

static const char *
condition_d5(const struct agents_state *state, const int *chain, int count)
{
    for (int i = 0; i < count; i++)
        if (state->grants[chain[i]].terms.max_depth < count - 1 - i)
            return "depth_exceeded";
    return NULL;
}

static const char *
condition_d10a(const struct agents_state *state, const struct agents_question *question,
               const int *chain, int count)
{
    for (int i = 0; i < count; i++) {
        const struct agents_terms *terms = &state->grants[chain[i]].terms;

        if (terms->method != NULL &&
            (!text_equal(terms->method, question->method) || terms->digest != question->digest))
            return "binding_mismatch";
    }
    for (int i = 0; i < count; i++) {
        const struct agents_terms *terms = &state->grants[chain[i]].terms;
        bool among = terms->tool_count == 0;

        for (int tool = 0; tool < terms->tool_count; tool++)
            among = among || (text_equal(terms->tools[tool].name, question->tool.name) &&
                              terms->tools[tool].hash == question->tool.hash);
        if (!among)
            return "tool_changed";
    }
    return NULL;
}

static const char *
condition_d2(const struct agents_oracle *oracle, const struct agents_state *state, const int *chain,
             int count)
{
    for (int i = 0; i < count; i++)
        if (!agents_is_agent_type(oracle->world, state->grants[chain[i]].delegatee.type))
            return "no_grant";
    return count == 0 ? "no_grant" : NULL;
}

/* D6, D7, D4, D5. */
static const char *
record_conditions(const struct agents_state *state, const int *chain, int count, int64_t now,
                  bool early, int64_t *not_before)
{
    const struct agents_session *session = &state->sessions[state->grants[chain[0]].session];
    const char *reason = condition_d6(session, now, early);

    if (reason == NULL)
        reason = condition_d7(state, chain, count);
    if (reason == NULL)
        reason = condition_d4(state, chain, count, now, not_before);
    if (reason == NULL)
        reason = condition_d5(state, chain, count);
    return reason;
}

const char *
agents_grant_state(const struct agents_oracle *oracle, const struct agents_state *state, int grant,
                   int64_t now, bool early)
{
    int chain[AGENTS_CHAIN_MAX];
    int count = agents_chain(state, grant, chain);
    const char *reason = condition_d2(oracle, state, chain, count);
    int64_t not_before = 0;

    return reason != NULL ? reason
                          : record_conditions(state, chain, count, now, early, &not_before);
}

const char *
agents_session_state(const struct agents_state *state, int session, int64_t now, bool early)
{
    const char *reason = condition_d6(&state->sessions[session], now, early);

    if (reason == NULL && agents_session_is_stopped(state, session))
        reason = "agent_stopped";
    return reason;
}

/* --- the conditions that are values --- */

static struct oracle_value
of_condition(enum oracle_condition condition, uint64_t reasons)
{
    if (condition == ORACLE_HOLDS)
        return (struct oracle_value){.answer = ORACLE_ALLOW};
    if (condition != ORACLE_OPEN)
        return (struct oracle_value){.answer = ORACLE_DENY};
    if ((reasons & ORACLE_ERRORS) != 0)
        return (struct oracle_value){ORACLE_ERROR, reasons & ORACLE_ERRORS};
    return (struct oracle_value){ORACLE_CONDITIONAL, reasons};
}

static struct oracle_value
scope_value(struct agents_oracle *oracle, const struct agents_terms *terms,
            const struct agents_question *question, int64_t now)
{
    struct oracle_value value = {.answer = ORACLE_DENY};
    struct oracle_value all = {.answer = ORACLE_ALLOW};

    for (int i = 0; i < terms->element_count; i++) {
        const struct agents_element *element = &terms->elements[i];

        if (strcmp(element->type, question->resource.type) != 0 ||
            !has_action(element, question->permission))
            continue;
        switch (element->form) {
        case AGENTS_OBJECT:
            if (strcmp(element->id, question->resource.id) == 0)
                value = either(value, all);
            break;
        case AGENTS_TYPE:
            value = either(value, all);
            break;
        case AGENTS_MEMBERS:
            value = either(value, agents_plain(oracle, question->resource, element->member,
                                               element->object, question->request, now));
            break;
        }
    }
    return value;
}

static bool
caveat_equal(const struct world_caveat *a, const struct world_caveat *b)
{
    bool equal = a->parameter_count == b->parameter_count &&
                 strcmp(a->condition, b->condition) == 0 && strcmp(a->name, b->name) == 0;

    for (int i = 0; equal && i < a->parameter_count; i++)
        equal = strcmp(a->parameters[i].name, b->parameters[i].name) == 0 &&
                strcmp(a->parameters[i].type, b->parameters[i].type) == 0;
    return equal;
}

static struct oracle_value
constraint_value(struct agents_oracle *oracle, const struct agents_constraint *constraint,
                 const struct agents_question *question)
{
    const struct world *world = oracle->world;

    for (int i = 0; i < world->caveat_count; i++) {
        uint64_t reasons = 0;
        enum oracle_condition condition;
        char context[WORLD_CONTEXT_SIZE + 64];

        if (!caveat_equal(&world->caveats[i], &constraint->approved))
            continue;
        add_attributes(world->requests[question->request],
                       agents_rank(oracle->rank_seed, question->principal),
                       agents_rank(oracle->rank_seed, question->resource), context);
        condition =
            oracle_condition_find(oracle->caveats, i + 1, constraint->context, context, &reasons);
        return of_condition(condition, reasons);
    }
    return (struct oracle_value){.answer = ORACLE_DENY};
}

static struct oracle_value
ceiling_value(struct agents_oracle *oracle, struct agents_object agent,
              const struct agents_question *question, int64_t now)
{
    const struct world *world = oracle->world;
    int type = world_find_type(world, question->resource.type);
    struct oracle_value value = {.answer = ORACLE_ALLOW};
    char names[2][2 * WORLD_NAME_SIZE] = {"agent_ceiling"};

    snprintf(names[1], sizeof names[1], "agent_ceiling_%s", question->permission);
    for (int i = 0; i < 2; i++) {
        int name = world_find_name(world, names[i]);

        if (name >= 0 && world_find_member(world, type, name) >= 0)
            value = oracle_both(value, agents_plain(oracle, question->resource, names[i], agent,
                                                    question->request, now));
    }
    return value;
}

/* Adds one condition: the first that denies is the reason. */
static void
add_condition(struct agents_answer *answer, struct oracle_value value, const char *reason)
{
    if (value.answer == ORACLE_DENY && answer->reason == NULL)
        answer->reason = reason;
    answer->value = oracle_both(answer->value, value);
}

static struct agents_answer
denied(const char *reason, int64_t not_before)
{
    return (struct agents_answer){.value = {.answer = ORACLE_DENY},
                                  .reason = reason,
                                  .is_record = true,
                                  .not_before = not_before};
}

/* --- without a grant --- */

static bool
is_stopped(const struct agents_oracle *oracle, const struct agents_state *state,
           const struct agents_question *question)
{
    struct agents_object none = {"", ""};
    bool acted = question->actor_count > 0;
    bool is_agent = agents_is_agent_type(oracle->world, question->principal.type);

    for (int i = 0; i < question->actor_count; i++)
        if (in_force(state, AGENTS_STOP_AGENT, question->actors[i], NULL))
            return true;
    if (is_agent && in_force(state, AGENTS_STOP_AGENT, question->principal, NULL))
        return true;
    if (acted && in_force(state, AGENTS_STOP_PRINCIPAL, question->principal, NULL))
        return true;
    return (acted || is_agent) && in_force(state, AGENTS_STOP_ALL, none, NULL);
}

static struct agents_answer
decide_standing(struct agents_oracle *oracle, const struct agents_state *state,
                const struct agents_question *question, int64_t now)
{
    struct agents_answer answer = {.value = {.answer = ORACLE_ALLOW}};
    struct agents_object before = question->principal;

    if (is_stopped(oracle, state, question))
        return denied("agent_stopped", 0);
    for (int i = 0; i < question->actor_count; i++) {
        add_condition(&answer,
                      agents_plain(oracle, question->actors[i], "acts_on_behalf_of", before,
                                   question->request, now),
                      "no_grant");
        before = question->actors[i];
    }
    for (int i = 0; i < question->actor_count; i++)
        add_condition(&answer, ceiling_value(oracle, question->actors[i], question, now),
                      "agent_ceiling");
    add_condition(&answer,
                  agents_plain(oracle, question->resource, question->permission,
                               question->principal, question->request, now),
                  question->actor_count > 0 ? "principal_denied" : NULL);
    if (question->actor_count > 0 && answer.value.answer == ORACLE_CONDITIONAL)
        answer.reason = "missing_context";
    return answer;
}

/* --- by a grant --- */

static void
decide_values(struct agents_oracle *oracle, const struct agents_state *state,
              const struct agents_question *question, const int *chain, int count, int64_t now,
              struct agents_answer *answer)
{
    for (int i = 0; i < count; i++)
        add_condition(answer, scope_value(oracle, &state->grants[chain[i]].terms, question, now),
                      "scope_excluded");
    for (int i = 0; i < count; i++) {
        const struct agents_terms *terms = &state->grants[chain[i]].terms;

        for (int j = 0; j < terms->constraint_count; j++)
            add_condition(answer, constraint_value(oracle, &terms->constraints[j], question),
                          "constraint_failed");
    }
    for (int i = 0; i < count; i++)
        add_condition(answer,
                      ceiling_value(oracle, state->grants[chain[i]].delegatee, question, now),
                      "agent_ceiling");
    add_condition(answer,
                  agents_plain(oracle, question->resource, question->permission,
                               question->principal, question->request, now),
                  "principal_denied");
}

struct agents_answer
agents_decide(struct agents_oracle *oracle, const struct agents_state *state,
              const struct agents_question *question, int64_t now, bool early, unsigned left_out)
{
    struct agents_answer answer = {.value = {.answer = ORACLE_ALLOW}};
    int chain[AGENTS_CHAIN_MAX];
    int64_t not_before = 0;
    const char *reason;
    int count;

    if (question->grant == AGENTS_NO_GRANT)
        return decide_standing(oracle, state, question, now);
    count = agents_chain(state, question->grant, chain);
    reason = condition_d2(oracle, state, chain, count);
    if (reason == NULL)
        reason = condition_d9(state, question, chain, count);
    if (reason == NULL)
        reason = record_conditions(state, chain, count, now, early, &not_before);
    if (reason != NULL)
        return denied(reason, not_before);
    if ((left_out & AGENTS_WITHOUT_CALL) == 0)
        reason = condition_d10a(state, question, chain, count);
    if (reason != NULL) {
        answer = denied(reason, 0);
        answer.is_call = true;
        return answer;
    }
    decide_values(oracle, state, question, chain, count, now, &answer);
    for (int i = 0; i < count && (left_out & AGENTS_WITHOUT_USES) == 0; i++) {
        const struct agents_grant *grant = &state->grants[chain[i]];

        if (grant->terms.uses > 0 && grant->uses_left == 0)
            add_condition(&answer, (struct oracle_value){.answer = ORACLE_DENY}, "uses_exhausted");
    }
    if (answer.value.answer == ORACLE_CONDITIONAL)
        answer.reason = "missing_context";
    return answer;
}

void
agents_seen(struct agents_session *session, int64_t now)
{
    if (now - session->seen_high >= AGENTS_SECOND)
        session->seen_low = now;
    else if (session->seen_low < now - AGENTS_SECOND)
        session->seen_low = now - AGENTS_SECOND;
    if (session->seen_high < now)
        session->seen_high = now;
}

/* --- narrowing --- */

static bool
selector_equal(const struct agents_element *a, const struct agents_element *b)
{
    if (a->form != b->form || strcmp(a->type, b->type) != 0)
        return false;
    switch (a->form) {
    case AGENTS_OBJECT:
        return strcmp(a->id, b->id) == 0;
    case AGENTS_TYPE:
        return true;
    case AGENTS_MEMBERS:
        return strcmp(a->member, b->member) == 0 && agents_object_equal(a->object, b->object);
    }
    BEHALF_UNREACHABLE();
}

static bool
is_held(const struct agents_element *child, const char *action, const struct agents_terms *parent)
{
    for (int i = 0; i < parent->element_count; i++) {
        const struct agents_element *element = &parent->elements[i];

        if (strcmp(element->type, child->type) != 0 || !has_action(element, action))
            continue;
        if (selector_equal(element, child) || element->form == AGENTS_TYPE ||
            (element->form == AGENTS_MEMBERS && child->form == AGENTS_OBJECT))
            return true;
    }
    return false;
}

bool
agents_is_narrower(const struct agents_terms *child, const struct agents_terms *parent)
{
    for (int i = 0; i < child->element_count; i++)
        for (int j = 0; j < child->elements[i].action_count; j++)
            if (!is_held(&child->elements[i], child->elements[i].actions[j], parent))
                return false;
    return true;
}

/* --- time --- */

static void
add_moment(int64_t moment, int64_t now, int64_t *moments, int room, int *count)
{
    if (moment > now && *count < room)
        moments[(*count)++] = moment;
}

int
agents_moments(const struct agents_oracle *oracle, const struct agents_state *state, int64_t now,
               int64_t *moments, int room)
{
    int count = 0;

    for (int i = 0; i < oracle->expiration_count; i++)
        add_moment(oracle->expirations[i], now, moments, room, &count);
    for (int i = 0; i < AGENTS_GRANTS_MAX; i++) {
        if (!state->grants[i].exists)
            continue;
        add_moment(state->grants[i].terms.not_before, now, moments, room, &count);
        add_moment(state->grants[i].terms.expires_at, now, moments, room, &count);
    }
    for (int i = 0; i < AGENTS_SESSIONS_MAX; i++) {
        const struct agents_session *session = &state->sessions[i];

        if (!session->exists)
            continue;
        add_moment(session->expires_at, now, moments, room, &count);
        if (session->idle_ns > 0) {
            add_moment(session->seen_low + session->idle_ns, now, moments, room, &count);
            add_moment(session->seen_high + session->idle_ns, now, moments, room, &count);
        }
    }
    BEHALF_ASSERT(count < room);
    return sort_once(moments, count);
}

int64_t
agents_next_moment(const struct agents_oracle *oracle, const struct agents_state *state)
{
    int64_t moments[AGENTS_MOMENTS_MAX];

    return agents_moments(oracle, state, state->now, moments, AGENTS_MOMENTS_MAX) > 0 ? moments[0]
                                                                                      : INT64_MAX;
}
