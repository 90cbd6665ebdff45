/* Built-in workloads: the same from the same seed, of the size they say, consistent in themselves.
 * That the answers are right is asked of a server by tests/integration/bench.py. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/memory.h"
#include "base/relationship.h"
#include "bench/workload.h"
#include "bench/workload_block.h"
#include "schema/schema.h"

static const char *const names[] = {
    "one-hop",           "drive",       "github",      "agents",
    "delegated",         "grants",      "wide-groups", "deep-arrows",
    "double-wide-arrow", "wide-direct", "share-with",  "lookup-intersection",
};
#define NAME_COUNT (sizeof names / sizeof names[0])

static struct workload
open_workload(const char *name, uint64_t size, uint64_t seed, double zipf)
{
    struct workload workload;

    cr_assert(workload_open(name, size, seed, zipf, &workload), "%s", name);
    return workload;
}

static void
read_all(const struct workload *workload, struct buffer *out)
{
    struct workload_reader reader;
    struct buffer part;

    buffer_init(out);
    buffer_init(&part);
    cr_assert(workload_reader_open(&reader, workload));
    while (workload_reader_next(&reader, &part))
        buffer_add_slice(out, buffer_slice(&part));
    workload_reader_close(&reader);
    buffer_release(&part);
}

static void
ask_all(const struct workload *workload, enum question_kind kind, size_t count, struct buffer *out)
{
    buffer_init(out);
    cr_assert(workload_questions(workload, kind, count, out, NULL));
}

static int
compare_slices(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

/* The lines of a text; the caller frees them. */
static struct slice *
split(struct slice text, size_t *count)
{
    struct slice *lines = memory_new_array(text.size + 1, sizeof *lines);
    struct slice line;

    *count = 0;
    while (workload_line_next(&text, &line))
        lines[(*count)++] = line;
    return lines;
}

Test(bench_workload, every_size_holds_exactly_what_it_says)
{
    for (size_t index = 0; index < NAME_COUNT; index++) {
        struct workload workload = open_workload(names[index], WORKLOAD_SMALL, 1, 0);
        struct slice *lines;
        struct buffer text;
        size_t count;

        cr_assert_eq(workload.relationships, WORKLOAD_SMALL, "%s", names[index]);
        read_all(&workload, &text);
        lines = split(buffer_slice(&text), &count);
        cr_assert_eq(count, WORKLOAD_SMALL, "%s: %zu", names[index], count);
        qsort(lines, count, sizeof *lines, compare_slices);
        for (size_t line = 1; line < count; line++)
            cr_assert_not(slice_equal(lines[line - 1], lines[line]), "%s twice: %.*s", names[index],
                          SLICE_PRINTF(lines[line]));
        memory_free(lines);
        buffer_release(&text);
        workload = open_workload(names[index], WORKLOAD_LARGE, 1, 0);
        cr_assert_eq(workload.relationships, WORKLOAD_LARGE, "%s", names[index]);
    }
}

Test(bench_workload, every_relationship_is_one_that_its_schema_allows)
{
    for (size_t index = 0; index < NAME_COUNT; index++) {
        struct workload workload = open_workload(names[index], 1, 1, 0);
        struct schema *schema = NULL;
        struct buffer text;
        struct buffer lines;
        struct error error;
        struct slice rest;
        struct slice line;
        struct arena arena;

        buffer_init(&text);
        cr_assert(workload_schema(&workload, &text));
        cr_assert_eq(schema_compile(buffer_slice(&text), &schema, &error), BEHALF_OK, "%s: %s",
                     names[index], error.message);
        read_all(&workload, &lines);
        rest = buffer_slice(&lines);
        arena_init(&arena, SIZE_MAX);
        while (workload_line_next(&rest, &line)) {
            struct relationship parsed;
            uint32_t type;
            uint32_t member;

            arena_reset(&arena, SIZE_MAX);
            cr_assert_eq(relationship_parse(line, &arena, &parsed, &error), BEHALF_OK);
            type = schema_find_type(schema, parsed.resource.type);
            cr_assert_neq(type, SCHEMA_NONE);
            member = schema_find_member(schema, type, parsed.resource.relation);
            cr_assert_neq(member, SCHEMA_NONE, "%.*s", SLICE_PRINTF(line));
            cr_assert_eq(schema->members[member].kind, SCHEMA_RELATION);
        }
        arena_release(&arena);
        buffer_release(&lines);
        buffer_release(&text);
        schema_unref(schema);
    }
}

