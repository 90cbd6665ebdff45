/* writes.c - what a durable write costs beyond what RocksDB costs.
 *
 * Method: WRITERS writers, each with one write of one new relationship in flight, ask an engine
 * over a store on disk; a thread of its own submits for all of them, as an event loop would. Every
 * batch that the store gives to the adapter is copied, and every sync noted. Then the same batches,
 * synced at the same places, are written straight to the adapter of an empty database. Each round
 * does both, on fresh directories; a figure is the median of ROUNDS ratios. The copying counts
 * against the engine. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "bench/micro/micro_world.h"
#include "storage/kv_adapter.h"
#include "storage/store_internal.h"

#define ROUNDS 5
#define WRITERS 64
#define WRITES 20000 /* of all writers together; of one writer a tenth */
#define USERS 1000
#define ID_SIZE 24

static const char schema_text[] = "definition user {}\n"
                                  "definition document {\n relation viewer: user\n}\n";

static struct kv *
database_open(const struct micro_directory *directory)
{
    struct kv_options options = {.path = directory->path, .create_if_missing = true};
    struct kv *kv = NULL;
    struct error error;

    micro_must("database", kv_open_rocksdb(&options, &kv, &error), &error);
    return kv;
}

/* --- recording -------------------------------------------------------------------------------- */

/* One batch, or a sync when it has no changes. */
struct step {
    struct kv_change *changes;
    size_t count;
};

/* What an adapter was told to write, in order. */
struct tape {
    struct arena bytes;
    struct step *steps;
    size_t count;
    size_t capacity;
    const struct kv_operations *below;
    struct kv_operations operations;
};

/* The adapter calls back without a context, and there is one tape at a time. */
static struct tape tape;

static struct step *
next_step(void)
{
    tape.steps = memory_reserve(tape.steps, tape.count + 1, &tape.capacity, sizeof *tape.steps);
    tape.steps[tape.count] = (struct step){NULL, 0};
    return &tape.steps[tape.count++];
}

static enum status
tape_write(struct kv *kv, const struct kv_change *changes, size_t count, bool durable,
           struct error *error)
{
    struct step *step = next_step();

    step->changes = arena_take_array(&tape.bytes, count, sizeof *step->changes);
    step->count = count;
    for (size_t index = 0; index < count; index++) {
        step->changes[index] = changes[index];
        step->changes[index].key = arena_copy(&tape.bytes, changes[index].key);
        step->changes[index].value = arena_copy(&tape.bytes, changes[index].value);
    }
    return tape.below->write(kv, changes, count, durable, error);
}

static enum status
tape_sync(struct kv *kv, struct error *error)
{
    (void)next_step();
    return tape.below->sync(kv, error);
}

/* From now on all that is written to `kv` is recorded. */
static void
tape_begin(struct kv *kv)
{
    tape.count = 0;
    arena_reset(&tape.bytes, SIZE_MAX / 2);
    tape.below = kv->operations;
    tape.operations = *kv->operations;
    tape.operations.write = tape_write;
    tape.operations.sync = tape_sync;
    kv->operations = &tape.operations;
}

/* Of one part of a round. The CPU time is that of all threads, those of the database included. */
struct spent {
    int64_t wall_ns;
    int64_t cpu_ns;
};

static struct spent
spent_now(void)
{
    struct timespec cpu;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return (struct spent){micro_wall_ns(), (int64_t)cpu.tv_sec * 1000000000 + cpu.tv_nsec};
}

static struct spent
spent_since(struct spent begun)
{
    struct spent now = spent_now();

    return (struct spent){now.wall_ns - begun.wall_ns, now.cpu_ns - begun.cpu_ns};
}

/* Writes the tape to an empty database; *batches and *syncs are those of it. */
static struct spent
tape_replay(size_t *batches, size_t *syncs)
{
    struct micro_directory directory = {.path = ""};
    struct error error;
    struct spent begun;
    struct spent spent;
    struct kv *kv;

    *batches = *syncs = 0;
    micro_directory_make(&directory);
    kv = database_open(&directory);
    begun = spent_now();
    for (size_t index = 0; index < tape.count; index++) {
        const struct step *step = &tape.steps[index];

        if (step->count > 0) {
            micro_must("write", kv_write(kv, step->changes, step->count, false, &error), &error);
            (*batches)++;
        } else {
            micro_must("sync", kv_sync(kv, &error), &error);
            (*syncs)++;
        }
    }
    spent = spent_since(begun);
    kv_close(kv);
    micro_directory_remove(&directory);
    return spent;
}

/* --- writers ---------------------------------------------------------------------------------- */

/* Writes that came back and wait to be submitted anew. */
struct returned {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct engine_write *first;
};

struct tape_writer {
    struct engine_write write;
    struct update update;
    char resource[ID_SIZE];
    char subject[ID_SIZE];
    struct returned *returned;
};

static void
came_back(struct engine_write *write)
{
    struct returned *returned = ((struct tape_writer *)write->owner)->returned;

    (void)pthread_mutex_lock(&returned->lock);
    write->next = returned->first;
    returned->first = write;
    (void)pthread_cond_signal(&returned->changed);
    (void)pthread_mutex_unlock(&returned->lock);
}

static struct engine_write *
wait_returned(struct returned *returned)
{
    struct engine_write *first;

    (void)pthread_mutex_lock(&returned->lock);
    while (returned->first == NULL)
        (void)pthread_cond_wait(&returned->changed, &returned->lock);
    first = returned->first;
    returned->first = NULL;
    (void)pthread_mutex_unlock(&returned->lock);
    return first;
}

