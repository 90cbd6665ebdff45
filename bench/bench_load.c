/* bench_load.c - a workload's schema and relationships into a server, as fast as it takes them.
 *
 * Several connections, one thread each, take lines from one reader and keep a few transactions in
 * flight: the server's writer puts what waits into one sync.
 * Threads: the reader is shared; the counters are atomic. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/complain.h"
#include "base/memory.h"
#include "bench/bench.h"

#define BATCH_SIZE 1000
#define IN_FLIGHT 4
#define DEADLINE_MS 30000 /* the longest: a slow server is waited for */
#define CONNECTIONS 4
#define BAR_WIDTH 40
#define BAR_MS 200

struct load {
    const struct bench_options *options;
    struct workload_reader reader;
    _Atomic uint64_t taken_bytes;
    _Atomic uint64_t stored;
    _Atomic unsigned running;
    _Atomic bool failed;
    struct behalf_error error; /* of the first thread that failed */
};

/* What one thread works with. */
struct loader {
    struct load *load;
    struct behalf_client *client;
    struct behalf_writer *items;
    struct behalf_writer *arguments;
    struct buffer lines;
    struct slice rest;             /* of `lines`, not sent yet */
    uint32_t in_flight[IN_FLIGHT]; /* relationships of each batch that has no reply yet */
    struct behalf_error error;
};

/* --- batches ---------------------------------------------------------------------------------- */

static bool
next_line(struct loader *loader, struct slice *line)
{
    while (!workload_line_next(&loader->rest, line)) {
        if (!workload_reader_next(&loader->load->reader, &loader->lines))
            return false;
        loader->rest = buffer_slice(&loader->lines);
    }
    atomic_fetch_add_explicit(&loader->load->taken_bytes, line->size + 1, memory_order_relaxed);
    return true;
}

/* Encodes the next lines as updates; returns how many. */
static uint32_t
next_batch(struct loader *loader)
{
    uint32_t count = 0;
    struct slice line;

    behalf_writer_clear(loader->items);
    while (count < BATCH_SIZE && next_line(loader, &line)) {
        if (workload_line_is_blank(line))
            continue;
        behalf_write_map(loader->items, 2);
        behalf_write_text(loader->items, "op");
        behalf_write_text(loader->items, "touch");
        behalf_write_text(loader->items, "relationship");
        behalf_write_string(loader->items, line.data, line.size);
        count++;
    }
    return count;
}

/* Ids are given in order and writes answered in order: a batch's place is its id's remainder. */
static bool
send_batch(struct loader *loader, uint32_t count)
{
    size_t size;
    const unsigned char *bytes = behalf_writer_bytes(loader->items, &size);
    uint32_t id;

    BEHALF_ASSERT(bytes != NULL);
    behalf_writer_clear(loader->arguments);
    behalf_write_map(loader->arguments, 2);
    behalf_write_text(loader->arguments, "deadline_ms");
    behalf_write_uint(loader->arguments, DEADLINE_MS);
    behalf_write_text(loader->arguments, "updates");
    behalf_write_array(loader->arguments, count);
    behalf_write_raw(loader->arguments, bytes, size);
    if (behalf_submit(loader->client, "relationships.write", loader->arguments, &id,
                      &loader->error) != BEHALF_SUCCESS)
        return false;
    loader->in_flight[id % IN_FLIGHT] = count;
    return behalf_flush(loader->client, &loader->error) == BEHALF_SUCCESS;
}

static bool
take_reply(struct loader *loader)
{
    struct behalf_reply *reply;
    enum behalf_status status = behalf_next(loader->client, &reply, &loader->error);

    if (status != BEHALF_SUCCESS)
        return false;
    status = behalf_reply_check(reply, &loader->error);
    if (status == BEHALF_SUCCESS)
        atomic_fetch_add(&loader->load->stored,
                         loader->in_flight[behalf_reply_id(reply) % IN_FLIGHT]);
    behalf_reply_free(reply);
    return status == BEHALF_SUCCESS;
}

static bool
load_batches(struct loader *loader)
{
    bool good = true;
    uint32_t count;

    while (good && !atomic_load(&loader->load->failed) && (count = next_batch(loader)) > 0) {
        if (behalf_in_flight(loader->client) == IN_FLIGHT)
            good = take_reply(loader);
        good = good && send_batch(loader, count);
    }
    while (good && behalf_in_flight(loader->client) > 0)
        good = take_reply(loader);
    return good;
}

