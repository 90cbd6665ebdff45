/* test_scenarios_faults.c - the storage fails at every operation of a question in turn. Scenario
 * R-12, the part of errors inside operators: the answer is right, or there is none. */
#include <criterion/criterion.h>

#include "storage/store_internal.h"
#include "tests/support/harness.h"
#include "tests/support/kv_fault.h"

#define SCHEMA                                                                                     \
    "caveat holds(given int) { given == 1 }\n"                                                     \
    "definition user {}\n"                                                                         \
    "definition group { relation member: user | group#member }\n"                                  \
    "definition doc {\n"                                                                           \
    "    relation one: user | group#member\n"                                                      \
    "    relation two: user | group#member\n"                                                      \
    "    relation maybe: user with holds | group#member with holds\n"                              \
    "    relation near: doc | doc with holds\n"                                                    \
    "    permission perhaps = one + maybe\n"                                                       \
    "    permission only = one & maybe\n"                                                          \
    "    permission unless = one - maybe\n"                                                        \
    "    permission either = one + two\n"                                                          \
    "    permission both = one & two\n"                                                            \
    "    permission less = one - two\n"                                                            \
    "    permission every = near.all(either)\n"                                                    \
    "    permission some = near->less\n"                                                           \
    "}\n"

static const char *const relationships[] = {
    "doc:1#one@group:x#member",
    "doc:1#two@group:y#member",
    "group:x#member@user:ann",
    "group:x#member@user:bob",
    "group:y#member@user:bob",
    "doc:2#near@doc:1",
    "doc:2#near@doc:3",
    "doc:3#one@user:ann",
    "doc:1#maybe@group:y#member[holds]",
    "doc:1#maybe@user:cyd[holds]",
    "doc:1#maybe@group:x#member[holds:{\"given\":0}]",
    "doc:4#near@doc:3",
    "doc:4#near@doc:1[holds]",
};

static const struct {
    const char *resource;
    const char *permission;
    const char *subject;
    enum decision decision;
} questions[] = {
    {"1", "either", "ann", DECISION_ALLOW},        {"1", "either", "bob", DECISION_ALLOW},
    {"1", "either", "eve", DECISION_DENY},         {"1", "both", "ann", DECISION_DENY},
    {"1", "both", "bob", DECISION_ALLOW},          {"1", "less", "ann", DECISION_ALLOW},
    {"1", "less", "bob", DECISION_DENY},           {"2", "every", "ann", DECISION_ALLOW},
    {"2", "every", "bob", DECISION_DENY},          {"2", "some", "ann", DECISION_ALLOW},
    {"2", "some", "bob", DECISION_DENY},           {"1", "perhaps", "bob", DECISION_ALLOW},
    {"1", "perhaps", "cyd", DECISION_CONDITIONAL}, {"1", "perhaps", "eve", DECISION_DENY},
    {"1", "only", "bob", DECISION_CONDITIONAL},    {"1", "only", "ann", DECISION_DENY},
    {"1", "unless", "ann", DECISION_ALLOW},        {"1", "unless", "bob", DECISION_CONDITIONAL},
    {"4", "every", "ann", DECISION_CONDITIONAL},   {"4", "every", "bob", DECISION_DENY},
    {"4", "some", "ann", DECISION_ALLOW},
};

static struct kv *below;
static struct kv_fault control;
static struct harness_engine side;

