/* test_records_read.c - sessions, grants and stops as they are read: their bodies, what state they
 * are in now, and pages of lists. */
#include "tests/unit/test_agents_support.h"

#include <stdio.h>
#include <string.h>

#include "base/datum.h"

static const char schema[] = "definition user {}\n"
                             "definition agent { permission acts_on_behalf_of = nil }\n"
                             "definition doc { relation viewer: user\n"
                             "  permission view = viewer }\n";

static struct engine_record
read_session(struct record_id id)
{
    struct engine_request request = harness_request(&agents, NULL);
    struct engine_record_result result;
    struct error error;

    cr_assert_eq(engine_session_read(agents.worker, &request, &id, &result, &error), BEHALF_OK,
                 "%s", error.message);
    cr_assert(record_id_equal(&result.record.id, &id));
    cr_assert_neq(result.read_at.text[0], '\0');
    return result.record;
}

static struct engine_record
read_grant(struct record_id id)
{
    struct engine_request request = harness_request(&agents, NULL);
    struct engine_record_result result;
    struct error error;

    cr_assert_eq(engine_grant_read(agents.worker, &request, &id, &result, &error), BEHALF_OK, "%s",
                 error.message);
    cr_assert(record_id_equal(&result.record.id, &id));
    return result.record;
}

static void
expect_body(const struct engine_record *record, const char *field, const char *expected)
{
    const struct datum *body;
    const struct datum *value;
    struct arena arena;
    struct error error;
    struct buffer text;

    arena_init(&arena, SIZE_MAX);
    buffer_init(&text);
    cr_assert_eq(datum_decode(record->body, &arena, &body, &error), BEHALF_OK);
    value = datum_field(body, slice_of(field));
    if (value != NULL)
        datum_print_json(value, &text);
    cr_expect_str_eq(text.size > 0 ? text.data : "", expected, "%s: %s", field, text.data);
    buffer_release(&text);
    arena_release(&arena);
}

/* --- sessions --- */

Test(records_read, session_has_its_fields_and_when_it_was_used)
{
    struct record_id session;
    struct record_id grant;
    struct engine_record record;

    agents_open(schema, "doc:1#viewer@user:ann", NULL);
    session = agents_session(
        (struct session_words){.client = "https://app", .seconds = 600, .idle = 120});
    grant = agents_root(session, (struct grant_words){.scope = "doc:* view", .seconds = 600});
    record = read_session(session);
    cr_expect_eq(record.state, REASON_NONE);
    cr_expect_eq(record.last_seen, AGENTS_START); /* when it was made */
    expect_body(&record, "principal", "\"user:ann\"");
    expect_body(&record, "agent", "\"agent:bot\"");
    expect_body(&record, "client", "\"https://app\"");
    expect_body(&record, "expires_at", "4102445400000000000");
    expect_body(&record, "status", "\"active\"");
    agents_at(60);
    cr_expect_str_eq(
        agents_check("doc:1#view", (struct question_words){.actors = "agent:bot", .grant = &grant}),
        "allow");
    record = read_session(session);
    cr_expect_eq(record.last_seen, AGENTS_START + 60 * AGENTS_SECOND);
    agents_close();
}

Test(records_read, state_of_a_session_is_the_reason_of_its_conditions)
{
    struct record_id session;
    struct record_id idle;

    agents_open(schema, NULL);
    session = agents_session((struct session_words){.client = "app", .seconds = 600});
    idle = agents_session((struct session_words){.seconds = 600, .idle = 60});
    cr_expect_eq(read_session(session).state, REASON_NONE);
    agents_change(session, SESSION_SUSPEND);
    cr_expect_eq(read_session(session).state, REASON_SESSION_SUSPENDED);
    agents_change(session, SESSION_RESUME);
    cr_expect_eq(read_session(session).state, REASON_NONE);
    agents_stop(STOP_CLIENT, "app");
    cr_expect_eq(read_session(session).state, REASON_AGENT_STOPPED);
    cr_expect_eq(read_session(idle).state, REASON_NONE);
    agents_restore(STOP_CLIENT, "app");
    cr_expect_eq(read_session(session).state, REASON_AGENT_STOPPED); /* made before it */
    agents_at(59);
    cr_expect_eq(read_session(idle).state, REASON_NONE);
    agents_at(60);
    cr_expect_eq(read_session(idle).state, REASON_SESSION_IDLE);
    agents_at(600);
    cr_expect_eq(read_session(idle).state, REASON_SESSION_EXPIRED);
    agents_change(idle, SESSION_REVOKE);
    cr_expect_eq(read_session(idle).state, REASON_SESSION_REVOKED);
    agents_close();
}

