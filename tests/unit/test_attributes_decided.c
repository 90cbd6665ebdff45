/* test_attributes_decided.c - decisions by attributes: whose they are in each part of a decision,
 * what properties count, what is never shared, and what lookups make of them. */
#include "tests/unit/test_agents_support.h"

#include <stdio.h>
#include <string.h>

#include "base/datum.h"
#include "engine/state.h"
#include "tests/unit/test_explain_support.h"

#define CAVEATS                                                                                    \
    "caveat admin(subject map<any>) { subject.role == 'admin' }\n"                                 \
    "caveat opened(resource map<any>) { resource.status == 'open' }\n"                             \
    "caveat asks_view(action map<any>) { action.name == 'view' }\n"                                \
    "caveat cheap(action map<any>) { action.amount < 5.0 }\n"                                      \
    "caveat whole(context map<any>, x int) {\n"                                                    \
    "  context.x == 3.0 && context.subject == 'me' && x == 3\n"                                    \
    "}\n"                                                                                          \
    "caveat same_team(subject map<any>, resource map<any>) { subject.team == resource.team }\n"    \
    "caveat spared(subject map<any>) { !has(subject.banned) }\n"                                   \
    "caveat unlocked(resource map<any>) { !has(resource.locked) }\n"                               \
    "caveat shown(resource map<any>) { has(resource.shown) }\n"                                    \
    "caveat plain(x int) { x == 1 }\n"

#define ANY(subject)                                                                               \
    subject " | " subject " with admin | " subject " with opened | " subject                       \
            " with asks_view | " subject " with cheap | " subject " with whole | " subject         \
            " with same_team | " subject " with spared | " subject " with plain | " subject        \
            " with unlocked | " subject " with shown"

#define SOME(subject)                                                                              \
    subject " | " subject " with admin | " subject " with opened | " subject                       \
            " with asks_view | " subject " with same_team | " subject " with spared"

#define ANY_USER ANY("user")
#define ANY_AGENT SOME("agent")
#define ANY_MEMBER SOME("group#member")
#define ANY_FOLDER SOME("folder")
#define EVERY_USER SOME("user:*")

#define DEFINITIONS                                                                                \
    CAVEATS                                                                                        \
    "definition user {}\n"                                                                         \
    "definition agent {\n"                                                                         \
    "  relation principal: " ANY_USER " | " ANY_AGENT "\n"                                         \
    "  permission acts_on_behalf_of = principal\n"                                                 \
    "}\n"                                                                                          \
    "definition group { relation member: " ANY_USER " | " ANY_MEMBER " }\n"                        \
    "definition folder {\n"                                                                        \
    "  relation parent: " ANY_FOLDER "\n"                                                          \
    "  relation viewer: " ANY_USER "\n"                                                            \
    "  permission view = viewer + parent->view\n"                                                  \
    "}\n"                                                                                          \
    "definition doc {\n"                                                                           \
    "  relation parent: " ANY_FOLDER "\n"                                                          \
    "  relation viewer: " ANY_USER " | " EVERY_USER " | " ANY_MEMBER "\n"                          \
    "  relation banned: " ANY_USER " | " EVERY_USER "\n"                                           \
    "  permission within = parent\n"                                                               \
    "  permission view = viewer + parent->view\n"                                                  \
    "  permission edit = viewer\n"                                                                 \
    "  permission unbanned = viewer - banned\n"                                                    \
    "}\n"                                                                                          \
    "definition vault {\n"                                                                         \
    "  relation owner: user\n"                                                                     \
    "  relation cleared: " ANY_AGENT "\n"                                                          \
    "  permission agent_ceiling = cleared\n"                                                       \
    "  permission view = owner\n"                                                                  \
    "  permission edit = owner\n"                                                                  \
    "}\n"

static const char stored[] = "use attributes\n" DEFINITIONS;
static const char requested[] = "use request_attributes\n" DEFINITIONS;

#define EXPECT_TEXT(found, expected)                                                               \
    do {                                                                                           \
        const char *said = found;                                                                  \
        cr_expect_str_eq(said, expected, "%s", said);                                              \
    } while (0)

static const struct question_words ann = {0};

static struct question_words
with(const char *context)
{
    return (struct question_words){.context = context};
}

/* --- whose attributes --- */

Test(attributes_decided, subject_and_resource_are_those_of_the_check)
{
    agents_open(stored, "doc:1#viewer@user:ann[admin]", "doc:2#viewer@user:ann[opened]",
                "doc:3#viewer@user:ann[same_team]", NULL);
    EXPECT_TEXT(agents_check("doc:1#view", ann), "conditional on subject");
    EXPECT_TEXT(agents_check("doc:2#view", ann), "conditional on resource");
    EXPECT_TEXT(agents_check("doc:3#view", ann), "conditional on resource, subject");
    agents_attributes("set user:ann {\"role\":\"admin\",\"team\":\"red\"}\n"
                      "set doc:2 {\"status\":\"open\"}\nset doc:3 {\"team\":\"red\"}");
    EXPECT_TEXT(agents_check("doc:1#view", ann), "allow");
    EXPECT_TEXT(agents_check("doc:2#view", ann), "allow");
    EXPECT_TEXT(agents_check("doc:3#view", ann), "allow");
    agents_attributes("merge user:ann {\"role\":\"guest\"}\nset doc:2 {\"status\":\"shut\"}\n"
                      "merge doc:3 {\"team\":\"blue\"}");
    EXPECT_TEXT(agents_check("doc:1#view", ann), "deny");
    EXPECT_TEXT(agents_check("doc:2#view", ann), "deny");
    EXPECT_TEXT(agents_check("doc:3#view", ann), "deny");
    agents_attributes("delete user:ann\ndelete doc:2");
    EXPECT_TEXT(agents_check("doc:1#view", ann), "conditional on subject");
    EXPECT_TEXT(agents_check("doc:2#view", ann), "conditional on resource");
    agents_close();
}

