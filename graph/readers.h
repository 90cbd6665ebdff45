/* readers.h - epoch-based reclamation for the shared graph and names, and the revisions in use.
 *
 * Each view has one place, with two things in it. The *pin* is the revision that the view reads:
 * the writer keeps the versions that are right for it. A pin is a wish and no guarantee, since a
 * view whose version is missing reads storage. A *section* is a read-side critical section: memory
 * that was reachable in it is not freed before it ends. A view keeps its pin for its whole life;
 * its sections are some hundred steps long.
 *
 * Always true: a block given to readers_retire is unreachable for every section that begins later,
 * and is freed after a grace period: when all sections that began earlier have ended.
 * Threads: all functions on any thread; a reader belongs to one thread at a time. Claiming a place
 * and beginning a section never wait; only retiring takes the lock.
 * Memory: retired blocks were allocated by memory_new or malloc, and are freed here. */
#ifndef BEHALF_GRAPH_READERS_H
#define BEHALF_GRAPH_READERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Views at once. A view beyond that works without the graph in memory. A thread has one or two. */
#define READERS_MAX 256

struct readers;

struct readers *readers_new(void);
void readers_free(struct readers *readers); /* accepts NULL; nobody may be claimed */

/* One view's place, on a cache line of its own: every section writes to it. */
struct reader {
    _Alignas(64) _Atomic uint64_t section; /* see readers.c */
    _Atomic uint64_t revision;
};

/* Claims a place and begins a section in it; NULL when all are taken. `hint`, an address on the
 * claiming thread's stack, spreads the threads over the places. */
struct reader *readers_claim(struct readers *readers, const void *hint, uint64_t revision);
void reader_release(struct reader *reader);

/* Ends the section; the pin stays. */
void reader_leave(struct reader *reader);
/* Begins a section; ends the current one first, if there is one. */
void reader_enter(const struct readers *readers, struct reader *reader);

/* The revisions pinned now, in no order. */
struct reader_pins {
    uint64_t revisions[READERS_MAX];
    size_t count;
};

void readers_pins(struct readers *readers, struct reader_pins *pins);

/* Blocks that are retired together; initialise to zeroes. */
struct retirees {
    struct retired {
        void *block;
        size_t bytes;
        uint64_t stamp; /* epoch; see readers.c */
    } * items;
    size_t count;
    size_t capacity;
};

void retirees_add(struct retirees *retirees, void *block, size_t bytes);

/* Takes over the blocks and empties the list. Unlink the blocks first. Call it without a lock that
 * readers of the caches take: it may free many blocks. */
void readers_retire(struct readers *readers, struct retirees *retirees);

/* Frees the blocks whose grace period is over. */
void readers_collect(struct readers *readers);

/* Bytes of blocks that are retired and not yet freed. */
size_t readers_retired_bytes(struct readers *readers);

#endif
