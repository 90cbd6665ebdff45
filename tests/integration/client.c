/* client.c - the installed library as its users see it: behalf.h alone, C99, a real server.
 * Run by client.py, which starts the server and gives its endpoint. */
#include <behalf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUESTS 2000

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "client.c:%d: not so: %s (%s)\n", __LINE__, #condition,                \
                    error.message);                                                                \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static struct behalf_error error;

static const char schema[] = "definition user {}\n"
                             "definition agent { relation acts_on_behalf_of: user }\n"
                             "definition doc {\n"
                             "    relation reader: user\n"
                             "    permission read = reader\n"
                             "}\n";

static void
write_things(struct behalf_client *client)
{
    struct behalf_update updates[] = {{BEHALF_CREATE, "doc:a#reader@user:ann"},
                                      {BEHALF_TOUCH, "doc:b#reader@user:ann"},
                                      {BEHALF_TOUCH, "agent:bot#acts_on_behalf_of@user:ann"}};
    struct behalf_precondition precondition = {false, {0}};
    struct behalf_transaction transaction;
    char token[BEHALF_TOKEN_SIZE];

    EXPECT(behalf_schema_write(client, "definition x { relation", 23, token, &error) ==
           BEHALF_FAILED_SERVER);
    EXPECT(strcmp(error.reason, "SCHEMA_PARSE_ERROR") == 0 && error.line == 1);
    EXPECT(behalf_schema_write(client, schema, strlen(schema), token, &error) == BEHALF_SUCCESS);
    memset(&transaction, 0, sizeof transaction);
    transaction.updates = updates;
    transaction.update_count = 3;
    precondition.filter.resource_type = "doc";
    transaction.preconditions = &precondition;
    transaction.precondition_count = 1;
    EXPECT(behalf_relationships_write(client, &transaction, token, &error) == BEHALF_SUCCESS);
    EXPECT(token[0] != '\0');
    EXPECT(behalf_relationships_write(client, &transaction, NULL, &error) == BEHALF_FAILED_SERVER);
    EXPECT(strcmp(error.code, "FAILED_PRECONDITION") == 0);
    transaction.precondition_count = 0;
    EXPECT(behalf_relationships_write(client, &transaction, NULL, NULL) == BEHALF_FAILED_SERVER);
    EXPECT(behalf_relationships_write(client, &transaction, NULL, &error) == BEHALF_FAILED_SERVER);
    EXPECT(strcmp(error.reason, "ATTEMPT_TO_RECREATE_RELATIONSHIP") == 0 && error.index == 0);
}

static void
check_things(struct behalf_client *client)
{
    const char *bot = "agent:bot";
    struct behalf_question questions[3] = {
        {.resource = "doc:a", .permission = "read", .subject = "user:ann"},
        {.resource = "doc:a", .permission = "read", .subject = "user:bob", .context = "{}"},
        {.resource = "doc:a", .permission = "nothing", .subject = "user:ann"}};
    struct behalf_item items[3];
    struct behalf_answer answer;
    struct behalf_read read;

    EXPECT(behalf_check(client, NULL, &questions[0], &answer, NULL, &error) == BEHALF_SUCCESS);
    EXPECT(answer.decision == BEHALF_ALLOW);
    memset(&read, 0, sizeof read);
    /* A token alone counts; it is not passed over. */
    read.token = "nonsense";
    EXPECT(behalf_check(client, &read, &questions[0], &answer, NULL, &error) ==
           BEHALF_FAILED_SERVER);
    EXPECT(strcmp(error.reason, "UNKNOWN_TOKEN") == 0);
    read.consistency = BEHALF_CONSISTENCY_AT_EXACT_SNAPSHOT;
    read.token = answer.checked_at;
    read.deadline_ms = 1000;
    EXPECT(behalf_check(client, &read, &questions[1], &answer, NULL, &error) == BEHALF_SUCCESS);
    EXPECT(answer.decision == BEHALF_DENY);
    answer.decision = BEHALF_CONDITIONAL;
    EXPECT(behalf_check(client, NULL, &questions[2], &answer, NULL, &error) ==
           BEHALF_FAILED_SERVER);
    EXPECT(answer.decision == BEHALF_CONDITIONAL);
    questions[1].subject = "user:ann";
    questions[1].actors = &bot;
    questions[1].actor_count = 1;
    EXPECT(behalf_check_bulk(client, NULL, questions, 3, items, answer.checked_at, NULL, &error) ==
           BEHALF_SUCCESS);
    EXPECT(items[0].decision == BEHALF_ALLOW && items[1].decision == BEHALF_ALLOW);
    EXPECT(items[2].error.status == BEHALF_FAILED_SERVER);
    EXPECT(strcmp(items[2].error.reason, "UNKNOWN_RELATION_OR_PERMISSION") == 0);
}

