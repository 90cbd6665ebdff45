/* harness_world_ask.c - checks alone, in bulks, by permission, through actors; and trees. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/env.h"
#include "base/memory.h"
#include "tests/support/harness_world_private.h"

#define BULK_MAX 64
#define ACTORS_MAX 3
#define TREE_DEADLINE_NS INT64_C(20000000)

static const char *
answer_name(enum oracle_answer answer)
{
    switch (answer) {
    case ORACLE_DENY:
        return "deny";
    case ORACLE_ALLOW:
        return "allow";
    case ORACLE_UNDEFINED:
        break;
    }
    return "CYCLE_THROUGH_EXCLUSION";
}

static const char *
given_name(enum status status, enum decision decision)
{
    static const char *const decisions[] = {"deny", "conditional", "allow"};

    return status == BEHALF_OK ? decisions[decision] : status_name(status);
}

static bool
same(enum oracle_answer expected, enum status status, enum decision decision)
{
    if (expected == ORACLE_UNDEFINED)
        return status == BEHALF_CYCLE_THROUGH_EXCLUSION;
    return status == BEHALF_OK &&
           decision == (expected == ORACLE_ALLOW ? DECISION_ALLOW : DECISION_DENY);
}

/* "doc:a#view@user:b" */
static void
print_question(const struct asking *asking, const struct question *question, char *text,
               size_t size)
{
    const struct world *world = asking->world;
    const struct oracle_subject *subject = &asking->subjects[question->subject];
    bool userset = subject->name >= 0;

    snprintf(text, size, "%s:%s#%s@%s:%s%s%s", world->types[question->type].name,
             world->ids[question->id], world->names[question->name],
             world->types[subject->type].name, world->ids[subject->id], userset ? "#" : "",
             userset ? world->names[subject->name] : "");
}

static bool
disagree(struct asking *asking, const char *method, const struct question *question,
         enum status status, enum decision decision)
{
    char text[512];

    print_question(asking, question, text, sizeof text);
    return comparison_fail(asking, "%s %s: expected %s, got %s", method, text,
                           answer_name(asking_expect(asking, question)),
                           given_name(status, decision));
}

static struct check
make_check(const struct asking *asking, const struct question *question)
{
    const struct oracle_subject *subject = &asking->subjects[question->subject];
    struct check check = {.resource = asking_object(asking, question->type, question->id, -1),
                          .permission = slice_of(asking->world->names[question->name]),
                          .subject =
                              asking_object(asking, subject->type, subject->id, subject->name)};

    return check;
}

static struct question
random_question(struct asking *asking)
{
    const struct world *world = asking->world;
    struct question question = {.type = -1};

    /* Some type has a member: a world without any asks nothing. */
    for (int tries = 0; tries < 100; tries++) {
        int type = asking_below(asking, world->type_count);

        if (world->types[type].member_count == 0)
            continue;
        question.type = type;
        question.id = asking_below(asking, world->id_count);
        question.name =
            world->types[type].members[asking_below(asking, world->types[type].member_count)].name;
        question.subject = asking_below(asking, asking->subject_count);
        break;
    }
    return question;
}

static enum status
look_up_something(struct asking *asking, const struct check *check, struct error *error)
{
    struct engine_request request = harness_request(&asking->side, NULL);
    struct lookup_resources lookup = {.resource_type = check->resource.type,
                                      .permission = check->permission,
                                      .subject = check->subject};
    struct lookup_resources_result result;

    return engine_lookup_resources(asking->side.worker, &request, &lookup, &result, error);
}

bool
ask_something(struct asking *asking)
{
    struct question question = random_question(asking);
    struct engine_request request = harness_request(&asking->side, NULL);
    struct check_result result;
    struct error error;
    struct check check;
    enum status status;

    if (question.type < 0)
        return true;
    check = make_check(asking, &question);
    /* The lookup reads the other direction of the graph. */
    if (asking_below(asking, 2) == 0)
        status = look_up_something(asking, &check, &error);
    else
        status = engine_check(asking->side.worker, &request, &check, &result, &error);
    if (status == BEHALF_OK || status == BEHALF_CYCLE_THROUGH_EXCLUSION)
        return true;
    return comparison_fail(asking, "a question in between gives %s: %s", status_name(status),
                           error.message);
}

/* --- check and check_bulk --- */

