/* test_writer_conditions.c - relationships with caveats and expirations: which are accepted, what
 * is stored of them, and that what has expired is not there. */
#include <stdio.h>

#include <criterion/criterion.h>

#include "tests/unit/test_writer_support.h"

#define SECOND INT64_C(1000000000)
#define HOUR (3600 * SECOND)

/* --- exactly the variants that the schema allows --- */

#define KINDS 3
#define CAVEATS 3
#define VARIANTS (KINDS * CAVEATS * 2)

static const char *const kind_types[KINDS] = {"user", "user:*", "group#member"};
static const char *const kind_subjects[KINDS] = {"user:ann", "user:*", "group:eng#member"};
static const char *const caveat_types[CAVEATS] = {NULL, "office", "hours"};
static const char *const caveat_values[CAVEATS] = {"", "[office]", "[hours:{\"hour\":7}]"};
static const char *const caveats_text =
    "use expiration\n"
    "caveat office(there bool) {\n    there\n}\n"
    "caveat hours(hour int, names map<string>) {\n    hour < 8 && size(names) > 0\n}\n"
    "definition user {}\n"
    "definition group {\n    relation member: user\n}\n";

static void
print_variant(unsigned variant, struct buffer *out)
{
    const char *caveat = caveat_types[variant / KINDS % CAVEATS];
    bool expiring = variant / (KINDS * CAVEATS) != 0;

    buffer_add_text(out, kind_types[variant % KINDS]);
    if (caveat != NULL)
        buffer_add_format(out, " with %s", caveat);
    if (expiring)
        buffer_add_text(out, caveat != NULL ? " and expiration" : " with expiration");
}

/* "only_a" allows variant 0 and no other, "less_a" all others. */
static void
print_schema(struct buffer *out)
{
    buffer_add_text(out, caveats_text);
    buffer_add_text(out, "definition document {\n");
    for (unsigned variant = 0; variant < VARIANTS; variant++) {
        buffer_add_format(out, "    relation only_%c: ", (char)('a' + variant));
        print_variant(variant, out);
        buffer_add_format(out, "\n    relation less_%c: ", (char)('a' + variant));
        for (unsigned other = 0, count = 0; other < VARIANTS; other++) {
            if (other == variant)
                continue;
            buffer_add_text(out, count++ == 0 ? "" : " | ");
            print_variant(other, out);
        }
        buffer_add_text(out, "\n");
    }
    buffer_add_text(out, "}\n");
}

static void
print_written(const char *op, const char *relation, char letter, unsigned variant,
              struct buffer *out)
{
    buffer_clear(out);
    buffer_add_format(out, "%sdocument:1#%s_%c@%s%s%s", op, relation, letter,
                      kind_subjects[variant % KINDS], caveat_values[variant / KINDS % CAVEATS],
                      variant / (KINDS * CAVEATS) != 0 ? "[expiration:2100-01-01T00:00:00Z]" : "");
}

/* Written and read back where allowed; else refused, with what was written in the message. */
static void
try_variant(struct rig *rig, const char *relation, char letter, unsigned variant, bool allowed)
{
    struct relationship_filter filter = {.resource_type = slice_of("document")};
    struct engine_write *write;
    struct buffer text;
    struct buffer expected;

    buffer_init(&text);
    buffer_init(&expected);
    print_written("touch ", relation, letter, variant, &text);
    write = rig_do(rig, text.data);
    if (allowed) {
        cr_assert_eq(write->status, BEHALF_OK, "%s: %s", text.data, write->error.message);
        print_written("", relation, letter, variant, &expected);
        buffer_add_text(&expected, "\n");
        cr_assert_str_eq(rig_read(rig, &filter, 0), expected.data);
        print_written("delete ", relation, letter, variant, &text);
        cr_assert_eq(rig_do(rig, text.data)->status, BEHALF_OK);
    } else {
        cr_assert_eq(write->status, BEHALF_INVALID_SUBJECT_TYPE, "%s", text.data);
        buffer_add_format(&expected, "relation 'document#%s_%c' does not allow '", relation,
                          letter);
        print_variant(variant, &expected);
        buffer_add_text(&expected, "'");
        cr_assert_str_eq(write->error.message, expected.data);
        cr_assert(strncmp(write->error.hint, "allowed: ", 9) == 0, "%s", write->error.hint);
    }
    cr_assert_eq(rig_count(rig), 0);
    buffer_release(&expected);
    buffer_release(&text);
}

