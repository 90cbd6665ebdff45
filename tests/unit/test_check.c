/* test_check.c - what one question costs is not charged to the next one. */
#include "tests/unit/test_writer_support.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* With the groups of the first document at hand, those of the second need more memory than one
 * check may have; alone they do not. */
#define FEW 12000
#define MANY 55000
#define GROUPS_PER_WRITE 1000

/* Under a condition that nobody has, so that each group is a node with a value of its own. */
#define GROUPS                                                                                     \
    "caveat open(hour int) { hour < 8 }\n"                                                         \
    "definition user {}\n"                                                                         \
    "definition group { relation member: user | user with open | group#member }\n"

/* Since a view depends on itself, a lookup checks each document. */
static const char banned_schema[] =
    GROUPS "definition document {\n"
           "    relation viewer: user\n"
           "    relation banned: group#member\n"
           "    relation parent: document\n"
           "    permission view = (viewer - banned) + parent->view\n"
           "}\n";

/* A group of `count` groups without a user. */
static void
write_group(struct rig *rig, const char *id, unsigned count)
{
    struct buffer lines;

    buffer_init(&lines);
    for (unsigned at = 1; at <= count; at++) {
        buffer_add_format(&lines, "touch group:%s#member@group:%s%u#member\n", id, id, at);
        if (at % GROUPS_PER_WRITE == 0 || at == count) {
            cr_assert_eq(rig_do(rig, lines.data)->status, BEHALF_OK);
            buffer_clear(&lines);
        }
    }
    buffer_release(&lines);
}

static struct check
view_by_ann(const char *id)
{
    return (struct check){
        .resource = {.type = SLICE_LITERAL("document"), .id = slice_of(id)},
        .permission = SLICE_LITERAL("view"),
        .subject = {.type = SLICE_LITERAL("user"), .id = SLICE_LITERAL("ann")},
    };
}

static void
open_with_documents(struct rig *rig)
{
    struct engine_request request = {.arena = &rig->arena};
    struct check alone = view_by_ann("many");
    struct check_result result;
    struct error error;

    rig_open(rig, banned_schema);
    write_group(rig, "few", FEW);
    write_group(rig, "many", MANY);
    (void)rig_do(rig, "touch document:few#viewer@user:ann\n"
                      "touch document:few#banned@group:few#member\n"
                      "touch document:many#viewer@user:ann\n"
                      "touch document:many#banned@group:many#member\n");
    cr_assert_eq(engine_check(rig->worker, &request, &alone, &result, &error), BEHALF_OK, "%s",
                 error.message);
    cr_assert_eq(result.decision, DECISION_ALLOW);
}

Test(check, items_of_a_bulk_have_the_memory_they_would_have_alone)
{
    static struct rig rig;
    struct engine_request request = {.arena = &rig.arena};
    struct check checks[] = {view_by_ann("few"), view_by_ann("many")};
    struct check_bulk_result result;
    struct error error;

    open_with_documents(&rig);
    cr_assert_eq(engine_check_bulk(rig.worker, &request, checks, 2, &result, &error), BEHALF_OK);
    for (size_t at = 0; at < 2; at++) {
        cr_assert_eq(result.items[at].status, BEHALF_OK, "item %zu", at);
        cr_assert_eq(result.items[at].decision, DECISION_ALLOW, "item %zu", at);
    }
    rig_close(&rig);
}

static const char plain_schema[] = "definition user {}\n"
                                   "definition group { relation member: user | group#member }\n"
                                   "definition document {\n"
                                   "    relation viewer: user | group#member\n"
                                   "    permission view = viewer\n"
                                   "}\n";

static struct check
view_by(const char *document, const char *user)
{
    return (struct check){
        .resource = {.type = SLICE_LITERAL("document"), .id = slice_of(document)},
        .permission = SLICE_LITERAL("view"),
        .subject = {.type = SLICE_LITERAL("user"), .id = slice_of(user)},
    };
}

#define CHAIN 900 /* groups in groups: three walks are more than a loop may visit */

