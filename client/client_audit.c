/* client_audit.c - the typed calls of the audit log. */
#include "client/client_internal.h"

/* One call whose arguments are these texts, numbers and no more. */
struct number_member {
    const char *name;
    uint64_t value;
};

static enum behalf_status
call_with_members(struct behalf_client *client, const char *method,
                  const struct client_member *texts, size_t text_count,
                  const struct number_member *numbers, size_t number_count,
                  struct behalf_reply **reply, struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();

    if (writer != NULL) {
        struct client_map map = client_map_begin(writer);

        for (size_t index = 0; index < text_count; index++)
            client_map_text(&map, texts[index].name, texts[index].value);
        for (size_t index = 0; index < number_count; index++) {
            client_map_key(&map, numbers[index].name);
            behalf_write_uint(writer, numbers[index].value);
        }
        client_map_end(&map);
    }
    return client_call_with(client, method, writer, BEHALF_SUCCESS, reply, error);
}

enum behalf_status
behalf_audit_read(struct behalf_client *client, const struct behalf_audit_read *read,
                  const struct behalf_page *page, struct behalf_reply **reply,
                  struct behalf_error *error)
{
    const struct client_member filter[] = {
        {"event", read->event}, {"session", read->session},     {"grant", read->grant},
        {"agent", read->agent}, {"principal", read->principal}, {"decision", read->decision},
    };
    struct behalf_writer *writer = behalf_writer_new();

    if (writer != NULL) {
        struct client_map map = client_map_begin(writer);

        client_map_pair(&map, "filter", filter, BEHALF_COUNT_OF(filter));
        client_map_uint(&map, "from", read->from);
        client_map_true(&map, "newest", read->newest);
        client_map_page(&map, page);
        client_map_end(&map);
    }
    return client_call_with(client, "audit.read", writer, BEHALF_SUCCESS, reply, error);
}

enum behalf_status
behalf_audit_checkpoint(struct behalf_client *client, struct behalf_reply **reply,
                        struct behalf_error *error)
{
    return call_with_members(client, "audit.checkpoint", NULL, 0, NULL, 0, reply, error);
}

enum behalf_status
behalf_audit_inclusion(struct behalf_client *client, uint64_t seq, uint64_t size,
                       struct behalf_reply **reply, struct behalf_error *error)
{
    const struct number_member numbers[] = {{"seq", seq}, {"size", size}};

    return call_with_members(client, "audit.proof", NULL, 0, numbers, BEHALF_COUNT_OF(numbers),
                             reply, error);
}

enum behalf_status
behalf_audit_consistency(struct behalf_client *client, uint64_t from, uint64_t size,
                         struct behalf_reply **reply, struct behalf_error *error)
{
    const struct number_member numbers[] = {{"from", from}, {"size", size}};

    return call_with_members(client, "audit.proof", NULL, 0, numbers, BEHALF_COUNT_OF(numbers),
                             reply, error);
}

enum behalf_status
behalf_audit_verify(struct behalf_client *client, const char *checkpoint,
                    struct behalf_reply **reply, struct behalf_error *error)
{
    const struct client_member texts[] = {{"checkpoint", checkpoint}};

    return call_with_members(client, "audit.verify", texts, BEHALF_COUNT_OF(texts), NULL, 0, reply,
                             error);
}

enum behalf_status
behalf_audit_explain(struct behalf_client *client, const char *decision_id,
                     struct behalf_reply **reply, struct behalf_error *error)
{
    const struct client_member texts[] = {{"decision_id", decision_id}};

    return call_with_members(client, "audit.explain", texts, BEHALF_COUNT_OF(texts), NULL, 0, reply,
                             error);
}

enum behalf_status
behalf_audit_replay(struct behalf_client *client, bool then, uint64_t from, uint32_t limit,
                    struct behalf_reply **reply, struct behalf_error *error)
{
    const struct client_member texts[] = {{"at", then ? "then" : "now"}};
    const struct number_member numbers[] = {{"from", from}, {"limit", limit}};

    /* Without a limit the server's default. */
    return call_with_members(client, "audit.replay", texts, BEHALF_COUNT_OF(texts), numbers,
                             limit > 0 ? 2 : 1, reply, error);
}

enum behalf_status
behalf_audit_append(struct behalf_client *client, const struct behalf_audit_record *record,
                    struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();
    enum behalf_status status = BEHALF_SUCCESS;
    struct behalf_reply *reply;

    if (writer != NULL) {
        struct client_map map = client_map_begin(writer);

        client_map_text(&map, "event", record->event);
        client_map_text(&map, "request_id", record->request_id);
        client_map_text(&map, "session", record->session);
        client_map_text(&map, "grant", record->grant);
        status = client_map_json(&map, "fields", record->fields, error);
        client_map_end(&map);
    }
    status = client_call_with(client, "audit.append", writer, status, &reply, error);
    if (status == BEHALF_SUCCESS)
        behalf_reply_free(reply);
    return status;
}
