/* audit.c - putters, those who wait, a reader, a verifier and one who asks for checkpoints, all at
 * the same time. Every record that was taken is read once, those of each putter in their order; the
 * log verifies at each moment, and each checkpoint is consistent with the one before.
 *
 *   audit                    the test
 *   audit FOLDER RECORDS     makes a log there, with proofs on standard output for who checks it
 *   audit rate RECORDS       records a second into a log, from one thread and from four */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/datum.h"
#include "base/memory.h"
#include "base/merkle.h"
#include "tests/support/audit_folder.h"

#define PUTTERS 8
#define RECORDS 10000 /* of each */
#define WAITS_EVERY 50
#define TIME_NS INT64_C(1800000000000000000)
#define RATE_PUTTERS 4

static struct audit_folder folder;
static struct audit *audit;
static atomic_uint putting;

struct pause {
    struct audit_waiter waiter;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done;
    enum status status;
};

static void
end_pause(struct audit_waiter *waiter, enum status status)
{
    struct pause *pause = (struct pause *)(void *)waiter;

    pthread_mutex_lock(&pause->lock);
    pause->done = true;
    pause->status = status;
    pthread_cond_signal(&pause->ended);
    pthread_mutex_unlock(&pause->lock);
}

static void
make_fields(unsigned putter, uint64_t number, struct buffer *out)
{
    const struct datum event = {.kind = DATUM_STRING, .as.string = SLICE_LITERAL("decision")};
    const struct datum count = {.kind = DATUM_INT, .as.integer = (int64_t)number};
    const struct datum who = {.kind = DATUM_INT, .as.integer = putter};
    const struct datum text = {.kind = DATUM_STRING,
                               .as.string = SLICE_LITERAL("\"quoted\"\n\xc3\xa4\x7f, as long as "
                                                          "the names of a decision are")};
    const struct datum_field fields[] = {{SLICE_LITERAL("event"), &event},
                                         {SLICE_LITERAL("number"), &count},
                                         {SLICE_LITERAL("putter"), &who},
                                         {SLICE_LITERAL("text"), &text}};
    const struct datum map = {.kind = DATUM_MAP, .as.map = {fields, BEHALF_COUNT_OF(fields)}};

    buffer_clear(out);
    datum_encode(&map, out);
}

/* A full queue is waited for: every record counts here. */
static void
put(struct slice fields, struct audit_waiter *waiter)
{
    struct error error;

    while (audit_put(audit, AUDIT_PLACE_DECISION, TIME_NS, fields, waiter, &error) != BEHALF_OK) {
        BEHALF_ASSERT(error.status == BEHALF_AUDIT_UNAVAILABLE);
        (void)sched_yield();
    }
}

static void
put_and_wait(struct slice fields)
{
    struct pause pause = {.waiter.done = end_pause,
                          .lock = PTHREAD_MUTEX_INITIALIZER,
                          .ended = PTHREAD_COND_INITIALIZER};

    put(fields, &pause.waiter);
    pthread_mutex_lock(&pause.lock);
    while (!pause.done)
        pthread_cond_wait(&pause.ended, &pause.lock);
    pthread_mutex_unlock(&pause.lock);
    BEHALF_ASSERT(pause.status == BEHALF_OK);
}

struct putter {
    pthread_t thread;
    unsigned number;
    uint64_t records;
    uint64_t waits_every; /* 0 = never */
};

static void *
run_putter(void *argument)
{
    const struct putter *putter = argument;
    struct buffer fields;

    buffer_init(&fields);
    for (uint64_t at = 0; at < putter->records; at++) {
        make_fields(putter->number, at, &fields);
        if (putter->waits_every > 0 && at % putter->waits_every == 0)
            put_and_wait(buffer_slice(&fields));
        else
            put(buffer_slice(&fields), NULL);
    }
    buffer_release(&fields);
    (void)atomic_fetch_sub(&putting, 1);
    return NULL;
}

static uint64_t
number_of(struct slice line, const char *key)
{
    const char *at = memmem(line.data, line.size, key, strlen(key));

    BEHALF_ASSERT(at != NULL);
    return strtoull(at + strlen(key), NULL, 10);
}

