/* lookup_subjects.c - which subjects of a kind may reach this resource?
 *
 * The evaluation core in the subjects domain gives two sets, of those who certainly may and of
 * those who possibly may; this file cuts the page out of them. Who stands in the second alone hangs
 * on a condition or is an error: for each of them on the page the core is asked for the decision,
 * and an error fails the lookup as a whole. The wildcard is decided through a subject that nothing
 * is known of, its attributes neither; where it hangs on a condition, each subject that was met at
 * all is asked for, as another condition may stand on its own tuple. So what is said of a subject
 * is what a check says.
 *
 * An agent that a stop in force cuts off is left out, as a check denies it: where the wildcard
 * stands for it, it is excluded. Stops are those of the newest revision, on every page.
 *
 * The sets wait for the next page in page_cache.h; what is open is decided for each page. The
 * wildcard and its exclusions come first. As long as they go on, nothing is kept: what is kept may
 * be cut short, and an exclusion that is not found there would be an allow. Where known subjects
 * are asked for, there is no row of the wildcard: each named object of the type that it may stand
 * for is decided as one that is mentioned (known_subjects.h). */
#include "engine/lookup_subjects.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/datum.h"
#include "engine/known_subjects.h"
#include "engine/page_cache.h"
#include "engine/page_lists.h"
#include "engine/page_room.h"
#include "engine/request.h"
#include "engine/stops.h"
#include "eval/subject_walk.h"
#include "engine/token.h"

/* A subject that no request can name: local nodes are numbered from the other end. */
#define SEQUENCE_NOBODY NODE_SEQUENCE_MASK

#define ROWS_AT_ONCE 64

#ifdef BEHALF_TORTURE
#define ALWAYS_FLAT true
#else
#define ALWAYS_FLAT false /* sets of nodes are shared, as long as there is memory for them */
#endif

#define ENTRY_SHIFT 1 /* of entries of a set, which are sequence << 1 | excluded */

enum kept_list { KEPT_CERTAIN, KEPT_POSSIBLE, KEPT_MET };

struct answer {
    struct snapshot *snapshot;
    struct inputs inputs;
    uint64_t resource;
    uint32_t member;
    struct eval_subject kind;
    const struct subject_set *certain;
    const struct subject_set *possible;
    const uint64_t *met; /* sequences that may differ from an open wildcard; ascending, each once */
    size_t met_count;
    uint64_t to;             /* nothing is said here of subjects behind this sequence */
    const uint64_t *stopped; /* nodes of the kind's type that a stop in force cuts off; ascending */
    size_t stopped_count;
    bool all_stopped;
    struct page_key key;
    const struct page_walk *kept;    /* where the sets stand; NULL: in the request's memory */
    struct subject_set kept_sets[2]; /* of `kept`, or of a walk (subject_walk.h) */
    struct arena memory;             /* of the decisions */
    int64_t until;
    int64_t found_until; /* the earliest expiration met by finding the sets */
    uint16_t type_label;
    size_t limit;
    size_t most_bytes;
    bool known; /* subjects, in place of the wildcard */
    struct page_room room;
    bool from_wildcard;      /* the page begins with the wildcard, */
    uint64_t excluded_after; /* whose exclusions up to this sequence were on the pages before, */
    enum decision wildcard;  /* where it had this decision; DENY on the first page */
    uint64_t excluded_last;  /* and this is the last of them on this page */
    uint64_t last;           /* sequence behind which the page begins */
    uint64_t unnamed[ROWS_AT_ONCE]; /* nodes of the last rows, which have no id yet */
    size_t unnamed_count;
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

/* --- lists --- */

static struct page_list
subject_list(const struct subject_set *set)
{
    return (struct page_list){set->entries, set->count};
}

static struct page_list
met_list(const struct answer *answer)
{
    return (struct page_list){answer->met, answer->met_count};
}

/* The first of the subjects that are mentioned behind a sequence. */
static struct subject_cursor
cursor_behind(const struct answer *answer, uint64_t sequence)
{
    return (struct subject_cursor){
        .certain_at = page_list_up_to(subject_list(answer->certain), sequence, ENTRY_SHIFT),
        .possible_at = page_list_up_to(subject_list(answer->possible), sequence, ENTRY_SHIFT),
        .met_at = page_list_up_to(met_list(answer), sequence, 0),
    };
}

/* --- decisions --- */

/* Readies an evaluation for one subject; for all of the kind, whose attributes differ, with
 * `open`. */
static void
init_eval(struct answer *answer, enum value_domain domain, const struct eval_subject *subject,
          bool open, struct arena *arena, struct inputs_attributes *attributes, struct eval *eval)
{
    struct snapshot *snapshot = answer->snapshot;
    struct condition_attributes *common = inputs_attributes_of(
        attributes, snapshot, &answer->inputs, subject->node, answer->resource);

    if (common != NULL && open)
        common->open = UINT32_C(1) << CAVEAT_SUBJECT;
    eval_init(eval, domain, snapshot->binding, &snapshot->view, arena, subject,
              answer->inputs.context, common);
}

/* What the core says of one subject; of nobody, what holds whatever attributes a subject has. */
static enum status
check_subject(struct answer *answer, uint64_t sequence, struct verdict *verdict,
              struct error *error)
{
    struct snapshot *snapshot = answer->snapshot;
    struct eval_subject subject = answer->kind;
    struct inputs_attributes attributes;
    struct eval eval;
    struct value value;
    enum status status;

