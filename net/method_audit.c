/* method_audit.c - the audit log: its records, checkpoint, proofs and verification, explanations,
 * replays, and the records of gateways. */
#include "base/datum.h"
#include "engine/audit.h"
#include "net/contexts.h"
#include "net/methods.h"
#include "net/results.h"
#include "net/shapes_agents.h"

#define LIMIT_SEQ (UINT64_C(1) << 53) /* integers of a record are smaller */
#define LIMIT_CHECKPOINT ((size_t)4096)

#define DEADLINE_FIELD(holder)                                                                     \
    FIELD(holder, read.deadline_ms, "deadline_ms", decode_deadline, FIELD_OPTIONAL)

static enum status
decode_seq(struct decoder *decoder, void *into)
{
    return decode_number(decoder, LIMIT_SEQ, BEHALF_MALFORMED_REQUEST, into);
}

static struct engine_request
audit_request(const struct method_context *context, const struct read_arguments *read)
{
    return method_request(context, read, LIMIT_LOOKUP_DEADLINE_MS);
}

/* --- audit.read --- */

/* An id that is kept as text: it is compared with that of records. */
static enum status
decode_id_text(struct decoder *decoder, field_decode *decode, void *into)
{
    struct wire_reader start = decoder->reader;
    struct record_id id;
    enum status status = decode(decoder, &id);

    decoder->reader = start;
    return status == BEHALF_OK ? decode_text(decoder, into) : status;
}

static enum status
decode_session_text(struct decoder *decoder, void *into)
{
    return decode_id_text(decoder, decode_session_id, into);
}

static enum status
decode_grant_text(struct decoder *decoder, void *into)
{
    return decode_id_text(decoder, decode_grant_id, into);
}

static enum status
decode_decision_text(struct decoder *decoder, void *into)
{
    struct slice *text = into;
    struct record_id id;
    enum status status = decode_text(decoder, text);

    if (status != BEHALF_OK || record_id_parse(*text, RECORD_PREFIX_DECISION, &id))
        return status;
    return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST,
                          "must be an id: '%s' and 26 characters, as the server wrote them",
                          RECORD_PREFIX_DECISION);
}

/* An object as records have it: its canonical text. */
static enum status
decode_object_text(struct decoder *decoder, void *into)
{
    struct slice *text = into;
    struct object object = {.wildcard = false};
    struct buffer printed;
    enum status status = decode_subject(decoder, &object);

    if (status != BEHALF_OK)
        return status;
    buffer_init(&printed);
    object_print(&object, &printed);
    *text = arena_copy(decoder->arena, buffer_slice(&printed));
    buffer_release(&printed);
    return text->data != NULL ? BEHALF_OK : decoder_no_memory(decoder);
}

static enum status
decode_audit_filter(struct decoder *decoder, void *into)
{
    static const struct field fields[] = {
        FIELD(audit_filter, event, "event", decode_text, FIELD_OPTIONAL),
        FIELD(audit_filter, session, "session", decode_session_text, FIELD_OPTIONAL),
        FIELD(audit_filter, grant, "grant", decode_grant_text, FIELD_OPTIONAL),
        FIELD(audit_filter, agent, "agent", decode_object_text, FIELD_OPTIONAL),
        FIELD(audit_filter, principal, "principal", decode_object_text, FIELD_OPTIONAL),
        FIELD(audit_filter, decision, "decision", decode_decision_text, FIELD_OPTIONAL),
    };

    return DECODE_MAP(decoder, fields, into, NULL);
}

struct audit_from {
    bool given;
    uint64_t seq;
};

static enum status
decode_from(struct decoder *decoder, void *into)
{
    struct audit_from *from = into;

    from->given = true;
    return decode_seq(decoder, &from->seq);
}

struct audit_read_arguments {
    struct read_arguments read;
    struct audit_read audit;
    struct audit_from from;
};

static void
put_records(struct buffer *out, const struct audit_read_result *result)
{
    codec_put_map(out, 3);
    codec_put_literal(out, "records");
    codec_put_array(out, result->record_count);
    for (size_t at = 0; at < result->record_count; at++)
        codec_put_text(out, result->records[at]);
    codec_put_literal(out, "complete");
    codec_put_bool(out, result->complete);
    codec_put_literal(out, "cursor");
    result_put_cursor(out, &result->cursor);
}

enum status
method_audit_read(const struct method_context *context, struct wire_reader arguments,
                  struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(audit_read_arguments, from, "from", decode_from, FIELD_OPTIONAL),
        FIELD(audit_read_arguments, audit.newest, "newest", decode_flag, FIELD_OPTIONAL),
        FIELD(audit_read_arguments, audit.filter, "filter", decode_audit_filter, FIELD_OPTIONAL),
        FIELD(audit_read_arguments, audit.limit, "limit", decode_page_limit, FIELD_OPTIONAL),
        FIELD(audit_read_arguments, audit.cursor, "cursor", decode_cursor, FIELD_OPTIONAL),
        DEADLINE_FIELD(audit_read_arguments),
    };
    struct audit_read_arguments call = {.audit.most_bytes = LIMIT_PAGE_BYTES};
    struct engine_request request;
    struct audit_read_result result;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    call.audit.has_from = call.from.given;
    call.audit.from = call.from.seq;
    request = audit_request(context, &call.read);
    status = engine_audit_read(context->worker, &request, &call.audit, &result, error);
    if (status == BEHALF_OK)
        put_records(out, &result);
    return status;
}

