/* harness_ids.c - walking the pages of lookups, and their ids as text. */
#include "tests/support/harness_ids.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

#define TEXT_SIZE 65536

static void
ids_init(struct harness_ids *ids)
{
    *ids = (struct harness_ids){.ids = NULL};
    arena_init(&ids->arena, SIZE_MAX);
}

void
harness_ids_release(struct harness_ids *ids)
{
    memory_free(ids->ids);
    arena_release(&ids->arena);
}

static void
ids_add(struct harness_ids *ids, enum harness_ids_kind kind, struct slice id, const char *answer)
{
    if ((ids->count & (ids->count + 1)) == 0)
        ids->ids = memory_resize(ids->ids, 2 * ids->count + 2, sizeof *ids->ids);
    ids->ids[ids->count++] = (struct harness_id){kind, arena_copy(&ids->arena, id), answer};
}

static int
ids_compare(const void *a, const void *b)
{
    const struct harness_id *left = a;
    const struct harness_id *right = b;

    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    return slice_compare(left->id, right->id);
}

static void
ids_sort(struct harness *harness, struct harness_ids *ids)
{
    if (ids->count > 1)
        qsort(ids->ids, ids->count, sizeof *ids->ids, ids_compare);
    for (size_t i = 1; i < ids->count; i++)
        if (ids_compare(&ids->ids[i - 1], &ids->ids[i]) == 0)
            harness_fail(harness, "a lookup gives %.*s twice", SLICE_PRINTF(ids->ids[i].id));
}

const struct harness_id *
harness_ids_find(const struct harness_ids *ids, enum harness_ids_kind kind, struct slice id)
{
    struct harness_id wanted = {.kind = kind, .id = id};

    if (ids->count == 0)
        return NULL;
    return bsearch(&wanted, ids->ids, ids->count, sizeof *ids->ids, ids_compare);
}

bool
harness_is_undecided(enum status status)
{
    return status == BEHALF_CYCLE_THROUGH_EXCLUSION || status == BEHALF_CAVEAT_EVALUATION_ERROR ||
           status == BEHALF_CAVEAT_PARAMETER_TYPE_ERROR;
}

const char *
harness_answer(struct arena *arena, enum status status, enum decision decision,
               const struct missing_context *missing)
{
    struct buffer text = {0};
    const char *answer;

    if (status != BEHALF_OK)
        return status_name(status);
    if (decision != DECISION_CONDITIONAL)
        return decision == DECISION_ALLOW ? "allow" : "deny";
    buffer_init(&text);
    buffer_add_text(&text, "conditional on");
    for (size_t i = 0; i < missing->count; i++)
        buffer_add_format(&text, "%s%.*s", i > 0 ? ", " : " ", SLICE_PRINTF(missing->names[i]));
    answer = arena_copy(arena, buffer_slice(&text)).data;
    buffer_release(&text);
    return answer;
}

/* Pages of this size end after each row by its bytes. */
#define PAGE_BY_BYTES (ENGINE_PAGE_MAX - 1)

static size_t
page_bytes(uint32_t limit)
{
    return limit == PAGE_BY_BYTES ? 1 : 0;
}

enum status
harness_ids_of_resources(struct harness *harness, int side, struct slice type,
                         struct slice permission, const struct object *subject, uint32_t limit,
                         struct harness_ids *ids)
{
    struct lookup_resources lookup = {.resource_type = type,
                                      .permission = permission,
                                      .subject = *subject,
                                      .context = harness->context,
                                      .limit = limit,
                                      .most_bytes = page_bytes(limit)};
    struct engine_token cursor = {.text = ""};

