/* micro_world.c - see micro_world.h. */
#include "bench/micro/micro_world.h"

#include <fts.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/memory.h"
#include "base/relationship.h"

#define UPDATES 1000
#define LINE_SIZE 512
#define ARENA_SIZE ((size_t)64 * 1024 * 1024)

void
micro_must(const char *what, enum status status, const struct error *error)
{
    if (status == BEHALF_OK)
        return;
    (void)fprintf(stderr, "micro: %s: %s: %s\n", what, status_name(status), error->message);
    exit(1);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void
submit(struct micro_world *world, struct engine_write *write)
{
    struct error error;

    micro_must("write", engine_write_wait(world->engine, write, &error), &error);
}

void
micro_world_flush(struct micro_world *world)
{
    struct update *updates = memory_new_array(UPDATES, sizeof *updates);
    struct slice rest = buffer_slice(&world->pending);
    struct engine_write write = {.kind = WRITE_RELATIONSHIPS, .updates = updates};
    struct arena arena;
    struct error error;
    struct slice line;

    arena_init(&arena, ARENA_SIZE);
    while (workload_line_next(&rest, &line)) {
        struct update *update = &updates[write.update_count++];

        update->op = UPDATE_TOUCH;
        micro_must("relationship", relationship_parse(line, &arena, &update->relationship, &error),
                   &error);
    }
    if (write.update_count > 0)
        submit(world, &write);
    buffer_clear(&world->pending);
    world->pending_count = 0;
    arena_release(&arena);
    memory_free(updates);
}

static void
put_line(struct micro_world *world, struct slice line)
{
    buffer_add_slice(&world->pending, line);
    buffer_add_byte(&world->pending, '\n');
    if (++world->pending_count == UPDATES)
        micro_world_flush(world);
}

void
micro_world_put(struct micro_world *world, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    put_line(world, slice_of(line));
}

void
micro_world_open_at(struct micro_world *world, const struct micro_directory *directory,
                    struct slice schema)
{
    struct store_options stored = {.env = env_system(),
                                   .path = directory != NULL ? directory->path : NULL};
    struct engine_options options = {.env = env_system(), .workers = 1};
    struct engine_write write = {.kind = WRITE_SCHEMA, .schema_text = schema};
    struct error error;

    *world = (struct micro_world){.pending_count = 0};
    buffer_init(&world->pending);
    micro_must("store", store_open(&stored, &world->store, &error), &error);
    options.store = world->store;
    options.graph_memory_bytes = (size_t)4 << 30; /* nothing is ever evicted */
    micro_must("engine", engine_open(&options, &world->engine, &error), &error);
    world->worker = engine_worker_new(world->engine, true);
    submit(world, &write);
}

void
micro_world_open(struct micro_world *world, struct slice schema)
{
    micro_world_open_at(world, NULL, schema);
}

void
micro_world_close(struct micro_world *world)
{
    engine_worker_free(world->worker);
    engine_close(world->engine);
    store_close(world->store);
    buffer_release(&world->pending);
}

void
micro_world_load(struct micro_world *world, const char *name, uint64_t size,
                 struct workload *workload)
{
    micro_world_load_at(world, NULL, name, size, workload);
}

void
micro_world_load_at(struct micro_world *world, const struct micro_directory *directory,
                    const char *name, uint64_t size, struct workload *workload)
{
    struct workload_reader reader;
    struct buffer text;

    buffer_init(&text);
    if (!workload_open(name, size, 1, 0, workload) || !workload_schema(workload, &text) ||
        !workload_reader_open(&reader, workload))
        exit(1);
    micro_world_open_at(world, directory, buffer_slice(&text));
    while (workload_reader_next(&reader, &text)) {
        struct slice rest = buffer_slice(&text);
        struct slice line;

        while (workload_line_next(&rest, &line))
            put_line(world, line);
    }
    micro_world_flush(world);
    workload_reader_close(&reader);
    buffer_release(&text);
}

/* --- directories ------------------------------------------------------------------------------ */

void
micro_directory_make(struct micro_directory *directory)
{
    const char *temporary = getenv("TMPDIR");

    (void)snprintf(directory->path, sizeof directory->path, "%s/behalf-micro.XXXXXX",
                   temporary != NULL ? temporary : "/tmp");
    if (mkdtemp(directory->path) == NULL) {
        perror("micro: cannot make a directory");
        exit(1);
    }
}

/* Calls `visit` for what is in the directory, and for itself at last. */
static void
walk_directory(const struct micro_directory *directory, void (*visit)(const FTSENT *, uint64_t *),
               uint64_t *context)
{
    char path[sizeof directory->path];
    char *paths[2] = {path, NULL};
    FTSENT *entry;
    FTS *walk;

    memcpy(path, directory->path, sizeof path);
    walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    while (walk != NULL && (entry = fts_read(walk)) != NULL)
        if (entry->fts_info != FTS_D)
            visit(entry, context);
    if (walk != NULL)
        (void)fts_close(walk);
}

static void
remove_entry(const FTSENT *entry, uint64_t *unused)
{
    (void)unused;
    (void)remove(entry->fts_path);
}

void
micro_directory_remove(const struct micro_directory *directory)
{
    walk_directory(directory, remove_entry, NULL);
}

static void
add_bytes(const FTSENT *entry, uint64_t *bytes)
{
    if (entry->fts_info == FTS_F)
        *bytes += (uint64_t)entry->fts_statp->st_blocks * 512;
}

uint64_t
micro_directory_bytes(const struct micro_directory *directory)
{
    uint64_t bytes = 0;

    walk_directory(directory, add_bytes, &bytes);
    return bytes;
}

/* --- asking ----------------------------------------------------------------------------------- */

static struct object
take_object(struct slice text)
{
    struct object object = {.type = workload_take_until(&text, ':')};

    object.id = text;
    return object;
}

void
micro_parse_check(struct slice text, struct check *check)
{
    *check = (struct check){.resource = take_object(workload_take_until(&text, '#'))};
    check->permission = workload_take_until(&text, '@');
    check->subject = take_object(text);
}

struct micro_question *
micro_questions(const struct workload *workload, size_t count, struct buffer *text)
{
    struct micro_question *questions = memory_new_array(count, sizeof *questions);
    struct slice rest;
    struct slice line;

    buffer_init(text);
    if (!workload_questions(workload, QUESTION_CHECK, count, text, NULL))
        exit(1);
    rest = buffer_slice(text);
    for (size_t index = 0; index < count && workload_line_next(&rest, &line); index++) {
        micro_parse_check(workload_take_until(&line, '\t'), &questions[index].check);
        questions[index].expected =
            slice_starts_with(line, SLICE_LITERAL("true")) ? DECISION_ALLOW : DECISION_DENY;
    }
    return questions;
}

void
micro_ask(struct engine_worker *worker, struct arena *arena, const struct micro_question *question)
{
    struct engine_request request = {.arena = arena, .consistency = CONSISTENCY_FULL};
    struct check_result result;
    struct error error;

    arena_reset(arena, ARENA_SIZE);
    micro_must("check", engine_check(worker, &request, &question->check, &result, &error), &error);
    if (result.decision != question->expected) {
        (void)fprintf(stderr, "micro: wrong answer for %.*s:%.*s\n",
                      SLICE_PRINTF(question->check.resource.type),
                      SLICE_PRINTF(question->check.resource.id));
        exit(1);
    }
}

/* --- time ------------------------------------------------------------------------------------- */

static int64_t
clock_ns(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t
micro_cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

int64_t
micro_wall_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static int
compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

double
micro_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
    return values[count / 2];
}
