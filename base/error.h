/* error.h - failure, the same way on every floor.
 * Always true: BEHALF_OK is 0. A function that can fail returns `enum status`, writes its result
 * only on success, and describes a failure in the `struct error` that its caller lent it.
 * BEHALF_DONE ends an iteration, BEHALF_WOULD_BLOCK sends a request from an event loop to a worker,
 * BEHALF_MUST_SPEND and BEHALF_MUST_WRITE to the writer; they stay inside the process. An error is
 * never an allow.
 * Memory: a struct error is plain storage of its holder; nothing is allocated.
 * Threads: none; one error belongs to one request. */
#ifndef BEHALF_BASE_ERROR_H
#define BEHALF_BASE_ERROR_H

#include <stdint.h>

#include "base/check.h"
#include "base/slice.h"

enum status {
    BEHALF_OK = 0,
    BEHALF_DONE,        /* an iterator has nothing more */
    BEHALF_WOULD_BLOCK, /* the answer needs storage and this thread must not wait for it */
    BEHALF_MUST_SPEND,  /* the answer needs a use of a grant, which a write takes */
    BEHALF_MUST_WRITE,  /* the answer is that of a write, which has been made ready */
    BEHALF_MUST_RECORD, /* the answer waits until its record is on the disk */
#define X(name, code, text) BEHALF_##name,
#include "base/error.def"
#undef X
    BEHALF_STATUS_COUNT
};

#define ERROR_MESSAGE_SIZE 512
#define ERROR_HINT_SIZE 256
#define ERROR_TEXT_SIZE 96
#define ERROR_NO_INDEX (-1)

struct error {
    enum status status;
    uint32_t line;                    /* 1-based place in a source text; 0 when there is none */
    uint32_t column;                  /* 1-based, counted in bytes */
    uint32_t retry_after_ms;          /* for OVERLOADED; otherwise 0 */
    int64_t index;                    /* item of `updates` or `items`; ERROR_NO_INDEX otherwise */
    char text[ERROR_TEXT_SIZE];       /* the offending source text, cut to fit */
    char message[ERROR_MESSAGE_SIZE]; /* lower case, no full stop: what failed, the object, why */
    char hint[ERROR_HINT_SIZE];       /* what to do; empty when there is nothing to say */
};

/* Stable name ("UNKNOWN_DEFINITION"); "OK" for BEHALF_OK. Static storage. */
const char *status_name(enum status status);

/* Canonical gRPC code name ("INVALID_ARGUMENT"). Static storage. */
const char *status_code(enum status status);

/* The sentence of error.def. Static storage. */
const char *status_text(enum status status);

/* Fills the whole error (place, index and hint cleared) and returns `status`, so that a failing
 * function ends in `return error_set(error, BEHALF_..., "...", ...)`. `error` may be NULL. */
enum status error_set(struct error *error, enum status status, const char *format, ...)
    BEHALF_PRINTF(3, 4);

/* An invariant that depends on data does not hold: the request that met it fails, and nothing that
 * it computed is used. `context` says where in the data (may be empty). Returns BEHALF_INTERNAL. */
enum status error_internal(struct error *error, const char *violated, const char *file, int line,
                           const char *context, ...) BEHALF_PRINTF(5, 6);

/* These add to an error that was set before; each accepts NULL. */
void error_hint(struct error *error, const char *format, ...) BEHALF_PRINTF(2, 3);
void error_at(struct error *error, uint32_t line, uint32_t column, struct slice text);
void error_index(struct error *error, size_t index);

#endif
