/* test_explain.c - why a decision is what it is: whole trees of small worlds, operator by
 * operator. */
#include "tests/unit/test_explain_support.h"
#include "tests/unit/test_writer_support.h"

#include <criterion/criterion.h>

#include "base/datum.h"

static struct rig rig;
static struct buffer tree;

/* A schema, and lines of relationships to touch. */
static void
given(const char *schema, const char *relationships)
{
    struct buffer updates;
    const char *line = relationships;

    buffer_init(&tree);
    rig_open(&rig, schema);
    buffer_init(&updates);
    while (*line != '\0') {
        size_t size = strcspn(line, "\n");

        buffer_add_format(&updates, "touch %.*s\n", (int)size, line);
        line += size + (line[size] == '\n');
    }
    if (updates.size > 0) {
        struct engine_write *write = rig_do(&rig, updates.data);

        cr_assert_eq(write->status, BEHALF_OK, "%s", write->error.message);
    }
    buffer_release(&updates);
}

static void
done(void)
{
    rig_close(&rig);
    buffer_release(&tree);
}

static struct object
parsed(const char *text)
{
    struct object object;
    struct error error;

    cr_assert_eq(object_parse(slice_of(text), &rig.arena, &object, &error), BEHALF_OK, "%s", text);
    return object;
}

/* `type:id#permission@type:id`, by actors with blanks between them, context as JSON; both may be
 * NULL. */
static struct check
question(const char *text, const char *actors, const char *context)
{
    struct check check = {.explain = true};
    struct relationship asked;
    struct error error;

    cr_assert_eq(relationship_parse(slice_of(text), &rig.arena, &asked, &error), BEHALF_OK);
    check.resource = asked.resource;
    check.permission = asked.resource.relation;
    check.resource.relation = (struct slice){NULL, 0};
    check.subject = asked.subject;
    if (actors != NULL) {
        struct object *list = arena_take_array(&rig.arena, ENGINE_ACTORS_MAX, sizeof *list);

        for (const char *word = actors; *word != '\0';) {
            size_t size = strcspn(word, " ");
            struct slice kept = arena_copy(&rig.arena, (struct slice){word, size});

            list[check.actor_count++] = parsed(kept.data);
            word += size + strspn(word + size, " ");
        }
        check.actors = list;
    }
    if (context != NULL)
        cr_assert_eq(datum_parse_json(slice_of(context), &rig.arena, &check.context, &error),
                     BEHALF_OK);
    return check;
}

static const char *
why_with(const char *text, const char *actors, const char *context)
{
    struct engine_request request = {.arena = &rig.arena};
    struct check check = question(text, actors, context);
    struct check_result result = {.explanation = NULL};
    struct error error;
    enum status status = engine_check(rig.worker, &request, &check, &result, &error);

    cr_assert_not_null(result.explanation, "%s: %s", text, status_name(status));
    cr_expect_eq(result.explanation->status, status);
    if (status == BEHALF_OK)
        cr_expect_eq(result.explanation->decision, result.decision);
    buffer_clear(&tree);
    explanation_print(result.explanation, &tree);
    return tree.data;
}

static const char *
why(const char *text)
{
    return why_with(text, NULL, NULL);
}

#define EXPLAINED(text, expected) cr_expect_str_eq(why(text), expected, "%s", tree.data)

static const char union_schema[] = "definition user {}\n"
                                   "definition group { relation member: user | group#member }\n"
                                   "definition document {\n"
                                   "    relation owner: user\n"
                                   "    relation viewer: user | user:* | group#member\n"
                                   "    permission view = owner + viewer\n"
                                   "}\n";

Test(explain, is_not_given_unasked)
{
    struct engine_request request = {.arena = &rig.arena};
    struct check_result result;
    struct check check;
    struct error error;

    given(union_schema, "document:plan#owner@user:ann\n");
    check = question("document:plan#view@user:ann", NULL, NULL);
    check.explain = false;
    cr_assert_eq(engine_check(rig.worker, &request, &check, &result, &error), BEHALF_OK);
    cr_expect_null(result.explanation);
    done();
}

