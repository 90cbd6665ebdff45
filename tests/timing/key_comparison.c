/* key_comparison.c - whether the time of a login tells anything of the keys that the server has.
 *
 * Measures keys_find over a file of many entries for two classes of keys in random order, and
 * compares the means by Welch's t. Always true: both classes are read from the same array of keys,
 * filled the same way, so only their values differ. |t| below 4.5 finds no difference; a leak grows
 * with the square root of the number of measurements. Each pair of classes is judged over all times
 * and over the fastest 90, 75 and 50 of a hundred, as interrupts hide what the fast ones show. The
 * comparison that a server must not use, byte for byte up to the first difference, is measured the
 * same way and has to be found.
 * Source: Reparaz, Balasch, Verbauwhede: Dude, is my code constant time? (2017).
 *
 * Run by `make timing`; TIMING_MEASUREMENTS is the number of each pair, 1,000,000 by default. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#if defined __x86_64__
#include <x86intrin.h>
#endif

#include "base/digest.h"
#include "base/memory.h"
#include "net/keys.h"

#define MEASUREMENTS UINT64_C(1000000)
#define T_MAX 4.5
#define ENTRIES 64
#define SECRET_SIZE 43 /* what `behalf key new` makes: 256 bits in base 64 */
#define BATCH 4096     /* keys that are made before they are measured */
#define CROPS 4
static const double crop_percent[CROPS] = {100, 90, 75, 50};

/* Welford's running mean and sum of squares. */
struct mean {
    double count;
    double mean;
    double squares;
};

struct sample {
    char secret[SECRET_SIZE];
    unsigned char class;
    uint64_t ticks;
};

struct run {
    struct keys *keys;
    uint8_t digests[ENTRIES][DIGEST_SIZE]; /* those of the file */
    char members[ENTRIES][SECRET_SIZE];    /* the keys of those, where there are any */
    char fixed[SECRET_SIZE];
    uint64_t state; /* of the random numbers, the same in every run */
    struct sample samples[BATCH];
    uint64_t limits[CROPS]; /* ticks; from the first batch */
    struct mean means[CROPS][2];
    uint64_t found;
};

static uint64_t
draw(struct run *run)
{
    run->state += UINT64_C(0x9E3779B97F4A7C15);
    return digest_mix_u64(run->state);
}

static void
draw_secret(struct run *run, char secret[SECRET_SIZE])
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    for (size_t at = 0; at < SECRET_SIZE; at++)
        secret[at] = letters[draw(run) % 64];
}

static uint64_t
ticks(void)
{
#if defined __x86_64__
    unsigned unused;

    return __rdtscp(&unused);
#else
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
#endif
}

/* --- what is measured ------------------------------------------------------------------------- */

typedef bool find_function(struct run *run, struct slice secret);

static bool
find_as_server(struct run *run, struct slice secret)
{
    const struct key *key = keys_find(run->keys, secret);

    key_release(key);
    return key != NULL;
}

/* The control: a byte at a time, up to the first that differs. */
static bool
find_leaking(struct run *run, struct slice secret)
{
    uint8_t digest[DIGEST_SIZE];

    digest_sha256(&secret, 1, digest);
    for (size_t entry = 0; entry < ENTRIES; entry++) {
        size_t at = 0;

        while (at < DIGEST_SIZE && ((volatile uint8_t *)run->digests[entry])[at] == digest[at])
            at++;
        if (at == DIGEST_SIZE)
            return true;
    }
    return false;
}

/* --- the two classes -------------------------------------------------------------------------- */

typedef void fill_function(struct run *run, char secret[SECRET_SIZE], bool fixed);

/* The fixed one is nearly every entry's: of its digest only the last byte is another. */
static void
fill_near(struct run *run, char secret[SECRET_SIZE], bool fixed)
{
    char drawn[SECRET_SIZE];

    draw_secret(run, drawn);
    memcpy(secret, fixed ? run->fixed : drawn, SECRET_SIZE);
}

/* All are right: the fixed one is the first entry's, the others are anybody's. */
static void
fill_member(struct run *run, char secret[SECRET_SIZE], bool fixed)
{
    size_t entry = draw(run) % ENTRIES;

    memcpy(secret, run->members[fixed ? 0 : entry], SECRET_SIZE);
}

/* --- keys files ------------------------------------------------------------------------------- */

static void
open_keys(struct run *run)
{
    char path[] = "/tmp/behalf-timing.XXXXXX";
    int descriptor = mkstemp(path);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    struct error error;

    BEHALF_ASSERT(file != NULL);
    for (size_t entry = 0; entry < ENTRIES; entry++) {
        (void)fprintf(file, "key%zu ", entry);
        for (size_t at = 0; at < DIGEST_SIZE; at++)
            (void)fprintf(file, "%02x", run->digests[entry][at]);
        (void)fprintf(file, " check\n");
    }
    BEHALF_ASSERT(fclose(file) == 0);
    if (keys_open(path, &run->keys, &error) != BEHALF_OK) {
        (void)fprintf(stderr, "key_comparison: %s\n", error.message);
        exit(2);
    }
    (void)unlink(path);
}