/* Reads on as the log grows, until all is there. */
static void *
run_reader(void *argument)
{
    uint64_t next[PUTTERS] = {0};
    struct audit_reader *reader = NULL;
    struct error error;
    uint64_t *count = argument;
    bool last = false;

    BEHALF_ASSERT(audit_reader_open(folder.path, &reader, &error) == BEHALF_OK);
    for (*count = 0;;) {
        struct slice line;
        uint64_t seq;
        enum status status = audit_reader_next(reader, &seq, &line, &error);

        if (status == BEHALF_DONE && last)
            break;
        if (status == BEHALF_DONE) {
            last = atomic_load(&putting) == 0 && audit_flush(audit, &error) == BEHALF_OK;
            (void)sched_yield();
            continue;
        }
        BEHALF_ASSERT(status == BEHALF_OK && seq == *count);
        (*count)++;
        if (memmem(line.data, line.size, "\"log.opened\"", 12) == NULL) {
            uint64_t putter = number_of(line, "\"putter\":");

            BEHALF_ASSERT(putter < PUTTERS && number_of(line, "\"number\":") == next[putter]);
            next[putter]++;
        }
    }
    audit_reader_close(reader);
    return NULL;
}

static void *
run_verifier(void *argument)
{
    const struct slice none = {NULL, 0};
    uint64_t *count = argument;

    do {
        struct audit_verification found;
        struct error error;

        BEHALF_ASSERT(audit_verify(folder.path, none, none, NULL, &found, &error) == BEHALF_OK);
        if (!found.ok)
            (void)fprintf(stderr, "%s: %s\n", found.wrong_file, found.wrong);
        BEHALF_ASSERT(found.ok);
        (*count)++;
    } while (atomic_load(&putting) > 0);
    return NULL;
}

static void *
run_signer(void *argument)
{
    struct audit_note before = {.size = 0};
    struct audit_reader *reader = NULL;
    struct merkle_proof proof;
    struct buffer text;
    struct error error;
    uint64_t *count = argument;

    buffer_init(&text);
    BEHALF_ASSERT(audit_reader_open(folder.path, &reader, &error) == BEHALF_OK);
    do {
        struct audit_note note;

        buffer_clear(&text);
        BEHALF_ASSERT(audit_checkpoint(audit, &text, &error) == BEHALF_OK);
        BEHALF_ASSERT(audit_note_read(buffer_slice(&text), (struct slice){NULL, 0}, &note,
                                      &error) == BEHALF_OK);
        if (before.size > 0) {
            BEHALF_ASSERT(audit_prove_consistency(reader, before.size, note.size, &proof, &error) ==
                          BEHALF_OK);
            BEHALF_ASSERT(
                merkle_check_consistency(before.size, before.root, note.size, note.root, &proof));
        }
        before = note;
        (*count)++;
    } while (atomic_load(&putting) > 0);
    audit_reader_close(reader);
    buffer_release(&text);
    return NULL;
}

static void
put_from(unsigned threads, uint64_t records, uint64_t waits_every)
{
    struct putter putters[PUTTERS];

    BEHALF_ASSERT(threads <= PUTTERS);
    for (unsigned at = 0; at < threads; at++) {
        putters[at] = (struct putter){.number = at, .records = records, .waits_every = waits_every};
        BEHALF_ASSERT(pthread_create(&putters[at].thread, NULL, run_putter, &putters[at]) == 0);
    }
    for (unsigned at = 0; at < threads; at++)
        (void)pthread_join(putters[at].thread, NULL);
}

static void
test(void)
{
    static void *(*const others[])(void *) = {run_reader, run_verifier, run_signer};
    pthread_t threads[BEHALF_COUNT_OF(others)];
    uint64_t counts[BEHALF_COUNT_OF(others)] = {0};

    atomic_store(&putting, PUTTERS);
    for (size_t at = 0; at < BEHALF_COUNT_OF(others); at++)
        BEHALF_ASSERT(pthread_create(&threads[at], NULL, others[at], &counts[at]) == 0);
    put_from(PUTTERS, RECORDS, WAITS_EVERY);
    for (size_t at = 0; at < BEHALF_COUNT_OF(others); at++)
        (void)pthread_join(threads[at], NULL);
    BEHALF_ASSERT(counts[0] == PUTTERS * RECORDS + 1);
    (void)printf("audit: %d records of %d threads read in order, %llu verifications, "
                 "%llu checkpoints\n",
                 PUTTERS * RECORDS, PUTTERS, (unsigned long long)counts[1],
                 (unsigned long long)counts[2]);
}

