/* lookup_subjects.c - which subjects of a kind may reach this resource?
 *
 * The evaluation core in the subjects domain gives two sets, of those who certainly may and of
 * those who possibly may; this file cuts the page out of them. Who stands in the second alone hangs
 * on a condition or is an error: for each of them on the page the core is asked for the decision,
 * and an error fails the lookup as a whole. The wildcard is decided through a subject that nothing
 * is known of; where it hangs on a condition, each subject that was met at all is asked for, as
 * another condition may stand on its own tuple. So what is said of a subject is what a check says.
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "base/datum.h"
#include "engine/request.h"
#include "engine/token.h"

/* A subject that no request can name: local nodes are numbered from the other end. */
#define SEQUENCE_NOBODY NODE_SEQUENCE_MASK

struct answer {
    struct snapshot *snapshot;
    const struct datum *context;
    uint64_t resource;
    uint32_t member;
    struct eval_subject kind;
    const struct subject_set *certain;
    const struct subject_set *possible;
    const uint64_t *met; /* sequences that may differ from an open wildcard; ascending, each once */
    size_t met_count;
    struct arena memory; /* of the decisions */
    int64_t until;
    uint16_t type_label;
    size_t limit;
    bool first_page;
    uint64_t last; /* sequence behind which the page begins */
};

/* --- subjects --- */

/* Both sets walked together, in order of sequences. */
struct subject_cursor {
    size_t certain_at;
    size_t possible_at;
    size_t met_at;
    uint64_t sequence;
    bool certain;  /* is a member for certain */
    bool possible; /* may be one */
    bool concrete; /* stands there by itself, not by the wildcard alone */
};

static bool
has_entry(const struct subject_set *set, size_t at, uint64_t sequence)
{
    return at < set->count && SUBJECT_SEQUENCE(set->entries[at]) == sequence;
}

/* Takes the set's entry of the cursor's sequence. Whether the subject is a member of the set. */
static bool
take_entry(const struct subject_set *set, size_t *at, struct subject_cursor *cursor)
{
    bool excluded;

    if (!has_entry(set, *at, cursor->sequence))
        return set->wildcard;
    excluded = SUBJECT_EXCLUDED(set->entries[(*at)++]);
    cursor->concrete = cursor->concrete || !excluded;
    return !excluded;
}

/* The next subject that is mentioned; false at the end. */
static bool
next_subject(const struct answer *answer, struct subject_cursor *cursor)
{
    const struct subject_set *certain = answer->certain;
    const struct subject_set *possible = answer->possible;
    uint64_t next = UINT64_MAX;

    if (cursor->certain_at < certain->count)
        next = SUBJECT_SEQUENCE(certain->entries[cursor->certain_at]);
    if (cursor->possible_at < possible->count &&
        SUBJECT_SEQUENCE(possible->entries[cursor->possible_at]) < next)
        next = SUBJECT_SEQUENCE(possible->entries[cursor->possible_at]);
    if (cursor->met_at < answer->met_count && answer->met[cursor->met_at] < next)
        next = answer->met[cursor->met_at];
    if (next == UINT64_MAX)
        return false;
    cursor->met_at += cursor->met_at < answer->met_count && answer->met[cursor->met_at] == next;
    cursor->sequence = next;
    cursor->concrete = false;
    cursor->certain = take_entry(certain, &cursor->certain_at, cursor);
    cursor->possible = take_entry(possible, &cursor->possible_at, cursor);
    return true;
}

/* --- decisions --- */

/* What the core says of one subject. */
static enum status
check_subject(struct answer *answer, uint64_t sequence, struct verdict *verdict,
              struct error *error)
{
    struct snapshot *snapshot = answer->snapshot;
    struct eval_subject subject = answer->kind;
    struct eval eval;
    struct value value;
    enum status status;

    subject.node = NODE_WILDCARD(answer->type_label) | sequence;
    arena_reset(&answer->memory, LIMIT_CHECK_ARENA);
    eval_init(&eval, VALUE_DECISION, snapshot->binding, &snapshot->view, &answer->memory, &subject,
              answer->context);
    status = eval_node(&eval, answer->resource, answer->member, &value, error);
    if (status != BEHALF_OK)
        return status;
    if (value.until < answer->until)
        answer->until = value.until;
    return verdict_of(snapshot, &value, verdict, error);
}

