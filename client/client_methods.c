/* client_methods.c - the typed calls: arguments in, results out.
 * Always true: a result that lacks what it must have is BEHALF_FAILED_PROTOCOL; a decision that is
 * none of the three words is never read as one. */
#include <string.h>

#include "client/client_internal.h"

/* --- reading results --- */

static bool
read_decision(struct behalf_value result, enum behalf_decision *decision)
{
    struct behalf_value word = behalf_value_get(result, "decision");

    if (behalf_value_is(word, "allow"))
        *decision = BEHALF_ALLOW;
    else if (behalf_value_is(word, "deny"))
        *decision = BEHALF_DENY;
    else if (behalf_value_is(word, "conditional"))
        *decision = BEHALF_CONDITIONAL;
    else
        return false;
    return true;
}

/* What an answer and an item have in common. */
struct outcome {
    enum behalf_decision decision;
    int64_t valid_until;
    struct behalf_value missing;
    struct behalf_value trace;
    char reason[BEHALF_REASON_SIZE];
    char decision_id[BEHALF_ID_SIZE];
};

/* False when it is none. */
static bool
read_outcome(struct behalf_value result, bool keep, struct outcome *outcome)
{
    struct behalf_value until = behalf_value_get(result, "valid_until");

    *outcome = (struct outcome){.valid_until = 0};
    if (!read_decision(result, &outcome->decision) ||
        !client_read_optional(result, "reason", outcome->reason, sizeof outcome->reason) ||
        !client_read_optional(result, "decision_id", outcome->decision_id,
                              sizeof outcome->decision_id))
        return false;
    if (behalf_value_type(until) != BEHALF_TYPE_NIL &&
        !behalf_value_time(until, &outcome->valid_until))
        return false;
    if (keep) {
        outcome->missing = behalf_value_get(result, "missing");
        outcome->trace = behalf_value_get(result, "trace");
    }
    return true;
}

/* --- checks --- */

/* Everything a question says but its `resource`. */
static enum behalf_status
write_question(struct client_map *map, const struct behalf_question *question,
               struct behalf_error *error)
{
    const struct client_member binding[] = {{"method", question->binding.method},
                                            {"digest", question->binding.digest}};
    const struct client_member tool[] = {{"name", question->tool.name},
                                         {"sha256", question->tool.sha256}};
    enum behalf_status status;

    client_map_text(map, "permission", question->permission);
    client_map_text(map, "subject", question->subject);
    client_map_actors(map, question->actors, question->actor_count);
    client_map_true(map, "explain", question->explain);
    client_map_text(map, "grant", question->grant);
    client_map_pair(map, "binding", binding, BEHALF_COUNT_OF(binding));
    client_map_pair(map, "tool", tool, BEHALF_COUNT_OF(tool));
    client_map_text(map, "idempotency_key", question->idempotency_key);
    client_map_text(map, "request_id", question->request_id);
    status = client_map_json(map, "context", question->context, error);
    return status == BEHALF_SUCCESS
               ? client_map_json(map, "properties", question->properties, error)
               : status;
}

/* A whole call about one question; `resource` is the name of what it is about. */
static enum behalf_status
call_question(struct behalf_client *client, const char *method, const char *resource,
              const struct behalf_question *question, const struct behalf_page *page,
              const struct behalf_read *read, struct behalf_reply **reply,
              struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();
    enum behalf_status status = BEHALF_SUCCESS;

    if (writer != NULL) {
        struct client_map map = client_map_begin(writer);

        client_map_text(&map, resource, question->resource);
        status = write_question(&map, question, error);
        client_map_page(&map, page);
        client_map_read(&map, read);
        client_map_end(&map);
    }
    return client_call_with(client, method, writer, status, reply, error);
}

enum behalf_status
behalf_check(struct behalf_client *client, const struct behalf_read *read,
             const struct behalf_question *question, struct behalf_answer *answer,
             struct behalf_reply **reply, struct behalf_error *error)
{
    char checked_at[BEHALF_TOKEN_SIZE];
    struct behalf_reply *got;
    struct outcome outcome;
    enum behalf_status status =
        call_question(client, "check", "resource", question, NULL, read, &got, error);

