/* Who is found in an expanded tree, under which marks, and through which relations: the algebra of
 * sets with wildcards, exceptions and conditions. */
#include <criterion/criterion.h>
#include <stdarg.h>

#include "validate/validation.h"

static struct arena arena;
static struct schema *schema;
static struct error error;

static void
set_up(void)
{
    arena_init(&arena, 64 << 20);
    cr_assert_eq(
        schema_compile(slice_of("definition user {}\n"
                                "definition group { relation member: user | group#member }\n"
                                "definition doc {\n"
                                "  relation one: user | user:* | group#member\n"
                                "  relation two: user | user:* | group#member\n"
                                "  relation three: user | user:*\n"
                                "  permission view = one + two + three\n"
                                "}\n"),
                       &schema, &error),
        BEHALF_OK, "%s", error.message);
}

static void
tear_down(void)
{
    schema_unref(schema);
    arena_release(&arena);
}

TestSuite(validation_tree, .init = set_up, .fini = tear_down);

/* --- trees ------------------------------------------------------------------------------------ */

static struct expand_node *
node_of(const char *name, enum expand_op op)
{
    struct expand_node *node = arena_take_array(&arena, 1, sizeof *node);
    struct object object;

    cr_assert_not_null(node);
    cr_assert_eq(object_parse(slice_of(name), &arena, &object, &error), BEHALF_OK, "%s", name);
    node->op = op;
    node->object = object;
    node->object.relation = (struct slice){"", 0};
    node->relation = object.relation;
    return node;
}

/* Subjects behind blanks; a '?' behind one stands for a caveat. */
static struct expand_node *
leaf(const char *name, const char *subjects)
{
    struct expand_node *node = node_of(name, EXPAND_LEAF);
    size_t capacity = strlen(subjects) / 2 + 1;

    node->subjects = arena_take_array(&arena, capacity, sizeof *node->subjects);
    while (*subjects != '\0') {
        struct expand_subject *subject = &node->subjects[node->subject_count];
        struct slice word = {subjects, strcspn(subjects, " ")};

        subjects += word.size + (subjects[word.size] == ' ');
        if (word.data[word.size - 1] == '?') {
            word.size--;
            subject->condition.caveat = slice_of("some");
        }
        cr_assert_eq(object_parse(word, &arena, &subject->object, &error), BEHALF_OK, "%.*s",
                     SLICE_PRINTF(word));
        node->subject_count++;
    }
    return node;
}

/* An operator of doc:a#view over nodes up to NULL. */
static struct expand_node *
over(enum expand_op op, ...)
{
    struct expand_node *node = node_of("doc:a#view", op);
    struct expand_node *child;
    va_list children;

    node->children = arena_take_array(&arena, 8, sizeof(struct expand_node *));
    va_start(children, op);
    while ((child = va_arg(children, struct expand_node *)) != NULL)
        node->children[node->child_count++] = child;
    va_end(children);
    return node;
}

static struct expand_node *
under_condition(struct expand_node *node)
{
    node->condition.caveat = slice_of("some");
    return node;
}

static void
expect_found(const struct expand_node *root, const char *expected)
{
    struct validation_tree tree;
    struct listed_subject *found = NULL;
    uint32_t count = 0;
    struct buffer text;

    buffer_init(&text);
    cr_assert_eq(validation_tree_open(&tree, schema, root, &arena, &error), BEHALF_OK);
    cr_assert_eq(validation_find(&tree, &found, &count, &error), BEHALF_OK, "%s", error.message);
    for (uint32_t index = 0; index < count; index++) {
        if (index > 0)
            buffer_add_byte(&text, '\n');
        validation_subject_print(&found[index], &text);
    }
    cr_expect_str_eq(count == 0 ? "" : text.data, expected);
    validation_tree_release(&tree);
    buffer_release(&text);
}

#define ONE(subjects) leaf("doc:a#one", subjects)
#define TWO(subjects) leaf("doc:a#two", subjects)
#define THREE(subjects) leaf("doc:a#three", subjects)
#define UNION(...) over(EXPAND_UNION, __VA_ARGS__, NULL)
#define BOTH(...) over(EXPAND_INTERSECTION, __VA_ARGS__, NULL)
#define WITHOUT(a, b) over(EXPAND_EXCLUSION, a, b, NULL)

/* --- subjects by name ------------------------------------------------------------------------- */

Test(validation_tree, caveats_mark_and_are_not_evaluated)
{
    expect_found(ONE(""), "");
    expect_found(ONE("user:x user:y?"), "[user:x] is <doc:a#one>\n[user:y[...]] is <doc:a#one>");
}

