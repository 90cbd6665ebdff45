/* test_filter.c - filters against the naive way: look at every relationship and compare words. */
#include <stdlib.h>

#include <criterion/criterion.h>

#include "engine/filter.h"
#include "tests/unit/test_writer_support.h"

static const char schema[] = "definition user {}\n"
                             "definition group {\n"
                             "    relation member: user | group#member | group#owner\n"
                             "    relation owner: user\n"
                             "}\n"
                             "definition folder {\n"
                             "    relation parent: folder\n"
                             "    relation member: user | user:* | group#member\n"
                             "    permission view = member + parent->view\n"
                             "}\n"
                             "definition robot {}\n";

/* Ids are shared among the types, and some are prefixes of others. */
static const char *const ids[] = {"a", "ab", "abc", "abd", "b", "\"b c\"", "\"\u00e4\"", "z/1"};

#define ID_COUNT BEHALF_COUNT_OF(ids)

struct world {
    struct rig rig;
    struct arena arena;     /* of the updates: that of the rig is emptied between filters */
    struct update *updates; /* all that is stored, each once */
    size_t count;
};

static void
add(struct buffer *text, const char *resource, const char *relation, const char *subject,
    const char *tail, size_t row)
{
    const char *id = ids[row % ID_COUNT];
    const char *other = ids[row / ID_COUNT % ID_COUNT];

    buffer_add_format(text, "touch %s:%s#%s@%s:%s%s\n", resource, id, relation, subject, other,
                      tail);
}

static void
world_open(struct world *world)
{
    struct buffer text;

    rig_open(&world->rig, schema);
    buffer_init(&text);
    for (size_t row = 0; row < ID_COUNT * ID_COUNT; row++) {
        if (row % 3 == 0)
            add(&text, "group", "member", "user", "", row);
        if (row % 5 == 0)
            add(&text, "group", "owner", "user", "", row);
        if (row % 4 == 1)
            add(&text, "group", "member", "group", "#member", row);
        if (row % 7 == 2)
            add(&text, "group", "member", "group", "#owner", row);
        if (row % 6 == 3)
            add(&text, "folder", "parent", "folder", "", row);
        if (row % 3 == 1)
            add(&text, "folder", "member", "user", "", row);
        if (row % 8 == 5)
            add(&text, "folder", "member", "group", "#member", row);
    }
    buffer_add_text(&text, "touch folder:a#member@user:*\ntouch folder:abd#member@user:*\n");
    world->updates = rig_updates(&world->rig, text.data, &world->count);
    cr_assert_eq(rig_do(&world->rig, text.data)->status, BEHALF_OK);
    cr_assert_eq(rig_count(&world->rig), world->count);
    buffer_release(&text);
    world->arena = world->rig.arena;
    arena_init(&world->rig.arena, (size_t)1 << 30);
}

static bool
field_matches(struct slice wanted, struct slice have)
{
    return wanted.size == 0 || slice_equal(wanted, have);
}

static bool
naive_match(const struct relationship_filter *filter, const struct relationship *row)
{
    return field_matches(filter->resource_type, row->resource.type) &&
           field_matches(filter->resource_id, row->resource.id) &&
           slice_starts_with(row->resource.id, filter->resource_id_prefix) &&
           field_matches(filter->relation, row->resource.relation) &&
           field_matches(filter->subject_type, row->subject.type) &&
           field_matches(filter->subject_id, row->subject.id) &&
           (!filter->subject_wildcard || row->subject.wildcard) &&
           (!filter->has_subject_relation ||
            (slice_equal(filter->subject_relation, row->subject.relation) &&
             !row->subject.wildcard));
}

