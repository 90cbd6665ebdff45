/* dispatch.c - the envelope of MessagePack-RPC: [0, id, method, params] and [1, id, error, result].
 * The specification is the project's "msgpack-rpc" document; ids are unsigned 32-bit. */
#include "net/dispatch.h"

#include "engine/audit.h"
#include "net/caller.h"
#include "net/results.h"

enum { MESSAGE_REQUEST = 0, MESSAGE_RESPONSE = 1, MESSAGE_NOTIFICATION = 2 };

#define REQUEST_ELEMENTS 4

static const char empty_map[] = {(char)HEAD_FIXMAP};

/* --- replies --- */

/* The head of a reply that carries a result; what follows is the result itself. */
static void
put_result_head(uint32_t id, struct buffer *out)
{
    char head[8];
    size_t size = 0;

    head[size++] = (char)(HEAD_FIXARRAY | REQUEST_ELEMENTS);
    head[size++] = MESSAGE_RESPONSE;
    if (id < 0x80) {
        head[size++] = (char)id;
    } else {
        head[size++] = (char)HEAD_UINT32;
        head[size++] = (char)(id >> 24);
        head[size++] = (char)(id >> 16);
        head[size++] = (char)(id >> 8);
        head[size++] = (char)id;
    }
    head[size++] = (char)HEAD_NIL;
    buffer_add(out, head, size);
}

void
dispatch_refuse(struct request *request, const struct error *error, struct buffer *out)
{
    request->status = error->status;
    codec_put_array(out, REQUEST_ELEMENTS);
    codec_put_unsigned(out, MESSAGE_RESPONSE);
    codec_put_unsigned(out, request->id);
    result_put_error(out, error);
    codec_put_nil(out);
}

static void
cut_back(struct buffer *out, size_t size)
{
    BEHALF_ASSERT(size <= out->size);
    out->size = size;
}

bool
dispatch_is_small(struct slice frame)
{
    struct wire_reader reader = reader_of(frame);
    struct wire_value value;

    while (reader.at < reader.end)
        if (!reader_next(&reader, &value) ||
            ((value.kind == VALUE_ARRAY || value.kind == VALUE_MAP) &&
             value.number > LIMIT_LOGIN_ELEMENTS))
            return false;
    return true;
}

void
dispatch_malformed(struct slice bytes, const char *what, struct buffer *out)
{
    struct wire_reader reader = reader_of(bytes);
    struct wire_value array;
    struct wire_value type;
    struct wire_value id;
    struct error error;
    bool known = reader_next(&reader, &array) && array.kind == VALUE_ARRAY &&
                 array.number == REQUEST_ELEMENTS && reader_next(&reader, &type) &&
                 type.kind == VALUE_UNSIGNED && type.number == MESSAGE_REQUEST &&
                 reader_next(&reader, &id) && id.kind == VALUE_UNSIGNED && id.number <= UINT32_MAX;

    error_set(&error, BEHALF_MALFORMED_REQUEST, "%s; the connection is closed", what);
    codec_put_array(out, REQUEST_ELEMENTS);
    codec_put_unsigned(out, MESSAGE_RESPONSE);
    if (known)
        codec_put_unsigned(out, id.number);
    else
        codec_put_nil(out);
    result_put_error(out, &error);
    codec_put_nil(out);
}

/* --- the envelope --- */

enum envelope { ENVELOPE_CALL, ENVELOPE_BAD_CALL, ENVELOPE_CLOSE };

/* `what` says why it is no request; set with ENVELOPE_CLOSE. */
static enum envelope
read_head(struct wire_reader *reader, struct request *request, const char **what)
{
    struct wire_value value;

    *what = "a message must be [0, id, method, params]";
    if (!reader_next(reader, &value) || value.kind != VALUE_ARRAY)
        return ENVELOPE_CLOSE;
    if (value.number != REQUEST_ELEMENTS) {
        struct wire_value type;

        if (value.number == 3 && reader_next(reader, &type) && type.kind == VALUE_UNSIGNED &&
            type.number == MESSAGE_NOTIFICATION)
            *what = "clients may not send notifications";
        return ENVELOPE_CLOSE;
    }
    if (!reader_next(reader, &value) || value.kind != VALUE_UNSIGNED)
        return ENVELOPE_CLOSE;
    if (value.number != MESSAGE_REQUEST) {
        if (value.number == MESSAGE_RESPONSE)
            *what = "clients may not send responses";
        return ENVELOPE_CLOSE;
    }
    if (!reader_next(reader, &value) || value.kind != VALUE_UNSIGNED || value.number > UINT32_MAX) {
        *what = "the id of a request must be an unsigned 32-bit integer";
        return ENVELOPE_CLOSE;
    }
    request->id = (uint32_t)value.number;
    return ENVELOPE_CALL;
}

