/* client_attributes.c - the typed calls of attributes. */
#include "client/client_internal.h"

static enum behalf_status
write_update(struct behalf_writer *writer, const struct behalf_attributes_update *update,
             struct behalf_error *error)
{
    static const char *const operations[] = {
        [BEHALF_ATTRIBUTES_SET] = "set",
        [BEHALF_ATTRIBUTES_MERGE] = "merge",
        [BEHALF_ATTRIBUTES_DELETE] = "delete",
    };
    struct client_map map;
    enum behalf_status status;

    if ((unsigned)update->operation >= BEHALF_COUNT_OF(operations))
        return client_error_set(error, BEHALF_FAILED_USAGE,
                                "cannot write attributes: no such operation");
    map = client_map_begin(writer);
    client_map_text(&map, "object", update->object);
    client_map_text(&map, "op", operations[update->operation]);
    status = client_map_json(&map, "attributes", update->attributes, error);
    client_map_end(&map);
    return status;
}

enum behalf_status
behalf_attributes_write(struct behalf_client *client,
                        const struct behalf_attributes_update *updates, size_t count,
                        const struct behalf_write *write, char *written_at,
                        struct behalf_error *error)
{
    struct behalf_writer *writer;
    enum behalf_status status = BEHALF_SUCCESS;
    struct behalf_reply *reply;

    if (count > UINT32_MAX)
        return client_error_set(error, BEHALF_FAILED_USAGE,
                                "cannot write attributes: too many updates");
    writer = behalf_writer_new();
    if (writer != NULL) {
        struct client_map map = client_map_begin(writer);

        client_map_key(&map, "updates");
        behalf_write_array(writer, (uint32_t)count);
        for (size_t index = 0; status == BEHALF_SUCCESS && index < count; index++)
            status = write_update(writer, &updates[index], error);
        if (status == BEHALF_SUCCESS)
            status = client_map_write(&map, write, error);
        client_map_end(&map);
    }
    status = client_call_with(client, "attributes.write", writer, status, &reply, error);
    if (status != BEHALF_SUCCESS)
        return status;
    return client_finish_token(reply, "attributes.write", "written_at", written_at, error);
}

enum behalf_status
behalf_attributes_read(struct behalf_client *client, const struct behalf_read *read,
                       const char *object, struct behalf_reply **reply, struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();

    if (writer != NULL) {
        struct client_map map = client_map_begin(writer);

        client_map_text(&map, "object", object);
        client_map_read(&map, read);
        client_map_end(&map);
    }
    return client_call_with(client, "attributes.read", writer, BEHALF_SUCCESS, reply, error);
}
