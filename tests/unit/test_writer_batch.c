/* test_writer_batch.c - a large write, whose names and edges are read together, does what its
 * updates do one by one. */
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "tests/unit/test_writer_support.h"

#define ROUNDS 120
#define DOCUMENTS 8
#define SUBJECTS 16
#define IDENTITIES (DOCUMENTS * SUBJECTS)
#define UPDATES_MAX 64

static const char schema_text[] =
    "use expiration\n"
    "caveat office(at int) {\n    at > 0\n}\n"
    "definition user {}\n"
    "definition group {\n    relation member: user\n}\n"
    "definition document {\n"
    "    relation viewer: user | user:* | group#member | user with office | "
    "user with expiration\n}\n";

enum op { OP_CREATE, OP_TOUCH, OP_DELETE };

static const char *const op_names[] = {"create", "touch", "delete"};

static uint64_t state;

static unsigned
next_random(unsigned bound)
{
    uint64_t z = state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (unsigned)((z ^ (z >> 31)) % bound);
}

struct planned {
    enum op op;
    unsigned identity;
    bool expired;
    char text[160];
};

static void
print_subject(unsigned subject, char *out, size_t size)
{
    if (subject == 0)
        (void)snprintf(out, size, "user:*");
    else if (subject < 3)
        (void)snprintf(out, size, "group:g%u#member", subject);
    else
        (void)snprintf(out, size, "user:u%u", subject);
}

/* Half of the names are rare, so that writes find some that are new. */
static void
plan(struct planned *planned)
{
    static const char *const expirations[] = {"[expiration:2001-09-09T01:46:40Z]",
                                              "[expiration:2100-01-01T00:00:00Z]"};
    unsigned document = next_random(next_random(8) == 0 ? DOCUMENTS : DOCUMENTS / 2);
    unsigned subject = next_random(next_random(8) == 0 ? SUBJECTS : SUBJECTS / 2);
    unsigned traits = subject < 3 ? 0 : next_random(4);
    char subject_text[32];
    char end[64] = "";

    planned->op = next_random(12) == 0 ? OP_CREATE : next_random(2) == 0 ? OP_TOUCH : OP_DELETE;
    planned->identity = document * SUBJECTS + subject;
    planned->expired = false;
    print_subject(subject, subject_text, sizeof subject_text);
    if (planned->op != OP_DELETE && traits == 1) {
        planned->expired = next_random(2) == 0;
        (void)snprintf(end, sizeof end, "%s", expirations[planned->expired ? 0 : 1]);
    } else if (planned->op != OP_DELETE && traits == 2) {
        (void)snprintf(end, sizeof end, "[office:{\"at\":%u}]", next_random(3));
    }
    (void)snprintf(planned->text, sizeof planned->text, "%s document:d%u#viewer@%s%s",
                   op_names[planned->op], document, subject_text, end);
}

static bool
is_planned(const struct planned *planned, size_t count, unsigned identity)
{
    for (size_t index = 0; index < count; index++) {
        if (planned[index].identity == identity)
            return true;
    }
    return false;
}

/* As many updates as there is place for, of different identities. */
static size_t
plan_write(struct planned *planned, size_t wanted)
{
    size_t count = 0;

    for (unsigned tries = 0; tries < 4 * UPDATES_MAX && count < wanted; tries++) {
        plan(&planned[count]);
        count += !is_planned(planned, count, planned[count].identity);
    }
    return count;
}

/* The first update that must be refused; `count` = none. */
static size_t
first_recreated(const bool *there, const struct planned *planned, size_t count)
{
    size_t index = 0;

    while (index < count && !(planned[index].op == OP_CREATE && there[planned[index].identity]))
        index++;
    return index;
}

static struct engine_write *
write_of(struct rig *rig, const struct planned *planned, size_t count)
{
    struct engine_write *write;
    struct buffer text;

    buffer_init(&text);
    for (size_t index = 0; index < count; index++)
        buffer_add_format(&text, "%s\n", planned[index].text);
    write = rig_write(rig, text.data);
    buffer_release(&text);
    cr_assert_eq(write->update_count, count);
    return write;
}

/* All of the updates, each in a write of its own, and what becomes of `there`. How many deletes
 * found something. */
