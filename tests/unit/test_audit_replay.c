/* test_audit_replay.c - recorded checks decided again: as they were, and as they would be now. The
 * records are written by hand, at revisions of a real store. */
#include <stdio.h>
#include <string.h>

#include "base/datum.h"
#include "tests/unit/test_audit_support.h"

static const char schema[] = "use expiration\n"
                             "caveat office(hour int) { hour < 18 }\n"
                             "definition user {}\n"
                             "definition agent { permission acts_on_behalf_of = nil }\n"
                             "definition doc {\n"
                             "  relation viewer: user | user with office | user with expiration\n"
                             "  permission view = viewer\n"
                             "}\n";

static struct record_id session;
static struct record_id grant;

static void
begin(void)
{
    audited_begin();
    agents_open(schema, "doc:1#viewer@user:ann", NULL);
}

static void
end(void)
{
    agents_close();
    audited_end();
}

TestSuite(audit_replay, .init = begin, .fini = end);

static void
consent(struct session_words words)
{
    session = agents_session(words);
    grant = agents_root(session, (struct grant_words){.scope = "doc:* view"});
}

/* --- records --- */

struct row {
    const char *outcome; /* "deny", "reason": ... of the record, as JSON members */
    const char *more;    /* further members, NULL = none */
    int64_t now;         /* seconds behind the start */
    int64_t seen;        /* the same; -1 = none */
    uint64_t revision;   /* 0 = the head */
    bool plain;          /* without actor and grant */
};

static void
put_time(struct buffer *out, const char *name, int64_t seconds)
{
    buffer_add_format(out, ",\"%s\":\"", name);
    time_print(AGENTS_START + seconds * AGENTS_SECOND, out);
    buffer_add_byte(out, '"');
}

static void
record(struct row row)
{
    struct record_id_text id = audited_decision_id(row.now);
    struct record_id_text of;
    struct buffer json;

    buffer_init(&json);
    buffer_add_format(
        &json,
        "{\"event\":\"decision\",\"decision_id\":\"%s\",\"permission\":\"view\","
        "\"resource\":\"doc:1\",\"principal\":\"user:ann\",\"revision\":%llu,"
        "\"decision\":%s",
        id.text,
        (unsigned long long)(row.revision != 0 ? row.revision : store_head_revision(agents.store)),
        row.outcome);
    if (!row.plain) {
        record_id_print(&grant, RECORD_PREFIX_GRANT, &of);
        buffer_add_format(&json, ",\"actors\":[\"agent:bot\"],\"grant\":\"%s\"", of.text);
    }
    put_time(&json, "now", row.now);
    if (row.seen >= 0)
        put_time(&json, "last_seen", row.seen);
    if (row.more != NULL)
        buffer_add_format(&json, ",%s", row.more);
    buffer_add_byte(&json, '}');
    audited_put(row.now, json.data);
    buffer_release(&json);
}

/* "2 same; dec: allow -> deny grant_revoked; 1 context" of all records. Static storage. */
static const char *
replay(bool then)
{
    static char text[4096];
    const struct engine_request request = audited_request();
    const struct audit_replay asked = {.then = then};
    struct audit_replay_result result;
    struct buffer out;
    struct error error;

    cr_assert_eq(engine_audit_replay(agents.worker, &request, &asked, &result, &error), BEHALF_OK,
                 "%s", error.message);
    cr_expect(result.complete);
    buffer_init(&out);
    buffer_add_format(&out, "%llu same", (unsigned long long)result.same);
    for (size_t at = 0; at < result.difference_count; at++)
        buffer_add_format(&out, "; %.*s -> %.*s", SLICE_PRINTF(result.different[at].recorded),
                          SLICE_PRINTF(result.different[at].now));
    for (size_t at = 0; at < result.skipped_count; at++)
        buffer_add_format(&out, "; %llu %.*s", (unsigned long long)result.skipped[at].count,
                          SLICE_PRINTF(result.skipped[at].reason));
    (void)snprintf(text, sizeof text, "%s", out.data);
    buffer_release(&out);
    return text;
}

#define ALLOW "\"allow\""
#define DENY(reason) "\"deny\",\"reason\":\"" reason "\""

/* --- then --- */