/* A context is JSON text; what is wrong with it is told before anything is sent. */
static void
condition_things(struct behalf_client *client)
{
    struct behalf_question question = {
        .resource = "doc:a", .permission = "read", .subject = "user:ann"};
    struct behalf_reply *reply = NULL;
    struct behalf_answer answer;
    struct behalf_item item;

    question.context = "{\"hour\": 3, \"tags\": [\"a\", 0.5, null, true]}";
    EXPECT(behalf_check(client, NULL, &question, &answer, &reply, &error) == BEHALF_SUCCESS);
    EXPECT(answer.decision == BEHALF_ALLOW && answer.valid_until == 0);
    EXPECT(answer.missing.bytes == NULL && answer.trace.bytes == NULL);
    EXPECT(behalf_value_type(behalf_value_get(behalf_reply_result(reply), "valid_until")) ==
           BEHALF_TYPE_NIL);
    behalf_reply_free(reply);
    question.context = "[]";
    EXPECT(behalf_check(client, NULL, &question, &answer, NULL, &error) == BEHALF_FAILED_SERVER);
    EXPECT(strcmp(error.reason, "MALFORMED_REQUEST") == 0);
    question.context = "{\"hour\":\n 3 4}";
    EXPECT(behalf_check(client, NULL, &question, &answer, NULL, &error) == BEHALF_FAILED_USAGE);
    EXPECT(error.line == 2 && error.column == 4);
    EXPECT(behalf_check_bulk(client, NULL, &question, 1, &item, NULL, NULL, &error) ==
           BEHALF_FAILED_USAGE);
    EXPECT(error.index == 0);
    EXPECT(behalf_lookup_permissions(client, NULL, "doc:a", "user:ann", NULL, 0, "{", &reply,
                                     &error) == BEHALF_FAILED_USAGE);
    EXPECT(behalf_ping(client, &error) == BEHALF_SUCCESS);
}

static uint32_t
count_in(struct behalf_reply *reply, const char *member)
{
    struct behalf_value rest;
    uint32_t count = 0;

    EXPECT(behalf_value_array(behalf_value_get(behalf_reply_result(reply), member), &count, &rest));
    behalf_reply_free(reply);
    return count;
}