Test(attributes_decided, never_those_of_objects_on_the_way)
{
    agents_open(stored, "doc:1#viewer@group:all#member", "group:all#member@group:eng#member[admin]",
                "group:eng#member@user:ann[opened]", "doc:2#parent@folder:a[opened]",
                "folder:a#parent@folder:b[admin]", "folder:b#viewer@user:ann", NULL);
    agents_attributes("set group:eng {\"role\":\"admin\",\"status\":\"open\"}\n"
                      "set group:all {\"role\":\"admin\",\"status\":\"open\"}\n"
                      "set folder:a {\"role\":\"admin\",\"status\":\"open\"}\n"
                      "set folder:b {\"role\":\"admin\",\"status\":\"open\"}");
    EXPECT_TEXT(agents_check("doc:1#view", ann), "conditional on resource, subject");
    EXPECT_TEXT(agents_check("doc:2#view", ann), "conditional on resource, subject");
    agents_attributes("set user:ann {\"role\":\"admin\"}\nset doc:1 {\"status\":\"open\"}\n"
                      "set doc:2 {\"status\":\"open\"}");
    EXPECT_TEXT(agents_check("doc:1#view", ann), "allow");
    EXPECT_TEXT(agents_check("doc:2#view", ann), "allow");
    agents_close();
}

Test(attributes_decided, a_userset_has_those_of_its_object)
{
    const struct question_words members = {.subject = "group:eng#member"};

    agents_open(stored, "doc:1#viewer@group:eng#member[admin]", "group:eng#member@user:ann", NULL);
    EXPECT_TEXT(agents_check("doc:1#view", members), "conditional on subject");
    agents_attributes("set group:eng {\"role\":\"admin\"}");
    EXPECT_TEXT(agents_check("doc:1#view", members), "allow");
    EXPECT_TEXT(agents_check("doc:1#view", ann), "conditional on subject");
    agents_close();
}

Test(attributes_decided, a_constraint_sees_the_principal_and_the_resource)
{
    struct record_id grant;
    struct question_words asked = {.actors = "agent:bot", .grant = &grant};

    agents_open(stored, "doc:1#viewer@user:ann", "doc:2#viewer@user:ann", NULL);
    grant = agents_root(agents_session((struct session_words){0}),
                        (struct grant_words){.scope = "doc:* view", .caveat = "same_team"});
    agents_attributes("set agent:bot {\"team\":\"red\"}\nset doc:1 {\"team\":\"red\"}");
    EXPECT_TEXT(agents_check("doc:1#view", asked), "conditional on subject");
    agents_attributes("set user:ann {\"team\":\"red\"}\nset doc:2 {\"team\":\"blue\"}");
    EXPECT_TEXT(agents_check("doc:1#view", asked), "allow");
    EXPECT_TEXT(agents_check("doc:2#view", asked), "deny constraint_failed");
    agents_close();
}

Test(attributes_decided, a_ceiling_sees_the_agent_and_the_resource)
{
    struct record_id grant;
    struct question_words asked = {.actors = "agent:bot", .grant = &grant};
    struct question_words acting = {.actors = "agent:bot"};

    agents_open(stored, "vault:1#owner@user:ann", "vault:1#cleared@agent:bot[same_team]",
                "agent:bot#principal@user:ann", NULL);
    grant = agents_root(agents_session((struct session_words){0}),
                        (struct grant_words){.scope = "vault:* view"});
    agents_attributes("set user:ann {\"team\":\"red\"}\nset vault:1 {\"team\":\"red\"}");
    EXPECT_TEXT(agents_check("vault:1#view", asked), "conditional on subject");
    EXPECT_TEXT(agents_check("vault:1#view", acting), "conditional on subject");
    agents_attributes("set agent:bot {\"team\":\"red\"}");
    EXPECT_TEXT(agents_check("vault:1#view", asked), "allow");
    EXPECT_TEXT(agents_check("vault:1#view", acting), "allow");
    agents_attributes("set agent:bot {\"team\":\"blue\"}");
    EXPECT_TEXT(agents_check("vault:1#view", asked), "deny agent_ceiling");
    EXPECT_TEXT(agents_check("vault:1#view", acting), "deny agent_ceiling");
    agents_close();
}

Test(attributes_decided, a_selector_sees_its_object_and_the_resource)
{
    struct record_id grant;
    struct question_words asked = {.actors = "agent:bot", .grant = &grant};

    agents_open(stored, "doc:1#viewer@user:ann", "doc:1#parent@folder:a[same_team]", NULL);
    grant = agents_root(agents_session((struct session_words){0}),
                        (struct grant_words){.scope = "doc:*#within@folder:a view"});
    agents_attributes("set user:ann {\"team\":\"red\"}\nset doc:1 {\"team\":\"red\"}");
    EXPECT_TEXT(agents_check("doc:1#view", asked), "conditional on subject");
    agents_attributes("set folder:a {\"team\":\"red\"}");
    EXPECT_TEXT(agents_check("doc:1#view", asked), "allow");
    agents_attributes("set folder:a {\"team\":\"blue\"}");
    EXPECT_TEXT(agents_check("doc:1#view", asked), "deny scope_excluded");
    agents_close();
}

Test(attributes_decided, a_hop_sees_the_one_before_and_the_actor)
{
    struct question_words one = {.actors = "agent:bot"};
    struct question_words two = {.actors = "agent:bot agent:sub"};

    agents_open(stored, "doc:1#viewer@user:ann", "agent:bot#principal@user:ann[same_team]",
                "agent:sub#principal@agent:bot[same_team]", NULL);
    agents_attributes("set user:ann {\"team\":\"red\"}\nset doc:1 {\"team\":\"red\"}");
    EXPECT_TEXT(agents_check("doc:1#view", one), "conditional on resource");
    agents_attributes("set agent:bot {\"team\":\"red\"}");
    EXPECT_TEXT(agents_check("doc:1#view", one), "allow");
    EXPECT_TEXT(agents_check("doc:1#view", two), "conditional on resource");
    agents_attributes("set agent:sub {\"team\":\"red\"}");
    EXPECT_TEXT(agents_check("doc:1#view", two), "allow");
    agents_attributes("set agent:sub {\"team\":\"blue\"}");
    EXPECT_TEXT(agents_check("doc:1#view", two), "deny no_grant");
    agents_close();
}

