/* test_writer_support.h - an engine over an in-memory store, written to and read by text.
 * Storage can be told to fail, the clock to jump, the writer to wait until a group is together. */
#ifndef BEHALF_TESTS_WRITER_SUPPORT_H
#define BEHALF_TESTS_WRITER_SUPPORT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "engine/engine.h"
#include "storage/store.h"

struct rig_storage; /* passes everything on to the in-memory adapter */

struct rig {
    struct rig_storage *storage;
    struct env env;
    atomic_int_fast64_t clock_shift_ns;     /* added to the wall clock */
    atomic_int_fast64_t monotonic_shift_ns; /* added to the monotonic clock */
    struct store *store;
    struct engine *engine;
    struct engine_worker *worker;
    struct arena arena; /* of everything parsed and read */
    struct engine_write gate;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool held;    /* the gate is shut */
    bool reached; /* the writer stands before it */
    size_t answered;
    struct engine_write *answers[1024]; /* in the order of `done` */
};

extern const char rig_schema[];

void rig_open(struct rig *rig, const char *schema); /* NULL = none */
void rig_close(struct rig *rig);

/* Time goes by on both clocks. */
void rig_pass(struct rig *rig, int64_t ns);
/* Removes what has expired, at most `limit`; how many. Nothing is swept otherwise. */
uint64_t rig_sweep(struct rig *rig, uint32_t limit);

/* Of the next calls of storage, all fail; syncs are counted. */
void rig_fail_syncs(struct rig *rig, bool fail);
void rig_fail_writes(struct rig *rig, bool fail);
unsigned rig_syncs(struct rig *rig);
/* Edges that were read from storage one by one. */
unsigned rig_edge_reads(struct rig *rig);

/* Lines of "create|touch|delete RELATIONSHIP". */
struct update *rig_updates(struct rig *rig, const char *text, size_t *count);
/* A write with these updates, ready to submit; in the arena. */
struct engine_write *rig_write(struct rig *rig, const char *updates);
struct engine_write *rig_schema_write(struct rig *rig, const char *schema);

/* Submits and waits for the answer; the status of the write. */
enum status rig_run(struct rig *rig, struct engine_write *write);
/* rig_write and rig_run. */
struct engine_write *rig_do(struct rig *rig, const char *updates);

/* Holds the writer, so that all that is submitted until rig_let_go makes one group (up to its
 * size); `answered` counts those submitted by rig_submit. */
void rig_hold(struct rig *rig);
void rig_submit(struct rig *rig, struct engine_write *write);
void rig_let_go(struct rig *rig, size_t expected); /* and waits for so many answers */

uint64_t rig_revision(struct rig *rig);
uint64_t rig_count(struct rig *rig);

/* All that a filter matches, each followed by a newline, in the order of the index; by pages of
 * `limit`. An error is returned by its name. */
const char *rig_read(struct rig *rig, const struct relationship_filter *filter, uint32_t limit);
/* Everything stored of one type. */
const char *rig_type(struct rig *rig, const char *type);

#endif
