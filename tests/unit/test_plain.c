/* test_plain.c - which members of a schema are plain, and what their programs ask. */
#include "eval/plain.h"
#include "tests/unit/test_schema_support.h"

/* Labels are the schema's numbers and so much. */
#define TYPE_LABEL 1000
#define MEMBER_LABEL 2000
#define MEMBERS_MAX 1000

static struct schema *schema;
static struct arena arena;
static const struct plain_program *programs;

static const struct plain_program *
build(size_t bytes)
{
    static uint16_t types[MEMBERS_MAX];
    static uint16_t members[MEMBERS_MAX];

    cr_assert_leq(schema->type_count, MEMBERS_MAX);
    cr_assert_leq(schema->member_count, MEMBERS_MAX);
    for (uint16_t at = 0; at < MEMBERS_MAX; at++) {
        types[at] = (uint16_t)(TYPE_LABEL + at);
        members[at] = (uint16_t)(MEMBER_LABEL + at);
    }
    arena_init(&arena, bytes);
    return plain_build(schema, types, members, &arena);
}

static void
given(const char *text)
{
    schema = schema_given(text);
    programs = build(SIZE_MAX);
    cr_assert_not_null(programs);
}

static void
done(void)
{
    arena_release(&arena);
    schema_unref(schema);
}

static bool
is_plain(const char *member)
{
    return programs[member_of(schema, member)].plain;
}

static void
expect_plain(const char *text, const char *member, bool expected)
{
    given(text);
    cr_expect_eq(is_plain(member), expected, "%s of: %s", member, text);
    done();
}

#define CONDITIONS                                                                                 \
    "use expiration\nuse self\ncaveat open(hour int) { hour < 8 } definition user {} "             \
    "definition group { relation member: user | group#member relation guest: user with open "      \
    "relation temporary: user with expiration permission any = guest permission some = any }"

Test(plain, unions_of_edges_without_conditions)
{
    expect_plain(CONDITIONS, "group#member", true);
    expect_plain(CONDITIONS
                 " definition doc { relation inside: group relation owner: user | user:* "
                 "permission view = owner + self + nil + inside->member }",
                 "doc#view", true);
}

Test(plain, not_what_leads_to_a_condition)
{
    expect_plain(CONDITIONS, "group#guest", false);
    expect_plain(CONDITIONS, "group#temporary", false);
    expect_plain(CONDITIONS, "group#any", false);
    expect_plain(CONDITIONS, "group#some", false);
    expect_plain(CONDITIONS " definition doc { relation viewer: user | group#some }", "doc#viewer",
                 false);
    expect_plain(CONDITIONS
                 " definition doc { relation inside: group permission view = inside->some }",
                 "doc#view", false);
    expect_plain(CONDITIONS " definition doc { relation inside: group with open permission view = "
                            "inside->member }",
                 "doc#view", false);
}

Test(plain, not_what_takes_away)
{
    static const char *const expressions[] = {"owner - banned", "owner & banned",
                                              "owner + (owner & banned)", "inside.all(member)"};
    char text[512];

    for (size_t at = 0; at < BEHALF_COUNT_OF(expressions); at++) {
        snprintf(text, sizeof text,
                 CONDITIONS " definition doc { relation inside: group relation owner: user "
                            "relation banned: user permission part = %s permission view = part }",
                 expressions[at]);
        expect_plain(text, "doc#part", false);
        expect_plain(text, "doc#view", false);
        expect_plain(text, "doc#owner", true);
    }
}

Test(plain, members_of_one_object_are_folded)
{
    const struct plain_program *view;
    uint32_t owner;

    given("definition user {} definition group { relation member: user | group#member } "
          "definition doc { relation parent: doc relation owner: user relation viewer: user:* | "
          "group#member permission edit = owner + parent->edit permission view = viewer + edit }");
    view = &programs[member_of(schema, "doc#view")];
    owner = member_of(schema, "doc#owner");
    cr_assert(view->plain);
    /* viewer's two variants, owner's one, and each of view, viewer, edit and owner itself */
    cr_expect_eq(view->probe_count, 7);
    for (uint32_t at = 0; at < view->probe_count; at++) {
        const struct plain_probe *probe = &view->probes[at];

        if (probe->relation == MEMBER_LABEL + owner) {
            cr_expect_eq(probe->type, schema_find_type(schema, slice_of("user")));
            cr_expect_eq(probe->member, SCHEMA_NONE);
            cr_expect_not(probe->wildcard);
        }
    }
    cr_assert_eq(view->step_count, 2);
    cr_expect_eq(view->steps[0].member, member_of(schema, "group#member"));
    cr_expect_eq(view->steps[0].relation, MEMBER_LABEL + member_of(schema, "doc#viewer"));
    cr_expect_eq(view->steps[0].subject_relation, MEMBER_LABEL + member_of(schema, "group#member"));
    cr_expect_eq(view->steps[0].type, TYPE_LABEL + schema_find_type(schema, slice_of("group")));
    cr_expect_eq(view->steps[1].member, member_of(schema, "doc#edit"));
    cr_expect_eq(view->steps[1].relation, MEMBER_LABEL + member_of(schema, "doc#parent"));
    cr_expect_eq(view->steps[1].subject_relation, LABEL_NONE);
    done();
}