static void
submit_next(struct engine *engine, struct tape_writer *writer, size_t number)
{
    (void)snprintf(writer->resource, sizeof writer->resource, "%zu", number);
    (void)snprintf(writer->subject, sizeof writer->subject, "%zu", number % USERS);
    writer->update =
        (struct update){.op = UPDATE_TOUCH,
                        .relationship = {.resource = {.type = SLICE_LITERAL("document"),
                                                      .id = slice_of(writer->resource),
                                                      .relation = SLICE_LITERAL("viewer")},
                                         .subject = {.type = SLICE_LITERAL("user"),
                                                     .id = slice_of(writer->subject)}}};
    writer->write = (struct engine_write){.kind = WRITE_RELATIONSHIPS,
                                          .updates = &writer->update,
                                          .update_count = 1,
                                          .done = came_back,
                                          .owner = writer};
    micro_must("submit", engine_write_submit(engine, &writer->write, &writer->write.error),
               &writer->write.error);
}

static struct spent
write_all(struct engine *engine, size_t writer_count, size_t count)
{
    struct returned returned = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL};
    struct tape_writer *writers = memory_new_array(writer_count, sizeof *writers);
    struct spent begun = spent_now();
    struct spent spent;
    size_t submitted = 0;
    size_t answered = 0;

    for (; submitted < writer_count; submitted++) {
        writers[submitted].returned = &returned;
        submit_next(engine, &writers[submitted], submitted);
    }
    while (answered < count) {
        struct engine_write *next;

        for (struct engine_write *write = wait_returned(&returned); write != NULL; write = next) {
            next = write->next;
            micro_must("write", write->status, &write->error);
            answered++;
            if (submitted < count)
                submit_next(engine, write->owner, submitted++);
        }
    }
    spent = spent_since(begun);
    memory_free(writers);
    return spent;
}

static void
write_schema(struct engine *engine)
{
    struct returned returned = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL};
    struct tape_writer writer = {.returned = &returned};

    writer.write = (struct engine_write){.kind = WRITE_SCHEMA,
                                         .schema_text = SLICE_LITERAL(schema_text),
                                         .done = came_back,
                                         .owner = &writer};
    micro_must("submit", engine_write_submit(engine, &writer.write, &writer.write.error),
               &writer.write.error);
    micro_must("schema", wait_returned(&returned)->status, &writer.write.error);
}

/* What was written is on the tape. */
static struct spent
measure_engine(size_t writer_count, size_t count)
{
    struct store_options stored = {.env = env_system()};
    struct engine_options options = {.env = env_system(), .workers = 1};
    struct engine *engine = NULL;
    struct micro_directory directory = {.path = ""};
    struct spent spent;
    struct error error;
    struct kv *kv;

    micro_directory_make(&directory);
    kv = database_open(&directory);
    micro_must("store", store_open_on(kv, &stored, &options.store, &error), &error);
    micro_must("engine", engine_open(&options, &engine, &error), &error);
    write_schema(engine);
    tape_begin(kv);
    spent = write_all(engine, writer_count, count);
    engine_close(engine);
    store_close(options.store);
    micro_directory_remove(&directory);
    return spent;
}

static const char *
judged(double figure, double least)
{
    if (least <= 0)
        return "";
    return figure >= least ? " reached" : " missed";
}

/* Prints the medians; those of which `least` is 0 have nothing to reach. */
static void
compare(const char *what, size_t writer_count, size_t count, double least_group, double least_ratio)
{
    double rates[ROUNDS];
    double groups[ROUNDS];
    double ratios[ROUNDS];
    double cpu_us[ROUNDS];
    double straight_cpu_us[ROUNDS];
    double group;
    double ratio;

    for (size_t round = 0; round < ROUNDS; round++) {
        struct spent spent = measure_engine(writer_count, count);
        size_t batches;
        size_t syncs;
        struct spent straight = tape_replay(&batches, &syncs);

        rates[round] = (double)count * 1e9 / (double)spent.wall_ns;
        groups[round] = (double)batches / (double)syncs;
        ratios[round] = (double)straight.wall_ns / (double)spent.wall_ns;
        cpu_us[round] = (double)spent.cpu_ns / 1e3 / (double)count;
        straight_cpu_us[round] = (double)straight.cpu_ns / 1e3 / (double)count;
    }
    group = micro_median(groups, ROUNDS);
    ratio = micro_median(ratios, ROUNDS);
    (void)printf("N9   %-12s %8.0f/s  %5.1f transactions per sync%s\n", what,
                 micro_median(rates, ROUNDS), group, judged(group, least_group));
    (void)printf("     against the same batches straight to RocksDB: %.3f of the rate%s, "
                 "%.1f us of CPU against %.1f\n",
                 ratio, judged(ratio, least_ratio), micro_median(cpu_us, ROUNDS),
                 micro_median(straight_cpu_us, ROUNDS));
    (void)fflush(stdout);
}

int
main(void)
{
    arena_init(&tape.bytes, SIZE_MAX / 2);
    compare("64 writers", WRITERS, WRITES, 24, 0.7);
    compare("1 writer", 1, WRITES / 10, 0, 0);
    memory_free(tape.steps);
    arena_release(&tape.bytes);
    return 0;
}
