/* bench_requests.c - the lines of a workload (bench/workload.h), encoded as requests. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/complain.h"
#include "base/memory.h"
#include "bench/bench.h"
#include "bench/bench_grants.h"

#define WRITES_MAX 100000 /* lines taken for writes: more would only grow the prebuilt bytes */
#define WRITE_BLOCK 1000  /* writes of a block are all touched, then all deleted */
#define PAGE_MAX 100000   /* lookups ask for everything at once */
#define LOOKUPS_LESS 10   /* a lookup costs so much more that fewer different ones do */
#define PING_SIZE 64      /* payload when there are no checks to be like */

/* --- lines ------------------------------------------------------------------------------------ */

struct request_builder {
    const struct bench_options *options;
    const struct workload *workload; /* NULL: none */
    const struct bench_mix *mix;
    const struct bench_grants *grants; /* NULL: requests are only as large as if there were some */
};

/* A line of a workload in its parts. */
struct question_entry {
    struct slice text; /* without what is expected */
    struct slice resource;
    struct slice permission;
    struct slice subject;
    struct slice actors;   /* as written behind actor=; empty when none */
    struct slice selector; /* as written behind grant=; empty when none */
    const char *grant;     /* the id, or NULL */
    uint32_t expected;
};

static bool
parse_count(struct slice digits, uint32_t *count)
{
    uint64_t value = 0;

    for (size_t at = 0; at < digits.size; at++) {
        if (digits.data[at] < '0' || digits.data[at] > '9')
            return false;
        value = value * 10 + (uint64_t)(digits.data[at] - '0');
        if (value >= EXPECT_UNKNOWN)
            return false;
    }
    *count = (uint32_t)value;
    return digits.size > 0;
}

static bool
parse_entry(struct slice line, struct question_entry *entry)
{
    struct slice rest = line;
    struct slice word;

    *entry = (struct question_entry){.expected = EXPECT_UNKNOWN};
    entry->text = workload_take_until(&rest, '\t');
    while (rest.size > 0) {
        word = workload_take_until(&rest, '\t');
        if (slice_equal(word, SLICE_LITERAL("true")))
            entry->expected = 1;
        else if (slice_equal(word, SLICE_LITERAL("false")))
            entry->expected = 0;
        else if (slice_starts_with(word, SLICE_LITERAL("actor=")))
            entry->actors = (struct slice){word.data + 6, word.size - 6};
        else if (slice_starts_with(word, SLICE_LITERAL("grant=")))
            entry->selector = (struct slice){word.data + 6, word.size - 6};
        else if (!parse_count(word, &entry->expected))
            return false;
    }
    /* Workload ids have no '#' and no '@', so there is no need to look for quotes. */
    rest = entry->text;
    entry->resource = workload_take_until(&rest, '#');
    entry->permission = workload_take_until(&rest, '@');
    entry->subject = rest;
    return entry->resource.size > 0 && entry->permission.size > 0 && entry->subject.size > 0;
}

static struct bench_grant_words
words_of(const struct request_builder *builder, const struct question_entry *entry)
{
    return (struct bench_grant_words){entry->subject, entry->actors, entry->selector,
                                      entry->permission, builder->options->grant_uses};
}

/* Which grant it shows; by none, and without its actors, where only the principal is asked for. */
static void
find_grant(const struct request_builder *builder, struct question_entry *entry)
{
    struct bench_grant_words words = words_of(builder, entry);

    if (entry->selector.size == 0)
        return;
    if (builder->options->without_grants) {
        entry->actors = entry->selector = (struct slice){NULL, 0};
        entry->expected = EXPECT_UNKNOWN;
        return;
    }
    entry->grant = builder->grants != NULL ? bench_grants_find(builder->grants, &words)->grant
                                           : "gr_00000000000000000000000000";
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
        (void)workload_take_until(&rest, ',');
        count++;
    }
    behalf_write_text(writer, "actor");
    if (count > 1)
        behalf_write_array(writer, count);
    while (actors.size > 0) {
        rest = workload_take_until(&actors, ',');
        behalf_write_string(writer, rest.data, rest.size);
    }
}