    if (status != BEHALF_SUCCESS)
        return status;
    if (!read_outcome(behalf_reply_result(got), reply != NULL, &outcome) ||
        !client_read_token(behalf_reply_result(got), "checked_at", checked_at)) {
        behalf_reply_free(got);
        return client_bad_result(error, "check", "decision");
    }
    *answer = (struct behalf_answer){.decision = outcome.decision,
                                     .valid_until = outcome.valid_until,
                                     .missing = outcome.missing,
                                     .trace = outcome.trace};
    memcpy(answer->checked_at, checked_at, sizeof checked_at);
    memcpy(answer->reason, outcome.reason, sizeof outcome.reason);
    memcpy(answer->decision_id, outcome.decision_id, sizeof outcome.decision_id);
    client_give_reply(got, reply);
    return BEHALF_SUCCESS;
}

static bool
read_item(struct behalf_value value, bool keep, struct behalf_item *item)
{
    struct behalf_value problem = behalf_value_get(value, "error");
    struct outcome outcome;

    *item = (struct behalf_item){.error = {.index = -1}};
    if (problem.bytes != NULL) {
        client_error_read(&item->error, problem);
        return true;
    }
    if (!read_outcome(value, keep, &outcome))
        return false;
    item->decision = outcome.decision;
    item->valid_until = outcome.valid_until;
    item->missing = outcome.missing;
    item->trace = outcome.trace;
    memcpy(item->reason, outcome.reason, sizeof outcome.reason);
    memcpy(item->decision_id, outcome.decision_id, sizeof outcome.decision_id);
    return true;
}

/* False when the results are not `count` decisions and errors. */
static bool
read_items(struct behalf_value result, bool keep, size_t count, struct behalf_item *items)
{
    struct behalf_value rest;
    struct behalf_value one;
    uint32_t got;

    if (!behalf_value_array(behalf_value_get(result, "results"), &got, &rest) || got != count)
        return false;
    for (size_t index = 0; index < count; index++)
        if (!behalf_value_next(&rest, &one) || !read_item(one, keep, &items[index]))
            return false;
    return true;
}

static enum behalf_status
write_questions(struct behalf_writer *writer, const struct behalf_read *read,
                const struct behalf_question *questions, size_t count, struct behalf_error *error)
{
    enum behalf_status status = BEHALF_SUCCESS;

    behalf_write_map(writer, 1 + behalf_read_members(read));
    behalf_write_text(writer, "items");
    behalf_write_array(writer, (uint32_t)count);
    for (size_t index = 0; status == BEHALF_SUCCESS && index < count; index++) {
        struct client_map map = client_map_begin(writer);

        client_map_text(&map, "resource", questions[index].resource);
        status = write_question(&map, &questions[index], error);
        client_map_end(&map);
        if (status != BEHALF_SUCCESS && error != NULL)
            error->index = (int64_t)index;
    }
    behalf_write_read(writer, read);
    return status;
}

enum behalf_status
behalf_check_bulk(struct behalf_client *client, const struct behalf_read *read,
                  const struct behalf_question *questions, size_t count, struct behalf_item *items,
                  char *checked_at, struct behalf_reply **reply, struct behalf_error *error)
{
    struct behalf_writer *writer;
    struct behalf_reply *got;
    enum behalf_status status = BEHALF_SUCCESS;

    if (count > UINT32_MAX)
        return client_error_set(error, BEHALF_FAILED_USAGE, "cannot check: too many items");
    writer = behalf_writer_new();
    if (writer != NULL)
        status = write_questions(writer, read, questions, count, error);
    status = client_call_with(client, "check_bulk", writer, status, &got, error);
    if (status != BEHALF_SUCCESS)
        return status;
    if (!read_items(behalf_reply_result(got), reply != NULL, count, items) ||
        !client_read_token(behalf_reply_result(got), "checked_at", checked_at)) {
        behalf_reply_free(got);
        return client_bad_result(error, "check_bulk", "results");
    }
    client_give_reply(got, reply);
    return BEHALF_SUCCESS;
}

/* --- expand and lookups --- */

