/* bench_siege.c - `behalf-bench siege`: what a server does for honest clients while others use it
 * badly. Two servers of its own, one after the other: the first is besieged, the second has TLS. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/complain.h"
#include "base/memory.h"
#include "bench/bench_numbers.h"
#include "bench/bench_siege_crowd.h"

#define HONEST_RATE 2000.0 /* checks a second in all */
#define ROUNDS_MAX 100
#define READER_REQUESTS 32
#define CONNECTIONS_ELSE 200  /* besides those of the crowd */
#define DESCRIPTORS_ELSE 1300 /* the same, and files, of each program */
#define QUIET_NS 200000000
#define QUIET_TRIES 25 /* five seconds */
#define IDLE_AIM_MB 200.0
#define BESIDE_AIM 1.5
#define OVERLOAD_TIMES 3.0
#define GOODPUT_AIM 0.8
#define PROBE_NS 50000000
#define PROBE_AIM_MS 100.0
#define PROBES_MAX 4096
#define TLS_AIM 0.6

/* Files of a server: the Unix socket, or a certificate and its key. They go with the server. */
struct camp {
    char directory[128];
    char socket[160];
    char socket_endpoint[176];
    char certificate[160];
    char key[160];
};

static bool
camp_open(struct camp *camp)
{
    const char *temporary = getenv("TMPDIR");
    int size = snprintf(camp->directory, sizeof camp->directory, "%s/behalf-bench.siege.XXXXXX",
                        temporary != NULL ? temporary : "/tmp");

    if (size >= (int)sizeof camp->directory || mkdtemp(camp->directory) == NULL) {
        complain(NULL, "cannot make '%s': %s", camp->directory, strerror(errno));
        return false;
    }
    (void)snprintf(camp->socket, sizeof camp->socket, "%s/socket", camp->directory);
    (void)snprintf(camp->socket_endpoint, sizeof camp->socket_endpoint, "unix:%s", camp->socket);
    (void)snprintf(camp->certificate, sizeof camp->certificate, "%s/server.crt", camp->directory);
    (void)snprintf(camp->key, sizeof camp->key, "%s/server.key", camp->directory);
    return true;
}

/* What they asked for is answered, or waits for them: that it is work is no misuse. */
static void
wait_until_quiet(const struct stage *stage)
{
    const struct timespec time = {.tv_nsec = QUIET_NS};
    bool quiet = false;

    for (unsigned tries = 0; !quiet && tries < QUIET_TRIES; tries++) {
        struct bench_threads before;

        bench_serve_threads(&stage->server, &before);
        (void)nanosleep(&time, NULL);
        quiet = bench_serve_busiest_ns(&stage->server, &before) < QUIET_NS / 5;
    }
}

static int
compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

/* --- idle connections ------------------------------------------------------------------------- */

/* As many as were asked for, or as descriptors allow. */
static uint32_t
crowd_size(uint32_t asked)
{
    struct rlimit limit;
    rlim_t most;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return asked;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    most = limit.rlim_max > DESCRIPTORS_ELSE ? limit.rlim_max - DESCRIPTORS_ELSE : 1;
    if (asked <= most)
        return asked;
    (void)printf("only %llu connections instead of %u: the limit of descriptors is %llu\n",
                 (unsigned long long)most, asked, (unsigned long long)limit.rlim_max);
    return (uint32_t)most;
}

static enum bench_exit
siege_idle(const struct stage *stage, uint32_t count)
{
    uint64_t before = bench_serve_resident_bytes(&stage->server);
    struct crowd crowd;
    enum bench_exit outcome = BENCH_CONNECTION;
    char what[128];

    if (crowd_open(&crowd, CROWD_IDLE, stage->options.endpoint, count, (struct slice){0})) {
        wait_until_quiet(stage);
        (void)snprintf(what, sizeof what, "resident memory more, %u idle connections, %u stand",
                       count, crowd_standing(&crowd));
        print_number("S1", what,
                     ((double)bench_serve_resident_bytes(&stage->server) - (double)before) / 1e6,
                     AIM_AT_MOST, IDLE_AIM_MB, "MB");
        outcome = BENCH_OK;
    }
    crowd_close(&crowd);
    return outcome;
}

