/* memory_limit.c - the memory of the machine, and its division. */
#include "server/memory_limit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEGABYTE UINT64_C(1048576)
#define UNKNOWN_MACHINE (4096 * MEGABYTE)

#define PATH_SIZE 4096

/* --- what there is --- */

/* The number at the beginning of a line that starts with `key`; 0 when there is none. */
static uint64_t
number_of_file(const char *root, const char *directory, const char *file, const char *key)
{
    char path[PATH_SIZE];
    char line[256];
    uint64_t number = 0;
    FILE *opened;

    if (snprintf(path, sizeof path, "%s%s%s", root, directory, file) >= (int)sizeof path)
        return 0;
    opened = fopen(path, "re");
    if (opened == NULL)
        return 0;
    while (number == 0 && fgets(line, sizeof line, opened) != NULL)
        if (strncmp(line, key, strlen(key)) == 0)
            number = strtoull(line + strlen(key), NULL, 10); /* 0 for "max" */
    (void)fclose(opened);
    return number;
}

static void
take_smaller(uint64_t *least, uint64_t bytes)
{
    if (bytes > 0 && (*least == 0 || bytes < *least))
        *least = bytes;
}

/* The group and all around it: each bounds what is inside of it. Inside of a container the outer
 * part of the path is not there, and the innermost group it can see is the top. */
static void
take_group(const char *root, const char *top, const char *group, const char *file, uint64_t *least)
{
    char path[PATH_SIZE];
    char *slash;

    if (snprintf(path, sizeof path, "%s%s", top, group) >= (int)sizeof path)
        return;
    for (;;) {
        take_smaller(least, number_of_file(root, path, file, ""));
        slash = strrchr(path, '/');
        if (slash == NULL || slash < path + strlen(top))
            return;
        *slash = '\0';
    }
}

/* A line is ID:CONTROLLERS:PATH; of version 2 it is 0::PATH. */
static void
take_group_line(const char *root, char *line, uint64_t *least)
{
    char *controllers = strchr(line, ':');
    char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;

    if (group == NULL)
        return;
    *controllers++ = '\0';
    *group++ = '\0';
    group[strcspn(group, "\n")] = '\0';
    if (group[0] != '/' || strstr(group, "/..") != NULL)
        return;
    if (strcmp(line, "0") == 0 && controllers[0] == '\0')
        take_group(root, "/sys/fs/cgroup", group, "/memory.max", least);
    for (char *rest = controllers, *name; (name = strsep(&rest, ",")) != NULL;)
        if (strcmp(name, "memory") == 0)
            take_group(root, "/sys/fs/cgroup/memory", group, "/memory.limit_in_bytes", least);
}

uint64_t
memory_of_machine(const char *root)
{
    char path[PATH_SIZE];
    char line[PATH_SIZE];
    uint64_t least = 1024 * number_of_file(root, "/proc", "/meminfo", "MemTotal:");
    FILE *groups;

    if (snprintf(path, sizeof path, "%s/proc/self/cgroup", root) >= (int)sizeof path)
        return least;
    groups = fopen(path, "re");
    if (groups == NULL)
        return least;
    while (fgets(line, sizeof line, groups) != NULL)
        take_group_line(root, line, &least);
    (void)fclose(groups);
    return least;
}

/* --- its division --- */

#define STORAGE_LEAST (64 * MEGABYTE)
#define STORAGE_MOST (320 * MEGABYTE)
#define CACHE_LEAST (8 * MEGABYTE)
#define CACHE_MOST (512 * MEGABYTE)
#define CACHE_PART 5 /* of the storage */
#define CACHE_PART_OF_LIMIT 32
#define CACHE_PART_OF_GRAPH 16
#define CALLS_MOST (128 * MEGABYTE)
#define BUFFERS_MOST (128 * MEGABYTE)
#define REQUESTS_LEAST (64 * MEGABYTE)
#define REQUESTS_MOST_EACH                                                                         \
    (256 * MEGABYTE) /* for each thread of the pool: a lookup needs no more */
#define GRAPH_LEAST (16 * MEGABYTE)
#define PROGRAM (64 * MEGABYTE)
#define THREAD (8 * MEGABYTE) /* a reply of the largest size that is being made */
#define PAGES_PART 32         /* of the graph, kept beside it for the pages of lookups */

static uint64_t
between(uint64_t least, uint64_t bytes, uint64_t most)
{
    if (bytes > most)
        bytes = most;
    return bytes < least ? least : bytes;
}

static uint64_t
storage_of(uint64_t limit)
{
    return between(STORAGE_LEAST, limit / 5, STORAGE_MOST);
}

/* Of the storage, what is not cache. */
static uint64_t
writes_of(uint64_t limit)
{
    return storage_of(limit) - storage_of(limit) / CACHE_PART;
}

static uint64_t
cache_of(const struct memory_wish *wish, uint64_t limit)
{
    if (wish->cache > 0)
        return wish->cache > CACHE_LEAST ? wish->cache : CACHE_LEAST;
    return storage_of(limit) / CACHE_PART;
}