Test(validation_tree, union_is_certain_where_one_operand_is)
{
    expect_found(UNION(ONE("user:x? user:y? user:z"), TWO("user:x user:y?")),
                 "[user:x] is <doc:a#one>/<doc:a#two>\n"
                 "[user:y[...]] is <doc:a#one>/<doc:a#two>\n[user:z] is <doc:a#one>");
}

Test(validation_tree, intersection_is_conditional_where_one_operand_is)
{
    expect_found(BOTH(ONE("user:w user:x? user:y? user:z"), TWO("user:w user:x user:y?")),
                 "[user:w] is <doc:a#one>/<doc:a#two>\n"
                 "[user:x[...]] is <doc:a#one>/<doc:a#two>\n"
                 "[user:y[...]] is <doc:a#one>/<doc:a#two>");
}

Test(validation_tree, conditional_exclusion_leaves_a_conditional_subject)
{
    expect_found(WITHOUT(ONE("user:w user:x? user:y user:z"), TWO("user:w? user:x? user:y")),
                 "[user:w[...]] is <doc:a#one>/<doc:a#two>\n"
                 "[user:x[...]] is <doc:a#one>/<doc:a#two>\n[user:z] is <doc:a#one>");
}

Test(validation_tree, all_of_none_is_nobody)
{
    expect_found(over(EXPAND_ALL, NULL), "");
    expect_found(
        over(EXPAND_ALL, leaf("group:g#member", "user:x"), node_of("group:h", EXPAND_LEAF), NULL),
        "");
    expect_found(over(EXPAND_ALL, leaf("group:g#member", "user:x"),
                      under_condition(leaf("group:h#member", "user:x")), NULL),
                 "[user:x[...]] is <group:g#member>/<group:h#member>");
}

/* --- conditions on the way -------------------------------------------------------------------- */

Test(validation_tree, subjects_behind_a_conditional_hop_are_conditional)
{
    expect_found(over(EXPAND_ARROW, under_condition(leaf("group:g#member", "user:x user:y?")),
                      leaf("group:h#member", "user:y user:z"), NULL),
                 "[user:x[...]] is <group:g#member>\n"
                 "[user:y] is <group:g#member>/<group:h#member>\n[user:z] is <group:h#member>");
}

/* doc:a#one@group:g#member[some], and doc:a#one@user:y beside it. */
Test(validation_tree, conditional_userset_is_marked_and_so_are_its_members)
{
    struct expand_node *one = node_of("doc:a#one", EXPAND_UNION);

    one->children = arena_take_array(&arena, 2, sizeof(struct expand_node *));
    one->children[one->child_count++] = under_condition(leaf("group:g#member", "user:x user:y"));
    one->children[one->child_count++] = ONE("user:y");
    expect_found(one, "[group:g#member[...]] is <doc:a#one>\n[user:x[...]] is <group:g#member>\n"
                      "[user:y] is <doc:a#one>/<group:g#member>");
}

Test(validation_tree, exceptions_behind_a_condition_stay_as_certain_as_they_are)
{
    expect_found(UNION(under_condition(WITHOUT(ONE("user:*"), TWO("user:x")))),
                 "[user:*[...] - {user:x}] is <doc:a#one>");
}

/* --- wildcards -------------------------------------------------------------------------------- */

Test(validation_tree, names_stand_beside_the_wildcard_that_covers_them)
{
    expect_found(ONE("user:* user:x?"), "[user:*] is <doc:a#one>\n[user:x[...]] is <doc:a#one>");
    expect_found(UNION(ONE("user:*?"), TWO("user:*? user:x")),
                 "[user:*[...]] is <doc:a#one>/<doc:a#two>\n[user:x] is <doc:a#two>");
    expect_found(UNION(ONE("user:*?"), TWO("user:*")), "[user:*] is <doc:a#one>/<doc:a#two>");
}

Test(validation_tree, excluded_names_are_exceptions)
{
    expect_found(WITHOUT(ONE("user:* user:z"), TWO("user:x user:y? user:z?")),
                 "[user:* - {user:x, user:y[...], user:z[...]}] is <doc:a#one>\n"
                 "[user:z[...]] is <doc:a#one>/<doc:a#two>");
    expect_found(WITHOUT(WITHOUT(ONE("user:*"), TWO("user:x? user:y?")), THREE("user:x user:y?")),
                 "[user:* - {user:x, user:y[...]}] is <doc:a#one>");
}

Test(validation_tree, union_of_wildcards_keeps_common_exceptions)
{
    expect_found(UNION(WITHOUT(ONE("user:*"), TWO("user:x user:y?")), THREE("user:*")),
                 "[user:*] is <doc:a#one>/<doc:a#three>");
    expect_found(UNION(WITHOUT(ONE("user:*"), TWO("user:x user:y")),
                       WITHOUT(THREE("user:*"), TWO("user:x? user:z"))),
                 "[user:* - {user:x[...]}] is <doc:a#one>/<doc:a#three>");
}

