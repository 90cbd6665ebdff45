/* bench_run.c - the closed loop: every connection keeps `depth` requests in flight.
 *
 * Each thread waits with epoll for its own connections, reads all that came, and puts a new
 * request in the place of every answer; one send per wake-up. Latency runs from that send to the
 * read that brought the reply, so what waits in a socket counts. A closed loop slows down with its
 * server: the percentiles are those of clients that wait, not of arrivals that do not.
 * Threads: a thread owns its connections and its result; `phase` alone is shared. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "bench/bench.h"

#define READ_SIZE ((size_t)256 * 1024)
#define EVENTS_MAX 64
#define WAIT_MS 100
#define STALL_NS (60 * INT64_C(1000000000)) /* without any reply: the server hangs */

enum phase { PHASE_WARMUP, PHASE_MEASURE, PHASE_STOP };

struct slot {
    uint32_t request;
    bool busy;
    int64_t sent_ns;
};

struct connection {
    struct behalf_client *client;
    int descriptor;
    struct slot *slots; /* depth of them; a slot's number is the request's id */
    uint32_t busy;
    uint32_t next_request;
    struct buffer out;
    size_t out_sent;
    struct buffer in;
    bool wants_write;
};

struct worker {
    pthread_t thread;
    const struct bench_options *options;
    const struct bench_requests *requests;
    _Atomic int *phase;
    struct connection *connections;
    uint32_t connection_count;
    int poller;
    struct bench_result result;
    struct bench_result warmup; /* counted, thrown away; wrong answers of it are not */
    int64_t last_reply_ns;
    const char *failure; /* NULL, or why the thread gave up */
};

static int64_t
now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* --- sending ---------------------------------------------------------------------------------- */

/* Puts the connection's next request into its buffer, as the request of slot `id`. */
static void
put_request(const struct worker *worker, struct connection *connection, uint32_t id, int64_t now)
{
    const struct bench_requests *requests = worker->requests;
    const struct bench_request *request = &requests->items[connection->next_request];
    char *to = buffer_reserve(&connection->out, request->size);

    memcpy(to, requests->bytes.data + request->at, request->size);
    bytes_put_u32(to + BENCH_ID_AT, id);
    buffer_added(&connection->out, request->size);
    connection->slots[id] = (struct slot){connection->next_request, true, now};
    connection->busy++;
    if (++connection->next_request == requests->count)
        connection->next_request = 0;
}

static bool
watch(const struct worker *worker, struct connection *connection, bool writing)
{
    struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0),
                                .data.ptr = connection};

    if (connection->wants_write == writing)
        return true;
    connection->wants_write = writing;
    return epoll_ctl(worker->poller, EPOLL_CTL_MOD, connection->descriptor, &event) == 0;
}

static bool
send_pending(struct worker *worker, struct connection *connection)
{
    while (connection->out_sent < connection->out.size) {
        ssize_t count = send(connection->descriptor, connection->out.data + connection->out_sent,
                             connection->out.size - connection->out_sent, MSG_NOSIGNAL);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN)
            return watch(worker, connection, true);
        if (count < 0) {
            worker->failure = strerror(errno);
            return false;
        }
        connection->out_sent += (size_t)count;
    }
    buffer_clear(&connection->out);
    connection->out_sent = 0;
    return watch(worker, connection, false);
}

/* --- replies ---------------------------------------------------------------------------------- */

/* One whole reply, [1, id, error, result]. */
static bool
take_reply(struct worker *worker, struct connection *connection, struct behalf_value reply,
           int64_t now, enum phase phase)
{
    struct bench_result *result = phase == PHASE_MEASURE ? &worker->result : &worker->warmup;
    struct behalf_value rest;
    struct behalf_value kind;
    struct behalf_value name;
    struct behalf_value error;
    struct behalf_value value;
    struct slot *slot;
    uint32_t count;
    uint64_t id;

    if (!behalf_value_array(reply, &count, &rest) || count != 4 ||
        !behalf_value_next(&rest, &kind) || !behalf_value_next(&rest, &name) ||
        !behalf_value_next(&rest, &error) || !behalf_value_next(&rest, &value) ||
        !behalf_value_uint(name, &id) || id >= worker->options->depth ||
        !connection->slots[id].busy) {
        worker->failure = "the server sent something that is no reply to a request";
        return false;
    }
    slot = &connection->slots[id];
    slot->busy = false;
    connection->busy--;
    histogram_add(&result->latency_ns, (uint64_t)(now - slot->sent_ns));
    bench_answer(worker->options, worker->requests, &worker->requests->items[slot->request], error,
                 value, result);
    if (phase != PHASE_STOP)
        put_request(worker, connection, (uint32_t)id, now);
    return true;
}

