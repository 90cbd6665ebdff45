/* new_enemy.c - nobody who lost access sees what was made after that (the "new enemy").
 *
 * A round gives a user access, takes it away, and makes new content behind that:
 *   order     excluded, and only then named on the document
 *   content   out of the group, and only then the group is put on a document, old or never seen
 *   schema    excluded by a change of the schema, and only then named on the document again
 *   expiry    the membership expires, and only then the group is put on the document
 * Author and friend are two clients, threads with workers of their own. The author writes, each
 * write after the last was acknowledged, and hands the token of the newest to the friend, past the
 * engine. Both ask with the token as the least, exactly there, and at the newest state, on an event
 * loop and elsewhere: none may allow. All scenarios run at once on one engine, so that their writes
 * share groups, and one's schema changes pass between the others' questions.
 *
 * A round that could not go wrong proves nothing. So in each, before access is taken away all these
 * questions must allow; and behind its end the snapshot of that moment, forced by its token, must
 * still allow (but for the expiry: time is in no snapshot), and the content be there at the new
 * one: whoever ignored tokens, or read one half of an answer from either, would allow.
 *
 * BEHALF_ROUNDS: of each scenario, with plenty of memory; a tenth with little, and with none. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "tests/support/harness.h"

#define ARENA ((size_t)16 * 1024 * 1024)
#define TIME_BEGIN INT64_C(1790000000000000000)
#define SECOND INT64_C(1000000000)
#define DOCUMENTS 40 /* few: what is in memory of one is there again */
#define GROUPS 5
#define USERS 7
#define NAME_SIZE 24
#define REPORTED_MOST 10

#define SCHEMA(allowed)                                                                            \
    "use expiration\n"                                                                             \
    "definition user {}\n"                                                                         \
    "definition group { relation member: user | user with expiration }\n"                          \
    "definition document {\n"                                                                      \
    "  relation direct: user | group#member\n"                                                     \
    "  relation excluded: user\n"                                                                  \
    "  permission allowed = direct - excluded\n"                                                   \
    "}\n"                                                                                          \
    "definition paper {\n"                                                                         \
    "  relation direct: user\n"                                                                    \
    "  relation excluded: user\n"                                                                  \
    "  permission allowed = " allowed "\n"                                                         \
    "}\n"

static const char schema_open[] = SCHEMA("direct");
static const char schema_closed[] = SCHEMA("direct - excluded");

struct enemy {
    struct harness_engine side;
    unsigned rounds;
    atomic_size_t wrong;
};

/* One who asks. */
struct client {
    struct enemy *enemy;
    struct engine_worker *waits;
    struct engine_worker *loop;
    struct arena arena;
    size_t asked;
};

struct question {
    struct object resource;
    const char *permission;
    struct object subject;
    struct engine_token token;
    enum decision expected;
};

/* The two clients of one scenario. */
struct pair {
    struct enemy *enemy;
    const struct scenario *scenario;
    pthread_t author_thread;
    pthread_t friend_thread;
    struct client author;
    struct client friend;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    const struct question *handed; /* to the friend; NULL = it has answered */
    bool over;
};

struct scenario {
    const char *name;
    void (*run)(struct pair *pair, unsigned round);
};

static _Noreturn void
give_up(const char *what, enum status status, const struct error *error)
{
    fprintf(stderr, "new_enemy: %s: %s: %s\n", what, status_name(status), error->message);
    abort();
}

/* --- asking --- */

static void
ask(struct client *client, bool on_loop, enum consistency_mode consistency,
    const struct question *question)
{
    struct engine_request request = {.arena = &client->arena,
                                     .consistency = consistency,
                                     .token = slice_of(question->token.text)};
    struct check check = {.resource = question->resource,
                          .permission = slice_of(question->permission),
                          .subject = question->subject};
    enum status status = BEHALF_WOULD_BLOCK;
    struct check_result result;
    struct error error;

    arena_reset(&client->arena, ARENA);
    if (on_loop)
        status = engine_check(client->loop, &request, &check, &result, &error);
    if (status == BEHALF_WOULD_BLOCK)
        status = engine_check(client->waits, &request, &check, &result, &error);
    if (status != BEHALF_OK)
        give_up("check", status, &error);
    client->asked++;
    if (result.decision != question->expected &&
        atomic_fetch_add(&client->enemy->wrong, 1) < REPORTED_MOST)
        fprintf(stderr, "new_enemy: %.*s:%.*s#%s for %.*s: %d instead of %d, consistency %d\n",
                SLICE_PRINTF(question->resource.type), SLICE_PRINTF(question->resource.id),
                question->permission, SLICE_PRINTF(question->subject.id), (int)result.decision,
                (int)question->expected, (int)consistency);
}

