/* harness_world_ask.c - checks alone, in bulks, by permission, through actors. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "tests/support/harness_ids.h"
#include "tests/support/harness_world_private.h"

#define BULK_MAX 64

struct check
asking_check(const struct asking *asking, const struct question *question)
{
    const struct oracle_subject *subject = &asking->subjects[question->subject];

    return (struct check){
        .resource = asking_object(asking, question->type, question->id, -1),
        .permission = slice_of(asking->world->names[question->name]),
        .subject = asking_object(asking, subject->type, subject->id, subject->name),
        .context = asking_context(asking, question->request),
    };
}

static struct answered
answered_item(const struct check_item *item)
{
    return (struct answered){item->status, item->decision, item->missing, item->valid_until};
}

struct question
asking_question(struct asking *asking)
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
        question.request = asking_below(asking, world->request_count);
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
                                      .subject = check->subject,
                                      .context = check->context};
    struct lookup_resources_result result;

    return engine_lookup_resources(asking->side.worker, &request, &lookup, &result, error);
}

bool
ask_something(struct asking *asking)
{
    struct question question = asking_question(asking);
    struct engine_request request = harness_request(&asking->side, NULL);
    struct check_result result;
    struct error error;
    struct check check;
    enum status status;

    if (question.type < 0)
        return true;
    check = asking_check(asking, &question);
    /* The lookup reads the other direction of the graph. */
    if (asking_below(asking, 2) == 0)
        status = look_up_something(asking, &check, &error);
    else
        status = engine_check(asking->side.worker, &request, &check, &result, &error);
    if (status == BEHALF_OK || harness_is_undecided(status))
        return true;
    return comparison_fail(asking, "a question in between gives %s: %s", status_name(status),
                           error.message);
}

/* --- check and check_bulk --- */

struct questions {
    struct question *list;
    size_t count;
    size_t answers[4]; /* how many have that answer */
};

/* What the lookups see anyway is asked by sample: denies in proportion to the rest, and what is
 * decided in proportion to what is conditional. */
static bool
is_wanted(struct asking *asking, const struct questions *questions, enum oracle_answer answer)
{
    const size_t *answers = questions->answers;
    size_t rest = questions->count - answers[ORACLE_DENY];

    if (answer == ORACLE_DENY && answers[ORACLE_DENY] > rest && !asking_sample(asking, 5))
        return false;
    return answer == ORACLE_CONDITIONAL || answer == ORACLE_ERROR ||
           answers[answer] < 20 + 2 * answers[ORACLE_CONDITIONAL] || asking_sample(asking, 10);
}

/* In one context, and in all those in which it is conditional. */
static void
add_questions_of(struct asking *asking, struct question question, struct questions *questions)
{
    int requests = asking->world->request_count;

    for (question.subject = 0; question.subject < asking->subject_count; question.subject++) {
        int one = asking_below(asking, requests);

        if (!asking_chance(asking, 100))
            continue;
        for (question.request = 0; question.request < requests; question.request++) {
            enum oracle_answer answer = asking_expect(asking, &question).answer;

            if (question.request == one ? !is_wanted(asking, questions, answer)
                                        : answer != ORACLE_CONDITIONAL)
                continue;
            questions->answers[answer]++;
            questions->list[questions->count++] = question;
        }
    }
}

static struct question *
collect_questions(struct asking *asking, size_t *count)
{
    const struct world *world = asking->world;
    size_t most = (size_t)(world->type_count * world->id_count * WORLD_MEMBERS_MAX) *
                  (size_t)(asking->subject_count * world->request_count);
    struct questions questions = {
        .list = memory_new_array(most + 1, sizeof(struct question)),
    };

    for (int type = 0; type < world->type_count; type++)
        for (int id = 0; id < world->id_count; id++)
            for (int member = 0; member < world->types[type].member_count; member++)
                add_questions_of(
                    asking,
                    (struct question){type, id, world->types[type].members[member].name, 0, 0},
                    &questions);
    for (size_t i = questions.count; i > 1; i--) {
        size_t other = (size_t)asking_below(asking, (int)i);
        struct question swapped = questions.list[i - 1];

        questions.list[i - 1] = questions.list[other];
        questions.list[other] = swapped;
    }
    *count = questions.count;
    return questions.list;
}

static bool
ask_check(struct asking *asking, const struct question *question)
{
    struct engine_request request = harness_request(&asking->side, asking->at);
    struct check check = asking_check(asking, question);
    struct check_result result = {.decision = DECISION_DENY};
    struct error error;
    enum status status = engine_check(asking->side.worker, &request, &check, &result, &error);
    struct answered answered = {status, result.decision, result.missing, result.valid_until};

    asking->counts->checks[asking_expect(asking, question).answer]++;
    if (!asking_compare_question(asking, "check", question, &answered))
        return false;
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
        checks[i] = asking_check(asking, &questions[i]);
    status = engine_check_bulk(asking->side.worker, &request, checks, count, &result, &error);
    if (status != BEHALF_OK)
        return comparison_fail(asking, "check_bulk: %s: %s", status_name(status), error.message);
    for (size_t i = 0; i < count; i++) {
        struct answered answered = answered_item(&result.items[i]);

        if (!asking_compare_question(asking, "check_bulk", &questions[i], &answered))
            return false;
    }
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
    struct question question = {type, id, 0, subject,
                                asking_below(asking, asking->world->request_count)};
    const struct oracle_subject *who = &asking->subjects[subject];
    struct engine_request request = harness_request(&asking->side, asking->at);
    struct lookup_permissions lookup = {.resource = asking_object(asking, type, id, -1),
                                        .subject =
                                            asking_object(asking, who->type, who->id, who->name),
                                        .context = asking_context(asking, question.request)};
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
        struct answered answered;

        if (at->members[member].root < 0)
            continue;
        question.name = at->members[member].name;
        if (next >= result.permission_count ||
            !slice_equal(permission->permission, slice_of(asking->world->names[question.name])))
            return comparison_fail(asking, "lookup_permissions: %s#%s is not in its place",
                                   at->name, asking->world->names[question.name]);
        answered = answered_item(&permission->item);
        if (!asking_compare_question(asking, "lookup_permissions", &question, &answered))
            return false;
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
                if (asking_chance(asking, 6) && !ask_permissions_of(asking, type, id, subject))
                    return false;
    return true;
}

