/* methods.h - from a method's name to the functions that answer it.
 * Always true: a `run` or `result` function writes exactly one MessagePack value, or returns an
 * error and its caller cuts the buffer back. None of them blocks on anything but the engine, and
 * with a worker that may not block, not even there.
 * Threads: any; a method_context belongs to one request. */
#ifndef BEHALF_NET_METHODS_H
#define BEHALF_NET_METHODS_H

#include <stdatomic.h>

#include "base/buffer.h"
#include "engine/engine.h"
#include "net/codec.h"
#include "net/server.h"
#include "net/shapes.h"

#define PROTOCOL_VERSION 1

enum method_class {
    METHOD_CLASS_TRIVIAL,
    METHOD_CLASS_INLINE,
    METHOD_CLASS_ADMIN,
    METHOD_CLASS_LOOKUP,
    METHOD_CLASS_WRITE
};

struct method_context {
    struct engine *engine;
    struct engine_worker *worker;
    struct arena *arena;
    bool gives_way;     /* as in engine_request */
    int64_t arrived_ns; /* deadlines count from here, on whatever thread the request runs */
    const atomic_bool *cancelled;
    const struct server_memory *memory; /* for server.info */
    const struct engine_pair *ahead;    /* of a check that was looked at ahead; else NULL */
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
};

/* NULL when there is none. */
const struct method *method_find(struct slice name);

/* All of them, for server.info. */
const struct method *method_table(size_t *count);

#define READ(name, class, run) method_run run;
#define WRITE(name, prepare, result)                                                               \
    method_prepare prepare;                                                                        \
    method_result result;
#include "net/methods.def"
#undef READ
#undef WRITE

/* --- for the families of methods --- */

/* Fills `into` from the map of named arguments, by a table of fields. */
enum status method_decode(const struct method_context *context, struct wire_reader arguments,
                          const struct field *fields, size_t count, void *into,
                          struct error *error) BEHALF_MUST_USE;
#define METHOD_DECODE(context, arguments, fields, into, error)                                     \
    method_decode((context), (arguments), (fields), BEHALF_COUNT_OF(fields), (into), (error))

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