static void
ask_all_ways(struct client *client, const struct question *question)
{
    for (int on_loop = 0; on_loop < 2; on_loop++) {
        ask(client, on_loop != 0, CONSISTENCY_AT_LEAST_AS_FRESH, question);
        ask(client, on_loop != 0, CONSISTENCY_AT_EXACT_SNAPSHOT, question);
        ask(client, on_loop != 0, CONSISTENCY_FULL, question);
    }
}

static void *
run_friend(void *argument)
{
    struct pair *pair = argument;

    pthread_mutex_lock(&pair->lock);
    for (;;) {
        while (pair->handed == NULL && !pair->over)
            pthread_cond_wait(&pair->changed, &pair->lock);
        if (pair->over)
            break;
        ask_all_ways(&pair->friend, pair->handed);
        pair->handed = NULL;
        pthread_cond_broadcast(&pair->changed);
    }
    pthread_mutex_unlock(&pair->lock);
    return NULL;
}

/* Author and friend, everything that the token should hold for. */
static void
must_be(struct pair *pair, struct question question, struct engine_token token,
        enum decision expected)
{
    question.token = token;
    question.expected = expected;
    pthread_mutex_lock(&pair->lock);
    pair->handed = &question;
    pthread_cond_broadcast(&pair->changed);
    while (pair->handed != NULL)
        pthread_cond_wait(&pair->changed, &pair->lock);
    pthread_mutex_unlock(&pair->lock);
    ask_all_ways(&pair->author, &question);
}

static void
must_be_exactly_at(struct pair *pair, struct question question, struct engine_token token,
                   enum decision expected)
{
    question.token = token;
    question.expected = expected;
    ask(&pair->author, false, CONSISTENCY_AT_EXACT_SNAPSHOT, &question);
}

/* --- writing --- */

static struct object
object_of(const char *type, const char *id)
{
    return (struct object){.type = slice_of(type), .id = slice_of(id)};
}

static struct object
members_of(const char *group)
{
    struct object object = object_of("group", group);

    object.relation = SLICE_LITERAL("member");
    return object;
}

static struct update
update_of(enum update_op op, struct object resource, const char *relation, struct object subject)
{
    resource.relation = slice_of(relation);
    return (struct update){op, {.resource = resource, .subject = subject}};
}

static struct engine_token
write_updates(struct pair *pair, const struct update *updates, size_t count)
{
    struct engine_token token;
    struct error error;
    enum status status = harness_write_updates(&pair->enemy->side, updates, count, &token, &error);

    if (status != BEHALF_OK)
        give_up("write", status, &error);
    return token;
}

static struct engine_token
write_one(struct pair *pair, enum update_op op, struct object resource, const char *relation,
          struct object subject)
{
    struct update update = update_of(op, resource, relation, subject);

    return write_updates(pair, &update, 1);
}

static void
write_schema(struct enemy *enemy, const char *schema)
{
    struct error error;
    enum status status = harness_write_schema(&enemy->side, slice_of(schema), &error);

    if (status != BEHALF_OK)
        give_up("schema", status, &error);
}

/* --- the scenarios --- */

static const char *
name_of(char name[NAME_SIZE], const char *prefix, unsigned number)
{
    (void)snprintf(name, NAME_SIZE, "%s%u", prefix, number);
    return name;
}

static void
run_order(struct pair *pair, unsigned round)
{
    char names[2][NAME_SIZE];
    struct object document = object_of("document", name_of(names[0], "order", round % DOCUMENTS));
    struct object user = object_of("user", name_of(names[1], "user", round % USERS));
    struct question allowed = {.resource = document, .permission = "allowed", .subject = user};
    struct question direct = {.resource = document, .permission = "direct", .subject = user};
    const struct update grant[] = {
        update_of(UPDATE_TOUCH, document, "direct", user),
        update_of(UPDATE_DELETE, document, "excluded", user),
    };
    struct engine_token before = write_updates(pair, grant, BEHALF_COUNT_OF(grant));
    struct engine_token token;

    must_be(pair, allowed, before, DECISION_ALLOW);
    (void)write_one(pair, UPDATE_DELETE, document, "direct", user);
    (void)write_one(pair, UPDATE_TOUCH, document, "excluded", user);
    token = write_one(pair, UPDATE_TOUCH, document, "direct", user);
    must_be(pair, allowed, token, DECISION_DENY);
    must_be_exactly_at(pair, allowed, before, DECISION_ALLOW);
    must_be_exactly_at(pair, direct, token, DECISION_ALLOW);
}

