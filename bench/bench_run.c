/* bench_run.c - one timed run: threads that drive connections, in a closed or an open loop.
 *
 * Closed: every connection keeps `depth` requests in flight; an answer is followed by the next
 * request. It slows down with its server: the percentiles are those of clients that wait.
 * Open: requests are due at a fixed rate, whatever the server does (bench/bench_schedule.h). One
 * that finds every slot taken waits here, and its wait counts: latency runs from the due time. With
 * a deadline it is never sent: beyond capacity the wait here would grow until every request is
 * late, and nothing would be seen of what the server does. What counts is what was due while the
 * clock ran: it is still sent and waited for when the clock has stopped, for GRACE_NS at most.
 * Threads: a thread owns its connections and its counts; `phase` and `answered` are shared. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/complain.h"
#include "base/memory.h"
#include "bench/bench.h"
#include "bench/bench_connection.h"
#include "bench/bench_schedule.h"

#define EVENTS_MAX 64
#define WAIT_NS INT64_C(100000000)
#define STALL_NS (60 * INT64_C(1000000000)) /* without any reply: the server hangs */
#define GRACE_NS (5 * INT64_C(1000000000))
#define SAMPLE_NS INT64_C(250000000)

enum phase { PHASE_WARMUP, PHASE_MEASURE, PHASE_STOP };

/* What all threads of a run share. */
struct run {
    const struct bench_options *options;
    const struct bench_deck *deck;
    int64_t start_ns;        /* of the schedule */
    _Atomic int64_t from_ns; /* when the clock started; INT64_MAX before */
    _Atomic int64_t to_ns;   /* when it stopped; INT64_MAX before */
    _Atomic int phase;
};

struct worker {
    pthread_t thread;
    struct run *run;
    struct bench_connection *connections;
    uint32_t connection_count;
    uint32_t turn; /* the connection that the next due request is offered first */
    int poller;
    struct bench_schedule schedule;
    struct bench_count measured[METHOD_COUNT];
    struct bench_count discarded[METHOD_COUNT]; /* of the warm-up; wrong answers of it are not */
    struct bench_shown shown;
    _Atomic uint64_t answered;
    uint64_t late;
    uint64_t unsent;
    int64_t last_reply_ns;
    const char *failure; /* NULL, or why the thread gave up */
};

int64_t
bench_now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool
is_open_loop(const struct worker *worker)
{
    return worker->run->options->rate > 0;
}

/* Whether the clock ran at this moment. */
static bool
is_measured(const struct worker *worker, int64_t moment_ns)
{
    return moment_ns >= atomic_load_explicit(&worker->run->from_ns, memory_order_relaxed) &&
           moment_ns < atomic_load_explicit(&worker->run->to_ns, memory_order_relaxed);
}

/* --- requests that are due -------------------------------------------------------------------- */

/* A connection with a free slot, in turn; NULL when all are full. */
static struct bench_connection *
free_connection(struct worker *worker)
{
    for (uint32_t passed = 0; passed < worker->connection_count; passed++) {
        struct bench_connection *connection = &worker->connections[worker->turn];

        worker->turn = (worker->turn + 1) % worker->connection_count;
        if (connection->busy < connection->depth)
            return connection;
    }
    return NULL;
}

/* When the next request of an open loop is due; INT64_MAX when there is none before the end. */
static int64_t
next_due(const struct worker *worker)
{
    int64_t due = bench_schedule_due(&worker->schedule);

    if (!is_open_loop(worker) ||
        due >= atomic_load_explicit(&worker->run->to_ns, memory_order_relaxed))
        return INT64_MAX;
    return due;
}

static void
drop_due(struct worker *worker, int64_t now)
{
    int64_t due = 0;

    (void)bench_schedule_take(&worker->schedule, now, &due);
    worker->unsent += is_measured(worker, due);
}