    ids_init(ids);
    do {
        struct engine_request request = harness_request(&harness->sides[side], NULL);
        struct lookup_resources_result result;
        struct error error;
        enum status status;

        lookup.cursor = slice_of(cursor.text);
        status = engine_lookup_resources(harness->sides[side].worker, &request, &lookup, &result,
                                         &error);
        if (status != BEHALF_OK)
            return status;
        for (size_t i = 0; i < result.resource_count; i++)
            ids_add(ids, HARNESS_IDS_MEMBER, result.resources[i].id,
                    harness_answer(&ids->arena, BEHALF_OK, result.resources[i].decision,
                                   &result.resources[i].missing));
        for (size_t i = 0; i < result.undecided_count; i++)
            ids_add(ids, HARNESS_IDS_UNDECIDED, result.undecided[i].id,
                    status_name(result.undecided[i].error.status));
        if (result.resource_count > limit)
            harness_fail(harness, "a page of %zu over the limit %u", result.resource_count, limit);
        cursor = result.cursor;
        if (cursor.text[0] == '\0' && result.undecided_count > 0 && result.complete)
            harness_fail(harness, "lookup_resources is complete, with something undecided");
    } while (cursor.text[0] != '\0');
    ids_sort(harness, ids);
    return BEHALF_OK;
}

static void
add_subject(struct harness *harness, const struct lookup_subject *subject, struct harness_ids *ids)
{
    const char *answer =
        harness_answer(&ids->arena, BEHALF_OK, subject->decision, &subject->missing);

    if (!subject->wildcard) {
        ids_add(ids, HARNESS_IDS_MEMBER, subject->id, answer);
        return;
    }
    if ((ids->wildcard != NULL) != ids->more_excluded)
        harness_fail(harness, "lookup_subjects gives the wildcard twice");
    ids->wildcard = answer;
    ids->more_excluded = subject->more_excluded;
    for (size_t i = 0; i < subject->excluded_count; i++)
        ids_add(ids, HARNESS_IDS_EXCLUDED, subject->excluded[i].id,
                subject->excluded[i].decision == DECISION_ALLOW ? "allow" : "conditional");
}

enum status
harness_ids_of_subjects(struct harness *harness, int side, const struct object *resource,
                        struct slice permission, struct slice type, struct slice relation,
                        uint32_t limit, struct harness_ids *ids)
{
    struct lookup_subjects lookup = {.resource = *resource,
                                     .permission = permission,
                                     .subject_type = type,
                                     .subject_relation = relation,
                                     .context = harness->context,
                                     .limit = limit,
                                     .most_bytes = page_bytes(limit)};
    struct engine_token cursor = {.text = ""};

    ids_init(ids);
    do {
        struct engine_request request = harness_request(&harness->sides[side], NULL);
        struct lookup_subjects_result result;
        struct error error;
        enum status status;

        lookup.cursor = slice_of(cursor.text);
        status =
            engine_lookup_subjects(harness->sides[side].worker, &request, &lookup, &result, &error);
        if (status != BEHALF_OK)
            return status;
        for (size_t i = 0; i < result.subject_count; i++)
            add_subject(harness, &result.subjects[i], ids);
        cursor = result.cursor;
        if (result.complete != (cursor.text[0] == '\0'))
            harness_fail(harness, "lookup_subjects: completeness and cursor contradict");
    } while (cursor.text[0] != '\0');
    ids_sort(harness, ids);
    return BEHALF_OK;
}

/* --- as text --- */

static const char *
conditions_mark(const char *answer)
{
    return strncmp(answer, "conditional", strlen("conditional")) == 0 ? "[...]" : "";
}

static void
print_kind(const struct harness_ids *ids, enum harness_ids_kind kind, const char *behind,
           struct buffer *out)
{
    for (size_t i = 0; i < ids->count; i++)
        if (ids->ids[i].kind == kind)
            buffer_add_format(
                out, "%s%.*s%s%s", out->size > 0 && out->data[out->size - 1] != '{' ? " " : "",
                SLICE_PRINTF(ids->ids[i].id), conditions_mark(ids->ids[i].answer), behind);
}

static void
print_resources(const struct harness_ids *ids, struct buffer *out)
{
    print_kind(ids, HARNESS_IDS_MEMBER, "", out);
    print_kind(ids, HARNESS_IDS_UNDECIDED, "?", out);
}

static void
print_subjects(const struct harness_ids *ids, struct buffer *out)
{
    if (ids->wildcard != NULL) {
        buffer_add_format(out, "*%s{", conditions_mark(ids->wildcard));
        print_kind(ids, HARNESS_IDS_EXCLUDED, "", out);
        buffer_add_text(out, "}");
    }
    print_kind(ids, HARNESS_IDS_MEMBER, "", out);
}