/* --- grants --- */

Test(records_read, grant_has_its_fields_chain_and_uses)
{
    struct record_id session;
    struct record_id root;
    struct record_id child;
    struct engine_record record;

    agents_open(schema, NULL);
    session = agents_session((struct session_words){0});
    root = agents_root(session, (struct grant_words){.scope = "doc:* view", .depth = 2});
    child = agents_delegate(root, "agent:bot", "agent:helper",
                            (struct grant_words){.scope = "doc:1 view", .uses = 3, .depth = 1});
    record = read_grant(root);
    cr_expect_not(record.has_uses);
    cr_assert_eq(record.chain_length, 1);
    cr_expect(record_id_equal(&record.chain[0], &root));
    record = read_grant(child);
    cr_expect_eq(record.state, REASON_NONE);
    cr_expect(record.has_uses);
    cr_expect_eq(record.uses_left, 3);
    cr_assert_eq(record.chain_length, 2);
    cr_expect(record_id_equal(&record.chain[0], &root));
    cr_expect(record_id_equal(&record.chain[1], &child));
    expect_body(&record, "delegatee", "\"agent:helper\"");
    expect_body(&record, "scope", "[{\"actions\":[\"view\"],\"selector\":\"doc:1\"}]");
    expect_body(&record, "max_depth", "1");
    agents_close();
}

Test(records_read, state_of_a_grant_is_that_of_its_whole_chain)
{
    struct record_id session;
    struct record_id root;
    struct record_id child;
    struct record_id other;

    agents_open(schema, NULL);
    session = agents_session((struct session_words){.seconds = 900});
    root = agents_root(session,
                       (struct grant_words){.scope = "doc:* view", .seconds = 300, .depth = 1});
    child = agents_delegate(root, "agent:bot", "agent:helper",
                            (struct grant_words){.scope = "doc:1 view", .begins = 100});
    other = agents_root(session, (struct grant_words){.scope = "doc:* view", .seconds = 300});
    cr_expect_eq(read_grant(root).state, REASON_NONE);
    cr_expect_eq(read_grant(child).state, REASON_GRANT_NOT_YET_VALID);
    agents_at(100);
    cr_expect_eq(read_grant(child).state, REASON_NONE);
    agents_stop(STOP_AGENT, "agent:helper");
    cr_expect_eq(read_grant(child).state, REASON_AGENT_STOPPED);
    cr_expect_eq(read_grant(root).state, REASON_NONE);
    agents_revoke(root);
    cr_expect_eq(read_grant(child).state, REASON_GRANT_REVOKED);
    cr_expect_eq(read_grant(other).state, REASON_NONE);
    agents_at(300);
    cr_expect_eq(read_grant(other).state, REASON_GRANT_EXPIRED);
    agents_change(session, SESSION_SUSPEND);
    cr_expect_eq(read_grant(other).state, REASON_SESSION_SUSPENDED);
    agents_close();
}

Test(records_read, unknown_records_are_said_so)
{
    struct engine_record_result result;
    struct record_id session;
    struct record_id nothing = {.bytes = {7}};
    struct engine_request request;
    struct error error;

    agents_open(schema, NULL);
    session = agents_session((struct session_words){0});
    request = harness_request(&agents, NULL);
    cr_expect_eq(engine_session_read(agents.worker, &request, &nothing, &result, &error),
                 BEHALF_UNKNOWN_RECORD);
    cr_expect_eq(engine_grant_read(agents.worker, &request, &nothing, &result, &error),
                 BEHALF_UNKNOWN_RECORD);
    /* A session is no grant. */
    cr_expect_eq(engine_grant_read(agents.worker, &request, &session, &result, &error),
                 BEHALF_UNKNOWN_RECORD);
    agents_close();
}

Test(records_read, records_are_of_the_newest_revision_only)
{
    struct engine_record_result result;
    struct record_id session;
    struct engine_request request;
    struct engine_token token;
    struct error error;

    agents_open(schema, NULL);
    session = agents_session((struct session_words){0});
    request = harness_request(&agents, NULL);
    cr_assert_eq(engine_session_read(agents.worker, &request, &session, &result, &error),
                 BEHALF_OK);
    token = result.read_at;
    request = harness_request(&agents, &token); /* at_exact_snapshot */
    cr_expect_eq(engine_session_read(agents.worker, &request, &session, &result, &error),
                 BEHALF_MALFORMED_REQUEST);
    agents_close();
}