/* --- audit.checkpoint, audit.proof, audit.verify --- */

struct audit_arguments {
    struct read_arguments read;
};

enum status
method_audit_checkpoint(const struct method_context *context, struct wire_reader arguments,
                        struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        DEADLINE_FIELD(audit_arguments),
    };
    struct audit_arguments call = {.read.deadline_ms = 0};
    struct engine_request request;
    struct slice note;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    request = audit_request(context, &call.read);
    status = engine_audit_checkpoint(context->worker, &request, &note, error);
    if (status != BEHALF_OK)
        return status;
    codec_put_map(out, 1);
    codec_put_literal(out, "note");
    codec_put_text(out, note);
    return BEHALF_OK;
}

struct audit_proof_arguments {
    struct read_arguments read;
    uint64_t size;
    struct audit_from seq;
    struct audit_from from;
};

static void
put_hashes(struct buffer *out, const struct audit_proof_result *result)
{
    static const char digits[] = "0123456789abcdef";

    codec_put_map(out, 1);
    codec_put_literal(out, "hashes");
    codec_put_array(out, result->hash_count);
    for (size_t at = 0; at < result->hash_count; at++) {
        char text[2 * sizeof result->hashes[at]];

        for (size_t byte = 0; byte < sizeof result->hashes[at]; byte++) {
            text[2 * byte] = digits[result->hashes[at][byte] >> 4];
            text[2 * byte + 1] = digits[result->hashes[at][byte] & 15];
        }
        codec_put_text(out, (struct slice){text, sizeof text});
    }
}

enum status
method_audit_proof(const struct method_context *context, struct wire_reader arguments,
                   struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(audit_proof_arguments, size, "size", decode_seq, FIELD_REQUIRED),
        FIELD(audit_proof_arguments, seq, "seq", decode_from, FIELD_OPTIONAL),
        FIELD(audit_proof_arguments, from, "from", decode_from, FIELD_OPTIONAL),
        DEADLINE_FIELD(audit_proof_arguments),
    };
    struct audit_proof_arguments call = {.read.deadline_ms = 0};
    struct audit_proof_request proof;
    struct engine_request request;
    struct audit_proof_result result;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    if (call.seq.given == call.from.given)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "one of the arguments 'seq' and 'from' is needed beside 'size'");
    proof = (struct audit_proof_request){.is_consistency = call.from.given,
                                         .seq = call.seq.seq,
                                         .from = call.from.seq,
                                         .size = call.size};
    request = audit_request(context, &call.read);
    status = engine_audit_prove(context->worker, &request, &proof, &result, error);
    if (status == BEHALF_OK)
        put_hashes(out, &result);
    return status;
}

static enum status
decode_checkpoint(struct decoder *decoder, void *into)
{
    const struct slice *note = into;
    enum status status = decode_text(decoder, into);

    if (status == BEHALF_OK && note->size > LIMIT_CHECKPOINT)
        status = decoder_refuse(decoder, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                                "%zu bytes; at most %zu are allowed", note->size, LIMIT_CHECKPOINT);
    return status;
}

struct audit_verify_arguments {
    struct read_arguments read;
    struct slice checkpoint;
};

static void
put_verification(struct buffer *out, const struct audit_verify_result *result)
{
    codec_put_map(out, result->ok ? 3 : 4);
    codec_put_literal(out, "records");
    codec_put_unsigned(out, result->records);
    codec_put_literal(out, "segments");
    codec_put_unsigned(out, result->segments);
    codec_put_literal(out, "ok");
    codec_put_bool(out, result->ok);
    if (result->ok)
        return;
    codec_put_literal(out, "first_wrong");
    codec_put_map(out, 3);
    codec_put_literal(out, "seq");
    codec_put_unsigned(out, result->wrong_seq);
    codec_put_literal(out, "offset");
    codec_put_unsigned(out, result->wrong_offset);
    codec_put_literal(out, "what");
    codec_put_message(out, result->wrong);
}

enum status
method_audit_verify(const struct method_context *context, struct wire_reader arguments,
                    struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(audit_verify_arguments, checkpoint, "checkpoint", decode_checkpoint, FIELD_OPTIONAL),
        DEADLINE_FIELD(audit_verify_arguments),
    };
    struct audit_verify_arguments call = {.read.deadline_ms = 0};
    struct engine_request request;
    struct audit_verify_result result;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    request = audit_request(context, &call.read);
    status = engine_audit_verify(context->worker, &request, call.checkpoint, &result, error);
    if (status == BEHALF_OK)
        put_verification(out, &result);
    return status;
}

