/* test_schema_agents.c - names with a meaning for agents, the rule of ceilings, the lint of what an
 * agent may do for good, and digests of caveats. */
#include "tests/unit/test_schema_support.h"

#include "base/memory.h"

#define AGENT "definition user {}\ndefinition agent {\npermission acts_on_behalf_of = nil\n}\n"

Test(schema_agents, agent_types_have_the_member_whatever_it_is_computed_from)
{
    struct schema *schema = schema_given("definition user {}\n"
                                         "definition robot { relation acts_on_behalf_of: user }\n"
                                         "definition tool { permission acts_on_behalf_of = nil }\n"
                                         "definition doc { relation acts_on_behalf: robot }");
    static const char *const agents[] = {"robot", "tool"};
    static const char *const others[] = {"user", "doc"};

    for (size_t at = 0; at < 2; at++) {
        cr_expect(schema_type_is_agent(schema, schema_find_type(schema, slice_of(agents[at]))));
        cr_expect_not(schema_type_is_agent(schema, schema_find_type(schema, slice_of(others[at]))));
    }
    schema_unref(schema);
}

Test(schema_agents, rules_for_agents_are_told_by_their_names)
{
    static const char *const rules[] = {"acts_on_behalf_of", "agent_ceiling", "agent_ceiling_view",
                                        "agent_ceiling_"};
    static const char *const others[] = {"acts_on_behalf_of_",
                                         "acts_on_behalf",
                                         "agent_ceilings",
                                         "agent",
                                         "an_agent_ceiling",
                                         "agent_approver",
                                         ""};

    for (size_t at = 0; at < BEHALF_COUNT_OF(rules); at++)
        cr_expect(schema_is_agent_rule(slice_of(rules[at])), "%s", rules[at]);
    for (size_t at = 0; at < BEHALF_COUNT_OF(others); at++)
        cr_expect_not(schema_is_agent_rule(slice_of(others[at])), "%s", others[at]);
}

/* --- ceilings --- */

Test(schema_agents, ceiling_needs_the_member_it_limits)
{
    expect_doc_error("relation reader: user\nrelation agent_ceiling_reader: user\n"
                     "permission view = reader\npermission agent_ceiling_view = reader\n"
                     "permission agent_ceiling = reader",
                     "");
    expect_doc_error("relation reader: user\npermission agent_ceiling_raeder = reader",
                     "SCHEMA_TYPE_ERROR 2:12 [agent_ceiling_raeder] 'agent_ceiling_raeder' limits "
                     "what agents may do by 'raeder', but 'doc' has no relation or permission of "
                     "that name | did you mean 'reader'?");
    expect_doc_error("relation reader: user\nrelation agent_ceiling_zebra: user",
                     "SCHEMA_TYPE_ERROR 2:10 [agent_ceiling_zebra] 'agent_ceiling_zebra' limits "
                     "what agents may do by 'zebra', but 'doc' has no relation or permission of "
                     "that name");
}

Test(schema_agents, ceiling_of_another_definition_s_member_is_refused)
{
    expect_error("definition user {}\ndefinition one { relation view: user }\n"
                 "definition two { relation agent_ceiling_view: user }",
                 "SCHEMA_TYPE_ERROR 3:27 [agent_ceiling_view] 'agent_ceiling_view' limits what "
                 "agents may do by 'view', but 'two' has no relation or permission of that name");
}

Test(schema_agents, ceiling_may_come_from_a_partial)
{
    schema_unref(schema_given("use partial\ndefinition user {}\n"
                              "partial limits { relation agent_ceiling_view: user }\n"
                              "definition doc { relation view: user\n...limits }"));
    expect_error("use partial\ndefinition user {}\n"
                 "partial limits { relation agent_ceiling_view: user }\n"
                 "definition doc { relation viewer: user\n...limits }",
                 "SCHEMA_TYPE_ERROR 3:27 [agent_ceiling_view] 'agent_ceiling_view' limits what "
                 "agents may do by 'view', but 'doc' has no relation or permission of that name");
}