static uint64_t
apply_one_by_one(struct rig *rig, bool *there, const struct planned *planned, size_t count)
{
    uint64_t deleted = 0;

    for (size_t index = 0; index < count; index++) {
        struct engine_write *write = write_of(rig, &planned[index], 1);

        cr_assert_eq(rig_run(rig, write), BEHALF_OK, "%s: %s", planned[index].text,
                     write->error.message);
        deleted += write->count;
        there[planned[index].identity] = planned[index].op != OP_DELETE && !planned[index].expired;
    }
    return deleted;
}

static int
compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Refused writes use up numbers of nodes, by which what is read is ordered. */
static void
sort_lines(const char *text, struct buffer *out)
{
    char *copy = strdup(text);
    char *lines[IDENTITIES];
    size_t count = 0;

    for (char *line = copy, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        lines[count++] = line;
    }
    qsort(lines, count, sizeof *lines, compare_lines);
    for (size_t index = 0; index < count; index++)
        buffer_add_format(out, "%s\n", lines[index]);
    free(copy);
}

static void
expect_same_content(struct rig *together, struct rig *apart)
{
    struct buffer lines[2];

    buffer_init(&lines[0]);
    buffer_init(&lines[1]);
    sort_lines(rig_type(together, "document"), &lines[0]);
    sort_lines(rig_type(apart, "document"), &lines[1]);
    cr_assert(slice_equal(buffer_slice(&lines[0]), buffer_slice(&lines[1])), "%s\n---\n%s",
              lines[0].data, lines[1].data);
    cr_assert_eq(rig_count(together), rig_count(apart), "with those that have expired");
    buffer_release(&lines[0]);
    buffer_release(&lines[1]);
}

enum fault { FAULT_NONE, FAULT_TWICE, FAULT_PRECONDITION };

/* Whatever else the write would do, it does not hold. */
static void
add_failing_precondition(struct engine_write *write)
{
    static struct precondition condition = {.must_match = true};

    condition.filter.resource_type = slice_of("document");
    condition.filter.resource_id = slice_of("nosuch");
    write->preconditions = &condition;
    write->precondition_count = 1;
}

static void
run_round(struct rig *together, struct rig *apart, bool *there)
{
    struct planned planned[UPDATES_MAX];
    size_t count = plan_write(planned, 2 + next_random(UPDATES_MAX - 2));
    size_t recreated = first_recreated(there, planned, count);
    enum fault fault = next_random(8) == 0 ? (enum fault)(1 + next_random(2)) : FAULT_NONE;
    enum status expected = BEHALF_OK;
    int index = ERROR_NO_INDEX;
    uint64_t revision = rig_revision(together);
    struct engine_write *write;

    if (recreated < count) {
        expected = BEHALF_ATTEMPT_TO_RECREATE_RELATIONSHIP;
        index = (int)recreated;
    }
    if (fault == FAULT_TWICE) {
        planned[count - 1] = planned[next_random((unsigned)count - 1)];
        expected = BEHALF_UPDATES_ON_SAME_RELATIONSHIP;
        index = (int)count - 1;
    }
    write = write_of(together, planned, count);
    if (fault == FAULT_PRECONDITION) {
        add_failing_precondition(write);
        expected = BEHALF_WRITE_OR_DELETE_PRECONDITION_FAILURE;
        index = 0;
    }
    cr_assert_eq(rig_run(together, write), expected, "%s, not %s: %s", status_name(write->status),
                 status_name(expected), write->error.message);
    if (expected == BEHALF_OK) {
        cr_assert_eq(write->count, apply_one_by_one(apart, there, planned, count));
    } else {
        cr_assert_eq((int)write->error.index, index, "%s", write->error.message);
        cr_assert_eq(rig_revision(together), revision, "nothing of a refused write is kept");
    }
    expect_same_content(together, apart);
}

Test(writer_batch, a_large_write_does_what_its_updates_do_one_by_one)
{
    struct rig together;
    struct rig apart;
    bool there[IDENTITIES] = {false}; /* for readers: what has expired is not */

    rig_open(&together, schema_text);
    rig_open(&apart, schema_text);
    for (unsigned round = 0; round < ROUNDS; round++)
        run_round(&together, &apart, there);
    cr_assert_eq(store_verify(together.store, &together.gate.error), BEHALF_OK, "%s",
                 together.gate.error.message);
    rig_close(&apart);
    rig_close(&together);
}