/* --- audit.explain --- */

struct audit_explain_arguments {
    struct read_arguments read;
    struct slice decision_id;
};

enum status
method_audit_explain(const struct method_context *context, struct wire_reader arguments,
                     struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(audit_explain_arguments, decision_id, "decision_id", decode_decision_text,
              FIELD_REQUIRED),
        DEADLINE_FIELD(audit_explain_arguments),
    };
    struct audit_explain_arguments call = {.read.deadline_ms = 0};
    struct engine_request request;
    struct audit_explain_result result;
    const struct datum *record;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    request = audit_request(context, &call.read);
    status = engine_audit_explain(context->worker, &request, call.decision_id, &result, error);
    if (status == BEHALF_OK)
        status = datum_parse_json(result.record, context->arena, &record, error);
    if (status != BEHALF_OK)
        return status;
    codec_put_map(out, 2);
    codec_put_literal(out, "record");
    context_put(out, record);
    codec_put_literal(out, "now");
    context_put(out, result.now);
    return BEHALF_OK;
}

/* --- audit.replay --- */

struct audit_replay_arguments {
    struct read_arguments read;
    struct audit_replay replay;
};

/* bool: "then" is true */
static enum status
decode_replay_at(struct decoder *decoder, void *into)
{
    static const char *const names[] = {"now", "then"};
    size_t place = 0;
    enum status status =
        decode_word(decoder, names, BEHALF_COUNT_OF(names), "must be \"then\" or \"now\"", &place);

    *(bool *)into = place == 1;
    return status;
}

static void
put_replay(struct buffer *out, const struct audit_replay_result *result)
{
    codec_put_map(out, 5);
    codec_put_literal(out, "same");
    codec_put_unsigned(out, result->same);
    codec_put_literal(out, "different");
    codec_put_array(out, result->difference_count);
    for (size_t at = 0; at < result->difference_count; at++) {
        const struct audit_difference *row = &result->different[at];

        codec_put_map(out, 3);
        codec_put_literal(out, "decision_id");
        codec_put_message(out, row->decision_id);
        codec_put_literal(out, "recorded");
        codec_put_message(out, row->recorded);
        codec_put_literal(out, "now");
        codec_put_message(out, row->now);
    }
    codec_put_literal(out, "skipped");
    codec_put_map(out, result->skipped_count);
    for (size_t at = 0; at < result->skipped_count; at++) {
        codec_put_text(out, result->skipped[at].reason);
        codec_put_unsigned(out, result->skipped[at].count);
    }
    codec_put_literal(out, "next");
    codec_put_unsigned(out, result->next);
    codec_put_literal(out, "complete");
    codec_put_bool(out, result->complete);
}

enum status
method_audit_replay(const struct method_context *context, struct wire_reader arguments,
                    struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(audit_replay_arguments, replay.then, "at", decode_replay_at, FIELD_REQUIRED),
        FIELD(audit_replay_arguments, replay.from, "from", decode_seq, FIELD_OPTIONAL),
        FIELD(audit_replay_arguments, replay.limit, "limit", decode_page_limit, FIELD_OPTIONAL),
        DEADLINE_FIELD(audit_replay_arguments),
    };
    struct audit_replay_arguments call = {.read.deadline_ms = 0};
    struct engine_request request;
    struct audit_replay_result result;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    request = audit_request(context, &call.read);
    status = engine_audit_replay(context->worker, &request, &call.replay, &result, error);
    if (status == BEHALF_OK)
        put_replay(out, &result);
    return status;
}

/* --- audit.append --- */

struct audit_append_arguments {
    struct read_arguments read;
    struct audit_append append;
    struct slice request_id;
};

enum status
method_audit_append(const struct method_context *context, struct wire_reader arguments,
                    struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(audit_append_arguments, append.event, "event", decode_text, FIELD_REQUIRED),
        FIELD(audit_append_arguments, request_id, "request_id", decode_request_id, FIELD_OPTIONAL),
        FIELD(audit_append_arguments, append.session, "session", decode_session_text,
              FIELD_OPTIONAL),
        FIELD(audit_append_arguments, append.grant, "grant", decode_grant_text, FIELD_OPTIONAL),
        FIELD(audit_append_arguments, append.fields, "fields", decode_context, FIELD_OPTIONAL),
        DEADLINE_FIELD(audit_append_arguments),
    };
    struct audit_append_arguments call = {.read.deadline_ms = 0};
    struct engine_request request;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    request = method_request(context, &call.read, LIMIT_CHECK_DEADLINE_MS);
    request.request_id = call.request_id;
    status = engine_audit_append(context->worker, &request, &call.append, error);
    if (status == BEHALF_OK)
        codec_put_map(out, 0);
    return status;
}