Test(writer_conditions, accepts_exactly_the_variants_that_a_relation_allows)
{
    struct rig rig;
    struct buffer schema;

    buffer_init(&schema);
    print_schema(&schema);
    rig_open(&rig, schema.data);
    for (unsigned only = 0; only < VARIANTS; only++) {
        for (unsigned variant = 0; variant < VARIANTS; variant++) {
            try_variant(&rig, "only", (char)('a' + only), variant, variant == only);
            try_variant(&rig, "less", (char)('a' + only), variant, variant != only);
        }
    }
    rig_close(&rig);
    buffer_release(&schema);
}

static char conditions_schema[2048];

static void
open_conditions(struct rig *rig)
{
    (void)snprintf(conditions_schema, sizeof conditions_schema,
                   "%sdefinition document {\n"
                   "    relation viewer: user | user with office | user with hours | "
                   "user with expiration | user with hours and expiration\n"
                   "    relation owner: user with office and expiration\n"
                   "    relation other: user\n"
                   "}\n",
                   caveats_text);
    rig_open(rig, conditions_schema);
}

static void
expect(struct rig *rig, const char *updates, enum status status, const char *message)
{
    struct engine_write *write = rig_do(rig, updates);

    cr_assert_eq(write->status, status, "%s: %s: %s", updates, status_name(write->status),
                 write->error.message);
    cr_assert(message == NULL || strcmp(write->error.message, message) == 0, "%s: %s", updates,
              write->error.message);
}

Test(writer_conditions, a_delete_may_leave_out_what_it_deletes)
{
    static const struct {
        const char *update;
        bool deletes;
    } deletes[] = {
        {"delete document:1#owner@user:ann", true},
        {"delete document:1#owner@user:ann[office]", true},
        {"delete document:1#owner@user:ann[expiration:2099-01-01T00:00:00Z]", true},
        {"delete document:1#owner@user:ann[office][expiration:2099-01-01T00:00:00Z]", true},
        {"delete document:1#owner@user:ann[hours]", false},
        {"delete document:1#other@user:ann[office]", false},
        {"delete document:1#other@user:ann[expiration:2099-01-01T00:00:00Z]", false},
    };
    struct rig rig;

    open_conditions(&rig);
    for (size_t index = 0; index < BEHALF_COUNT_OF(deletes); index++) {
        expect(&rig,
               "touch document:1#owner@user:ann[office][expiration:2100-01-01T00:00:00Z]\n"
               "touch document:1#other@user:ann",
               BEHALF_OK, NULL);
        expect(&rig, deletes[index].update,
               deletes[index].deletes ? BEHALF_OK : BEHALF_INVALID_SUBJECT_TYPE, NULL);
        cr_assert_eq(rig_count(&rig), deletes[index].deletes ? 1 : 2, "%s", deletes[index].update);
    }
    rig_close(&rig);
}

/* --- contexts --- */

Test(writer_conditions, contexts_are_checked_against_their_caveat)
{
    struct rig rig;

    open_conditions(&rig);
    expect(&rig, "touch document:1#viewer@user:a[nights]", BEHALF_UNKNOWN_CAVEAT,
           "the schema has no caveat 'nights'");
    expect(&rig, "delete document:1#viewer@user:a[nights]", BEHALF_UNKNOWN_CAVEAT, NULL);
    expect(&rig, "touch document:1#viewer@user:a[hours:{\"hour\":\"late\"}]",
           BEHALF_CAVEAT_PARAMETER_TYPE_ERROR, NULL);
    expect(&rig, "touch document:1#viewer@user:a[hours:{\"minute\":1}]",
           BEHALF_CAVEAT_PARAMETER_TYPE_ERROR, NULL);
    cr_assert_eq(rig_count(&rig), 0);
    cr_assert_eq(rig_revision(&rig), 1);
    rig_close(&rig);
}

