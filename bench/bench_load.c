/* bench_load.c - a workload's schema and relationships into a server, as fast as it takes them.
 *
 * Several connections, one thread each, take batches of lines from one reader and keep a few
 * batches in flight: the server's writer puts what waits into one sync.
 * Threads: `file` and `line` under `mutex`; the counters are atomic. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "bench/bench.h"

#define BATCH_SIZE 1000
#define IN_FLIGHT 4
#define BAR_WIDTH 40
#define BAR_MS 200

struct load {
    const struct bench_options *options;
    pthread_mutex_t mutex;
    FILE *file;
    uint64_t line;
    _Atomic uint64_t read_bytes;
    _Atomic uint64_t stored;
    _Atomic unsigned running;
    _Atomic bool failed;
};

/* Encodes the next lines as updates; returns how many. */
static uint32_t
next_batch(struct load *load, struct behalf_writer *items, uint64_t *first_line, char **line,
           size_t *capacity)
{
    uint32_t count = 0;

    behalf_writer_clear(items);
    (void)pthread_mutex_lock(&load->mutex);
    while (count < BATCH_SIZE) {
        ssize_t size = getline(line, capacity, load->file);

        if (size < 0)
            break;
        load->line++;
        atomic_fetch_add(&load->read_bytes, (uint64_t)size);
        while (size > 0 && ((*line)[size - 1] == '\n' || (*line)[size - 1] == '\r'))
            size--;
        if (size == 0 || (size > 1 && (*line)[0] == '/' && (*line)[1] == '/'))
            continue;
        if (count == 0)
            *first_line = load->line;
        behalf_write_map(items, 2);
        behalf_write_text(items, "op");
        behalf_write_text(items, "touch");
        behalf_write_text(items, "relationship");
        behalf_write_string(items, *line, (size_t)size);
        count++;
    }
    (void)pthread_mutex_unlock(&load->mutex);
    return count;
}

static void
fail(struct load *load, uint64_t line, const struct behalf_error *error)
{
    if (!atomic_exchange(&load->failed, true))
        (void)fprintf(stderr, "\nbehalf-bench: cannot load lines from %llu on: %s%s%s\n",
                      (unsigned long long)line, error->message, error->reason[0] != '\0' ? " " : "",
                      error->reason);
}

static bool
send_batch(struct behalf_client *client, struct behalf_writer *arguments,
           const struct behalf_writer *items, uint32_t count, struct behalf_error *error)
{
    size_t size;
    const unsigned char *bytes = behalf_writer_bytes(items, &size);

    BEHALF_ASSERT(bytes != NULL);
    behalf_writer_clear(arguments);
    behalf_write_map(arguments, 1);
    behalf_write_text(arguments, "updates");
    behalf_write_array(arguments, count);
    behalf_write_raw(arguments, bytes, size);
    return behalf_submit(client, "relationships.write", arguments, NULL, error) == BEHALF_SUCCESS &&
           behalf_flush(client, error) == BEHALF_SUCCESS;
}

static bool
take_reply(struct behalf_client *client, struct behalf_error *error)
{
    struct behalf_reply *reply;
    enum behalf_status status = behalf_next(client, &reply, error);

    if (status != BEHALF_SUCCESS)
        return false;
    status = behalf_reply_check(reply, error);
    behalf_reply_free(reply);
    return status == BEHALF_SUCCESS;
}

static void
load_batches(struct load *load, struct behalf_client *client)
{
    struct behalf_writer *items = behalf_writer_new();
    struct behalf_writer *arguments = behalf_writer_new();
    struct behalf_error error;
    uint64_t first_line = 0;
    uint64_t in_flight = 0;
    size_t capacity = 0;
    char *line = NULL;
    bool good = true;
    uint32_t count;

    BEHALF_ASSERT(items != NULL && arguments != NULL);
    while (good && !atomic_load(&load->failed) &&
           (count = next_batch(load, items, &first_line, &line, &capacity)) > 0) {
        good = send_batch(client, arguments, items, count, &error);
        in_flight += count;
        if (good && behalf_in_flight(client) >= IN_FLIGHT) {
            good = take_reply(client, &error);
            /* Batches are of one size but for the last. */
            atomic_fetch_add(&load->stored, good ? BATCH_SIZE : 0);
            in_flight -= good ? BATCH_SIZE : 0;
        }
    }
    while (good && behalf_in_flight(client) > 0)
        good = take_reply(client, &error);
    if (good)
        atomic_fetch_add(&load->stored, in_flight);
    else
        fail(load, first_line, &error);
    free(line);
    behalf_writer_free(items);
    behalf_writer_free(arguments);
}