Test(validation_tree, named_again_is_no_exception_or_less_of_one)
{
    expect_found(UNION(WITHOUT(ONE("user:*"), TWO("user:x user:y")), THREE("user:x user:y?")),
                 "[user:* - {user:y[...]}] is <doc:a#one>\n[user:x] is <doc:a#three>\n"
                 "[user:y[...]] is <doc:a#three>");
}

Test(validation_tree, intersection_of_wildcards_joins_exceptions)
{
    expect_found(BOTH(WITHOUT(ONE("user:*"), THREE("user:x?")),
                      WITHOUT(TWO("user:*?"), THREE("user:x user:y?"))),
                 "[user:*[...] - {user:x, user:y[...]}] is <doc:a#one>/<doc:a#two>");
}

Test(validation_tree, names_meet_the_wildcard_of_the_other_side)
{
    expect_found(BOTH(ONE("user:x user:y?"), TWO("user:*")),
                 "[user:x] is <doc:a#one>\n[user:y[...]] is <doc:a#one>");
    expect_found(BOTH(ONE("user:x"), TWO("user:*?")), "[user:x[...]] is <doc:a#one>/<doc:a#two>");
    expect_found(BOTH(ONE("user:x user:y"), WITHOUT(TWO("user:*"), THREE("user:x user:y?"))),
                 "[user:y[...]] is <doc:a#one>/<doc:a#three>/<doc:a#two>");
    expect_found(BOTH(ONE("user:* user:x?"), TWO("user:x")), "[user:x] is <doc:a#one>/<doc:a#two>");
}

Test(validation_tree, wildcard_excluded_takes_all_but_its_exceptions)
{
    expect_found(WITHOUT(ONE("user:x user:y?"), TWO("user:*")), "");
    expect_found(WITHOUT(ONE("user:x user:y?"), TWO("user:*?")),
                 "[user:x[...]] is <doc:a#one>\n[user:y[...]] is <doc:a#one>");
    expect_found(
        WITHOUT(ONE("user:x user:y user:z"), WITHOUT(TWO("user:*"), THREE("user:x user:y?"))),
        "[user:x] is <doc:a#one>\n[user:y[...]] is <doc:a#one>");
}

Test(validation_tree, wildcard_without_a_wildcard_is_who_was_spared)
{
    expect_found(WITHOUT(ONE("user:*"), TWO("user:*")), "");
    expect_found(WITHOUT(ONE("user:*"), TWO("user:*?")),
                 "[user:*[...]] is <doc:a#one>/<doc:a#two>");
    expect_found(WITHOUT(ONE("user:*"), WITHOUT(TWO("user:*"), THREE("user:x user:y?"))),
                 "[user:x] is <doc:a#three>\n[user:y[...]] is <doc:a#three>");
    expect_found(WITHOUT(ONE("user:*?"), WITHOUT(TWO("user:*"), THREE("user:x"))),
                 "[user:x[...]] is <doc:a#three>");
    expect_found(WITHOUT(WITHOUT(ONE("user:*"), THREE("user:x user:y?")),
                         WITHOUT(TWO("user:*"), THREE("user:x user:y"))),
                 "[user:y[...]] is <doc:a#three>");
}

Test(validation_tree, spared_by_the_wildcard_adds_to_a_name)
{
    expect_found(WITHOUT(ONE("user:*? user:x"), WITHOUT(TWO("user:*"), THREE("user:x"))),
                 "[user:x] is <doc:a#one>/<doc:a#three>");
}

Test(validation_tree, wildcards_cover_no_usersets)
{
    expect_found(BOTH(ONE("group:g#member user:x"), TWO("user:*")), "[user:x] is <doc:a#one>");
    expect_found(WITHOUT(ONE("group:g#member user:x"), TWO("user:*")),
                 "[group:g#member] is <doc:a#one>");
}

/* --- what a subject costs --------------------------------------------------------------------- */

Test(validation_tree, a_subject_costs_the_ways_to_it_however_wide_the_tree_is)
{
    struct expand_node *wide = UNION(ONE("user:x"), TWO("user:y"));
    struct membership membership;
    struct validation_tree tree;
    struct object subject;

    wide->child_count = 1000;
    wide->children = arena_take_array(&arena, wide->child_count, sizeof *wide->children);
    for (size_t at = 0; at < wide->child_count; at++)
        wide->children[at] = at == 500 ? ONE("user:x") : TWO("user:y");
    cr_assert_eq(validation_tree_open(&tree, schema, wide, &arena, &error), BEHALF_OK);
    cr_assert_eq(object_parse(slice_of("user:x"), &arena, &subject, &error), BEHALF_OK);
    cr_assert_eq(validation_tree_follow(&tree, &subject, &membership, &error), BEHALF_OK);
    cr_expect_eq(membership.named.certainty, CERTAINTY_YES);
    cr_expect_eq(tree.active_count, 2, "the leaf and the root");
    cr_assert_eq(object_parse(slice_of("user:nobody"), &arena, &subject, &error), BEHALF_OK);
    cr_assert_eq(validation_tree_follow(&tree, &subject, &membership, &error), BEHALF_OK);
    cr_expect_eq(membership.named.certainty, CERTAINTY_NO);
    cr_expect_eq(tree.active_count, 0);
    validation_tree_release(&tree);
}