/* --- action and context --- */

Test(attributes_decided, action_is_what_the_request_asks_in_each_part)
{
    struct record_id grant;
    struct question_words asked = {.actors = "agent:bot", .grant = &grant};
    struct question_words acting = {.actors = "agent:bot"};

    agents_open(stored, "doc:1#viewer@user:ann[asks_view]", "vault:1#owner@user:ann",
                "vault:1#cleared@agent:bot[asks_view]", "agent:bot#principal@user:ann[asks_view]",
                "doc:1#parent@folder:a[asks_view]", NULL);
    EXPECT_TEXT(agents_check("doc:1#view", ann), "allow");
    EXPECT_TEXT(agents_check("doc:1#edit", ann), "deny");
    EXPECT_TEXT(agents_check("doc:1#viewer", ann), "deny");
    EXPECT_TEXT(agents_check("vault:1#view", acting), "allow");
    EXPECT_TEXT(agents_check("vault:1#edit", acting), "deny no_grant");
    grant = agents_root(agents_session((struct session_words){0}),
                        (struct grant_words){.scope = "vault:* view,edit; "
                                                      "doc:*#within@folder:a view,edit"});
    EXPECT_TEXT(agents_check("vault:1#view", asked), "allow");
    EXPECT_TEXT(agents_check("vault:1#edit", asked), "deny agent_ceiling");
    EXPECT_TEXT(agents_check("doc:1#view", asked), "allow");
    EXPECT_TEXT(agents_check("doc:1#edit", asked), "deny scope_excluded");
    grant = agents_root(agents_session((struct session_words){0}),
                        (struct grant_words){.scope = "doc:* view,edit", .caveat = "asks_view"});
    EXPECT_TEXT(agents_check("doc:1#view", asked), "allow");
    EXPECT_TEXT(agents_check("doc:1#edit", asked), "deny constraint_failed");
    agents_close();
}

Test(attributes_decided, the_request_does_not_say_the_name_of_its_action)
{
    agents_open(requested, "doc:1#viewer@user:ann[asks_view]", NULL);
    EXPECT_TEXT(
        agents_check("doc:1#edit",
                     (struct question_words){.properties = "{\"action\":{\"name\":\"view\"}}"}),
        "deny");
    agents_close();
}

Test(attributes_decided, context_is_the_request_s_as_a_whole)
{
    agents_open(stored, "doc:1#viewer@user:ann[whole]", "doc:2#viewer@user:ann[admin]", NULL);
    EXPECT_TEXT(agents_check("doc:1#view", ann), "conditional on context, x");
    EXPECT_TEXT(agents_check("doc:1#view", with("{\"x\":3}")), "conditional on context");
    EXPECT_TEXT(agents_check("doc:1#view", with("{\"x\":3,\"subject\":\"me\"}")), "allow");
    EXPECT_TEXT(agents_check("doc:1#view", with("{\"x\":3,\"subject\":\"you\"}")), "deny");
    EXPECT_TEXT(agents_check("doc:2#view", with("{\"subject\":{\"role\":\"admin\"}}")),
                "conditional on subject");
    agents_close();
}

/* A constraint with a value for the subject is refused. */
static void
expect_no_grant(struct arena *arena)
{
    const struct datum *context = NULL;
    const struct slice action = SLICE_LITERAL("view");
    const struct engine_scope_element element = {
        .selector = SLICE_LITERAL("doc:*"), .actions = &action, .action_count = 1};
    struct engine_constraint constraint = {.caveat = SLICE_LITERAL("admin")};
    struct engine_root_grant grant = {
        .session = agents_session((struct session_words){0}),
        .terms = {.scope = &element,
                  .scope_count = 1,
                  .constraints = &constraint,
                  .constraint_count = 1,
                  .end.in_ns = AGENTS_SECOND},
        .approval.approver = agents_object("user:ann"),
        .approved = true,
    };
    struct engine_write write = {.kind = WRITE_GRANT_CREATE, .root_grant = &grant};
    struct buffer bytes;
    struct error error;

    cr_assert_eq(datum_parse_json(SLICE_LITERAL("{\"subject\":{\"role\":\"admin\"}}"), arena,
                                  &context, &error),
                 BEHALF_OK);
    buffer_init(&bytes);
    datum_encode(context, &bytes);
    constraint.context = buffer_slice(&bytes);
    cr_expect_eq(harness_submit(&agents, &write), BEHALF_CAVEAT_PARAMETER_TYPE_ERROR);
    constraint.context = (struct slice){NULL, 0};
    cr_expect_eq(harness_submit(&agents, &write), BEHALF_OK, "%s", write.error.message);
    buffer_release(&bytes);
}

Test(attributes_decided, stored_contexts_and_constraints_may_not_name_them)
{
    struct update update = {.op = UPDATE_TOUCH};
    struct arena arena;
    struct error error;

    agents_open(stored, NULL);
    arena_init(&arena, SIZE_MAX);
    cr_assert_eq(relationship_parse(SLICE_LITERAL("doc:1#viewer@user:ann"
                                                  "[admin:{\"subject\":{\"role\":\"admin\"}}]"),
                                    &arena, &update.relationship, &error),
                 BEHALF_OK);
    cr_expect_eq(harness_write_updates(&agents, &update, 1, NULL, &error),
                 BEHALF_CAVEAT_PARAMETER_TYPE_ERROR);
    expect_no_grant(&arena);
    arena_release(&arena);
    agents_close();
}

/* --- properties --- */

#define BOTH "{\"subject\":{\"role\":\"admin\"},\"resource\":{\"status\":\"open\"}}"

