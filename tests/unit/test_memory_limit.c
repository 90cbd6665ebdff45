/* test_memory_limit.c - what a machine has, and how a limit is divided. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/memory_limit.h"

#define MIB ((uint64_t)1 << 20)

/* --- a machine of files --- */

static char root[64];
static char made[16][256];
static size_t made_count;

static void
begin(void)
{
    (void)snprintf(root, sizeof root, "/tmp/behalf-memory-XXXXXX");
    cr_assert_not_null(mkdtemp(root));
    made_count = 0;
}

static void
end(void)
{
    while (made_count > 0)
        (void)remove(made[--made_count]);
    (void)rmdir(root);
}

TestSuite(memory_limit, .init = begin, .fini = end);

static void
note(const char *path)
{
    cr_assert_lt(made_count, BEHALF_COUNT_OF(made));
    (void)snprintf(made[made_count++], sizeof made[0], "%s", path);
}

/* With the folders on its way. */
static void
put(const char *name, const char *text)
{
    char path[256];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s%s", root, name);
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0700) == 0)
            note(path);
        *slash = '/';
    }
    file = fopen(path, "w");
    cr_assert_not_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
    note(path);
}

static void
put_machine(void)
{
    put("/proc/meminfo", "MemFree:  1024 kB\nMemTotal:       8388608 kB\nBuffers: 1 kB\n");
}

Test(memory_limit, of_a_machine_without_control_groups)
{
    put_machine();
    cr_expect_eq(memory_of_machine(root), 8192 * MIB);
}

Test(memory_limit, of_a_machine_that_cannot_be_read)
{
    cr_expect_eq(memory_of_machine(root), 0);
    put("/proc/self/cgroup", "0::/nowhere\nnonsense\n:\n4:memory\n");
    cr_expect_eq(memory_of_machine(root), 0);
}

Test(memory_limit, of_the_smallest_group_around)
{
    put_machine();
    put("/proc/self/cgroup", "0::/outer/inner\n");
    put("/sys/fs/cgroup/outer/memory.max", "1073741824\n");
    put("/sys/fs/cgroup/outer/inner/memory.max", "max\n");
    cr_expect_eq(memory_of_machine(root), 1024 * MIB);
    put("/sys/fs/cgroup/outer/inner/memory.max", "536870912\n");
    cr_expect_eq(memory_of_machine(root), 512 * MIB);
}

Test(memory_limit, of_a_container_that_sees_its_own_group_as_the_top)
{
    put_machine();
    put("/proc/self/cgroup", "0::/system.slice/container-1\n");
    put("/sys/fs/cgroup/memory.max", "536870912\n");
    cr_expect_eq(memory_of_machine(root), 512 * MIB);
}

