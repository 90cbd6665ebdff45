/* micro_world.h - an engine over a store with data in it, and rounds of measurement.
 * Always true: a figure is the median of MICRO_ROUNDS rounds; what fails ends the program.
 * Memory: micro_world_close. Threads: loading none; each thread that asks has its own worker. */
#ifndef BEHALF_BENCH_MICRO_MICRO_WORLD_H
#define BEHALF_BENCH_MICRO_MICRO_WORLD_H

#include "base/arena.h"
#include "base/buffer.h"
#include "bench/workload.h"
#include "engine/engine.h"
#include "storage/store.h"

#define MICRO_ROUNDS 7

struct micro_world {
    struct store *store;
    struct engine *engine;
    struct engine_worker *worker;
    struct buffer pending; /* relationships not written yet, a line each */
    size_t pending_count;
};

/* Ends the program, naming `what`, when the status is not BEHALF_OK. */
void micro_must(const char *what, enum status status, const struct error *error);

void micro_world_open(struct micro_world *world, struct slice schema);
void micro_world_close(struct micro_world *world);

/* A directory for a store on disk, under TMPDIR or /tmp. */
struct micro_directory {
    char path[256];
};

void micro_directory_make(struct micro_directory *directory);
void micro_directory_remove(const struct micro_directory *directory);
uint64_t micro_directory_bytes(const struct micro_directory *directory); /* on disk */

/* As micro_world_open, over a store on disk; in memory when `directory` is NULL. */
void micro_world_open_at(struct micro_world *world, const struct micro_directory *directory,
                         struct slice schema);

/* Writes one relationship; many become one transaction. */
void micro_world_put(struct micro_world *world, const char *format, ...) BEHALF_PRINTF(2, 3);
void micro_world_flush(struct micro_world *world);

/* A built-in workload, opened and loaded. */
void micro_world_load(struct micro_world *world, const char *name, uint64_t size,
                      struct workload *workload);
/* The same over a store on disk; in memory when `directory` is NULL. */
void micro_world_load_at(struct micro_world *world, const struct micro_directory *directory,
                         const char *name, uint64_t size, struct workload *workload);

/* RESOURCE#PERMISSION@SUBJECT; what is parsed points into the text. */
void micro_parse_check(struct slice text, struct check *check);

/* A question and the answer it must have. */
struct micro_question {
    struct check check;
    enum decision expected;
};

/* The first `count` questions of a workload without actors; they point into `text`, which the
 * caller releases. Freed with memory_free. */
struct micro_question *micro_questions(const struct workload *workload, size_t count,
                                       struct buffer *text);

/* Asks; ends the program when the answer is not the expected one. */
void micro_ask(struct engine_worker *worker, struct arena *arena,
               const struct micro_question *question);

/* The calling thread's CPU time, and the wall clock. */
int64_t micro_cpu_ns(void);
int64_t micro_wall_ns(void);

/* Sorts and gives the middle one. */
double micro_median(double *values, size_t count);

#endif