/* Texts of conditions and searches beside the answer are too much for an event loop. */
Test(explain, is_left_to_the_pool)
{
    struct engine_request request = {.arena = &rig.arena};
    struct engine_worker *loop;
    struct check_result result;
    struct check check;
    struct error error;

    given(union_schema, "document:plan#owner@user:ann\n");
    loop = engine_worker_new(rig.engine, false);
    check = question("document:plan#view@user:ann", NULL, NULL);
    cr_assert_eq(engine_check(rig.worker, &request, &check, &result, &error), BEHALF_OK);
    cr_expect_eq(engine_check(loop, &request, &check, &result, &error), BEHALF_WOULD_BLOCK);
    check.explain = false;
    cr_expect_eq(engine_check(loop, &request, &check, &result, &error), BEHALF_OK);
    engine_worker_free(loop);
    done();
}

Test(explain, an_allow_by_the_branch_that_allows)
{
    given(union_schema, "document:plan#viewer@user:ann\n");
    EXPLAINED("document:plan#view@user:ann",
              "allow member document:plan#view\n"
              "  allow member document:plan#viewer\n"
              "    allow relationship document:plan#viewer@user:ann\n");
    done();
}

Test(explain, an_allow_by_the_wildcard)
{
    given(union_schema, "document:plan#viewer@user:*\n");
    EXPLAINED("document:plan#view@user:ann",
              "allow member document:plan#view\n"
              "  allow member document:plan#viewer\n"
              "    allow relationship document:plan#viewer@user:*\n");
    done();
}

Test(explain, an_allow_by_the_shortest_way)
{
    given(union_schema, "document:plan#viewer@group:all#member\n"
                        "document:plan#viewer@group:eng#member\n"
                        "group:all#member@group:eng#member\n"
                        "group:eng#member@user:ann\n");
    EXPLAINED("document:plan#view@user:ann",
              "allow member document:plan#view\n"
              "  allow member document:plan#viewer\n"
              "    allow relationship document:plan#viewer@group:eng#member\n"
              "      allow member group:eng#member\n"
              "        allow relationship group:eng#member@user:ann\n");
    done();
}

Test(explain, an_allow_by_identity)
{
    given(union_schema, "document:plan#viewer@group:eng#member\n"
                        "group:eng#member@group:core#member\n");
    EXPLAINED("group:eng#member@group:eng#member", "allow member group:eng#member\n"
                                                   "  allow identity group:eng#member\n");
    EXPLAINED("document:plan#viewer@group:core#member",
              "allow member document:plan#viewer\n"
              "  allow relationship document:plan#viewer@group:eng#member\n"
              "    allow member group:eng#member\n"
              "      allow relationship group:eng#member@group:core#member\n");
    done();
}

Test(explain, an_allow_out_of_a_cycle)
{
    given(union_schema, "document:plan#viewer@group:a#member\n"
                        "group:a#member@group:b#member\n"
                        "group:b#member@group:a#member\n"
                        "group:b#member@group:c#member\n"
                        "group:c#member@group:b#member\n"
                        "group:c#member@user:ann\n");
    EXPLAINED("document:plan#view@user:ann",
              "allow member document:plan#view\n"
              "  allow member document:plan#viewer\n"
              "    allow relationship document:plan#viewer@group:a#member\n"
              "      allow member group:a#member\n"
              "        allow relationship group:a#member@group:b#member\n"
              "          allow member group:b#member\n"
              "            allow relationship group:b#member@group:c#member\n"
              "              allow member group:c#member\n"
              "                allow relationship group:c#member@user:ann\n");
    done();
}

Test(explain, a_deny_names_what_is_missing_the_nearest_first)
{
    given(union_schema, "document:plan#viewer@group:eng#member\n");
    EXPLAINED("document:plan#view@user:ann",
              "deny member document:plan#view\n"
              "  deny union\n"
              "    deny member document:plan#viewer\n"
              "      deny relationship document:plan#viewer@group:eng#member\n"
              "        deny member group:eng#member\n"
              "          deny absent group:eng#member@user:ann\n"
              "      deny absent document:plan#viewer@user:ann\n"
              "    deny member document:plan#owner\n"
              "      deny absent document:plan#owner@user:ann\n");
    done();
}

Test(explain, a_deny_out_of_a_cycle)
{
    given(union_schema, "group:a#member@group:b#member\n"
                        "group:b#member@group:a#member\n");
    EXPLAINED("group:a#member@user:ann",
              "deny member group:a#member\n"
              "  deny relationship group:a#member@group:b#member\n"
              "    deny member group:b#member\n"
              "      deny relationship group:b#member@group:a#member\n"
              "        deny member group:a#member ; explained elsewhere in this tree\n"
              "      deny absent group:b#member@user:ann\n"
              "  deny absent group:a#member@user:ann\n");
    done();
}