static int
compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts lines; the text is cut up. */
static void
sort_lines(struct rig *rig, const char *text, struct buffer *out)
{
    char *copy = (char *)(uintptr_t)arena_copy(&rig->arena, slice_of(text)).data;
    const char **lines = arena_take_array(&rig->arena, strlen(text) + 1, sizeof *lines);
    size_t count = 0;

    for (char *at = copy; *at != '\0';) {
        size_t size = strcspn(at, "\n");

        at[size] = '\0';
        lines[count++] = at;
        at += size + 1;
    }
    qsort(lines, count, sizeof *lines, compare_text);
    for (size_t at = 0; at < count; at++)
        buffer_add_format(out, "%s\n", lines[at]);
}

static void
naive_read(struct world *world, const struct relationship_filter *filter, struct buffer *out)
{
    struct buffer text;

    buffer_init(&text);
    for (size_t at = 0; at < world->count; at++) {
        if (!naive_match(filter, &world->updates[at].relationship))
            continue;
        relationship_print(&world->updates[at].relationship, &text);
        buffer_add_byte(&text, '\n');
    }
    sort_lines(&world->rig, text.data, out);
    buffer_release(&text);
}

static bool
has_relation(struct slice type, struct slice relation)
{
    static const struct {
        const char *type;
        const char *relation;
    } members[] = {{"group", "member"},
                   {"group", "owner"},
                   {"folder", "parent"},
                   {"folder", "member"},
                   {"folder", "view"}};

    for (size_t at = 0; at < BEHALF_COUNT_OF(members); at++)
        if (slice_equal(relation, slice_of(members[at].relation)) &&
            (type.size == 0 || slice_equal(type, slice_of(members[at].type))))
            return true;
    return false;
}

static const char *
naive_refusal(const struct relationship_filter *filter)
{
    bool narrow = filter->subject_id.size > 0 || filter->has_subject_relation;
    bool subject = narrow || filter->subject_wildcard;

    if (filter->resource_type.size == 0 && filter->resource_id.size == 0 &&
        filter->resource_id_prefix.size == 0 && filter->relation.size == 0 &&
        filter->subject_type.size == 0)
        return "INVALID_FILTER";
    if (filter->resource_id.size > 0 && filter->resource_id_prefix.size > 0)
        return "INVALID_FILTER";
    if (subject && filter->subject_type.size == 0)
        return "INVALID_FILTER";
    if (narrow && filter->subject_wildcard)
        return "INVALID_FILTER";
    if (filter->relation.size > 0 && !has_relation(filter->resource_type, filter->relation))
        return "UNKNOWN_RELATION_OR_PERMISSION";
    if (filter->subject_relation.size > 0 &&
        !has_relation(filter->subject_type, filter->subject_relation))
        return "UNKNOWN_RELATION_OR_PERMISSION";
    return NULL;
}

static void
compare(struct world *world, const struct relationship_filter *filter, size_t *matched)
{
    static const uint32_t limits[] = {1, 2, 3, 7, 50};
    struct rig *rig = &world->rig;
    const char *refusal = naive_refusal(filter);
    const char *all = rig_read(rig, filter, 0);
    struct buffer expected;
    struct buffer found;

    if (refusal != NULL) {
        cr_assert_str_eq(all, refusal);
        return;
    }
    buffer_init(&expected);
    buffer_init(&found);
    naive_read(world, filter, &expected);
    sort_lines(rig, all, &found);
    cr_assert_str_eq(found.data, expected.data);
    *matched += found.size > 0;
    for (size_t at = 0; at < BEHALF_COUNT_OF(limits) && found.size > 0; at++)
        cr_assert_str_eq(rig_read(rig, filter, limits[at]), all, "pages of %u",
                         (unsigned)limits[at]);
    buffer_release(&found);
    buffer_release(&expected);
}

