/* client_methods.c - the typed calls: arguments in, results out.
 * Always true: a result that lacks what it must have is BEHALF_FAILED_PROTOCOL; a decision that is
 * none of the three words is never read as one. */
#include <string.h>

#include "client/client_internal.h"

#define MESSAGE_NO_MEMORY "no memory for the request"
#define MESSAGE_BAD_RESULT "the server's result to '%s' lacks '%s'"

/* --- writing arguments --- */

static void
write_member(struct behalf_writer *writer, const char *name, const char *value)
{
    behalf_write_text(writer, name);
    behalf_write_text(writer, value);
}

/* Members whose value may be NULL: counted and written alike. */
struct member {
    const char *name;
    const char *value;
};

static uint32_t
count_members(const struct member *members, size_t count)
{
    uint32_t present = 0;

    for (size_t index = 0; index < count; index++)
        present += members[index].value != NULL ? 1 : 0;
    return present;
}

static void
write_members(struct behalf_writer *writer, const struct member *members, size_t count)
{
    for (size_t index = 0; index < count; index++)
        if (members[index].value != NULL)
            write_member(writer, members[index].name, members[index].value);
}

/* NULL: nothing is said about consistency. A token alone is not passed over. */
static const char *
consistency_mode(const struct behalf_read *read)
{
    switch (read->consistency) {
    case BEHALF_CONSISTENCY_DEFAULT:
        return read->token != NULL ? "at_least_as_fresh" : NULL;
    case BEHALF_CONSISTENCY_FULL:
        return "fully_consistent";
    case BEHALF_CONSISTENCY_MINIMIZE_LATENCY:
        return "minimize_latency";
    case BEHALF_CONSISTENCY_AT_LEAST_AS_FRESH:
        return "at_least_as_fresh";
    case BEHALF_CONSISTENCY_AT_EXACT_SNAPSHOT:
        return "at_exact_snapshot";
    }
    return NULL;
}

uint32_t
behalf_read_members(const struct behalf_read *read)
{
    if (read == NULL)
        return 0;
    return (consistency_mode(read) != NULL ? 1U : 0U) + (read->deadline_ms > 0 ? 1U : 0U);
}

void
behalf_write_read(struct behalf_writer *writer, const struct behalf_read *read)
{
    const char *mode = read != NULL ? consistency_mode(read) : NULL;

    if (mode != NULL) {
        behalf_write_text(writer, "consistency");
        behalf_write_map(writer, read->token != NULL ? 2 : 1);
        write_member(writer, "mode", mode);
        if (read->token != NULL)
            write_member(writer, "token", read->token);
    }
    if (read != NULL && read->deadline_ms > 0) {
        behalf_write_text(writer, "deadline_ms");
        behalf_write_uint(writer, read->deadline_ms);
    }
}

void
behalf_write_actors(struct behalf_writer *writer, const char *const *actors, size_t count)
{
    if (count > 1)
        behalf_write_array(writer, (uint32_t)count);
    for (size_t index = 0; index < count; index++)
        behalf_write_text(writer, actors[index]);
}

void
behalf_write_filter(struct behalf_writer *writer, const struct behalf_filter *filter)
{
    struct member fields[] = {{"resource_type", filter->resource_type},
                              {"resource_id", filter->resource_id},
                              {"resource_id_prefix", filter->resource_id_prefix},
                              {"relation", filter->relation}};
    struct member subject[] = {{"type", filter->subject_type},
                               {"id", filter->subject_id},
                               {"relation", filter->subject_relation}};
    uint32_t subject_members =
        count_members(subject, BEHALF_COUNT_OF(subject)) + (filter->subject_wildcard ? 1 : 0);

    behalf_write_map(writer, count_members(fields, BEHALF_COUNT_OF(fields)) +
                                 (subject_members > 0 ? 1 : 0));
    write_members(writer, fields, BEHALF_COUNT_OF(fields));
    if (subject_members > 0) {
        behalf_write_text(writer, "subject");
        behalf_write_map(writer, subject_members);
        write_members(writer, subject, BEHALF_COUNT_OF(subject));
        if (filter->subject_wildcard) {
            behalf_write_text(writer, "wildcard");
            behalf_write_bool(writer, true);
        }
    }
}

