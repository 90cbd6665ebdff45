/* agents_steps.c - the next step of a world: mostly one that is not refused, and questions near to
 * an allow. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "tests/support/agents_world.h"

#define MINUTE (60 * AGENTS_SECOND)
#define DEEP_TRIES 6
#define LIVING 8 /* grants, so that most questions are near to an allow */

static const char *const ids[] = {"a", "b", "c", "d"};
static const char *const clients[] = {"shop", "desk"};
static const char *const tools[] = {"read_file", "send"};
static const char *const methods[] = {"tools/call", "GET"};
static const char *const document_actions[] = {"view", "edit", "delete"};
static const char *const folder_actions[] = {"view", "edit"};
static const char *const contexts[] = {"", "{\"level\":3}", "{\"word\":\"x\"}",
                                       "{\"level\":1,\"word\":\"y\"}"};

struct stepper {
    struct agents_oracle *oracle;
    const struct agents_world *world;
    const struct agents_state *state;
    struct world_random *random;
};

static int
below(struct stepper *stepper, int bound)
{
    return world_random_below(stepper->random, bound);
}

static bool
chance(struct stepper *stepper, int percent)
{
    return world_random_chance(stepper->random, percent);
}

static struct agents_object
some(struct stepper *stepper, const char *type)
{
    return (struct agents_object){type, ids[below(stepper, 4)]};
}

static struct agents_object
some_principal(struct stepper *stepper)
{
    struct agents_object object = some(stepper, chance(stepper, 85) ? "user" : "team");

    return object;
}

static struct agents_object
some_agent(struct stepper *stepper)
{
    return some(stepper, chance(stepper, 60) ? "agent" : "robot");
}

/* --- choosing records --- */

static int
free_session(const struct agents_state *state)
{
    for (int i = 0; i < AGENTS_SESSIONS_MAX; i++)
        if (state->sessions[i].order == 0)
            return i;
    return -1;
}

static int
free_grant(const struct agents_state *state)
{
    for (int i = 0; i < AGENTS_GRANTS_MAX; i++)
        if (state->grants[i].order == 0)
            return i;
    return -1;
}

static bool
session_lives(struct stepper *stepper, int session)
{
    return stepper->state->sessions[session].exists &&
           agents_session_state(stepper->state, session, stepper->state->now, true) == NULL;
}

static bool
grant_lives(struct stepper *stepper, int grant)
{
    return stepper->state->grants[grant].exists &&
           agents_grant_state(stepper->oracle, stepper->state, grant, stepper->state->now, true) ==
               NULL;
}

/* A session that is there, with that chance one that is active; -1 = none. */
static int
some_session(struct stepper *stepper, int living_percent)
{
    bool living = chance(stepper, living_percent);
    int start = below(stepper, AGENTS_SESSIONS_MAX);

    for (int i = 0; i < AGENTS_SESSIONS_MAX; i++) {
        int session = (start + i) % AGENTS_SESSIONS_MAX;

        if (stepper->state->sessions[session].exists &&
            (!living || session_lives(stepper, session)))
            return session;
    }
    return -1;
}

/* The same of grants, those that were taken away behind the engine's back among them. */
static int
some_grant(struct stepper *stepper, int living_percent)
{
    bool living = chance(stepper, living_percent);
    int start = below(stepper, AGENTS_GRANTS_MAX);

    for (int i = 0; i < AGENTS_GRANTS_MAX; i++) {
        int grant = (start + i) % AGENTS_GRANTS_MAX;

        if (stepper->state->grants[grant].order != 0 && (!living || grant_lives(stepper, grant)))
            return grant;
    }
    return -1;
}

static int
depth_of(struct stepper *stepper, int grant)
{
    int chain[AGENTS_CHAIN_MAX];

    return grant < 0 ? 0 : agents_chain(stepper->state, grant, chain);
}

/* The one with the longest chain of some: most are roots. */
static int
some_deep_grant(struct stepper *stepper, int living_percent)
{
    int grant = some_grant(stepper, living_percent);

    for (int i = 0; i < DEEP_TRIES; i++) {
        int other = some_grant(stepper, living_percent);

        if (depth_of(stepper, other) > depth_of(stepper, grant))
            grant = other;
    }
    return grant;
}

