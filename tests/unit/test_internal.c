/* test_internal.c - what should never be so, made so: the one request fails with INTERNAL, nothing
 * that it computed is an answer, and the server goes on. */
#include <criterion/criterion.h>

#include <string.h>

#include "eval/eval_private.h"
#include "eval/reach_private.h"
#include "eval/limits.h"
#include "engine/request.h"
#include "engine/verdict.h"
#include "tests/support/harness.h"

static const char schema[] = "caveat if_open(open bool) { open }\n"
                             "definition user {}\n"
                             "definition group { relation member: user | user with if_open }\n"
                             "definition document {\n"
                             "    relation viewer: user | group#member\n"
                             "    relation banned: user\n"
                             "    permission view = viewer - banned\n"
                             "}\n";

static struct harness_engine side;
static struct snapshot snapshot;
static struct eval eval;
static struct engine_request request;
static struct error error;
static uint64_t document;
static uint32_t view;

static void
put(const char *text)
{
    struct update update = {.op = UPDATE_TOUCH};

    cr_assert_eq(relationship_parse(slice_of(text), &side.arena, &update.relationship, &error),
                 BEHALF_OK);
    cr_assert_eq(harness_write_updates(&side, &update, 1, NULL, &error), BEHALF_OK, "%s",
                 error.message);
}

static void
begin(void)
{
    const struct object object = {.type = SLICE_LITERAL("document"), .id = SLICE_LITERAL("plan")};
    const struct object user = {.type = SLICE_LITERAL("user"), .id = SLICE_LITERAL("ann")};
    struct eval_subject subject;
    uint32_t type;

    harness_engine_open(&side, 0);
    cr_assert_eq(harness_write_schema(&side, slice_of(schema), &error), BEHALF_OK);
    put("document:plan#viewer@group:eng#member");
    put("group:eng#member@user:ann[if_open]");
    request = harness_request(&side, NULL);
    cr_assert_eq(snapshot_open(side.worker, &request, REQUEST_CHECK, 0, &snapshot, &error),
                 BEHALF_OK);
    cr_assert_eq(request_resource(&snapshot, &object, &type, &document, &error), BEHALF_OK);
    cr_assert_eq(
        schema_resolve_member(snapshot.binding->schema, type, SLICE_LITERAL("view"), &view, &error),
        BEHALF_OK);
    cr_assert_eq(request_subject(&snapshot, &user, &subject, &error), BEHALF_OK);
    eval_init(&eval, VALUE_DECISION, snapshot.binding, &snapshot.view, snapshot.scratch, &subject,
              NULL, NULL);
}

static void
end(void)
{
    snapshot_close(&snapshot);
    harness_engine_close(&side);
}

TestSuite(internal, .init = begin, .fini = end);

/* The error names what does not hold, where in the source, and where in the data. */
static void
expect_internal(enum status status, const char *violated, const char *where)
{
    cr_assert_eq(status, BEHALF_INTERNAL, "%s", status_name(status));
    cr_assert_eq(error.status, BEHALF_INTERNAL);
    cr_assert(strstr(error.message, violated) != NULL, "%s", error.message);
    cr_assert(strstr(error.message, ".c:") != NULL, "%s", error.message);
    cr_assert(strstr(error.message, where) != NULL, "%s", error.message);
}

Test(internal, a_stack_that_is_not_empty_fails_the_question)
{
    struct value value;

    eval.pending_count = 1;
    expect_internal(eval_node(&eval, document, view, &value, &error), "empty stack",
                    "(document#view), revision 3, schema revision 1");
    expect_internal(
        eval_operand(&eval, document, snapshot.binding->schema->members[view].root, &value, &error),
        "empty stack", "revision 3");
}

Test(internal, a_node_met_for_the_first_time_in_a_cycle_fails_the_question)
{
    struct value value;

    eval.solving = true;
    expect_internal(eval_node(&eval, document, view, &value, &error), "for the first time",
                    "(document#view)");
}

Test(internal, a_cycle_inside_the_solving_of_a_cycle_fails_the_question)
{
    eval.solving = true;
    expect_internal(eval_solve(&eval, 0, &error), "one at a time", "revision 3");
}

/* The node that is given out as an open one of a cycle leads to nobody. */
Test(internal, an_open_node_that_is_not_open_when_asked_again_fails_the_question)
{
    struct value value;
    uint32_t entry = 0;

    cr_assert_eq(eval_node(&eval, document, view, &value, &error), BEHALF_OK);
    while (eval.entries[entry].member != view)
        cr_assert_lt(++entry, eval.entry_count);
    for (uint32_t at = 0; at < eval.entry_count; at++)
        if (at != entry)
            eval.entries[at].value = value_decision(false);
    eval.pending = &entry;
    eval.pending_count = 1;
    eval.solving = true;
    expect_internal(eval_classify(&eval, 0, &error), "has a doubt", "document#view");
}

/* A member that hangs on a condition is given out as a union of unconditional edges. */
Test(internal, an_open_answer_of_a_union_of_plain_edges_fails_the_question)
{
    bool holds = true;
    uint32_t viewer = view;

    for (uint32_t at = 0; at < snapshot.binding->schema->member_count; at++)
        if (slice_equal(snapshot.binding->schema->members[at].name, SLICE_LITERAL("viewer")))
            viewer = at;
    expect_internal(
        reach_widen(&eval.reach, document, viewer, LIMIT_WIDE_EDGES + 1, &holds, &error),
        "is certain", "(document#viewer)");
}

Test(internal, a_value_that_cannot_be_told_has_no_verdict)
{
    const struct doubt nothing = {.items = NULL};
    const uint32_t reference = DOUBT_REFERENCE_TO(0, false);
    const struct doubt inside = {.items = &reference, .count = 1};
    struct value value = value_unknown();
    struct verdict verdict;

    expect_internal(verdict_of(&snapshot, &value, &verdict, &error), "final value", "revision 3");
    value = value_open(NULL);
    expect_internal(verdict_of(&snapshot, &value, &verdict, &error), "says why", "revision 3");
    value = value_open(&nothing);
    expect_internal(verdict_of(&snapshot, &value, &verdict, &error), "misses context",
                    "revision 3");
    value = value_open(&inside);
    expect_internal(verdict_of(&snapshot, &value, &verdict, &error), "has a name", "revision 3");
}

Test(internal, a_wildcard_or_the_node_of_another_request_has_no_id)
{
    struct slice id;

    expect_internal(
        resolver_id(&snapshot.resolver, NODE_WILDCARD(NODE_TYPE(document)), &id, &error),
        "a wildcard has no id", "node");
    expect_internal(resolver_id(&snapshot.resolver,
                                NODE_WILDCARD(NODE_TYPE(document)) | (NODE_SEQUENCE_LOCAL + 99),
                                &id, &error),
                    "of this request", "node");
}