Test(attributes_decided, properties_lie_over_what_is_stored_key_by_key)
{
    struct question_words over = {
        .properties = "{\"subject\":{\"role\":\"admin\"},\"resource\":{\"team\":\"red\"}}"};

    agents_open(requested, "doc:1#viewer@user:ann[admin]", "doc:2#viewer@user:ann[same_team]",
                "doc:3#viewer@user:ann[cheap]", NULL);
    agents_attributes("set user:ann {\"role\":\"guest\",\"team\":\"red\"}\n"
                      "set doc:2 {\"team\":\"blue\"}");
    EXPECT_TEXT(agents_check("doc:1#view", ann), "deny");
    EXPECT_TEXT(agents_check("doc:1#view", over), "allow");
    EXPECT_TEXT(agents_check("doc:2#view", ann), "deny");
    EXPECT_TEXT(agents_check("doc:2#view", over), "allow");
    EXPECT_TEXT(agents_check("doc:3#view", ann), "conditional on action");
    EXPECT_TEXT(agents_check("doc:3#view",
                             (struct question_words){.properties = "{\"action\":{\"amount\":4}}"}),
                "allow");
    EXPECT_TEXT(agents_check("doc:3#view",
                             (struct question_words){.properties = "{\"action\":{\"amount\":5}}"}),
                "deny");
    agents_close();
}

Test(attributes_decided, properties_count_under_the_flag_alone)
{
    struct question_words given = {.properties = BOTH};

    agents_open(stored, "doc:1#viewer@user:ann[admin]", NULL);
    EXPECT_TEXT(agents_check("doc:1#view", given), "MALFORMED_REQUEST");
    given.pass_over = true;
    EXPECT_TEXT(agents_check("doc:1#view", given), "conditional on subject");
    agents_close();
}

Test(attributes_decided, properties_of_an_untrusted_caller_do_not_count)
{
    struct question_words given = {.properties = BOTH, .untrusted = true};

    agents_open(requested, "doc:1#viewer@user:ann[admin]", NULL);
    EXPECT_TEXT(agents_check("doc:1#view", given), "MALFORMED_REQUEST");
    given.pass_over = true;
    EXPECT_TEXT(agents_check("doc:1#view", given), "conditional on subject");
    EXPECT_TEXT(agents_resources("doc#view", 0, given), "1[...]");
    EXPECT_TEXT(agents_filter("view", "doc:1", given), "doc:1[...]");
    EXPECT_TEXT(agents_permissions("doc:1", given), "view[subject] edit[subject] "
                                                    "unbanned[subject]");
    agents_close();
}

Test(attributes_decided, an_agent_s_request_does_not_describe_subject_or_resource)
{
    struct record_id grant;
    struct question_words cases[] = {{.actors = "agent:bot", .grant = &grant},
                                     {.actors = "agent:bot"}};
    static const char *const parts[] = {"{\"subject\":{\"role\":\"admin\"}}",
                                        "{\"resource\":{\"status\":\"open\"}}"};

    agents_open(requested, "doc:1#viewer@user:ann[admin]", "doc:2#viewer@user:ann[opened]",
                "doc:3#viewer@user:ann[cheap]", "agent:bot#principal@user:ann", NULL);
    grant = agents_root(agents_session((struct session_words){0}),
                        (struct grant_words){.scope = "doc:* view"});
    for (size_t at = 0; at < BEHALF_COUNT_OF(cases); at++) {
        struct question_words *asked = &cases[at];

        for (size_t part = 0; part < BEHALF_COUNT_OF(parts); part++) {
            asked->properties = parts[part];
            asked->pass_over = false;
            EXPECT_TEXT(agents_check("doc:1#view", *asked), "MALFORMED_REQUEST");
            EXPECT_TEXT(agents_filter("view", "doc:1", *asked), "MALFORMED_REQUEST");
            EXPECT_TEXT(agents_resources("doc#view", 0, *asked), "MALFORMED_REQUEST");
            EXPECT_TEXT(agents_permissions("doc:1", *asked), "MALFORMED_REQUEST");
        }
        asked->pass_over = true;
        asked->properties = BOTH;
        EXPECT_TEXT(agents_check("doc:1#view", *asked), "conditional on subject");
        EXPECT_TEXT(agents_check("doc:2#view", *asked), "conditional on resource");
        asked->pass_over = false;
        asked->properties = "{\"action\":{\"amount\":1}}";
        EXPECT_TEXT(agents_check("doc:3#view", *asked), "allow");
    }
    agents_close();
}

Test(attributes_decided, properties_of_what_is_looked_for_do_not_count)
{
    struct question_words subject = {.properties = "{\"subject\":{\"role\":\"admin\"}}"};
    struct question_words resource = {.properties = "{\"resource\":{\"status\":\"open\"}}"};
    struct question_words action = {.properties = "{\"action\":{\"amount\":1}}"};

    agents_open(requested, "doc:1#viewer@user:ann[admin]", "doc:2#viewer@user:ann[opened]",
                "doc:3#viewer@user:ann[cheap]", NULL);
    EXPECT_TEXT(agents_resources("doc#view", 0, resource), "MALFORMED_REQUEST");
    EXPECT_TEXT(agents_resources("doc#view", 0, subject), "1 2[...] 3[...]");
    EXPECT_TEXT(agents_resources("doc#view", 0, action), "1[...] 2[...] 3");
    EXPECT_TEXT(agents_subjects("doc:1#view", "user", 0, subject), "MALFORMED_REQUEST");
    EXPECT_TEXT(agents_subjects("doc:2#view", "user", 0, resource), "ann");
    EXPECT_TEXT(agents_subjects("doc:3#view", "user", 0, action), "ann");
    EXPECT_TEXT(agents_permissions("doc:3", action), "MALFORMED_REQUEST");
    EXPECT_TEXT(agents_permissions("doc:2", resource), "view edit unbanned");
    resource.pass_over = true;
    EXPECT_TEXT(agents_resources("doc#view", 0, resource), "1[...] 2[...] 3[...]");
    agents_close();
}

/* --- sharing --- */