/* Every combination of the fields, each absent or with one of these values. */
Test(filter, every_combination_of_fields, .timeout = 120)
{
    static const char *const types[] = {"", "group", "folder", "user"};
    static const char *const resource_ids[] = {"", "a", "abd", "nobody"};
    static const char *const prefixes[] = {"", "a", "ab", "zz"};
    static const char *const relations[] = {"", "member", "parent", "view"};
    static const char *const subject_types[] = {"", "user", "group", "robot"};
    static const char *const subject_ids[] = {"", "ab", "\u00e4", "nobody"};
    static const char *const subject_relations[] = {"", "member", "owner", NULL};
    static struct world world;
    size_t matched = 0;

    world_open(&world);
    for (unsigned code = 0; code < 1U << 15; code++) {
        const char *subject_relation = subject_relations[code >> 12 & 3];
        struct relationship_filter filter = {
            .resource_type = slice_of(types[code & 3]),
            .resource_id = slice_of(resource_ids[code >> 2 & 3]),
            .resource_id_prefix = slice_of(prefixes[code >> 4 & 3]),
            .relation = slice_of(relations[code >> 6 & 3]),
            .subject_type = slice_of(subject_types[code >> 8 & 3]),
            .subject_id = slice_of(subject_ids[code >> 10 & 3]),
            .subject_relation = slice_of(subject_relation == NULL ? "" : subject_relation),
            .has_subject_relation = (code >> 12 & 3) != 0, /* NULL: present and empty */
            .subject_wildcard = code >> 14 != 0,
        };

        if (filter.resource_id.size > 0 && filter.resource_id_prefix.size > 0 && code % 5 != 0)
            continue; /* refused; a fifth of them will do */
        if (filter.subject_wildcard && (code >> 10 & 15) != 0 && code % 5 != 0)
            continue; /* likewise */
        compare(&world, &filter, &matched);
        arena_reset(&world.rig.arena, (size_t)1 << 30);
    }
    cr_assert_gt(matched, 330, "filters that match: %zu", matched);
    rig_close(&world.rig);
    arena_release(&world.arena);
}

Test(filter, ids_that_no_object_can_have_are_refused)
{
    static char long_id[OBJECT_ID_SIZE_MAX + 1];
    struct relationship_filter filters[] = {
        {.resource_id = {long_id, sizeof long_id}},
        {.resource_id_prefix = {long_id, sizeof long_id}},
        {.resource_id = SLICE_LITERAL("*")},
        {.resource_id = SLICE_LITERAL("\n")},
        {.subject_type = SLICE_LITERAL("user"), .subject_id = SLICE_LITERAL("*")},
        {.subject_type = SLICE_LITERAL("user"), .subject_id = SLICE_LITERAL("\xff")},
    };
    struct relationship_filter unknown[] = {
        {.resource_type = SLICE_LITERAL("nosuch")},
        {.subject_type = SLICE_LITERAL("nosuch")},
        {.resource_type = SLICE_LITERAL("user"), .subject_type = SLICE_LITERAL("nosuch")},
    };
    struct rig rig;

    memset(long_id, 'x', sizeof long_id);
    rig_open(&rig, schema);
    for (size_t at = 0; at < BEHALF_COUNT_OF(filters); at++)
        cr_assert_str_eq(rig_read(&rig, &filters[at], 0), "INVALID_OBJECT_ID", "%zu", at);
    for (size_t at = 0; at < BEHALF_COUNT_OF(unknown); at++)
        cr_assert_str_eq(rig_read(&rig, &unknown[at], 0), "UNKNOWN_DEFINITION", "%zu", at);
    rig_close(&rig);
}

/* More nodes behind one prefix than are fetched at a time. */
Test(filter, a_prefix_of_many_objects)
{
    struct relationship_filter filter = {
        .resource_type = SLICE_LITERAL("folder"),
        .resource_id_prefix = SLICE_LITERAL("tenant1/"),
    };
    struct rig rig;
    struct buffer text;
    struct buffer expected;

    rig_open(&rig, schema);
    buffer_init(&text);
    buffer_init(&expected);
    for (unsigned at = 0; at < 300; at++) { /* written backwards, read in the order of ids */
        buffer_add_format(&text, "touch folder:tenant1/%03u#member@user:a\n", 299 - at);
        buffer_add_format(&text, "touch folder:tenant2/%03u#member@user:a\n", at);
        buffer_add_format(&expected, "folder:tenant1/%03u#member@user:a\n", at);
    }
    cr_assert_eq(rig_do(&rig, text.data)->status, BEHALF_OK);
    cr_assert_str_eq(rig_read(&rig, &filter, 0), expected.data);
    cr_assert_str_eq(rig_read(&rig, &filter, 1), expected.data);
    cr_assert_str_eq(rig_read(&rig, &filter, 64), expected.data);
    buffer_release(&expected);
    buffer_release(&text);
    rig_close(&rig);
}