/* The member `context`, which may be NULL. */
static enum behalf_status
write_context(struct behalf_writer *writer, const char *context, struct behalf_error *error)
{
    if (context == NULL)
        return BEHALF_SUCCESS;
    behalf_write_text(writer, "context");
    return behalf_write_json(writer, context, error);
}

static uint32_t
question_members(const struct behalf_question *question)
{
    return 3U + (question->actor_count > 0 ? 1U : 0U) + (question->context != NULL ? 1U : 0U) +
           (question->explain ? 1U : 0U);
}

static enum behalf_status
write_question(struct behalf_writer *writer, const struct behalf_question *question,
               struct behalf_error *error)
{
    write_member(writer, "resource", question->resource);
    write_member(writer, "permission", question->permission);
    write_member(writer, "subject", question->subject);
    if (question->actor_count > 0) {
        behalf_write_text(writer, "actor");
        behalf_write_actors(writer, question->actors, question->actor_count);
    }
    if (question->explain) {
        behalf_write_text(writer, "explain");
        behalf_write_bool(writer, true);
    }
    return write_context(writer, question->context, error);
}

static uint32_t
page_members(const struct behalf_page *page)
{
    if (page == NULL)
        return 0;
    return (page->limit > 0 ? 1U : 0U) + (page->cursor != NULL ? 1U : 0U);
}

static void
write_page(struct behalf_writer *writer, const struct behalf_page *page)
{
    if (page != NULL && page->limit > 0) {
        behalf_write_text(writer, "limit");
        behalf_write_uint(writer, page->limit);
    }
    if (page != NULL && page->cursor != NULL)
        write_member(writer, "cursor", page->cursor);
}

/* Calls with a writer this file made, and frees it. `written` is how the writing went. */
static enum behalf_status
call_with(struct behalf_client *client, const char *method, struct behalf_writer *writer,
          enum behalf_status written, struct behalf_reply **reply, struct behalf_error *error)
{
    enum behalf_status status = written;

    if (writer == NULL)
        return client_error_set(error, BEHALF_FAILED_MEMORY, MESSAGE_NO_MEMORY);
    if (status == BEHALF_SUCCESS)
        status = behalf_call(client, method, writer, reply, error);
    behalf_writer_free(writer);
    return status;
}

/* --- reading results --- */

/* Copies a token; an absent one becomes "". False when it does not fit: it is none of ours. */
static bool
read_token(struct behalf_value result, const char *name, char *token)
{
    const char *data;
    size_t size;

    if (token == NULL)
        return true;
    if (!behalf_value_string(behalf_value_get(result, name), &data, &size) ||
        size >= BEHALF_TOKEN_SIZE)
        return false;
    memcpy(token, data, size);
    token[size] = '\0';
    return true;
}

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

/* What an answer and an item have in common; false when it is none. */
struct outcome {
    enum behalf_decision decision;
    int64_t valid_until;
    struct behalf_value missing;
    struct behalf_value trace;
};