/* Actors and grant, as far as there are any. */
static uint32_t
by_whom_count(const struct question_entry *entry)
{
    return (entry->actors.size > 0 ? 1U : 0U) + (entry->grant != NULL ? 1U : 0U);
}

static void
put_by_whom(struct behalf_writer *writer, const struct question_entry *entry)
{
    if (entry->actors.size > 0)
        put_actors(writer, entry->actors);
    if (entry->grant != NULL)
        put_text(writer, "grant", slice_of(entry->grant));
}

/* The map of a request's arguments with `count` members, and one more for the deadline if there is
 * one. */
static void
put_map(struct behalf_writer *writer, uint32_t count, uint32_t deadline_ms)
{
    behalf_write_map(writer, count + (deadline_ms > 0));
    if (deadline_ms > 0) {
        behalf_write_text(writer, "deadline_ms");
        behalf_write_uint(writer, deadline_ms);
    }
}

static void
put_check(struct behalf_writer *writer, const struct question_entry *entry, uint32_t deadline_ms)
{
    put_map(writer, 3 + by_whom_count(entry), deadline_ms);
    put_text(writer, "resource", entry->resource);
    put_text(writer, "permission", entry->permission);
    put_text(writer, "subject", entry->subject);
    put_by_whom(writer, entry);
}

static void
expect(struct bench_requests *requests, const struct question_entry *entry)
{
    size_t count = requests->expected_count + 1;

    requests->expected = memory_reserve(requests->expected, count, &requests->expected_capacity,
                                        sizeof *requests->expected);
    requests->texts =
        memory_reserve(requests->texts, count, &requests->text_capacity, sizeof *requests->texts);
    requests->expected[requests->expected_count] = entry->expected;
    requests->texts[requests->expected_count++] = entry->text;
}

