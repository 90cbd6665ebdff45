/* results_record.c - sessions, grants and access requests in the reply. A body is shown as it is
 * stored, with its times as RFC 3339; what only the engine needs is left out. */
#include "net/contexts.h"
#include "net/results.h"

void
result_put_id(struct buffer *out, const struct record_id *id, const char *prefix)
{
    struct record_id_text text;

    record_id_print(id, prefix, &text);
    codec_put_text(out, slice_of(text.text));
}

static bool
is_one_of(struct slice key, const char *const *names, size_t count)
{
    for (size_t index = 0; index < count; index++)
        if (slice_equal(key, slice_of(names[index])))
            return true;
    return false;
}

/* `at` of an approval, a revocation and a decision, `until` of what was requested; what is inside
 * of evidence is the client's. */
static void
put_event(struct buffer *out, const struct datum *event)
{
    static const char *const times[] = {"at", "until"};

    codec_put_map(out, event->as.map.count);
    for (size_t index = 0; index < event->as.map.count; index++) {
        const struct datum_field *field = &event->as.map.fields[index];

        codec_put_text(out, field->key);
        if (field->value->kind == DATUM_INT && is_one_of(field->key, times, BEHALF_COUNT_OF(times)))
            codec_put_time(out, field->value->as.integer);
        else
            context_put(out, field->value);
    }
}

static void
put_field(struct buffer *out, const struct datum_field *field)
{
    static const char *const times[] = {"created", "expires_at", "not_before"};
    static const char *const events[] = {"approval", "revoked", "decided", "requested"};

    codec_put_text(out, field->key);
    if (field->value->kind == DATUM_INT && is_one_of(field->key, times, BEHALF_COUNT_OF(times)))
        codec_put_time(out, field->value->as.integer);
    else if (field->value->kind == DATUM_MAP &&
             is_one_of(field->key, events, BEHALF_COUNT_OF(events)))
        put_event(out, field->value);
    else
        context_put(out, field->value);
}

/* What stands beside the body. */
static void
put_beside(struct buffer *out, const struct engine_record *record)
{
    codec_put_literal(out, "state");
    codec_put_text(out, record->state == REASON_NONE ? SLICE_LITERAL("active")
                                                     : engine_reason_word(record->state));
    if (record->last_seen != 0) {
        codec_put_literal(out, "last_seen");
        codec_put_time(out, record->last_seen);
    }
    if (record->has_uses) {
        codec_put_literal(out, "uses_left");
        codec_put_unsigned(out, record->uses_left);
    }
    if (record->chain_length == 0)
        return;
    codec_put_literal(out, "chain");
    codec_put_array(out, record->chain_length);
    for (size_t index = 0; index < record->chain_length; index++)
        result_put_id(out, &record->chain[index], RECORD_PREFIX_GRANT);
}

enum status
result_put_record(struct buffer *out, const char *name, const char *prefix,
                  const struct engine_record *record, size_t more, struct arena *arena,
                  struct error *error)
{
    static const struct slice made = {"made", 4};
    const struct datum *body = NULL;
    size_t pairs;
    enum status status = datum_decode(record->body, arena, &body, error);

    if (status != BEHALF_OK)
        return status;
    if (body->kind != DATUM_MAP)
        return error_set(error, BEHALF_STORAGE_CORRUPT, "a record is no map");
    pairs = body->as.map.count - (datum_field(body, made) != NULL);
    codec_put_map(out, 2 + pairs + (size_t)(record->last_seen != 0) + record->has_uses +
                           (record->chain_length > 0) + more);
    codec_put_literal(out, name);
    result_put_id(out, &record->id, prefix);
    for (size_t index = 0; index < body->as.map.count; index++)
        if (!slice_equal(body->as.map.fields[index].key, made))
            put_field(out, &body->as.map.fields[index]);
    put_beside(out, record);
    return BEHALF_OK;
}

enum status
result_put_access_request(struct buffer *out, const struct engine_record *record, size_t more,
                          struct arena *arena, struct error *error)
{
    static const struct slice status_key = {"status", 6};
    const struct datum *body = NULL;
    enum status status = datum_decode(record->body, arena, &body, error);

    if (status != BEHALF_OK)
        return status;
    if (body->kind != DATUM_MAP)
        return error_set(error, BEHALF_STORAGE_CORRUPT, "a record is no map");
    codec_put_map(out, 1 + body->as.map.count + more);
    codec_put_literal(out, "request");
    result_put_id(out, &record->id, RECORD_PREFIX_REQUEST);
    for (size_t index = 0; index < body->as.map.count; index++) {
        const struct datum_field *field = &body->as.map.fields[index];

        if (slice_equal(field->key, status_key)) {
            codec_put_text(out, status_key);
            codec_put_text(out, engine_access_request_word(record->access_request.status));
        } else {
            put_field(out, field);
        }
    }
    return BEHALF_OK;
}
