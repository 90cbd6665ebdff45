/* client_arguments.c - arguments of the typed calls, and what their results have in common. */
#include <string.h>

#include "client/client_internal.h"

/* --- maps --- */

#define FIXMAP_HEAD 0x80 /* and the number of pairs */
#define FIXMAP_PAIRS 15
#define MAP16_HEAD 0xDE

void
client_write_member(struct behalf_writer *writer, const char *name, const char *value)
{
    behalf_write_text(writer, name);
    behalf_write_text(writer, value);
}

uint32_t
client_count_members(const struct client_member *members, size_t count)
{
    uint32_t present = 0;

    for (size_t index = 0; index < count; index++)
        present += members[index].value != NULL ? 1 : 0;
    return present;
}

void
client_write_members(struct behalf_writer *writer, const struct client_member *members,
                     size_t count)
{
    for (size_t index = 0; index < count; index++)
        if (members[index].value != NULL)
            client_write_member(writer, members[index].name, members[index].value);
}

struct client_map
client_map_begin(struct behalf_writer *writer)
{
    struct client_map map = {writer, writer->bytes.size, 0};

    behalf_write_map(writer, 0);
    return map;
}

void
client_map_end(const struct client_map *map)
{
    struct client_bytes *bytes = &map->writer->bytes;
    unsigned char *head;

    if (map->writer->failed)
        return;
    if (map->pairs <= FIXMAP_PAIRS) {
        bytes->data[map->head] = (unsigned char)(FIXMAP_HEAD | map->pairs);
        return;
    }
    if (!client_bytes_reserve(bytes, 2)) {
        map->writer->failed = true;
        return;
    }
    head = bytes->data + map->head;
    memmove(head + 3, head + 1, bytes->size - map->head - 1);
    bytes->size += 2;
    head[0] = MAP16_HEAD;
    head[1] = (unsigned char)(map->pairs >> 8);
    head[2] = (unsigned char)map->pairs;
}

void
client_map_key(struct client_map *map, const char *name)
{
    map->pairs++;
    behalf_write_text(map->writer, name);
}

void
client_map_text(struct client_map *map, const char *name, const char *value)
{
    if (value == NULL)
        return;
    client_map_key(map, name);
    behalf_write_text(map->writer, value);
}

void
client_map_uint(struct client_map *map, const char *name, uint64_t value)
{
    if (value == 0)
        return;
    client_map_key(map, name);
    behalf_write_uint(map->writer, value);
}

void
client_map_true(struct client_map *map, const char *name, bool value)
{
    if (!value)
        return;
    client_map_key(map, name);
    behalf_write_bool(map->writer, true);
}

enum behalf_status
client_map_json(struct client_map *map, const char *name, const char *json,
                struct behalf_error *error)
{
    if (json == NULL)
        return BEHALF_SUCCESS;
    client_map_key(map, name);
    return behalf_write_json(map->writer, json, error);
}

void
client_map_pair(struct client_map *map, const char *name, const struct client_member *members,
                size_t count)
{
    uint32_t present = client_count_members(members, count);

    if (present == 0)
        return;
    client_map_key(map, name);
    behalf_write_map(map->writer, present);
    client_write_members(map->writer, members, count);
}

void
client_map_actors(struct client_map *map, const char *const *actors, size_t count)
{
    if (count == 0)
        return;
    client_map_key(map, "actor");
    behalf_write_actors(map->writer, actors, count);
}

void
client_map_page(struct client_map *map, const struct behalf_page *page)
{
    map->pairs += client_page_members(page);
    client_write_page(map->writer, page);
}

void
client_map_read(struct client_map *map, const struct behalf_read *read)
{
    map->pairs += behalf_read_members(read);
    behalf_write_read(map->writer, read);
}

enum behalf_status
client_map_write(struct client_map *map, const struct behalf_write *write,
                 struct behalf_error *error)
{
    if (write == NULL)
        return BEHALF_SUCCESS;
    client_map_text(map, "idempotency_key", write->idempotency_key);
    client_map_uint(map, "deadline_ms", write->deadline_ms);
    return client_map_json(map, "metadata", write->metadata, error);
}