Test(explain, a_deny_that_the_schema_alone_makes)
{
    given("definition user {}\n"
          "definition robot {}\n"
          "definition document {\n"
          "    relation owner: user\n"
          "    permission none = nil\n"
          "    permission view = owner\n"
          "}\n",
          "");
    EXPLAINED("document:plan#none@user:ann",
              "deny member document:plan#none ; the schema lets no such subject in\n");
    EXPLAINED("document:plan#view@robot:r2",
              "deny member document:plan#view ; the schema lets no such subject in\n");
    done();
}

/* --- intersection and exclusion --- */

static const char operators_schema[] = "definition user {}\n"
                                       "definition team { relation member: user | team#member }\n"
                                       "definition document {\n"
                                       "    relation owner: user\n"
                                       "    relation staff: user\n"
                                       "    relation paid: user\n"
                                       "    relation banned: user | team#member\n"
                                       "    permission both = staff & paid\n"
                                       "    permission view = owner + both\n"
                                       "    permission read = staff - banned\n"
                                       "    permission three = staff & paid & owner\n"
                                       "}\n";

Test(explain, an_intersection_that_allows_by_all_its_operands)
{
    given(operators_schema, "document:plan#staff@user:ann\n"
                            "document:plan#paid@user:ann\n");
    EXPLAINED("document:plan#both@user:ann",
              "allow member document:plan#both\n"
              "  allow intersection\n"
              "    allow member document:plan#staff\n"
              "      allow relationship document:plan#staff@user:ann\n"
              "    allow member document:plan#paid\n"
              "      allow relationship document:plan#paid@user:ann\n");
    done();
}

Test(explain, of_an_intersection_that_denies_what_fails)
{
    given(operators_schema, "document:plan#paid@user:ann\n");
    EXPLAINED("document:plan#three@user:ann", "deny member document:plan#three\n"
                                              "  deny intersection\n"
                                              "    deny member document:plan#staff\n"
                                              "      deny absent document:plan#staff@user:ann\n"
                                              "    deny member document:plan#owner\n"
                                              "      deny absent document:plan#owner@user:ann\n");
    done();
}

Test(explain, the_branch_where_only_one_thing_is_missing_comes_first)
{
    given(operators_schema, "document:plan#staff@user:ann\n");
    EXPLAINED("document:plan#view@user:ann", "deny member document:plan#view\n"
                                             "  deny union\n"
                                             "    deny member document:plan#both\n"
                                             "      deny intersection\n"
                                             "        deny member document:plan#paid\n"
                                             "          deny absent document:plan#paid@user:ann\n"
                                             "    deny member document:plan#owner\n"
                                             "      deny absent document:plan#owner@user:ann\n");
    done();
}

Test(explain, the_branch_where_nothing_holds_comes_last)
{
    given(operators_schema, "");
    EXPLAINED("document:plan#view@user:ann", "deny member document:plan#view\n"
                                             "  deny union\n"
                                             "    deny member document:plan#owner\n"
                                             "      deny absent document:plan#owner@user:ann\n"
                                             "    deny member document:plan#both\n"
                                             "      deny intersection\n"
                                             "        deny member document:plan#staff\n"
                                             "          deny absent document:plan#staff@user:ann\n"
                                             "        deny member document:plan#paid\n"
                                             "          deny absent document:plan#paid@user:ann\n");
    done();
}

Test(explain, an_exclusion_that_allows_by_both_sides)
{
    given(operators_schema, "document:plan#staff@user:ann\n"
                            "document:plan#banned@team:a#member\n"
                            "document:plan#banned@team:b#member\n");
    EXPLAINED("document:plan#read@user:ann",
              "allow member document:plan#read\n"
              "  allow exclusion\n"
              "    allow member document:plan#staff\n"
              "      allow relationship document:plan#staff@user:ann\n"
              "    deny member document:plan#banned\n"
              "      deny relationship document:plan#banned@team:a#member\n"
              "        deny member team:a#member\n"
              "          deny absent team:a#member@user:ann\n"
              "      deny more 2\n");
    done();
}

Test(explain, an_exclusion_that_denies_by_its_left_side)
{
    given(operators_schema, "");
    EXPLAINED("document:plan#read@user:ann", "deny member document:plan#read\n"
                                             "  deny exclusion\n"
                                             "    deny member document:plan#staff\n"
                                             "      deny absent document:plan#staff@user:ann\n");
    done();
}