/* A store whose schema was accepted before the rule still opens. */
Test(schema_agents, stored_text_may_have_a_ceiling_of_nothing)
{
    struct slice text = SLICE_LITERAL("definition user {}\n"
                                      "definition doc { relation agent_ceiling_view: user }");
    struct schema_source *sources = NULL;
    struct schema *schema = NULL;
    struct arena arena;
    struct error error;
    size_t count = 0;

    cr_assert_eq(schema_compile(text, &schema, &error), BEHALF_SCHEMA_TYPE_ERROR);
    cr_assert_eq(schema_compile_stored(text, &schema, &error), BEHALF_OK, "%s", error.message);
    schema_unref(schema);
    arena_init(&arena, (size_t)1024 * 1024);
    cr_assert_eq(schema_sources(text, &arena, &sources, &count, &error), BEHALF_OK);
    cr_expect_eq(count, 1);
    arena_release(&arena);
}

/* --- the lint --- */

/* Lines of `body`, which follows AGENT, count from 1. */
static void
expect_standing(const char *body, const char *expected)
{
    struct schema_lint *lints = NULL;
    size_t count = 0;
    struct error error;
    struct buffer text;
    struct buffer found;

    buffer_init(&text);
    buffer_init(&found);
    buffer_add_format(&text, "use expiration\ncaveat odd(num int) { num == 1 }\n%s%s", AGENT, body);
    cr_assert_eq(schema_lint(buffer_slice(&text), &lints, &count, &error), BEHALF_OK, "%s",
                 error.message);
    for (size_t index = 0; index < count; index++)
        if (strcmp(lints[index].name, "standing-agent-access") == 0)
            buffer_add_format(&found, " %u:%u", lints[index].line - 6, lints[index].column);
    cr_expect_str_eq(found.data, expected, "%s", text.data);
    buffer_release(&found);
    buffer_release(&text);
    memory_free(lints);
}

Test(schema_agents, lint_names_each_way_of_an_agent_without_expiration)
{
    expect_standing("definition doc {\nrelation reader: user | agent\npermission view = reader\n}",
                    " 2:25");
    expect_standing("definition doc {\nrelation reader: agent:* | user\npermission view = reader\n"
                    "}",
                    " 2:18");
    expect_standing("definition doc {\nrelation reader: agent with odd | agent with odd and "
                    "expiration\npermission view = reader\n}",
                    " 2:18");
}

Test(schema_agents, lint_is_silent_where_access_ends_or_leads_to_no_permission)
{
    expect_standing("definition doc {\nrelation reader: user | agent with expiration\n"
                    "permission view = reader\n}",
                    "");
    expect_standing("definition doc {\nrelation reader: agent\nrelation owner: user\n"
                    "permission view = owner\n}",
                    "");
    expect_standing("definition doc {\nrelation banned: agent\nrelation owner: user\n"
                    "permission view = owner - banned\n}",
                    "");
}

Test(schema_agents, lint_passes_over_what_limits_agents_or_says_whom_they_serve)
{
    expect_standing("definition doc {\nrelation trusted: agent | agent:*\nrelation owner: user\n"
                    "permission view = owner\npermission agent_ceiling = trusted\n"
                    "permission agent_ceiling_view = trusted\n}",
                    "");
    expect_standing("definition bot {\nrelation caller: user | agent | bot\n"
                    "permission acts_on_behalf_of = caller\n}",
                    "");
    expect_standing("definition doc {\nrelation agent_ceiling: agent\nrelation owner: user\n"
                    "permission view = owner & agent_ceiling\n}",
                    ""); /* an agent is no owner: nobody gets through */
    expect_standing("definition doc {\nrelation agent_ceiling: agent\n"
                    "permission view = agent_ceiling\n}",
                    " 2:25");
}

Test(schema_agents, lint_follows_usersets_and_arrows_across_definitions)
{
    expect_standing("definition team {\nrelation member: user | agent\n}\n"
                    "definition doc {\nrelation reader: team#member\npermission view = reader\n}",
                    " 2:25");
    expect_standing("definition folder {\nrelation reader: agent\n}\n"
                    "definition doc {\nrelation parent: folder\n"
                    "permission view = parent->reader\n}",
                    " 2:18");
    expect_standing("definition doc {\nrelation reader: agent\nrelation lead: doc\n"
                    "permission agent_ceiling = reader\npermission view = lead->agent_ceiling\n}",
                    " 2:18");
}

