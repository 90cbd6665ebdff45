/* readers.h - who reads the shared graph and names without a lock, and when what was taken out of
 * them may be freed.
 *
 * Two things in one place per view. A *pin* is the revision that it reads: the writer keeps the
 * versions that are right for it. It is a wish only, since a view that finds its version gone reads
 * storage. A *section* protects pointers: memory that was reachable in it is not freed before it
 * ends. A view holds its pin as long as it lives, and its sections are some hundred steps long.
 *
 * Always true: what is given to readers_retire cannot be reached by a section that begins later,
 * and is freed when all that began earlier have ended.
 * Threads: all functions from any; a reader belongs to one thread at a time. Claiming and beginning
 * a section wait for nobody; the lock is for who retires.
 * Memory: retired blocks were allocated by memory_new or malloc, and are freed here. */
#ifndef BEHALF_GRAPH_READERS_H
#define BEHALF_GRAPH_READERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Views at once; one more has to do without the graph in memory. A thread has one or two. */
#define READERS_MAX 256

struct readers;

struct readers *readers_new(void);
void readers_free(struct readers *readers); /* accepts NULL; nobody may be claimed */

/* One view's place. */
struct reader {
    _Alignas(64) _Atomic uint64_t section; /* see readers.c */
    _Atomic uint64_t revision;
};

/* A place, in a section; NULL when all are taken. `hint` spreads the claimers: an address of the
 * claiming thread's stack. */
struct reader *readers_claim(struct readers *readers, const void *hint, uint64_t revision);
void reader_release(struct reader *reader);

/* Ends the section; the pin stays. */
void reader_leave(struct reader *reader);
/* Begins a section, or ends the one there is and begins the next. */
void reader_enter(const struct readers *readers, struct reader *reader);

/* The revisions that are pinned now, in no order. */
struct reader_pins {
    uint64_t revisions[READERS_MAX];
    size_t count;
};

void readers_pins(struct readers *readers, struct reader_pins *pins);

/* Blocks to be retired together; begins as zeroes. */
struct retirees {
    struct retired {
        void *block;
        size_t bytes;
        uint64_t stamp; /* of readers.c */
    } * items;
    size_t count;
    size_t capacity;
};

void retirees_add(struct retirees *retirees, void *block, size_t bytes);

/* Takes over the blocks and empties the list. After they were unlinked, with no lock held that a
 * reader of the caches may want. */
void readers_retire(struct readers *readers, struct retirees *retirees);

/* Frees what may be freed. */
void readers_collect(struct readers *readers);

/* Of blocks that are retired and not yet freed. */
size_t readers_retired_bytes(struct readers *readers);

#endif