Test(bench_workload, the_same_seed_gives_the_same_bytes_and_another_one_does_not)
{
    for (size_t index = 0; index < NAME_COUNT; index++) {
        struct workload workload = open_workload(names[index], 1, 5, 0);
        struct workload other = open_workload(names[index], 1, 6, 0);
        struct buffer first;
        struct buffer again;
        struct buffer different;

        read_all(&workload, &first);
        read_all(&workload, &again);
        cr_assert(slice_equal(buffer_slice(&first), buffer_slice(&again)), "%s", names[index]);
        buffer_release(&first);
        buffer_release(&again);
        for (int kind = QUESTION_CHECK; kind <= QUESTION_WRITE; kind++) {
            ask_all(&workload, (enum question_kind)kind, 200, &first);
            ask_all(&workload, (enum question_kind)kind, 200, &again);
            ask_all(&other, (enum question_kind)kind, 200, &different);
            cr_assert(slice_equal(buffer_slice(&first), buffer_slice(&again)), "%s", names[index]);
            /* Some blocks have one object alone to ask about: kinds apart, something differs. */
            cr_assert(kind == QUESTION_LOOKUP_SUBJECTS ||
                          !slice_equal(buffer_slice(&first), buffer_slice(&different)),
                      "%s, kind %d", names[index], kind);
            buffer_release(&first);
            buffer_release(&again);
            buffer_release(&different);
        }
    }
}

/* A larger world begins with the smaller one: blocks do not know how many there are. */
Test(bench_workload, a_larger_size_begins_with_the_smaller)
{
    struct workload small = open_workload("drive", 2000, 1, 0);
    struct workload large = open_workload("drive", 6000, 1, 0);
    struct buffer first;
    struct buffer second;

    read_all(&small, &first);
    read_all(&large, &second);
    cr_assert(slice_starts_with(buffer_slice(&second), buffer_slice(&first)));
    cr_assert_eq(large.block_count, 3);
    buffer_release(&first);
    buffer_release(&second);
}

Test(bench_workload, both_answers_are_asked_for_about_equally)
{
    for (size_t index = 0; index < NAME_COUNT; index++) {
        struct workload workload = open_workload(names[index], WORKLOAD_SMALL, 1, 0);
        struct buffer text;
        struct slice rest;
        struct slice line;
        unsigned allowed = 0;
        unsigned count = 0;

        ask_all(&workload, QUESTION_CHECK, 2000, &text);
        rest = buffer_slice(&text);
        while (workload_line_next(&rest, &line)) {
            (void)workload_take_until(&line, '\t');
            allowed += slice_starts_with(line, SLICE_LITERAL("true"));
            count++;
        }
        cr_assert_eq(count, 2000);
        cr_assert(allowed > 700 && allowed < 1300, "%s: %u of 2,000", names[index], allowed);
        buffer_release(&text);
    }
}

Test(bench_workload, every_delegated_check_names_one_to_three_actors)
{
    struct workload workload = open_workload("delegated", WORKLOAD_SMALL, 1, 0);
    unsigned lengths[4] = {0};
    struct buffer text;
    struct slice rest;
    struct slice line;

    ask_all(&workload, QUESTION_CHECK, 1000, &text);
    rest = buffer_slice(&text);
    while (workload_line_next(&rest, &line)) {
        unsigned length = 0;

        (void)workload_take_until(&line, '\t');
        (void)workload_take_until(&line, '\t');
        cr_assert(slice_starts_with(line, SLICE_LITERAL("actor=agent:")));
        for (; line.size > 0; length++)
            (void)workload_take_until(&line, ',');
        cr_assert(length >= 1 && length <= 3);
        lengths[length]++;
    }
    for (unsigned length = 1; length <= 3; length++)
        cr_assert(lengths[length] > 250, "%u of length %u", lengths[length], length);
    buffer_release(&text);
}