/* --- honest clients beside others ------------------------------------------------------------- */

/* One run. */
static enum bench_exit
honest_p99_us(const struct stage *stage, double *p99_us)
{
    struct stage honest = *stage;
    struct report *report = NULL;
    enum bench_exit outcome;

    honest.options.rate = HONEST_RATE;
    honest.options.repeat = 1;
    honest.options.warmup_seconds = 0;
    outcome = stage_measure(&honest, METHOD_CHECK, 16, 16, &report);
    if (outcome == BENCH_OK)
        *p99_us = report_main(report)->median.latency_us[REPORT_P99];
    report_free(report);
    return outcome;
}

/* Those who misuse the server beside honest clients. */
struct others {
    enum crowd_kind kind;
    const char *name;
    uint32_t count;
    struct slice requests;
    uint32_t standing; /* at the end of the last run */
};

static enum bench_exit
honest_beside(const struct stage *stage, struct others *others, double *p99_us)
{
    enum bench_exit outcome = BENCH_CONNECTION;
    struct crowd crowd;

    if (crowd_open(&crowd, others->kind, stage->options.endpoint, others->count,
                   others->requests)) {
        wait_until_quiet(stage);
        outcome = honest_p99_us(stage, p99_us);
        others->standing = crowd_standing(&crowd);
    }
    crowd_close(&crowd);
    return outcome;
}

/* Alone and beside them in turns, so that a busy minute of the machine counts for both. */
static enum bench_exit
siege_beside(const struct stage *stage, struct others *others)
{
    uint32_t rounds = stage->options.repeat < ROUNDS_MAX ? stage->options.repeat : ROUNDS_MAX;
    double beside_us[ROUNDS_MAX] = {0};
    double alone_us[ROUNDS_MAX] = {0};
    enum bench_exit outcome = BENCH_OK;
    char what[128];

    for (uint32_t round = 0; outcome == BENCH_OK && round < rounds; round++) {
        outcome = honest_p99_us(stage, &alone_us[round]);
        if (outcome == BENCH_OK)
            outcome = honest_beside(stage, others, &beside_us[round]);
    }
    if (outcome != BENCH_OK)
        return outcome;
    qsort(alone_us, rounds, sizeof *alone_us, compare_doubles);
    qsort(beside_us, rounds, sizeof *beside_us, compare_doubles);
    (void)snprintf(what, sizeof what, "p99, %u slow %s (%u stand): %.0f, alone %.0f us",
                   others->count, others->name, others->standing, beside_us[rounds / 2],
                   alone_us[rounds / 2]);
    print_number("S2", what, beside_us[rounds / 2] / alone_us[rounds / 2], AIM_AT_MOST, BESIDE_AIM,
                 "x alone");
    return BENCH_OK;
}

/* Lookups, whose replies are the largest. */
static enum bench_exit
siege_readers(const struct stage *stage, uint32_t count)
{
    const struct bench_mix mix = {.weights[METHOD_LOOKUP_RESOURCES] = 1, .total = 1};
    struct others readers = {.kind = CROWD_SLOW_READER, .name = "readers", .count = count};
    enum bench_exit outcome = BENCH_CONNECTION;
    const struct bench_requests *lookups;
    struct bench_deck deck;

    if (bench_deck_build(&stage->options, &stage->workload, &mix, &deck)) {
        lookups = &deck.methods[METHOD_LOOKUP_RESOURCES];
        readers.requests.data = lookups->bytes.data;
        readers.requests.size = lookups->count > READER_REQUESTS
                                    ? lookups->items[READER_REQUESTS].at
                                    : lookups->bytes.size;
        outcome = siege_beside(stage, &readers);
    }
    bench_deck_release(&deck);
    return outcome;
}

static enum bench_exit
siege_senders(const struct stage *stage, uint32_t count)
{
    struct others senders = {.kind = CROWD_SLOW_SENDER, .name = "senders", .count = count};

    return siege_beside(stage, &senders);
}