static void
add_questions_of(struct asking *asking, struct question question, struct question *questions,
                 size_t *count, size_t *allowed)
{
    for (question.subject = 0; question.subject < asking->subject_count; question.subject++) {
        enum oracle_answer answer = asking_expect(asking, &question);

        /* What the lookups see anyway is asked by sample: denies in their proportion. */
        if (answer == ORACLE_DENY && !asking_chance(asking, 12) && *count > 3 * *allowed)
            continue;
        if (asking->past && !asking_chance(asking, 12))
            continue;
        *allowed += answer != ORACLE_DENY ? 1 : 0;
        questions[(*count)++] = question;
    }
}

static struct question *
collect_questions(struct asking *asking, size_t *count)
{
    const struct world *world = asking->world;
    size_t most = (size_t)(world->type_count * world->id_count * WORLD_MEMBERS_MAX) *
                  (size_t)asking->subject_count;
    struct question *questions = memory_new_array(most + 1, sizeof *questions);
    size_t allowed = 0;

    *count = 0;
    for (int type = 0; type < world->type_count; type++)
        for (int id = 0; id < world->id_count; id++)
            for (int member = 0; member < world->types[type].member_count; member++)
                add_questions_of(
                    asking, (struct question){type, id, world->types[type].members[member].name, 0},
                    questions, count, &allowed);
    for (size_t i = *count; i > 1; i--) {
        size_t other = (size_t)asking_below(asking, (int)i);
        struct question swapped = questions[i - 1];

        questions[i - 1] = questions[other];
        questions[other] = swapped;
    }
    return questions;
}

static bool
ask_check(struct asking *asking, const struct question *question)
{
    struct engine_request request = harness_request(&asking->side, asking->at);
    struct check check = make_check(asking, question);
    struct check_result result = {.decision = DECISION_DENY};
    struct error error;
    enum status status = engine_check(asking->side.worker, &request, &check, &result, &error);
    enum oracle_answer expected = asking_expect(asking, question);

    asking->counts->checks[expected]++;
    if (!same(expected, status, result.decision))
        return disagree(asking, "check", question, status, result.decision);
    if (status == BEHALF_OK && asking->at != NULL &&
        strcmp(result.checked_at.text, asking->at->text) != 0)
        return comparison_fail(asking, "an exact snapshot answers with another token");
    return true;
}

static bool
ask_bulk(struct asking *asking, const struct question *questions, size_t count)
{
    struct engine_request request = harness_request(&asking->side, asking->at);
    struct check checks[BULK_MAX];
    struct check_bulk_result result;
    struct error error;
    enum status status;

    for (size_t i = 0; i < count; i++)
        checks[i] = make_check(asking, &questions[i]);
    status = engine_check_bulk(asking->side.worker, &request, checks, count, &result, &error);
    if (status != BEHALF_OK)
        return comparison_fail(asking, "check_bulk: %s: %s", status_name(status), error.message);
    for (size_t i = 0; i < count; i++)
        if (!same(asking_expect(asking, &questions[i]), result.items[i].status,
                  result.items[i].decision))
            return disagree(asking, "check_bulk", &questions[i], result.items[i].status,
                            result.items[i].decision);
    return true;
}

bool
ask_checks(struct asking *asking)
{
    size_t count;
    struct question *questions = collect_questions(asking, &count);
    bool agreed = true;
    bool bulk_first = world_random_chance(&asking->random, 30);

    for (int pass = 0; agreed && pass < 2; pass++) {
        if ((pass == 0) == bulk_first) {
            /* The other order: from the end. */
            for (size_t left = count; agreed && left > 0;) {
                size_t size = 1 + (size_t)asking_below(asking, BULK_MAX);

                size = size < left ? size : left;
                left -= size;
                agreed = ask_bulk(asking, questions + left, size);
            }
        } else {
            for (size_t i = 0; agreed && i < count; i++)
                agreed = ask_check(asking, &questions[i]);
        }
    }
    memory_free(questions);
    return agreed;
}

/* --- lookup_permissions --- */

static bool
ask_permissions_of(struct asking *asking, int type, int id, int subject)
{
    const struct world_type *at = &asking->world->types[type];
    struct question question = {type, id, 0, subject};
    const struct oracle_subject *who = &asking->subjects[subject];
    struct engine_request request = harness_request(&asking->side, asking->at);
    struct lookup_permissions lookup = {.resource = asking_object(asking, type, id, -1),
                                        .subject =
                                            asking_object(asking, who->type, who->id, who->name)};
    struct lookup_permissions_result result;
    struct error error;
    enum status status =
        engine_lookup_permissions(asking->side.worker, &request, &lookup, &result, &error);
    size_t next = 0;

    asking->counts->lookups++;
    if (status != BEHALF_OK)
        return comparison_fail(asking, "lookup_permissions: %s: %s", status_name(status),
                               error.message);
    for (int member = 0; member < at->member_count; member++) {
        const struct lookup_permission *permission = &result.permissions[next];

        if (at->members[member].root < 0)
            continue;
        question.name = at->members[member].name;
        if (next >= result.permission_count ||
            !slice_equal(permission->permission, slice_of(asking->world->names[question.name])))
            return comparison_fail(asking, "lookup_permissions: %s#%s is not in its place",
                                   at->name, asking->world->names[question.name]);
        if (!same(asking_expect(asking, &question), permission->item.status,
                  permission->item.decision))
            return disagree(asking, "lookup_permissions", &question, permission->item.status,
                            permission->item.decision);
        next++;
    }
    if (next != result.permission_count)
        return comparison_fail(asking, "lookup_permissions: too many for %s", at->name);
    return true;
}