Test(records_read, event_loops_leave_reads_to_the_pool)
{
    struct engine_worker *loop;
    struct engine_record_result result;
    struct record_id session;
    struct engine_request request;
    struct error error;

    agents_open(schema, NULL);
    session = agents_session((struct session_words){0});
    loop = engine_worker_new(agents.engine, false);
    request = harness_request(&agents, NULL);
    cr_expect_eq(engine_session_read(loop, &request, &session, &result, &error),
                 BEHALF_WOULD_BLOCK);
    engine_worker_free(loop);
    agents_close();
}

/* --- lists --- */

struct lister {
    struct engine_record_list list;
    struct engine_token cursor;
    struct engine_record_list_result result;
};

static enum status
next_page(struct lister *lister)
{
    struct engine_request request = harness_request(&agents, NULL);
    struct error error;
    enum status status;

    lister->list.cursor = slice_of(lister->cursor.text);
    status = engine_record_list(agents.worker, &request, &lister->list, &lister->result, &error);
    if (status == BEHALF_OK) {
        cr_expect_eq(lister->result.complete, lister->result.cursor.text[0] == '\0');
        lister->cursor = lister->result.cursor;
    }
    return status;
}

/* All pages joined are these records, in this order. */
static void
expect_list(struct engine_record_list list, const struct record_id *expected, size_t count)
{
    for (uint32_t limit = 1; limit <= count + 1; limit++) {
        struct lister lister = {.list = list};
        size_t at = 0;

        lister.list.limit = limit;
        do {
            cr_assert_eq(next_page(&lister), BEHALF_OK);
            cr_assert_leq(lister.result.record_count, limit);
            for (size_t row = 0; row < lister.result.record_count; row++, at++) {
                cr_assert_lt(at, count);
                cr_expect(record_id_equal(&lister.result.records[row].id, &expected[at]));
                cr_expect_gt(lister.result.records[row].body.size, 0);
            }
        } while (!lister.result.complete);
        cr_expect_eq(at, count, "%zu of %zu at %u", at, count, limit);
    }
}

Test(records_read, lists_are_in_the_order_of_ends_at_any_page_size)
{
    struct record_id sessions[4];
    struct record_id grants[3];
    struct record_id others[2];

    agents_open(schema, NULL);
    sessions[2] = agents_session((struct session_words){.seconds = 3000});
    sessions[0] = agents_session((struct session_words){.seconds = 1000});
    sessions[3] = agents_session((struct session_words){.seconds = 4000, .agent = "agent:other"});
    sessions[1] = agents_session((struct session_words){.seconds = 2000});
    others[0] = agents_session((struct session_words){.principal = "user:bob", .seconds = 1500});
    grants[1] = agents_root(
        sessions[2], (struct grant_words){.scope = "doc:* view", .seconds = 200, .depth = 1});
    grants[0] =
        agents_root(sessions[2], (struct grant_words){.scope = "doc:* view", .seconds = 100});
    grants[2] =
        agents_root(sessions[2], (struct grant_words){.scope = "doc:* view", .seconds = 300});
    others[1] = agents_delegate(grants[1], "agent:bot", "agent:helper",
                                (struct grant_words){.scope = "doc:* view", .seconds = 50});
    agents_revoke(grants[0]); /* still listed */

    expect_list((struct engine_record_list){.by = LIST_SESSIONS_OF_PRINCIPAL,
                                            .object = agents_object("user:ann")},
                sessions, 4);
    expect_list((struct engine_record_list){.by = LIST_SESSIONS_OF_PRINCIPAL,
                                            .object = agents_object("user:bob")},
                others, 1);
    expect_list((struct engine_record_list){.by = LIST_SESSIONS_OF_AGENT,
                                            .object = agents_object("agent:other")},
                &sessions[3], 1);
    expect_list((struct engine_record_list){.by = LIST_GRANTS_OF_AGENT,
                                            .object = agents_object("agent:bot")},
                grants, 3);
    expect_list((struct engine_record_list){.by = LIST_GRANTS_OF_AGENT,
                                            .object = agents_object("agent:helper")},
                &others[1], 1);
    {
        const struct record_id all[] = {others[1], grants[0], grants[1], grants[2]};

        expect_list(
            (struct engine_record_list){.by = LIST_GRANTS_OF_SESSION, .session = sessions[2]}, all,
            4);
    }
    expect_list((struct engine_record_list){.by = LIST_GRANTS_OF_SESSION, .session = sessions[0]},
                NULL, 0);
    /* A party of another type, and one that was never stored. */
    expect_list((struct engine_record_list){.by = LIST_SESSIONS_OF_PRINCIPAL,
                                            .object = agents_object("agent:bot")},
                NULL, 0);
    expect_list((struct engine_record_list){.by = LIST_SESSIONS_OF_PRINCIPAL,
                                            .object = agents_object("user:nobody")},
                NULL, 0);
    agents_close();
}