static bool
take_replies(struct worker *worker, struct connection *connection, int64_t now, enum phase phase)
{
    size_t from = 0;

    while (from < connection->in.size) {
        const char *at = connection->in.data + from;
        size_t size = behalf_value_measure(at, connection->in.size - from);
        struct behalf_value reply = {(const unsigned char *)at, size};

        if (size == 0)
            break;
        if (size == SIZE_MAX) {
            worker->failure = "the server sent bytes that are no MessagePack";
            return false;
        }
        if (!take_reply(worker, connection, reply, now, phase))
            return false;
        from += size;
    }
    buffer_drop(&connection->in, from);
    return true;
}

static bool
serve(struct worker *worker, struct connection *connection, uint32_t events)
{
    enum phase phase;
    ssize_t count;
    int64_t now;

    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        char *to = buffer_reserve(&connection->in, READ_SIZE);

        count = recv(connection->descriptor, to, READ_SIZE, 0);
        if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
            worker->failure = count == 0 ? "the server closed the connection" : strerror(errno);
            return false;
        }
        if (count > 0) {
            buffer_added(&connection->in, (size_t)count);
            now = now_ns();
            worker->last_reply_ns = now;
            phase = (enum phase)atomic_load_explicit(worker->phase, memory_order_relaxed);
            if (!take_replies(worker, connection, now, phase))
                return false;
        }
    }
    return send_pending(worker, connection);
}

/* --- threads ---------------------------------------------------------------------------------- */

static bool
all_answered(const struct worker *worker)
{
    for (uint32_t index = 0; index < worker->connection_count; index++)
        if (worker->connections[index].busy > 0)
            return false;
    return true;
}

static void *
work(void *context)
{
    struct worker *worker = context;
    struct epoll_event events[EVENTS_MAX];

    worker->last_reply_ns = now_ns();
    for (uint32_t index = 0; index < worker->connection_count; index++) {
        struct connection *connection = &worker->connections[index];

        for (uint32_t id = 0; id < worker->options->depth; id++)
            put_request(worker, connection, id, now_ns());
        if (!send_pending(worker, connection))
            return NULL;
    }
    for (;;) {
        int count = epoll_wait(worker->poller, events, EVENTS_MAX, WAIT_MS);

        if (count < 0 && errno != EINTR) {
            worker->failure = strerror(errno);
            return NULL;
        }
        for (int index = 0; index < count; index++)
            if (!serve(worker, events[index].data.ptr, events[index].events))
                return NULL;
        if (atomic_load_explicit(worker->phase, memory_order_relaxed) == PHASE_STOP &&
            all_answered(worker))
            return NULL;
        if (count == 0 && now_ns() - worker->last_reply_ns > STALL_NS) {
            worker->failure = "no reply for a minute";
            return NULL;
        }
    }
}

static bool
connection_open(struct worker *worker, struct connection *connection, uint32_t number)
{
    const struct bench_options *options = worker->options;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    struct behalf_error error;

    if (behalf_connect(options->endpoint, NULL, &connection->client, &error) != BEHALF_SUCCESS) {
        (void)fprintf(stderr, "behalf-bench: %s\n", error.message);
        return false;
    }
    connection->descriptor = behalf_descriptor(connection->client);
    connection->slots = memory_new_array(options->depth, sizeof *connection->slots);
    buffer_init(&connection->out);
    buffer_init(&connection->in);
    /* Connections start evenly spread over the requests. */
    connection->next_request =
        (uint32_t)((uint64_t)number * worker->requests->count / options->connections);
    return epoll_ctl(worker->poller, EPOLL_CTL_ADD, connection->descriptor, &event) == 0;
}