Test(audit_replay, an_allow_is_one_also_after_its_grant_was_revoked)
{
    consent((struct session_words){0});
    record((struct row){.outcome = ALLOW, .seen = 0});
    agents_revoke(grant);
    record((struct row){.outcome = DENY("grant_revoked"), .seen = 0});
    cr_expect_str_eq(replay(true), "2 same");
    cr_expect_str_eq(replay(false), "1 same; allow -> deny grant_revoked");
}

Test(audit_replay, a_record_that_is_not_true_is_a_difference)
{
    consent((struct session_words){0});
    record((struct row){.outcome = DENY("scope_excluded"), .seen = 0});
    record((struct row){.outcome = "\"conditional\",\"reason\":\"missing_context\"", .seen = 0});
    cr_expect_str_eq(replay(true), "0 same; deny scope_excluded -> allow; conditional -> allow");
}

/* Relationships, the schema and the stops are those of the revision. */
Test(audit_replay, the_data_of_the_revision_decide)
{
    uint64_t before;

    consent((struct session_words){0});
    before = store_head_revision(agents.store);
    agents_remove("doc:1#viewer@user:ann");
    record((struct row){.outcome = ALLOW, .seen = 0, .revision = before});
    record((struct row){.outcome = DENY("principal_denied"), .seen = 0});
    agents_put("doc:1#viewer@user:ann");
    cr_expect_str_eq(replay(true), "2 same");
    cr_expect_str_eq(replay(false), "1 same; deny principal_denied -> allow");
}

Test(audit_replay, a_stop_counts_from_its_revision_on)
{
    uint64_t before;

    consent((struct session_words){0});
    before = store_head_revision(agents.store);
    agents_stop(STOP_AGENT, "agent:bot");
    record((struct row){.outcome = ALLOW, .seen = 0, .revision = before});
    record((struct row){.outcome = DENY("agent_stopped"), .seen = 0});
    agents_restore(STOP_AGENT, "agent:bot");
    cr_expect_str_eq(replay(true), "2 same");
}

/* Time is the recorded one, whatever the clock says now. */
Test(audit_replay, the_recorded_time_decides)
{
    consent((struct session_words){0});
    agents_put("doc:1#viewer@user:ann[expiration:2100-01-01T00:01:00Z]");
    record((struct row){.outcome = ALLOW, .now = 59, .seen = 0});
    record((struct row){.outcome = DENY("principal_denied"), .now = 60, .seen = 0});
    record((struct row){.outcome = DENY("grant_expired"), .now = 1800, .seen = 1700});
    cr_expect_str_eq(replay(true), "3 same");
    agents_at(7200);
    cr_expect_str_eq(replay(true), "3 same");
    cr_expect_str_eq(replay(false), "0 same; allow -> deny session_expired; deny principal_denied "
                                    "-> deny session_expired; deny grant_expired -> deny "
                                    "session_expired");
}

Test(audit_replay, the_recorded_last_use_decides)
{
    consent((struct session_words){.idle = 60});
    record((struct row){.outcome = ALLOW, .now = 100, .seen = 50});
    record((struct row){.outcome = DENY("session_idle"), .now = 110, .seen = 50});
    cr_expect_str_eq(replay(true), "2 same");
}

/* --- what a replay leaves alone --- */

Test(audit_replay, nothing_is_moved_or_spent)
{
    struct engine_request request;
    struct engine_record_result read;
    struct error error;
    uint64_t head;

    session = agents_session((struct session_words){.idle = 600});
    grant = agents_root(session, (struct grant_words){.scope = "doc:* view", .uses = 1});
    record((struct row){.outcome = ALLOW, .seen = 0});
    head = store_head_revision(agents.store);
    agents_at(120);
    cr_expect_str_eq(replay(true), "1 same");
    cr_expect_str_eq(replay(false), "1 same");
    cr_expect_eq(store_head_revision(agents.store), head);
    request = audited_request();
    cr_assert_eq(engine_session_read(agents.worker, &request, &session, &read, &error), BEHALF_OK);
    cr_expect_eq(read.record.last_seen, AGENTS_START);
    cr_assert_eq(engine_grant_read(agents.worker, &request, &grant, &read, &error), BEHALF_OK);
    cr_expect_eq(read.record.uses_left, 1);
}