/* --- access requests --- */

static struct record_id
ask(const char *principal, const char *agent, int64_t seconds)
{
    const struct engine_new_access_request new = {
        .principal = agents_object(principal),
        .agent = agents_object(agent),
        .resource = agents_object("doc:1"),
        .permission = SLICE_LITERAL("view"),
        .end.in_ns = seconds * INT64_C(1000000000),
    };
    struct engine_write write = {.kind = WRITE_REQUEST_CREATE, .new_access_request = &new};

    cr_assert_eq(harness_submit(&agents, &write), BEHALF_OK, "%s", write.error.message);
    return write.access_request;
}

static void
deny(struct record_id id)
{
    struct engine_access_refusal refusal = {.request = id, .reason = SLICE_LITERAL("no")};
    struct engine_write write = {.kind = WRITE_REQUEST_CLOSE, .access_refusal = &refusal};

    cr_assert_eq(harness_submit(&agents, &write), BEHALF_OK, "%s", write.error.message);
}

static enum status
read_request_as(struct record_id id, const struct object *bound, struct engine_record *record)
{
    struct engine_request request = harness_request(&agents, NULL);
    struct engine_record_result result;
    struct error error;
    enum status status;

    request.bound = bound;
    status = engine_access_request_read(agents.worker, &request, &id, &result, &error);
    if (status == BEHALF_OK)
        *record = result.record;
    return status;
}

static struct engine_record
read_request(struct record_id id)
{
    struct engine_record record;

    cr_assert_eq(read_request_as(id, NULL, &record), BEHALF_OK);
    return record;
}

Test(records_read, a_request_that_is_pending_past_its_end_reads_expired)
{
    struct record_id pending;
    struct record_id denied;
    struct engine_record record;

    agents_open(schema, NULL);
    pending = ask("user:ann", "agent:bot", 60);
    denied = ask("user:ann", "agent:bot", 60);
    deny(denied);
    record = read_request(pending);
    cr_expect_eq(record.access_request.status, ACCESS_REQUEST_PENDING);
    cr_expect_eq(record.access_request.decided_at, 0);
    expect_body(&record, "permission", "\"view\"");
    harness_set_time(&agents, AGENTS_START + 60 * AGENTS_SECOND - 1);
    cr_expect_eq(read_request(pending).access_request.status, ACCESS_REQUEST_PENDING);
    agents_at(60);
    cr_expect_eq(read_request(pending).access_request.status, ACCESS_REQUEST_EXPIRED);
    record = read_request(denied);
    cr_expect_eq(record.access_request.status, ACCESS_REQUEST_DENIED);
    cr_expect_neq(record.access_request.decided_at, 0);
    cr_expect_not(record.access_request.has_grant);
    agents_close();
}

Test(records_read, a_bound_caller_sees_its_own_requests)
{
    struct engine_record record;
    struct record_id id;
    struct object bot;
    struct object other;
    struct record_id nothing = {.bytes = {7}};

    agents_open(schema, NULL);
    id = ask("user:ann", "agent:bot", 60);
    (void)ask("user:ann", "agent:other", 60);
    bot = agents_object("agent:bot");
    other = agents_object("agent:other");
    cr_expect_eq(read_request_as(id, &bot, &record), BEHALF_OK);
    cr_expect_eq(read_request_as(id, &other, &record), BEHALF_UNKNOWN_RECORD);
    other = agents_object("agent:never");
    cr_expect_eq(read_request_as(id, &other, &record), BEHALF_UNKNOWN_RECORD);
    cr_expect_eq(read_request_as(nothing, NULL, &record), BEHALF_UNKNOWN_RECORD);
    agents_close();
}