Test(explain, an_exclusion_that_denies_by_its_right_side)
{
    given(operators_schema, "document:plan#staff@user:ann\n"
                            "document:plan#banned@team:a#member\n"
                            "team:a#member@user:ann\n");
    EXPLAINED("document:plan#read@user:ann",
              "deny member document:plan#read\n"
              "  deny exclusion ; what is subtracted holds\n"
              "    allow member document:plan#banned\n"
              "      allow relationship document:plan#banned@team:a#member\n"
              "        allow member team:a#member\n"
              "          allow relationship team:a#member@user:ann\n");
    done();
}

/* --- arrows, .all, self --- */

static const char arrow_schema[] = "use self\n"
                                   "definition user { permission itself = self }\n"
                                   "definition folder {\n"
                                   "    relation viewer: user\n"
                                   "    relation parent: folder\n"
                                   "    permission view = viewer + parent->view\n"
                                   "}\n"
                                   "definition shelf {}\n"
                                   "definition document {\n"
                                   "    relation parent: folder | shelf\n"
                                   "    permission view = parent->view\n"
                                   "    permission every = parent.all(view)\n"
                                   "}\n";

Test(explain, an_arrow_that_allows)
{
    given(arrow_schema, "document:plan#parent@folder:a\n"
                        "folder:a#parent@folder:b\n"
                        "folder:b#viewer@user:ann\n");
    EXPLAINED("document:plan#view@user:ann",
              "allow member document:plan#view\n"
              "  allow relationship document:plan#parent@folder:a\n"
              "    allow member folder:a#view\n"
              "      allow relationship folder:a#parent@folder:b\n"
              "        allow member folder:b#view\n"
              "          allow member folder:b#viewer\n"
              "            allow relationship folder:b#viewer@user:ann\n");
    done();
}

Test(explain, an_arrow_that_denies)
{
    given(arrow_schema, "document:plan#parent@folder:a\n"
                        "document:plan#parent@shelf:s\n");
    EXPLAINED("document:plan#view@user:ann",
              "deny member document:plan#view\n"
              "  deny relationship document:plan#parent@folder:a\n"
              "    deny member folder:a#view\n"
              "      deny union\n"
              "        deny member folder:a#viewer\n"
              "          deny absent folder:a#viewer@user:ann\n"
              "        deny union folder:a#parent ; nothing stored here leads to such a subject\n");
    done();
}

Test(explain, all_objects_of_an_all_that_allows)
{
    given(arrow_schema, "document:plan#parent@folder:a\n"
                        "document:plan#parent@folder:b\n"
                        "folder:a#viewer@user:ann\n"
                        "folder:b#viewer@user:ann\n");
    EXPLAINED("document:plan#every@user:ann",
              "allow member document:plan#every\n"
              "  allow all document:plan#parent\n"
              "    allow relationship document:plan#parent@folder:a\n"
              "      allow member folder:a#view\n"
              "        allow member folder:a#viewer\n"
              "          allow relationship folder:a#viewer@user:ann\n"
              "    allow relationship document:plan#parent@folder:b\n"
              "      allow member folder:b#view\n"
              "        allow member folder:b#viewer\n"
              "          allow relationship folder:b#viewer@user:ann\n");
    done();
}

Test(explain, the_objects_that_make_an_all_deny)
{
    given(arrow_schema, "document:plan#parent@folder:a\n"
                        "document:plan#parent@shelf:s\n"
                        "folder:a#viewer@user:ann\n"
                        "document:empty#parent@folder:c\n");
    EXPLAINED("document:plan#every@user:ann", "deny member document:plan#every\n"
                                              "  deny all document:plan#parent\n"
                                              "    deny relationship document:plan#parent@shelf:s"
                                              " ; nothing there can hold such a subject\n");
    EXPLAINED("document:none#every@user:ann",
              "deny member document:none#every\n"
              "  deny all document:none#parent ; nothing stored here leads to such a subject\n");
    done();
}

Test(explain, self)
{
    given(arrow_schema, "");
    EXPLAINED("user:ann#itself@user:ann", "allow member user:ann#itself\n"
                                          "  allow identity user:ann\n");
    EXPLAINED("user:ann#itself@user:bob", "deny member user:ann#itself\n"
                                          "  deny identity user:ann\n");
    done();
}

/* --- conditions --- */