Test(bench_workload, every_check_by_a_grant_names_its_chain_and_selector)
{
    struct workload workload = open_workload("grants", WORKLOAD_SMALL, 1, 0);
    unsigned lengths[5] = {0};
    unsigned forms[3] = {0}; /* type:*, one of the third form, an object */
    struct buffer text;
    struct slice rest;
    struct slice line;

    ask_all(&workload, QUESTION_CHECK, 1000, &text);
    rest = buffer_slice(&text);
    while (workload_line_next(&rest, &line)) {
        struct slice actors;
        unsigned length = 0;

        (void)workload_take_until(&line, '\t');
        (void)workload_take_until(&line, '\t');
        actors = workload_take_until(&line, '\t');
        for (; actors.size > 0; length++)
            (void)workload_take_until(&actors, ',');
        cr_assert(length >= 1 && length <= 4);
        lengths[length]++;
        cr_assert(slice_starts_with(line, SLICE_LITERAL("grant=document:")));
        if (slice_equal(line, SLICE_LITERAL("grant=document:*")))
            forms[0]++;
        else if (slice_starts_with(line, SLICE_LITERAL("grant=document:*#within@folder:")))
            forms[1]++;
        else
            forms[2]++;
    }
    for (unsigned length = 1; length <= 4; length++)
        cr_assert(lengths[length] > 100, "%u of length %u", lengths[length], length);
    for (unsigned form = 0; form < 3; form++)
        cr_assert(forms[form] > 100, "%u of form %u", forms[form], form);
    buffer_release(&text);
}

/* How often the most frequent resource is asked about. */
static size_t
most_frequent(double zipf)
{
    struct workload workload = open_workload("one-hop", WORKLOAD_SMALL, 1, zipf);
    struct buffer text;
    struct slice *lines;
    size_t most = 0;
    size_t count;
    size_t same = 0;

    ask_all(&workload, QUESTION_CHECK, 5000, &text);
    lines = split(buffer_slice(&text), &count);
    for (size_t line = 0; line < count; line++) {
        struct slice rest = lines[line];

        lines[line] = workload_take_until(&rest, '#');
    }
    qsort(lines, count, sizeof *lines, compare_slices);
    for (size_t line = 0; line < count; line++) {
        same = line > 0 && slice_equal(lines[line], lines[line - 1]) ? same + 1 : 1;
        most = same > most ? same : most;
    }
    memory_free(lines);
    buffer_release(&text);
    return most;
}

Test(bench_workload, zipf_makes_some_objects_popular)
{
    /* 2,500 documents: 2 questions each, or by the law 12 % for the first (theta 1). */
    cr_assert(most_frequent(0) < 20);
    cr_assert(most_frequent(1) > 450 && most_frequent(1) < 750, "%zu", most_frequent(1));
}

Test(bench_workload, what_is_no_workload_is_refused)
{
    struct workload workload;

    cr_assert_not(workload_open("no-such-workload", 1, 1, 0, &workload));
}

/* --- sets --- */

Test(bench_block, sets_know_everyone_else)
{
    struct workload_block block;
    uint32_t all;
    uint32_t some;

    block_init(&block);
    block.population = 100;
    block.words = 2;
    all = set_new(&block);
    some = set_new(&block);
    set_add_everyone(&block, all);
    set_add(&block, some, 3);
    set_add(&block, some, 99);
    cr_assert_eq(set_count(&block, all), 100);
    cr_assert(set_has_others(&block, all));
    cr_assert_not(set_has_others(&block, some));
    cr_assert_eq(set_count(&block, some), 2);
    set_subtract(&block, all, some);
    cr_assert_eq(set_count(&block, all), 98);
    cr_assert(set_has_others(&block, all));
    set_meet(&block, all, some);
    cr_assert_eq(set_count(&block, all), 0);
    cr_assert_not(set_has_others(&block, all));
    set_join(&block, all, some);
    cr_assert(set_has(&block, all, 3) && set_has(&block, all, 99) && !set_has(&block, all, 4));
    block_release(&block);
}