static void
list_things(struct behalf_client *client)
{
    struct behalf_page page = {1, NULL};
    struct behalf_filter filter;
    struct behalf_reply *reply;
    uint64_t count = 0;
    int64_t now = 0;
    bool complete = false;

    EXPECT(behalf_lookup_resources(client, NULL, "doc", "read", "user:ann", NULL, 0,
                                   "{\"hour\": [3]}", NULL, &reply, &error) == BEHALF_SUCCESS);
    EXPECT(count_in(reply, "resources") == 2);
    EXPECT(behalf_lookup_resources(client, NULL, "doc", "read", "user:ann", NULL, 0, NULL, &page,
                                   &reply, &error) == BEHALF_SUCCESS);
    EXPECT(count_in(reply, "resources") == 1);
    EXPECT(behalf_lookup_subjects(client, NULL, "doc:a", "read", "user", NULL, "{}", NULL, &reply,
                                  &error) == BEHALF_SUCCESS);
    EXPECT(count_in(reply, "subjects") == 1);
    EXPECT(behalf_lookup_permissions(client, NULL, "doc:a", "user:ann", NULL, 0, NULL, &reply,
                                     &error) == BEHALF_SUCCESS);
    EXPECT(count_in(reply, "permissions") == 1);
    EXPECT(behalf_expand(client, NULL, "doc:a", "read", 0, &reply, &error) == BEHALF_SUCCESS);
    behalf_reply_free(reply);
    memset(&filter, 0, sizeof filter);
    filter.subject_type = "user";
    filter.subject_id = "ann";
    filter.subject_relation = "";
    EXPECT(behalf_relationships_read(client, NULL, &filter, NULL, &reply, &error) ==
           BEHALF_SUCCESS);
    EXPECT(count_in(reply, "relationships") == 3);
    filter.resource_type = "agent";
    EXPECT(behalf_relationships_delete(client, &filter, 0, &count, &complete, NULL, &error) ==
           BEHALF_SUCCESS);
    EXPECT(count == 1 && complete);
    EXPECT(behalf_schema_read(client, NULL, &reply, &error) == BEHALF_SUCCESS);
    behalf_reply_free(reply);
    EXPECT(behalf_server_info(client, &reply, &error) == BEHALF_SUCCESS);
    behalf_reply_free(reply);
    EXPECT(behalf_server_clock(client, NULL, &reply, &error) == BEHALF_SUCCESS);
    EXPECT(behalf_value_time(behalf_value_get(behalf_reply_result(reply), "now"), &now));
    EXPECT(now > 0);
    behalf_reply_free(reply);
    EXPECT(behalf_server_clock(client, "stop", &reply, &error) == BEHALF_FAILED_SERVER);
}

/* --- sessions, grants and stops --- */

/* A text member of the reply's result is this. */
static int
result_is(struct behalf_reply *reply, const char *member, const char *text)
{
    return behalf_value_is(behalf_value_get(behalf_reply_result(reply), member), text);
}

static void
expect_answer(struct behalf_client *client, const struct behalf_question *question,
              enum behalf_decision decision, const char *reason)
{
    struct behalf_answer answer;

    EXPECT(behalf_check(client, NULL, question, &answer, NULL, &error) == BEHALF_SUCCESS);
    EXPECT(answer.decision == decision && strcmp(answer.reason, reason) == 0);
    EXPECT(strncmp(answer.decision_id, "dec_", 4) == 0);
}

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* One of everything that a grant may say. */
static void
make_grants(struct behalf_client *client, struct behalf_made *made, char *bound, char *child)
{
    const char *actions[] = {"read"};
    struct behalf_scope_element scope = {"doc:*", actions, 1};
    struct behalf_tool tool = {"mail", DIGEST};
    struct behalf_write write = {"the same", "{\"ticket\": 5}", 5000};
    struct behalf_root_grant grant;
    struct behalf_delegated_grant delegated;
    struct behalf_new_session session;
    struct behalf_made again;

    memset(&grant, 0, sizeof grant);
    grant.terms.scope = &scope;
    grant.terms.scope_count = 1;
    grant.terms.expires_in_s = 600;
    grant.terms.max_depth = 1;
    grant.approval.approver = "user:ann";
    grant.approval.evidence = "{\"acr\": \"high\"}";
    memset(&session, 0, sizeof session);
    session.principal = "user:ann";
    session.agent = "agent:helper";
    session.client = "desk";
    session.expires_in_s = 3600;
    session.evidence = "{\"acr\": \"high\"}";
    session.grant = &grant;
    EXPECT(behalf_session_create(client, &session, &write, made, &error) == BEHALF_SUCCESS);
    EXPECT(made->session[0] == 's' && made->grant[0] == 'g' && made->written_at[0] != '\0');
    EXPECT(behalf_session_create(client, &session, &write, &again, &error) == BEHALF_SUCCESS);
    EXPECT(strcmp(again.session, made->session) == 0 && strcmp(again.grant, made->grant) == 0);
    session.evidence = "{";
    EXPECT(behalf_session_create(client, &session, NULL, NULL, &error) == BEHALF_FAILED_USAGE);
    grant.session = made->session;
    grant.terms.uses = 1;
    grant.terms.tools = &tool;
    grant.terms.tool_count = 1;
    grant.terms.bind.method = "POST /mail";
    grant.terms.bind.digest = DIGEST;
    grant.terms.purpose = "trip";
    EXPECT(behalf_grant_create(client, &grant, NULL, &again, &error) == BEHALF_SUCCESS);
    EXPECT(again.session[0] == '\0');
    memcpy(bound, again.grant, BEHALF_ID_SIZE);
    memset(&delegated, 0, sizeof delegated);
    delegated.parent = made->grant;
    delegated.actor = "agent:helper";
    delegated.delegatee = "agent:second";
    delegated.terms.scope = &scope;
    delegated.terms.scope_count = 1;
    EXPECT(behalf_grant_delegate(client, &delegated, NULL, &again, &error) == BEHALF_SUCCESS);
    memcpy(child, again.grant, BEHALF_ID_SIZE);
    scope.selector = "agent:*";
    EXPECT(behalf_grant_delegate(client, &delegated, NULL, NULL, &error) == BEHALF_FAILED_SERVER);
}

