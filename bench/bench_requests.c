/* bench_requests.c - the files of a workload, encoded as requests.
 *
 *   checks.txt           RESOURCE#PERMISSION@SUBJECT <TAB> true|false [<TAB> actor=A[,A...]]
 *   lookups.txt          TYPE#PERMISSION@SUBJECT [<TAB> number of results]
 *   lookup_subjects.txt  RESOURCE#PERMISSION@TYPE [<TAB> number of results]
 *   writes.txt           touch|delete <TAB> RELATIONSHIP (else relationships.txt is used) */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "bench/bench.h"

#define READ_SIZE ((size_t)1 << 20)
#define WRITES_MAX 100000 /* lines taken for writes: more would only grow the prebuilt bytes */
#define WRITE_BLOCK 1000  /* writes of a block are all touched, then all deleted */
#define PAGE_MAX 100000   /* lookups ask for everything at once */
#define PING_SIZE 64      /* payload when there are no checks to be like */

/* --- files ------------------------------------------------------------------------------------ */

bool
bench_file_read(const char *directory, const char *name, bool optional, struct buffer *out)
{
    struct buffer path;
    FILE *file;
    size_t count;
    bool good;

    buffer_init(&path);
    buffer_add_format(&path, "%s/%s", directory, name);
    file = fopen(path.data, "rb");
    good = file != NULL;
    if (file == NULL && !optional)
        (void)fprintf(stderr, "behalf-bench: cannot read '%s': %s\n", path.data, strerror(errno));
    while (file != NULL) {
        count = fread(buffer_reserve(out, READ_SIZE), 1, READ_SIZE, file);
        buffer_added(out, count);
        if (count == 0)
            break;
    }
    if (file != NULL && ferror(file) != 0) {
        (void)fprintf(stderr, "behalf-bench: cannot read '%s'\n", path.data);
        good = false;
    }
    if (file != NULL)
        (void)fclose(file);
    buffer_release(&path);
    return good;
}

bool
bench_line_next(struct slice *rest, struct slice *line)
{
    const char *end;

    if (rest->size == 0)
        return false;
    end = memchr(rest->data, '\n', rest->size);
    *line = (struct slice){rest->data, end != NULL ? (size_t)(end - rest->data) : rest->size};
    rest->data += line->size + (end != NULL ? 1 : 0);
    rest->size -= line->size + (end != NULL ? 1 : 0);
    return true;
}

/* Takes what stands before `separator`, and the separator. All when there is none. */
static struct slice
take_until(struct slice *rest, char separator)
{
    const char *end = rest->size > 0 ? memchr(rest->data, separator, rest->size) : NULL;
    struct slice taken = {rest->data, end != NULL ? (size_t)(end - rest->data) : rest->size};
    size_t skipped = taken.size + (end != NULL ? 1 : 0);

    rest->data += skipped;
    rest->size -= skipped;
    return taken;
}

/* A line of a workload in its parts. */
struct entry {
    struct slice text; /* without what is expected */
    struct slice resource;
    struct slice permission;
    struct slice subject;
    struct slice actors; /* as written behind actor=; empty when none */
    uint32_t expected;
};

static bool
parse_entry(struct slice line, struct entry *entry)
{
    struct slice rest = line;
    struct slice word;

    *entry = (struct entry){.expected = EXPECT_UNKNOWN};
    entry->text = take_until(&rest, '\t');
    while (rest.size > 0) {
        word = take_until(&rest, '\t');
        if (slice_equal(word, SLICE_LITERAL("true")))
            entry->expected = 1;
        else if (slice_equal(word, SLICE_LITERAL("false")))
            entry->expected = 0;
        else if (slice_starts_with(word, SLICE_LITERAL("actor=")))
            entry->actors = (struct slice){word.data + 6, word.size - 6};
        else if (word.size > 0 && word.data[0] >= '0' && word.data[0] <= '9')
            entry->expected = (uint32_t)strtoul(word.data, NULL, 10);
        else
            return false;
    }
    /* Workload ids have no '#' and no '@', so there is no need to look for quotes. */
    rest = entry->text;
    entry->resource = take_until(&rest, '#');
    entry->permission = take_until(&rest, '@');
    entry->subject = rest;
    return entry->resource.size > 0 && entry->permission.size > 0 && entry->subject.size > 0;
}

/* --- encoding --------------------------------------------------------------------------------- */

static void
put_text(struct behalf_writer *writer, const char *name, struct slice value)
{
    behalf_write_text(writer, name);
    behalf_write_string(writer, value.data, value.size);
}