/* Puts and sends what is due by now. */
static bool
put_due(struct worker *worker, int64_t now)
{
    int64_t end = atomic_load_explicit(&worker->run->to_ns, memory_order_relaxed);
    bool waits = worker->run->options->deadline_ms == 0; /* for a free slot */
    struct bench_connection *connection;
    int64_t due = 0;

    while (next_due(worker) <= now && (connection = free_connection(worker)) != NULL) {
        (void)bench_schedule_take(&worker->schedule, now, &due);
        if (now - due > BENCH_LATE_NS && is_measured(worker, due))
            worker->late++;
        bench_connection_put(connection, due);
    }
    for (uint32_t index = 0; index < worker->connection_count; index++) {
        connection = &worker->connections[index];
        if (connection->out.size > 0 && !connection->wants_write &&
            !bench_connection_send(connection)) {
            worker->failure = connection->failure;
            return false;
        }
    }
    while (next_due(worker) <= now && (!waits || (now > end && now - end > GRACE_NS)))
        drop_due(worker, now);
    return true;
}

/* --- replies ---------------------------------------------------------------------------------- */

static void
count_reply(struct worker *worker, const struct bench_reply *reply, int64_t now, enum phase phase)
{
    const struct bench_requests *requests = &worker->run->deck->methods[reply->slot.method];
    bool measured =
        is_open_loop(worker) ? is_measured(worker, reply->slot.start_ns) : phase == PHASE_MEASURE;
    struct bench_count *count =
        measured ? &worker->measured[reply->slot.method] : &worker->discarded[reply->slot.method];

    bench_answer(requests, &requests->items[reply->slot.request], reply->error, reply->value,
                 now - reply->slot.start_ns, count, &worker->shown);
}

static bool
take_replies(struct worker *worker, struct bench_connection *connection)
{
    enum phase phase = (enum phase)atomic_load_explicit(&worker->run->phase, memory_order_relaxed);
    int64_t now = bench_now_ns();
    struct bench_reply reply;
    uint64_t taken = 0;
    size_t at = 0;

    while (bench_connection_take(connection, &at, &reply)) {
        count_reply(worker, &reply, now, phase);
        taken++;
        if (!is_open_loop(worker) && phase != PHASE_STOP)
            bench_connection_put(connection, now);
    }
    bench_connection_drop(connection, at);
    worker->last_reply_ns = now;
    atomic_fetch_add_explicit(&worker->answered, taken, memory_order_relaxed);
    return connection->failure == NULL;
}

