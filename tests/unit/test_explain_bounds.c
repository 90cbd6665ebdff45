/* test_explain_bounds.c - explanations of what is wide, deep, costly or asked in bulk. */
#include "tests/unit/test_explain_support.h"
#include "tests/unit/test_writer_support.h"

#include <criterion/criterion.h>

static struct rig rig;
static struct buffer tree;

static const char schema[] = "definition user {}\n"
                             "definition group { relation member: user | group#member }\n"
                             "definition document {\n"
                             "    relation parent: group\n"
                             "    relation viewer: user | group#member\n"
                             "    relation banned: group#member\n"
                             "    permission view = viewer - banned\n"
                             "    permission every = parent.all(member)\n"
                             "}\n";

static void
given(void)
{
    rig_open(&rig, schema);
    buffer_init(&tree);
}

static void
done(void)
{
    rig_close(&rig);
    buffer_release(&tree);
}

/* Touches `format` for each number, which may stand in it twice. */
static void
touch_numbers(unsigned from, unsigned to, const char *before, const char *between, unsigned ahead,
              const char *after)
{
    struct buffer lines;

    buffer_init(&lines);
    for (unsigned at = from; at < to; at++) {
        buffer_add_format(&lines, "touch %s%u%s%u%s\n", before, at, between, at + ahead, after);
        if ((at - from) % ENGINE_UPDATES_MAX == ENGINE_UPDATES_MAX - 1 || at + 1 == to) {
            cr_assert_eq(rig_do(&rig, lines.data)->status, BEHALF_OK);
            buffer_clear(&lines);
        }
    }
    buffer_release(&lines);
}

/* Names of one object: `text` and a number. */
static void
touch_each(const char *before, unsigned from, unsigned to, const char *after)
{
    struct buffer lines;

    buffer_init(&lines);
    for (unsigned at = from; at < to; at++) {
        buffer_add_format(&lines, "touch %s%u%s\n", before, at, after);
        if ((at - from) % ENGINE_UPDATES_MAX == ENGINE_UPDATES_MAX - 1 || at + 1 == to) {
            cr_assert_eq(rig_do(&rig, lines.data)->status, BEHALF_OK);
            buffer_clear(&lines);
        }
    }
    buffer_release(&lines);
}

static struct check
question(const char *text)
{
    struct check check = {.explain = true};
    struct relationship asked;
    struct error error;

    cr_assert_eq(relationship_parse(slice_of(text), &rig.arena, &asked, &error), BEHALF_OK);
    check.resource = asked.resource;
    check.permission = asked.resource.relation;
    check.resource.relation = (struct slice){NULL, 0};
    check.subject = asked.subject;
    return check;
}

static const struct explanation *
explain(const char *text, enum decision decision)
{
    struct engine_request request = {.arena = &rig.arena};
    struct check check = question(text);
    struct check_result result;
    struct error error;

    cr_assert_eq(engine_check(rig.worker, &request, &check, &result, &error), BEHALF_OK, "%s",
                 error.message);
    cr_expect_eq(result.decision, decision);
    cr_assert_not_null(result.explanation);
    cr_expect_eq(result.explanation->decision, decision);
    cr_expect_leq(explanation_count(result.explanation), EXPLAIN_NODES_MAX);
    return result.explanation;
}

static const char *
why(const char *text, enum decision decision)
{
    const struct explanation *root = explain(text, decision);

    buffer_clear(&tree);
    explanation_print(root, &tree);
    return tree.data;
}

/* The only way down. */
static const struct explanation *
last_of(const struct explanation *node)
{
    while (node->child_count > 0)
        node = node->children[0];
    return node;
}

Test(explain_bounds, ten_branches_of_a_level_and_a_number)
{
    const struct explanation *root;
    const struct explanation *more;

    given();
    touch_each("document:plan#viewer@group:g", 0, 50, "#member");
    root = explain("document:plan#viewer@user:ann", DECISION_DENY);
    cr_assert_eq(root->child_count, 11);
    for (size_t i = 0; i < 10; i++)
        cr_expect_eq(root->children[i]->kind, EXPLAIN_RELATIONSHIP);
    more = root->children[10];
    cr_expect_eq(more->kind, EXPLAIN_MORE);
    cr_expect_eq(more->decision, DECISION_DENY);
    cr_expect_eq(more->omitted, 41, "%zu", more->omitted); /* forty groups and the absent one */
    cr_expect_eq(more->message.size, 0);
    done();
}