static void
put_actors(struct behalf_writer *writer, struct slice actors)
{
    struct slice rest = actors;
    uint32_t count = 0;

    while (rest.size > 0) {
        (void)take_until(&rest, ',');
        count++;
    }
    behalf_write_text(writer, "actor");
    if (count > 1)
        behalf_write_array(writer, count);
    while (actors.size > 0) {
        rest = take_until(&actors, ',');
        behalf_write_string(writer, rest.data, rest.size);
    }
}

static void
put_check(struct behalf_writer *writer, const struct entry *entry)
{
    behalf_write_map(writer, entry->actors.size > 0 ? 4 : 3);
    put_text(writer, "resource", entry->resource);
    put_text(writer, "permission", entry->permission);
    put_text(writer, "subject", entry->subject);
    if (entry->actors.size > 0)
        put_actors(writer, entry->actors);
}

static void
expect(struct bench_requests *requests, const struct entry *entry)
{
    if (requests->expected_count == requests->expected_capacity) {
        size_t capacity = requests->expected_capacity > 0 ? 2 * requests->expected_capacity : 1024;

        requests->expected = memory_resize(requests->expected, capacity, sizeof(uint32_t));
        requests->texts = memory_resize(requests->texts, capacity, sizeof *requests->texts);
        requests->expected_capacity = capacity;
    }
    requests->expected[requests->expected_count] = entry->expected;
    requests->texts[requests->expected_count++] = entry->text;
}

/* Appends one request whose arguments are in the writer; its answers are the last `count`
 * expectations. */
static void
append(struct bench_requests *requests, const char *method, const struct behalf_writer *arguments,
       uint32_t count)
{
    static const unsigned char head[] = {0x94, 0x00, 0xCE, 0, 0, 0, 0};
    struct behalf_writer *name = behalf_writer_new();
    struct bench_request *request;
    const unsigned char *bytes;
    size_t size;

    BEHALF_ASSERT(name != NULL);
    if (requests->count == requests->capacity) {
        requests->capacity = requests->capacity > 0 ? 2 * requests->capacity : 1024;
        requests->items =
            memory_resize(requests->items, requests->capacity, sizeof *requests->items);
    }
    request = &requests->items[requests->count++];
    request->at = requests->bytes.size;
    request->count = count;
    request->first = (uint32_t)(requests->expected_count - count);
    buffer_add(&requests->bytes, head, sizeof head);
    behalf_write_text(name, method);
    behalf_write_array(name, 1);
    bytes = behalf_writer_bytes(name, &size);
    BEHALF_ASSERT(bytes != NULL);
    buffer_add(&requests->bytes, bytes, size);
    bytes = behalf_writer_bytes(arguments, &size);
    BEHALF_ASSERT(bytes != NULL);
    buffer_add(&requests->bytes, bytes, size);
    request->size = (uint32_t)(requests->bytes.size - request->at);
    behalf_writer_free(name);
}

/* --- the methods ------------------------------------------------------------------------------ */

static void
put_lookup_resources(struct behalf_writer *writer, const struct entry *entry)
{
    behalf_write_map(writer, entry->actors.size > 0 ? 5 : 4);
    put_text(writer, "resource_type", entry->resource);
    put_text(writer, "permission", entry->permission);
    put_text(writer, "subject", entry->subject);
    if (entry->actors.size > 0)
        put_actors(writer, entry->actors);
    behalf_write_text(writer, "limit");
    behalf_write_uint(writer, PAGE_MAX);
}

static void
put_lookup_subjects(struct behalf_writer *writer, const struct entry *entry)
{
    struct slice relation = entry->subject;
    struct slice type = take_until(&relation, '#');

    behalf_write_map(writer, relation.size > 0 ? 5 : 4);
    put_text(writer, "resource", entry->resource);
    put_text(writer, "permission", entry->permission);
    put_text(writer, "subject_type", type);
    if (relation.size > 0)
        put_text(writer, "subject_relation", relation);
    behalf_write_text(writer, "limit");
    behalf_write_uint(writer, PAGE_MAX);
}

static void
put_lookup_permissions(struct behalf_writer *writer, const struct entry *entry)
{
    behalf_write_map(writer, entry->actors.size > 0 ? 3 : 2);
    put_text(writer, "resource", entry->resource);
    put_text(writer, "subject", entry->subject);
    if (entry->actors.size > 0)
        put_actors(writer, entry->actors);
}

static void
put_expand(struct behalf_writer *writer, const struct entry *entry)
{
    behalf_write_map(writer, 2);
    put_text(writer, "resource", entry->resource);
    put_text(writer, "permission", entry->permission);
}