static uint32_t
deadline_ms_of(const struct bench_requests *requests)
{
    return (uint32_t)(requests->deadline_ns / 1000000);
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
    requests->items = memory_reserve(requests->items, requests->count + 1, &requests->capacity,
                                     sizeof *requests->items);
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
put_lookup_resources(struct behalf_writer *writer, const struct question_entry *entry,
                     uint32_t deadline_ms)
{
    put_map(writer, entry->actors.size > 0 ? 5 : 4, deadline_ms);
    put_text(writer, "resource_type", entry->resource);
    put_text(writer, "permission", entry->permission);
    put_text(writer, "subject", entry->subject);
    if (entry->actors.size > 0)
        put_actors(writer, entry->actors);
    behalf_write_text(writer, "limit");
    behalf_write_uint(writer, PAGE_MAX);
}

static void
put_lookup_subjects(struct behalf_writer *writer, const struct question_entry *entry,
                    uint32_t deadline_ms)
{
    struct slice relation = entry->subject;
    struct slice type = workload_take_until(&relation, '#');

    put_map(writer, relation.size > 0 ? 5 : 4, deadline_ms);
    put_text(writer, "resource", entry->resource);
    put_text(writer, "permission", entry->permission);
    put_text(writer, "subject_type", type);
    if (relation.size > 0)
        put_text(writer, "subject_relation", relation);
    behalf_write_text(writer, "limit");
    behalf_write_uint(writer, PAGE_MAX);
}

static void
put_lookup_permissions(struct behalf_writer *writer, const struct question_entry *entry,
                       uint32_t deadline_ms)
{
    put_map(writer, 2 + by_whom_count(entry), deadline_ms);
    put_text(writer, "resource", entry->resource);
    put_text(writer, "subject", entry->subject);
    put_by_whom(writer, entry);
}

static void
put_expand(struct behalf_writer *writer, const struct question_entry *entry, uint32_t deadline_ms)
{
    put_map(writer, 2, deadline_ms);
    put_text(writer, "resource", entry->resource);
    put_text(writer, "permission", entry->permission);
}

static const struct method_source {
    const char *name;
    enum question_kind kind;
    void (*put)(struct behalf_writer *writer, const struct question_entry *entry,
                uint32_t deadline_ms);
    bool verified; /* the line's last part says what this method answers */
} method_sources[METHOD_COUNT] = {
    [METHOD_CHECK] = {"check", QUESTION_CHECK, put_check, true},
    [METHOD_CHECK_BULK] = {"check_bulk", QUESTION_CHECK, put_check, true},
    [METHOD_LOOKUP_RESOURCES] = {"lookup_resources", QUESTION_LOOKUP_RESOURCES,
                                 put_lookup_resources, true},
    [METHOD_LOOKUP_SUBJECTS] = {"lookup_subjects", QUESTION_LOOKUP_SUBJECTS, put_lookup_subjects,
                                true},
    [METHOD_LOOKUP_PERMISSIONS] = {"lookup_permissions", QUESTION_CHECK, put_lookup_permissions,
                                   false},
    [METHOD_EXPAND] = {"expand", QUESTION_CHECK, put_expand, false},
    [METHOD_WRITE] = {"relationships.write", QUESTION_WRITE, NULL, false},
    [METHOD_GRANT] = {"grants.create", QUESTION_CHECK, NULL, false},
    [METHOD_PING] = {"ping", QUESTION_CHECK, NULL, false},
};

/* Appends a request of `count` encoded items, and the deadline; it has so many `answers`. */
static void
append_items(struct bench_requests *requests, const char *member, const struct behalf_writer *items,
             uint32_t count, uint32_t answers)
{
    struct behalf_writer *arguments = behalf_writer_new();
    const unsigned char *bytes;
    size_t size;

    bytes = behalf_writer_bytes(items, &size);
    BEHALF_ASSERT(bytes != NULL && arguments != NULL);
    put_map(arguments, 1, deadline_ms_of(requests));
    behalf_write_text(arguments, member);
    behalf_write_array(arguments, count);
    behalf_write_raw(arguments, bytes, size);
    append(requests, method_sources[requests->method].name, arguments, answers);
    behalf_writer_free(arguments);
}

/* One request per line, or per `batch` lines for bulks. */
static bool
build_queries(const struct request_builder *builder, struct bench_requests *requests)
{
    const struct method_source *source = &method_sources[requests->method];
    bool verified = source->verified && !(requests->method == METHOD_LOOKUP_SUBJECTS &&
                                          builder->mix->weights[METHOD_WRITE] > 0);
    struct slice rest = buffer_slice(&requests->source);
    bool is_bulk = requests->method == METHOD_CHECK_BULK;
    struct behalf_writer *items = behalf_writer_new();
    uint32_t count = 0;
    struct slice line;
    bool good = true;

    BEHALF_ASSERT(items != NULL);
    while (good && workload_line_next(&rest, &line)) {
        struct question_entry entry;

        if (workload_line_is_blank(line))
            continue;
        good = parse_entry(line, &entry);
        if (!good)
            complain(NULL, "no question for %s: '%.*s' of '%s'",
                     bench_method_name(requests->method), SLICE_PRINTF(line),
                     builder->workload->name);
        find_grant(builder, &entry);
        if (!verified)
            entry.expected = EXPECT_UNKNOWN;
        expect(requests, &entry);
        source->put(items, &entry, is_bulk ? 0 : deadline_ms_of(requests));
        if (!is_bulk)
            append(requests, source->name, items, 1);
        else if (++count < builder->options->batch)
            continue;
        else
            append_items(requests, "items", items, count, count);
        behalf_writer_clear(items);
        count = 0;
    }
    if (good && count > 0)
        append_items(requests, "items", items, count, count);
    behalf_writer_free(items);
    return good;
}

/* --- grants ----------------------------------------------------------------------------------- */

/* Notes the chains that the lines show, and makes those that are not there. */
static bool
make_grants(const struct request_builder *builder, struct slice lines)
{
    struct bench_grants *grants = builder->options->grants;
    struct question_entry entry;
    struct slice line;

    if (builder->options->without_grants)
        return true;
    while (workload_line_next(&lines, &line)) {
        struct bench_grant_words words;

        if (workload_line_is_blank(line) || !parse_entry(line, &entry) || entry.selector.size == 0)
            continue;
        words = words_of(builder, &entry);
        bench_grants_want(grants, &words);
    }
    return bench_grants_make(grants, builder->options->endpoint, &builder->options->connect);
}

/* Root grants in the sessions in turn. */
static void
build_roots(const struct request_builder *builder, struct bench_requests *requests)
{
    uint64_t count = bench_grants_count(builder->grants);
    struct behalf_writer *arguments = behalf_writer_new();
    struct question_entry entry = {.text = SLICE_LITERAL("grants.create"),
                                   .expected = EXPECT_UNKNOWN};

    BEHALF_ASSERT(arguments != NULL);
    for (uint64_t index = 0; index < count; index++) {
        behalf_writer_clear(arguments);
        bench_grants_put_root(arguments, bench_grants_at(builder->grants, index),
                              deadline_ms_of(requests));
        expect(requests, &entry);
        append(requests, "grants.create", arguments, 1);
    }
    behalf_writer_free(arguments);
}

/* Payloads that make a request as large as the average check. */
static void
build_ping(struct bench_requests *requests, const struct bench_requests *checks)
{
    struct behalf_writer *arguments = behalf_writer_new();
    struct question_entry entry = {.text = SLICE_LITERAL("ping"), .expected = EXPECT_UNKNOWN};
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

/* The workload's resource and relation with a subject that nothing else names: the same nodes are
 * written that the checks read, and no check changes its answer. False of a wildcard. */
static bool
rename_subject(struct slice line, size_t number, struct buffer *out)
{
    struct slice rest = line;
    struct slice resource = workload_take_until(&rest, '@');
    struct slice type = workload_take_until(&rest, ':');
    size_t id_size = 0;

    if (slice_starts_with(rest, SLICE_LITERAL("*")))
        return false;
    /* Its relation and its conditions stay. */
    while (id_size < rest.size && rest.data[id_size] != '#' && rest.data[id_size] != '[')
        id_size++;
    buffer_clear(out);
    buffer_add_format(out, "%.*s@%.*s:bench-%zu%.*s", SLICE_PRINTF(resource), SLICE_PRINTF(type),
                      number, (int)(rest.size - id_size), rest.data + id_size);
    return true;
}

/* Transactions of `updates` lines each, touched in one pass, deleted in the next. */
static void
build_write_block(const struct request_builder *builder, struct bench_requests *requests,
                  const struct slice *lines, size_t line_count, size_t number)
{
    static const struct slice operations[2] = {{"touch", 5}, {"delete", 6}};
    uint32_t updates = builder->options->updates;
    struct behalf_writer *items = behalf_writer_new();
    struct buffer renamed;

    BEHALF_ASSERT(items != NULL);
    buffer_init(&renamed);
    for (size_t pass = 0; pass < 2; pass++)
        for (size_t from = 0; from < line_count; from += updates) {
            size_t end = from + updates < line_count ? from + updates : line_count;
            struct question_entry entry = {.text = lines[from], .expected = EXPECT_UNKNOWN};
            uint32_t count = 0;

            behalf_writer_clear(items);
            for (size_t index = from; index < end; index++)
                if (rename_subject(lines[index], number + index, &renamed)) {
                    put_update(items, operations[pass], buffer_slice(&renamed));
                    count++;
                }
            if (count == 0)
                continue;
            expect(requests, &entry);
            append_items(requests, "updates", items, count, 1);
        }
    buffer_release(&renamed);
    behalf_writer_free(items);
}

static void
build_writes(const struct request_builder *builder, struct bench_requests *requests)
{
    struct slice rest = buffer_slice(&requests->source);
    struct slice *lines = memory_new_array(WRITE_BLOCK, sizeof *lines);
    struct slice line;
    size_t count = 0;
    size_t total = 0;

    while (total < WRITES_MAX && workload_line_next(&rest, &line)) {
        if (workload_line_is_blank(line))
            continue;
        total++;
        lines[count++] = line;
        if (count == WRITE_BLOCK) {
            build_write_block(builder, requests, lines, count, total);
            count = 0;
        }
    }
    if (count > 0)
        build_write_block(builder, requests, lines, count, total);
    memory_free(lines);
}

/* writes.txt as it stands: `touch|delete <TAB> RELATIONSHIP`. */
static void
build_given_writes(const struct request_builder *builder, struct bench_requests *requests)
{
    struct slice rest = buffer_slice(&requests->source);
    struct behalf_writer *items = behalf_writer_new();
    struct slice line;
    uint32_t count = 0;

    BEHALF_ASSERT(items != NULL);
    while (workload_line_next(&rest, &line)) {
        struct question_entry entry = {.text = line, .expected = EXPECT_UNKNOWN};
        struct slice op = workload_take_until(&line, '\t');

        put_update(items, op, line);
        if (++count < builder->options->updates)
            continue;
        expect(requests, &entry);
        append_items(requests, "updates", items, count, 1);
        behalf_writer_clear(items);
        count = 0;
    }
    behalf_writer_free(items);
}

/* --- all -------------------------------------------------------------------------------------- */

/* A ping takes no deadline. */
static void
requests_init(struct bench_requests *requests, enum bench_method method, uint32_t deadline_ms)
{
    *requests = (struct bench_requests){.method = method};
    if (method != METHOD_PING)
        requests->deadline_ns = (int64_t)deadline_ms * 1000000;
    buffer_init(&requests->bytes);
    buffer_init(&requests->source);
}

static void
requests_release(struct bench_requests *requests)
{
    buffer_release(&requests->bytes);
    buffer_release(&requests->source);
    memory_free(requests->items);
    memory_free(requests->expected);
    memory_free(requests->texts);
}

static bool build_requests(const struct request_builder *builder, struct bench_requests *requests);

static bool
build_ping_like(const struct request_builder *builder, struct bench_requests *requests)
{
    struct request_builder alike = {builder->options, builder->workload, builder->mix, NULL};
    struct bench_requests checks;
    bool good = true;

    requests_init(&checks, METHOD_CHECK, 0);
    if (builder->workload != NULL)
        good = build_requests(&alike, &checks);
    if (good)
        build_ping(requests, &checks);
    requests_release(&checks);
    return good;
}

static bool
build_requests(const struct request_builder *builder, struct bench_requests *requests)
{
    enum question_kind kind = method_sources[requests->method].kind;
    bool is_lookup = kind == QUESTION_LOOKUP_RESOURCES || kind == QUESTION_LOOKUP_SUBJECTS;
    uint32_t count = builder->options->questions / (is_lookup ? LOOKUPS_LESS : 1);
    bool given = false;
    bool good;

    if (requests->method == METHOD_PING)
        return build_ping_like(builder, requests);
    if (builder->workload == NULL) {
        complain(NULL, "no --workload for %s", bench_method_name(requests->method));
        return false;
    }
    good = workload_questions(builder->workload, kind, count > 0 ? count : 1, &requests->source,
                              &given);
    if (good && builder->grants != NULL && kind == QUESTION_CHECK)
        good = make_grants(builder, buffer_slice(&requests->source));
    if (good && requests->method == METHOD_GRANT)
        build_roots(builder, requests);
    else if (good && requests->method != METHOD_WRITE)
        good = build_queries(builder, requests);
    else if (good && given)
        build_given_writes(builder, requests);
    else if (good)
        build_writes(builder, requests);
    if (good && requests->count == 0) {
        complain(NULL, "'%s' has nothing for %s", builder->workload->name,
                 bench_method_name(requests->method));
        good = false;
    }
    return good;
}

bool
bench_deck_build(const struct bench_options *options, const struct workload *workload,
                 const struct bench_mix *mix, struct bench_deck *deck)
{
    const struct request_builder builder = {options, workload, mix, options->grants};
    bool good = true;

    *deck = (struct bench_deck){.mix = *mix};
    for (uint32_t method = 0; method < METHOD_COUNT; method++) {
        requests_init(&deck->methods[method], (enum bench_method)method, options->deadline_ms);
        if (good && mix->weights[method] > 0)
            good = build_requests(&builder, &deck->methods[method]);
    }
    return good;
}

void
bench_deck_release(struct bench_deck *deck)
{
    for (uint32_t method = 0; method < METHOD_COUNT; method++)
        requests_release(&deck->methods[method]);
}