Test(explain_bounds, what_is_not_counted_is_said)
{
    const struct explanation *root;
    const struct explanation *more;

    given();
    touch_each("document:plan#viewer@group:g", 0, 11000, "#member");
    root = explain("document:plan#viewer@user:ann", DECISION_DENY);
    more = root->children[root->child_count - 1];
    cr_expect_eq(more->kind, EXPLAIN_MORE);
    cr_expect_gt(more->omitted, 9000);
    cr_expect_gt(more->message.size, 0);
    done();
}

Test(explain_bounds, a_member_behind_many_groups_is_found)
{
    given();
    touch_each("document:plan#viewer@group:g", 0, 5000, "#member");
    cr_assert_eq(rig_do(&rig, "touch group:g4321#member@user:ann\n")->status, BEHALF_OK);
    cr_expect_str_eq(why("document:plan#viewer@user:ann", DECISION_ALLOW),
                     "allow member document:plan#viewer\n"
                     "  allow relationship document:plan#viewer@group:g4321#member\n"
                     "    allow member group:g4321#member\n"
                     "      allow relationship group:g4321#member@user:ann\n",
                     "%s", tree.data);
    done();
}

/* All groups before the last one are in it only because it is. */
Test(explain_bounds, a_proof_does_not_stand_on_itself_however_many_do)
{
    given();
    touch_each("group:all#member@group:g", 0, 500, "#member");
    touch_numbers(0, 499, "group:g", "#member@group:all#member\ntouch group:h", 0,
                  "#member@user:bob");
    cr_assert_eq(rig_do(&rig, "touch group:g499#member@user:ann\n")->status, BEHALF_OK);
    cr_expect_str_eq(why("group:all#member@user:ann", DECISION_ALLOW),
                     "allow member group:all#member"
                     " ; a proof; a smaller one may exist, not all were looked at\n"
                     "  allow relationship group:all#member@group:g499#member\n"
                     "    allow member group:g499#member\n"
                     "      allow relationship group:g499#member@user:ann\n",
                     "%s", tree.data);
    done();
}

static const char too_deep[] = "not explained further: the tree is as deep as it may be";

Test(explain_bounds, a_chain_of_ten_thousand_levels_is_cut)
{
    const struct explanation *root;
    const struct explanation *last;

    given();
    touch_numbers(0, 10000, "group:g", "#member@group:g", 1, "#member");
    cr_assert_eq(rig_do(&rig, "touch group:g10000#member@user:ann\n")->status, BEHALF_OK);
    root = explain("group:g0#member@user:ann", DECISION_ALLOW);
#ifndef BEHALF_SHRUNK /* where the search visits more than LIMIT_CHECK_EDGES first */
    cr_expect_eq(explanation_count(root), EXPLAIN_DEPTH_MAX);
#endif
    last = last_of(root);
    cr_expect_eq(last->decision, DECISION_ALLOW);
    cr_expect_gt(last->message.size, 0);
    root = explain("group:g0#member@user:bob", DECISION_DENY);
    cr_expect_gt(explanation_count(root), EXPLAIN_DEPTH_MAX - 2);
    done();
}

Test(explain_bounds, a_chain_that_fits_is_whole)
{
    const struct explanation *root;

    given();
    touch_numbers(0, 49, "group:g", "#member@group:g", 1, "#member");
    cr_assert_eq(rig_do(&rig, "touch group:g49#member@user:ann\n")->status, BEHALF_OK);
    root = explain("group:g0#member@user:ann", DECISION_ALLOW);
    cr_expect_eq(explanation_count(root), EXPLAIN_DEPTH_MAX);
    cr_expect_eq(last_of(root)->kind, EXPLAIN_RELATIONSHIP);
    cr_expect_eq(last_of(root)->message.size, 0);
    cr_expect_eq(root->message.size, 0);
    done();
}