bool
ask_permissions(struct asking *asking)
{
    const struct world *world = asking->world;

    for (int type = 0; type < world->type_count; type++)
        for (int id = 0; id < world->id_count; id++)
            for (int subject = 0; subject < asking->subject_count; subject++)
                if (asking_chance(asking, asking->past ? 1 : 6) &&
                    !ask_permissions_of(asking, type, id, subject))
                    return false;
    return true;
}

/* --- expand --- */

struct leaf_asking {
    struct asking *asking;
    int subject;
    bool unknown; /* a leaf names what the world has not */
};

static enum harness_value
value_of_answer(enum oracle_answer answer)
{
    switch (answer) {
    case ORACLE_DENY:
        return HARNESS_DENY;
    case ORACLE_ALLOW:
        return HARNESS_ALLOW;
    case ORACLE_UNDEFINED:
        break;
    }
    return HARNESS_ERROR;
}

/* What an unopened userset says is taken from the oracle: a cycle's value is a solution of it. */
static enum harness_value
leaf_value(void *context, const struct object *userset)
{
    struct leaf_asking *leaf = context;
    const struct world *world = leaf->asking->world;
    struct question question = {-1, -1, -1, leaf->subject};

    for (int type = 0; type < world->type_count; type++)
        if (slice_equal(userset->type, slice_of(world->types[type].name)))
            question.type = type;
    for (int id = 0; id < world->id_count; id++)
        if (slice_equal(userset->id, slice_of(world->ids[id])))
            question.id = id;
    for (int name = 0; name < world->name_count; name++)
        if (slice_equal(userset->relation, slice_of(world->names[name])))
            question.name = name;
    if (question.type >= 0 && question.id >= 0 && question.name >= 0)
        return value_of_answer(asking_expect(leaf->asking, &question));
    leaf->unknown = true;
    return HARNESS_ERROR;
}

static bool
compare_tree(struct asking *asking, const struct expand_node *tree, struct question question)
{
    for (question.subject = 0; question.subject < asking->subject_count; question.subject++) {
        const struct oracle_subject *subject = &asking->subjects[question.subject];
        struct leaf_asking leaf = {.asking = asking, .subject = question.subject};
        struct object object = asking_object(asking, subject->type, subject->id, subject->name);
        static const enum oracle_answer answers[] = {
            [HARNESS_DENY] = ORACLE_DENY,
            [HARNESS_ERROR] = ORACLE_UNDEFINED,
            [HARNESS_ALLOW] = ORACLE_ALLOW,
        };
        enum oracle_answer found;
        char text[512];

        if (subject->name >= 0)
            continue;
        found = answers[harness_tree_value(tree, &object, leaf_value, &leaf)];
        print_question(asking, &question, text, sizeof text);
        if (leaf.unknown)
            return comparison_fail(asking, "expand of %s names an unknown userset", text);
        if (found != asking_expect(asking, &question))
            return comparison_fail(asking, "expand of %s: expected %s, the tree says %s", text,
                                   answer_name(asking_expect(asking, &question)),
                                   answer_name(found));
    }
    return true;
}

static bool
ask_tree(struct asking *asking, int type, int id, int name)
{
    struct engine_request request = harness_request(&asking->side, asking->at);
    struct expand expand = {.resource = asking_object(asking, type, id, -1),
                            .permission = slice_of(asking->world->names[name]),
                            .depth = (uint32_t)asking_below(asking, 3)};
    struct expand_result result;
    struct error error;
    enum status status;

    /* A tree can be exponentially larger than its graph. */
    if (expand.depth != 1)
        request.deadline_ns = env_monotonic_ns(env_system()) + TREE_DEADLINE_NS;
    status = engine_expand(asking->side.worker, &request, &expand, &result, &error);
    if ((status == BEHALF_BUDGET_EXHAUSTED || status == BEHALF_DEADLINE) && expand.depth != 1)
        return true;
    if (status != BEHALF_OK)
        return comparison_fail(asking, "expand %s:%s#%s: %s: %s", asking->world->types[type].name,
                               asking->world->ids[id], asking->world->names[name],
                               status_name(status), error.message);
    asking->counts->trees++;
    return compare_tree(asking, result.tree, (struct question){type, id, name, 0});
}