static bool
read_outcome(struct behalf_value result, bool keep, struct outcome *outcome)
{
    struct behalf_value until = behalf_value_get(result, "valid_until");

    *outcome = (struct outcome){.valid_until = 0};
    if (!read_decision(result, &outcome->decision))
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

/* Ends a call whose whole result is a token. */
static enum behalf_status
finish_token(struct behalf_reply *reply, const char *method, const char *name, char *token,
             struct behalf_error *error)
{
    bool good = read_token(behalf_reply_result(reply), name, token);

    behalf_reply_free(reply);
    if (good)
        return BEHALF_SUCCESS;
    return client_error_set(error, BEHALF_FAILED_PROTOCOL, MESSAGE_BAD_RESULT, method, name);
}

/* --- checks --- */

/* Hands the reply over, or frees it. */
static void
give_reply(struct behalf_reply *reply, struct behalf_reply **to)
{
    if (to != NULL)
        *to = reply;
    else
        behalf_reply_free(reply);
}

enum behalf_status
behalf_check(struct behalf_client *client, const struct behalf_read *read,
             const struct behalf_question *question, struct behalf_answer *answer,
             struct behalf_reply **reply, struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();
    char checked_at[BEHALF_TOKEN_SIZE];
    struct behalf_reply *got;
    struct outcome outcome;
    enum behalf_status status = BEHALF_SUCCESS;

    if (writer != NULL) {
        behalf_write_map(writer, question_members(question) + behalf_read_members(read));
        status = write_question(writer, question, error);
        behalf_write_read(writer, read);
    }
    status = call_with(client, "check", writer, status, &got, error);
    if (status != BEHALF_SUCCESS)
        return status;
    if (!read_outcome(behalf_reply_result(got), reply != NULL, &outcome) ||
        !read_token(behalf_reply_result(got), "checked_at", checked_at)) {
        behalf_reply_free(got);
        return client_error_set(error, BEHALF_FAILED_PROTOCOL, MESSAGE_BAD_RESULT, "check",
                                "decision");
    }
    *answer = (struct behalf_answer){.decision = outcome.decision,
                                     .valid_until = outcome.valid_until,
                                     .missing = outcome.missing,
                                     .trace = outcome.trace};
    memcpy(answer->checked_at, checked_at, sizeof checked_at);
    give_reply(got, reply);
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
        behalf_write_map(writer, question_members(&questions[index]));
        status = write_question(writer, &questions[index], error);
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
    status = call_with(client, "check_bulk", writer, status, &got, error);
    if (status != BEHALF_SUCCESS)
        return status;
    if (!read_items(behalf_reply_result(got), reply != NULL, count, items) ||
        !read_token(behalf_reply_result(got), "checked_at", checked_at)) {
        behalf_reply_free(got);
        return client_error_set(error, BEHALF_FAILED_PROTOCOL, MESSAGE_BAD_RESULT, "check_bulk",
                                "results");
    }
    give_reply(got, reply);
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
        write_member(writer, "resource", resource);
        write_member(writer, "permission", permission);
        if (cursor != NULL)
            write_member(writer, "cursor", cursor);
        behalf_write_text(writer, "depth");
        behalf_write_uint(writer, depth);
        behalf_write_read(writer, read);
    }
    return call_with(client, "expand", writer, BEHALF_SUCCESS, reply, error);
}

/* What the lookups have in common. */
struct lookup {
    const char *method;
    const struct member *members;
    size_t member_count;
    const char *const *actors;
    size_t actor_count;
    const char *context;
    const struct behalf_page *page;
};

static enum behalf_status
write_lookup(struct behalf_writer *writer, const struct lookup *lookup,
             const struct behalf_read *read, struct behalf_error *error)
{
    behalf_write_map(writer, count_members(lookup->members, lookup->member_count) +
                                 (lookup->actor_count > 0 ? 1U : 0U) +
                                 (lookup->context != NULL ? 1U : 0U) + page_members(lookup->page) +
                                 behalf_read_members(read));
    write_members(writer, lookup->members, lookup->member_count);
    if (lookup->actor_count > 0) {
        behalf_write_text(writer, "actor");
        behalf_write_actors(writer, lookup->actors, lookup->actor_count);
    }
    write_page(writer, lookup->page);
    behalf_write_read(writer, read);
    return write_context(writer, lookup->context, error);
}

static enum behalf_status
call_lookup(struct behalf_client *client, const struct lookup *lookup,
            const struct behalf_read *read, struct behalf_reply **reply, struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();
    enum behalf_status status = BEHALF_SUCCESS;

    if (writer != NULL)
        status = write_lookup(writer, lookup, read, error);
    return call_with(client, lookup->method, writer, status, reply, error);
}

enum behalf_status
behalf_lookup_resources(struct behalf_client *client, const struct behalf_read *read,
                        const char *resource_type, const char *permission, const char *subject,
                        const char *const *actors, size_t actor_count, const char *context,
                        const struct behalf_page *page, struct behalf_reply **reply,
                        struct behalf_error *error)
{
    struct member members[] = {
        {"resource_type", resource_type}, {"permission", permission}, {"subject", subject}};
    struct lookup lookup = {.method = "lookup_resources",
                            .members = members,
                            .member_count = BEHALF_COUNT_OF(members),
                            .actors = actors,
                            .actor_count = actor_count,
                            .context = context,
                            .page = page};

    return call_lookup(client, &lookup, read, reply, error);
}