/* D10b is left out: what it denied is the same when nothing else denies it. */
Test(audit_replay, uses_are_left_out)
{
    session = agents_session((struct session_words){0});
    grant = agents_root(session, (struct grant_words){.scope = "doc:* view", .uses = 1});
    record((struct row){.outcome = DENY("uses_exhausted"), .seen = 0});
    record((struct row){.outcome = DENY("single_check_required"), .seen = 0});
    cr_expect_str_eq(replay(true), "2 same");
    agents_remove("doc:1#viewer@user:ann");
    record((struct row){.outcome = DENY("uses_exhausted"), .seen = 0});
    cr_expect_str_eq(replay(true), "2 same; deny uses_exhausted -> deny principal_denied");
}

/* What a grant is bound to is asked again (D10a). */
Test(audit_replay, a_binding_is_compared)
{
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    char more[256];

    session = agents_session((struct session_words){0});
    grant = agents_root(session, (struct grant_words){.scope = "doc:* view", .method = "call"});
    (void)snprintf(more, sizeof more, "\"binding\":{\"method\":\"call\",\"digest\":\"%s\"}", zeros);
    record((struct row){.outcome = ALLOW, .seen = 0, .more = more});
    record((struct row){.outcome = DENY("binding_mismatch"), .seen = 0});
    cr_expect_str_eq(replay(true), "2 same");
}

/* --- without a grant --- */

Test(audit_replay, a_plain_decision_and_its_context)
{
    agents_put("doc:1#viewer@user:ann[office]");
    record((struct row){
        .outcome = ALLOW, .plain = true, .seen = -1, .more = "\"context\":\"{\\\"hour\\\":9}\""});
    record((struct row){.outcome = "\"deny\"",
                        .plain = true,
                        .seen = -1,
                        .more = "\"context\":\"{\\\"hour\\\":19}\""});
    record((struct row){
        .outcome = "\"conditional\",\"missing\":[\"hour\"]", .plain = true, .seen = -1});
    cr_expect_str_eq(replay(true), "3 same");
}

/* --- what is skipped --- */

Test(audit_replay, what_cannot_be_decided_as_it_was_is_counted)
{
    record((struct row){
        .outcome = ALLOW, .plain = true, .seen = -1, .more = "\"context_sha256\":\"00\""});
    record((struct row){
        .outcome = ALLOW, .plain = true, .seen = -1, .more = "\"properties_sha256\":\"00\""});
    audited_put(0, "{\"event\":\"decision\",\"decision\":\"allow\"}");
    record((struct row){
        .outcome = ALLOW, .plain = true, .seen = -1, .more = "\"actors\":[\"no object\"]"});
    record((struct row){.outcome = ALLOW, .plain = true, .seen = -1, .revision = 1000000});
    cr_expect_str_eq(replay(true),
                     "0 same; 1 context; 1 properties; 2 incomplete; 1 REVISION_UNKNOWN");
}

/* Its schema is older than the definition. */
Test(audit_replay, names_that_a_schema_lacks_are_skipped)
{
    struct error error;

    record((struct row){.outcome = ALLOW, .plain = true, .seen = -1});
    agents_remove("doc:1#viewer@user:ann");
    cr_assert_eq(harness_write_schema(&agents, SLICE_LITERAL("definition user {}"), &error),
                 BEHALF_OK, "%s", error.message);
    cr_expect_str_eq(replay(true), "1 same");
    cr_expect_str_eq(replay(false), "0 same; 1 UNKNOWN_DEFINITION");
}

/* --- pages --- */

Test(audit_replay, a_page_says_where_to_go_on)
{
    const struct engine_request request = audited_request();
    struct audit_replay asked = {.then = true, .limit = 1};
    struct audit_replay_result result;
    struct error error;
    uint64_t decided = 0;
    int pages = 0;

    record((struct row){.outcome = ALLOW, .plain = true, .seen = -1});
    audited_put(0, "{\"event\":\"test.row\"}");
    record((struct row){.outcome = ALLOW, .plain = true, .seen = -1});
    do {
        cr_assert_eq(engine_audit_replay(agents.worker, &request, &asked, &result, &error),
                     BEHALF_OK, "%s", error.message);
        cr_expect(result.same <= 1);
        decided += result.same;
        asked.from = result.next;
    } while (!result.complete && ++pages < 10);
    cr_expect_eq(decided, 2);
    cr_expect_eq(pages, 2);
}