static const char conditions_schema[] =
    "use expiration\n"
    "definition user {}\n"
    "caveat below(count int, most int) { count < most }\n"
    "caveat inside(place string) { place == 'here' }\n"
    "definition group { relation member: user | user with inside }\n"
    "definition document {\n"
    "    relation viewer: user with below | group#member with below\n"
    "    relation guest: user with expiration\n"
    "    relation banned: user with inside\n"
    "    permission view = viewer + guest\n"
    "    permission read = guest - banned\n"
    "}\n";

Test(explain, an_allow_with_the_values_of_its_condition)
{
    given(conditions_schema, "document:plan#viewer@user:ann[below:{\"most\":5}]\n");
    cr_expect_str_eq(
        why_with("document:plan#view@user:ann", NULL, "{\"count\":3,\"most\":1,\"other\":true}"),
        "allow member document:plan#view\n"
        "  allow member document:plan#viewer\n"
        "    allow relationship document:plan#viewer@user:ann[below:{\"most\":5}]"
        " with {\"count\":3,\"most\":5}\n",
        "%s", tree.data);
    done();
}

Test(explain, a_deny_by_a_condition_that_fails)
{
    given(conditions_schema, "document:plan#viewer@user:ann[below:{\"most\":5}]\n"
                             "document:plan#viewer@group:eng#member[below:{\"most\":2}]\n"
                             "group:eng#member@user:ann\n");
    cr_expect_str_eq(
        why_with("document:plan#view@user:ann", NULL, "{\"count\":9}"),
        "deny member document:plan#view\n"
        "  deny union\n"
        "    deny member document:plan#viewer\n"
        "      deny relationship document:plan#viewer@user:ann[below:{\"most\":5}]"
        " with {\"count\":9,\"most\":5}\n"
        "      deny relationship document:plan#viewer@group:eng#member[below:{\"most\":2}]"
        " with {\"count\":9,\"most\":2}\n"
        "    deny member document:plan#guest\n"
        "      deny absent document:plan#guest@user:ann\n",
        "%s", tree.data);
    done();
}

Test(explain, a_conditional_down_to_what_is_left_of_its_conditions)
{
    given(conditions_schema, "document:plan#viewer@user:ann[below:{\"most\":5}]\n"
                             "document:plan#viewer@group:eng#member[below:{\"most\":2}]\n"
                             "group:eng#member@user:ann[inside]\n");
    EXPLAINED("document:plan#view@user:ann",
              "conditional member document:plan#view needs count place\n"
              "  conditional member document:plan#viewer needs count place\n"
              "    conditional relationship document:plan#viewer@user:ann[below:{\"most\":5}]"
              " with {\"most\":5} left count < 5 needs count\n"
              "    conditional relationship"
              " document:plan#viewer@group:eng#member[below:{\"most\":2}]"
              " with {\"most\":2} left count < 2 needs count place\n"
              "      conditional member group:eng#member needs place\n"
              "        conditional relationship group:eng#member@user:ann[inside]"
              " left place == \"here\" needs place\n");
    done();
}

Test(explain, a_conditional_by_what_may_be_subtracted)
{
    given(conditions_schema, "document:plan#guest@user:ann[expiration:2200-01-01T00:00:00Z]\n"
                             "document:plan#banned@user:ann[inside]\n");
    EXPLAINED("document:plan#read@user:ann",
              "conditional member document:plan#read needs place\n"
              "  conditional exclusion needs place ; what is subtracted is undecided\n"
              "    conditional member document:plan#banned needs place\n"
              "      conditional relationship document:plan#banned@user:ann[inside]"
              " left place == \"here\" needs place\n");
    cr_expect_str_eq(why_with("document:plan#read@user:ann", NULL, "{\"place\":\"there\"}"),
                     "allow member document:plan#read\n"
                     "  allow exclusion\n"
                     "    allow member document:plan#guest\n"
                     "      allow relationship"
                     " document:plan#guest@user:ann[expiration:2200-01-01T00:00:00Z]\n"
                     "    deny member document:plan#banned\n"
                     "      deny relationship document:plan#banned@user:ann[inside]"
                     " with {\"place\":\"there\"}\n",
                     "%s", tree.data);
    done();
}

Test(explain, what_has_expired_as_absent)
{
    given(conditions_schema, "document:plan#guest@user:ann[expiration:2200-01-01T00:00:00Z]\n");
    rig_pass(&rig, INT64_C(7000000000000000000) - INT64_C(1000000000));
    EXPLAINED("document:plan#guest@user:ann", "deny member document:plan#guest\n"
                                              "  deny absent document:plan#guest@user:ann\n");
    done();
}