/* --- what several calls have --- */

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
    case BEHALF_CONSISTENCY_AT_TIME:
        return "at_time";
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
        behalf_write_map(writer, 1U + (read->token != NULL) + (read->time != NULL));
        client_write_member(writer, "mode", mode);
        if (read->token != NULL)
            client_write_member(writer, "token", read->token);
        if (read->time != NULL)
            client_write_member(writer, "time", read->time);
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
    struct client_member fields[] = {{"resource_type", filter->resource_type},
                                     {"resource_id", filter->resource_id},
                                     {"resource_id_prefix", filter->resource_id_prefix},
                                     {"relation", filter->relation}};
    struct client_member subject[] = {{"type", filter->subject_type},
                                      {"id", filter->subject_id},
                                      {"relation", filter->subject_relation}};
    uint32_t subject_members = client_count_members(subject, BEHALF_COUNT_OF(subject)) +
                               (filter->subject_wildcard ? 1 : 0);

    behalf_write_map(writer, client_count_members(fields, BEHALF_COUNT_OF(fields)) +
                                 (subject_members > 0 ? 1 : 0));
    client_write_members(writer, fields, BEHALF_COUNT_OF(fields));
    if (subject_members > 0) {
        behalf_write_text(writer, "subject");
        behalf_write_map(writer, subject_members);
        client_write_members(writer, subject, BEHALF_COUNT_OF(subject));
        if (filter->subject_wildcard) {
            behalf_write_text(writer, "wildcard");
            behalf_write_bool(writer, true);
        }
    }
}

uint32_t
client_page_members(const struct behalf_page *page)
{
    if (page == NULL)
        return 0;
    return (page->limit > 0 ? 1U : 0U) + (page->cursor != NULL ? 1U : 0U);
}

void
client_write_page(struct behalf_writer *writer, const struct behalf_page *page)
{
    if (page != NULL && page->limit > 0) {
        behalf_write_text(writer, "limit");
        behalf_write_uint(writer, page->limit);
    }
    if (page != NULL && page->cursor != NULL)
        client_write_member(writer, "cursor", page->cursor);
}

/* --- calls --- */

enum behalf_status
client_call_with(struct behalf_client *client, const char *method, struct behalf_writer *writer,
                 enum behalf_status written, struct behalf_reply **reply,
                 struct behalf_error *error)
{
    enum behalf_status status = written;

    if (writer == NULL)
        return client_error_set(error, BEHALF_FAILED_MEMORY, "no memory for the request");
    if (status == BEHALF_SUCCESS)
        status = behalf_call(client, method, writer, reply, error);
    behalf_writer_free(writer);
    return status;
}

/* --- results --- */

bool
client_read_text(struct behalf_value result, const char *name, char *text, size_t room)
{
    const char *data;
    size_t size;

    if (!behalf_value_string(behalf_value_get(result, name), &data, &size) || size >= room)
        return false;
    memcpy(text, data, size);
    text[size] = '\0';
    return true;
}

bool
client_read_optional(struct behalf_value result, const char *name, char *text, size_t room)
{
    text[0] = '\0';
    return behalf_value_get(result, name).bytes == NULL ||
           client_read_text(result, name, text, room);
}

bool
client_read_token(struct behalf_value result, const char *name, char *token)
{
    return token == NULL || client_read_text(result, name, token, BEHALF_TOKEN_SIZE);
}

enum behalf_status
client_bad_result(struct behalf_error *error, const char *method, const char *member)
{
    return client_error_set(error, BEHALF_FAILED_PROTOCOL, "the server's result to '%s' lacks '%s'",
                            method, member);
}

enum behalf_status
client_finish_token(struct behalf_reply *reply, const char *method, const char *name, char *token,
                    struct behalf_error *error)
{
    bool good = client_read_token(behalf_reply_result(reply), name, token);

    behalf_reply_free(reply);
    return good ? BEHALF_SUCCESS : client_bad_result(error, method, name);
}

void
client_give_reply(struct behalf_reply *reply, struct behalf_reply **to)
{
    if (to != NULL)
        *to = reply;
    else
        behalf_reply_free(reply);
}