static void
decide_by_grants(struct behalf_client *client, const struct behalf_made *made, const char *bound,
                 const char *child)
{
    const char *helper = "agent:helper";
    const char *second = "agent:second";
    const char *docs[] = {"doc:c", "doc:b"};
    struct behalf_question question;
    struct behalf_reply *reply;

    memset(&question, 0, sizeof question);
    question.resource = "doc:a";
    question.permission = "read";
    question.subject = "user:ann";
    question.actors = &helper;
    question.actor_count = 1;
    question.grant = made->grant;
    question.request_id = "request-1";
    expect_answer(client, &question, BEHALF_ALLOW, "");
    question.grant = child;
    expect_answer(client, &question, BEHALF_DENY, "actor_mismatch");
    question.actors = &second;
    expect_answer(client, &question, BEHALF_ALLOW, "");
    question.actors = &helper;
    question.grant = bound;
    expect_answer(client, &question, BEHALF_DENY, "binding_mismatch");
    question.binding.method = "POST /mail";
    question.binding.digest = DIGEST;
    question.tool.name = "mail";
    question.tool.sha256 = DIGEST;
    question.idempotency_key = "call 1";
    expect_answer(client, &question, BEHALF_ALLOW, "");
    expect_answer(client, &question, BEHALF_ALLOW, "");
    question.idempotency_key = NULL;
    expect_answer(client, &question, BEHALF_DENY, "uses_exhausted");
    memset(&question.binding, 0, sizeof question.binding);
    memset(&question.tool, 0, sizeof question.tool);
    question.grant = made->grant;
    question.resource = NULL;
    EXPECT(behalf_filter_resources(client, NULL, docs, 2, &question, &reply, &error) ==
           BEHALF_SUCCESS);
    EXPECT(count_in(reply, "resources") == 1);
    question.resource = "doc";
    EXPECT(behalf_lookup_resources_question(client, NULL, &question, NULL, &reply, &error) ==
           BEHALF_SUCCESS);
    EXPECT(count_in(reply, "resources") == 2);
    question.resource = "doc:a";
    question.permission = NULL;
    EXPECT(behalf_lookup_permissions_question(client, NULL, &question, &reply, &error) ==
           BEHALF_SUCCESS);
    EXPECT(count_in(reply, "permissions") == 1);
}