/* A loop runs out of edges in the middle of the walks. */
Test(check, an_item_whose_walk_is_stopped_is_no_deny)
{
    static struct rig rig;
    struct engine_request request = {.arena = &rig.arena};
    const struct check checks[] = {view_by("plan", "ann"), view_by("plan", "ben"),
                                   view_by("plan", "cem")};
    const enum decision expected[] = {DECISION_ALLOW, DECISION_ALLOW, DECISION_DENY};
    struct check_bulk_result result;
    struct engine_worker *loop;
    struct error error;
    struct buffer lines;

    rig_open(&rig, plain_schema);
    loop = engine_worker_new(rig.engine, false);
    buffer_init(&lines);
    for (unsigned at = 0; at < CHAIN; at++)
        buffer_add_format(&lines, "touch group:g%u#member@group:g%u#member\n", at, at + 1);
    cr_assert_eq(rig_do(&rig, lines.data)->status, BEHALF_OK);
    buffer_clear(&lines);
    buffer_add_format(&lines,
                      "touch document:plan#viewer@group:g0#member\n"
                      "touch group:g%u#member@user:ann\ntouch group:g%u#member@user:ben\n"
                      "touch group:other#member@user:cem\n",
                      CHAIN, CHAIN);
    cr_assert_eq(rig_do(&rig, lines.data)->status, BEHALF_OK);
    buffer_release(&lines);
    for (unsigned round = 0; round < 3; round++) {
        cr_expect_eq(engine_check_bulk(loop, &request, checks, 3, &result, &error),
                     BEHALF_WOULD_BLOCK);
        cr_assert_eq(engine_check_bulk(rig.worker, &request, checks, 3, &result, &error), BEHALF_OK,
                     "%s", error.message);
        for (size_t at = 0; at < 3; at++)
            cr_expect_eq(result.items[at].decision, expected[at], "item %zu", at);
    }
    engine_worker_free(loop);
    rig_close(&rig);
}

/* What the first items visit says what the others will: 100 of these would be too many. */
Test(check, a_bulk_that_would_take_long_is_left_to_the_pool_early)
{
    static struct rig rig;
    struct engine_request request = {.arena = &rig.arena};
    struct check checks[100];
    struct check_bulk_result result;
    struct engine_worker *loop;
    struct error error;

    rig_open(&rig, plain_schema);
    loop = engine_worker_new(rig.engine, false);
    write_group(&rig, "hundred", 100);
    cr_assert_eq(rig_do(&rig, "touch document:long#viewer@group:hundred#member\n"
                              "touch document:short#viewer@user:ann\n")
                     ->status,
                 BEHALF_OK);
    for (size_t at = 0; at < BEHALF_COUNT_OF(checks); at++)
        checks[at] = view_by(at < 4 ? "long" : "short", at % 2 == 0 ? "ann" : "ben");
    cr_expect_eq(engine_check_bulk(rig.worker, &request, checks, 100, &result, &error), BEHALF_OK);
    cr_expect_eq(engine_check_bulk(loop, &request, checks, 100, &result, &error),
                 BEHALF_WOULD_BLOCK);
    cr_expect_eq(engine_check_bulk(loop, &request, checks + 4, 96, &result, &error), BEHALF_OK);
    cr_expect_eq(engine_check_bulk(loop, &request, checks, 8, &result, &error), BEHALF_OK);
    engine_worker_free(loop);
    rig_close(&rig);
}

Test(check, candidates_of_a_lookup_have_the_memory_they_would_have_alone)
{
    static struct rig rig;
    struct engine_request request = {.arena = &rig.arena};
    struct lookup_resources lookup = {
        .resource_type = SLICE_LITERAL("document"),
        .permission = SLICE_LITERAL("view"),
        .subject = {.type = SLICE_LITERAL("user"), .id = SLICE_LITERAL("ann")},
    };
    struct lookup_resources_result result;
    struct error error;

    open_with_documents(&rig);
    cr_assert_eq(engine_lookup_resources(rig.worker, &request, &lookup, &result, &error), BEHALF_OK,
                 "%s", error.message);
    cr_assert_eq(result.resource_count, 2, "%zu, %zu undecided", result.resource_count,
                 result.undecided_count);
    rig_close(&rig);
}

Test(check, a_chain_is_decided_once_for_all_permissions)
{
    static struct rig rig;
    struct engine_request request = {.arena = &rig.arena};
    struct object agent = {.type = SLICE_LITERAL("agent"), .id = SLICE_LITERAL("helper")};
    struct lookup_permissions lookup = {
        .resource = {.type = SLICE_LITERAL("document"), .id = SLICE_LITERAL("plan")},
        .subject = {.type = SLICE_LITERAL("user"), .id = SLICE_LITERAL("ann")},
        .actors = &agent,
        .actor_count = 1,
    };
    struct lookup_permissions_result result;
    struct error error;

    rig_open(&rig, GROUPS "definition agent {\n"
                          "    relation granted: user\n"
                          "    relation revoked: group#member\n"
                          "    permission acts_on_behalf_of = granted - revoked\n"
                          "}\n"
                          "definition document {\n"
                          "    relation owner: user\n"
                          "    permission view = owner\n    permission edit = owner\n"
                          "    permission share = owner\n    permission move = owner\n"
                          "    permission print = owner\n    permission delete = owner\n"
                          "}\n");
    write_group(&rig, "many", MANY);
    (void)rig_do(&rig, "touch document:plan#owner@user:ann\n"
                       "touch agent:helper#granted@user:ann\n"
                       "touch agent:helper#revoked@group:many#member\n");
    cr_assert_eq(engine_lookup_permissions(rig.worker, &request, &lookup, &result, &error),
                 BEHALF_OK, "%s", error.message);
    cr_assert_eq(result.permission_count, 6);
    for (size_t at = 0; at < result.permission_count; at++)
        cr_assert_eq(result.permissions[at].item.decision, DECISION_ALLOW);
    rig_close(&rig);
}