/* Items of one subject, one right behind the other, in both orders. */
static void
expect_bulk(const char *const *questions, const char *const *answers, size_t count,
            struct question_words words)
{
    const char *turned[16];
    struct buffer forward;
    struct buffer backward;

    buffer_init(&forward);
    buffer_init(&backward);
    for (size_t at = 0; at < count; at++) {
        turned[at] = questions[count - 1 - at];
        buffer_add_format(&forward, "%s%s", at > 0 ? "; " : "", answers[at]);
        buffer_add_format(&backward, "%s%s", at > 0 ? "; " : "", answers[count - 1 - at]);
    }
    EXPECT_TEXT(agents_bulk(questions, count, words), forward.data);
    EXPECT_TEXT(agents_bulk(turned, count, words), backward.data);
    buffer_release(&forward);
    buffer_release(&backward);
}

/* The condition stands where all three ask: on the membership. */
Test(attributes_decided, items_of_a_bulk_do_not_share_what_hangs_on_the_resource)
{
    static const char *const questions[] = {"doc:1#view@user:ann", "doc:2#view@user:ann",
                                            "doc:3#view@user:ann", "doc:1#view@user:ann"};
    static const char *const answers[] = {"allow", "deny", "conditional on resource", "allow"};

    agents_open(stored, "doc:1#viewer@group:eng#member", "doc:2#viewer@group:eng#member",
                "doc:3#viewer@group:eng#member", "group:eng#member@user:ann[opened]", NULL);
    agents_attributes("set doc:1 {\"status\":\"open\"}\nset doc:2 {\"status\":\"shut\"}");
    expect_bulk(questions, answers, BEHALF_COUNT_OF(questions), ann);
    EXPECT_TEXT(agents_filter("view", "doc:1 doc:2 doc:3 doc:1", ann), "doc:1 doc:1 doc:3[...]");
    EXPECT_TEXT(agents_filter("view", "doc:2 doc:3 doc:1", ann), "doc:1 doc:3[...]");
    for (uint32_t limit = 0; limit < 4; limit++)
        EXPECT_TEXT(agents_resources("doc#view", limit, ann), "1 3[...]");
    agents_close();
}

Test(attributes_decided, items_of_a_bulk_do_not_share_what_hangs_on_the_action)
{
    static const char *const questions[] = {"doc:1#view@user:ann", "doc:1#edit@user:ann",
                                            "doc:2#view@user:ann", "doc:2#unbanned@user:ann"};
    static const char *const answers[] = {"allow", "deny", "allow", "deny"};

    agents_open(stored, "doc:1#viewer@group:eng#member", "doc:2#viewer@group:eng#member",
                "group:eng#member@user:ann[asks_view]", NULL);
    expect_bulk(questions, answers, BEHALF_COUNT_OF(questions), ann);
    EXPECT_TEXT(agents_permissions("doc:1", ann), "view");
    agents_close();
}

Test(attributes_decided, items_of_a_bulk_do_not_share_what_hangs_on_properties)
{
    struct engine_request request;
    struct agents_question asked[2];
    struct check checks[2];
    struct check_bulk_result result;
    struct error error;

    agents_open(requested, "doc:1#viewer@user:ann[admin]", NULL);
    agents_question((struct question_words){.properties = "{\"subject\":{\"role\":\"admin\"}}"},
                    &asked[0]);
    agents_question((struct question_words){.properties = "{\"subject\":{\"role\":\"guest\"}}"},
                    &asked[1]);
    for (size_t at = 0; at < 2; at++)
        checks[at] = (struct check){.resource = agents_object("doc:1"),
                                    .permission = SLICE_LITERAL("view"),
                                    .subject = asked[at].subject,
                                    .properties = asked[at].properties};
    for (size_t turn = 0; turn < 2; turn++) {
        request = harness_request(&agents, NULL);
        cr_assert_eq(engine_check_bulk(agents.worker, &request, checks, 2, &result, &error),
                     BEHALF_OK);
        cr_expect_eq(result.items[turn].decision, DECISION_ALLOW);
        cr_expect_eq(result.items[1 - turn].decision, DECISION_DENY);
        checks[0].properties = asked[1].properties;
        checks[1].properties = asked[0].properties;
    }
    agents_close();
}

Test(attributes_decided, hops_are_decided_for_each_permission)
{
    agents_open(stored, "doc:1#viewer@user:ann", "agent:bot#principal@user:ann[asks_view]", NULL);
    EXPECT_TEXT(agents_permissions("doc:1", (struct question_words){.actors = "agent:bot"}),
                "view");
    agents_close();
}

Test(attributes_decided, constraints_are_decided_for_each_resource)
{
    struct record_id grant;
    struct question_words asked = {.actors = "agent:bot", .grant = &grant};

    agents_open(stored, "doc:1#viewer@user:ann", "doc:2#viewer@user:ann", "doc:3#viewer@user:ann",
                NULL);
    agents_attributes("set doc:1 {\"status\":\"open\"}\nset doc:2 {\"status\":\"shut\"}");
    grant = agents_root(agents_session((struct session_words){0}),
                        (struct grant_words){.scope = "doc:* view", .caveat = "opened"});
    EXPECT_TEXT(agents_filter("view", "doc:1 doc:2 doc:3", asked), "doc:1 doc:3[...]");
    EXPECT_TEXT(agents_filter("view", "doc:2 doc:3 doc:1", asked), "doc:1 doc:3[...]");
    EXPECT_TEXT(agents_resources("doc#view", 1, asked), "1 3[...]");
    agents_close();
}

/* --- lookups --- */