/* What matches and what does not is paid for alike, so a filter cannot hold a thread for ever. */
Test(filter, a_budget_bounds_the_walk)
{
    static struct world world;
    struct relationship_filter filter = {
        .relation = SLICE_LITERAL("member"),
        .subject_type = SLICE_LITERAL("user"),
    };
    struct filter_view view = {.revision = 2};
    struct binding *binding = NULL;
    struct store_snapshot *snapshot = NULL;
    size_t matched = 0;

    world_open(&world);
    cr_assert_eq(store_snapshot_open(world.rig.store, &snapshot, NULL), BEHALF_OK);
    cr_assert_eq(binding_load(world.rig.store, snapshot, 2, &binding, NULL), BEHALF_OK);
    view.binding = binding;
    view.snapshot = snapshot;
    for (uint64_t edges = 0; edges < 60; edges += 7) {
        struct filter_scan *scan = NULL;
        struct budget budget;
        struct edge edge;
        enum status status;

        budget_init(&budget, env_system(), edges, INT64_MAX, NULL);
        cr_assert_eq(filter_scan_open(&filter, &view, NULL, &world.rig.arena, &scan, NULL),
                     BEHALF_OK);
        filter_scan_pay(scan, &budget);
        matched = 0;
        while ((status = filter_scan_next(scan, &edge, NULL)) == BEHALF_OK)
            matched++;
        filter_scan_close(scan);
        cr_assert_eq(status, BEHALF_BUDGET_EXHAUSTED);
        cr_assert_leq(matched, edges);
    }
    cr_assert_gt(matched, 0);
    binding_unref(binding);
    store_snapshot_close(snapshot);
    rig_close(&world.rig);
    arena_release(&world.arena);
}

/* What is public can be found among many grants at the price of what is found. */
Test(filter, the_wildcard_costs_what_it_finds)
{
    static struct world world;
    struct relationship_filter filters[] = {
        {.subject_type = SLICE_LITERAL("user"), .subject_wildcard = true},
        {.resource_type = SLICE_LITERAL("folder"),
         .relation = SLICE_LITERAL("member"),
         .subject_type = SLICE_LITERAL("user"),
         .subject_wildcard = true},
    };
    struct rig *rig = &world.rig;

    world_open(&world);
    for (size_t at = 0; at < BEHALF_COUNT_OF(filters); at++) {
        struct filter_view view = {.revision = 2};
        struct binding *binding = NULL;
        struct store_snapshot *snapshot = NULL;
        struct filter_scan *scan = NULL;
        struct budget budget;
        struct edge edge;
        size_t matched = 0;

        cr_assert_eq(store_snapshot_open(rig->store, &snapshot, NULL), BEHALF_OK);
        cr_assert_eq(binding_load(rig->store, snapshot, 2, &binding, NULL), BEHALF_OK);
        view.binding = binding;
        view.snapshot = snapshot;
        budget_init(&budget, env_system(), 3, INT64_MAX, NULL); /* one range, two edges */
        cr_assert_eq(filter_scan_open(&filters[at], &view, NULL, &rig->arena, &scan, NULL),
                     BEHALF_OK);
        filter_scan_pay(scan, &budget);
        while (filter_scan_next(scan, &edge, NULL) == BEHALF_OK)
            matched++;
        filter_scan_close(scan);
        cr_expect_eq(matched, 2, "%zu", at);
        binding_unref(binding);
        store_snapshot_close(snapshot);
    }
    rig_close(rig);
    arena_release(&world.arena);
}