Test(explain_bounds, a_chain_one_longer_than_fits_says_where_it_ends)
{
    const struct explanation *root;

    given();
    touch_numbers(0, 50, "group:g", "#member@group:g", 1, "#member");
    cr_assert_eq(rig_do(&rig, "touch group:g50#member@user:ann\n")->status, BEHALF_OK);
    root = explain("group:g0#member@user:ann", DECISION_ALLOW);
    cr_expect_eq(explanation_count(root), EXPLAIN_DEPTH_MAX);
    cr_expect(slice_equal(last_of(root)->message, slice_of(too_deep)));
    done();
}

/* Each subtraction stands on the left of the next. */
Test(explain_bounds, of_many_subtractions_each_has_its_own_value)
{
    struct buffer text;
    const struct explanation *node;

    buffer_init(&text);
    buffer_add_text(&text, "definition user {}\ndefinition document {\n");
    for (unsigned at = 0; at < 60; at++)
        buffer_add_format(&text, "    relation part%u: user\n", at);
    buffer_add_text(&text, "    permission view = part0");
    for (unsigned at = 1; at < 60; at++)
        buffer_add_format(&text, " - part%u", at);
    buffer_add_text(&text, "\n}\n");
    rig_open(&rig, text.data);
    buffer_release(&text);
    cr_assert_eq(rig_do(&rig, "touch document:plan#part0@user:ann\n"
                              "touch document:plan#part0@user:bob\n"
                              "touch document:plan#part30@user:bob\n")
                     ->status,
                 BEHALF_OK);
    node = explain("document:plan#view@user:ann", DECISION_ALLOW);
    node = node->children[0];
    for (unsigned at = 59; at > 0; at--, node = node->children[0]) {
        cr_assert_eq(node->kind, EXPLAIN_EXCLUSION);
        cr_assert_eq(node->decision, DECISION_ALLOW);
        cr_assert_eq(node->child_count, 2);
        cr_expect_eq(node->children[1]->decision, DECISION_DENY);
    }
    cr_expect_eq(node->kind, EXPLAIN_MEMBER);
    node = explain("document:plan#view@user:bob", DECISION_DENY);
    node = node->children[0];
    for (unsigned at = 59; at > 30; at--, node = node->children[0])
        cr_assert_eq(node->decision, DECISION_DENY);
    cr_assert_eq(node->kind, EXPLAIN_EXCLUSION);
    cr_assert_eq(node->child_count, 1); /* part30, which holds */
    cr_expect_eq(node->children[0]->decision, DECISION_ALLOW);
    rig_close(&rig);
}

Test(explain_bounds, of_a_wide_all_as_much_as_fits)
{
    const struct explanation *root;
    const struct explanation *all;

    given();
    touch_each("document:plan#parent@group:g", 0, 2000, "");
    touch_each("group:g", 0, 2000, "#member@user:ann");
    root = explain("document:plan#every@user:ann", DECISION_ALLOW);
    all = root->children[0];
    cr_assert_eq(all->kind, EXPLAIN_ALL);
    cr_expect_eq(all->children[all->child_count - 1]->kind, EXPLAIN_MORE);
    cr_expect_eq(all->child_count - 1 + all->children[all->child_count - 1]->omitted, 2000);
    cr_expect_eq(explanation_count(root), EXPLAIN_NODES_MAX);
    done();
}