/* A living one without a use left, or the other. */
static int
some_spent_grant(struct stepper *stepper, int other)
{
    int start = below(stepper, AGENTS_GRANTS_MAX);

    for (int i = 0; i < AGENTS_GRANTS_MAX; i++) {
        int grant = (start + i) % AGENTS_GRANTS_MAX;

        if (stepper->state->grants[grant].terms.uses > 0 &&
            stepper->state->grants[grant].uses_left == 0 && grant_lives(stepper, grant))
            return grant;
    }
    return other;
}

/* --- terms --- */

static void
choose_actions(struct stepper *stepper, struct agents_element *element)
{
    bool document = strcmp(element->type, "document") == 0;
    const char *const *actions = document ? document_actions : folder_actions;
    int count = document ? 3 : 2;
    int first = below(stepper, count);
    int wanted = 1 + below(stepper, count);

    element->action_count = 0;
    for (int i = 0; i < wanted; i++)
        element->actions[element->action_count++] = actions[(first + i) % count];
}

static void
choose_element(struct stepper *stepper, struct agents_element *element)
{
    static const char *const document_members[] = {"within", "within", "within",
                                                   "owner",  "viewer", "view"};
    static const char *const folder_members[] = {"within", "owner", "view"};
    bool document = chance(stepper, 80);

    *element = (struct agents_element){.type = document ? "document" : "folder"};
    if (chance(stepper, 40)) {
        element->form = AGENTS_TYPE;
    } else if (chance(stepper, 45)) {
        element->form = AGENTS_OBJECT;
        element->id = ids[below(stepper, 4)];
    } else {
        element->form = AGENTS_MEMBERS;
        element->member =
            document ? document_members[below(stepper, 6)] : folder_members[below(stepper, 3)];
        element->object = some(stepper, strcmp(element->member, "within") == 0 ? "folder" : "user");
        element->is_principal = element->object.type[0] == 'u' && chance(stepper, 50);
    }
    choose_actions(stepper, element);
}

static const char *const of_constraint[] = {"hours", "hours",   "hours",   "hours",  "hours",
                                            "hours", "trusted", "trusted", "ranked", "noted"};

/* What narrows without regard to the scope: each more often in worlds that are asked for it. */
static void
choose_conditions(struct stepper *stepper, struct agents_terms *terms)
{
    if (chance(stepper, 30)) {
        terms->constraints[0].caveat = of_constraint[below(stepper, 10)];
        terms->constraints[0].context =
            terms->constraints[0].caveat[0] == 'h' ? contexts[below(stepper, 4)] : "";
        terms->constraint_count = 1;
        if (chance(stepper, 15)) {
            terms->constraints[1].caveat = "split";
            terms->constraints[1].context = chance(stepper, 50) ? "{\"amount\":7}" : "";
            terms->constraint_count = 2;
        }
    }
    if (chance(stepper, 10)) {
        terms->tool_count = 1 + below(stepper, 2);
        for (int i = 0; i < terms->tool_count; i++)
            terms->tools[i] = (struct agents_tool){tools[i], (uint8_t)(1 + below(stepper, 2))};
    }
    if (chance(stepper, 9)) {
        terms->method = methods[below(stepper, 2)];
        terms->digest = (uint8_t)(1 + below(stepper, 2));
    }
    if (chance(stepper, 15))
        terms->uses = 1 + below(stepper, 2);
}

static void
choose_times(struct stepper *stepper, struct agents_terms *terms, int64_t latest)
{
    int64_t now = stepper->state->now;
    int64_t left = latest - now;

    terms->expires_at = latest;
    if (chance(stepper, 30) && left > MINUTE)
        terms->expires_at = now + MINUTE + left / 10 * below(stepper, 9);
    if (chance(stepper, 16) && left > 6 * MINUTE)
        terms->expires_at = now + (1 + below(stepper, 5)) * MINUTE;
    if (chance(stepper, 2))
        terms->expires_at = latest + MINUTE;
    if (chance(stepper, 16) && terms->expires_at - now > 2 * MINUTE)
        terms->not_before = now + MINUTE / 2 + (terms->expires_at - now) / 20 * below(stepper, 10);
}