static void
request_things(struct behalf_client *client, const char *session)
{
    const struct behalf_tool tool = {"mail", DIGEST};
    struct behalf_new_request asked;
    struct behalf_request_approval approval;
    struct behalf_write write;
    struct behalf_made made;
    struct behalf_made again;
    struct behalf_reply *reply;

    memset(&asked, 0, sizeof asked);
    asked.principal = "user:ann";
    asked.agent = "agent:helper";
    asked.resource = "doc:a";
    asked.permission = "read";
    asked.requested.uses = 2;
    asked.requested.tools = &tool;
    asked.requested.tool_count = 1;
    asked.requested.bind.method = "POST /mail";
    asked.requested.bind.digest = DIGEST;
    asked.justification = "a test";
    asked.expires_in_s = 60;
    EXPECT(behalf_request_create(client, &asked, NULL, &made, &error) == BEHALF_SUCCESS);
    EXPECT(made.request[0] != '\0' && made.grant[0] == '\0' && made.session[0] == '\0');
    EXPECT(behalf_request_read(client, NULL, made.request, &reply, &error) == BEHALF_SUCCESS);
    EXPECT(result_is(reply, "status", "pending") && result_is(reply, "justification", "a test"));
    behalf_reply_free(reply);
    EXPECT(behalf_request_list(client, NULL, "user:ann", "pending", NULL, &reply, &error) ==
           BEHALF_SUCCESS);
    EXPECT(count_in(reply, "requests") == 1);
    memset(&approval, 0, sizeof approval);
    approval.request = made.request;
    approval.session = session;
    approval.approver = "user:ann";
    approval.channel = "browser";
    approval.evidence = "{\"acr\":\"high\"}";
    approval.terms.expires_in_s = 60;
    memset(&write, 0, sizeof write);
    write.idempotency_key = "approve once";
    EXPECT(behalf_request_approve(client, &approval, &write, &made, &error) == BEHALF_SUCCESS);
    EXPECT(behalf_request_approve(client, &approval, &write, &again, &error) == BEHALF_SUCCESS);
    EXPECT(made.grant[0] != '\0' && strcmp(made.grant, again.grant) == 0);
    EXPECT(strcmp(made.request, again.request) == 0);
    EXPECT(behalf_request_approve(client, &approval, NULL, NULL, &error) == BEHALF_FAILED_SERVER);
    EXPECT(strcmp(error.reason, "RECORD_NOT_ACTIVE") == 0);
    EXPECT(behalf_request_create(client, &asked, NULL, &made, &error) == BEHALF_SUCCESS);
    EXPECT(behalf_request_deny(client, made.request, "user:bob", "no", NULL, NULL, &error) ==
           BEHALF_FAILED_SERVER);
    EXPECT(strcmp(error.reason, "APPROVER_REFUSED") == 0);
    EXPECT(behalf_request_deny(client, made.request, "user:ann", "no", NULL, NULL, &error) ==
           BEHALF_SUCCESS);
    EXPECT(behalf_request_create(client, &asked, NULL, &made, &error) == BEHALF_SUCCESS);
    EXPECT(behalf_request_cancel(client, made.request, NULL, "done", NULL, NULL, &error) ==
           BEHALF_SUCCESS);
    EXPECT(behalf_request_list(client, NULL, "user:ann", NULL, NULL, &reply, &error) ==
           BEHALF_SUCCESS);
    EXPECT(count_in(reply, "requests") == 3);
}