static enum envelope
read_call(struct wire_reader *reader, struct request *request, struct error *error)
{
    const uint8_t *start = reader->at;
    struct wire_value method;
    struct wire_value params;

    if (!reader_next(reader, &method) || method.kind != VALUE_TEXT) {
        error_set(error, BEHALF_MALFORMED_REQUEST, "the method of a request must be a string");
        return ENVELOPE_BAD_CALL;
    }
    if (!reader_next(reader, &params) || params.kind != VALUE_ARRAY || params.number > 1) {
        error_set(error, BEHALF_MALFORMED_REQUEST,
                  "the parameters of a request must be an array that holds one map");
        return ENVELOPE_BAD_CALL;
    }
    request->arguments = params.number == 1 ? (struct slice){(const char *)reader->at,
                                                             (size_t)(reader->end - reader->at)}
                                            : (struct slice){empty_map, 1};
    request->call = (struct slice){(const char *)start, (size_t)(reader->end - start)};
    request->method = method_find(method.bytes);
    if (request->method == NULL) {
        error_set(error, BEHALF_UNKNOWN_METHOD, "there is no method '%.*s'",
                  method.bytes.size < 64 ? (int)method.bytes.size : 64,
                  method.bytes.size > 0 ? method.bytes.data : "");
        error_hint(error, "server.info lists the methods of this server");
        return ENVELOPE_BAD_CALL;
    }
    return ENVELOPE_CALL;
}

/* --- running --- */

/* A failure says what it is. One that does not, or a reply without a value, is a defect of the
 * method: it must fail the request, and only the request. */
static enum status
described(enum status status, struct error *error)
{
    if (status > BEHALF_MUST_RECORD && status == error->status)
        return status;
    return error_internal(error, "a method answers or says why not", __FILE__, __LINE__,
                          "status %d, described as %d", (int)status, (int)error->status);
}

/* Whether a use is to be taken and the request run again: once, and only where something is there
 * to be taken. On a loop nothing is: the pool runs it anew. */
static bool
may_spend(const struct method_context *context)
{
    return context->use == NULL || (!context->use->spent && context->use->chain_length > 0);
}

/* Who asks for what they may not is in the record. */
static void
report(const struct method_context *context, const struct request *request,
       const struct error *error)
{
    bool key = error->status == BEHALF_UNKNOWN_KEY;
    const struct engine_audit_report refused = {
        .caller = {context->caller->name, context->caller->name_size},
        .method = request->method != NULL
                      ? (struct slice){request->method->name, request->method->name_size}
                      : (struct slice){NULL, 0},
    };

    if (!key && error->status != BEHALF_ROLE_REQUIRED)
        return;
    engine_audit_event(context->engine, key ? AUDIT_EVENT_KEY_REFUSED : AUDIT_EVENT_ROLE_REFUSED,
                       &refused);
}

static enum dispatch_outcome
run(const struct method_context *context, struct request *request, struct buffer *out)
{
    size_t mark = out->size;
    size_t body;
    struct error error;
    enum status status;
    bool refused;

    error.status = BEHALF_OK;
    (void)arena_was_refused();
    put_result_head(request->id, out);
    body = out->size;
    status = request->method->run(context, reader_of(request->arguments), out, &error);
    /* Only of what the method said: a reply that is too large is so again. */
    refused = status == BEHALF_BUDGET_EXHAUSTED && arena_was_refused();
    if (status == BEHALF_OK && out->size - mark > LIMIT_MESSAGE_SIZE) {
        status = error_set(&error, BEHALF_BUDGET_EXHAUSTED,
                           "the reply would be larger than a message may be (4 MiB)");
        error_hint(&error, "ask for less at once, with limit and cursor");
    }
    if (status == BEHALF_OK && out->size > body) {
        request->status = BEHALF_OK;
        return DISPATCH_REPLIED;
    }
    cut_back(out, mark);
    if (status == BEHALF_MUST_SPEND && may_spend(context))
        return context->use == NULL ? DISPATCH_POOL : DISPATCH_SPEND;
    if (status == BEHALF_MUST_RECORD && context->recording != NULL)
        return DISPATCH_RECORD;
    if (status != BEHALF_WOULD_BLOCK)
        status = described(status, &error);
    if (refused) {
        arena_describe_refusal(&error);
        status = BEHALF_OVERLOADED;
    }
    engine_worker_note(context->worker, request->method->name, status, &error);
    if (status == BEHALF_WOULD_BLOCK)
        return DISPATCH_POOL;
    report(context, request, &error);
    dispatch_refuse(request, &error, out);
    return DISPATCH_REPLIED;
}