static void
choose_terms(struct stepper *stepper, struct agents_terms *terms, int64_t latest)
{
    *terms = (struct agents_terms){.element_count = 1 + below(stepper, AGENTS_ELEMENTS_MAX)};
    for (int i = 0; i < terms->element_count; i++)
        choose_element(stepper, &terms->elements[i]);
    choose_conditions(stepper, terms);
    choose_times(stepper, terms, latest);
}

/* Mostly narrower than what the parent has. */
static void
choose_narrower(struct stepper *stepper, struct agents_terms *terms,
                const struct agents_terms *parent)
{
    int count = 1 + below(stepper, parent->element_count);

    if (chance(stepper, 8))
        return;
    terms->element_count = count;
    for (int i = 0; i < count; i++) {
        struct agents_element *element = &terms->elements[i];

        *element = parent->elements[i];
        element->is_principal = false;
        if (element->action_count > 1 && chance(stepper, 20))
            element->action_count--;
        if (element->form != AGENTS_OBJECT && chance(stepper, 20)) {
            element->form = AGENTS_OBJECT;
            element->id = ids[below(stepper, 4)];
        } else if (element->form == AGENTS_TYPE && chance(stepper, 25)) {
            element->form = AGENTS_MEMBERS;
            element->member = "within";
            element->object = some(stepper, "folder");
        }
    }
}

/* --- steps --- */

static bool
step_session(struct stepper *stepper, struct agents_step *step)
{
    const struct agents_state *state = stepper->state;

    step->kind = AGENTS_STEP_SESSION;
    step->slot = free_session(state);
    if (step->slot < 0)
        return false;
    step->a = some_principal(stepper);
    step->b = some_agent(stepper);
    if (chance(stepper, 4))
        step->b = some_principal(stepper);
    if (chance(stepper, 4))
        step->a = some_agent(stepper);
    step->client = chance(stepper, 70) ? clients[below(stepper, 2)] : NULL;
    step->time = state->now + (1 + below(stepper, 8)) * 20 * MINUTE;
    if (chance(stepper, 25))
        step->time = state->now + (3 + below(stepper, 6)) * MINUTE;
    step->idle_ns = chance(stepper, 40) ? (3 + below(stepper, 20)) * MINUTE : 0;
    return true;
}

/* Mostly what the first element of the scope has; often nothing else. */
static void
choose_request(struct stepper *stepper, struct agents_step *step)
{
    struct agents_element *first = &step->terms.elements[0];

    step->request = chance(stepper, 80)   ? AGENTS_BY_REQUEST
                    : chance(stepper, 50) ? AGENTS_AFTER_DENIAL
                                          : AGENTS_AFTER_CANCEL;
    if (chance(stepper, 50)) {
        first->form = AGENTS_OBJECT;
        first->id = ids[below(stepper, 4)];
        first->is_principal = false;
        first->action_count = 1;
        step->terms.element_count = 1;
        step->terms.max_depth = chance(stepper, 80) ? 0 : step->terms.max_depth;
    }
    step->resource = (struct agents_object){
        first->type, first->form == AGENTS_OBJECT ? first->id : ids[below(stepper, 4)]};
    step->action = first->actions[below(stepper, first->action_count)];
    if (chance(stepper, 6))
        step->action = folder_actions[below(stepper, 2)];
    if (chance(stepper, 6))
        step->resource.id = ids[below(stepper, 4)];
}

static bool
step_grant(struct stepper *stepper, struct agents_step *step)
{
    const struct agents_session *session;

    step->kind = AGENTS_STEP_GRANT;
    step->slot = free_grant(stepper->state);
    step->other = some_session(stepper, 97);
    if (step->slot < 0 || step->other < 0)
        return false;
    session = &stepper->state->sessions[step->other];
    step->a = session->principal;
    if (chance(stepper, 6))
        step->a = chance(stepper, 70) ? some(stepper, "user") : some_agent(stepper);
    if (strcmp(session->principal.type, "team") == 0 && chance(stepper, 60))
        step->a = some(stepper, "user");
    choose_terms(stepper, &step->terms, session->expires_at);
    step->terms.max_depth = chance(stepper, 85) ? 1 + below(stepper, 7) : 0;
    if (chance(stepper, 20))
        choose_request(stepper, step);
    return true;
}

