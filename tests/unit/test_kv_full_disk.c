/* test_kv_full_disk.c - RocksDB's background work meets a full disk, and has space again. The file
 * system is one in memory of a few megabytes, in a mount namespace of the test's own. */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "storage/kv.h"

#define WAIT_S 60 /* RocksDB looks for space every five seconds */

static struct error error;
static char place[] = "/tmp/behalf-full-XXXXXX";
static char ballast[64];
static struct kv *kv;
static char path[64];
/* RocksDB recovers once it sees space for a memtable, a tenth of the memory. */
static const struct kv_options options = {
    .path = path, .create_if_missing = true, .memory_bytes = (size_t)16 << 20};

static bool
mount_small_disk(void)
{
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return false;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", place, "tmpfs", 0, "size=32m,mode=0700") == 0;
}

static void
put(unsigned key, enum status expected)
{
    static uint64_t random = 1;
    static char value[1 << 14];
    char name[16];
    struct kv_change change = {KV_FORWARD, false, {name, 0}, {value, sizeof value}};

    change.key.size = (size_t)snprintf(name, sizeof name, "%u", key);
    for (size_t index = 0; index < sizeof value; index++)
        value[index] = (char)((random = random * UINT64_C(6364136223846793005) + 1) >> 56);
    cr_assert_eq(kv_write(kv, &change, 1, true, &error), expected, "%s", error.message);
}

static bool
is_healthy(void)
{
    struct kv_stats stats;

    kv_stats_read(kv, &stats);
    return stats.healthy;
}

/* Rewrites everything, which begins with a flush of what is not in sorted files. */
static void
compact(void)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    struct kv_stats stats;

    kv_compact(kv, KV_FORWARD, (struct slice){NULL, 0}, (struct slice){NULL, 0}, UINT64_MAX);
    for (kv_stats_read(kv, &stats); stats.compacting != 0; kv_stats_read(kv, &stats))
        (void)nanosleep(&pause, NULL);
}

static void
fill(void)
{
    struct statvfs space;
    int file = open(ballast, O_CREAT | O_RDWR, 0600);

    cr_assert_geq(file, 0);
    cr_assert_eq(statvfs(place, &space), 0);
    cr_assert_eq(posix_fallocate(file, 0, (off_t)(space.f_bavail * space.f_frsize)), 0);
    (void)close(file);
}

static void
open_small_disk(void)
{
    cr_assert_not_null(mkdtemp(place));
    if (!mount_small_disk()) {
        (void)rmdir(place);
        cr_skip_test("no mounts here");
    }
    (void)snprintf(path, sizeof path, "%s/db", place);
    (void)snprintf(ballast, sizeof ballast, "%s/ballast", place);
    cr_assert_eq(kv_open_rocksdb(&options, &kv, &error), BEHALF_OK, "%s", error.message);
}

static void
close_small_disk(void)
{
    kv_close(kv);
    (void)umount2(place, MNT_DETACH);
    (void)rmdir(place);
}

TestSuite(kv_full_disk, .init = open_small_disk, .fini = close_small_disk);

Test(kv_full_disk, a_compaction_that_failed_is_outlived_by_a_write)
{
    for (unsigned file = 0; file < 2; file++) {
        char copy[64];

        for (unsigned key = 0; key < 64; key++)
            put(key, BEHALF_OK);
        (void)snprintf(copy, sizeof copy, "%s/copy-%u", place, file);
        cr_assert_eq(kv_checkpoint(kv, copy, &error), BEHALF_OK, "%s", error.message);
    }
    fill();
    cr_assert(is_healthy());
    compact();
    cr_assert_not(is_healthy());
    cr_assert_eq(unlink(ballast), 0);
    put(1000, BEHALF_OK);
    cr_assert(is_healthy());
}

Test(kv_full_disk, a_flush_that_failed_stops_writing_until_there_is_space)
{
    const struct timespec pause = {.tv_nsec = 100000000};

    for (unsigned key = 0; key < 64; key++)
        put(key, BEHALF_OK);
    fill();
    cr_assert(is_healthy());
    compact();
    cr_assert_not(is_healthy());
    put(1000, BEHALF_SERVICE_READ_ONLY);
    kv_settle(kv);
    cr_assert_not(is_healthy());
    cr_assert_eq(unlink(ballast), 0);
    for (unsigned turn = 0; turn < WAIT_S * 10 && !is_healthy(); turn++) {
        (void)nanosleep(&pause, NULL);
        kv_settle(kv);
    }
    cr_assert(is_healthy());
    put(1000, BEHALF_OK);
    compact();
    cr_assert(is_healthy());
}