enum dispatch_outcome
dispatch_run(const struct method_context *context, struct request *request, struct buffer *out)
{
    const struct key *caller = context->caller;
    uint64_t before;
    enum dispatch_outcome outcome;

    if (BEHALF_LIKELY(caller->meter == NULL))
        return run(context, request, out);
    /* A login gives the connection's reference back, and a reload may have let go of the set. */
    (void)key_hold(caller);
    before = engine_worker_edges(context->worker);
    outcome = run(context, request, out);
    key_charge(caller, engine_worker_edges(context->worker) - before, context->arrived_ns);
    key_release(caller);
    return outcome;
}

void
dispatch_stuck(const struct method_context *context, struct request *request, struct buffer *out)
{
    struct error error;
    enum status status =
        error_internal(&error, "a worker of the pool may block", __FILE__, __LINE__, "%s", "");

    engine_worker_note(context->worker, request->method->name, status, &error);
    dispatch_refuse(request, &error, out);
}

enum dispatch_outcome
dispatch_frame(const struct method_context *context, struct slice frame, struct request *request,
               struct buffer *out)
{
    struct wire_reader reader = reader_of(frame);
    const char *what = NULL;
    struct error error;

    request->method = NULL;
    request->status = BEHALF_WOULD_BLOCK;
    if (read_head(&reader, request, &what) == ENVELOPE_CLOSE) {
        request->status = BEHALF_MALFORMED_REQUEST;
        dispatch_malformed(frame, what, out);
        return DISPATCH_CLOSE;
    }
    if (read_call(&reader, request, &error) != ENVELOPE_CALL ||
        caller_admit(context->caller, request->method, context->arrived_ns, &error) != BEHALF_OK) {
        report(context, request, &error);
        dispatch_refuse(request, &error, out);
        return DISPATCH_REPLIED;
    }
    switch (request->method->class) {
    case METHOD_CLASS_TRIVIAL:
        return dispatch_run(context, request, out);
    case METHOD_CLASS_INLINE:
        return frame.size <= LIMIT_INLINE_FRAME ? dispatch_run(context, request, out)
                                                : DISPATCH_POOL;
    case METHOD_CLASS_ADMIN:
    case METHOD_CLASS_LOOKUP:
        return DISPATCH_POOL;
    case METHOD_CLASS_WRITE:
        return DISPATCH_WRITE;
    }
    BEHALF_UNREACHABLE();
}

bool
dispatch_prepare(const struct method_context *context, struct request *request,
                 struct engine_write *write, struct buffer *out)
{
    struct error error;

    write->caller = slice_of(context->caller->name);
    write->bound = caller_bound(context->caller);
    if (request->method->prepare(context, reader_of(request->arguments), write, &error) !=
        BEHALF_OK) {
        report(context, request, &error);
        dispatch_refuse(request, &error, out);
        return false;
    }
    if (write->idempotency_key.size > 0)
        method_digest((struct slice){request->call.data,
                                     (size_t)(request->arguments.data - request->call.data)},
                      request->arguments, write->request_digest);
    return true;
}

void
dispatch_written(struct engine_worker *worker, struct request *request,
                 const struct engine_write *write, struct buffer *out)
{
    if (write->status != BEHALF_OK) {
        struct error error = write->error;

        if (described(write->status, &error) == BEHALF_INTERNAL)
            engine_worker_note(worker, request->method->name, BEHALF_INTERNAL, &error);
        dispatch_refuse(request, &error, out);
        return;
    }
    request->status = BEHALF_OK;
    put_result_head(request->id, out);
    request->method->result(write, out);
}