/* One condition more than the terms have. */
static void
add_condition(struct stepper *stepper, struct agents_terms *terms)
{
    struct agents_constraint *next = &terms->constraints[terms->constraint_count];

    switch (below(stepper, 5)) {
    case 0:
        if (terms->tool_count > 0)
            break;
        terms->tools[0] = (struct agents_tool){tools[0], 1};
        terms->tool_count = 1;
        return;
    case 1:
        if (terms->method != NULL)
            break;
        terms->method = methods[0];
        terms->digest = 1;
        return;
    case 2:
        if (terms->constraint_count == AGENTS_CONSTRAINTS_MAX)
            break;
        *next = (struct agents_constraint){.caveat = "trusted", .context = ""};
        terms->constraint_count++;
        return;
    case 3:
        if (terms->not_before != 0)
            break;
        terms->not_before = stepper->state->now + (terms->expires_at - stepper->state->now) / 8;
        return;
    default:
        break;
    }
    terms->expires_at -= (terms->expires_at - stepper->state->now) / 4;
}

/* The terms of a living root grant and one condition more, in the same session. */
static bool
step_stricter(struct stepper *stepper, struct agents_step *step)
{
    const struct agents_grant *base;
    int number = some_grant(stepper, 100);

    step->kind = AGENTS_STEP_GRANT;
    step->slot = free_grant(stepper->state);
    if (step->slot < 0 || number < 0 || stepper->state->grants[number].parent >= 0)
        return false;
    base = &stepper->state->grants[number];
    step->other = base->session;
    step->a = stepper->state->sessions[base->session].principal;
    step->terms = base->terms;
    step->stricter_than = number + 1;
    add_condition(stepper, &step->terms);
    return true;
}

/* A delegatee who is not in the chain yet. */
static struct agents_object
fresh_delegatee(struct stepper *stepper, int parent)
{
    int chain[AGENTS_CHAIN_MAX];
    int count = agents_chain(stepper->state, parent, chain);
    struct agents_object object = some_agent(stepper);

    for (int tries = 0; tries < 10; tries++) {
        bool in_it = false;

        for (int i = 0; i < count; i++)
            in_it =
                in_it || agents_object_equal(object, stepper->state->grants[chain[i]].delegatee);
        if (!in_it)
            break;
        object = some_agent(stepper);
    }
    return object;
}

static bool
step_delegate(struct stepper *stepper, struct agents_step *step)
{
    const struct agents_grant *parent;
    int chain[AGENTS_CHAIN_MAX];

    step->kind = AGENTS_STEP_DELEGATE;
    step->slot = free_grant(stepper->state);
    for (int tries = 0; tries < 6; tries++) {
        step->other = chance(stepper, 70) ? some_deep_grant(stepper, 97) : some_grant(stepper, 97);
        if (step->other >= 0 && stepper->state->grants[step->other].terms.max_depth > 0)
            break;
    }
    if (step->slot < 0 || step->other < 0 || agents_chain(stepper->state, step->other, chain) == 0)
        return false;
    parent = &stepper->state->grants[step->other];
    if (parent->terms.max_depth == 0 && !chance(stepper, 10))
        return false;
    step->a = chance(stepper, 97) ? parent->delegatee : some_agent(stepper);
    step->b = chance(stepper, 96) ? fresh_delegatee(stepper, step->other) : some_agent(stepper);
    choose_terms(stepper, &step->terms, parent->terms.expires_at);
    choose_narrower(stepper, &step->terms, &parent->terms);
    step->terms.max_depth = parent->terms.max_depth > 0 ? parent->terms.max_depth - 1 : 0;
    if (step->terms.max_depth > 0 && chance(stepper, 10))
        step->terms.max_depth -= 1;
    if (chance(stepper, 2))
        step->terms.max_depth += 1;
    return true;
}

static bool
step_stop(struct stepper *stepper, struct agents_step *step)
{
    const struct agents_state *state = stepper->state;

    step->kind = AGENTS_STEP_STOP;
    /* Most of them are taken back at once or soon: they deny everything else. */
    for (int i = 0; i < state->stop_count; i++) {
        const struct agents_stop *stop = &state->stops[i];

        if (!stop->in_force || !chance(stepper, 80))
            continue;
        step->scope = stop->scope;
        step->a = stop->object;
        step->client = stop->client;
        step->restore = true;
        return true;
    }
    switch (below(stepper, 10)) {
    case 0:
        step->scope = AGENTS_STOP_ALL;
        step->a = (struct agents_object){"", ""};
        return true;
    case 1:
    case 2:
    case 3:
        step->scope = AGENTS_STOP_PRINCIPAL;
        step->a = some_principal(stepper);
        return true;
    case 4:
        step->scope = AGENTS_STOP_CLIENT;
        step->a = (struct agents_object){"", ""};
        step->client = clients[below(stepper, 2)];
        return true;
    default:
        step->scope = AGENTS_STOP_AGENT;
        step->a = some_agent(stepper);
        return agents_is_agent_type(stepper->oracle->world, step->a.type);
    }
}

