/* test_kv.c - both adapters keep the contract of kv.h: same operations, same answers. */
#include <criterion/criterion.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "storage/kv.h"
#include "tests/support/kv_fault.h"

#define ROUNDS 400
#define KEYS 60

static struct error error;
static uint64_t state;

static uint64_t
next_random(uint64_t bound)
{
    uint64_t z = state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (z ^ (z >> 31)) % bound;
}

static int
remove_one(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)about;
    (void)type;
    (void)walk;
    return remove(path);
}

static char directory[] = "/tmp/behalf-kv-XXXXXX";

static void
make_directory(void)
{
    cr_assert_not_null(mkdtemp(directory));
}

static void
remove_directory(void)
{
    (void)nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct kv *
open_disk(void)
{
    const struct kv_options options = {.path = directory, .create_if_missing = true};
    struct kv *kv = NULL;

    cr_assert_eq(kv_open_rocksdb(&options, &kv, &error), BEHALF_OK, "%s", error.message);
    return kv;
}

static struct kv *
open_memory(void)
{
    struct kv *kv = NULL;

    cr_assert_eq(kv_open_memory(&kv, &error), BEHALF_OK);
    return kv;
}

/* Keys of different lengths, prefixes of each other, with bytes at both ends of the range. */
static struct slice
key_number(uint64_t number, char bytes[8])
{
    size_t size = 1 + number % 3;

    for (size_t index = 0; index < size; index++)
        bytes[index] = (char)(unsigned char)("\x00\x01\x7f\x80\xff"[(number >> (2 * index)) % 5]);
    return (struct slice){bytes, size};
}

static void
expect_same_scan(struct kv *a, struct kv *b, const struct kv_snapshot *of_a,
                 const struct kv_snapshot *of_b, const struct kv_range *range)
{
    struct kv_scan *scans[2];
    struct slice keys[2];
    struct slice values[2];
    enum status status;

    cr_assert_eq(kv_scan_open(a, of_a, range, &scans[0], &error), BEHALF_OK);
    cr_assert_eq(kv_scan_open(b, of_b, range, &scans[1], &error), BEHALF_OK);
    do {
        status = kv_scan_next(scans[0], &keys[0], &values[0], &error);
        cr_assert_eq(kv_scan_next(scans[1], &keys[1], &values[1], &error), status);
        cr_assert(status != BEHALF_OK || slice_equal(keys[0], keys[1]));
        cr_assert(status != BEHALF_OK || slice_equal(values[0], values[1]));
    } while (status == BEHALF_OK);
    cr_assert_eq(status, BEHALF_DONE);
    /* The end stays the end. */
    cr_assert_eq(kv_scan_next(scans[0], &keys[0], &values[0], &error), BEHALF_DONE);
    cr_assert_eq(kv_scan_next(scans[1], &keys[1], &values[1], &error), BEHALF_DONE);
    kv_scan_close(scans[0]);
    kv_scan_close(scans[1]);
}

/* Scans that step and seek forward at random; both say the same. */
static void
expect_same_seeks(struct kv *a, struct kv *b, const struct kv_snapshot *of_a,
                  const struct kv_snapshot *of_b, const struct kv_range *range)
{
    struct kv_scan *scans[2];
    struct slice keys[2];
    struct slice values[2];
    struct buffer last;
    enum status status = BEHALF_OK;

    buffer_init(&last);
    cr_assert_eq(kv_scan_open(a, of_a, range, &scans[0], &error), BEHALF_OK);
    cr_assert_eq(kv_scan_open(b, of_b, range, &scans[1], &error), BEHALF_OK);
    for (int step = 0; step < 40; step++) {
        char bytes[8];
        struct slice wanted = key_number(next_random(KEYS), bytes);

        if (next_random(2) == 0 && slice_compare(wanted, range->from) >= 0 &&
            slice_compare(wanted, buffer_slice(&last)) > 0) {
            kv_scan_seek(scans[0], wanted);
            kv_scan_seek(scans[1], wanted);
        }
        status = kv_scan_next(scans[0], &keys[0], &values[0], &error);
        cr_assert_eq(kv_scan_next(scans[1], &keys[1], &values[1], &error), status);
        if (status != BEHALF_OK)
            continue;
        cr_assert(slice_equal(keys[0], keys[1]));
        cr_assert(slice_equal(values[0], values[1]));
        buffer_clear(&last);
        buffer_add_slice(&last, keys[0]);
    }
    kv_scan_close(scans[0]);
    kv_scan_close(scans[1]);
    buffer_release(&last);
}

static int
compare_slices(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

/* A batch of some of the keys says what each of them says alone. */
static void
expect_batch(struct kv *kv, const struct kv_snapshot *snapshot, enum kv_keyspace keyspace)
{
    char bytes[KEYS][8];
    struct slice keys[KEYS];
    struct kv_found found[KEYS];
    struct arena arena;
    struct buffer value;
    size_t taken = next_random(KEYS);
    size_t count = 0;

    for (size_t index = 0; index < taken; index++)
        keys[index] = key_number(next_random(KEYS), bytes[index]);
    qsort(keys, taken, sizeof *keys, compare_slices);
    for (size_t index = 0; index < taken; index++) {
        if (count == 0 || !slice_equal(keys[index], keys[count - 1]))
            keys[count++] = keys[index];
    }
    arena_init(&arena, SIZE_MAX / 2);
    buffer_init(&value);
    cr_assert_eq(kv_get_batch(kv, snapshot, keyspace, keys, count, found, &arena, &error),
                 BEHALF_OK);
    for (size_t index = 0; index < count; index++) {
        bool alone;

        cr_assert_eq(kv_get(kv, snapshot, keyspace, keys[index], &value, &alone, &error),
                     BEHALF_OK);
        cr_assert_eq(found[index].found, alone);
        cr_assert(!alone || slice_equal(found[index].value, buffer_slice(&value)));
    }
    buffer_release(&value);
    arena_release(&arena);
}

static void
expect_same(struct kv *a, struct kv *b, const struct kv_snapshot *of_a,
            const struct kv_snapshot *of_b)
{
    struct kv_range range = {.keyspace = (enum kv_keyspace)next_random(KV_KEYSPACE_COUNT),
                             .reverse = next_random(2) == 0};
    struct buffer values[2];
    char from[8];
    char to[8];
    bool found[2];

    buffer_init(&values[0]);
    buffer_init(&values[1]);
    range.from = key_number(next_random(KEYS), from);
    cr_assert_eq(kv_get(a, of_a, range.keyspace, range.from, &values[0], &found[0], &error),
                 BEHALF_OK);
    cr_assert_eq(kv_get(b, of_b, range.keyspace, range.from, &values[1], &found[1], &error),
                 BEHALF_OK);
    cr_assert_eq(found[0], found[1]);
    cr_assert(slice_equal(buffer_slice(&values[0]), buffer_slice(&values[1])));
    buffer_release(&values[0]);
    buffer_release(&values[1]);
    expect_batch(a, of_a, range.keyspace);
    expect_batch(b, of_b, range.keyspace);
    if (next_random(3) == 0)
        range.from.size = 0;
    if (next_random(3) != 0)
        range.to = key_number(next_random(KEYS), to);
    if (range.to.size == 0 || slice_compare(range.from, range.to) < 0)
        expect_same_scan(a, b, of_a, of_b, &range);
    if (!range.reverse && (range.to.size == 0 || slice_compare(range.from, range.to) < 0))
        expect_same_seeks(a, b, of_a, of_b, &range);
}

Test(kv, a_seek_reaches_near_keys_and_far_ones, .init = make_directory, .fini = remove_directory)
{
    struct kv *kvs[2] = {open_memory(), open_disk()};
    static const uint64_t wanted[] = {0, 1, 3, 12, 13, 500, 998, 999};
    const struct kv_range range = {.keyspace = KV_FORWARD};

    for (size_t which = 0; which < 2; which++) {
        struct kv_scan *scan;
        struct slice key;
        struct slice value;

        for (uint64_t number = 0; number < 1000; number++) {
            char bytes[8];
            struct kv_change change = {KV_FORWARD, false, {bytes, 8}, {"v", 1}};

            bytes_put_u64(bytes, number);
            cr_assert_eq(kv_write(kvs[which], &change, 1, false, &error), BEHALF_OK);
        }
        cr_assert_eq(kv_scan_open(kvs[which], NULL, &range, &scan, &error), BEHALF_OK);
        for (size_t at = 0; at < BEHALF_COUNT_OF(wanted); at++) {
            char bytes[8];

            bytes_put_u64(bytes, wanted[at]);
            kv_scan_seek(scan, (struct slice){bytes, 8});
            cr_assert_eq(kv_scan_next(scan, &key, &value, &error), BEHALF_OK);
            cr_assert_eq(bytes_get_u64(key.data), wanted[at]);
        }
        cr_assert_eq(kv_scan_next(scan, &key, &value, &error), BEHALF_DONE);
        kv_scan_seek(scan, SLICE_LITERAL("z"));
        cr_assert_eq(kv_scan_next(scan, &key, &value, &error), BEHALF_DONE);
        kv_scan_close(scan);
        kv_close(kvs[which]);
    }
}

static void
write_both(struct kv *a, struct kv *b)
{
    struct kv_change changes[8];
    char keys[8][8];
    char values[8][8];
    size_t count = next_random(9);

    for (size_t index = 0; index < count; index++) {
        changes[index].keyspace = (enum kv_keyspace)next_random(KV_KEYSPACE_COUNT);
        changes[index].remove = next_random(3) == 0;
        changes[index].key = key_number(next_random(KEYS), keys[index]);
        bytes_put_u64(values[index], next_random(UINT64_MAX));
        changes[index].value = (struct slice){values[index], next_random(9)};
    }
    cr_assert_eq(kv_write(a, changes, count, false, &error), BEHALF_OK);
    cr_assert_eq(kv_write(b, changes, count, next_random(50) == 0, &error), BEHALF_OK);
}

Test(kv, memory_and_disk_agree_on_random_histories, .init = make_directory,
     .fini = remove_directory)
{
    struct kv *memory = open_memory();
    struct kv *disk = open_disk();
    struct kv_snapshot *old[2] = {NULL, NULL};

    state = 20260101;
    for (int round = 0; round < ROUNDS; round++) {
        write_both(memory, disk);
        expect_same(memory, disk, NULL, NULL);
        if (old[0] != NULL)
            expect_same(memory, disk, old[0], old[1]);
        if (next_random(20) == 0) {
            kv_snapshot_close(old[0]);
            kv_snapshot_close(old[1]);
            cr_assert_eq(kv_snapshot_open(memory, &old[0], &error), BEHALF_OK);
            cr_assert_eq(kv_snapshot_open(disk, &old[1], &error), BEHALF_OK);
        }
        if (next_random(80) == 0) {
            kv_snapshot_close(old[0]);
            kv_snapshot_close(old[1]);
            old[0] = old[1] = NULL;
            kv_close(disk);
            disk = open_disk();
        }
    }
    cr_assert_eq(kv_sync(memory, &error), BEHALF_OK);
    cr_assert_eq(kv_sync(disk, &error), BEHALF_OK);
    kv_snapshot_close(old[0]);
    kv_snapshot_close(old[1]);
    kv_close(memory);
    kv_close(disk);
}

static void
load(struct kv *kv)
{
    static char keys[1000][8];
    static struct kv_change changes[1000];
    struct kv_scan *scan;
    struct kv_range all = {.keyspace = KV_FORWARD};
    struct slice key;
    struct slice value;
    size_t count = 0;

    for (size_t index = 0; index < BEHALF_COUNT_OF(changes); index++) {
        bytes_put_u64(keys[index], index);
        changes[index] = (struct kv_change){KV_FORWARD, false, {keys[index], 8}, {keys[index], 8}};
    }
    cr_assert_eq(kv_bulk_load(kv, KV_FORWARD, changes, BEHALF_COUNT_OF(changes), &error), BEHALF_OK,
                 "%s", error.message);
    cr_assert_eq(kv_bulk_load(kv, KV_FORWARD, NULL, 0, &error), BEHALF_OK);
    cr_assert_eq(kv_scan_open(kv, NULL, &all, &scan, &error), BEHALF_OK);
    while (kv_scan_next(scan, &key, &value, &error) == BEHALF_OK) {
        cr_assert_eq(bytes_get_u64(key.data), count);
        cr_assert_eq(bytes_get_u64(value.data), count);
        count++;
    }
    cr_assert_eq(count, BEHALF_COUNT_OF(changes));
    kv_scan_close(scan);
}

Test(kv, bulk_load_is_read_back_in_order, .init = make_directory, .fini = remove_directory)
{
    struct kv *memory = open_memory();
    struct kv *disk = open_disk();

    load(memory);
    load(disk);
    kv_close(memory);
    kv_close(disk);
}

static void
put(struct kv *kv, const char *key)
{
    const struct kv_change change = {KV_META, false, slice_of(key), slice_of("value")};

    cr_assert_eq(kv_write(kv, &change, 1, true, &error), BEHALF_OK);
}

/* --- a batch of gets over sorted files --- */

#define BATCH_KEYS 4000

/* Every second key is stored, with its number as the value. */
static struct slice
batch_key(uint64_t number, char bytes[8])
{
    bytes_put_u64(bytes, number);
    return (struct slice){bytes, 8};
}

static void
load_sorted_file(void)
{
    struct kv *kv = open_disk();
    struct kv_change *changes = calloc(BATCH_KEYS / 2, sizeof *changes);
    char(*bytes)[8] = calloc(BATCH_KEYS / 2, sizeof *bytes);

    for (uint64_t index = 0; index < BATCH_KEYS / 2; index++) {
        struct slice key = batch_key(2 * index, bytes[index]);

        changes[index] = (struct kv_change){KV_FORWARD, false, key, key};
    }
    cr_assert_eq(kv_bulk_load(kv, KV_FORWARD, changes, BATCH_KEYS / 2, &error), BEHALF_OK);
    kv_close(kv);
    free(bytes);
    free(changes);
}

/* Reads all keys in one batch. What is said of any is true, or the batch fails. */
static enum status
read_sorted_file(void)
{
    const struct kv_options options = {.path = directory};
    struct slice *keys = calloc(BATCH_KEYS, sizeof *keys);
    char(*bytes)[8] = calloc(BATCH_KEYS, sizeof *bytes);
    struct kv_found *found = calloc(BATCH_KEYS, sizeof *found);
    struct kv *kv = NULL;
    struct arena arena;
    enum status status = kv_open_rocksdb(&options, &kv, &error);

    arena_init(&arena, SIZE_MAX / 2);
    for (uint64_t index = 0; index < BATCH_KEYS; index++)
        keys[index] = batch_key(index, bytes[index]);
    if (status == BEHALF_OK)
        status = kv_get_batch(kv, NULL, KV_FORWARD, keys, BATCH_KEYS, found, &arena, &error);
    for (size_t index = 0; status == BEHALF_OK && index < BATCH_KEYS; index++) {
        cr_assert_eq(found[index].found, index % 2 == 0, "key %zu", index);
        cr_assert(index % 2 == 1 || slice_equal(found[index].value, keys[index]));
    }
    kv_close(kv);
    arena_release(&arena);
    free(found);
    free(bytes);
    free(keys);
    return status;
}

static char sorted_file[512];

static int
note_sorted_file(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    size_t size = strlen(path);

    (void)about;
    (void)type;
    (void)walk;
    if (size > 4 && strcmp(path + size - 4, ".sst") == 0)
        (void)snprintf(sorted_file, sizeof sorted_file, "%s", path);
    return 0;
}

/* Turns one byte round, and back when it is called again. */
static void
damage(long at)
{
    FILE *file = fopen(sorted_file, "r+b");
    int byte;

    cr_assert_not_null(file);
    (void)fseek(file, at, SEEK_SET);
    byte = fgetc(file);
    (void)fseek(file, at, SEEK_SET);
    (void)fputc(byte ^ 0x55, file);
    cr_assert_eq(fclose(file), 0);
}

Test(kv, a_batch_over_a_damaged_file_fails_or_is_right, .init = make_directory,
     .fini = remove_directory)
{
    unsigned failed = 0;
    struct stat about;

    load_sorted_file();
    cr_assert_eq(read_sorted_file(), BEHALF_OK, "%s", error.message);
    (void)nftw(directory, note_sorted_file, 8, FTW_PHYS);
    cr_assert_eq(stat(sorted_file, &about), 0);
    for (long at = 0; at < about.st_size; at += about.st_size / 60) {
        enum status status;

        damage(at);
        status = read_sorted_file();
        cr_assert(status == BEHALF_OK || status == BEHALF_STORAGE_CORRUPT, "byte %ld: %s", at,
                  error.message);
        failed += status != BEHALF_OK;
        damage(at);
    }
    cr_assert_gt(failed, 30);
}

Test(kv, a_checkpoint_is_a_store_of_its_own, .init = make_directory, .fini = remove_directory)
{
    char path[128];
    const struct kv_options options = {.path = path};
    struct kv *kv = open_disk();
    struct kv *copy = NULL;
    struct buffer value;
    bool found;

    buffer_init(&value);
    (void)snprintf(path, sizeof path, "%s/copy", directory);
    put(kv, "before");
    cr_assert_eq(kv_checkpoint(kv, path, &error), BEHALF_OK, "%s", error.message);
    put(kv, "after");
    cr_assert_eq(kv_open_rocksdb(&options, &copy, &error), BEHALF_OK, "%s", error.message);
    cr_assert_eq(kv_get(copy, NULL, KV_META, slice_of("before"), &value, &found, &error),
                 BEHALF_OK);
    cr_assert(found);
    cr_assert_eq(kv_get(copy, NULL, KV_META, slice_of("after"), &value, &found, &error), BEHALF_OK);
    cr_assert_not(found);
    kv_close(copy);
    kv_close(kv);
    buffer_release(&value);
}

Test(kv, a_second_opener_is_told_who_is_in_the_way, .init = make_directory,
     .fini = remove_directory)
{
    const struct kv_options options = {.path = directory};
    struct kv *kv = open_disk();
    struct kv *second = NULL;

    cr_assert_eq(kv_open_rocksdb(&options, &second, &error), BEHALF_STORAGE_FAILED);
    cr_assert_not_null(strstr(error.message, "used by another process"), "%s", error.message);
    cr_assert_not_null(strstr(error.message, directory));
    kv_close(kv);
}

Test(kv, memory_drops_what_stands_behind_the_horizon)
{
    struct kv *kv = open_memory();
    struct kv_change changes[3];
    char keys[3][9];
    struct buffer value;
    bool found;

    buffer_init(&value);
    for (size_t index = 0; index < 3; index++) {
        keys[index][0] = 'k';
        bytes_put_u64(keys[index] + 1, 10 + index);
        changes[index] = (struct kv_change){KV_HISTORY, false, {keys[index], 9}, {"v", 1}};
    }
    cr_assert_eq(kv_write(kv, changes, 3, false, &error), BEHALF_OK);
    kv_drop_hint(kv, KV_HISTORY, 11);
    for (size_t index = 0; index < 3; index++) {
        cr_assert_eq(kv_get(kv, NULL, KV_HISTORY, changes[index].key, &value, &found, &error),
                     BEHALF_OK);
        cr_assert_eq(found, index == 2);
    }
    buffer_release(&value);
    kv_close(kv);
}

static void
write_history(struct kv *kv, struct slice key)
{
    const struct kv_change change = {KV_HISTORY, false, key, {"v", 1}};

    cr_assert_eq(kv_write(kv, &change, 1, true, &error), BEHALF_OK);
}

static bool
has_history(struct kv *kv, struct slice key, struct buffer *value)
{
    bool found = false;

    cr_assert_eq(kv_get(kv, NULL, KV_HISTORY, key, value, &found, &error), BEHALF_OK);
    return found;
}

/* Each reopening leaves a sorted file; a few of them are compacted, in the background. A compaction
 * may begin before the hint is given, or be broken off by closing: so there is always a next one,
 * of files that span the keys. */
Test(kv, the_disk_drops_what_stands_behind_the_horizon_when_it_compacts, .init = make_directory,
     .fini = remove_directory)
{
    const struct timespec hundredth = {.tv_nsec = 10000000};
    char keys[4][9] = {"k", "k", "a", "z"};
    struct buffer value;
    bool found = true;

    buffer_init(&value);
    for (uint64_t index = 0; index < 4; index++)
        bytes_put_u64(keys[index] + 1, 11 + index);
    for (unsigned round = 0; found; round++) {
        struct kv *kv = open_disk();

        cr_assert_lt(round, 2000, "nothing was ever dropped");
        kv_drop_hint(kv, KV_HISTORY, 11);
        for (size_t index = round < 8 ? 0 : 2; index < 4; index++)
            write_history(kv, (struct slice){keys[index], 9});
        (void)nanosleep(&hundredth, NULL);
        for (size_t index = 1; index < 4; index++)
            cr_assert(has_history(kv, (struct slice){keys[index], 9}, &value));
        found = has_history(kv, (struct slice){keys[0], 9}, &value);
        kv_close(kv);
    }
    buffer_release(&value);
}

/* --- compactions that are asked for --- */

#define MANY 20000

static void
change_many(struct kv *kv, bool remove)
{
    static struct kv_change changes[MANY];
    static char keys[MANY][8];

    for (uint64_t index = 0; index < MANY; index++) {
        bytes_put_u64(keys[index], index);
        changes[index] = (struct kv_change){KV_FORWARD, remove, {keys[index], 8}, {keys[index], 8}};
    }
    cr_assert_eq(kv_write(kv, changes, MANY, false, &error), BEHALF_OK, "%s", error.message);
}

/* The bytes that all keys take on disk, once that was done. */
static uint64_t
bytes_after_compaction(struct kv *kv, uint64_t bytes_max)
{
    const struct timespec moment = {.tv_nsec = 5000000};
    struct kv_stats stats = {.compacting = 1};

    kv_compact(kv, KV_FORWARD, (struct slice){"\0", 1}, (struct slice){"\1", 1}, bytes_max);
    while (stats.compacting != 0) {
        (void)nanosleep(&moment, NULL);
        kv_stats_read(kv, &stats);
    }
    return stats.data_bytes;
}

Test(kv, a_range_that_was_emptied_is_compacted_to_nothing_unless_it_is_too_large,
     .init = make_directory, .fini = remove_directory)
{
    struct kv *kv = open_disk();
    uint64_t full;

    change_many(kv, false);
    full = bytes_after_compaction(kv, UINT64_MAX);
    cr_assert_gt(full, MANY);
    change_many(kv, true);
    cr_expect_eq(bytes_after_compaction(kv, full / 2), full, "it is rewritten although too large");
    cr_expect_eq(bytes_after_compaction(kv, full * 2), 0);
    kv_close(kv);
}
