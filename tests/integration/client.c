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
    struct behalf_question questions[3] = {{"doc:a", "read", "user:ann", NULL, 0, NULL, false},
                                           {"doc:a", "read", "user:bob", NULL, 0, "{}", false},
                                           {"doc:a", "nothing", "user:ann", NULL, 0, NULL, false}};
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
    struct behalf_question question = {"doc:a", "read", "user:ann", NULL, 0, NULL, false};
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

int
main(int argc, char **argv)
{
    struct behalf_client *client = NULL;

    EXPECT(argc == 2);
    EXPECT(behalf_connect(argv[1], NULL, &client, &error) == BEHALF_SUCCESS);
    write_things(client);
    check_things(client);
    condition_things(client);
    list_things(client);
    pipeline_things(client);
    misuse_things(client);
    behalf_close(client);
    return 0;
}