/* --- chains of actors --- */

/* Index of a plain subject. */
int
asking_plain(struct asking *asking)
{
    int subject;

    do
        subject = asking_below(asking, asking->subject_count);
    while (asking->subjects[subject].name >= 0);
    return subject;
}

struct chain
asking_chain(struct asking *asking, struct question question, int hop_name)
{
    struct chain chain = {.question = question, .count = 1 + asking_below(asking, ACTORS_MAX)};

    for (int i = 0; i < chain.count; i++) {
        struct oracle_subject actor = asking->subjects[asking_plain(asking)];

        /* Mostly somebody who may act at all. */
        for (int tries = 0;
             tries < 12 && world_find_member(asking->world, actor.type, hop_name) < 0; tries++)
            actor = asking->subjects[asking_plain(asking)];
        for (int before = -1; before < i; before++) {
            const struct oracle_subject *other =
                before < 0 ? &asking->subjects[question.subject] : &chain.actors[before];

            chain.twice = chain.twice || (other->type == actor.type && other->id == actor.id);
        }
        chain.without = chain.without || world_find_member(asking->world, actor.type, hop_name) < 0;
        chain.actors[i] = actor;
        chain.objects[i] = asking_object(asking, actor.type, actor.id, -1);
    }
    return chain;
}

struct oracle_value
asking_hops_value(struct asking *asking, const struct chain *chain, int state)
{
    struct oracle_value value = {.answer = ORACLE_ALLOW};
    int hop_name = world_find_name(asking->world, "acts_on_behalf_of");
    int subject = chain->question.subject;

    for (int i = 0; i < chain->count; i++) {
        const struct oracle_subject *actor = &chain->actors[i];
        struct question hop = {actor->type, actor->id, hop_name, subject, chain->question.request};

        value = oracle_both(value, asking_value(asking, &hop, state));
        subject = asking_subject(asking, actor->type, actor->id, -1);
    }
    return value;
}

struct oracle_value
asking_chain_value(struct asking *asking, const void *what, int state)
{
    const struct chain *chain = what;

    return oracle_both(asking_value(asking, &chain->question, state),
                       asking_hops_value(asking, chain, state));
}

/* A chain that cannot be: told so, whatever the answer would be. */
static bool
chain_is_refused(const struct chain *chain, enum status status)
{
    if (chain->twice && strcmp(status_code(status), "INVALID_ARGUMENT") == 0)
        return true;
    return chain->without && strcmp(status_code(status), "FAILED_PRECONDITION") == 0 &&
           !harness_is_undecided(status);
}

static bool
ask_chain(struct asking *asking, int hop_name)
{
    struct question question = asking_question(asking);
    struct engine_request request = harness_request(&asking->side, asking->at);
    struct check_result result = {.decision = DECISION_DENY};
    struct answered answered;
    struct chain chain;
    struct check check;
    struct error error;
    char of[QUESTION_TEXT_SIZE];
    char text[QUESTION_TEXT_SIZE + 256];

    if (question.type < 0)
        return true;
    question.subject = asking_plain(asking);
    chain = asking_chain(asking, question, hop_name);
    check = asking_check(asking, &question);
    check.actors = chain.objects;
    check.actor_count = (size_t)chain.count;
    answered.status = engine_check(asking->side.worker, &request, &check, &result, &error);
    answered.decision = result.decision;
    answered.missing = result.missing;
    answered.valid_until = result.valid_until;
    asking->counts->chains++;
    asking_print(asking, &question, of);
    snprintf(text, sizeof text, "check %s through %d actors, the first %s:%s", of, chain.count,
             asking->world->types[chain.actors[0].type].name,
             asking->world->ids[chain.actors[0].id]);
    if (!chain.twice && !chain.without)
        return asking_compare(asking, text, asking_chain_value, &chain, &answered);
    if (chain_is_refused(&chain, answered.status))
        return true;
    return comparison_fail(asking, "%s (%s): got %s", text,
                           chain.twice ? "one stands in it twice" : "one cannot act",
                           status_name(answered.status));
}

bool
ask_chains(struct asking *asking)
{
    int hop_name = world_find_name(asking->world, "acts_on_behalf_of");
    int rounds = 4 + 36 * asking->percent / 100;

    if (hop_name < 0)
        return true;
    for (int i = 0; i < rounds; i++)
        if (!ask_chain(asking, hop_name))
            return false;
    return true;
}