static void
open_side(void)
{
    struct store_options options = {.env = env_system()};
    struct engine_options engine = {.env = env_system(), .workers = 1, .graph_memory_bytes = 1};
    struct update updates[BEHALF_COUNT_OF(relationships)];
    struct error error;

    control = (struct kv_fault){.status = BEHALF_STORAGE_FAILED};
    cr_assert_eq(kv_open_memory(&below, &error), BEHALF_OK);
    cr_assert_eq(store_open_on(kv_fault_open(below, &control), &options, &side.store, &error),
                 BEHALF_OK);
    engine.store = side.store;
    cr_assert_eq(engine_open(&engine, &side.engine, &error), BEHALF_OK);
    side.worker = engine_worker_new(side.engine, true);
    arena_init(&side.arena, (size_t)1024 * 1024);
    cr_assert_eq(harness_write_schema(&side, SLICE_LITERAL(SCHEMA), &error), BEHALF_OK);
    for (size_t i = 0; i < BEHALF_COUNT_OF(relationships); i++) {
        updates[i].op = UPDATE_CREATE;
        cr_assert_eq(relationship_parse(slice_of(relationships[i]), &side.arena,
                                        &updates[i].relationship, &error),
                     BEHALF_OK);
    }
    cr_assert_eq(
        harness_write_updates(&side, updates, BEHALF_COUNT_OF(relationships), NULL, &error),
        BEHALF_OK);
}

static void
close_side(void)
{
    engine_worker_free(side.worker);
    engine_close(side.engine);
    store_close(side.store);
    kv_close(below);
    arena_release(&side.arena);
}

/* From now on the operation with this number fails; and all behind it when `for_ever`. */
static struct engine_request
arm(uint64_t fail_at, bool for_ever)
{
    control.operations = 0;
    control.fail_at = fail_at;
    control.for_ever = for_ever;
    return harness_request(&side, NULL);
}

static struct object
object_of(const char *type, const char *id)
{
    return (struct object){.type = slice_of(type), .id = slice_of(id)};
}

TestSuite(scenarios_faults, .init = open_side, .fini = close_side);

Test(scenarios_faults, a_check_whose_storage_fails_is_right_or_an_error)
{
    for (size_t at = 0; at < 2 * BEHALF_COUNT_OF(questions); at++) {
        size_t i = at / 2;
        struct check check = {
            .resource = object_of("doc", questions[i].resource),
            .permission = slice_of(questions[i].permission),
            .subject = object_of("user", questions[i].subject),
        };
        uint64_t errors = 0;
        uint64_t fail_at = 0;

        do {
            struct engine_request request = arm(++fail_at, at % 2 == 1);
            struct check_result result;
            struct error error;
            enum status status = engine_check(side.worker, &request, &check, &result, &error);

            if (status == BEHALF_OK)
                cr_assert_eq(result.decision, questions[i].decision, "%zu %lu", i,
                             (unsigned long)fail_at);
            else
                cr_assert_eq(status, BEHALF_STORAGE_FAILED);
            errors += status != BEHALF_OK;
        } while (control.operations >= fail_at);
        cr_assert_gt(errors, 5, "question %zu met %lu errors", i, (unsigned long)errors);
        control.fail_at = 0;
    }
}

Test(scenarios_faults, a_lookup_whose_storage_fails_is_whole_or_an_error)
{
    uint64_t fail_at = 0;

    do {
        struct engine_request request = arm(++fail_at, false);
        struct lookup_subjects lookup = {.resource = object_of("doc", "1"),
                                         .permission = SLICE_LITERAL("less"),
                                         .subject_type = SLICE_LITERAL("user")};
        struct lookup_subjects_result result;
        struct error error;

        if (engine_lookup_subjects(side.worker, &request, &lookup, &result, &error) != BEHALF_OK)
            continue;
        cr_assert(result.complete);
        cr_assert_eq(result.subject_count, 1);
        cr_assert(slice_equal(result.subjects[0].id, SLICE_LITERAL("ann")));
    } while (control.operations >= fail_at);
    cr_assert_gt(fail_at, 10);
    fail_at = 0;
    do {
        struct engine_request request = arm(++fail_at, false);
        struct lookup_resources lookup = {.resource_type = SLICE_LITERAL("doc"),
                                          .permission = SLICE_LITERAL("less"),
                                          .subject = object_of("user", "ann")};
        struct lookup_resources_result result;
        struct error error;

        if (engine_lookup_resources(side.worker, &request, &lookup, &result, &error) != BEHALF_OK)
            continue;
        cr_assert(result.complete);
        cr_assert_eq(result.resource_count, 2);
    } while (control.operations >= fail_at);
    cr_assert_gt(fail_at, 10);
    control.fail_at = 0;
}