static void
grant_things(struct behalf_client *client)
{
    struct behalf_stop stop;
    struct behalf_made made;
    struct behalf_reply *reply;
    char bound[BEHALF_ID_SIZE];
    char child[BEHALF_ID_SIZE];
    char token[BEHALF_TOKEN_SIZE];

    make_grants(client, &made, bound, child);
    decide_by_grants(client, &made, bound, child);
    EXPECT(behalf_session_read(client, NULL, made.session, &reply, &error) == BEHALF_SUCCESS);
    EXPECT(result_is(reply, "client", "desk") && result_is(reply, "state", "active"));
    behalf_reply_free(reply);
    EXPECT(behalf_grant_read(client, NULL, child, &reply, &error) == BEHALF_SUCCESS);
    EXPECT(count_in(reply, "chain") == 2);
    EXPECT(behalf_session_list(client, NULL, "user:ann", NULL, NULL, &reply, &error) ==
           BEHALF_SUCCESS);
    EXPECT(count_in(reply, "sessions") == 1);
    EXPECT(behalf_grant_list(client, NULL, NULL, "agent:helper", NULL, &reply, &error) ==
           BEHALF_SUCCESS);
    EXPECT(count_in(reply, "grants") == 2);
    EXPECT(behalf_session_suspend(client, made.session, "risk", NULL, NULL, &error) ==
           BEHALF_SUCCESS);
    EXPECT(behalf_session_resume(client, made.session, "step-up", NULL, NULL, &error) ==
           BEHALF_SUCCESS);
    request_things(client, made.session);
    EXPECT(behalf_grant_revoke(client, child, "done", NULL, token, &error) == BEHALF_SUCCESS);
    EXPECT(token[0] != '\0');
    EXPECT(behalf_session_revoke(client, made.session, "logout", NULL, NULL, &error) ==
           BEHALF_SUCCESS);
    EXPECT(behalf_session_resume(client, made.session, "no", NULL, NULL, &error) ==
           BEHALF_FAILED_SERVER);
    EXPECT(strcmp(error.reason, "RECORD_NOT_ACTIVE") == 0);
    memset(&stop, 0, sizeof stop);
    EXPECT(behalf_agent_kill(client, &stop, "x", NULL, NULL, &error) == BEHALF_FAILED_SERVER);
    stop.agent = "agent:helper";
    EXPECT(behalf_agent_kill(client, &stop, "incident", NULL, NULL, &error) == BEHALF_SUCCESS);
    EXPECT(behalf_agent_stopped(client, NULL, &reply, &error) == BEHALF_SUCCESS);
    EXPECT(count_in(reply, "stops") == 1);
    EXPECT(behalf_agent_restore(client, &stop, "over", NULL, NULL, &error) == BEHALF_SUCCESS);
    EXPECT(behalf_agent_audit(client, NULL, NULL, 0, NULL, &reply, &error) == BEHALF_SUCCESS);
    EXPECT(count_in(reply, "findings") == 0);
}

static void
attribute_things(struct behalf_client *client)
{
    struct behalf_attributes_update updates[2];
    struct behalf_question question;
    struct behalf_answer answer;
    struct behalf_write write;
    struct behalf_read read;
    struct behalf_reply *reply;
    char token[BEHALF_TOKEN_SIZE];
    char again[BEHALF_TOKEN_SIZE];

    memset(updates, 0, sizeof updates);
    memset(&question, 0, sizeof question);
    memset(&write, 0, sizeof write);
    memset(&read, 0, sizeof read);
    updates[0].operation = BEHALF_ATTRIBUTES_SET;
    updates[0].object = "user:ann";
    updates[0].attributes = "{\"role\": \"admin\", \"level\": 3}";
    updates[1].operation = BEHALF_ATTRIBUTES_MERGE;
    updates[1].object = "user:bob";
    updates[1].attributes = "{\"role\": \"guest\", \"level\": null}";
    write.idempotency_key = "attributes";
    EXPECT(behalf_attributes_write(client, updates, 2, &write, token, &error) == BEHALF_SUCCESS);
    EXPECT(behalf_attributes_write(client, updates, 2, &write, again, &error) == BEHALF_SUCCESS);
    EXPECT(token[0] != '\0' && strcmp(token, again) == 0);
    updates[0].operation = BEHALF_ATTRIBUTES_DELETE;
    updates[0].attributes = NULL;
    EXPECT(behalf_attributes_write(client, updates, 1, NULL, NULL, &error) == BEHALF_SUCCESS);
    EXPECT(behalf_attributes_read(client, NULL, "user:ann", &reply, &error) == BEHALF_SUCCESS);
    EXPECT(behalf_value_get(behalf_value_get(behalf_reply_result(reply), "attributes"), "role")
               .bytes == NULL);
    behalf_reply_free(reply);
    read.consistency = BEHALF_CONSISTENCY_AT_EXACT_SNAPSHOT;
    read.token = token;
    EXPECT(behalf_attributes_read(client, &read, "user:ann", &reply, &error) == BEHALF_SUCCESS);
    EXPECT(behalf_value_is(
        behalf_value_get(behalf_value_get(behalf_reply_result(reply), "attributes"), "role"),
        "admin"));
    behalf_reply_free(reply);
    updates[1].attributes = "{\"role\": [null]}";
    EXPECT(behalf_attributes_write(client, updates, 2, NULL, NULL, &error) == BEHALF_FAILED_SERVER);
    EXPECT(strcmp(error.reason, "MALFORMED_REQUEST") == 0 && error.index == 1);
    updates[1].attributes = "{";
    EXPECT(behalf_attributes_write(client, updates, 2, NULL, NULL, &error) == BEHALF_FAILED_USAGE);
    /* Of a schema that reads no properties they are refused. */
    question.resource = "doc:a";
    question.permission = "read";
    question.subject = "user:ann";
    question.properties = "{\"subject\": {\"role\": \"admin\"}}";
    EXPECT(behalf_check(client, NULL, &question, &answer, NULL, &error) == BEHALF_FAILED_SERVER);
    EXPECT(strcmp(error.reason, "MALFORMED_REQUEST") == 0);
}