static const struct method_source {
    const char *name;
    const char *file;
    void (*put)(struct behalf_writer *writer, const struct entry *entry);
    bool verified; /* the file's third part says what this method answers */
} method_sources[] = {
    [METHOD_CHECK] = {"check", "checks.txt", put_check, true},
    [METHOD_CHECK_BULK] = {"check_bulk", "checks.txt", put_check, true},
    [METHOD_LOOKUP_RESOURCES] = {"lookup_resources", "lookups.txt", put_lookup_resources, true},
    [METHOD_LOOKUP_SUBJECTS] = {"lookup_subjects", "lookup_subjects.txt", put_lookup_subjects,
                                true},
    [METHOD_LOOKUP_PERMISSIONS] = {"lookup_permissions", "checks.txt", put_lookup_permissions,
                                   false},
    [METHOD_EXPAND] = {"expand", "checks.txt", put_expand, false},
    [METHOD_WRITE] = {"relationships.write", "writes.txt", NULL, false},
    [METHOD_PING] = {"ping", "checks.txt", NULL, false},
};

const char *
bench_method_name(enum bench_method method)
{
    return method == METHOD_WRITE ? "write" : method_sources[method].name;
}

/* Wraps `count` encoded items as the one member of a map. */
static void
wrap_items(struct behalf_writer *arguments, const char *member, uint32_t count,
           const struct behalf_writer *items)
{
    const unsigned char *bytes;
    size_t size;

    bytes = behalf_writer_bytes(items, &size);
    BEHALF_ASSERT(bytes != NULL);
    behalf_writer_clear(arguments);
    behalf_write_map(arguments, 1);
    behalf_write_text(arguments, member);
    behalf_write_array(arguments, count);
    behalf_write_raw(arguments, bytes, size);
}

static void
append_bulk(struct bench_requests *requests, const struct behalf_writer *items,
            struct behalf_writer *arguments, uint32_t count)
{
    wrap_items(arguments, "items", count, items);
    append(requests, "check_bulk", arguments, count);
}

/* One request per line, or per `batch` lines for bulks. */
static bool
build_queries(const struct bench_options *options, struct bench_requests *requests)
{
    const struct method_source *source = &method_sources[options->method];
    struct slice rest = buffer_slice(&requests->source);
    struct behalf_writer *items = behalf_writer_new();
    struct behalf_writer *arguments = behalf_writer_new();
    uint32_t count = 0;
    size_t number = 0;
    struct slice line;
    bool good = true;

    BEHALF_ASSERT(items != NULL && arguments != NULL);
    while (good && bench_line_next(&rest, &line)) {
        struct entry entry;

        number++;
        if (line.size == 0 || slice_starts_with(line, SLICE_LITERAL("//")))
            continue;
        good = parse_entry(line, &entry);
        if (!good)
            (void)fprintf(stderr, "behalf-bench: cannot read line %zu of '%s/%s'\n", number,
                          options->workload, source->file);
        if (!source->verified)
            entry.expected = EXPECT_UNKNOWN;
        expect(requests, &entry);
        source->put(items, &entry);
        if (options->method != METHOD_CHECK_BULK)
            append(requests, source->name, items, 1);
        else if (++count < options->batch)
            continue;
        else
            append_bulk(requests, items, arguments, count);
        behalf_writer_clear(items);
        count = 0;
    }
    if (good && count > 0)
        append_bulk(requests, items, arguments, count);
    behalf_writer_free(items);
    behalf_writer_free(arguments);
    return good;
}

/* Payloads that make a request as large as the average check. */
static void
build_ping(struct bench_requests *requests, const struct bench_requests *checks)
{
    struct behalf_writer *arguments = behalf_writer_new();
    struct entry entry = {.text = SLICE_LITERAL("ping"), .expected = EXPECT_UNKNOWN};
    char payload[1024];
    size_t size = PING_SIZE;
    size_t overhead = 26; /* frame, "ping", "payload" */

    BEHALF_ASSERT(arguments != NULL);
    if (checks->count > 0)
        size = checks->bytes.size / checks->count;
    size = size > overhead ? size - overhead : 1;
    if (size > sizeof payload)
        size = sizeof payload;
    memset(payload, 'x', sizeof payload);
    behalf_write_map(arguments, 1);
    put_text(arguments, "payload", (struct slice){payload, size});
    expect(requests, &entry);
    append(requests, "ping", arguments, 1);
    behalf_writer_free(arguments);
}

/* --- writes ----------------------------------------------------------------------------------- */

static void
put_update(struct behalf_writer *items, struct slice op, struct slice relationship)
{
    behalf_write_map(items, 2);
    put_text(items, "op", op);
    put_text(items, "relationship", relationship);
}

/* A relationship of its own for the bench: the resource id gets a suffix, so that the answers of
 * the workload's checks stay what they are. */
static struct slice
rename_resource(struct slice line, struct buffer *out)
{
    struct slice rest = line;
    struct slice resource = take_until(&rest, '#');

    buffer_clear(out);
    buffer_add_slice(out, resource);
    buffer_add_text(out, "-bench#");
    buffer_add_slice(out, rest);
    return buffer_slice(out);
}

