/* memory_limit.h - how much memory the server may take, and how it is divided.
 *
 * Always true: the parts of a division add up to its limit, and each is at least what it needs to
 * work. Division is a pure function of the limit and of what the operator asked for: the same
 * options on the same machine give the same parts. docs/configuration.md has them as a table.
 * Threads: any. Memory: nothing is kept. */
#ifndef BEHALF_SERVER_MEMORY_LIMIT_H
#define BEHALF_SERVER_MEMORY_LIMIT_H

#include <stdint.h>

#include "base/error.h"
#include "net/server.h"

#define MEMORY_SHARE_PART 2 /* without an option, half of what there is */

/* The memory of the machine, or of the control group this process is in where that has less: its
 * own limit or that of a group around it, of version 2 or 1. What cannot be read does not count; 0
 * when nothing can. `root` is put before all paths ("" for the real ones). */
uint64_t memory_of_machine(const char *root);

struct memory_wish {
    uint64_t limit;   /* 0 = a half of `machine`, but never less than is needed */
    uint64_t machine; /* memory_of_machine */
    uint64_t graph;   /* 0 = all that the other parts leave */
    uint64_t cache;   /* of blocks of the storage; 0 = a part of the limit */
    unsigned loops;
    unsigned workers; /* of the pool */
};

/* MALFORMED_REQUEST when the limit is too small for the server, or for the graph asked for: the
 * message says the least that works. */
enum status memory_divide(const struct memory_wish *wish, struct server_memory *memory,
                          struct error *error) BEHALF_MUST_USE;

/* The part of the storage that is for blocks read. */
size_t memory_of_cache(const struct server_memory *memory);

/* The part for the graph without what lookups keep beside it, as the engine wants it. */
size_t memory_of_graph(const struct server_memory *memory);

#endif