/* Many requests ahead, a call in between, replies in any order: each id once, all bytes back. */
static void
pipeline_things(struct behalf_client *client)
{
    static unsigned char seen[REQUESTS];
    static uint32_t first;
    struct behalf_writer *writer = behalf_writer_new();
    static char payload[4096];
    struct behalf_reply *reply;
    uint32_t id;

    memset(payload, 'p', sizeof payload);
    for (uint32_t index = 0; index < REQUESTS; index++) {
        behalf_writer_clear(writer);
        behalf_write_map(writer, 1);
        behalf_write_text(writer, "payload");
        behalf_write_string(writer, payload, index % sizeof payload);
        EXPECT(behalf_submit(client, "ping", writer, &id, &error) == BEHALF_SUCCESS);
        if (index == 0)
            first = id;
    }
    EXPECT(behalf_in_flight(client) == REQUESTS);
    EXPECT(behalf_flush(client, &error) == BEHALF_SUCCESS);
    EXPECT(behalf_ping(client, &error) == BEHALF_SUCCESS);
    while (behalf_in_flight(client) > 0) {
        const char *data;
        size_t size;

        EXPECT(behalf_next(client, &reply, &error) == BEHALF_SUCCESS);
        EXPECT(behalf_reply_check(reply, &error) == BEHALF_SUCCESS);
        id = behalf_reply_id(reply) - first;
        EXPECT(id < REQUESTS && !seen[id]);
        seen[id] = 1;
        EXPECT(behalf_value_string(behalf_value_get(behalf_reply_result(reply), "payload"), &data,
                                   &size));
        EXPECT(size == id % sizeof payload);
        behalf_reply_free(reply);
    }
    EXPECT(behalf_next(client, &reply, &error) == BEHALF_FAILED_USAGE);
    behalf_writer_free(writer);
}

static void
misuse_things(struct behalf_client *client)
{
    struct behalf_writer *writer = behalf_writer_new();
    struct behalf_reply *reply;

    EXPECT(behalf_call(client, "no.such.method", NULL, &reply, &error) == BEHALF_FAILED_SERVER);
    EXPECT(strcmp(error.reason, "UNKNOWN_METHOD") == 0);
    behalf_write_map(writer, 1);
    behalf_write_text(writer, "payloud");
    behalf_write_nil(writer);
    EXPECT(behalf_call(client, "ping", writer, &reply, &error) == BEHALF_FAILED_SERVER);
    EXPECT(strcmp(error.reason, "UNKNOWN_ARGUMENT") == 0);
    EXPECT(behalf_ping(client, &error) == BEHALF_SUCCESS);
    behalf_writer_free(writer);
    behalf_writer_free(NULL);
    behalf_reply_free(NULL);
    behalf_close(NULL);
}