/* --- three times capacity --------------------------------------------------------------------- */

/* server.info each 50 ms, on a connection of its own. */
struct probe {
    pthread_t thread;
    const char *endpoint;
    atomic_bool stop;
    bool failed;
    uint32_t count;
    double ms[PROBES_MAX];
};

static void *
probe_server(void *context)
{
    const struct timespec between = {.tv_nsec = PROBE_NS};
    struct probe *probe = context;
    struct behalf_client *client = NULL;
    struct behalf_reply *reply;

    probe->failed = behalf_connect(probe->endpoint, NULL, &client, NULL) != BEHALF_SUCCESS;
    while (!probe->failed && !atomic_load(&probe->stop) && probe->count < PROBES_MAX) {
        int64_t from_ns = bench_now_ns();

        probe->failed = behalf_server_info(client, &reply, NULL) != BEHALF_SUCCESS;
        if (probe->failed)
            break;
        behalf_reply_free(reply);
        probe->ms[probe->count++] = (double)(bench_now_ns() - from_ns) / 1e6;
        (void)nanosleep(&between, NULL);
    }
    behalf_close(client);
    return NULL;
}

static void
print_probe(struct probe *probe)
{
    char what[128];

    qsort(probe->ms, probe->count, sizeof *probe->ms, compare_doubles);
    (void)snprintf(what, sizeof what, "  p99 of server.info meanwhile, Unix socket, %u asked",
                   probe->count);
    print_number("", what, probe->ms[(probe->count - 1) * 99 / 100], AIM_AT_MOST, PROBE_AIM_MS,
                 "ms");
}

static enum bench_exit
siege_overload(const struct stage *stage, const char *socket_endpoint)
{
    struct probe *probe = memory_new(sizeof *probe);
    enum bench_exit outcome;
    double beyond = 0;
    double peak = 0;
    char what[128];

    memset(probe, 0, sizeof *probe);
    probe->endpoint = socket_endpoint;
    outcome = stage_goodput(stage, METHOD_CHECK, 0, &peak);
    if (outcome == BENCH_OK && pthread_create(&probe->thread, NULL, probe_server, probe) != 0)
        outcome = BENCH_CONNECTION;
    if (outcome == BENCH_OK) {
        outcome = stage_goodput(stage, METHOD_CHECK, OVERLOAD_TIMES * peak, &beyond);
        atomic_store(&probe->stop, true);
        (void)pthread_join(probe->thread, NULL);
    }
    if (outcome == BENCH_OK && (probe->failed || probe->count == 0)) {
        complain(NULL, "server.info was not answered at '%s'", socket_endpoint);
        outcome = BENCH_CONNECTION;
    }
    if (outcome == BENCH_OK) {
        (void)snprintf(what, sizeof what, "goodput, check, at 3 x %.0f/s", peak);
        print_number("S3", what, beyond / peak, AIM_AT_LEAST, GOODPUT_AIM, "of peak");
        print_probe(probe);
    }
    memory_free(probe);
    return outcome;
}

/* --- TLS -------------------------------------------------------------------------------------- */

static enum bench_exit
check_rate(const struct stage *stage, double *rate)
{
    struct report *report = NULL;
    enum bench_exit outcome = stage_measure(stage, METHOD_CHECK, 16, 16, &report);

    if (outcome == BENCH_OK)
        *rate = stage_rate(report);
    report_free(report);
    return outcome;
}

/* By the openssl command; false where there is none. */
static bool
make_certificate(const struct camp *camp)
{
    const char *arguments[] = {"openssl",
                               "req",
                               "-x509",
                               "-newkey",
                               "ec",
                               "-pkeyopt",
                               "ec_paramgen_curve:P-256",
                               "-nodes",
                               "-days",
                               "2",
                               "-subj",
                               "/CN=behalf-siege",
                               "-addext",
                               "subjectAltName=IP:127.0.0.1",
                               "-keyout",
                               camp->key,
                               "-out",
                               camp->certificate,
                               NULL};
    posix_spawn_file_actions_t quiet;
    bool made;
    pid_t process;
    int status = 1;

    if (posix_spawn_file_actions_init(&quiet) != 0)
        return false;
    (void)posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    /* Exception: posix_spawnp takes texts that it does not change as if it might. */
    made = posix_spawnp(&process, "openssl", &quiet, NULL, (char **)(uintptr_t)arguments,
                        environ) == 0;
    (void)posix_spawn_file_actions_destroy(&quiet);
    while (made && waitpid(process, &status, 0) < 0)
        made = errno == EINTR;
    return made && status == 0;
}

