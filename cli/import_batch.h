/* import_batch.h - the lines of one transaction of an import.
 * Always true: a batch names no relationship twice. Of lines that name the same one the last
 * counts, as it does when they are in different batches.
 * Threads: one. Memory: the batch's own; lines are copied. */
#ifndef BEHALF_CLI_IMPORT_BATCH_H
#define BEHALF_CLI_IMPORT_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/table.h"
#include "client/behalf.h"

#define IMPORT_BATCH_LINES 1000
#define IMPORT_BATCH_BYTES                                                                         \
    ((size_t)512 << 10) /* of text, whose contexts may take as much in a request */

struct import_line {
    uint64_t number;
    struct slice text;
    struct slice identity; /* the text without caveat and expiration, in one spelling */
};

struct import_batch {
    struct arena arena;
    struct table seen; /* hash of identity -> index */
    struct import_line lines[IMPORT_BATCH_LINES];
    uint32_t count; /* distinct relationships */
    uint32_t taken; /* lines, those that were superseded included */
    size_t bytes;
    uint64_t first_line;

    uint32_t id; /* of the request, while `waiting` */
    bool waiting;
    bool again; /* to be sent again */
};

void import_batch_clear(struct import_batch *batch);
void import_batch_release(struct import_batch *batch); /* accepts zeroes */

/* BEHALF_DONE when the line belongs into the next batch: this one is full. An error is that of a
 * line which is no relationship. */
enum status import_batch_add(struct import_batch *batch, uint64_t number, struct slice text,
                             struct error *error) BEHALF_MUST_USE;

/* The arguments of the transaction. */
void import_batch_write(const struct import_batch *batch, struct behalf_writer *writer);

#endif