/* --- a log for others to check --- */

static void
print_proof(const char *kind, uint64_t one, uint64_t size, const struct merkle_proof *proof)
{
    (void)printf("%s %llu %llu", kind, (unsigned long long)one, (unsigned long long)size);
    for (size_t at = 0; at < proof->count; at++) {
        (void)printf(" ");
        for (size_t byte = 0; byte < DIGEST_SIZE; byte++)
            (void)printf("%02x", proof->hashes[at][byte]);
    }
    (void)printf("\n");
}

static void
make(const char *path, uint64_t records)
{
    struct audit_reader *reader = NULL;
    struct merkle_proof proof;
    struct buffer text;
    struct error error;

    BEHALF_ASSERT(snprintf(folder.path, sizeof folder.path, "%s", path) < (int)sizeof folder.path);
    audit = audit_folder_open(&folder);
    buffer_init(&text);
    for (uint64_t at = 0; at < records; at++) {
        make_fields(0, at, &text);
        put(buffer_slice(&text), NULL);
        if ((at & (at + 1)) == 0) { /* a checkpoint at each power of two */
            buffer_clear(&text);
            BEHALF_ASSERT(audit_checkpoint(audit, &text, &error) == BEHALF_OK);
        }
    }
    audit_close(audit);
    BEHALF_ASSERT(audit_reader_open(folder.path, &reader, &error) == BEHALF_OK);
    for (uint64_t at = 1; at <= records; at += at / 3 + 1) {
        uint64_t size = at / 2 + records / 2 + 1; /* above `at`, at most records + 1 */

        BEHALF_ASSERT(audit_prove_inclusion(reader, at - 1, size, &proof, &error) == BEHALF_OK);
        print_proof("inclusion", at - 1, size, &proof);
        BEHALF_ASSERT(audit_prove_consistency(reader, at, size, &proof, &error) == BEHALF_OK);
        print_proof("consistency", at, size, &proof);
    }
    audit_reader_close(reader);
    buffer_release(&text);
}

/* --- figures --- */

static void
measure(unsigned threads, uint64_t records, uint64_t waits_every, const char *what)
{
    const struct env *env = env_system();
    struct audit_stats stats;
    struct error error;
    int64_t start;
    double seconds;

    audit_folder_make(&folder);
    audit = audit_folder_open(&folder);
    atomic_store(&putting, threads);
    start = env_monotonic_ns(env);
    put_from(threads, records / threads, waits_every);
    BEHALF_ASSERT(audit_flush(audit, &error) == BEHALF_OK);
    seconds = (double)(env_monotonic_ns(env) - start) / 1e9;
    audit_stats_read(audit, &stats);
    (void)printf("%u threads, %s: %.0f records a second, %llu syncs\n", threads, what,
                 (double)(records / threads * threads) / seconds, (unsigned long long)stats.syncs);
    audit_close(audit);
    audit_folder_remove(&folder);
}

int
main(int argument_count, char **arguments)
{
    if (argument_count == 3 && strcmp(arguments[1], "rate") == 0) {
        uint64_t records = strtoull(arguments[2], NULL, 10);

        measure(1, records, 0, "nobody waits");
        measure(RATE_PUTTERS, records, 0, "nobody waits");
        measure(PUTTERS, records / 100 + PUTTERS, 1, "each waits");
        return 0;
    }
    if (argument_count == 3) {
        make(arguments[1], strtoull(arguments[2], NULL, 10));
        return 0;
    }
    audit_folder_make(&folder);
    audit = audit_folder_open(&folder);
    test();
    audit_close(audit);
    audit_folder_remove(&folder);
    return 0;
}