Test(validation_tree, neither_wildcards_nor_ways_back_elsewhere_add_to_what_a_subject_costs)
{
    struct expand_node *wide = UNION(ONE("user:x"), TWO("user:y"));
    struct membership membership;
    struct validation_tree tree;
    struct object subject;

    wide->child_count = 1000;
    wide->children = arena_take_array(&arena, wide->child_count, sizeof *wide->children);
    for (size_t at = 0; at < wide->child_count; at++)
        wide->children[at] = at == 500   ? ONE("user:* user:x")
                             : at == 501 ? leaf("doc:a#view", "doc:a#view")
                                         : TWO("user:* doc:b#one");
    cr_assert_eq(validation_tree_open(&tree, schema, wide, &arena, &error), BEHALF_OK);
    cr_assert_eq(object_parse(slice_of("user:x"), &arena, &subject, &error), BEHALF_OK);
    cr_assert_eq(validation_tree_follow(&tree, &subject, &membership, &error), BEHALF_OK);
    cr_expect_eq(membership.named.certainty, CERTAINTY_YES);
    cr_expect_eq(membership.covered.certainty, CERTAINTY_YES);
    cr_expect_eq(tree.active_count, 3, "the leaf, the root, and the way back to it");
    cr_assert_eq(object_parse(slice_of("user:nobody"), &arena, &subject, &error), BEHALF_OK);
    cr_assert_eq(validation_tree_follow(&tree, &subject, &membership, &error), BEHALF_OK);
    cr_expect_eq(membership.named.certainty, CERTAINTY_NO);
    cr_expect_eq(membership.covered.certainty, CERTAINTY_YES);
    cr_expect_eq(tree.active_count, 0);
    validation_tree_release(&tree);
}

/* --- ways back -------------------------------------------------------------------------------- */

#define BACK leaf("doc:a#view", "doc:a#view")

Test(validation_tree, going_round_adds_nobody)
{
    expect_found(UNION(ONE("user:x?"), BACK), "[user:x[...]] is <doc:a#one>");
    expect_found(BOTH(ONE("user:x"), BACK), "");
    expect_found(UNION(ONE("user:x? user:y"), BOTH(TWO("user:x user:z"), BACK)),
                 "[user:x[...]] is <doc:a#one>/<doc:a#two>\n[user:y] is <doc:a#one>");
}

Test(validation_tree, going_round_an_exclusion_has_an_answer_where_it_is_cut_off)
{
    struct membership membership;
    struct validation_tree tree;
    struct object subject;

    expect_found(UNION(ONE("user:x"), WITHOUT(TWO("user:x"), BACK)), "[user:x] is <doc:a#one>");
    cr_assert_eq(object_parse(slice_of("user:x"), &arena, &subject, &error), BEHALF_OK);
    cr_assert_eq(validation_tree_open(&tree, schema, WITHOUT(ONE("user:x"), BACK), &arena, &error),
                 BEHALF_OK);
    cr_expect(tree.has_negation);
    cr_expect_eq(validation_tree_follow(&tree, &subject, &membership, &error),
                 BEHALF_CYCLE_THROUGH_EXCLUSION);
    validation_tree_release(&tree);
}

/* A relation that holds the userset of the permission which is open above. */
Test(validation_tree, usersets_that_are_open_above_lead_back)
{
    struct membership membership;
    struct validation_tree tree;
    struct object subject;

    expect_found(UNION(ONE("user:x"), BOTH(TWO("doc:a#view? user:y"), THREE("user:x user:y"))),
                 "[user:x] is <doc:a#one>/<doc:a#three>\n"
                 "[user:y] is <doc:a#three>/<doc:a#two>");
    cr_assert_eq(object_parse(slice_of("user:x"), &arena, &subject, &error), BEHALF_OK);
    cr_assert_eq(validation_tree_open(&tree, schema, WITHOUT(ONE("user:x"), TWO("doc:a#view")),
                                      &arena, &error),
                 BEHALF_OK);
    cr_expect(tree.has_negation);
    cr_expect_eq(validation_tree_follow(&tree, &subject, &membership, &error),
                 BEHALF_CYCLE_THROUGH_EXCLUSION);
    validation_tree_release(&tree);
}