/* All ways to ask must give one text, which stays valid until the next question. */
static const char *
keep_text(struct harness *harness, const struct buffer *text, bool first)
{
    static char kept[TEXT_SIZE];

    if (first)
        snprintf(kept, sizeof kept, "%s", text->data);
    else if (strncmp(kept, text->data, sizeof kept - 1) != 0)
        harness_fail(harness, "a lookup says '%.200s', then '%.200s'", kept, text->data);
    return kept;
}

static const uint32_t page_sizes[] = {ENGINE_PAGE_MAX, 1, 2, 5, PAGE_BY_BYTES};

const char *
harness_resources(struct harness *harness, const char *question)
{
    const char *hash = strchr(question, '#');
    const char *at = strchr(question, '@');
    const char *kept = "";
    struct object subject;
    struct buffer text = {0};
    struct arena arena;
    struct error error;

    BEHALF_ASSERT(hash != NULL && at != NULL && hash < at);
    arena_init(&arena, SIZE_MAX);
    buffer_init(&text);
    BEHALF_ASSERT(object_parse(slice_of(at + 1), &arena, &subject, &error) == BEHALF_OK);
    for (size_t i = 0; i < 2 * BEHALF_COUNT_OF(page_sizes); i++) {
        struct harness_ids ids;
        enum status status = harness_ids_of_resources(
            harness, (int)(i % 2), (struct slice){question, (size_t)(hash - question)},
            (struct slice){hash + 1, (size_t)(at - hash - 1)}, &subject, page_sizes[i / 2], &ids);

        buffer_clear(&text);
        if (status == BEHALF_OK)
            print_resources(&ids, &text);
        else
            buffer_add_text(&text, status_name(status));
        harness_ids_release(&ids);
        kept = keep_text(harness, &text, i == 0);
    }
    buffer_release(&text);
    arena_release(&arena);
    return kept;
}

size_t
harness_count_resources(struct harness *harness, const char *question, uint32_t limit)
{
    const char *hash = strchr(question, '#');
    const char *at = strchr(question, '@');
    struct harness_ids ids;
    struct object subject;
    struct arena arena;
    struct error error;
    enum status status;
    size_t count;

    BEHALF_ASSERT(hash != NULL && at != NULL && hash < at);
    arena_init(&arena, SIZE_MAX);
    BEHALF_ASSERT(object_parse(slice_of(at + 1), &arena, &subject, &error) == BEHALF_OK);
    status = harness_ids_of_resources(
        harness, 0, (struct slice){question, (size_t)(hash - question)},
        (struct slice){hash + 1, (size_t)(at - hash - 1)}, &subject, limit, &ids);
    if (status != BEHALF_OK)
        harness_fail(harness, "%s: %s", question, status_name(status));
    count = ids.count;
    harness_ids_release(&ids);
    arena_release(&arena);
    return count;
}

const char *
harness_subjects(struct harness *harness, const char *resource, const char *subject_type)
{
    const char *hash = strchr(subject_type, '#');
    size_t type_size = hash != NULL ? (size_t)(hash - subject_type) : strlen(subject_type);
    struct slice relation = slice_of(hash != NULL ? hash + 1 : "");
    const char *kept = "";
    struct object object;
    struct slice permission;
    struct buffer text = {0};
    struct arena arena;
    struct error error;

    arena_init(&arena, SIZE_MAX);
    buffer_init(&text);
    BEHALF_ASSERT(object_parse(slice_of(resource), &arena, &object, &error) == BEHALF_OK);
    permission = object.relation;
    object.relation = (struct slice){NULL, 0};
    for (size_t i = 0; i < 2 * BEHALF_COUNT_OF(page_sizes); i++) {
        struct harness_ids ids;
        enum status status = harness_ids_of_subjects(harness, (int)(i % 2), &object, permission,
                                                     (struct slice){subject_type, type_size},
                                                     relation, page_sizes[i / 2], &ids);

        buffer_clear(&text);
        if (status == BEHALF_OK)
            print_subjects(&ids, &text);
        else
            buffer_add_text(&text, status_name(status));
        harness_ids_release(&ids);
        kept = keep_text(harness, &text, i == 0);
    }
    buffer_release(&text);
    arena_release(&arena);
    return kept;
}