Test(writer_conditions, the_update_at_fault_is_named)
{
    struct rig rig;
    struct engine_write *write;

    open_conditions(&rig);
    write = rig_do(&rig, "touch document:1#viewer@user:a[hours:{\"hour\":1}]\n"
                         "touch document:1#viewer@user:b[hours:{\"hour\":true}]");
    cr_assert_eq(write->status, BEHALF_CAVEAT_PARAMETER_TYPE_ERROR);
    cr_assert_eq(write->error.index, 1);
    rig_close(&rig);
}

Test(writer_conditions, contexts_are_stored_canonically)
{
    struct rig rig;

    open_conditions(&rig);
    expect(&rig,
           "touch document:1#viewer@user:a"
           "[hours:{ \"names\": {\"b\":\"2\",\"a\":\"1\"}, \"hour\": 7}]",
           BEHALF_OK, NULL);
    cr_assert_str_eq(
        rig_type(&rig, "document"),
        "document:1#viewer@user:a[hours:{\"hour\":7,\"names\":{\"a\":\"1\",\"b\":\"2\"}}]\n");
    /* An equal context is the same relationship; without one there is none to read. */
    expect(&rig, "touch document:1#viewer@user:a[hours]", BEHALF_OK, NULL);
    cr_assert_str_eq(rig_type(&rig, "document"), "document:1#viewer@user:a[hours]\n");
    rig_close(&rig);
}

/* `{"names":{"k":"xx..."}}` with so many x: in storage five bytes of map, nine of its key, five of
 * map, five of its key and five of string, and the x. */
static enum status
write_context_of(struct rig *rig, size_t size)
{
    struct buffer text;
    enum status status;

    buffer_init(&text);
    buffer_add_text(&text, "touch document:1#viewer@user:a[hours:{\"names\":{\"k\":\"");
    for (size_t index = 0; index + 29 < size; index++)
        buffer_add_byte(&text, 'x');
    buffer_add_text(&text, "\"}}]");
    status = rig_do(rig, text.data)->status;
    buffer_release(&text);
    return status;
}

Test(writer_conditions, a_context_takes_at_most_four_kibibytes)
{
    struct rig rig;

    open_conditions(&rig);
    cr_assert_eq(write_context_of(&rig, ENGINE_CONTEXT_SIZE_MAX), BEHALF_OK);
    cr_assert_eq(write_context_of(&rig, ENGINE_CONTEXT_SIZE_MAX + 1),
                 BEHALF_MAX_RELATIONSHIP_CONTEXT_SIZE);
    rig_close(&rig);
}

/* --- what has expired is not there --- */

/* A relationship that expires so long from now. */
static const char *
expiring(struct rig *rig, const char *update, int64_t in_ns)
{
    struct engine_clock clock;
    struct buffer text;
    struct slice kept;

    engine_clock_read(rig->engine, &clock);
    buffer_init(&text);
    buffer_add_format(&text, "%s[expiration:", update);
    time_print(clock.now_ns + in_ns, &text);
    buffer_add_text(&text, "]");
    kept = arena_copy(&rig->arena, buffer_slice(&text));
    buffer_release(&text);
    return kept.data;
}

Test(writer_conditions, an_expiration_in_the_past_is_accepted_and_never_visible)
{
    struct rig rig;

    open_conditions(&rig);
    expect(&rig, "create document:1#viewer@user:a[expiration:2001-01-01T00:00:00Z]", BEHALF_OK,
           NULL);
    cr_assert_str_eq(rig_type(&rig, "document"), "");
    cr_assert_eq(rig_count(&rig), 1);
    rig_close(&rig);
}