bool
ask_trees(struct asking *asking)
{
    const struct world *world = asking->world;

    for (int type = 0; type < world->type_count; type++)
        for (int id = 0; id < world->id_count; id++)
            for (int member = 0; member < world->types[type].member_count; member++)
                if (asking_chance(asking, asking->past ? 3 : 15) &&
                    !ask_tree(asking, type, id, world->types[type].members[member].name))
                    return false;
    return true;
}

/* --- chains of actors --- */

/* Index of a plain subject. */
static int
random_plain(struct asking *asking)
{
    int subject;

    do
        subject = asking_below(asking, asking->subject_count);
    while (asking->subjects[subject].name >= 0);
    return subject;
}

struct chain {
    struct oracle_subject actors[ACTORS_MAX];
    struct object objects[ACTORS_MAX];
    int count;
    bool twice;   /* somebody stands in it twice */
    bool without; /* an actor's type has no such member */
};

static struct chain
random_chain(struct asking *asking, int subject, int hop_name)
{
    struct chain chain = {.count = 1 + asking_below(asking, ACTORS_MAX)};

    for (int i = 0; i < chain.count; i++) {
        struct oracle_subject actor = asking->subjects[random_plain(asking)];

        /* Mostly somebody who may act at all. */
        for (int tries = 0;
             tries < 12 && world_find_member(asking->world, actor.type, hop_name) < 0; tries++)
            actor = asking->subjects[random_plain(asking)];
        for (int before = -1; before < i; before++) {
            const struct oracle_subject *other =
                before < 0 ? &asking->subjects[subject] : &chain.actors[before];

            chain.twice = chain.twice || (other->type == actor.type && other->id == actor.id);
        }
        chain.without = chain.without || world_find_member(asking->world, actor.type, hop_name) < 0;
        chain.actors[i] = actor;
        chain.objects[i] = asking_object(asking, actor.type, actor.id, -1);
    }
    return chain;
}

static bool
chain_status_fits(const struct chain *chain, enum oracle_answer expected, enum status status,
                  enum decision decision)
{
    bool refused = false;

    if (chain->twice)
        refused = strcmp(status_code(status), "INVALID_ARGUMENT") == 0;
    if (chain->without)
        refused = refused || (strcmp(status_code(status), "FAILED_PRECONDITION") == 0 &&
                              status != BEHALF_CYCLE_THROUGH_EXCLUSION);
    if (chain->twice || chain->without)
        return refused;
    return same(expected, status, decision);
}

static bool
ask_chain(struct asking *asking, int hop_name)
{
    struct question question = random_question(asking);
    struct engine_request request = harness_request(&asking->side, asking->at);
    struct check_result result = {.decision = DECISION_DENY};
    enum oracle_answer expected = ORACLE_DENY;
    struct chain chain;
    struct check check;
    struct error error;
    enum status status;
    char text[512];

    if (question.type < 0)
        return true;
    question.subject = random_plain(asking);
    chain = random_chain(asking, question.subject, hop_name);
    check = make_check(asking, &question);
    check.actors = chain.objects;
    check.actor_count = (size_t)chain.count;
    status = engine_check(asking->side.worker, &request, &check, &result, &error);
    if (!chain.without)
        expected =
            oracle_check_chain(asking->world, question.type, question.id, question.name,
                               asking->subjects[question.subject], chain.actors, chain.count);
    asking->counts->chains++;
    if (chain_status_fits(&chain, expected, status, result.decision))
        return true;
    print_question(asking, &question, text, sizeof text);
    return comparison_fail(
        asking, "check %s through %d actors, the first %s:%s%s%s: expected %s, got %s", text,
        chain.count, asking->world->types[chain.actors[0].type].name,
        asking->world->ids[chain.actors[0].id], chain.twice ? " (one twice)" : "",
        chain.without ? " (one cannot act)" : "", answer_name(expected),
        given_name(status, result.decision));
}

bool
ask_chains(struct asking *asking)
{
    int hop_name = world_find_name(asking->world, "acts_on_behalf_of");
    int rounds = asking->past ? 8 : 40;

    if (hop_name < 0)
        return true;
    for (int i = 0; i < rounds; i++)
        if (!ask_chain(asking, hop_name))
            return false;
    return true;
}