    subject.node = NODE_WILDCARD(answer->type_label) | sequence;
    arena_reset(&answer->memory, LIMIT_CHECK_SCRATCH);
    init_eval(answer, VALUE_DECISION, &subject, sequence == SEQUENCE_NOBODY, &answer->memory,
              &attributes, &eval);
    status = eval_node(&eval, answer->resource, answer->member, &value, error);
    if (status != BEHALF_OK)
        return status;
    if (value.until < answer->until)
        answer->until = value.until;
    return verdict_of(snapshot, &value, verdict, error);
}

static int
compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static bool
is_stopped(const struct answer *answer, uint64_t sequence)
{
    uint64_t node = NODE_WILDCARD(answer->type_label) | sequence;

    return answer->stopped_count > 0 && bsearch(&node, answer->stopped, answer->stopped_count,
                                                sizeof node, compare_numbers) != NULL;
}

static enum status
decide(struct answer *answer, uint64_t sequence, bool certain, bool possible,
       struct verdict *verdict, struct error *error)
{
    if (is_stopped(answer, sequence)) {
        *verdict = (struct verdict){.decision = DECISION_DENY};
        return BEHALF_OK;
    }
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

static enum status
add_excluded(struct answer *answer, uint64_t sequence, const struct verdict *verdict,
             struct lookup_subject *row, struct error *error)
{
    struct lookup_excluded *excluded = &row->excluded[row->excluded_count];
    enum status status = name_of(answer, sequence, &excluded->id, error);
    size_t bytes;

