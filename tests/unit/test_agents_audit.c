/* test_agents_audit.c - what agents may do without a grant is found, whatever it comes from, at any
 * size of pages. */
#include "tests/unit/test_agents_support.h"

#include <stdio.h>
#include <string.h>

static const char schema[] =
    "use expiration\n"
    "caveat at_work(hour int) { hour >= 9 && hour < 17 }\n"
    "definition user {}\n"
    "definition agent {\n"
    "  relation principal: user | agent | user:* | user with expiration | user with at_work\n"
    "  permission acts_on_behalf_of = principal\n"
    "}\n"
    "definition robot { permission acts_on_behalf_of = nil }\n"
    "definition team { relation member: user | agent\n"
    "  permission lead = member }\n"
    "definition doc {\n"
    "  relation viewer: user | agent | agent:* | agent with at_work | team#member | robot:*\n"
    "  relation editor: user\n"
    "  relation trusted: agent\n"
    "  permission view = viewer\n"
    "  permission edit = editor\n"
    "  permission agent_ceiling = trusted\n"
    "  permission agent_ceiling_view = trusted\n"
    "}\n";

/* Findings in pages of `limit`, a line each; `types` separated by blanks. */
static enum status
audit(const char *types, uint32_t limit, char *said, size_t size)
{
    struct engine_token cursor = {.text = ""};
    struct slice names[4];
    struct agents_audit asked = {.types = names, .limit = limit};
    size_t pages = 0;

    for (const char *at = types; *at != '\0'; at += strspn(at, " ")) {
        names[asked.type_count++] = (struct slice){at, strcspn(at, " ")};
        at += strcspn(at, " ");
    }
    said[0] = '\0';
    do {
        struct engine_request request = harness_request(&agents, NULL);
        struct agents_audit_result result;
        struct error error;
        enum status status;

        asked.cursor = slice_of(cursor.text);
        status = engine_agents_audit(agents.worker, &request, &asked, &result, &error);
        if (status != BEHALF_OK)
            return status;
        cr_expect_eq(result.complete, result.cursor.text[0] == '\0');
        if (limit > 0)
            cr_expect_leq(result.finding_count, limit);
        for (size_t at = 0; at < result.finding_count; at++) {
            const struct agents_finding *finding = &result.findings[at];
            size_t used = strlen(said);

            if (finding->is_delegation)
                (void)snprintf(said + used, size - used, "%.*s for %.*s\n",
                               SLICE_PRINTF(finding->agent), SLICE_PRINTF(finding->principal));
            else
                (void)snprintf(said + used, size - used, "%.*s %.*s#%.*s as %.*s\n",
                               SLICE_PRINTF(finding->agent), SLICE_PRINTF(finding->resource_type),
                               SLICE_PRINTF(finding->permission), SLICE_PRINTF(finding->example));
        }
        cursor = result.cursor;
        cr_assert_lt(pages++, 1000);
    } while (cursor.text[0] != '\0');
    return BEHALF_OK;
}

static void
expect_findings(const char *types, const char *expected)
{
    static const uint32_t limits[] = {0, 1, 2, 3};
    char said[8192];

    for (size_t at = 0; at < BEHALF_COUNT_OF(limits); at++) {
        cr_assert_eq(audit(types, limits[at], said, sizeof said), BEHALF_OK);
        cr_expect_str_eq(said, expected, "%u:\n%s", limits[at], said);
    }
}

Test(agents_audit, finds_nothing_where_nothing_stands)
{
    agents_open(schema, "doc:1#viewer@user:ann", "doc:1#trusted@agent:bot",
                "agent:helper#principal@user:ann[expiration:2100-01-01T01:00:00Z]", NULL);
    (void)agents_root(agents_session((struct session_words){0}),
                      (struct grant_words){.scope = "doc:* view"});
    expect_findings("", "");
    agents_close();
}

Test(agents_audit, finds_what_each_agent_may_do_by_relationships)
{
    agents_open(schema, "doc:1#viewer@agent:one", "doc:2#viewer@agent:one",
                "doc:3#viewer@agent:two[at_work]", "team:t#member@agent:three",
                "doc:4#viewer@team:t#member", "doc:5#editor@user:ann", NULL);
    expect_findings("", "agent:one doc#view as doc:1\n"
                        "agent:two doc#view as doc:3\n"
                        "agent:three team#lead as team:t\n"
                        "agent:three doc#view as doc:4\n");
    agents_close();
}