static void
make_near(struct run *run)
{
    struct slice secret = {run->fixed, SECRET_SIZE};

    draw_secret(run, run->fixed);
    for (size_t entry = 0; entry < ENTRIES; entry++) {
        digest_sha256(&secret, 1, run->digests[entry]);
        run->digests[entry][DIGEST_SIZE - 1] ^= (uint8_t)(entry + 1);
    }
}

static void
make_members(struct run *run)
{
    for (size_t entry = 0; entry < ENTRIES; entry++) {
        struct slice secret = {run->members[entry], SECRET_SIZE};

        draw_secret(run, run->members[entry]);
        digest_sha256(&secret, 1, run->digests[entry]);
    }
}

/* --- statistics ------------------------------------------------------------------------------- */

static void
mean_add(struct mean *mean, double value)
{
    double off = value - mean->mean;

    mean->count++;
    mean->mean += off / mean->count;
    mean->squares += off * (value - mean->mean);
}

static double
welch_t(const struct mean means[2])
{
    double variance = 0;

    /* A class that is never among the fast ones is another one for certain. */
    if (means[0].count < 2 || means[1].count < 2)
        return (double)INFINITY;
    for (size_t class = 0; class < 2; class ++)
        variance += means[class].squares / (means[class].count - 1) / means[class].count;
    return (means[0].mean - means[1].mean) / sqrt(variance);
}

static int
by_ticks(const void *a, const void *b)
{
    uint64_t left = ((const struct sample *)a)->ticks;
    uint64_t right = ((const struct sample *)b)->ticks;

    return (left > right) - (left < right);
}

/* The first batch says what is fast, and is not counted. */
static void
set_limits(struct run *run)
{
    qsort(run->samples, BATCH, sizeof *run->samples, by_ticks);
    for (size_t crop = 0; crop < CROPS; crop++) {
        size_t at = (size_t)(crop_percent[crop] * BATCH / 100);

        run->limits[crop] = at < BATCH ? run->samples[at].ticks : UINT64_MAX;
    }
}

static void
measure_batch(struct run *run, find_function *find, fill_function *fill)
{
    for (size_t at = 0; at < BATCH; at++) {
        run->samples[at].class = draw(run) & 1;
        fill(run, run->samples[at].secret, run->samples[at].class == 0);
    }
    for (size_t at = 0; at < BATCH; at++) {
        struct slice secret = {run->samples[at].secret, SECRET_SIZE};
        uint64_t begun = ticks();

        run->found += find(run, secret);
        run->samples[at].ticks = ticks() - begun;
    }
}

static void
count_batch(struct run *run)
{
    for (size_t at = 0; at < BATCH; at++)
        for (size_t crop = 0; crop < CROPS; crop++)
            if (run->samples[at].ticks <= run->limits[crop])
                mean_add(&run->means[crop][run->samples[at].class], (double)run->samples[at].ticks);
}

/* The largest |t|. */
static double
measure(struct run *run, const char *what, uint64_t measurements, find_function *find,
        fill_function *fill)
{
    double largest = 0;

    memset(run->means, 0, sizeof run->means);
    run->found = 0;
    for (size_t warm = 0; warm < 4; warm++)
        measure_batch(run, find, fill);
    set_limits(run);
    for (uint64_t done = 0; done < measurements; done += BATCH) {
        measure_batch(run, find, fill);
        count_batch(run);
    }
    (void)printf("%-36s", what);
    for (size_t crop = 0; crop < CROPS; crop++) {
        double t = welch_t(run->means[crop]);

        (void)printf("  %3.0f %%: t %+8.2f", crop_percent[crop], t);
        largest = fabs(t) > largest ? fabs(t) : largest;
    }
    (void)printf("  (%.0f ticks, %.0f measurements)\n", run->means[1][1].mean,
                 run->means[0][0].count + run->means[0][1].count);
    (void)fflush(stdout);
    return largest;
}

int
main(void)
{
    const char *wanted = getenv("TIMING_MEASUREMENTS");
    uint64_t measurements = wanted != NULL ? strtoull(wanted, NULL, 10) : MEASUREMENTS;
    struct run *run = memory_new(sizeof *run);
    double near_t;
    double member_t;
    double control_t;

    run->state = 1;
    make_near(run);
    open_keys(run);
    near_t =
        measure(run, "wrong key, nearly right or random", measurements, find_as_server, fill_near);
    BEHALF_ASSERT(run->found == 0);
    control_t = measure(run, "the same, by a comparison that leaks", measurements / 10,
                        find_leaking, fill_near);
    keys_close(run->keys);
    make_members(run);
    open_keys(run);
    member_t =
        measure(run, "right key, the first or any", measurements, find_as_server, fill_member);
    keys_close(run->keys);
    memory_free(run);
    if (near_t >= T_MAX || member_t >= T_MAX) {
        (void)printf("key_comparison: the time tells of the keys: |t| of %.1f or more\n", T_MAX);
        return 1;
    }
    if (control_t < T_MAX) {
        (void)printf("key_comparison: this machine is too restless to find a leak that is there\n");
        return 1;
    }
    (void)printf("key_comparison: no difference found, |t| < %.1f\n", T_MAX);
    return 0;
}