/* The caller has gone, which is noticed after so many edges as the check does not need. */
/* Other requests may have all the memory by the time that an answer is to be explained. */
Test(explain_bounds, an_answer_stays_one_however_little_memory_others_leave)
{
    struct engine_request request = {.arena = &rig.arena};
    unsigned cut = 0;
    size_t whole;

    given();
    touch_each("group:many#member@group:g", 0, 300, "#member");
    whole = explanation_count(explain("group:many#member@user:ann", DECISION_DENY));
    for (size_t bound = 0; bound < (size_t)1024 * 1024; bound += (size_t)16 * 1024) {
        struct check check = question("group:many#member@user:ann");
        struct check_result result;
        struct error error;
        enum status plain;

        arena_bound_requests(bound);
        check.explain = false;
        plain = engine_check(rig.worker, &request, &check, &result, &error);
        check.explain = true;
        if (plain == BEHALF_OK) {
            cr_assert_eq(engine_check(rig.worker, &request, &check, &result, &error), BEHALF_OK,
                         "%zu bytes: %s", bound, error.message);
            cr_assert_eq(result.decision, DECISION_DENY);
            cut += result.explanation == NULL || explanation_count(result.explanation) < whole;
        }
    }
    arena_bound_requests(SIZE_MAX);
    cr_assert_gt(cut, 0, "memory was never short");
}

Test(explain_bounds, an_answer_that_cannot_be_explained_stays_an_answer)
{
    static const char expected[] =
        "allow member document:plan#view"
        " ; a proof; a smaller one may exist, not all were looked at\n"
        "  allow exclusion\n"
        "    allow member document:plan#viewer\n"
        "      allow relationship document:plan#viewer@user:ann\n"
        "    deny member document:plan#banned\n"
        "      deny relationship document:plan#banned@group:many#member\n"
        "        deny member group:many#member\n"
        "          deny absent group:many#member@user:ann\n"
        "          deny more ";
    atomic_bool cancelled = true;
    struct engine_request request = {.arena = &rig.arena, .cancelled = &cancelled};
    struct check_result result;
    struct check check;
    struct error error;

    given();
    touch_each("group:many#member@group:g", 0, 5000, "#member");
    cr_assert_eq(rig_do(&rig, "touch document:plan#viewer@user:ann\n"
                              "touch document:plan#banned@group:many#member\n")
                     ->status,
                 BEHALF_OK);
    explain("document:plan#view@user:ann", DECISION_ALLOW); /* now all is in memory */
    check = question("document:plan#view@user:ann");
    cr_assert_eq(engine_check(rig.worker, &request, &check, &result, &error), BEHALF_OK);
    cr_expect_eq(result.decision, DECISION_ALLOW);
    explanation_print(result.explanation, &tree);
    cr_expect(slice_starts_with(buffer_slice(&tree), slice_of(expected)), "%s", tree.data);
    done();
}

Test(explain_bounds, an_event_loop_leaves_it_to_the_pool)
{
    struct engine_worker *loop;
    struct engine_request request = {.arena = &rig.arena};
    struct check_result result;
    struct check check;
    struct error error;

    given();
    touch_each("document:plan#viewer@group:g", 0, 3000, "#member");
    loop = engine_worker_new(rig.engine, false);
    check = question("document:plan#viewer@user:ann");
    cr_expect_eq(engine_check(loop, &request, &check, &result, &error), BEHALF_WOULD_BLOCK);
    engine_worker_free(loop);
    explain("document:plan#viewer@user:ann", DECISION_DENY);
    done();
}

Test(explain_bounds, items_of_a_bulk_are_explained_one_by_one)
{
    struct engine_request request = {.arena = &rig.arena};
    struct check_bulk_result result;
    struct check checks[3];
    struct error error;

    given();
    cr_assert_eq(rig_do(&rig, "touch document:plan#viewer@user:ann\n")->status, BEHALF_OK);
    checks[0] = question("document:plan#viewer@user:ann");
    checks[1] = question("document:plan#viewer@user:ann");
    checks[1].explain = false;
    checks[2] = question("document:plan#view@user:ann");
    cr_assert_eq(engine_check_bulk(rig.worker, &request, checks, 3, &result, &error), BEHALF_OK);
    cr_assert_not_null(result.items[0].explanation);
    cr_expect_eq(explanation_count(result.items[0].explanation), 2);
    cr_expect_null(result.items[1].explanation);
    cr_assert_not_null(result.items[2].explanation);
    cr_expect_eq(result.items[2].explanation->kind, EXPLAIN_MEMBER);
    cr_expect(slice_equal(result.items[2].explanation->relation, SLICE_LITERAL("view")));
    done();
}