Test(agents_audit, wildcards_stand_for_agents_without_a_name)
{
    agents_open(schema, "doc:1#viewer@agent:*", "doc:2#viewer@robot:*", "doc:3#trusted@agent:bot",
                NULL);
    expect_findings("", "agent:* doc#view as doc:1\n"
                        "agent:bot doc#view as doc:1\n"
                        "robot:* doc#view as doc:2\n");
    expect_findings("robot", "robot:* doc#view as doc:2\n");
    agents_close();
}

Test(agents_audit, finds_on_whose_behalf_an_agent_acts_for_good)
{
    agents_open(schema, "agent:one#principal@user:ann",
                "agent:one#principal@user:bob[expiration:2100-01-01T01:00:00Z]",
                "agent:one#principal@user:eve[at_work]", "agent:two#principal@agent:one",
                "agent:three#principal@user:*", NULL);
    expect_findings("", "agent:one for user:ann\n"
                        "agent:one for user:eve\n"
                        "agent:two for agent:one\n"
                        "agent:three for user:*\n");
    agents_at(3600); /* Bob's has ended */
    agents_put("agent:one#principal@user:bob");
    expect_findings("agent", "agent:one for user:ann\n"
                             "agent:one for user:bob\n"
                             "agent:one for user:eve\n"
                             "agent:two for agent:one\n"
                             "agent:three for user:*\n");
    agents_close();
}

Test(agents_audit, stopped_agents_have_nothing)
{
    agents_open(schema, "doc:1#viewer@agent:one", "doc:1#viewer@agent:two", NULL);
    agents_stop(STOP_AGENT, "agent:one");
    expect_findings("", "agent:two doc#view as doc:1\n");
    agents_stop(STOP_EVERYTHING, NULL);
    expect_findings("", "");
    agents_close();
}

Test(agents_audit, all_pages_are_of_one_revision)
{
    struct agents_audit asked = {.limit = 1};
    struct agents_audit_result result;
    struct engine_request request;
    struct engine_token cursor;
    struct engine_token first;
    struct error error;

    agents_open(schema, "doc:1#viewer@agent:one", "doc:1#viewer@agent:two", NULL);
    request = harness_request(&agents, NULL);
    cr_assert_eq(engine_agents_audit(agents.worker, &request, &asked, &result, &error), BEHALF_OK);
    cr_assert_eq(result.finding_count, 1);
    cr_assert_not(result.complete);
    cursor = result.cursor;
    first = result.audited_at;
    agents_remove("doc:1#viewer@agent:two");
    asked.cursor = slice_of(cursor.text);
    request = harness_request(&agents, NULL);
    cr_assert_eq(engine_agents_audit(agents.worker, &request, &asked, &result, &error), BEHALF_OK);
    cr_assert_eq(result.finding_count, 1);
    cr_expect(slice_equal(result.findings[0].agent, SLICE_LITERAL("agent:two")));
    cr_expect_str_eq(result.audited_at.text, first.text);
    agents_close();
}

Test(agents_audit, refuses_types_without_agents_and_cursors_of_others)
{
    char said[256];
    struct slice robot = SLICE_LITERAL("robot");
    struct agents_audit asked = {.limit = 1};
    struct agents_audit_result result;
    struct engine_request request;
    struct engine_token cursor;
    struct error error;

    agents_open(schema, "doc:1#viewer@agent:one", "doc:1#viewer@agent:two", NULL);
    cr_expect_eq(audit("user", 0, said, sizeof said), BEHALF_UNKNOWN_RELATION_OR_PERMISSION);
    cr_expect_eq(audit("agent nothing", 0, said, sizeof said), BEHALF_UNKNOWN_DEFINITION);
    request = harness_request(&agents, NULL);
    cr_assert_eq(engine_agents_audit(agents.worker, &request, &asked, &result, &error), BEHALF_OK);
    cursor = result.cursor;
    asked.cursor = slice_of(cursor.text);
    asked.types = &robot;
    asked.type_count = 1;
    request = harness_request(&agents, NULL);
    cr_expect_eq(engine_agents_audit(agents.worker, &request, &asked, &result, &error),
                 BEHALF_INVALID_CURSOR);
    agents_close();
}

/* A page ends among the principals of one agent, and the next one goes on behind the last. */
Test(agents_audit, pages_end_among_the_principals_of_an_agent)
{
    char expected[4096] = "";
    char text[64];

    agents_open(schema, NULL);
    for (int at = 0; at < 25; at++) {
        (void)snprintf(text, sizeof text, "agent:one#principal@user:%d", at);
        agents_put(text);
        (void)snprintf(expected + strlen(expected), 64, "agent:one for user:%d\n", at);
    }
    agents_put("agent:two#principal@user:3");
    (void)snprintf(expected + strlen(expected), 64, "agent:two for user:3\n");
    expect_findings("", expected);
    agents_close();
}