enum behalf_status
behalf_lookup_subjects(struct behalf_client *client, const struct behalf_read *read,
                       const char *resource, const char *permission, const char *subject_type,
                       const char *subject_relation, const char *context,
                       const struct behalf_page *page, struct behalf_reply **reply,
                       struct behalf_error *error)
{
    struct member members[] = {{"resource", resource},
                               {"permission", permission},
                               {"subject_type", subject_type},
                               {"subject_relation", subject_relation}};
    struct lookup lookup = {.method = "lookup_subjects",
                            .members = members,
                            .member_count = BEHALF_COUNT_OF(members),
                            .context = context,
                            .page = page};

    return call_lookup(client, &lookup, read, reply, error);
}

enum behalf_status
behalf_lookup_permissions(struct behalf_client *client, const struct behalf_read *read,
                          const char *resource, const char *subject, const char *const *actors,
                          size_t actor_count, const char *context, struct behalf_reply **reply,
                          struct behalf_error *error)
{
    struct member members[] = {{"resource", resource}, {"subject", subject}};
    struct lookup lookup = {.method = "lookup_permissions",
                            .members = members,
                            .member_count = BEHALF_COUNT_OF(members),
                            .actors = actors,
                            .actor_count = actor_count,
                            .context = context};

    return call_lookup(client, &lookup, read, reply, error);
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
        write_member(writer, "op", operation_name(transaction->updates[index].operation));
        write_member(writer, "relationship", transaction->updates[index].relationship);
    }
    if (transaction->precondition_count > 0) {
        behalf_write_text(writer, "preconditions");
        behalf_write_array(writer, (uint32_t)transaction->precondition_count);
    }
    for (size_t index = 0; index < transaction->precondition_count; index++) {
        const struct behalf_precondition *one = &transaction->preconditions[index];

        behalf_write_map(writer, 2);
        write_member(writer, "must", one->must_match ? "match" : "not_match");
        behalf_write_text(writer, "filter");
        behalf_write_filter(writer, &one->filter);
    }
    if (transaction->idempotency_key != NULL)
        write_member(writer, "idempotency_key", transaction->idempotency_key);
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
    return call_with(client, "relationships.write", writer, BEHALF_SUCCESS, reply, error);
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
    return finish_token(reply, "relationships.write", "written_at", written_at, error);
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
    status = call_with(client, "relationships.delete", writer, BEHALF_SUCCESS, &reply, error);
    if (status != BEHALF_SUCCESS)
        return status;
    result = behalf_reply_result(reply);
    if (!behalf_value_uint(behalf_value_get(result, "count"), &deleted) ||
        !behalf_value_bool(behalf_value_get(result, "complete"), &all)) {
        behalf_reply_free(reply);
        return client_error_set(error, BEHALF_FAILED_PROTOCOL, MESSAGE_BAD_RESULT,
                                "relationships.delete", "count");
    }
    if (count != NULL)
        *count = deleted;
    if (complete != NULL)
        *complete = all;
    return finish_token(reply, "relationships.delete", "deleted_at", deleted_at, error);
}

enum behalf_status
behalf_relationships_read(struct behalf_client *client, const struct behalf_read *read,
                          const struct behalf_filter *filter, const struct behalf_page *page,
                          struct behalf_reply **reply, struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();

    if (writer != NULL) {
        behalf_write_map(writer, 1 + page_members(page) + behalf_read_members(read));
        behalf_write_text(writer, "filter");
        behalf_write_filter(writer, filter);
        write_page(writer, page);
        behalf_write_read(writer, read);
    }
    return call_with(client, "relationships.read", writer, BEHALF_SUCCESS, reply, error);
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
    status = call_with(client, "schema.write", writer, BEHALF_SUCCESS, &reply, error);
    if (status != BEHALF_SUCCESS)
        return status;
    return finish_token(reply, "schema.write", "written_at", written_at, error);
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
    return call_with(client, "schema.read", writer, BEHALF_SUCCESS, reply, error);
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
    struct member members[] = {{"action", action}};
    struct behalf_writer *writer = behalf_writer_new();

    if (writer != NULL) {
        behalf_write_map(writer, count_members(members, BEHALF_COUNT_OF(members)));
        write_members(writer, members, BEHALF_COUNT_OF(members));
    }
    return call_with(client, "server.clock", writer, BEHALF_SUCCESS, reply, error);
}