/* When some session that is active becomes idle; 0 = none is found. */
static int64_t
idle_moment(struct stepper *stepper)
{
    int number = some_session(stepper, 100);
    const struct agents_session *session = &stepper->state->sessions[number < 0 ? 0 : number];

    return number >= 0 && session->idle_ns > 0 ? session->seen_low + session->idle_ns : 0;
}

static bool
step_time(struct stepper *stepper, struct agents_step *step)
{
    int64_t moments[AGENTS_MOMENTS_MAX];
    int64_t now = stepper->state->now;
    int count = agents_moments(stepper->oracle, stepper->state, now, moments, AGENTS_MOMENTS_MAX);

    step->kind = AGENTS_STEP_TIME;
    step->time = idle_moment(stepper) - 1 + below(stepper, 3);
    if (step->time > now && step->time - now < 30 * MINUTE && chance(stepper, 25))
        return true;
    if (count > 0 && chance(stepper, 30)) {
        /* To a moment at which something changes, or right before or behind it. */
        step->time = moments[below(stepper, count < 4 ? count : 4)] - 1 + below(stepper, 3);
        return step->time > now && step->time - now < 50 * MINUTE;
    }
    step->time = now + AGENTS_SECOND * (1 + below(stepper, chance(stepper, 80) ? 90 : 600));
    return true;
}

static bool
step_damage(struct stepper *stepper, struct agents_step *step)
{
    step->kind = AGENTS_STEP_DAMAGE;
    step->damage = chance(stepper, 85)   ? AGENTS_DAMAGE_DEPTH
                   : chance(stepper, 70) ? AGENTS_DAMAGE_GRANT
                                         : AGENTS_DAMAGE_SESSION;
    if (step->damage == AGENTS_DAMAGE_SESSION) {
        step->slot = some_session(stepper, 50);
        return step->slot >= 0;
    }
    /* One that others hang on. */
    for (int tries = 0; tries < 10; tries++) {
        int below_it = some_grant(stepper, 80);

        if (below_it < 0 || stepper->state->grants[below_it].parent < 0)
            continue;
        step->slot = stepper->state->grants[below_it].parent;
        return stepper->state->grants[step->slot].exists;
    }
    return false;
}

static bool
step_change(struct stepper *stepper, struct agents_step *step)
{
    step->kind = AGENTS_STEP_CHANGE;
    step->slot = some_session(stepper, 50);
    if (step->slot < 0)
        return false;
    step->change = chance(stepper, 55) ? AGENTS_SUSPEND : AGENTS_REVOKE;
    if (stepper->state->sessions[step->slot].status == AGENTS_SUSPENDED && chance(stepper, 70))
        step->change = AGENTS_RESUME;
    if (chance(stepper, 3))
        step->change = AGENTS_RESUME;
    return true;
}

static bool
step_revoke(struct stepper *stepper, struct agents_step *step)
{
    step->kind = AGENTS_STEP_REVOKE;
    step->slot = some_grant(stepper, 70);
    return step->slot >= 0 && stepper->state->grants[step->slot].exists;
}

static bool
step_small(struct stepper *stepper, struct agents_step *step)
{
    int choice = below(stepper, 10);

    if (choice < 6) {
        step->kind = AGENTS_STEP_TUPLE;
        step->slot = below(stepper, stepper->world->tuple_count);
    } else if (choice < 8) {
        step->kind = AGENTS_STEP_SCHEMA;
    } else {
        step->kind = AGENTS_STEP_REOPEN;
        step->limit = below(stepper, 2);
    }
    return true;
}

/* Grants that are active, by which something may be allowed. */
static int
count_living(struct stepper *stepper)
{
    int count = 0;

    for (int i = 0; i < AGENTS_GRANTS_MAX; i++)
        count += grant_lives(stepper, i) ? 1 : 0;
    return count;
}