enum behalf_status
behalf_expand(struct behalf_client *client, const struct behalf_read *read, const char *resource,
              const char *permission, uint32_t depth, struct behalf_reply **reply,
              struct behalf_error *error)
{
    return behalf_expand_from(client, read, resource, permission, depth, NULL, reply, error);
}

enum behalf_status
behalf_expand_from(struct behalf_client *client, const struct behalf_read *read,
                   const char *resource, const char *permission, uint32_t depth, const char *cursor,
                   struct behalf_reply **reply, struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();

    if (writer != NULL) {
        behalf_write_map(writer, 3u + (cursor != NULL) + behalf_read_members(read));
        client_write_member(writer, "resource", resource);
        client_write_member(writer, "permission", permission);
        if (cursor != NULL)
            client_write_member(writer, "cursor", cursor);
        behalf_write_text(writer, "depth");
        behalf_write_uint(writer, depth);
        behalf_write_read(writer, read);
    }
    return client_call_with(client, "expand", writer, BEHALF_SUCCESS, reply, error);
}

enum behalf_status
behalf_lookup_resources_question(struct behalf_client *client, const struct behalf_read *read,
                                 const struct behalf_question *question,
                                 const struct behalf_page *page, struct behalf_reply **reply,
                                 struct behalf_error *error)
{
    return call_question(client, "lookup_resources", "resource_type", question, page, read, reply,
                         error);
}

enum behalf_status
behalf_lookup_resources(struct behalf_client *client, const struct behalf_read *read,
                        const char *resource_type, const char *permission, const char *subject,
                        const char *const *actors, size_t actor_count, const char *context,
                        const struct behalf_page *page, struct behalf_reply **reply,
                        struct behalf_error *error)
{
    const struct behalf_question question = {.resource = resource_type,
                                             .permission = permission,
                                             .subject = subject,
                                             .actors = actors,
                                             .actor_count = actor_count,
                                             .context = context};

    return behalf_lookup_resources_question(client, read, &question, page, reply, error);
}

enum behalf_status
behalf_lookup_subjects(struct behalf_client *client, const struct behalf_read *read,
                       const char *resource, const char *permission, const char *subject_type,
                       const char *subject_relation, const char *context,
                       const struct behalf_page *page, struct behalf_reply **reply,
                       struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();
    enum behalf_status status = BEHALF_SUCCESS;

    if (writer != NULL) {
        struct client_map map = client_map_begin(writer);

        client_map_text(&map, "resource", resource);
        client_map_text(&map, "permission", permission);
        client_map_text(&map, "subject_type", subject_type);
        client_map_text(&map, "subject_relation", subject_relation);
        client_map_page(&map, page);
        client_map_read(&map, read);
        status = client_map_json(&map, "context", context, error);
        client_map_end(&map);
    }
    return client_call_with(client, "lookup_subjects", writer, status, reply, error);
}

enum behalf_status
behalf_lookup_permissions_question(struct behalf_client *client, const struct behalf_read *read,
                                   const struct behalf_question *question,
                                   struct behalf_reply **reply, struct behalf_error *error)
{
    return call_question(client, "lookup_permissions", "resource", question, NULL, read, reply,
                         error);
}

enum behalf_status
behalf_lookup_permissions(struct behalf_client *client, const struct behalf_read *read,
                          const char *resource, const char *subject, const char *const *actors,
                          size_t actor_count, const char *context, struct behalf_reply **reply,
                          struct behalf_error *error)
{
    const struct behalf_question question = {.resource = resource,
                                             .subject = subject,
                                             .actors = actors,
                                             .actor_count = actor_count,
                                             .context = context};

    return behalf_lookup_permissions_question(client, read, &question, reply, error);
}

enum behalf_status
behalf_filter_resources(struct behalf_client *client, const struct behalf_read *read,
                        const char *const *resources, size_t count,
                        const struct behalf_question *question, struct behalf_reply **reply,
                        struct behalf_error *error)
{
    struct behalf_writer *writer;
    enum behalf_status status = BEHALF_SUCCESS;