Test(records_read, requests_are_listed_by_agent_and_end_at_any_page_size)
{
    struct engine_record_list list = {.by = LIST_REQUESTS_OF_PRINCIPAL};
    struct record_id ids[7];

    agents_open(schema, NULL);
    ids[1] = ask("user:ann", "agent:bot", 200);
    ids[3] = ask("user:ann", "agent:other", 100);
    ids[0] = ask("user:ann", "agent:bot", 50);
    ids[2] = ask("user:ann", "agent:bot", 300);
    ids[4] = ask("user:ann", "agent:other", 400);
    ids[5] = ask("user:bob", "agent:bot", 10);
    deny(ids[1]);
    deny(ids[4]);
    list.object = agents_object("user:ann");
    expect_list(list, ids, 5);
    list.has_status = true;
    list.status = ACCESS_REQUEST_DENIED;
    expect_list(list, (struct record_id[]){ids[1], ids[4]}, 2);
    list.status = ACCESS_REQUEST_PENDING;
    expect_list(list, (struct record_id[]){ids[0], ids[2], ids[3]}, 3);
    agents_at(100);
    expect_list(list, &ids[2], 1);
    list.status = ACCESS_REQUEST_EXPIRED;
    expect_list(list, (struct record_id[]){ids[0], ids[3]}, 2);
    list.status = ACCESS_REQUEST_APPROVED;
    expect_list(list, NULL, 0);
    agents_close();
}

/* Ends and agents alike: the id alone tells where a page goes on. */
Test(records_read, requests_of_one_end_are_listed_once_each)
{
    struct lister lister = {.list = {.by = LIST_REQUESTS_OF_PRINCIPAL, .limit = 3}};
    struct record_id seen[16];
    size_t count = 0;

    agents_open(schema, NULL);
    for (int at = 0; at < 16; at++)
        (void)ask("user:ann", "agent:bot", 60);
    lister.list.object = agents_object("user:ann");
    do {
        cr_assert_eq(next_page(&lister), BEHALF_OK);
        for (size_t row = 0; row < lister.result.record_count; row++) {
            cr_assert_lt(count, BEHALF_COUNT_OF(seen));
            for (size_t before = 0; before < count; before++)
                cr_assert_not(record_id_equal(&seen[before], &lister.result.records[row].id));
            seen[count++] = lister.result.records[row].id;
        }
    } while (!lister.result.complete);
    cr_assert_eq(count, 16);
    agents_close();
}

Test(records_read, a_cursor_belongs_to_the_status_that_was_asked_for)
{
    struct lister lister = {.list = {.by = LIST_REQUESTS_OF_PRINCIPAL, .limit = 1}};

    agents_open(schema, NULL);
    (void)ask("user:ann", "agent:bot", 60);
    (void)ask("user:ann", "agent:bot", 60);
    lister.list.object = agents_object("user:ann");
    cr_assert_eq(next_page(&lister), BEHALF_OK);
    lister.list.has_status = true;
    cr_expect_eq(next_page(&lister), BEHALF_INVALID_CURSOR);
    agents_close();
}

Test(records_read, pages_of_a_list_see_the_records_of_now)
{
    struct lister lister;
    struct record_id session;

    agents_open(schema, NULL);
    session = agents_session((struct session_words){.seconds = 1000});
    (void)agents_session((struct session_words){.seconds = 2000});
    lister = (struct lister){.list = {.by = LIST_SESSIONS_OF_PRINCIPAL,
                                      .object = agents_object("user:ann"),
                                      .limit = 1}};
    cr_assert_eq(next_page(&lister), BEHALF_OK);
    cr_expect(record_id_equal(&lister.result.records[0].id, &session));
    agents_stop(STOP_PRINCIPAL, "user:ann");
    (void)agents_session((struct session_words){.principal = "user:bob", .seconds = 1500});
    cr_assert_eq(next_page(&lister), BEHALF_OK);
    cr_assert_eq(lister.result.record_count, 1);
    cr_expect_eq(lister.result.records[0].state, REASON_AGENT_STOPPED);
    cr_expect(lister.result.complete);
    agents_close();
}

Test(records_read, pages_end_where_the_reply_is_full)
{
    struct lister lister;
    size_t pages = 0;
    size_t rows = 0;

    agents_open(schema, NULL);
    for (int at = 0; at < 5; at++)
        (void)agents_session((struct session_words){.seconds = 1000 + at});
    lister = (struct lister){.list = {.by = LIST_SESSIONS_OF_PRINCIPAL,
                                      .object = agents_object("user:ann"),
                                      .most_bytes = 1}};
    do {
        cr_assert_eq(next_page(&lister), BEHALF_OK);
        rows += lister.result.record_count;
        pages++;
    } while (!lister.result.complete);
    cr_expect_eq(rows, 5);
    cr_expect_eq(pages, 5); /* each has a row at least */
    agents_close();
}