static bool
try_step(struct stepper *stepper, struct agents_step *step)
{
    /* What was taken away is made again. */
    bool builds = count_living(stepper) < LIVING && chance(stepper, 80);
    int choice = builds ? below(stepper, 66) - 8 : below(stepper, 100);

    *step = (struct agents_step){.slot = -1};
    if (choice < 6)
        return step_session(stepper, step);
    if (choice < 22)
        return step_grant(stepper, step);
    if (choice < 25)
        return step_stricter(stepper, step);
    if (choice < 58)
        return step_delegate(stepper, step);
    if (choice < 64)
        return step_change(stepper, step);
    if (choice < 68)
        return step_revoke(stepper, step);
    if (choice < 76)
        return step_stop(stepper, step);
    if (choice < 86)
        return step_time(stepper, step);
    if (choice < 92)
        return step_damage(stepper, step);
    return step_small(stepper, step);
}

void
agents_world_step(struct agents_oracle *oracle, const struct agents_world *world,
                  const struct agents_state *state, struct world_random *random,
                  struct agents_step *step)
{
    struct stepper stepper = {oracle, world, state, random};

    while (!try_step(&stepper, step))
        continue;
}

/* --- questions --- */

/* What the parties of the grant would show; all of them or the last one alone. */
static void
show_grant(struct stepper *stepper, struct agents_question *question)
{
    const struct agents_state *state = stepper->state;
    const struct agents_grant *grant = &state->grants[question->grant];
    int chain[AGENTS_CHAIN_MAX];
    int count = agents_chain(state, question->grant, chain);

    question->principal = state->sessions[grant->session].principal;
    question->actors[0] = grant->delegatee;
    question->actor_count = 1;
    if (count > 1 && chance(stepper, 40)) {
        question->actor_count = count;
        for (int i = 0; i < count; i++)
            question->actors[i] = state->grants[chain[i]].delegatee;
    }
    for (int i = 0; i < count; i++) {
        const struct agents_terms *terms = &state->grants[chain[i]].terms;

        if (terms->method != NULL) {
            question->method = terms->method;
            question->digest = terms->digest;
        }
        if (terms->tool_count > 0)
            question->tool = terms->tools[below(stepper, terms->tool_count)];
    }
}

/* A resource and permission of the scope of the grant, or any. */
static void
choose_target(struct stepper *stepper, struct agents_question *question)
{
    const struct world *world = &stepper->world->now;
    const struct agents_element *element = NULL;
    bool document = chance(stepper, 80);
    int name;

    if (question->grant >= 0 && chance(stepper, 85)) {
        const struct agents_terms *terms = &stepper->state->grants[question->grant].terms;

        element = &terms->elements[below(stepper, terms->element_count)];
    }
    question->resource = some(stepper, element != NULL ? element->type
                                       : document      ? "document"
                                                       : "folder");
    if (element != NULL && element->form == AGENTS_OBJECT && chance(stepper, 85))
        question->resource.id = element->id;
    question->permission = document_actions[below(stepper, 2)];
    if (element != NULL && chance(stepper, 95))
        question->permission = element->actions[below(stepper, element->action_count)];
    else if (question->resource.type[0] == 'd' && chance(stepper, 30))
        question->permission = chance(stepper, 60) ? "delete" : "allowed";
    if (chance(stepper, 2))
        question->resource.id = "z";
    name = world_find_name(world, question->permission);
    if (name < 0 ||
        world_find_member(world, world_find_type(world, question->resource.type), name) < 0)
        question->permission = "view";
}

/* Something about it that is not right. */
static void
spoil(struct stepper *stepper, struct agents_question *question)
{
    switch (below(stepper, 12)) {
    case 0:
    case 1:
        question->actors[question->actor_count - 1] = some_agent(stepper);
        return;
    case 2:
    case 3:
    case 4:
        if (question->actor_count > 1)
            question->actors[0] = some_agent(stepper);
        else
            question->actors[question->actor_count++] = some_agent(stepper);
        if (question->actor_count == 2 && chance(stepper, 70)) {
            struct agents_object last = question->actors[0];

            question->actors[0] = question->actors[1];
            question->actors[1] = last;
        }
        return;
    case 5:
    case 6:
        question->principal = some_principal(stepper);
        return;
    case 7:
    case 8:
        question->method = chance(stepper, 50) ? methods[below(stepper, 2)] : NULL;
        question->digest = (uint8_t)(1 + below(stepper, 2));
        return;
    case 9:
    case 10:
        question->tool = (struct agents_tool){chance(stepper, 70) ? tools[below(stepper, 2)] : NULL,
                                              (uint8_t)(1 + below(stepper, 2))};
        return;
    default:
        question->grant = AGENTS_UNKNOWN_GRANT;
        return;
    }
}