    if (count > UINT32_MAX)
        return client_error_set(error, BEHALF_FAILED_USAGE, "cannot filter: too many resources");
    writer = behalf_writer_new();
    if (writer != NULL) {
        struct client_map map = client_map_begin(writer);

        client_map_key(&map, "resources");
        behalf_write_array(writer, (uint32_t)count);
        for (size_t index = 0; index < count; index++)
            behalf_write_text(writer, resources[index]);
        client_map_text(&map, "resource", question->resource);
        status = write_question(&map, question, error);
        client_map_read(&map, read);
        client_map_end(&map);
    }
    return client_call_with(client, "filter_resources", writer, status, reply, error);
}

/* --- relationships --- */

static const char *
operation_name(enum behalf_operation operation)
{
    switch (operation) {
    case BEHALF_CREATE:
        return "create";
    case BEHALF_TOUCH:
        return "touch";
    case BEHALF_DELETE:
        return "delete";
    }
    return "";
}

static void
write_transaction(struct behalf_writer *writer, const struct behalf_transaction *transaction)
{
    behalf_write_map(writer, 1 + (transaction->precondition_count > 0 ? 1U : 0U) +
                                 (transaction->idempotency_key != NULL ? 1U : 0U) +
                                 (transaction->deadline_ms > 0 ? 1U : 0U));
    if (transaction->deadline_ms > 0) {
        behalf_write_text(writer, "deadline_ms");
        behalf_write_uint(writer, transaction->deadline_ms);
    }
    behalf_write_text(writer, "updates");
    behalf_write_array(writer, (uint32_t)transaction->update_count);
    for (size_t index = 0; index < transaction->update_count; index++) {
        behalf_write_map(writer, 2);
        client_write_member(writer, "op", operation_name(transaction->updates[index].operation));
        client_write_member(writer, "relationship", transaction->updates[index].relationship);
    }
    if (transaction->precondition_count > 0) {
        behalf_write_text(writer, "preconditions");
        behalf_write_array(writer, (uint32_t)transaction->precondition_count);
    }
    for (size_t index = 0; index < transaction->precondition_count; index++) {
        const struct behalf_precondition *one = &transaction->preconditions[index];

        behalf_write_map(writer, 2);
        client_write_member(writer, "must", one->must_match ? "match" : "not_match");
        behalf_write_text(writer, "filter");
        behalf_write_filter(writer, &one->filter);
    }
    if (transaction->idempotency_key != NULL)
        client_write_member(writer, "idempotency_key", transaction->idempotency_key);
}

enum behalf_status
behalf_relationships_write_reply(struct behalf_client *client,
                                 const struct behalf_transaction *transaction,
                                 struct behalf_reply **reply, struct behalf_error *error)
{
    struct behalf_writer *writer;

    if (transaction->update_count > UINT32_MAX || transaction->precondition_count > UINT32_MAX)
        return client_error_set(error, BEHALF_FAILED_USAGE, "cannot write: too many updates");
    writer = behalf_writer_new();
    if (writer != NULL)
        write_transaction(writer, transaction);
    return client_call_with(client, "relationships.write", writer, BEHALF_SUCCESS, reply, error);
}

enum behalf_status
behalf_relationships_write(struct behalf_client *client,
                           const struct behalf_transaction *transaction, char *written_at,
                           struct behalf_error *error)
{
    struct behalf_reply *reply;
    enum behalf_status status =
        behalf_relationships_write_reply(client, transaction, &reply, error);

    if (status != BEHALF_SUCCESS)
        return status;
    return client_finish_token(reply, "relationships.write", "written_at", written_at, error);
}