static void *
load_thread(void *context)
{
    struct loader loader = {
        .load = context, .items = behalf_writer_new(), .arguments = behalf_writer_new()};

    BEHALF_ASSERT(loader.items != NULL && loader.arguments != NULL);
    buffer_init(&loader.lines);
    if ((behalf_connect(loader.load->options->endpoint, &loader.load->options->connect,
                        &loader.client, &loader.error) != BEHALF_SUCCESS ||
         !load_batches(&loader)) &&
        !atomic_exchange(&loader.load->failed, true))
        loader.load->error = loader.error;
    behalf_close(loader.client);
    behalf_writer_free(loader.items);
    behalf_writer_free(loader.arguments);
    buffer_release(&loader.lines);
    atomic_fetch_sub(&loader.load->running, 1);
    return NULL;
}

/* --- all of it -------------------------------------------------------------------------------- */

static void
draw_bar(const struct load *load, double seconds)
{
    uint64_t stored = atomic_load(&load->stored);
    uint64_t size = load->reader.size_bytes;
    uint64_t done = size > 0 ? atomic_load(&load->taken_bytes) : stored;
    uint64_t all = size > 0 ? size : load->reader.workload->relationships;

    (void)fputc('\r', stderr);
    for (uint64_t at = 0; at < BAR_WIDTH; at++)
        (void)fputs(all > 0 && at < done * BAR_WIDTH / all ? "█" : "░", stderr);
    (void)fprintf(stderr, " %llu, %.0f/s ", (unsigned long long)stored,
                  seconds > 0 ? (double)stored / seconds : 0);
    (void)fflush(stderr);
}

static void
run_threads(struct load *load, struct bench_load_result *result)
{
    pthread_t threads[CONNECTIONS];
    struct timespec pause = {.tv_nsec = BAR_MS * 1000000L};
    int64_t from_ns = bench_now_ns();

    atomic_store(&load->running, CONNECTIONS);
    for (uint32_t index = 0; index < CONNECTIONS; index++) {
        int problem = pthread_create(&threads[index], NULL, load_thread, load);

        BEHALF_ASSERT(problem == 0);
    }
    while (isatty(STDERR_FILENO) && atomic_load(&load->running) > 0) {
        draw_bar(load, (double)(bench_now_ns() - from_ns) / 1e9);
        (void)nanosleep(&pause, NULL);
    }
    for (uint32_t index = 0; index < CONNECTIONS; index++)
        (void)pthread_join(threads[index], NULL);
    *result = (struct bench_load_result){atomic_load(&load->stored),
                                         (double)(bench_now_ns() - from_ns) / 1e9};
    if (isatty(STDERR_FILENO))
        (void)fputs("\r\033[K", stderr);
}

static enum bench_exit
write_schema(const struct bench_options *options, const struct workload *workload)
{
    struct behalf_client *client = NULL;
    enum bench_exit outcome = BENCH_OK;
    struct behalf_error error;
    struct buffer text;

    buffer_init(&text);
    if (!workload_schema(workload, &text))
        outcome = BENCH_USAGE;
    else if (behalf_connect(options->endpoint, &options->connect, &client, &error) !=
             BEHALF_SUCCESS)
        outcome = BENCH_CONNECTION;
    else if (behalf_schema_write(client, text.data, text.size, NULL, &error) != BEHALF_SUCCESS)
        outcome = BENCH_WRONG;
    if (outcome == BENCH_CONNECTION || outcome == BENCH_WRONG)
        complain(error.hint, "cannot write the schema: %s", error.message);
    behalf_close(client);
    buffer_release(&text);
    return outcome;
}

enum bench_exit
bench_load(const struct bench_options *options, const struct workload *workload,
           struct bench_load_result *result)
{
    struct load load = {.options = options};
    enum bench_exit outcome = write_schema(options, workload);
    bool unread;

    if (outcome != BENCH_OK)
        return outcome;
    if (!workload_reader_open(&load.reader, workload))
        return BENCH_USAGE;
    run_threads(&load, result);
    unread = workload_reader_failed(&load.reader);
    workload_reader_close(&load.reader);
    if (unread) {
        complain(NULL, "cannot read the relationships of the workload to their end");
        return BENCH_USAGE;
    }
    if (!atomic_load(&load.failed))
        return BENCH_OK;
    complain(load.error.hint, "cannot load: %s %s", load.error.message, load.error.reason);
    return BENCH_WRONG;
}