/* All parts but the graph, and their sum. */
static uint64_t
divide_others(const struct memory_wish *wish, uint64_t limit, struct server_memory *memory)
{
    uint64_t threads = (uint64_t)wish->loops + wish->workers;

    memory->storage = writes_of(limit) + cache_of(wish, limit);
    memory->calls = between(wish->loops * SERVER_LOOP_CALL_BYTES, limit / 16, CALLS_MOST);
    memory->buffers = between(wish->loops * SERVER_LOOP_BUFFER_BYTES, limit / 16, BUFFERS_MOST);
    memory->requests = between(REQUESTS_LEAST, limit / 5, wish->workers * REQUESTS_MOST_EACH);
    memory->rest = PROGRAM + threads * THREAD + limit / 16;
    return memory->storage + memory->calls + memory->buffers + memory->requests + memory->rest;
}

static uint64_t
graph_with_pages(uint64_t graph)
{
    return graph + graph / PAGES_PART;
}

static bool
fits(const struct memory_wish *wish, uint64_t limit)
{
    struct server_memory unused;
    uint64_t graph = wish->graph == 0 ? GRAPH_LEAST : graph_with_pages(wish->graph);

    return divide_others(wish, limit, &unused) + graph <= limit;
}

/* The least limit that fits, in whole megabytes: what fits does so for any larger limit, since the
 * parts take less than all of what is added. */
static uint64_t
least_limit(const struct memory_wish *wish)
{
    uint64_t low = 0;
    uint64_t high = 1;

    while (high <= UINT64_MAX / MEGABYTE / 2 && !fits(wish, high * MEGABYTE))
        high *= 2;
    while (low + 1 < high) {
        uint64_t middle = low + (high - low) / 2;

        if (fits(wish, middle * MEGABYTE))
            high = middle;
        else
            low = middle;
    }
    return high;
}

static enum status
refuse(const struct memory_wish *wish, uint64_t limit, struct error *error)
{
    const char *option = wish->graph > 0 ? "graph-memory" : "storage-cache";
    const char *source = wish->limit > 0 ? "" : " (half of the memory of this machine)";

    if (wish->graph == 0 && wish->cache == 0) {
        error_set(error, BEHALF_MALFORMED_REQUEST,
                  "memory-limit: %" PRIu64 "M is too small for %u loops and %u workers",
                  limit / MEGABYTE, wish->loops, wish->workers);
        error_hint(error, "give at least %" PRIu64 "M, or fewer loops and workers",
                   least_limit(wish));
        return BEHALF_MALFORMED_REQUEST;
    }
    error_set(error, BEHALF_MALFORMED_REQUEST,
              "%s: %" PRIu64 "M and what else the server needs are more than the "
              "memory-limit of %" PRIu64 "M%s",
              option, (wish->graph > 0 ? wish->graph : wish->cache) / MEGABYTE, limit / MEGABYTE,
              source);
    error_hint(error, "give less %s, or a memory-limit of at least %" PRIu64 "M", option,
               least_limit(wish));
    return BEHALF_MALFORMED_REQUEST;
}

/* Half of what there is. A small machine gets what is needed all the same: better a server that may
 * be too large than one that does not start. */
static uint64_t
limit_of(const struct memory_wish *wish)
{
    uint64_t machine = wish->machine > 0 ? wish->machine : UNKNOWN_MACHINE;
    struct memory_wish without_graph = *wish;
    uint64_t least;

    if (wish->limit > 0)
        return wish->limit;
    without_graph.graph = without_graph.cache = 0;
    least = least_limit(&without_graph) * MEGABYTE;
    return machine / MEMORY_SHARE_PART > least ? machine / MEMORY_SHARE_PART : least;
}

/* A larger machine caches more blocks, up to a bound: what is in memory as graph is not read again.
 * They come out of the graph's part, so that no limit is too small for them. */
static void
grow_cache(struct server_memory *parts)
{
    uint64_t cache = storage_of(parts->limit) / CACHE_PART;
    uint64_t wanted = between(cache, parts->limit / CACHE_PART_OF_LIMIT, CACHE_MOST);
    uint64_t more = between(0, wanted - cache, parts->graph / CACHE_PART_OF_GRAPH);

    parts->storage += more;
    parts->graph -= more;
}

enum status
memory_divide(const struct memory_wish *wish, struct server_memory *memory, struct error *error)
{
    struct server_memory parts = {.limit = limit_of(wish)};
    uint64_t others;

    BEHALF_ASSERT(wish->loops > 0 && wish->workers > 0);
    if (wish->graph > parts.limit || wish->cache > parts.limit || !fits(wish, parts.limit))
        return refuse(wish, parts.limit, error);
    others = divide_others(wish, parts.limit, &parts);
    parts.graph = parts.limit - others;
    if (wish->graph == 0 && wish->cache == 0)
        grow_cache(&parts);
    if (wish->graph > 0) {
        parts.rest += parts.graph - graph_with_pages(wish->graph);
        parts.graph = graph_with_pages(wish->graph);
    }
    *memory = parts;
    return BEHALF_OK;
}

size_t
memory_of_cache(const struct server_memory *memory)
{
    return memory->storage - writes_of(memory->limit);
}

size_t
memory_of_graph(const struct server_memory *memory)
{
    return memory->graph / (PAGES_PART + 1) * PAGES_PART;
}