Test(attributes_decided, lookups_of_resources_check_what_is_behind_conditions)
{
    agents_open(stored, "doc:1#viewer@user:ann[admin]", "doc:2#viewer@user:ann[opened]",
                "doc:3#viewer@user:ann[same_team]", "doc:4#viewer@user:ann[plain]",
                "doc:5#viewer@user:ann", "doc:5#banned@user:ann[opened]", "doc:6#viewer@user:ann",
                "doc:6#banned@user:ann[opened]", NULL);
    EXPECT_TEXT(agents_resources("doc#view", 0, ann), "1[...] 2[...] 3[...] 4[...] 5 6");
    agents_attributes("set user:ann {\"role\":\"admin\",\"team\":\"red\"}\n"
                      "set doc:2 {\"status\":\"open\"}\nset doc:3 {\"team\":\"blue\"}\n"
                      "set doc:5 {\"status\":\"open\"}\nset doc:6 {\"status\":\"shut\"}");
    for (uint32_t limit = 0; limit < 4; limit++) {
        EXPECT_TEXT(agents_resources("doc#view", limit, ann), "1 2 4[...] 5 6");
        EXPECT_TEXT(agents_resources("doc#unbanned", limit, ann), "1 2 4[...] 6");
    }
    agents_attributes("set user:ann {\"role\":\"guest\",\"team\":\"blue\"}");
    EXPECT_TEXT(agents_resources("doc#view", 0, ann), "2 3 4[...] 5 6");
    agents_close();
}

Test(attributes_decided, lookups_of_subjects_decide_each_by_its_own_attributes)
{
    agents_open(stored, "doc:1#viewer@group:eng#member[admin]", "group:eng#member@user:ann",
                "group:eng#member@user:bob", "group:eng#member@user:cat",
                "doc:1#viewer@user:dan[spared]", "doc:1#viewer@user:eve[spared]", NULL);
    agents_attributes("set user:ann {\"role\":\"admin\"}\nset user:bob {\"role\":\"guest\"}\n"
                      "set user:eve {\"banned\":true}");
    for (uint32_t limit = 0; limit < 4; limit++)
        EXPECT_TEXT(agents_subjects("doc:1#view", "user", limit, ann), "ann cat[subject] dan");
    EXPECT_TEXT(agents_subjects("doc:1#view", "group", 0, ann), "");
    agents_close();
}

/* No candidate is decided by what an object without attributes would be. */
Test(attributes_decided, absence_is_told_of_each_candidate)
{
    agents_open(stored, "doc:1#viewer@user:ann", "doc:2#viewer@user:ann",
                "doc:1#banned@user:ann[unlocked]", "doc:2#banned@user:ann[unlocked]",
                "doc:3#viewer@user:ann[unlocked]", "doc:4#viewer@user:ann[unlocked]",
                "doc:5#viewer@user:ann[shown]", "doc:6#viewer@user:ann[shown]", NULL);
    agents_attributes("set doc:2 {\"locked\":true}\nset doc:4 {\"locked\":true}\n"
                      "set doc:6 {\"shown\":true}");
    for (uint32_t limit = 0; limit < 4; limit++) {
        EXPECT_TEXT(agents_resources("doc#view", limit, ann), "1 2 3 6");
        EXPECT_TEXT(agents_resources("doc#unbanned", limit, ann), "2 3 6");
    }
    agents_close();
}

/* Nothing is said of all by what nobody has. */
Test(attributes_decided, a_wildcard_behind_attributes_is_conditional)
{
    agents_open(stored, "doc:1#viewer@user:*[spared]", "doc:1#viewer@user:ann[plain:{\"x\":2}]",
                "doc:2#viewer@user:*", "doc:2#banned@user:*[admin]", "doc:2#viewer@user:ann", NULL);
    EXPECT_TEXT(agents_check("doc:1#view", ann), "allow");
    EXPECT_TEXT(agents_subjects("doc:1#view", "user", 0, ann), "*[subject] ann");
    agents_attributes("set user:ann {\"banned\":true,\"role\":\"guest\"}");
    EXPECT_TEXT(agents_check("doc:1#view", ann), "deny");
    EXPECT_TEXT(agents_subjects("doc:1#view", "user", 0, ann), "*{ann}[subject]");
    EXPECT_TEXT(agents_subjects("doc:2#unbanned", "user", 0, ann), "*[subject] ann");
    agents_attributes("set user:ann {\"role\":\"admin\"}");
    EXPECT_TEXT(agents_subjects("doc:2#unbanned", "user", 0, ann), "*{ann}[subject]");
    agents_close();
}

/* A page is of one request: what properties it came with is part of it. */
Test(attributes_decided, a_cursor_is_of_the_request_with_its_properties)
{
    struct engine_request request;
    struct agents_question asked;
    struct lookup_resources lookup = {
        .resource_type = SLICE_LITERAL("doc"), .permission = SLICE_LITERAL("view"), .limit = 1};
    struct lookup_resources_result result;
    struct engine_token cursor;
    struct error error;

    agents_open(requested, "doc:1#viewer@user:ann[admin]", "doc:2#viewer@user:ann[admin]", NULL);
    agents_question((struct question_words){.properties = "{\"subject\":{\"role\":\"admin\"}}"},
                    &asked);
    lookup.subject = asked.subject;
    lookup.properties = asked.properties;
    request = harness_request(&agents, NULL);
    cr_assert_eq(engine_lookup_resources(agents.worker, &request, &lookup, &result, &error),
                 BEHALF_OK);
    cursor = result.cursor;
    lookup.cursor = slice_of(cursor.text);
    request = harness_request(&agents, NULL);
    cr_assert_eq(engine_lookup_resources(agents.worker, &request, &lookup, &result, &error),
                 BEHALF_OK);
    lookup.properties = NULL;
    request = harness_request(&agents, NULL);
    cr_expect_eq(engine_lookup_resources(agents.worker, &request, &lookup, &result, &error),
                 BEHALF_INVALID_CURSOR);
    asked.given.trusted = false;
    asked.given.pass_over = true;
    lookup.properties = asked.properties;
    request = harness_request(&agents, NULL);
    cr_expect_eq(engine_lookup_resources(agents.worker, &request, &lookup, &result, &error),
                 BEHALF_INVALID_CURSOR);
    agents_close();
}

/* --- explained --- */