/* The same lines twice: touched in one pass, deleted in the next. */
static void
build_write_block(const struct bench_options *options, struct bench_requests *requests,
                  const struct slice *lines, size_t line_count)
{
    static const struct slice operations[2] = {{"touch", 5}, {"delete", 6}};
    struct behalf_writer *items = behalf_writer_new();
    struct behalf_writer *arguments = behalf_writer_new();
    struct buffer renamed;

    BEHALF_ASSERT(items != NULL && arguments != NULL);
    buffer_init(&renamed);
    for (size_t pass = 0; pass < 2; pass++)
        for (size_t from = 0; from < line_count; from += options->batch) {
            size_t left = line_count - from;
            uint32_t count = left < options->batch ? (uint32_t)left : options->batch;
            struct entry entry = {.text = lines[from], .expected = EXPECT_UNKNOWN};

            behalf_writer_clear(items);
            for (size_t index = from; index < from + count; index++)
                put_update(items, operations[pass], rename_resource(lines[index], &renamed));
            wrap_items(arguments, "updates", count, items);
            expect(requests, &entry);
            append(requests, "relationships.write", arguments, 1);
        }
    buffer_release(&renamed);
    behalf_writer_free(items);
    behalf_writer_free(arguments);
}

static void
build_writes(const struct bench_options *options, struct bench_requests *requests)
{
    struct slice rest = buffer_slice(&requests->source);
    struct slice *lines = memory_new_array(WRITE_BLOCK, sizeof *lines);
    struct slice line;
    size_t count = 0;
    size_t total = 0;

    while (total < WRITES_MAX && bench_line_next(&rest, &line)) {
        if (line.size == 0 || slice_starts_with(line, SLICE_LITERAL("//")))
            continue;
        total++;
        lines[count++] = line;
        if (count == WRITE_BLOCK) {
            build_write_block(options, requests, lines, count);
            count = 0;
        }
    }
    if (count > 0)
        build_write_block(options, requests, lines, count);
    memory_free(lines);
}

/* writes.txt as it stands: `touch|delete <TAB> RELATIONSHIP`. */
static void
build_given_writes(const struct bench_options *options, struct bench_requests *requests)
{
    struct slice rest = buffer_slice(&requests->source);
    struct behalf_writer *items = behalf_writer_new();
    struct behalf_writer *arguments = behalf_writer_new();
    struct slice line;
    uint32_t count = 0;

    BEHALF_ASSERT(items != NULL && arguments != NULL);
    while (bench_line_next(&rest, &line)) {
        struct entry entry = {.text = line, .expected = EXPECT_UNKNOWN};
        struct slice op = take_until(&line, '\t');

        put_update(items, op, line);
        if (++count < options->batch)
            continue;
        wrap_items(arguments, "updates", count, items);
        expect(requests, &entry);
        append(requests, "relationships.write", arguments, 1);
        behalf_writer_clear(items);
        count = 0;
    }
    behalf_writer_free(items);
    behalf_writer_free(arguments);
}

/* --- all -------------------------------------------------------------------------------------- */

static bool
build_ping_like(const struct bench_options *options, struct bench_requests *requests)
{
    struct bench_options like = *options;
    struct bench_requests checks = {0};
    bool good = true;

    like.method = METHOD_CHECK;
    if (options->workload != NULL)
        good = bench_requests_build(&like, &checks);
    if (good)
        build_ping(requests, &checks);
    if (options->workload != NULL)
        bench_requests_release(&checks);
    return good;
}

bool
bench_requests_build(const struct bench_options *options, struct bench_requests *requests)
{
    bool good = true;
    bool given;

    *requests = (struct bench_requests){0};
    buffer_init(&requests->bytes);
    buffer_init(&requests->source);
    if (options->method == METHOD_PING)
        return build_ping_like(options, requests);
    if (options->method == METHOD_WRITE) {
        given = bench_file_read(options->workload, "writes.txt", true, &requests->source);
        good = given ||
               bench_file_read(options->workload, "relationships.txt", false, &requests->source);
        if (given)
            build_given_writes(options, requests);
        else if (good)
            build_writes(options, requests);
    } else {
        good = bench_file_read(options->workload, method_sources[options->method].file, false,
                               &requests->source) &&
               build_queries(options, requests);
    }
    if (good && requests->count == 0) {
        (void)fprintf(stderr, "behalf-bench: '%s' has nothing for %s\n", options->workload,
                      bench_method_name(options->method));
        good = false;
    }
    return good;
}

void
bench_requests_release(struct bench_requests *requests)
{
    buffer_release(&requests->bytes);
    buffer_release(&requests->source);
    memory_free(requests->items);
    memory_free(requests->expected);
    memory_free(requests->texts);
}