Test(writer_conditions, an_expired_relationship_can_be_created_touched_and_deleted)
{
    struct rig rig;

    open_conditions(&rig);
    expect(&rig, expiring(&rig, "create document:1#viewer@user:a", HOUR), BEHALF_OK, NULL);
    expect(&rig, "create document:1#viewer@user:a", BEHALF_ATTEMPT_TO_RECREATE_RELATIONSHIP, NULL);
    rig_pass(&rig, HOUR);
    expect(&rig, "create document:1#viewer@user:a[office]", BEHALF_OK, NULL);
    cr_assert_str_eq(rig_type(&rig, "document"), "document:1#viewer@user:a[office]\n");
    expect(&rig, expiring(&rig, "touch document:1#viewer@user:a", HOUR), BEHALF_OK, NULL);
    rig_pass(&rig, HOUR);
    cr_assert_str_eq(rig_type(&rig, "document"), "");
    expect(&rig, "delete document:1#viewer@user:a", BEHALF_OK, NULL);
    cr_assert_eq(rig_count(&rig), 0);
    rig_close(&rig);
}

Test(writer_conditions, a_write_counts_what_its_deletes_found)
{
    struct engine_write *write;
    struct rig rig;

    open_conditions(&rig);
    expect(&rig, expiring(&rig, "touch document:1#viewer@user:a", HOUR), BEHALF_OK, NULL);
    expect(&rig, "touch document:1#viewer@user:b[office]", BEHALF_OK, NULL);
    write = rig_do(&rig, "delete document:1#viewer@user:b");
    cr_assert(write->status == BEHALF_OK && write->count == 1 && !write->repeated);
    write = rig_do(&rig, "delete document:1#viewer@user:b");
    cr_assert(write->status == BEHALF_OK && write->count == 0);
    rig_pass(&rig, HOUR);
    write = rig_do(&rig, "delete document:1#viewer@user:a");
    cr_assert(write->status == BEHALF_OK && write->count == 0, "it had expired");
    cr_assert_eq(rig_count(&rig), 0);
    rig_close(&rig);
}

/* A create that makes a name has none to read. */
Test(writer_conditions, each_update_reads_its_relationship_once)
{
    static const char *const updates[] = {
        "create document:1#viewer@user:a", "touch document:1#viewer@user:a[office]",
        "delete document:1#viewer@user:a", "delete document:1#viewer@user:a", /* finds nothing */
    };
    struct rig rig;

    open_conditions(&rig);
    for (size_t index = 0; index < BEHALF_COUNT_OF(updates); index++) {
        unsigned before = rig_edge_reads(&rig);

        expect(&rig, updates[index], BEHALF_OK, NULL);
        cr_assert_eq(rig_edge_reads(&rig) - before, index == 0 ? 0 : 1, "%s", updates[index]);
    }
    expect(&rig, expiring(&rig, "create document:1#viewer@user:a", HOUR), BEHALF_OK, NULL);
    rig_pass(&rig, HOUR);
    for (size_t index = 0; index < 2; index++) {
        unsigned before = rig_edge_reads(&rig);

        expect(&rig, "create document:1#viewer@user:a",
               index == 0 ? BEHALF_OK : BEHALF_ATTEMPT_TO_RECREATE_RELATIONSHIP, NULL);
        cr_assert_eq(rig_edge_reads(&rig) - before, 1, "create %zu", index);
    }
    rig_close(&rig);
}

Test(writer_conditions, a_touch_replaces_caveat_context_and_expiration)
{
    static const char *const states[] = {
        "document:1#viewer@user:a[hours:{\"hour\":1}][expiration:2100-01-01T00:00:00Z]",
        "document:1#viewer@user:a[hours:{\"hour\":2}]",
        "document:1#viewer@user:a[expiration:2101-01-01T00:00:00Z]",
        "document:1#viewer@user:a[hours][expiration:2101-01-01T00:00:00Z]",
        "document:1#viewer@user:a",
    };
    struct rig rig;
    char text[256];

    open_conditions(&rig);
    for (size_t index = 0; index < BEHALF_COUNT_OF(states); index++) {
        (void)snprintf(text, sizeof text, "touch %s", states[index]);
        expect(&rig, text, BEHALF_OK, NULL);
        (void)snprintf(text, sizeof text, "%s\n", states[index]);
        cr_assert_str_eq(rig_type(&rig, "document"), text);
    }
    rig_close(&rig);
}