static void
expect_tree(const char *question, struct question_words words, const char *expected)
{
    struct engine_request request = harness_request(&agents, NULL);
    struct agents_question asked;
    struct relationship parsed;
    struct check_result result;
    struct arena arena;
    struct check check;
    struct buffer tree;
    struct error error;

    arena_init(&arena, SIZE_MAX);
    agents_question(words, &asked);
    cr_assert_eq(relationship_parse(slice_of(question), &arena, &parsed, &error), BEHALF_OK);
    check = (struct check){
        .resource = {.type = parsed.resource.type, .id = parsed.resource.id},
        .permission = parsed.resource.relation,
        .subject = parsed.subject,
        .actors = asked.actors,
        .actor_count = asked.actor_count,
        .context = asked.context,
        .delegation = asked.grant,
        .properties = asked.properties,
        .explain = true,
    };
    cr_assert_eq(engine_check(agents.worker, &request, &check, &result, &error), BEHALF_OK);
    buffer_init(&tree);
    explanation_print(result.explanation, &tree);
    cr_expect_str_eq(tree.data, expected, "%s", tree.data);
    buffer_release(&tree);
    arena_release(&arena);
}

Test(attributes_decided, an_explanation_shows_what_a_condition_saw)
{
    agents_open(requested, "doc:1#viewer@user:ann[same_team]", "doc:2#viewer@user:ann[asks_view]",
                NULL);
    agents_attributes("set user:ann {\"team\":\"red\"}\nset doc:1 {\"size\":3}");
    expect_tree("doc:1#view@user:ann", with("{\"subject\":{\"team\":\"blue\"}}"),
                "conditional member doc:1#view needs resource\n"
                "  conditional member doc:1#viewer needs resource\n"
                "    conditional relationship doc:1#viewer@user:ann[same_team] with "
                "{\"resource\":{\"size\":3},\"subject\":{\"team\":\"red\"}} left "
                "dyn(\"red\") == resource.team needs resource\n");
    expect_tree("doc:2#edit@user:ann", ann,
                "deny member doc:2#edit\n"
                "  deny member doc:2#viewer\n"
                "    deny relationship doc:2#viewer@user:ann[asks_view] with "
                "{\"action\":{\"name\":\"edit\"}}\n"
                "    deny absent doc:2#viewer@user:*\n");
    agents_close();
}

/* Each hop has a subject and a resource of its own, also where it is explained. */
Test(attributes_decided, an_explained_hop_shows_the_attributes_of_the_hop)
{
    agents_open(stored, "doc:1#viewer@user:ann", "agent:bot#principal@user:ann[same_team]", NULL);
    agents_attributes("set user:ann {\"team\":\"red\"}\nset doc:1 {\"team\":\"red\"}\n"
                      "set agent:bot {\"grade\":1}");
    expect_tree("doc:1#view@user:ann", (struct question_words){.actors = "agent:bot"},
                "conditional intersection needs resource\n"
                "  conditional delegation agent:bot needs resource\n"
                "    conditional member agent:bot#acts_on_behalf_of needs resource\n"
                "      conditional member agent:bot#principal needs resource\n"
                "        conditional relationship agent:bot#principal@user:ann[same_team] with "
                "{\"resource\":{\"grade\":1},\"subject\":{\"team\":\"red\"}} left "
                "dyn(\"red\") == resource.team needs resource\n");
    agents_close();
}

/* --- wide searches --- */

#define GROUPS 600

/* A search that becomes wide is narrowed by one from the subject, under the same conditions. */
Test(attributes_decided, a_wide_search_sees_the_attributes_of_its_check)
{
    static const char *const questions[] = {"doc:1#view@user:ann", "doc:2#view@user:ann",
                                            "doc:1#view@user:bob"};
    static const char *const answers[] = {"deny", "allow", "deny"};
    char text[100];

    agents_open(stored, "doc:1#banned@user:eve", "doc:2#banned@user:eve", NULL);
    for (int at = 0; at < GROUPS; at++) {
        snprintf(text, sizeof text, "doc:1#viewer@group:g%d#member", at);
        agents_put(text);
        snprintf(text, sizeof text, "doc:2#viewer@group:g%d#member", at);
        agents_put(text);
        snprintf(text, sizeof text, "group:g%d#member@user:u%d[opened]", at, at);
        agents_put(text);
    }
    agents_put("group:g500#member@user:ann[opened]");
    agents_put("group:g501#member@user:bob[admin]");
    agents_attributes("set doc:1 {\"status\":\"shut\"}\nset doc:2 {\"status\":\"open\"}\n"
                      "set user:bob {\"role\":\"guest\"}");
    expect_bulk(questions, answers, BEHALF_COUNT_OF(questions), ann);
    EXPECT_TEXT(agents_resources("doc#view", 0, ann), "2");
    agents_close();
}

/* --- revisions, loops --- */

Test(attributes_decided, attributes_are_those_of_the_snapshot)
{
    struct engine_request request;
    struct check check = {.permission = SLICE_LITERAL("view")};
    struct check_result before;
    struct check_result result;
    struct error error;

    agents_open(stored, "doc:1#viewer@user:ann[admin]", NULL);
    agents_attributes("set user:ann {\"role\":\"admin\"}");
    check.resource = agents_object("doc:1");
    check.subject = agents_object("user:ann");
    request = harness_request(&agents, NULL);
    cr_assert_eq(engine_check(agents.worker, &request, &check, &before, &error), BEHALF_OK);
    cr_expect_eq(before.decision, DECISION_ALLOW);
    agents_attributes("set user:ann {\"role\":\"guest\"}");
    request = harness_request(&agents, &before.checked_at);
    cr_assert_eq(engine_check(agents.worker, &request, &check, &result, &error), BEHALF_OK);
    cr_expect_eq(result.decision, DECISION_ALLOW);
    EXPECT_TEXT(agents_check("doc:1#view", ann), "deny");
    agents_close();
}