static void
worker_release(struct worker *worker)
{
    for (uint32_t index = 0; index < worker->connection_count; index++) {
        struct connection *connection = &worker->connections[index];

        behalf_close(connection->client);
        memory_free(connection->slots);
        buffer_release(&connection->out);
        buffer_release(&connection->in);
    }
    memory_free(worker->connections);
    /* An epoll descriptor closes like any other file. */
    if (worker->poller >= 0)
        (void)fclose(fdopen(worker->poller, "r"));
}

static void
pass_time(double seconds)
{
    struct timespec span = {.tv_sec = (time_t)seconds,
                            .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};

    while (nanosleep(&span, &span) != 0 && errno == EINTR)
        continue;
}

static void
merge(struct bench_result *into, const struct worker *worker)
{
    const struct bench_result *from = &worker->result;

    histogram_merge(&into->latency_ns, &from->latency_ns);
    into->requests += from->requests;
    into->answers += from->answers;
    into->verified += from->verified;
    /* A wrong answer is wrong in the warm-up too. */
    into->errors += from->errors + worker->warmup.errors;
    into->wrong += from->wrong + worker->warmup.wrong;
    for (uint32_t index = 0; index < from->shown_count && into->shown_count < BENCH_SHOWN_MAX;
         index++)
        memcpy(into->shown[into->shown_count++], from->shown[index], BENCH_SHOWN_SIZE);
    for (uint32_t index = 0;
         index < worker->warmup.shown_count && into->shown_count < BENCH_SHOWN_MAX; index++)
        memcpy(into->shown[into->shown_count++], worker->warmup.shown[index], BENCH_SHOWN_SIZE);
}

static bool
workers_open(struct worker *workers, const struct bench_options *options,
             const struct bench_requests *requests, _Atomic int *phase)
{
    uint32_t number = 0;

    for (uint32_t index = 0; index < options->threads; index++) {
        struct worker *worker = &workers[index];
        uint32_t share = options->connections / options->threads +
                         (index < options->connections % options->threads ? 1 : 0);

        worker->options = options;
        worker->requests = requests;
        worker->phase = phase;
        worker->poller = epoll_create1(EPOLL_CLOEXEC);
        worker->connections = memory_new_array(share, sizeof *worker->connections);
        for (; worker->connection_count < share; number++) {
            struct connection *connection = &worker->connections[worker->connection_count++];

            if (worker->poller < 0 || !connection_open(worker, connection, number))
                return false;
        }
    }
    return true;
}

enum bench_exit
bench_run(const struct bench_options *options, const struct bench_requests *requests,
          struct bench_result *result)
{
    struct worker *workers = memory_new_array(options->threads, sizeof *workers);
    enum bench_exit outcome = BENCH_CONNECTION;
    _Atomic int phase = PHASE_WARMUP;
    uint32_t started = 0;
    int64_t from_ns;

    memset(result, 0, sizeof *result);
    for (uint32_t index = 0; index < options->threads; index++)
        workers[index].poller = -1;
    if (workers_open(workers, options, requests, &phase)) {
        outcome = BENCH_OK;
        while (started < options->threads &&
               pthread_create(&workers[started].thread, NULL, work, &workers[started]) == 0)
            started++;
        BEHALF_ASSERT(started == options->threads);
        pass_time(options->warmup_seconds);
        from_ns = now_ns();
        atomic_store(&phase, PHASE_MEASURE);
        pass_time(options->seconds);
        atomic_store(&phase, PHASE_STOP);
        result->seconds = (double)(now_ns() - from_ns) / 1e9;
    }
    for (uint32_t index = 0; index < started; index++) {
        (void)pthread_join(workers[index].thread, NULL);
        merge(result, &workers[index]);
        if (workers[index].failure != NULL) {
            (void)fprintf(stderr, "behalf-bench: a connection failed: %s\n",
                          workers[index].failure);
            outcome = BENCH_CONNECTION;
        }
    }
    for (uint32_t index = 0; index < options->threads; index++)
        worker_release(&workers[index]);
    memory_free(workers);
    if (outcome == BENCH_OK && (result->wrong > 0 || result->errors > 0))
        outcome = BENCH_WRONG;
    return outcome;
}