Test(memory_limit, of_a_group_of_the_first_version)
{
    put_machine();
    put("/proc/self/cgroup", "5:cpu,cpuacct:/a\n4:hugetlb,memory:/a\n0::/\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    cr_expect_eq(memory_of_machine(root), 8192 * MIB);
    put("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "2147483648\n");
    cr_expect_eq(memory_of_machine(root), 2048 * MIB);
}

Test(memory_limit, a_group_never_gives_more_than_the_machine)
{
    put_machine();
    put("/proc/self/cgroup", "0::/a\n");
    put("/sys/fs/cgroup/a/memory.max", "1099511627776\n");
    cr_expect_eq(memory_of_machine(root), 8192 * MIB);
}

Test(memory_limit, a_path_that_leads_out_of_the_groups_is_not_followed)
{
    put_machine();
    put("/proc/self/cgroup", "0::/../secret\n");
    put("/sys/fs/secret/memory.max", "1048576\n");
    cr_expect_eq(memory_of_machine(root), 8192 * MIB);
}

/* --- division --- */

static void
expect_sum(const struct server_memory *memory)
{
    cr_expect_eq(memory->graph + memory->storage + memory->calls + memory->buffers +
                     memory->requests + memory->rest,
                 memory->limit);
}

Test(memory_limit, divides_a_limit)
{
    const struct memory_wish wish = {.limit = 1280 * MIB, .loops = 1, .workers = 3};
    struct server_memory memory;
    struct error error;

    cr_assert_eq(memory_divide(&wish, &memory, &error), BEHALF_OK);
    cr_expect_eq(memory.limit, 1280 * MIB);
    cr_expect_eq(memory.storage, 256 * MIB);
    cr_expect_eq(memory.calls, 80 * MIB);
    cr_expect_eq(memory.buffers, 80 * MIB);
    cr_expect_eq(memory.requests, 256 * MIB);
    cr_expect_eq(memory.rest, (64 + 4 * 8 + 80) * MIB);
    cr_expect_eq(memory.graph, 432 * MIB);
    cr_expect_eq(memory_of_graph(&memory), 432 * MIB / 33 * 32);
    expect_sum(&memory);
}

Test(memory_limit, parts_that_need_no_more_leave_it_to_the_graph)
{
    const struct memory_wish wish = {.limit = 65536 * MIB, .loops = 2, .workers = 5};
    struct server_memory memory;
    struct error error;

    cr_assert_eq(memory_divide(&wish, &memory, &error), BEHALF_OK);
    cr_expect_eq(memory.storage, (256 + 512) * MIB);
    cr_expect_eq(memory_of_cache(&memory), 512 * MIB);
    cr_expect_eq(memory.calls, 128 * MIB);
    cr_expect_eq(memory.buffers, 128 * MIB);
    cr_expect_eq(memory.requests, 1280 * MIB);
    expect_sum(&memory);
}

Test(memory_limit, a_cache_that_was_asked_for_is_given)
{
    struct memory_wish wish = {.limit = 4096 * MIB, .loops = 1, .workers = 3};
    struct server_memory memory;
    struct server_memory without;
    struct error error;

    cr_assert_eq(memory_divide(&wish, &without, &error), BEHALF_OK);
    cr_expect_eq(memory_of_cache(&without), 128 * MIB);
    wish.cache = 1000 * MIB;
    cr_assert_eq(memory_divide(&wish, &memory, &error), BEHALF_OK);
    cr_expect_eq(memory_of_cache(&memory), 1000 * MIB);
    cr_expect_eq(memory.graph, without.graph - 872 * MIB);
    expect_sum(&memory);
    wish.cache = 1;
    cr_assert_eq(memory_divide(&wish, &memory, &error), BEHALF_OK);
    cr_expect_eq(memory_of_cache(&memory), 8 * MIB, "the least that is of use");
    expect_sum(&memory);
}

Test(memory_limit, without_a_limit_half_of_the_machine)
{
    struct memory_wish wish = {.machine = 8192 * MIB, .loops = 1, .workers = 3};
    struct server_memory memory;
    struct error error;

    cr_assert_eq(memory_divide(&wish, &memory, &error), BEHALF_OK);
    cr_expect_eq(memory.limit, 4096 * MIB);
    wish.machine = 0;
    cr_assert_eq(memory_divide(&wish, &memory, &error), BEHALF_OK);
    cr_expect_eq(memory.limit, 2048 * MIB, "a machine that cannot be read is taken to have 4 GiB");
}

Test(memory_limit, a_graph_that_was_asked_for_is_given)
{
    const struct memory_wish wish = {
        .limit = 1280 * MIB, .graph = 64 * MIB, .loops = 1, .workers = 3};
    struct server_memory memory;
    struct error error;

    cr_assert_eq(memory_divide(&wish, &memory, &error), BEHALF_OK);
    cr_expect_eq(memory.graph, 66 * MIB);
    cr_expect_eq(memory.rest, (64 + 4 * 8 + 80 + 432 - 66) * MIB);
    expect_sum(&memory);
}

/* The least that works is said, works, and is the least. */
static void
expect_least(struct memory_wish wish, const char *message, unsigned least)
{
    struct server_memory memory;
    struct error error;
    char hint[64];

    cr_assert_eq(memory_divide(&wish, &memory, &error), BEHALF_MALFORMED_REQUEST);
    cr_expect_not_null(strstr(error.message, message), "%s", error.message);
    (void)snprintf(hint, sizeof hint, "at least %uM", least);
    cr_expect_not_null(strstr(error.hint, hint), "%s", error.hint);
    wish.limit = least * MIB;
    cr_expect_eq(memory_divide(&wish, &memory, &error), BEHALF_OK);
    expect_sum(&memory);
    wish.limit = (least - 1) * MIB;
    cr_expect_eq(memory_divide(&wish, &memory, &error), BEHALF_MALFORMED_REQUEST);
}

Test(memory_limit, too_little_is_refused_with_the_least_that_works)
{
    expect_least((struct memory_wish){.limit = 100 * MIB, .loops = 1, .workers = 3},
                 "memory-limit: 100M is too small for 1 loops and 3 workers", 296);
    expect_least((struct memory_wish){.limit = 512 * MIB, .loops = 32, .workers = 65},
                 "too small for 32 loops and 65 workers", 2636);
}

Test(memory_limit, a_graph_larger_than_what_is_left_is_refused_with_the_least_that_works)
{
    expect_least(
        (struct memory_wish){.limit = 512 * MIB, .graph = 400 * MIB, .loops = 1, .workers = 3},
        "graph-memory: 400M and what else the server needs are more than the memory-limit of 512M",
        1233);
    expect_least(
        (struct memory_wish){.machine = 2048 * MIB, .graph = 4096 * MIB, .loops = 1, .workers = 3},
        "1024M (half of the memory of this machine)", 6042);
}

Test(memory_limit, a_cache_larger_than_what_is_left_is_refused_with_the_least_that_works)
{
    expect_least(
        (struct memory_wish){.limit = 512 * MIB, .cache = 400 * MIB, .loops = 1, .workers = 3},
        "storage-cache: 400M and what else the server needs are more than the memory-limit of 512M",
        1132);
    expect_least(
        (struct memory_wish){
            .limit = 512 * MIB, .cache = UINT64_C(1) << 40, .loops = 1, .workers = 3},
        "storage-cache: 1048576M", 1119966);
}

Test(memory_limit, a_small_machine_gets_the_least_that_works)
{
    const struct memory_wish wish = {.machine = 128 * MIB, .loops = 1, .workers = 3};
    struct server_memory memory;
    struct error error;

    cr_assert_eq(memory_divide(&wish, &memory, &error), BEHALF_OK);
    cr_expect_eq(memory.limit, 296 * MIB);
    expect_sum(&memory);
}
