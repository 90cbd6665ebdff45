/* methods.h - from a method's name to the functions that answer it.
 * Always true: a `run` or `result` function writes exactly one MessagePack value, or returns an
 * error and its caller cuts the buffer back. None of them blocks on anything but the engine, and
 * with a worker that may not block, not even there.
 * Threads: any; a method_context belongs to one request. */
#ifndef BEHALF_NET_METHODS_H
#define BEHALF_NET_METHODS_H

#include <stdatomic.h>

#include "base/buffer.h"
#include "engine/agents.h"
#include "net/codec.h"
#include "net/keys.h"
#include "net/server.h"
#include "net/shapes.h"

#define PROTOCOL_VERSION 1

/* Its row in methods.def, as an index. */
enum method_index {
#define READ(name, class, run, roles) METHOD_INDEX_##run,
#define WRITE(name, prepare, result, roles) METHOD_INDEX_##prepare,
#include "net/methods.def"
#undef READ
#undef WRITE
    METHOD_INDEX_COUNT
};

enum method_class {
    METHOD_CLASS_TRIVIAL,
    METHOD_CLASS_INLINE,
    METHOD_CLASS_ADMIN,
    METHOD_CLASS_LOOKUP,
    METHOD_CLASS_WRITE
};

struct caller;
struct connection;

struct method_context {
    struct engine *engine;
    struct engine_worker *worker;
    struct arena *arena;
    bool gives_way;     /* as in engine_request */
    int64_t arrived_ns; /* deadlines count from here, on whatever thread the request runs */
    const atomic_bool *cancelled;
    const struct key *caller;           /* key_of_all where nobody asks for keys; never NULL */
    struct caller *logs_in;             /* whom `auth` gives a key; NULL on the pool */
    struct connection *connection;      /* whose streams `watch` opens; NULL on the pool */
    const struct server_memory *memory; /* for server.info */
    const struct engine_pair *ahead;    /* of a check that was looked at ahead; else NULL */
    struct engine_use *use; /* of a call on the pool: where a check whose chain has uses keeps them
                               from its first run to its second; NULL on loops */
    struct engine_recording *recording; /* the same, of one that waits for its record */
};

/* `arguments` stands before the map of named arguments. */
typedef enum status method_run(const struct method_context *context, struct wire_reader arguments,
                               struct buffer *out, struct error *error);
typedef enum status method_prepare(const struct method_context *context,
                                   struct wire_reader arguments, struct engine_write *write,
                                   struct error *error);
typedef void method_result(const struct engine_write *write, struct buffer *out);

struct method {
    const char *name;
    size_t name_size;
    enum method_class class;
    method_run *run;         /* reads */
    method_prepare *prepare; /* writes */
    method_result *result;
    unsigned roles; /* enum role */
    enum method_index index;
};

/* NULL when there is none. */
const struct method *method_find(struct slice name);

/* All of them, for server.info. */
const struct method *method_table(size_t *count);

#define READ(name, class, run, roles) method_run run;
#define WRITE(name, prepare, result, roles) method_prepare prepare;
#include "net/methods.def"
#undef READ
#undef WRITE
method_result method_relationships_written;
method_result method_relationships_deleted;
method_result method_schema_written;
method_result method_session_made;
method_result method_grant_made;
method_result method_request_written;
method_result method_record_written; /* of what makes nothing: the token alone */

/* --- for the families of methods --- */

/* Fills `into` from the map of named arguments, by a table of fields. */
enum status method_decode(const struct method_context *context, struct wire_reader arguments,
                          const struct field_table *table, void *into,
                          struct error *error) BEHALF_MUST_USE;
#define METHOD_DECODE(context, arguments, fields, into, error)                                     \
    method_decode((context), (arguments), FIELD_TABLE(fields), (into), (error))

/* Of a method that takes no arguments. */
enum status method_decode_nothing(const struct method_context *context,
                                  struct wire_reader arguments,
                                  struct error *error) BEHALF_MUST_USE;

/* Zeroed memory of the request for arguments that the engine borrows until a write is done; NULL
 * with the error set. */
void *method_take(const struct method_context *context, size_t size, struct error *error);

/* What every write of sessions, grants and stops carries, for the table of a method whose struct
 * begins with a member `write` of this type. */
struct write_options {
    struct slice idempotency_key;
    struct slice metadata;
    uint32_t deadline_ms; /* see method_deadline_ns; here it is only looked at */
};

#define WRITE_FIELDS(holder)                                                                       \
    FIELD(holder, write.idempotency_key, "idempotency_key", decode_idempotency_key,                \
          FIELD_OPTIONAL),                                                                         \
        FIELD(holder, write.metadata, "metadata", decode_metadata, FIELD_OPTIONAL),                \
        FIELD(holder, write.deadline_ms, "deadline_ms", decode_deadline, FIELD_OPTIONAL)

void method_write_begin(struct engine_write *write, enum engine_write_kind kind,
                        const struct write_options *options);

/* A page of sessions or grants, as a whole result. */
enum status method_record_page(const struct method_context *context,
                               const struct engine_request *request,
                               const struct engine_record_list *list, struct buffer *out,
                               struct error *error) BEHALF_MUST_USE;

/* SHA-256 of a call, of which `head` stands before its arguments, without `deadline_ms`: a repeated
 * request may have another one. `arguments` were decoded. */
void method_digest(struct slice head, struct slice arguments, uint8_t digest[32]);

/* When a request that arrived then has to be answered, and a write begun; 0 for a write that names
 * no deadline. The rest of the arguments is passed over: whoever decodes them finds what is wrong
 * with them. */
int64_t method_deadline_ns(const struct method *method, struct slice arguments, int64_t arrived_ns);
/* The member `deadline_ms` of the arguments and its value, whatever that is; false without one. */
bool method_find_deadline(struct slice arguments, struct slice *member, struct wire_value *value);

/* What the engine wants to know of a read; `default_ms` when it names no deadline. */
struct engine_request method_request(const struct method_context *context,
                                     const struct read_arguments *read, uint32_t default_ms);

#endif