static enum status
decide(struct answer *answer, uint64_t sequence, bool certain, bool possible,
       struct verdict *verdict, struct error *error)
{
    if (certain != possible)
        return check_subject(answer, sequence, verdict, error);
    *verdict = (struct verdict){.decision = certain ? DECISION_ALLOW : DECISION_DENY};
    return BEHALF_OK;
}

/* --- the page --- */

static enum status
name_of(struct answer *answer, uint64_t sequence, struct slice *id, struct error *error)
{
    return resolver_id(&answer->snapshot->resolver, NODE_WILDCARD(answer->type_label) | sequence,
                       id, error);
}

static bool
same_missing(const struct missing_context *a, const struct missing_context *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!slice_equal(a->names[i], b->names[i]))
            return false;
    }
    return true;
}

/* Whether less is true of a subject than of the wildcard; or, where no row of its own says so, on
 * other conditions. */
static bool
is_excluded(const struct subject_cursor *cursor, const struct verdict *subject,
            const struct lookup_subject *wildcard)
{
    return subject->decision < wildcard->decision ||
           (subject->decision == DECISION_CONDITIONAL && !cursor->concrete &&
            !same_missing(&subject->missing, &wildcard->missing));
}

/* Those for whom the wildcard does not mean what it means for others. */
static enum status
list_excluded(struct answer *answer, struct lookup_subject *row, struct error *error)
{
    struct subject_cursor cursor = {.sequence = 0};
    enum status status = BEHALF_OK;

    row->excluded =
        arena_take_array(answer->snapshot->request->arena,
                         answer->certain->count + answer->possible->count + answer->met_count,
                         sizeof *row->excluded);
    if (row->excluded == NULL)
        return budget_memory_spent(error);
    while (status == BEHALF_OK && next_subject(answer, &cursor)) {
        struct lookup_excluded *excluded = &row->excluded[row->excluded_count];
        struct verdict verdict;

        status = decide(answer, cursor.sequence, cursor.certain, cursor.possible, &verdict, error);
        if (status != BEHALF_OK || !is_excluded(&cursor, &verdict, row))
            continue;
        excluded->decision =
            verdict.decision == DECISION_DENY ? DECISION_ALLOW : DECISION_CONDITIONAL;
        status = name_of(answer, cursor.sequence, &excluded->id, error);
        row->excluded_count += status == BEHALF_OK;
    }
    return status;
}

/* The wildcard counts as sequence 0: it stands on the first page, before all concrete subjects. */
static enum status
list_wildcard(struct answer *answer, struct verdict *wildcard,
              struct lookup_subjects_result *result, struct error *error)
{
    struct lookup_subject *row = &result->subjects[result->subject_count];
    enum status status = decide(answer, SEQUENCE_NOBODY, answer->certain->wildcard,
                                answer->possible->wildcard, wildcard, error);

    if (status != BEHALF_OK || wildcard->decision == DECISION_DENY || !answer->first_page)
        return status;
    *row = (struct lookup_subject){
        .wildcard = true,
        .decision = wildcard->decision,
        .missing = wildcard->missing,
    };
    result->subject_count++;
    return list_excluded(answer, row, error);
}

/* Adds the cursor's subject to the page when it is a row of its own. */
static enum status
list_subject(struct answer *answer, const struct subject_cursor *cursor, enum decision wildcard,
             struct lookup_subjects_result *result, struct error *error)
{
    struct lookup_subject *row = &result->subjects[result->subject_count];
    struct verdict verdict;
    enum status status =
        decide(answer, cursor->sequence, cursor->certain, cursor->possible, &verdict, error);

    if (status != BEHALF_OK || verdict.decision == DECISION_DENY ||
        (!cursor->concrete && verdict.decision <= wildcard))
        return status;
    if (result->subject_count == answer->limit) {
        result->complete = false;
        return BEHALF_OK;
    }
    *row = (struct lookup_subject){.decision = verdict.decision, .missing = verdict.missing};
    answer->last = cursor->sequence;
    result->subject_count++;
    return name_of(answer, cursor->sequence, &row->id, error);
}

