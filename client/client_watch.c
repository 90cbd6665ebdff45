/* client_watch.c - a stream of changes: credit is given for what was taken, half a window at a
 * time, without waiting for the replies. */
#include <stdlib.h>
#include <string.h>

#include "client/client_internal.h"

#define CREDIT_DEFAULT (1024U * 1024)

struct behalf_watch {
    struct behalf_client *client;
    struct client_note note; /* that was given last */
    uint64_t stream;
    uint32_t credit; /* the window */
    uint32_t taken;  /* of it, and not given back yet */
    bool ended;
    struct behalf_error ended_by;
    char token[BEHALF_TOKEN_SIZE];
};

/* --- opening --- */

static enum behalf_status
ask_for_stream(struct behalf_watch *watch, const struct behalf_watching *watching,
               struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();
    struct behalf_reply *reply;
    struct client_map map;
    enum behalf_status status = BEHALF_SUCCESS;
    bool good;

    if (writer != NULL) {
        map = client_map_begin(writer);
        client_map_text(&map, "from", watching->from);
        client_map_uint(&map, "credit", watch->credit);
        if (watching->filter != NULL) {
            client_map_key(&map, "filter");
            behalf_write_filter(writer, watching->filter);
        }
        client_map_end(&map);
    }
    status = client_call_with(watch->client, "watch", writer, status, &reply, error);
    if (status != BEHALF_SUCCESS)
        return status;
    good =
        behalf_value_uint(behalf_value_get(behalf_reply_result(reply), "stream"), &watch->stream) &&
        client_read_token(behalf_reply_result(reply), "token", watch->token);
    behalf_reply_free(reply);
    return good ? BEHALF_SUCCESS : client_bad_result(error, "watch", "stream");
}

enum behalf_status
behalf_watch_open(struct behalf_client *client, const struct behalf_watching *watching,
                  struct behalf_watch **watch, struct behalf_error *error)
{
    static const struct behalf_watching defaults;
    struct behalf_watch *made = calloc(1, sizeof *made);
    enum behalf_status status;

    if (made == NULL)
        return client_error_set(error, BEHALF_FAILED_MEMORY, "cannot watch: no memory");
    if (watching == NULL)
        watching = &defaults;
    made->client = client;
    made->credit = watching->credit > 0 ? watching->credit : CREDIT_DEFAULT;
    client_watching(client, true); /* what comes right behind the reply is kept */
    status = ask_for_stream(made, watching, error);
    if (status == BEHALF_SUCCESS) {
        *watch = made;
        return status;
    }
    client_watching(client, false);
    free(made);
    return status;
}

/* --- events --- */

/* A call whose reply is of no interest. */
static enum behalf_status
tell(struct behalf_watch *watch, const char *method, uint64_t bytes, struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();
    enum behalf_status status;
    struct client_map map;
    uint32_t id;

    if (writer == NULL)
        return client_error_set(error, BEHALF_FAILED_MEMORY, "cannot watch: no memory");
    map = client_map_begin(writer);
    client_map_uint(&map, "stream", watch->stream);
    client_map_uint(&map, "bytes", bytes);
    client_map_end(&map);
    status = behalf_submit(watch->client, method, writer, &id, error);
    behalf_writer_free(writer);
    if (status == BEHALF_SUCCESS)
        client_forget(watch->client, id);
    return status;
}

/* The last event was taken. */
static enum behalf_status
give_back(struct behalf_watch *watch, struct behalf_error *error)
{
    enum behalf_status status = BEHALF_SUCCESS;

    watch->taken += (uint32_t)watch->note.size;
    behalf_reply_free(watch->note.reply);
    watch->note = (struct client_note){.size = 0};
    if (watch->taken >= watch->credit / 2 && watch->taken > 0) {
        status = tell(watch, "watch.credit", watch->taken, error);
        watch->taken = 0;
    }
    return status;
}

/* The notification that has come. */
static enum behalf_status
read_event(struct behalf_watch *watch, struct behalf_watch_event *event, struct behalf_error *error)
{
    struct behalf_value body = watch->note.body;
    bool is_changes = behalf_value_is(watch->note.method, "watch.changes");

    *event = (struct behalf_watch_event){.kind = BEHALF_WATCH_CHECKPOINT, .last = true};
    if (behalf_value_is(watch->note.method, "watch.ended")) {
        watch->ended = true;
        (void)client_error_read(&watch->ended_by, behalf_value_get(body, "error"));
        if (error != NULL)
            *error = watch->ended_by;
        return BEHALF_FAILED_SERVER;
    }
    event->body = body;
    if (is_changes) {
        event->kind = BEHALF_WATCH_CHANGES;
        if (!behalf_value_bool(behalf_value_get(body, "last"), &event->last))
            return client_bad_result(error, "watch", "last");
    }
    if (!behalf_value_uint(behalf_value_get(body, "revision"), &event->revision) ||
        !client_read_token(body, "token", watch->token))
        return client_bad_result(error, "watch", "token");
    return BEHALF_SUCCESS;
}

enum behalf_status
behalf_watch_next(struct behalf_watch *watch, uint32_t timeout_ms, struct behalf_watch_event *event,
                  struct behalf_error *error)
{
    enum behalf_status status;

    if (watch->ended) {
        if (error != NULL)
            *error = watch->ended_by;
        return BEHALF_FAILED_SERVER;
    }
    status = give_back(watch, error);
    if (status == BEHALF_SUCCESS)
        status = client_await_note(watch->client, watch->stream, timeout_ms, &watch->note, error);
    return status == BEHALF_SUCCESS ? read_event(watch, event, error) : status;
}

const char *
behalf_watch_token(const struct behalf_watch *watch)
{
    return watch->token;
}

void
behalf_watch_close(struct behalf_watch *watch)
{
    if (watch == NULL)
        return;
    if (!watch->ended && tell(watch, "watch.end", 0, NULL) == BEHALF_SUCCESS)
        (void)behalf_flush(watch->client, NULL);
    behalf_reply_free(watch->note.reply);
    client_notes_drop(watch->client, watch->stream);
    client_watching(watch->client, false);
    free(watch);
}