Test(schema_agents, lint_can_be_silenced_on_the_relation)
{
    expect_standing("definition doc {\n"
                    "// spicedb-ignore-warning: standing-agent-access\n"
                    "relation reader: agent\npermission view = reader\n}",
                    "");
}

/* --- digests --- */

/* `caveat` begins at its parameters. */
static void
digest_of(const char *caveat, uint8_t digest[DIGEST_SIZE])
{
    struct buffer text;
    struct schema *schema;

    buffer_init(&text);
    buffer_add_format(&text, "caveat first(num int) { num == 77 }\ncaveat second%s", caveat);
    schema = schema_given(text.data);
    schema_caveat_digest(schema, schema_find_caveat(schema, SLICE_LITERAL("second")), digest);
    schema_unref(schema);
    buffer_release(&text);
}

static bool
same_digest(const char *one, const char *other)
{
    uint8_t a[DIGEST_SIZE];
    uint8_t b[DIGEST_SIZE];

    digest_of(one, a);
    digest_of(other, b);
    return memcmp(a, b, DIGEST_SIZE) == 0;
}

Test(schema_agents, digest_is_of_the_bytes_that_the_contract_names)
{
    static const char canonical[] = "\0\0\0\2"
                                    "\0\0\0\4hour\0\0\0\3int"
                                    "\0\0\0\4tags\0\0\0\14list<string>"
                                    "\0\0\0\4hour\0\0\0\2>=\0\0\0\0019"
                                    "\0\0\0\2&&"
                                    "\0\0\0\3\"x\"\0\0\0\2in\0\0\0\4tags";
    struct slice part = {canonical, sizeof canonical - 1};
    uint8_t expected[DIGEST_SIZE];
    uint8_t digest[DIGEST_SIZE];

    digest_sha256(&part, 1, expected);
    digest_of("(hour int, tags list<string>) { hour >= 9 && \"x\" in tags }", digest);
    cr_expect_arr_eq(digest, expected, DIGEST_SIZE);
}

Test(schema_agents, digest_is_blind_to_blanks_and_comments)
{
    const char *plain = "(hour int) { hour >= 9 && hour < 17 }";

    cr_expect(same_digest(plain, "(hour   int){hour>=9&&hour<17}"));
    cr_expect(same_digest(plain, "(hour int) {\n  // at work\n  hour >= 9\n  && hour < 17\n}"));
    cr_expect(same_digest(plain, "( hour int ) { hour >= /* nine */ 9 && hour < 17 }"));
}

Test(schema_agents, digest_changes_with_all_that_a_caveat_says)
{
    const char *plain = "(hour int) { hour >= 9 && hour < 17 }";
    static const char *const others[] = {
        "(hour int) { hour >= 9 && hour < 18 }",
        "(hour int) { hour >= 9 || hour < 17 }",
        "(hour int) { hour >= 9 }",
        "(hour int) { (hour >= 9) && hour < 17 }",
        "(hour int) { hour >= 9 && hour < 1 }",
        "(hour double) { hour >= 9.0 && hour < 17.0 }",
        "(time int) { time >= 9 && time < 17 }",
        "(hour int, other bool) { hour >= 9 && hour < 17 && other }",
    };

    for (size_t at = 0; at < BEHALF_COUNT_OF(others); at++)
        cr_expect_not(same_digest(plain, others[at]), "%s", others[at]);
    /* A blank in a string is no blank. */
    cr_expect_not(
        same_digest("(name string) { name == \"a b\" }", "(name string) { name == \"ab\" }"));
    /* Types alone. */
    cr_expect_not(same_digest("(xx int, yy int) { xx == yy }", "(xx uint, yy uint) { xx == yy }"));
    cr_expect_not(same_digest("(xx int, yy int) { xx < yy }", "(yy int, xx int) { xx < yy }"));
}
