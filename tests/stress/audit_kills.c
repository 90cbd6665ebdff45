/* audit_kills.c - a process that puts is killed again and again. After each kill the log opens and
 * verifies, is consistent with the checkpoint that was taken before, and has every record whose
 * waiter was told. The number of kills is the argument, 60 without one. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "tests/support/audit_folder.h"

#define KILLS 60
#define PUTTERS 4
#define ROUND_NUMBERS 1000000u
#define PUTTER_NUMBERS (ROUND_NUMBERS / PUTTERS)
#define LIFE_US_MAX 150000
#define WAITS_EVERY 16

static struct audit_folder folder;

struct putter {
    pthread_t thread;
    struct audit *audit;
    uint64_t first;
    int told; /* a pipe: the numbers whose waiters were told */
};

struct waiting {
    struct audit_waiter waiter;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done;
    uint64_t number;
    int told;
};

static void
tell(struct audit_waiter *waiter, enum status status)
{
    struct waiting *waiting = (struct waiting *)(void *)waiter;

    BEHALF_ASSERT(status == BEHALF_OK);
    BEHALF_ASSERT(write(waiting->told, &waiting->number, sizeof waiting->number) ==
                  sizeof waiting->number);
    pthread_mutex_lock(&waiting->lock);
    waiting->done = true;
    pthread_cond_signal(&waiting->ended);
    pthread_mutex_unlock(&waiting->lock);
}

static void *
run_putter(void *argument)
{
    struct putter *putter = argument;
    struct buffer fields;
    struct error error;

    buffer_init(&fields);
    for (uint64_t number = putter->first; number < putter->first + PUTTER_NUMBERS; number++) {
        struct waiting waiting = {.waiter.done = tell,
                                  .lock = PTHREAD_MUTEX_INITIALIZER,
                                  .ended = PTHREAD_COND_INITIALIZER,
                                  .number = number,
                                  .told = putter->told};

        buffer_clear(&fields);
        audit_folder_fields(number, &fields);
        BEHALF_ASSERT(audit_put(putter->audit, AUDIT_PLACE_DECISION, 1, buffer_slice(&fields),
                                number % WAITS_EVERY == 0 ? &waiting.waiter : NULL,
                                &error) == BEHALF_OK);
        pthread_mutex_lock(&waiting.lock);
        while (number % WAITS_EVERY == 0 && !waiting.done)
            pthread_cond_wait(&waiting.ended, &waiting.lock);
        pthread_mutex_unlock(&waiting.lock);
    }
    buffer_release(&fields);
    return NULL;
}

static _Noreturn void
put_until_killed(uint64_t first, int told)
{
    struct putter putters[PUTTERS];
    struct audit *audit = audit_folder_open(&folder);

    for (unsigned at = 0; at < PUTTERS; at++) {
        putters[at] =
            (struct putter){.audit = audit, .first = first + at * PUTTER_NUMBERS, .told = told};
        BEHALF_ASSERT(pthread_create(&putters[at].thread, NULL, run_putter, &putters[at]) == 0);
    }
    for (;;)
        (void)pause();
}

/* The numbers of the round that stand in the log, from record `seq` on; the log's size. */
static uint64_t
read_numbers(uint64_t seq, uint64_t first, uint8_t *there, uint64_t *recovered)
{
    static const char key[] = "\"number\":";
    struct audit_reader *reader = NULL;
    struct error error;
    struct slice line;

    memset(there, 0, ROUND_NUMBERS);
    BEHALF_ASSERT(audit_reader_open(folder.path, &reader, &error) == BEHALF_OK);
    BEHALF_ASSERT(audit_reader_seek(reader, seq, &error) == BEHALF_OK);
    while (audit_reader_next(reader, &seq, &line, &error) == BEHALF_OK) {
        const char *at = memmem(line.data, line.size, key, sizeof key - 1);
        uint64_t number = at == NULL ? 0 : strtoull(at + sizeof key - 1, NULL, 10);

        *recovered += memmem(line.data, line.size, "log.recovered", 13) != NULL;
        if (at != NULL) {
            BEHALF_ASSERT(number >= first && number < first + ROUND_NUMBERS);
            BEHALF_ASSERT(there[number - first]++ == 0);
        }
    }
    audit_reader_close(reader);
    return seq + 1;
}

struct counts {
    uint64_t told;
    uint64_t recovered;
    uint64_t size;
};

/* Opens, which mends; then everything is compared, with the checkpoint before too. */
static void
check(uint64_t first, int told, struct buffer *checkpoint, uint8_t *there, struct counts *counts)
{
    struct audit *audit = audit_folder_open(&folder);
    struct audit_verification found;
    struct error error;
    uint64_t number;

    BEHALF_ASSERT(audit_flush(audit, &error) == BEHALF_OK);
    BEHALF_ASSERT(audit_verify(folder.path, (struct slice){NULL, 0}, buffer_slice(checkpoint), NULL,
                               &found, &error) == BEHALF_OK);
    if (!found.ok)
        (void)fprintf(stderr, "%s: %s\n", found.wrong_file, found.wrong);
    BEHALF_ASSERT(found.ok);
    buffer_clear(checkpoint);
    BEHALF_ASSERT(audit_checkpoint(audit, checkpoint, &error) == BEHALF_OK);
    audit_close(audit);
    counts->size = read_numbers(counts->size, first, there, &counts->recovered);
    while (read(told, &number, sizeof number) == sizeof number) {
        BEHALF_ASSERT(there[number - first] == 1);
        counts->told++;
    }
}

int
main(int argument_count, char **arguments)
{
    uint64_t kills = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : KILLS;
    uint8_t *there = memory_new(ROUND_NUMBERS);
    struct counts counts = {.size = 0};
    struct buffer checkpoint;

    audit_folder_make(&folder);
    buffer_init(&checkpoint);
    for (uint64_t round = 0; round < kills; round++) {
        uint64_t first = round * ROUND_NUMBERS;
        uint32_t life;
        int told[2];
        pid_t child;

        BEHALF_ASSERT(pipe(told) == 0);
        env_system()->random_bytes(NULL, &life, sizeof life);
        child = fork();
        BEHALF_ASSERT(child >= 0);
        if (child == 0)
            put_until_killed(first, told[1]);
        (void)close(told[1]);
        (void)usleep(life % LIFE_US_MAX);
        BEHALF_ASSERT(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
        check(first, told[0], &checkpoint, there, &counts);
        (void)close(told[0]);
    }
    (void)printf("audit_kills: %llu kills, %llu records were told to be on the disk and are, "
                 "%llu openings cut something, %llu records in the log\n",
                 (unsigned long long)kills, (unsigned long long)counts.told,
                 (unsigned long long)counts.recovered, (unsigned long long)counts.size);
    audit_folder_remove(&folder);
    buffer_release(&checkpoint);
    memory_free(there);
    return 0;
}