static enum status
fill_page(struct answer *answer, struct lookup_subjects_result *result, struct error *error)
{
    size_t mentioned = answer->certain->count + answer->possible->count + answer->met_count;
    size_t most = answer->limit < mentioned + 1 ? answer->limit : mentioned + 1;
    uint64_t after = answer->last;
    struct subject_cursor cursor = {.sequence = 0};
    struct verdict wildcard;
    enum status status;

    result->complete = true;
    /* One more, to see whether another follows. */
    result->subjects =
        arena_take_array(answer->snapshot->request->arena, most + 1, sizeof *result->subjects);
    if (result->subjects == NULL)
        return budget_memory_spent(error);
    status = list_wildcard(answer, &wildcard, result, error);
    while (status == BEHALF_OK && result->complete && next_subject(answer, &cursor)) {
        if (cursor.sequence > after)
            status = list_subject(answer, &cursor, wildcard.decision, result, error);
    }
    return status;
}

static enum status
bind_lookup(struct answer *answer, const struct lookup_subjects *lookup, struct error *error)
{
    struct snapshot *snapshot = answer->snapshot;
    uint32_t type;
    enum status status =
        request_resource(snapshot, &lookup->resource, &type, &answer->resource, error);

    answer->kind.member = SCHEMA_NONE;
    if (status == BEHALF_OK)
        status = request_member(snapshot, type, lookup->permission, &answer->member, error);
    if (status == BEHALF_OK)
        status = request_type(snapshot, lookup->subject_type, &answer->kind.type, error);
    if (status == BEHALF_OK && lookup->subject_relation.size > 0)
        status = request_member(snapshot, answer->kind.type, lookup->subject_relation,
                                &answer->kind.member, error);
    if (status == BEHALF_OK)
        answer->type_label = snapshot->binding->type_labels[answer->kind.type];
    return status;
}

static int
compare_sequences(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void
sort_met(struct answer *answer, uint64_t *met, size_t count)
{
    if (count > 0)
        qsort(met, count, sizeof *met, compare_sequences);
    for (size_t i = 0; i < count; i++) {
        if (answer->met_count == 0 || met[answer->met_count - 1] != met[i])
            met[answer->met_count++] = met[i];
    }
    answer->met = met;
}

static enum status
evaluate(struct answer *answer, const struct lookup_subjects *lookup, struct error *error)
{
    struct snapshot *snapshot = answer->snapshot;
    struct eval eval;
    struct value value;
    enum status status = bind_lookup(answer, lookup, error);

    if (status != BEHALF_OK)
        return status;
    eval_init(&eval, VALUE_SUBJECTS, snapshot->binding, &snapshot->view, snapshot->scratch,
              &answer->kind, lookup->context);
    status = eval_node(&eval, answer->resource, answer->member, &value, error);
    if (status != BEHALF_OK)
        return status;
    answer->certain = value.lower_set;
    answer->possible = value.upper_set;
    answer->until = eval.earliest;
    if (answer->certain->wildcard != answer->possible->wildcard)
        sort_met(answer, eval.met, eval.met_count);
    return BEHALF_OK;
}

static uint64_t
digest_of(const struct lookup_subjects *lookup)
{
    struct buffer context;
    uint64_t digest;

    buffer_init(&context);
    if (lookup->context != NULL)
        datum_encode(lookup->context, &context);
    digest = cursor_request_digest(
        (struct slice[]){
            SLICE_LITERAL("lookup_subjects"),
            lookup->resource.type,
            lookup->resource.id,
            lookup->permission,
            lookup->subject_type,
            lookup->subject_relation,
            buffer_slice(&context),
        },
        7);
    buffer_release(&context);
    return digest;
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
    result->valid_until = verdict_time(answer->until);
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
    struct answer answer = {
        .snapshot = &snapshot,
        .context = lookup->context,
        .first_page = lookup->cursor.size == 0,
    };
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
    arena_init(&answer.memory, LIMIT_CHECK_ARENA);
    status = evaluate(&answer, lookup, error);
    if (status == BEHALF_OK)
        status = make_page(&answer, digest, &found, error);
    if (status == BEHALF_OK)
        *result = found;
    arena_release(&answer.memory);
    snapshot_close(&snapshot);
    return status;
}