static enum bench_exit
siege_tls(const struct bench_options *options, double plain_rate)
{
    struct camp camp;
    const char *arguments[] = {"--tls-certificate", camp.certificate, "--tls-key", camp.key, NULL};
    const struct bench_serve_more more = {arguments, camp.directory};
    struct bench_options secure = *options;
    enum bench_exit outcome;
    struct stage stage;
    double rate = 0;
    char what[128];

    if (!camp_open(&camp))
        return BENCH_CONNECTION;
    if (!make_certificate(&camp)) {
        (void)unlink(camp.key);
        (void)rmdir(camp.directory);
        (void)printf("S4   TLS against plaintext: skipped, there is no openssl command that makes "
                     "a certificate\n");
        return BENCH_OK;
    }
    secure.server_more = &more;
    secure.connect.tls = true;
    secure.connect.ca_file = camp.certificate;
    outcome = stage_open(&stage, &secure, "drive", options->size);
    if (outcome == BENCH_OK)
        outcome = stage_warm(&stage);
    if (outcome == BENCH_OK)
        outcome = check_rate(&stage, &rate);
    stage_close(&stage);
    if (outcome == BENCH_OK) {
        (void)snprintf(what, sizeof what, "check over TLS, 16 x 16: %.0f/s, plaintext %.0f/s", rate,
                       plain_rate);
        print_number("S4", what, rate / plain_rate, AIM_AT_LEAST, TLS_AIM, "of plaintext");
    }
    return outcome;
}

/* --- all of it -------------------------------------------------------------------------------- */

static uint32_t
part_of(uint32_t idle, uint32_t divisor)
{
    return idle >= divisor ? idle / divisor : 1;
}

static enum bench_exit
siege_plain(const struct bench_options *options, uint32_t idle, double *plain_rate)
{
    char connections[16];
    struct camp camp;
    const char *arguments[] = {
        "--unix",    camp.socket, "--connections", connections, "--connections-per-key",
        connections, NULL};
    const struct bench_serve_more more = {arguments, camp.directory};
    struct bench_options plain = *options;
    struct stage stage;
    enum bench_exit outcome;

    if (!camp_open(&camp))
        return BENCH_CONNECTION;
    (void)snprintf(connections, sizeof connections, "%u", idle + CONNECTIONS_ELSE);
    plain.server_more = &more;
    outcome = stage_open(&stage, &plain, "drive", options->size);
    if (outcome == BENCH_OK)
        outcome = stage_warm(&stage);
    if (outcome == BENCH_OK)
        outcome = siege_idle(&stage, idle);
    if (outcome == BENCH_OK)
        outcome = siege_readers(&stage, part_of(idle, 10));
    if (outcome == BENCH_OK)
        outcome = siege_senders(&stage, part_of(idle, 2));
    if (outcome == BENCH_OK)
        outcome = siege_overload(&stage, camp.socket_endpoint);
    if (outcome == BENCH_OK)
        outcome = check_rate(&stage, plain_rate);
    stage_close(&stage);
    return outcome;
}

enum bench_exit
bench_siege(const struct bench_options *options)
{
    struct bench_options quiet = *options;
    uint32_t idle = crowd_size(options->idle);
    double plain_rate = 0;
    enum bench_exit outcome;

    quiet.echo = false;
    (void)printf("drive, %.0e relationships, one event loop, medians of %u runs of %g s\n",
                 (double)options->size, options->repeat, options->seconds);
    outcome = siege_plain(&quiet, idle, &plain_rate);
    if (outcome == BENCH_OK)
        outcome = siege_tls(&quiet, plain_rate);
    return outcome;
}