static bool
serve(struct worker *worker, struct bench_connection *connection, uint32_t events)
{
    bool good = true;

    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        good = bench_connection_receive(connection) && take_replies(worker, connection);
    if (good)
        good = bench_connection_send(connection);
    if (!good)
        worker->failure = connection->failure;
    return good;
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

static bool
is_over(const struct worker *worker)
{
    return atomic_load_explicit(&worker->run->phase, memory_order_relaxed) == PHASE_STOP &&
           all_answered(worker) && next_due(worker) == INT64_MAX;
}

/* Waits for events, in an open loop at most until the next request can be put: epoll_wait alone
 * knows only milliseconds. */
static int
wait_events(struct worker *worker, struct epoll_event *events)
{
    struct pollfd waiting = {.fd = worker->poller, .events = POLLIN};
    int64_t wait_ns = WAIT_NS;
    struct timespec span;

    if (!is_open_loop(worker))
        return epoll_wait(worker->poller, events, EVENTS_MAX, (int)(WAIT_NS / 1000000));
    if (free_connection(worker) != NULL && next_due(worker) != INT64_MAX) {
        int64_t due_in = next_due(worker) - bench_now_ns();

        if (due_in < wait_ns)
            wait_ns = due_in > 0 ? due_in : 0;
    }
    span = (struct timespec){.tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000};
    if (wait_ns > 0 && ppoll(&waiting, 1, &span, NULL) < 0)
        return -1;
    return epoll_wait(worker->poller, events, EVENTS_MAX, 0);
}

static void
drive(struct worker *worker)
{
    struct epoll_event events[EVENTS_MAX];

    worker->last_reply_ns = bench_now_ns();
    while (!is_over(worker)) {
        int count = wait_events(worker, events);

        if (count < 0 && errno != EINTR) {
            worker->failure = strerror(errno);
            return;
        }
        for (int index = 0; index < count; index++)
            if (!serve(worker, events[index].data.ptr, events[index].events))
                return;
        if (is_open_loop(worker) && !put_due(worker, bench_now_ns()))
            return;
        if (count == 0 && !all_answered(worker) &&
            bench_now_ns() - worker->last_reply_ns > STALL_NS) {
            worker->failure = "no reply for a minute";
            return;
        }
    }
}

static void *
work(void *context)
{
    struct worker *worker = context;

    for (uint32_t index = 0; index < worker->connection_count && !is_open_loop(worker); index++) {
        struct bench_connection *connection = &worker->connections[index];

        while (connection->busy < connection->depth)
            bench_connection_put(connection, bench_now_ns());
        if (!bench_connection_send(connection)) {
            worker->failure = connection->failure;
            return NULL;
        }
    }
    drive(worker);
    return NULL;
}

static bool
workers_open(struct worker *workers, struct run *run)
{
    const struct bench_options *options = run->options;
    uint32_t number = 0;

    for (uint32_t index = 0; index < options->threads; index++) {
        struct worker *worker = &workers[index];
        uint32_t share = options->connections / options->threads +
                         (index < options->connections % options->threads ? 1 : 0);

        worker->run = run;
        worker->poller = epoll_create1(EPOLL_CLOEXEC);
        worker->connections = memory_new_array(share, sizeof *worker->connections);
        for (; worker->connection_count < share; number++)
            if (worker->poller < 0 ||
                !bench_connection_open(&worker->connections[worker->connection_count++], options,
                                       run->deck, worker->poller, number))
                return false;
    }
    return true;
}

static void
worker_release(struct worker *worker)
{
    for (uint32_t index = 0; index < worker->connection_count; index++)
        bench_connection_release(&worker->connections[index]);
    memory_free(worker->connections);
    if (worker->poller >= 0)
        (void)close(worker->poller);
}

/* --- the clock -------------------------------------------------------------------------------- */

static void
sleep_until(int64_t moment_ns)
{
    struct timespec until = {.tv_sec = moment_ns / 1000000000, .tv_nsec = moment_ns % 1000000000};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        continue;
}

static uint64_t
answered_so_far(const struct worker *workers, uint32_t count)
{
    uint64_t answered = 0;

    for (uint32_t index = 0; index < count; index++)
        answered += atomic_load_explicit(&workers[index].answered, memory_order_relaxed);
    return answered;
}

static void
show_progress(const char *name, double seconds, double of_seconds, double rate)
{
    if (isatty(STDERR_FILENO)) {
        (void)fprintf(stderr, "\r%-20s %5.1f of %.1f s  %10.0f requests/s ", name, seconds,
                      of_seconds, rate);
        (void)fflush(stderr);
    }
}

/* Lets the clock run, and looks at it from time to time. */
static void
measure(const struct bench_options *options, const struct worker *workers, const char *name,
        struct bench_result *result, int64_t from_ns)
{
    int64_t end_ns = from_ns + (int64_t)(options->seconds * 1e9);
    int64_t before_ns = from_ns;
    uint64_t before = answered_so_far(workers, options->threads);

    while (before_ns < end_ns) {
        int64_t step = end_ns - before_ns < SAMPLE_NS ? end_ns - before_ns : SAMPLE_NS;
        struct bench_sample sample;
        uint64_t answered;
        int64_t now;

        sleep_until(before_ns + step);
        now = bench_now_ns();
        answered = answered_so_far(workers, options->threads);
        sample.seconds = (double)(now - from_ns) / 1e9;
        sample.requests_per_second =
            (double)(answered - before) / ((double)(now - before_ns) / 1e9);
        if (result->sample_count < BENCH_SAMPLES_MAX)
            result->samples[result->sample_count++] = sample;
        show_progress(name, sample.seconds, options->seconds, sample.requests_per_second);
        before = answered;
        before_ns = now;
    }
    if (isatty(STDERR_FILENO))
        (void)fputs("\r\033[K", stderr);
}

/* --- the result ------------------------------------------------------------------------------- */

static void
merge_count(struct bench_count *into, const struct bench_count *from)
{
    histogram_merge(&into->latency_ns, &from->latency_ns);
    into->requests += from->requests;
    into->answers += from->answers;
    into->verified += from->verified;
    into->good += from->good;
    into->overloaded += from->overloaded;
    into->expired += from->expired;
    into->errors += from->errors;
    into->wrong += from->wrong;
}

void
bench_result_total(const struct bench_result *result, struct bench_count *total)
{
    memset(total, 0, sizeof *total);
    for (uint32_t method = 0; method < METHOD_COUNT; method++)
        merge_count(total, &result->methods[method]);
}

static void
merge_worker(struct bench_result *into, const struct worker *worker)
{
    for (uint32_t method = 0; method < METHOD_COUNT; method++) {
        merge_count(&into->methods[method], &worker->measured[method]);
        /* A wrong answer is wrong in the warm-up too. */
        into->methods[method].errors += worker->discarded[method].errors;
        into->methods[method].wrong += worker->discarded[method].wrong;
    }
    for (uint32_t index = 0; index < worker->shown.count && into->shown.count < BENCH_SHOWN_MAX;
         index++)
        memcpy(into->shown.lines[into->shown.count++], worker->shown.lines[index],
               BENCH_SHOWN_SIZE);
    into->late += worker->late;
    into->unsent += worker->unsent;
}

/* Ends the run and collects what its threads counted. */
static enum bench_exit
collect(struct worker *workers, uint32_t started, struct bench_result *result)
{
    enum bench_exit outcome = BENCH_OK;
    struct bench_count total;

    for (uint32_t index = 0; index < started; index++) {
        (void)pthread_join(workers[index].thread, NULL);
        merge_worker(result, &workers[index]);
        if (workers[index].failure != NULL) {
            complain(NULL, "a connection failed: %s", workers[index].failure);
            outcome = BENCH_CONNECTION;
        }
    }
    bench_result_total(result, &total);
    if (outcome == BENCH_OK && (total.wrong > 0 || total.errors > 0))
        outcome = BENCH_WRONG;
    return outcome;
}

enum bench_exit
bench_run(const struct bench_options *options, const struct bench_deck *deck, const char *name,
          struct bench_result *result)
{
    struct worker *workers = memory_new_array(options->threads, sizeof *workers);
    struct run run = {.options = options,
                      .deck = deck,
                      .from_ns = INT64_MAX,
                      .to_ns = INT64_MAX,
                      .phase = PHASE_WARMUP};
    enum bench_exit outcome = BENCH_CONNECTION;
    uint32_t started = 0;
    int64_t from_ns;

    memset(result, 0, sizeof *result);
    for (uint32_t index = 0; index < options->threads; index++)
        workers[index].poller = -1;
    if (workers_open(workers, &run)) {
        run.start_ns = bench_now_ns();
        for (; started < options->threads; started++) {
            struct worker *worker = &workers[started];

            if (options->rate > 0)
                worker->schedule =
                    bench_schedule_of(run.start_ns, options->rate, started, options->threads);
            if (pthread_create(&worker->thread, NULL, work, worker) != 0)
                break;
        }
        BEHALF_ASSERT(started == options->threads);
        sleep_until(run.start_ns + (int64_t)(options->warmup_seconds * 1e9));
        from_ns = bench_now_ns();
        atomic_store(&run.from_ns, from_ns);
        atomic_store(&run.phase, PHASE_MEASURE);
        measure(options, workers, name, result, from_ns);
        atomic_store(&run.to_ns, bench_now_ns());
        atomic_store(&run.phase, PHASE_STOP);
        result->seconds = (double)(atomic_load(&run.to_ns) - from_ns) / 1e9;
        outcome = collect(workers, started, result);
    }
    for (uint32_t index = 0; index < options->threads; index++)
        worker_release(&workers[index]);
    memory_free(workers);
    return outcome;
}