Test(writer_conditions, preconditions_and_deletes_do_not_see_what_has_expired)
{
    struct precondition absent = {.filter.resource_type = slice_of("document")};
    struct rig rig;
    struct engine_write *write;

    open_conditions(&rig);
    expect(&rig, expiring(&rig, "create document:1#viewer@user:a", HOUR), BEHALF_OK, NULL);
    for (int passed = 0; passed < 2; passed++) {
        write = rig_write(&rig, "touch group:g#member@user:a");
        write->preconditions = &absent;
        write->precondition_count = 1;
        cr_assert_eq(rig_run(&rig, write),
                     passed != 0 ? BEHALF_OK : BEHALF_WRITE_OR_DELETE_PRECONDITION_FAILURE);
        rig_pass(&rig, HOUR);
    }
    write = rig_write(&rig, NULL);
    write->kind = WRITE_DELETE;
    write->filter.resource_type = slice_of("document");
    cr_assert_eq(rig_run(&rig, write), BEHALF_OK);
    cr_assert(write->count == 0 && write->complete);
    cr_assert_eq(rig_count(&rig), 2);
    rig_close(&rig);
}

Test(writer_conditions, what_has_expired_is_in_no_old_revision_either)
{
    struct relationships_read read = {.filter.resource_type = slice_of("document")};
    struct relationships_read_result result;
    struct engine_request request = {.consistency = CONSISTENCY_AT_EXACT_SNAPSHOT};
    struct rig rig;
    struct engine_write *write;

    open_conditions(&rig);
    request.arena = &rig.arena;
    write = rig_do(&rig, expiring(&rig, "create document:1#viewer@user:a", HOUR));
    request.token = slice_of(write->written_at.text);
    cr_assert_eq(engine_relationships_read(rig.worker, &request, &read, &result, NULL), BEHALF_OK);
    cr_assert_eq(result.relationship_count, 1);
    rig_pass(&rig, HOUR);
    for (int swept = 0; swept < 2; swept++) {
        cr_assert_eq(engine_relationships_read(rig.worker, &request, &read, &result, NULL),
                     BEHALF_OK);
        cr_assert_eq(result.relationship_count, 0);
        cr_assert_eq(rig_sweep(&rig, 0), swept == 0 ? 1 : 0);
    }
    rig_close(&rig);
}

/* Of ten, those with an odd number expire between the pages, also the one the cursor stands on. */
Test(writer_conditions, each_page_has_a_time_of_its_own)
{
    struct relationships_read read = {.filter.resource_type = slice_of("document"), .limit = 3};
    struct relationships_read_result result;
    struct engine_request request = {.consistency = CONSISTENCY_FULL};
    struct rig rig;
    char update[64];
    size_t later = 0;

    open_conditions(&rig);
    request.arena = &rig.arena;
    for (int index = 0; index < 10; index++) {
        (void)snprintf(update, sizeof update, "create document:%d#viewer@user:a", index);
        expect(&rig, index % 2 != 0 ? expiring(&rig, update, HOUR) : update, BEHALF_OK, NULL);
    }
    cr_assert_eq(engine_relationships_read(rig.worker, &request, &read, &result, NULL), BEHALF_OK);
    cr_assert_eq(result.relationship_count, 3);
    rig_pass(&rig, HOUR);
    cr_assert_eq(rig_sweep(&rig, 0), 5);
    while (!result.complete) {
        read.cursor = arena_copy(&rig.arena, slice_of(result.cursor.text));
        cr_assert_eq(engine_relationships_read(rig.worker, &request, &read, &result, NULL),
                     BEHALF_OK);
        for (size_t index = 0; index < result.relationship_count; index++) {
            cr_assert_eq((result.relationships[index].resource.id.data[0] - '0') % 2, 0);
            later++;
        }
    }
    cr_assert_eq(later, 3); /* 4, 6 and 8; the first page had 0, 1 and 2 */
    rig_close(&rig);
}