static void
run_content(struct pair *pair, unsigned round)
{
    char names[4][NAME_SIZE];
    struct object document = object_of("document", name_of(names[0], "old", round % DOCUMENTS));
    struct object fresh = object_of("document", name_of(names[1], "fresh", round));
    struct object user = object_of("user", name_of(names[2], "user", round % USERS));
    const char *group_name = name_of(names[3], "content", round % GROUPS);
    struct object group = object_of("group", group_name);
    struct object members = members_of(group_name);
    struct question allowed = {.resource = document, .permission = "allowed", .subject = user};
    struct question allowed_fresh = {.resource = fresh, .permission = "allowed", .subject = user};
    struct question direct = {.resource = fresh, .permission = "direct", .subject = members};
    const struct update grant[] = {
        update_of(UPDATE_TOUCH, document, "direct", members),
        update_of(UPDATE_TOUCH, group, "member", user),
    };
    const struct update publish[] = {
        update_of(UPDATE_TOUCH, document, "direct", members),
        update_of(UPDATE_TOUCH, fresh, "direct", members),
    };
    struct engine_token before = write_updates(pair, grant, BEHALF_COUNT_OF(grant));
    struct engine_token token;

    must_be(pair, allowed, before, DECISION_ALLOW);
    (void)write_one(pair, UPDATE_DELETE, document, "direct", members);
    (void)write_one(pair, UPDATE_DELETE, group, "member", user);
    token = write_updates(pair, publish, BEHALF_COUNT_OF(publish));
    must_be(pair, allowed, token, DECISION_DENY);
    must_be(pair, allowed_fresh, token, DECISION_DENY);
    must_be_exactly_at(pair, allowed, before, DECISION_ALLOW);
    must_be_exactly_at(pair, direct, token, DECISION_ALLOW);
}

static void
run_schema(struct pair *pair, unsigned round)
{
    char names[2][NAME_SIZE];
    struct object paper = object_of("paper", name_of(names[0], "paper", round % DOCUMENTS));
    struct object user = object_of("user", name_of(names[1], "user", round % USERS));
    struct question allowed = {.resource = paper, .permission = "allowed", .subject = user};
    struct question direct = {.resource = paper, .permission = "direct", .subject = user};
    const struct update grant[] = {
        update_of(UPDATE_TOUCH, paper, "direct", user),
        update_of(UPDATE_TOUCH, paper, "excluded", user),
    };
    struct engine_token before;
    struct engine_token token;

    write_schema(pair->enemy, schema_open);
    before = write_updates(pair, grant, BEHALF_COUNT_OF(grant));
    must_be(pair, allowed, before, DECISION_ALLOW);
    (void)write_one(pair, UPDATE_DELETE, paper, "direct", user);
    write_schema(pair->enemy, schema_closed);
    token = write_one(pair, UPDATE_TOUCH, paper, "direct", user);
    must_be(pair, allowed, token, DECISION_DENY);
    must_be_exactly_at(pair, allowed, before, DECISION_ALLOW);
    must_be_exactly_at(pair, direct, token, DECISION_ALLOW);
}

/* The only one that moves the clock, and the only one whose relationships expire. */
static void
run_expiry(struct pair *pair, unsigned round)
{
    char names[3][NAME_SIZE];
    struct harness_engine *side = &pair->enemy->side;
    int64_t expires_at = atomic_load(&side->now) + SECOND;
    struct object document = object_of("document", name_of(names[0], "expiry", round % DOCUMENTS));
    struct object user = object_of("user", name_of(names[1], "user", round % USERS));
    const char *group_name = name_of(names[2], "expiry", round % GROUPS);
    struct object members = members_of(group_name);
    struct question allowed = {.resource = document, .permission = "allowed", .subject = user};
    struct question direct = {.resource = document, .permission = "direct", .subject = members};
    struct update grant[] = {
        update_of(UPDATE_TOUCH, document, "direct", members),
        update_of(UPDATE_TOUCH, object_of("group", group_name), "member", user),
    };
    struct engine_write sweep = {.kind = WRITE_SWEEP};
    struct engine_token before;
    struct engine_token token;

    grant[1].relationship.expires_at = expires_at;
    before = write_updates(pair, grant, BEHALF_COUNT_OF(grant));
    must_be(pair, allowed, before, DECISION_ALLOW);
    (void)write_one(pair, UPDATE_DELETE, document, "direct", members);
    harness_set_time(side, expires_at);
    token = write_one(pair, UPDATE_TOUCH, document, "direct", members);
    must_be(pair, allowed, token, DECISION_DENY);
    must_be_exactly_at(pair, allowed, before, DECISION_DENY);
    must_be_exactly_at(pair, direct, token, DECISION_ALLOW);
    if (round % 2 == 0 && harness_submit(side, &sweep) != BEHALF_OK)
        give_up("sweep", sweep.status, &sweep.error);
}