static void
ask_standing(struct stepper *stepper, struct agents_question *question)
{
    question->grant = AGENTS_NO_GRANT;
    question->principal = some_principal(stepper);
    question->actor_count = below(stepper, 3);
    if (chance(stepper, 40))
        question->actor_count = 1;
    for (int i = 0; i < question->actor_count; i++)
        question->actors[i] = some_agent(stepper);
    if (question->actor_count == 0 && chance(stepper, 60)) {
        question->principal = some_agent(stepper);
        question->permission = "allowed";
        question->resource = some(stepper, "document");
        return;
    }
    for (int tries = 0; tries < 4; tries++) {
        choose_target(stepper, question);
        if (agents_decide(stepper->oracle, stepper->state, question, stepper->state->now, true, 0)
                .value.answer != ORACLE_DENY)
            return;
        if (question->actor_count > 0)
            question->actors[0] = some_agent(stepper);
    }
}

static bool
twice(const struct agents_question *question)
{
    for (int i = 0; i < question->actor_count; i++) {
        if (agents_object_equal(question->actors[i], question->principal))
            return true;
        for (int j = 0; j < i; j++)
            if (agents_object_equal(question->actors[i], question->actors[j]))
                return true;
    }
    return false;
}

/* Such a question is an error before anything is decided: an actor of no agent type, somebody who
 * stands in it twice. */
static bool
is_malformed(struct stepper *stepper, const struct agents_question *question)
{
    for (int i = 0; i < question->actor_count; i++)
        if (!agents_is_agent_type(stepper->oracle->world, question->actors[i].type))
            return true;
    return twice(question);
}

static void
choose_question(struct stepper *stepper, struct agents_question *question)
{
    int grant = chance(stepper, 70) ? some_deep_grant(stepper, 80) : some_grant(stepper, 80);
    int wanted = chance(stepper, 80) ? 16 : 1;
    bool conditional = chance(stepper, 50);
    enum oracle_answer answer;

    if (chance(stepper, 4))
        grant = some_spent_grant(stepper, grant);
    *question = (struct agents_question){.grant = grant};
    question->request = chance(stepper, 50) ? 1 : below(stepper, 5);
    if (grant < 0 || chance(stepper, 10)) {
        ask_standing(stepper, question);
        return;
    }
    show_grant(stepper, question);
    for (int tries = 0; tries < wanted; tries++) {
        choose_target(stepper, question);
        answer =
            agents_decide(stepper->oracle, stepper->state, question, stepper->state->now, true, 0)
                .value.answer;
        if (answer == ORACLE_ALLOW || (answer == ORACLE_CONDITIONAL && conditional))
            break;
    }
    if (chance(stepper, 15))
        spoil(stepper, question);
    /* What is shown beside the grant, where it matters. */
    if (question->method != NULL && chance(stepper, 12))
        question->digest ^= 3;
    if (question->tool.name != NULL && chance(stepper, 12))
        question->tool.hash ^= 3;
}

void
agents_world_ask(struct agents_oracle *oracle, const struct agents_world *world,
                 const struct agents_state *state, struct world_random *random,
                 struct agents_step *step)
{
    static const int limits[] = {1, 2, 3, 1000};
    struct stepper stepper = {oracle, world, state, random};

    *step = (struct agents_step){.kind = AGENTS_STEP_ASK};
    do
        choose_question(&stepper, &step->question);
    while (is_malformed(&stepper, &step->question));
    step->method = chance(&stepper, 60) ? AGENTS_CHECK
                                        : (enum agents_method)below(&stepper, AGENTS_METHOD_COUNT);
    step->limit = limits[below(&stepper, 4)];
    step->slot = below(&stepper, 1 << 20);
}