/* A document with a permission that is made of the one before it, and so on. */
static const char *
long_chain(struct buffer *schema, unsigned count)
{
    buffer_init(schema);
    buffer_add_text(schema, "definition user {}\ndefinition document {\n"
                            "    relation viewer: user\n    permission step0 = viewer\n");
    for (unsigned at = 1; at < count; at++)
        buffer_add_format(schema, "    permission step%u = step%u\n", at, at - 1);
    buffer_add_text(schema, "}\n");
    return schema->data;
}

/* Processor time, not that on the wall: it does not depend on what else the machine does. */
static int64_t
cost_of_chain_ns(unsigned steps)
{
    static struct rig rig;
    struct engine_request request = {.arena = &rig.arena, .deadline_ns = INT64_MAX};
    char name[16];
    struct lookup_resources lookup = {
        .resource_type = SLICE_LITERAL("document"),
        .subject = {.type = SLICE_LITERAL("user"), .id = SLICE_LITERAL("ann")},
    };
    struct lookup_resources_result result;
    struct timespec before, after;
    struct buffer schema;
    struct error error;

    (void)snprintf(name, sizeof name, "step%u", steps - 1);
    lookup.permission = slice_of(name);
    rig_open(&rig, long_chain(&schema, steps));
    cr_assert_eq(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before), 0);
    cr_assert_eq(engine_lookup_resources(rig.worker, &request, &lookup, &result, &error),
                 BEHALF_OK);
    cr_assert_eq(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after), 0);
    buffer_release(&schema);
    rig_close(&rig);
    return (after.tv_sec - before.tv_sec) * INT64_C(1000000000) + after.tv_nsec - before.tv_nsec;
}

/* Ten times as many steps cost ten times as much; a walk of each path to each step, a hundred. What
 * else runs may slow down a try, but not all. */
Test(check, a_lookup_through_a_long_chain_of_permissions_costs_what_the_chain_is_long,
     .timeout = 120)
{
    int64_t part = cost_of_chain_ns(6000);
    int64_t whole = cost_of_chain_ns(60000);

    for (unsigned tried = 0; tried < 5 && whole >= 40 * part; tried++) {
        int64_t again = cost_of_chain_ns(60000);

        whole = again < whole ? again : whole;
    }
    cr_assert_lt(whole, 40 * part, "%" PRId64 " ns and %" PRId64 " ns", part, whole);
}

Test(check, results_do_not_point_into_arguments)
{
    static struct rig rig;
    char id[] = "new";
    struct engine_request request = {.arena = &rig.arena};
    struct lookup_resources lookup = {
        .resource_type = SLICE_LITERAL("user"),
        .permission = SLICE_LITERAL("see"),
        .subject = {.type = SLICE_LITERAL("user"), .id = slice_of(id)},
    };
    struct lookup_resources_result result;
    struct error error;

    rig_open(&rig, "use self\ndefinition user { permission see = self }");
    cr_assert_eq(engine_lookup_resources(rig.worker, &request, &lookup, &result, &error), BEHALF_OK,
                 "%s", error.message);
    memset(id, 'x', sizeof id - 1);
    cr_assert_eq(result.resource_count, 1);
    cr_assert(slice_equal(result.resources[0].id, SLICE_LITERAL("new")), "%.*s",
              SLICE_PRINTF(result.resources[0].id));
    rig_close(&rig);
}

#define LONG_NAME "a_name_that_takes_more_memory_than_whatever_comes_behind_it"

/* Usersets of a tree that lost their relation: they would read as plain subjects. */
static unsigned
usersets_cut_short(const struct expand_node *node)
{
    unsigned count = 0;

    for (size_t at = 0; at < node->subject_count; at++)
        count += slice_equal(node->subjects[at].object.type, SLICE_LITERAL("team")) &&
                 node->subjects[at].object.relation.size == 0;
    for (size_t at = 0; at < node->child_count; at++)
        count += usersets_cut_short(node->children[at]);
    return count;
}