/* --- errors --- */

Test(explain, an_error_of_a_condition_by_its_branch)
{
    given("definition user {}\n"
          "caveat known(names map<int>) { names['ann'] > 0 }\n"
          "definition document {\n"
          "    relation owner: user\n"
          "    relation viewer: user with known\n"
          "    permission view = owner + viewer\n"
          "}\n",
          "document:plan#viewer@user:ann[known:{\"names\":{\"bob\":1}}]\n");
    EXPLAINED(
        "document:plan#view@user:ann",
        "CAVEAT_EVALUATION_ERROR member document:plan#view\n"
        "  CAVEAT_EVALUATION_ERROR member document:plan#viewer\n"
        "    CAVEAT_EVALUATION_ERROR relationship document:plan#viewer@user:ann"
        "[known:{\"names\":{\"bob\":1}}] "
        "with {\"names\":{\"bob\":1}} ; cannot evaluate caveat 'known': the map has no such key\n");
    done();
}

Test(explain, a_cycle_through_an_exclusion)
{
    given("definition user {}\n"
          "definition group {\n"
          "    relation member: user | group#active\n"
          "    relation asleep: group#active\n"
          "    permission active = member - asleep\n"
          "}\n",
          "group:a#member@user:ann\n"
          "group:a#asleep@group:a#active\n");
    EXPLAINED("group:a#active@user:ann",
              "CYCLE_THROUGH_EXCLUSION member group:a#active\n"
              "  CYCLE_THROUGH_EXCLUSION exclusion ; what is subtracted is undecided\n"
              "    CYCLE_THROUGH_EXCLUSION member group:a#asleep\n"
              "      CYCLE_THROUGH_EXCLUSION relationship group:a#asleep@group:a#active\n"
              "        CYCLE_THROUGH_EXCLUSION member group:a#active ; "
              "explained elsewhere in this tree\n");
    done();
}

/* --- delegation --- */

static const char delegation_schema[] = "definition user {}\n"
                                        "definition agent {\n"
                                        "    relation granted: user | agent\n"
                                        "    permission acts_on_behalf_of = granted\n"
                                        "}\n"
                                        "definition document {\n"
                                        "    relation viewer: user\n"
                                        "    permission view = viewer\n"
                                        "}\n";

Test(explain, a_delegated_allow_by_every_hop)
{
    given(delegation_schema, "document:plan#viewer@user:ann\n"
                             "agent:a#granted@user:ann\n"
                             "agent:b#granted@agent:a\n");
    cr_expect_str_eq(why_with("document:plan#view@user:ann", "agent:a agent:b", NULL),
                     "allow intersection\n"
                     "  allow member document:plan#view\n"
                     "    allow member document:plan#viewer\n"
                     "      allow relationship document:plan#viewer@user:ann\n"
                     "  allow delegation agent:a\n"
                     "    allow member agent:a#acts_on_behalf_of\n"
                     "      allow member agent:a#granted\n"
                     "        allow relationship agent:a#granted@user:ann\n"
                     "  allow delegation agent:b\n"
                     "    allow member agent:b#acts_on_behalf_of\n"
                     "      allow member agent:b#granted\n"
                     "        allow relationship agent:b#granted@agent:a\n",
                     "%s", tree.data);
    done();
}

Test(explain, a_delegated_deny_by_the_hop_that_fails)
{
    given(delegation_schema, "document:plan#viewer@user:ann\n"
                             "agent:a#granted@user:ann\n");
    cr_expect_str_eq(why_with("document:plan#view@user:ann", "agent:a agent:b", NULL),
                     "deny intersection\n"
                     "  deny delegation agent:b\n"
                     "    deny member agent:b#acts_on_behalf_of\n"
                     "      deny member agent:b#granted\n"
                     "        deny absent agent:b#granted@agent:a\n",
                     "%s", tree.data);
    cr_expect_str_eq(why_with("document:plan#view@user:bob", "agent:a", NULL),
                     "deny intersection\n"
                     "  deny member document:plan#view\n"
                     "    deny member document:plan#viewer\n"
                     "      deny absent document:plan#viewer@user:bob\n"
                     "  deny delegation agent:a\n"
                     "    deny member agent:a#acts_on_behalf_of\n"
                     "      deny member agent:a#granted\n"
                     "        deny absent agent:a#granted@user:bob\n",
                     "%s", tree.data);
    done();
}