static const struct scenario scenarios[] = {
    {"order", run_order},
    {"content", run_content},
    {"schema", run_schema},
    {"expiry", run_expiry},
};

#define SCENARIOS BEHALF_COUNT_OF(scenarios)

/* --- all together --- */

static void *
run_author(void *argument)
{
    struct pair *pair = argument;

    for (unsigned round = 0; round < pair->enemy->rounds; round++)
        pair->scenario->run(pair, round);
    pthread_mutex_lock(&pair->lock);
    pair->over = true;
    pthread_cond_broadcast(&pair->changed);
    pthread_mutex_unlock(&pair->lock);
    return NULL;
}

static void
client_open(struct client *client, struct enemy *enemy)
{
    client->enemy = enemy;
    client->waits = engine_worker_new(enemy->side.engine, true);
    client->loop = engine_worker_new(enemy->side.engine, false);
    arena_init(&client->arena, ARENA);
}

static void
client_close(struct client *client)
{
    engine_worker_free(client->waits);
    engine_worker_free(client->loop);
    arena_release(&client->arena);
}

static void
pair_start(struct pair *pair, struct enemy *enemy, const struct scenario *scenario)
{
    int failure;

    *pair = (struct pair){.enemy = enemy, .scenario = scenario};
    client_open(&pair->author, enemy);
    client_open(&pair->friend, enemy);
    pthread_mutex_init(&pair->lock, NULL);
    pthread_cond_init(&pair->changed, NULL);
    failure = pthread_create(&pair->friend_thread, NULL, run_friend, pair);
    BEHALF_ASSERT(failure == 0);
    failure = pthread_create(&pair->author_thread, NULL, run_author, pair);
    BEHALF_ASSERT(failure == 0);
}

/* The number of questions. */
static size_t
pair_end(struct pair *pair)
{
    pthread_join(pair->author_thread, NULL);
    pthread_join(pair->friend_thread, NULL);
    pthread_mutex_destroy(&pair->lock);
    pthread_cond_destroy(&pair->changed);
    client_close(&pair->author);
    client_close(&pair->friend);
    return pair->author.asked + pair->friend.asked;
}

/* The number of wrong answers. */
static size_t
run_rounds(size_t graph_memory_bytes, unsigned rounds)
{
    struct enemy *enemy = memory_new(sizeof *enemy);
    struct pair pairs[SCENARIOS];
    size_t asked = 0;
    size_t wrong;

    harness_engine_open_at(&enemy->side, graph_memory_bytes, TIME_BEGIN);
    write_schema(enemy, schema_open);
    enemy->rounds = rounds;
    for (size_t at = 0; at < SCENARIOS; at++)
        pair_start(&pairs[at], enemy, &scenarios[at]);
    for (size_t at = 0; at < SCENARIOS; at++)
        asked += pair_end(&pairs[at]);
    wrong = atomic_load(&enemy->wrong);
    printf("new_enemy: budget %zu: %u rounds of each of %zu scenarios, %zu answers, %zu wrong\n",
           graph_memory_bytes, rounds, SCENARIOS, asked, wrong);
    harness_engine_close(&enemy->side);
    memory_free(enemy);
    return wrong;
}

int
main(void)
{
    const char *text = getenv("BEHALF_ROUNDS");
    unsigned rounds = text != NULL ? (unsigned)strtoul(text, NULL, 0) : 400;
    size_t wrong = run_rounds((size_t)16 * 1024 * 1024, rounds);

    wrong += run_rounds((size_t)48 * 1024, rounds / 10 + 1);
    wrong += run_rounds(1, rounds / 10 + 1);
    return wrong > 0;
}