/* How often a part of the key in `long256` is in the writable memory of this program, which writes
 * down neither: each 16 bytes of it begin with what is looked for. A sanitizer has memory of its own
 * that nobody may look at. */
static unsigned
copies_of_the_key(void)
{
    unsigned found = 0;
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
    static const char hidden[] = "jDxL`Sj,"; /* each character is one off */
    static char line[1024];
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned long begin;
    unsigned long end;
    char mode[5];

    EXPECT(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        if (sscanf(line, "%lx-%lx %4s", &begin, &end, mode) != 3 || strncmp(mode, "rw", 2) != 0 ||
            strstr(line, "[v") != NULL)
            continue;
        for (const char *at = (const char *)begin; at + 8 <= (const char *)end; at++) {
            size_t same = 0;

            while (same < 8 && at[same] == (char)(hidden[same] ^ 1))
                same++;
            found += same == 8;
        }
    }
    fclose(maps);
#endif
    return found;
}

/* `directory` has keys in files. */
static struct behalf_client *
log_in_things(const char *endpoint, const char *directory)
{
    static const struct {
        const char *file;
        enum behalf_status status;
        const char *message;
    } refused[] = {
        {"none", BEHALF_FAILED_USAGE, "No such file or directory"},
        {"open", BEHALF_FAILED_USAGE, "its mode lets others read or change it"},
        {"empty", BEHALF_FAILED_USAGE, "it must hold one key of 1 to 256 bytes"},
        {"two", BEHALF_FAILED_USAGE, "it must hold one key of 1 to 256 bytes"},
        {"long257", BEHALF_FAILED_USAGE, "it must hold one key of 1 to 256 bytes"},
        {"stranger", BEHALF_FAILED_SERVER, ""},
    };
    struct behalf_client *client = NULL;
    struct behalf_options options;
    char path[512];

    EXPECT(behalf_connect(endpoint, NULL, &client, &error) == BEHALF_SUCCESS);
    EXPECT(behalf_schema_write(client, schema, strlen(schema), NULL, &error) ==
           BEHALF_FAILED_SERVER);
    EXPECT(strcmp(error.reason, "UNKNOWN_KEY") == 0);
    behalf_close(client);
    memset(&options, 0, sizeof options);
    options.key_file = path;
    client = NULL;
    for (size_t at = 0; at < sizeof refused / sizeof refused[0]; at++) {
        (void)snprintf(path, sizeof path, "%s/%s", directory, refused[at].file);
        EXPECT(behalf_connect(endpoint, &options, &client, &error) == refused[at].status);
        EXPECT(strstr(error.message, refused[at].message) != NULL && client == NULL);
    }
    EXPECT(strcmp(error.reason, "UNKNOWN_KEY") == 0); /* of the last */
    (void)snprintf(path, sizeof path, "%s/long256", directory);
    EXPECT(behalf_connect(endpoint, &options, &client, &error) == BEHALF_SUCCESS);
    EXPECT(copies_of_the_key() == 0);
    behalf_close(client);
    EXPECT(copies_of_the_key() == 0);
    (void)snprintf(path, sizeof path, "%s/known", directory);
    EXPECT(behalf_connect(endpoint, &options, &client, &error) == BEHALF_SUCCESS);
    return client;
}

int
main(int argc, char **argv)
{
    struct behalf_client *client = NULL;

    EXPECT(argc == 3);
    client = log_in_things(argv[1], argv[2]);
    write_things(client);
    check_things(client);
    condition_things(client);
    list_things(client);
    grant_things(client);
    attribute_things(client);
    pipeline_things(client);
    misuse_things(client);
    behalf_close(client);
    return 0;
}