Test(check, a_tree_is_whole_or_an_error_however_little_memory_there_is)
{
    static struct rig rig;
    struct expand expand = {
        .resource = {.type = SLICE_LITERAL("document"), .id = SLICE_LITERAL("plan")},
        .permission = SLICE_LITERAL("viewer"),
        .depth = 1,
    };
    unsigned whole = 0;

    rig_open(&rig, "definition user {}\n"
                   "definition team { relation " LONG_NAME ": user }\n"
                   "definition group { relation member: team#" LONG_NAME " }\n"
                   "definition document { relation viewer: group#member }\n");
    (void)rig_do(&rig, "touch document:plan#viewer@group:eng#member\n"
                       "touch group:eng#member@team:blue#" LONG_NAME);
    for (size_t cap = 16; cap <= 4096; cap += 16) {
        struct arena arena;
        struct engine_request request = {.arena = &arena};
        struct expand_result result;
        struct error error;
        enum status status;

        arena_init(&arena, cap);
        status = engine_expand(rig.worker, &request, &expand, &result, &error);
        if (status == BEHALF_OK) {
            cr_expect_eq(usersets_cut_short(result.tree), 0, "with %zu bytes", cap);
            whole++;
        } else {
            cr_expect_eq(status, BEHALF_BUDGET_EXHAUSTED, "with %zu bytes", cap);
        }
        arena_release(&arena);
    }
    cr_expect_gt(whole, 0);
    rig_close(&rig);
}

/* What every read answers, by one number that is wrong as soon as something is missing or empty; 0
 * when the memory was too short. */
static size_t
size_of_answers(struct rig *rig, const struct engine_request *request)
{
    struct lookup_resources resources = {
        .resource_type = SLICE_LITERAL("document"),
        .permission = SLICE_LITERAL("view"),
        .subject = {.type = SLICE_LITERAL("user"), .id = SLICE_LITERAL("ann")},
    };
    struct lookup_subjects subjects = {
        .resource = {.type = SLICE_LITERAL("document"), .id = SLICE_LITERAL("d1")},
        .permission = SLICE_LITERAL("view"),
        .subject_type = SLICE_LITERAL("user"),
    };
    struct lookup_permissions permissions = {.resource = subjects.resource,
                                             .subject = resources.subject};
    struct relationships_read read = {.filter = {.resource_type = SLICE_LITERAL("document")}};
    struct lookup_resources_result found_resources = {0};
    struct lookup_subjects_result found_subjects = {0};
    struct lookup_permissions_result found_permissions = {0};
    struct relationships_read_result found = {0};
    struct engine_worker *worker = rig->worker;
    enum status status[4];
    struct error error;
    size_t size = 0;

    status[0] = engine_lookup_resources(worker, request, &resources, &found_resources, &error);
    status[1] = engine_lookup_subjects(worker, request, &subjects, &found_subjects, &error);
    status[2] =
        engine_lookup_permissions(worker, request, &permissions, &found_permissions, &error);
    status[3] = engine_relationships_read(worker, request, &read, &found, &error);
    for (size_t at = 0; at < 4; at++) {
        cr_assert(status[at] == BEHALF_OK || status[at] == BEHALF_BUDGET_EXHAUSTED);
        if (status[at] != BEHALF_OK)
            return 0;
    }
    for (size_t at = 0; at < found_resources.resource_count; at++)
        size += found_resources.resources[at].id.size;
    for (size_t at = 0; at < found_subjects.subject_count; at++)
        size += found_subjects.subjects[at].id.size + found_subjects.subjects[at].excluded_count;
    for (size_t at = 0; at < found_permissions.permission_count; at++)
        size += found_permissions.permissions[at].permission.size;
    for (size_t at = 0; at < found.relationship_count; at++)
        size += found.relationships[at].resource.id.size +
                found.relationships[at].resource.relation.size +
                found.relationships[at].subject.type.size + found.relationships[at].subject.id.size;
    return size;
}

Test(check, answers_are_whole_or_errors_however_little_memory_there_is)
{
    static struct rig rig;
    struct engine_request plenty = {.arena = &rig.arena};
    size_t whole;
    size_t answered = 0;

    rig_open(&rig, "definition user {}\n"
                   "definition document {\n"
                   "    relation viewer: user | user:*\n    relation banned: user\n"
                   "    permission view = viewer - banned\n"
                   "}\n");
    (void)rig_do(&rig, "touch document:d1#viewer@user:*\ntouch document:d1#banned@user:eve\n"
                       "touch document:d1#viewer@user:ann\ntouch document:d2#viewer@user:ann\n"
                       "touch document:d3#viewer@user:bob\ntouch document:d3#viewer@user:ann\n");
    whole = size_of_answers(&rig, &plenty);
    cr_assert_gt(whole, 0);
    for (size_t cap = 16; cap <= 16384; cap += 16) {
        struct arena arena;
        struct engine_request request = {.arena = &arena};
        size_t size;

        arena_init(&arena, cap);
        size = size_of_answers(&rig, &request);
        cr_expect(size == 0 || size == whole, "with %zu bytes", cap);
        answered += size == whole;
        arena_release(&arena);
    }
    cr_expect_gt(answered, 0);
    rig_close(&rig);
}
