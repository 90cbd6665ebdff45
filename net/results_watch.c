/* results_watch.c - what a stream says. */
#include "net/results_watch.h"

static void
put_stream(struct buffer *out, uint64_t stream)
{
    if (stream == 0)
        return;
    codec_put_literal(out, "stream");
    codec_put_unsigned(out, stream);
}

/* --- changes --- */

static size_t
changes_pairs(const struct watch_message *message)
{
    return 4 + (size_t)message->is_sweep + (message->caller.size > 0) +
           (message->metadata.size > 0) + (message->relationship_count > 0) +
           (message->schema.size > 0) + (message->record_count > 0);
}

/* The bytes of one map, as a client wrote it; what is none, from a program that wrote into the
 * store by itself, is shown as bytes. */
static void
put_metadata(struct buffer *out, struct slice metadata)
{
    struct wire_reader reader = reader_of(metadata);
    struct slice whole;

    if (reader_skip(&reader, &whole) && whole.size == metadata.size)
        buffer_add_slice(out, metadata);
    else
        codec_put_binary(out, metadata);
}

static void
put_head(struct buffer *out, const struct watch_message *message)
{
    codec_put_literal(out, "revision");
    codec_put_unsigned(out, message->revision);
    codec_put_literal(out, "time");
    codec_put_time(out, message->time_ns);
    codec_put_literal(out, "token");
    result_put_token(out, &message->token);
    codec_put_literal(out, "last");
    codec_put_bool(out, message->is_last);
    if (message->is_sweep) {
        codec_put_literal(out, "sweep");
        codec_put_bool(out, true);
    }
    if (message->caller.size > 0) {
        codec_put_literal(out, "caller");
        codec_put_text(out, message->caller);
    }
    if (message->metadata.size > 0) {
        codec_put_literal(out, "metadata");
        put_metadata(out, message->metadata);
    }
}

static enum status
put_relationships(struct buffer *out, const struct watch_message *message, struct buffer *scratch,
                  struct error *error)
{
    enum status status = BEHALF_OK;

    if (message->relationship_count == 0)
        return BEHALF_OK;
    codec_put_literal(out, "relationships");
    codec_put_array(out, message->relationship_count);
    for (size_t index = 0; status == BEHALF_OK && index < message->relationship_count; index++) {
        const struct watch_relationship *change = &message->relationships[index];

        codec_put_map(out, 2);
        codec_put_literal(out, "op");
        codec_put_literal(out, change->removed ? "delete" : "touch");
        codec_put_literal(out, "relationship");
        status = result_put_relationship(out, &change->relationship, scratch, error);
    }
    return status;
}

static void
put_records(struct buffer *out, const struct watch_message *message)
{
    if (message->record_count == 0)
        return;
    codec_put_literal(out, "records");
    codec_put_array(out, message->record_count);
    for (size_t index = 0; index < message->record_count; index++) {
        const struct watch_record *record = &message->records[index];

        codec_put_map(out, 2 + (size_t)(record->id.size > 0));
        codec_put_literal(out, "kind");
        codec_put_literal(out, record->kind);
        if (record->id.size > 0) {
            codec_put_literal(out, "id");
            codec_put_text(out, record->id);
        }
        codec_put_literal(out, "event");
        codec_put_text(out, record->event);
    }
}

enum status
result_put_changes(struct buffer *out, uint64_t stream, const struct watch_message *message,
                   struct buffer *scratch, struct error *error)
{
    enum status status;

    codec_put_map(out, changes_pairs(message) + (stream != 0));
    put_stream(out, stream);
    put_head(out, message);
    status = put_relationships(out, message, scratch, error);
    if (message->schema.size > 0) {
        codec_put_literal(out, "schema");
        codec_put_text(out, message->schema);
    }
    put_records(out, message);
    return status;
}

/* --- what is no change --- */

void
result_put_checkpoint(struct buffer *out, uint64_t stream, uint64_t revision,
                      const struct engine_token *token)
{
    codec_put_map(out, 2 + (size_t)(stream != 0));
    put_stream(out, stream);
    codec_put_literal(out, "revision");
    codec_put_unsigned(out, revision);
    codec_put_literal(out, "token");
    result_put_token(out, token);
}

void
result_put_ended(struct buffer *out, uint64_t stream, const struct engine_token *token,
                 const struct error *error)
{
    codec_put_map(out, 2 + (size_t)(stream != 0));
    put_stream(out, stream);
    codec_put_literal(out, "token");
    result_put_token(out, token);
    codec_put_literal(out, "error");
    result_put_error(out, error);
}