Test(records_read, lists_refuse_what_they_cannot_mean)
{
    struct lister lister;
    struct record_id session;

    agents_open(schema, NULL);
    session = agents_session((struct session_words){.seconds = 1000});
    (void)agents_session((struct session_words){.seconds = 2000});
    lister = (struct lister){.list = {.by = LIST_SESSIONS_OF_PRINCIPAL,
                                      .object = agents_object("user:ann"),
                                      .limit = 1}};
    cr_assert_eq(next_page(&lister), BEHALF_OK);
    /* The cursor of another list. */
    lister.list.by = LIST_SESSIONS_OF_AGENT;
    lister.list.object = agents_object("agent:bot");
    cr_expect_eq(next_page(&lister), BEHALF_INVALID_CURSOR);
    lister = (struct lister){.list = {.by = LIST_GRANTS_OF_SESSION, .session = session}};
    lister.list.session.bytes[0] ^= 1;
    cr_expect_eq(next_page(&lister), BEHALF_UNKNOWN_RECORD);
    lister = (struct lister){
        .list = {.by = LIST_SESSIONS_OF_PRINCIPAL, .object = agents_object("user:*")}};
    cr_expect_eq(next_page(&lister), BEHALF_WILDCARD_NOT_ALLOWED);
    lister.list.object = agents_object("nothing:1");
    cr_expect_eq(next_page(&lister), BEHALF_UNKNOWN_DEFINITION);
    lister.list.object = agents_object("user:ann");
    lister.list.limit = ENGINE_PAGE_MAX + 1;
    cr_expect_eq(next_page(&lister), BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT);
    agents_close();
}

/* --- stops --- */

static const struct engine_stop *
find_stop(const struct engine_stops_result *result, enum stop_scope scope)
{
    for (size_t at = 0; at < result->stop_count; at++)
        if (result->stops[at].scope == scope)
            return &result->stops[at];
    return NULL;
}

static void
read_stops(struct engine_stops_result *result)
{
    struct engine_request request = harness_request(&agents, NULL);
    struct error error;

    cr_assert_eq(engine_stops_read(agents.worker, &request, result, &error), BEHALF_OK, "%s",
                 error.message);
}

Test(records_read, stops_are_all_listed_with_their_words)
{
    struct engine_stops_result result;
    const struct engine_stop *stop;
    uint64_t epoch;

    agents_open(schema, NULL);
    read_stops(&result);
    cr_expect_eq(result.stop_count, 0);
    agents_at(5);
    agents_stop(STOP_AGENT, "agent:bot");
    agents_stop(STOP_CLIENT, "https://app");
    agents_stop(STOP_PRINCIPAL, "user:\"ann b\"");
    agents_at(9);
    agents_stop(STOP_EVERYTHING, NULL);
    read_stops(&result);
    cr_assert_eq(result.stop_count, 4);
    stop = find_stop(&result, STOP_AGENT);
    cr_assert_not_null(stop);
    epoch = stop->epoch;
    cr_expect(slice_equal(stop->object, SLICE_LITERAL("agent:bot")));
    cr_expect(slice_equal(stop->reason, SLICE_LITERAL("test")));
    cr_expect_eq(stop->at, AGENTS_START + 5 * AGENTS_SECOND);
    cr_expect(stop->in_force);
    stop = find_stop(&result, STOP_CLIENT);
    cr_assert_not_null(stop);
    cr_expect(slice_equal(stop->client, SLICE_LITERAL("https://app")));
    cr_expect_eq(stop->object.size, 0);
    cr_expect_eq(stop->epoch, epoch + 1);
    stop = find_stop(&result, STOP_PRINCIPAL);
    cr_assert_not_null(stop);
    cr_expect(slice_equal(stop->object, SLICE_LITERAL("user:\"ann b\"")));
    stop = find_stop(&result, STOP_EVERYTHING);
    cr_assert_not_null(stop);
    cr_expect_eq(stop->at, AGENTS_START + 9 * AGENTS_SECOND);
    agents_restore(STOP_AGENT, "agent:bot");
    read_stops(&result);
    cr_assert_eq(result.stop_count, 4);
    stop = find_stop(&result, STOP_AGENT);
    cr_assert_not_null(stop);
    cr_expect_not(stop->in_force);
    cr_expect_eq(stop->epoch, epoch); /* what was made before stays ended */
    agents_close();
}