Test(plain, members_of_one_object_may_include_each_other)
{
    given("definition user {} definition doc { relation owner: user permission one = two + owner "
          "permission two = one }");
    cr_expect(is_plain("doc#one"));
    cr_expect(is_plain("doc#two"));
    cr_expect_eq(programs[member_of(schema, "doc#two")].probe_count, 4);
    done();
}

/* `count` relations in one permission, a second one that includes it, and an arrow to that. */
static void
given_wide(unsigned count)
{
    struct buffer text;

    buffer_init(&text);
    buffer_add_text(&text, "definition user {} definition wide {");
    for (unsigned at = 0; at < count; at++)
        buffer_add_format(&text, " relation role%u: user", at);
    buffer_add_text(&text, " permission every = role0");
    for (unsigned at = 1; at < count; at++)
        buffer_add_format(&text, " + role%u", at);
    buffer_add_text(&text,
                    "} definition doc { relation inside: wide permission view = inside->every }");
    given(text.data);
    buffer_release(&text);
}

Test(plain, a_program_that_would_be_too_long_is_none_nor_what_leads_to_it)
{
    given_wide(31); /* with the permission itself, 32 are folded */
    cr_expect(is_plain("wide#every"));
    cr_expect(is_plain("doc#view"));
    done();
    given_wide(32);
    cr_expect_not(is_plain("wide#every"));
    cr_expect_not(is_plain("doc#view"));
    cr_expect(is_plain("wide#role0"));
    done();
}

/* Each definition leads to one at the other end of the schema, and the last one to a condition: it
 * takes a round for each until that is known everywhere, and there are not so many. */
Test(plain, a_schema_that_does_not_settle_has_no_plain_members)
{
    struct buffer text;

    buffer_init(&text);
    buffer_add_text(&text, CONDITIONS);
    for (unsigned at = 0; at < 100; at++) {
        unsigned next = at < 50 ? 99 - at : 100 - at;

        if (at == 50)
            buffer_add_text(&text,
                            " definition def50 { relation far: group permission pass = far->any }");
        else
            buffer_add_format(
                &text, " definition def%u { relation far: def%u permission pass = far->pass }", at,
                next);
    }
    given(text.data);
    for (uint32_t member = 0; member < schema->member_count; member++)
        cr_expect_not(programs[member].plain);
    buffer_release(&text);
    done();
}

Test(plain, needs_memory_or_says_so)
{
    schema = schema_given(CONDITIONS);
    cr_expect_null(build(1));
    done();
}

/* An object's program asks only for kinds of edges that it has: a kind's bit must be its own. */
Test(plain, kinds_of_edges_are_those_of_the_labels_asked_for)
{
    const struct plain_program *viewer;

    given("definition user {} definition group { relation member: user } definition doc { "
          "relation viewer: user | group#member }");
    viewer = &programs[member_of(schema, "doc#viewer")];
    for (uint32_t at = 0; at < viewer->probe_count; at++) {
        const struct plain_probe *probe = &viewer->probes[at];
        uint16_t label =
            probe->member == SCHEMA_NONE ? LABEL_NONE : (uint16_t)(MEMBER_LABEL + probe->member);

        if (probe->relation != LABEL_NONE)
            cr_expect_eq(probe->kind, graph_kind_bit(probe->relation, label));
    }
    cr_assert_eq(viewer->step_count, 1);
    cr_expect_eq(viewer->steps[0].kind,
                 graph_kind_bit(viewer->steps[0].relation, viewer->steps[0].subject_relation));
    done();
}