    if (status != BEHALF_OK)
        return status;
    excluded->decision = verdict->decision == DECISION_DENY ? DECISION_ALLOW : DECISION_CONDITIONAL;
    bytes = PAGE_CONDITIONAL_BYTES + page_string_bytes(excluded->id.size);
    row->more_excluded = row->excluded_count > 0 && !page_room_has(&answer->room, bytes);
    if (row->more_excluded)
        return BEHALF_OK;
    page_room_take(&answer->room, bytes);
    row->excluded_count++;
    answer->excluded_last = sequence;
    return BEHALF_OK;
}

/* Those for whom the wildcard does not mean what it means for others. */
static enum status
list_excluded(struct answer *answer, struct lookup_subject *row, struct error *error)
{
    struct subject_cursor cursor = cursor_behind(answer, answer->excluded_after);
    size_t most = answer->certain->count + answer->possible->count + answer->met_count;
    enum status status = BEHALF_OK;

    BEHALF_ASSERT(answer->kept == NULL);
    if (answer->snapshot->binding->plain[answer->member].plain && answer->stopped_count == 0)
        return BEHALF_OK; /* no operator takes anybody away */
    if (most > (size_t)answer->room.left / PAGE_CONDITIONAL_BYTES)
        most = (size_t)answer->room.left / PAGE_CONDITIONAL_BYTES;
    row->excluded =
        arena_take_array(answer->snapshot->request->arena, most + 1, sizeof *row->excluded);
    if (row->excluded == NULL)
        return budget_memory_spent(error);
    while (status == BEHALF_OK && !row->more_excluded && next_subject(answer, &cursor)) {
        struct verdict verdict;

        status = decide(answer, cursor.sequence, cursor.certain, cursor.possible, &verdict, error);
        if (status == BEHALF_OK && is_excluded(&cursor, &verdict, row))
            status = add_excluded(answer, cursor.sequence, &verdict, row, error);
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

    if (status != BEHALF_OK || !answer->from_wildcard)
        return status;
    if (answer->wildcard != DECISION_DENY && answer->wildcard != wildcard->decision) {
        error_set(error, BEHALF_INVALID_CURSOR,
                  "the decision of the wildcard has changed since the page before: a relationship "
                  "has expired");
        error_hint(error, "begin again, without a cursor");
        return BEHALF_INVALID_CURSOR;
    }
    if (wildcard->decision == DECISION_DENY)
        return BEHALF_OK;
    *row = (struct lookup_subject){
        .wildcard = true,
        .decision = wildcard->decision,
        .missing = wildcard->missing,
    };
    page_room_take(&answer->room,
                   PAGE_WILDCARD_BYTES + page_row_bytes(row->decision, &row->missing));
    result->subject_count++;
    status = list_excluded(answer, row, error);
    result->complete = !row->more_excluded;
    return status;
}

static enum status
name_rows(struct answer *answer, struct lookup_subjects_result *result, struct error *error)
{
    struct lookup_subject *rows = result->subjects + result->subject_count - answer->unnamed_count;
    struct slice ids[ROWS_AT_ONCE];
    enum status status = resolver_ids(&answer->snapshot->resolver, answer->unnamed,
                                      answer->unnamed_count, ids, error);

    for (size_t i = 0; status == BEHALF_OK && i < answer->unnamed_count; i++) {
        rows[i].id = ids[i];
        page_room_give(&answer->room, page_id_spare(ids[i]));
    }
    answer->unnamed_count = 0;
    return status;
}

/* Whether a row of so many bytes has room in the page. What the last rows keep for their ids is
 * given back only when it is needed. */
static enum status
has_room(struct answer *answer, size_t bytes, struct lookup_subjects_result *result, bool *room,
         struct error *error)
{
    enum status status = BEHALF_OK;

    if (!page_room_has(&answer->room, bytes))
        status = name_rows(answer, result, error);
    *room = page_room_has(&answer->room, bytes) || result->subject_count == 0;
    return status;
}

/* Adds the cursor's subject to the page when it is a row of its own. */
static enum status
list_subject(struct answer *answer, const struct subject_cursor *cursor, enum decision wildcard,
             struct lookup_subjects_result *result, struct error *error)
{
    struct lookup_subject *row = &result->subjects[result->subject_count];
    struct verdict verdict;
    size_t bytes;
    bool room;
    enum status status =
        decide(answer, cursor->sequence, cursor->certain, cursor->possible, &verdict, error);

    if (status != BEHALF_OK || verdict.decision == DECISION_DENY ||
        (!cursor->concrete && verdict.decision <= wildcard))
        return status;
    bytes = PAGE_ID_BYTES + page_row_bytes(verdict.decision, &verdict.missing);
    status = has_room(answer, bytes, result, &room, error);
    result->complete = room && result->subject_count < answer->limit;
    if (status != BEHALF_OK || !result->complete)
        return status;
    page_room_take(&answer->room, bytes);
    *row = (struct lookup_subject){.decision = verdict.decision, .missing = verdict.missing};
    answer->last = cursor->sequence;
    result->subject_count++;
    answer->unnamed[answer->unnamed_count++] = NODE_WILDCARD(answer->type_label) | cursor->sequence;
    return answer->unnamed_count == ROWS_AT_ONCE ? name_rows(answer, result, error) : BEHALF_OK;
}

/* Lists what comes first, of those that are mentioned and those that have a name. *end: none is
 * left, or what follows is not among the sets. */
static enum status
list_known(struct answer *answer, struct known_subjects *known, struct subject_cursor *mentioned,
           bool *mentions, struct lookup_subjects_result *result, bool *end, struct error *error)
{
    struct subject_cursor next = {.sequence = known->sequence,
                                  .certain = answer->certain->wildcard,
                                  .possible = true,
                                  .concrete = true};
    enum status status = BEHALF_OK;

    if (*mentions && mentioned->sequence <= known->sequence)
        next = *mentioned;
    next.concrete = true;
    *end = next.sequence == KNOWN_END || next.sequence > answer->to;
    if (*end)
        return BEHALF_OK;
    status = list_subject(answer, &next, DECISION_DENY, result, error);
    if (status != BEHALF_OK || !result->complete)
        return status;
    answer->last = next.sequence;
    if (*mentions && mentioned->sequence == next.sequence)
        *mentions = next_subject(answer, mentioned);
    return known->sequence == next.sequence ? known_subjects_next(known, error) : BEHALF_OK;
}

/* A page of known subjects: it ends also when so many were decided, whatever they are. */
static enum status
fill_known(struct answer *answer, struct lookup_subjects_result *result, struct error *error)
{
    struct subject_cursor mentioned = cursor_behind(answer, answer->last);
    bool mentions = next_subject(answer, &mentioned);
    struct known_subjects known;
    size_t decided = 0;
    bool end = false;
    enum status status = known_subjects_open(&known, &answer->snapshot->view, answer->type_label,
                                             answer->last, error);

    while (status == BEHALF_OK && result->complete && !end) {
        if (decided++ == LIMIT_KNOWN_DECISIONS) {
            result->complete = false;
            break;
        }
        status = list_known(answer, &known, &mentioned, &mentions, result, &end, error);
    }
    known_subjects_close(&known);
    return status;
}

static enum status
fill_page(struct answer *answer, struct lookup_subjects_result *result, struct error *error)
{
    bool known = answer->known && answer->possible->wildcard;
    struct subject_cursor cursor = cursor_behind(answer, answer->last);
    size_t mentioned = answer->certain->count + answer->possible->count + answer->met_count;
    size_t most = answer->limit < mentioned + 1 || known ? answer->limit : mentioned + 1;
    struct verdict wildcard;
    enum status status;

    result->complete = true;
    answer->room = page_room_of(answer->most_bytes);
    /* One more, to see whether another follows. */
    result->subjects =
        arena_take(answer->snapshot->request->arena, (most + 1) * sizeof *result->subjects);
    if (result->subjects == NULL)
        return budget_memory_spent(error);
    status =
        known ? fill_known(answer, result, error) : list_wildcard(answer, &wildcard, result, error);
    while (!known && status == BEHALF_OK && result->complete && next_subject(answer, &cursor))
        status = list_subject(answer, &cursor, wildcard.decision, result, error);
    return status == BEHALF_OK ? name_rows(answer, result, error) : status;
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
        status = schema_resolve_member(snapshot->binding->schema, type, lookup->permission,
                                       &answer->member, error);
    if (status == BEHALF_OK)
        status = schema_resolve_type(snapshot->binding->schema, lookup->subject_type,
                                     &answer->kind.type, error);
    if (status == BEHALF_OK && lookup->known && lookup->subject_relation.size > 0)
        status = error_set(error, BEHALF_MALFORMED_REQUEST,
                           "known subjects are objects: they are asked for without a relation");
    if (status == BEHALF_OK && lookup->subject_relation.size > 0)
        status = schema_resolve_member(snapshot->binding->schema, answer->kind.type,
                                       lookup->subject_relation, &answer->kind.member, error);
    if (status == BEHALF_OK)
        status = inputs_count(snapshot, lookup->properties,
                              &(struct inputs_request){.looked_for = UINT32_C(1) << CAVEAT_SUBJECT},
                              &answer->inputs.properties, error);
    if (status == BEHALF_OK)
        answer->type_label = snapshot->binding->type_labels[answer->kind.type];
    return status;
}

/* Which agents of the kind are cut off now. */
static void
find_stopped(struct answer *answer)
{
    const struct snapshot *snapshot = answer->snapshot;
    const struct stops *stops = snapshot->newest->stops;
    const struct slice none = {NULL, 0};
    size_t count;
    const uint64_t *nodes = stops_agents(stops, &count);

    if (!binding_is_agent_type(snapshot->binding, answer->kind.type))
        return;
    answer->all_stopped = stop_is_in_force(stops_on(stops, STOP_EVERYTHING, 0, none));
    if (answer->kind.member != SCHEMA_NONE)
        return; /* a userset acts for nobody */
    while (count > 0 && NODE_TYPE(nodes[0]) < answer->type_label) {
        nodes++;
        count--;
    }
    while (count > 0 && NODE_TYPE(nodes[count - 1]) > answer->type_label)
        count--;
    answer->stopped = nodes;
    answer->stopped_count = count;
}

static void
sort_met(struct answer *answer, uint64_t *met, size_t count)
{
    if (count > 0)
        qsort(met, count, sizeof *met, compare_numbers);
    for (size_t i = 0; i < count; i++) {
        if (answer->met_count == 0 || met[answer->met_count - 1] != met[i])
            met[answer->met_count++] = met[i];
    }
    answer->met = met;
}

/* Where all are certain: as many as a page and its successors need. */
static enum status
walk_plain(struct answer *answer, struct error *error)
{
    struct snapshot *snapshot = answer->snapshot;
    struct subject_walk walk = {
        .binding = snapshot->binding,
        .view = &snapshot->view,
        .arena = snapshot->scratch,
        .kind = answer->kind,
        .after = answer->last,
        .window = answer->limit < LIMIT_CANDIDATES_WINDOW ? LIMIT_CANDIDATES_WINDOW
                                                          : (uint32_t)answer->limit + 1,
    };
    enum status status;

    /* Those that are left out must not make a page look like the last. */
    walk.window += (uint32_t)answer->stopped_count;
    status = subject_walk(&walk, answer->resource, answer->member, error);

    if (status != BEHALF_OK)
        return status;
    answer->kept_sets[KEPT_CERTAIN] = walk.found;
    answer->certain = answer->possible = &answer->kept_sets[KEPT_CERTAIN];
    answer->to = walk.to == RESOURCE_END ? UINT64_MAX : walk.to;
    answer->until = answer->found_until = VALUE_FOR_EVER;
    answer->met = NULL;
    answer->met_count = 0;
    return BEHALF_OK;
}

static enum status
walk_sets(struct answer *answer, struct error *error)
{
    struct snapshot *snapshot = answer->snapshot;
    struct inputs_attributes attributes;
    struct eval eval;
    struct value value;
    enum status status;

    init_eval(answer, VALUE_SUBJECTS, &answer->kind, true, snapshot->scratch, &attributes, &eval);
    eval.flat = ALWAYS_FLAT;
    status = eval_node(&eval, answer->resource, answer->member, &value, error);
    if (budget_may_lack_memory(status) && snapshot->budget.edges_left > 0 && !eval.flat) {
        arena_reset(snapshot->scratch, snapshot->scratch->cap_bytes);
        init_eval(answer, VALUE_SUBJECTS, &answer->kind, true, snapshot->scratch, &attributes,
                  &eval);
        eval.flat = true;
        status = eval_node(&eval, answer->resource, answer->member, &value, error);
    }
    if (status != BEHALF_OK)
        return status;
    answer->certain = value.lower_set;
    answer->possible = value.upper_set;
    answer->to = UINT64_MAX;
    answer->until = answer->found_until = eval.earliest;
    answer->met = NULL; /* of what was kept, where this is a page behind it */
    answer->met_count = 0;
    if (answer->certain->wildcard != answer->possible->wildcard)
        sort_met(answer, eval.met, eval.met_count);
    return BEHALF_OK;
}

/* Adds the agents that are cut off to those that may differ from the wildcard. */
static enum status
mention_stopped(struct answer *answer, struct error *error)
{
    size_t count = answer->met_count + answer->stopped_count;
    uint64_t *met;

    if (answer->stopped_count == 0 || !answer->possible->wildcard)
        return BEHALF_OK;
    met = arena_take_array(answer->snapshot->scratch, count, sizeof *met);
    if (met == NULL)
        return budget_memory_spent(error);
    for (size_t i = 0; i < answer->stopped_count; i++)
        met[i] = answer->stopped[i] & NODE_SEQUENCE_MASK;
    if (answer->met_count > 0)
        memcpy(met + answer->stopped_count, answer->met, answer->met_count * sizeof *met);
    answer->met_count = 0;
    sort_met(answer, met, count);
    return BEHALF_OK;
}

static enum status
evaluate(struct answer *answer, struct error *error)
{
    enum status status = answer->snapshot->binding->plain[answer->member].plain
                             ? walk_plain(answer, error)
                             : walk_sets(answer, error);

    return status == BEHALF_OK ? mention_stopped(answer, error) : status;
}

/* --- from page to page --- */

#define KEPT_CERTAIN_WILDCARD UINT64_C(1)
#define KEPT_POSSIBLE_WILDCARD UINT64_C(2)
#define KEPT_SAME UINT64_C(4) /* what is possible is certain, and kept once */

_Static_assert(KEPT_MET + 1 == PAGE_WALK_LISTS, "a walk has room for the lists");

/* Takes the sets that the page before left behind. */
static bool
find_kept(struct answer *answer)
{
    struct snapshot *snapshot = answer->snapshot;
    const struct page_walk *kept = answer->from_wildcard
                                       ? NULL
                                       : page_cache_find(snapshot->engine->pages, &answer->key,
                                                         answer->last, snapshot->view.now);

    answer->kept = kept;
    if (kept == NULL)
        return false;
    for (size_t i = KEPT_CERTAIN; i <= KEPT_POSSIBLE; i++)
        answer->kept_sets[i] = (struct subject_set){
            .entries = kept->lists[i].entries,
            .count = kept->lists[i].count,
            .wildcard = (kept->flags & (KEPT_CERTAIN_WILDCARD << i)) != 0,
        };
    answer->certain = &answer->kept_sets[KEPT_CERTAIN];
    answer->possible =
        (kept->flags & KEPT_SAME) != 0 ? answer->certain : &answer->kept_sets[KEPT_POSSIBLE];
    answer->met = kept->lists[KEPT_MET].entries;
    answer->met_count = kept->lists[KEPT_MET].count;
    answer->to = kept->to;
    answer->until = kept->until;
    return true;
}

/* Keeps what is left for the next page. A node that only this request knows by its number is of no
 * use to another. */
static void
keep_rest(struct answer *answer)
{
    static const unsigned shifts[PAGE_WALK_LISTS] = {ENTRY_SHIFT, ENTRY_SHIFT, 0};
    bool same = answer->certain == answer->possible;
    struct page_walk walk = {
        .key = answer->key,
        .after = answer->last,
        .to = answer->to,
        .now = answer->snapshot->view.now,
        .until = answer->found_until,
        .flags = (answer->certain->wildcard ? KEPT_CERTAIN_WILDCARD : 0) |
                 (answer->possible->wildcard ? KEPT_POSSIBLE_WILDCARD : 0) | (same ? KEPT_SAME : 0),
        .lists = {subject_list(answer->certain),
                  same ? (struct page_list){NULL, 0} : subject_list(answer->possible),
                  met_list(answer)},
    };

    if (answer->kept != NULL || NODE_IS_LOCAL(answer->resource))
        return;
    for (size_t i = 0; i < PAGE_WALK_LISTS; i++)
        page_list_skip(&walk.lists[i], answer->last, shifts[i]);
    page_walk_cut(&walk, shifts,
                  same && walk.lists[KEPT_MET].count == 0
                      ? LIMIT_PAGE_WALK_ENTRIES
                      : LIMIT_PAGE_WALK_ENTRIES / PAGE_WALK_LISTS);
    page_cache_keep(answer->snapshot->engine->pages, &walk);
}

static uint64_t
digest_of(const struct engine_request *request, const struct lookup_subjects *lookup,
          struct page_key *key)
{
    struct buffer context;
    uint64_t digest;

    buffer_init(&context);
    if (lookup->context != NULL)
        datum_encode(lookup->context, &context);
    inputs_print_properties(lookup->properties, &context);
    digest = cursor_request_digest(
        (struct slice[]){
            SLICE_LITERAL("lookup_subjects"),
            lookup->resource.type,
            lookup->resource.id,
            lookup->permission,
            lookup->subject_type,
            lookup->subject_relation,
            buffer_slice(&context),
            lookup->known ? SLICE_LITERAL("known") : SLICE_LITERAL(""),
            request_time(request),
        },
        9, key->request);
    buffer_release(&context);
    return digest;
}

void
lookup_subjects_cursor(const struct store *store, uint64_t revision,
                       const struct engine_request *request, const struct lookup_subjects *lookup,
                       uint64_t after, struct engine_token *cursor)
{
    struct page_key key;
    struct cursor place = {.revision = revision,
                           .request_digest = digest_of(request, lookup, &key)};

    bytes_put_u64(place.position, after);
    place.position[8] = DECISION_DENY; /* the wildcard is done */
    cursor_seal(store, &place, cursor);
}

/* A page that goes beyond what was kept is made anew. */
static enum status
make_rows(struct answer *answer, struct lookup_subjects_result *result, struct error *error)
{
    uint64_t after = answer->last;
    enum status status = fill_page(answer, result, error);

    if (status != BEHALF_OK || !result->complete || answer->to == UINT64_MAX)
        return status;
    page_walk_give(answer->kept);
    answer->kept = NULL;
    answer->last = after;
    result->subject_count = 0;
    status = evaluate(answer, error);
    return status == BEHALF_OK ? fill_page(answer, result, error) : status;
}

/* The position: sequence 8 | decision 1 | zero. Behind the sequence there are subjects, or, where
 * the wildcard and its decision go on, exclusions of it. */
static void
make_cursor(struct answer *answer, uint64_t digest, struct lookup_subjects_result *result)
{
    struct cursor cursor = {.revision = answer->snapshot->revision, .request_digest = digest};
    const struct lookup_subject *first = &result->subjects[0];

    if (result->subject_count > 0 && first->more_excluded) {
        bytes_put_u64(cursor.position, answer->excluded_last);
        cursor.position[8] = (uint8_t)first->decision;
    } else {
        bytes_put_u64(cursor.position, answer->last);
        keep_rest(answer);
    }
    cursor_seal(answer->snapshot->engine->store, &cursor, &result->cursor);
}

static void
read_cursor(struct answer *answer, const struct cursor *cursor)
{
    uint64_t sequence = bytes_get_u64(cursor->position);

    answer->wildcard = (enum decision)cursor->position[8];
    answer->from_wildcard = answer->wildcard != DECISION_DENY;
    if (answer->from_wildcard)
        answer->excluded_after = sequence;
    else
        answer->last = sequence;
}

static enum status
make_page(struct answer *answer, uint64_t digest, struct lookup_subjects_result *result,
          struct error *error)
{
    enum status status = find_kept(answer) ? BEHALF_OK : evaluate(answer, error);

    if (status == BEHALF_OK)
        status = make_rows(answer, result, error);
    if (status == BEHALF_OK && !result->complete)
        make_cursor(answer, digest, result);
    result->valid_until = verdict_time(answer->until);
    return status;
}

static enum status
look_up(struct engine_worker *worker, const struct engine_request *request,
        const struct lookup_subjects *lookup, struct lookup_subjects_result *result,
        struct error *error)
{
    struct lookup_subjects_result found = {.subject_count = 0};
    struct cursor cursor = {.revision = 0};
    struct snapshot snapshot;
    struct answer answer = {
        .snapshot = &snapshot,
        .inputs = {.context = lookup->context, .action = lookup->permission},
        .most_bytes = lookup->most_bytes,
        .known = lookup->known,
        .from_wildcard = true,
    };
    uint64_t digest = digest_of(request, lookup, &answer.key);
    enum status status = request_limit(lookup->limit, &answer.limit, error);

    if (status == BEHALF_OK && lookup->cursor.size > 0) {
        status = cursor_open(worker->engine->store, lookup->cursor, digest, &cursor, error);
        read_cursor(&answer, &cursor);
    }
    if (status != BEHALF_OK)
        return status;
    status = snapshot_open(worker, request, REQUEST_LOOKUP, cursor.revision, &snapshot, error);
    if (status != BEHALF_OK)
        return status;
    answer.key.revision = snapshot.revision;
    arena_init_request(&answer.memory, LIMIT_CHECK_SCRATCH);
    found.complete = true;
    found.looked_up_at = snapshot.token;
    status = bind_lookup(&answer, lookup, error);
    if (status == BEHALF_OK)
        find_stopped(&answer);
    if (status == BEHALF_OK && !answer.all_stopped)
        status = make_page(&answer, digest, &found, error);
    if (status == BEHALF_OK)
        *result = found;
    page_walk_give(answer.kept);
    arena_release(&answer.memory);
    snapshot_close(&snapshot);
    return status;
}

/* Whether a stop was ordered or ended since the request took its snapshot. */
static bool
stops_changed(struct engine_worker *worker)
{
    struct published *published;
    bool changed;

    if (atomic_load_explicit(&worker->engine->publication, memory_order_acquire) ==
        worker->publication)
        return false;
    published = engine_published(worker->engine);
    changed = published->stops != worker->published->stops;
    published_unref(published);
    return changed;
}

/* An agent that was stopped while the page was made is in none: it is made once more. */
enum status
engine_lookup_subjects(struct engine_worker *worker, const struct engine_request *request,
                       const struct lookup_subjects *lookup, struct lookup_subjects_result *result,
                       struct error *error)
{
    enum status status = look_up(worker, request, lookup, result, error);

    if (status == BEHALF_OK && stops_changed(worker))
        status = look_up(worker, request, lookup, result, error);
    return status;
}