/* A later page is of the first one's revision, attributes too. */
Test(attributes_decided, pages_see_the_attributes_of_their_revision)
{
    struct engine_request request;
    struct lookup_resources lookup = {
        .resource_type = SLICE_LITERAL("doc"), .permission = SLICE_LITERAL("view"), .limit = 1};
    struct lookup_resources_result result;
    struct engine_token cursor;
    struct error error;

    agents_open(stored, "doc:1#viewer@user:ann[opened]", "doc:2#viewer@user:ann[opened]", NULL);
    agents_attributes("set doc:1 {\"status\":\"open\"}\nset doc:2 {\"status\":\"open\"}");
    lookup.subject = agents_object("user:ann");
    request = harness_request(&agents, NULL);
    cr_assert_eq(engine_lookup_resources(agents.worker, &request, &lookup, &result, &error),
                 BEHALF_OK);
    agents_attributes("set doc:2 {\"status\":\"shut\"}");
    EXPECT_TEXT(agents_resources("doc#view", 1, ann), "1");
    cursor = result.cursor;
    lookup.cursor = slice_of(cursor.text);
    request = harness_request(&agents, NULL);
    cr_assert_eq(engine_lookup_resources(agents.worker, &request, &lookup, &result, &error),
                 BEHALF_OK);
    cr_expect_eq(result.resource_count, 1);
    cr_expect_eq(result.resources[0].decision, DECISION_ALLOW);
    agents_close();
}

/* A loop never waits for storage, and reads no attributes where no condition asks for them. */
Test(attributes_decided, a_loop_hands_on_what_it_would_have_to_read)
{
    struct engine_worker *loop;
    struct engine_request request;
    struct check check = {.permission = SLICE_LITERAL("view")};
    struct check_result result;
    struct error error;

    agents_open(stored, "doc:1#viewer@user:ann[admin]", "doc:2#viewer@user:ann", NULL);
    agents_attributes("set user:ann {\"role\":\"admin\"}");
    harness_engine_reopen(&agents, (size_t)16 << 20);
    loop = engine_worker_new(agents.engine, false);
    check.subject = agents_object("user:ann");
    /* Names and edges into memory, without a condition that asks for attributes. */
    EXPECT_TEXT(agents_check("doc:2#view", ann), "allow");
    EXPECT_TEXT(agents_check("doc:1#banned", ann), "deny");
    check.resource = agents_object("doc:2");
    request = harness_request(&agents, NULL);
    cr_expect_eq(engine_check(loop, &request, &check, &result, &error), BEHALF_OK);
    cr_expect_eq(result.decision, DECISION_ALLOW);
    check.resource = agents_object("doc:1");
    request = harness_request(&agents, NULL);
    cr_expect_eq(engine_check(loop, &request, &check, &result, &error), BEHALF_WOULD_BLOCK);
    EXPECT_TEXT(agents_check("doc:1#view", ann), "allow");
    engine_worker_free(loop);
    agents_close();
}

/* --- schema writes --- */

static void
expect_refused(const char *schema, const char *message)
{
    struct error error = {.status = BEHALF_OK};

    cr_expect_eq(harness_write_schema(&agents, slice_of(schema), &error), BEHALF_SCHEMA_TYPE_ERROR);
    cr_expect_str_eq(error.message, message, "%s", error.message);
}

static void
expect_written(const char *schema)
{
    struct error error;

    cr_expect_eq(harness_write_schema(&agents, slice_of(schema), &error), BEHALF_OK, "%s",
                 error.message);
}

Test(attributes_decided, a_flag_stays_while_relationships_carry_what_it_reserves)
{
    agents_open(DEFINITIONS, "doc:1#viewer@user:ann[admin]", "doc:2#viewer@user:ann[plain]", NULL);
    expect_refused(stored, "cannot add 'use attributes': 1 of 'doc#viewer' with subject 'user with "
                           "admin' in store, for example 'doc:1#viewer@user:ann'");
    expect_refused(requested,
                   "cannot add 'use attributes': 1 of 'doc#viewer' with subject 'user with "
                   "admin' in store, for example 'doc:1#viewer@user:ann'");
    agents_remove("doc:1#viewer@user:ann");
    expect_written(stored);
    agents_put("doc:1#viewer@group:eng#member[opened]");
    expect_refused(DEFINITIONS,
                   "cannot remove 'use attributes': 1 of 'doc#viewer' with subject 'group#member "
                   "with opened' in store, for example 'doc:1#viewer@group:eng#member'");
    expect_refused(requested, "cannot add 'use request_attributes': 1 of 'doc#viewer' with subject "
                              "'group#member with opened' in store, for example "
                              "'doc:1#viewer@group:eng#member'");
    expect_written(stored);
    agents_remove("doc:1#viewer@group:eng#member");
    expect_written(requested);
    agents_put("doc:1#viewer@group:eng#member[opened]");
    expect_refused(stored, "cannot remove 'use request_attributes': 1 of 'doc#viewer' with subject "
                           "'group#member with opened' in store, for example "
                           "'doc:1#viewer@group:eng#member'");
    agents_close();
}

Test(attributes_decided, a_constraint_approved_without_the_flag_does_not_hold_under_it)
{
    struct record_id grant;
    struct record_id other;
    struct question_words asked = {.actors = "agent:bot", .grant = &grant};
    struct question_words plain = {.actors = "agent:bot", .grant = &other, .context = "{\"x\":1}"};

    agents_open(DEFINITIONS, "doc:1#viewer@user:ann", NULL);
    grant = agents_root(agents_session((struct session_words){0}),
                        (struct grant_words){.scope = "doc:* view",
                                             .caveat = "admin",
                                             .context = "{\"subject\":{\"role\":\"admin\"}}"});
    other = agents_root(agents_session((struct session_words){0}),
                        (struct grant_words){.scope = "doc:* view", .caveat = "plain"});
    EXPECT_TEXT(agents_check("doc:1#view", asked), "allow");
    expect_written(stored);
    agents_attributes("set user:ann {\"role\":\"admin\"}");
    EXPECT_TEXT(agents_check("doc:1#view", asked), "deny constraint_failed");
    EXPECT_TEXT(agents_check("doc:1#view", plain), "allow");
    agents_close();
}