enum behalf_status
behalf_relationships_delete(struct behalf_client *client, const struct behalf_filter *filter,
                            uint32_t limit, uint64_t *count, bool *complete, char *deleted_at,
                            struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();
    struct behalf_reply *reply;
    struct behalf_value result;
    enum behalf_status status;
    uint64_t deleted;
    bool all;

    if (writer != NULL) {
        behalf_write_map(writer, limit > 0 ? 2 : 1);
        behalf_write_text(writer, "filter");
        behalf_write_filter(writer, filter);
        if (limit > 0) {
            behalf_write_text(writer, "limit");
            behalf_write_uint(writer, limit);
        }
    }
    status =
        client_call_with(client, "relationships.delete", writer, BEHALF_SUCCESS, &reply, error);
    if (status != BEHALF_SUCCESS)
        return status;
    result = behalf_reply_result(reply);
    if (!behalf_value_uint(behalf_value_get(result, "count"), &deleted) ||
        !behalf_value_bool(behalf_value_get(result, "complete"), &all)) {
        behalf_reply_free(reply);
        return client_bad_result(error, "relationships.delete", "count");
    }
    if (count != NULL)
        *count = deleted;
    if (complete != NULL)
        *complete = all;
    return client_finish_token(reply, "relationships.delete", "deleted_at", deleted_at, error);
}

enum behalf_status
behalf_relationships_read(struct behalf_client *client, const struct behalf_read *read,
                          const struct behalf_filter *filter, const struct behalf_page *page,
                          struct behalf_reply **reply, struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();

    if (writer != NULL) {
        behalf_write_map(writer, 1 + client_page_members(page) + behalf_read_members(read));
        behalf_write_text(writer, "filter");
        behalf_write_filter(writer, filter);
        client_write_page(writer, page);
        behalf_write_read(writer, read);
    }
    return client_call_with(client, "relationships.read", writer, BEHALF_SUCCESS, reply, error);
}

enum behalf_status
behalf_relationships_history(struct behalf_client *client, const struct behalf_read *read,
                             const char *object, const struct behalf_page *page,
                             struct behalf_reply **reply, struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();

    if (writer != NULL) {
        behalf_write_map(writer, 1 + client_page_members(page) + behalf_read_members(read));
        client_write_member(writer, "object", object);
        client_write_page(writer, page);
        behalf_write_read(writer, read);
    }
    return client_call_with(client, "relationships.history", writer, BEHALF_SUCCESS, reply, error);
}

/* --- schema and server --- */

enum behalf_status
behalf_schema_write(struct behalf_client *client, const char *text, size_t size, char *written_at,
                    struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();
    struct behalf_reply *reply;
    enum behalf_status status;

    if (writer != NULL) {
        behalf_write_map(writer, 1);
        behalf_write_text(writer, "text");
        behalf_write_string(writer, text, size);
    }
    status = client_call_with(client, "schema.write", writer, BEHALF_SUCCESS, &reply, error);
    if (status != BEHALF_SUCCESS)
        return status;
    return client_finish_token(reply, "schema.write", "written_at", written_at, error);
}

enum behalf_status
behalf_schema_read(struct behalf_client *client, const struct behalf_read *read,
                   struct behalf_reply **reply, struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();

    if (writer != NULL) {
        behalf_write_map(writer, behalf_read_members(read));
        behalf_write_read(writer, read);
    }
    return client_call_with(client, "schema.read", writer, BEHALF_SUCCESS, reply, error);
}

enum behalf_status
behalf_ping(struct behalf_client *client, struct behalf_error *error)
{
    struct behalf_reply *reply;
    enum behalf_status status = behalf_call(client, "ping", NULL, &reply, error);

    if (status == BEHALF_SUCCESS)
        behalf_reply_free(reply);
    return status;
}

enum behalf_status
behalf_server_info(struct behalf_client *client, struct behalf_reply **reply,
                   struct behalf_error *error)
{
    return behalf_call(client, "server.info", NULL, reply, error);
}

enum behalf_status
behalf_server_stats(struct behalf_client *client, struct behalf_reply **reply,
                    struct behalf_error *error)
{
    return behalf_call(client, "server.stats", NULL, reply, error);
}

enum behalf_status
behalf_server_clock(struct behalf_client *client, const char *action, struct behalf_reply **reply,
                    struct behalf_error *error)
{
    struct client_member members[] = {{"action", action}};
    struct behalf_writer *writer = behalf_writer_new();

    if (writer != NULL) {
        behalf_write_map(writer, client_count_members(members, BEHALF_COUNT_OF(members)));
        client_write_members(writer, members, BEHALF_COUNT_OF(members));
    }
    return client_call_with(client, "server.clock", writer, BEHALF_SUCCESS, reply, error);
}
