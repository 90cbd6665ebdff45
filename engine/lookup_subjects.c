/* lookup_subjects.c - which subjects of a kind may reach this resource?
 * The evaluation core in the subjects domain gives the whole set; this file cuts the page out of
 * it. A set whose ends differ somewhere holds an undecided subject, and the lookup fails as a
 * whole. */
#include "base/bytes.h"
#include "engine/request.h"
#include "engine/token.h"

struct answer {
    struct snapshot *snapshot;
    const struct subject_set *set;
    uint16_t type_label;
    size_t limit;
    bool first_page;
    uint64_t last; /* sequence behind which the page begins */
};

static enum status
name_of(struct answer *answer, uint64_t sequence, struct slice *id, struct error *error)
{
    return resolver_id(&answer->snapshot->resolver, NODE_WILDCARD(answer->type_label) | sequence,
                       id, error);
}

static enum status
list_excluded(struct answer *answer, struct lookup_subject *row, struct error *error)
{
    const struct subject_set *set = answer->set;
    enum status status = BEHALF_OK;

    row->excluded =
        arena_take_array(answer->snapshot->request->arena, set->count, sizeof *row->excluded);
    if (row->excluded == NULL)
        return eval_spent(error);
    for (size_t i = 0; status == BEHALF_OK && i < set->count; i++) {
        struct lookup_excluded *excluded = &row->excluded[row->excluded_count];

        if (!SUBJECT_EXCLUDED(set->entries[i]))
            continue;
        excluded->decision = DECISION_ALLOW;
        status = name_of(answer, SUBJECT_SEQUENCE(set->entries[i]), &excluded->id, error);
        row->excluded_count += status == BEHALF_OK;
    }
    return status;
}

/* The wildcard counts as sequence 0: it stands on the first page, before all concrete subjects. */
static enum status
fill_page(struct answer *answer, struct lookup_subjects_result *result, struct error *error)
{
    const struct subject_set *set = answer->set;
    size_t most = answer->limit < set->count + 1 ? answer->limit : set->count + 1;
    enum status status = BEHALF_OK;

    result->complete = true;
    result->subjects =
        arena_take_array(answer->snapshot->request->arena, most, sizeof *result->subjects);
    if (result->subjects == NULL)
        return eval_spent(error);
    if (set->wildcard && answer->first_page) {
        struct lookup_subject *row = &result->subjects[result->subject_count++];

        row->wildcard = true;
        row->decision = DECISION_ALLOW;
        status = list_excluded(answer, row, error);
    }
    for (size_t i = 0; status == BEHALF_OK && i < set->count; i++) {
        uint64_t sequence = SUBJECT_SEQUENCE(set->entries[i]);
        struct lookup_subject *row = &result->subjects[result->subject_count];

        if (SUBJECT_EXCLUDED(set->entries[i]) || sequence <= answer->last)
            continue;
        if (result->subject_count == answer->limit) {
            result->complete = false;
            break;
        }
        row->decision = DECISION_ALLOW;
        status = name_of(answer, sequence, &row->id, error);
        answer->last = sequence;
        result->subject_count++;
    }
    return status;
}

static enum status
evaluate(struct snapshot *snapshot, const struct lookup_subjects *lookup, struct answer *answer,
         struct error *error)
{
    struct eval_subject kind = {.member = SCHEMA_NONE};
    struct eval eval;
    struct value value;
    uint64_t resource;
    uint32_t type;
    uint32_t member;
    enum status status = request_resource(snapshot, &lookup->resource, &type, &resource, error);

    if (status == BEHALF_OK)
        status = request_member(snapshot, type, lookup->permission, &member, error);
    if (status == BEHALF_OK)
        status = request_type(snapshot, lookup->subject_type, &kind.type, error);
    if (status == BEHALF_OK && lookup->subject_relation.size > 0)
        status = request_member(snapshot, kind.type, lookup->subject_relation, &kind.member, error);
    if (status != BEHALF_OK)
        return status;
    eval_init(&eval, VALUE_SUBJECTS, snapshot->binding, &snapshot->view, snapshot->scratch, &kind);
    status = eval_node(&eval, resource, member, &value, error);
    if (status != BEHALF_OK)
        return status;
    if (value_is_open(VALUE_SUBJECTS, &value))
        return error_set(error, BEHALF_CYCLE_THROUGH_EXCLUSION,
                         "whether some subject belongs to the answer depends on its own negation "
                         "through a cycle in the data");
    answer->set = value.lower_set;
    answer->type_label = snapshot->binding->type_labels[kind.type];
    return BEHALF_OK;
}

static uint64_t
digest_of(const struct lookup_subjects *lookup)
{
    struct slice parts[] = {
        SLICE_LITERAL("lookup_subjects"),
        lookup->resource.type,
        lookup->resource.id,
        lookup->permission,
        lookup->subject_type,
        lookup->subject_relation,
    };

    return cursor_request_digest(parts, BEHALF_COUNT_OF(parts));
}

static enum status
make_page(struct answer *answer, uint64_t digest, struct lookup_subjects_result *result,
          struct error *error)
{
    enum status status = fill_page(answer, result, error);

    if (status == BEHALF_OK && !result->complete) {
        struct cursor cursor = {.revision = answer->snapshot->revision, .request_digest = digest};

        bytes_put_u64(cursor.position, answer->last);
        cursor_seal(answer->snapshot->engine->store, &cursor, &result->cursor);
    }
    result->looked_up_at = answer->snapshot->token;
    return status;
}

enum status
engine_lookup_subjects(struct engine_worker *worker, const struct engine_request *request,
                       const struct lookup_subjects *lookup, struct lookup_subjects_result *result,
                       struct error *error)
{
    struct lookup_subjects_result found = {.subject_count = 0};
    struct cursor cursor = {.revision = 0};
    struct snapshot snapshot;
    struct answer answer = {.snapshot = &snapshot, .first_page = lookup->cursor.size == 0};
    uint64_t digest = digest_of(lookup);
    enum status status = request_limit(lookup->limit, &answer.limit, error);

    if (status == BEHALF_OK && !answer.first_page) {
        status = cursor_open(worker->engine->store, lookup->cursor, digest, &cursor, error);
        answer.last = bytes_get_u64(cursor.position);
    }
    if (status != BEHALF_OK)
        return status;
    status = snapshot_open(worker, request, REQUEST_LOOKUP, cursor.revision, &snapshot, error);
    if (status != BEHALF_OK)
        return status;
    status = evaluate(&snapshot, lookup, &answer, error);
    if (status == BEHALF_OK)
        status = make_page(&answer, digest, &found, error);
    if (status == BEHALF_OK)
        *result = found;
    snapshot_close(&snapshot);
    return status;
}