static void *
load_thread(void *context)
{
    struct load *load = context;
    struct behalf_client *client = NULL;
    struct behalf_error error;

    if (behalf_connect(load->options->endpoint, NULL, &client, &error) == BEHALF_SUCCESS)
        load_batches(load, client);
    else
        fail(load, load->line, &error);
    behalf_close(client);
    atomic_fetch_sub(&load->running, 1);
    return NULL;
}

static void
draw_bar(const struct load *load, uint64_t size_bytes, double seconds)
{
    uint64_t stored = atomic_load(&load->stored);
    uint64_t filled = size_bytes > 0 ? atomic_load(&load->read_bytes) * BAR_WIDTH / size_bytes : 0;

    (void)fputc('\r', stderr);
    for (uint64_t at = 0; at < BAR_WIDTH; at++)
        (void)fputs(at < filled ? "█" : "░", stderr);
    (void)fprintf(stderr, " %llu, %.0f/s ", (unsigned long long)stored,
                  seconds > 0 ? (double)stored / seconds : 0);
    (void)fflush(stderr);
}

static double
now_seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool
write_schema(const struct bench_options *options)
{
    struct behalf_client *client = NULL;
    struct behalf_error error;
    struct buffer text;
    bool good;

    buffer_init(&text);
    if (!bench_file_read(options->workload, "schema.zed", false, &text)) {
        buffer_release(&text);
        return false;
    }
    good = behalf_connect(options->endpoint, NULL, &client, &error) == BEHALF_SUCCESS &&
           behalf_schema_write(client, text.data, text.size, NULL, &error) == BEHALF_SUCCESS;
    if (!good)
        (void)fprintf(stderr, "behalf-bench: cannot write the schema: %s\n", error.message);
    behalf_close(client);
    buffer_release(&text);
    return good;
}

static void
run_threads(struct load *load, uint64_t size_bytes)
{
    uint32_t count = load->options->connections;
    pthread_t *threads = memory_new_array(count, sizeof *threads);
    struct timespec pause = {.tv_nsec = BAR_MS * 1000000L};
    double from = now_seconds();
    double seconds;

    atomic_store(&load->running, count);
    for (uint32_t index = 0; index < count; index++) {
        int problem = pthread_create(&threads[index], NULL, load_thread, load);

        BEHALF_ASSERT(problem == 0);
    }
    while (isatty(STDERR_FILENO) && atomic_load(&load->running) > 0) {
        draw_bar(load, size_bytes, now_seconds() - from);
        (void)nanosleep(&pause, NULL);
    }
    for (uint32_t index = 0; index < count; index++)
        (void)pthread_join(threads[index], NULL);
    seconds = now_seconds() - from;
    if (isatty(STDERR_FILENO)) {
        draw_bar(load, size_bytes, seconds);
        (void)fputc('\n', stderr);
    }
    if (load->options->json)
        (void)printf("{\"method\":\"load\",\"relationships\":%llu,\"seconds\":%.3f}\n",
                     (unsigned long long)atomic_load(&load->stored), seconds);
    else
        (void)printf("loaded %llu relationships in %.1f s, %.0f/s\n",
                     (unsigned long long)atomic_load(&load->stored), seconds,
                     (double)atomic_load(&load->stored) / seconds);
    memory_free(threads);
}

enum bench_exit
bench_load(const struct bench_options *options)
{
    struct load load = {.options = options, .mutex = PTHREAD_MUTEX_INITIALIZER};
    struct buffer path;
    struct stat facts = {.st_size = 0};

    if (!write_schema(options))
        return BENCH_CONNECTION;
    buffer_init(&path);
    buffer_add_format(&path, "%s/relationships.txt", options->workload);
    load.file = fopen(path.data, "rb");
    if (load.file == NULL || fstat(fileno(load.file), &facts) != 0) {
        (void)fprintf(stderr, "behalf-bench: cannot read '%s': %s\n", path.data, strerror(errno));
        atomic_store(&load.failed, true);
    } else {
        run_threads(&load, (uint64_t)facts.st_size);
    }
    if (load.file != NULL)
        (void)fclose(load.file);
    buffer_release(&path);
    return atomic_load(&load.failed) ? BENCH_WRONG : BENCH_OK;
}
