/* eval.c - the abstract machine of the evaluation core: nodes, frames and operators.
 *
 * eval.h states what is always true. The machine keeps it with three rules:
 * - A frame computes one rewrite, and its operands are asked from left to right. Asking either
 *   yields a value at once or pushes a frame; then the caller returns to eval_run, because a push
 *   may move the array of frames.
 * - `low` travels upwards with every value, also with settled ones: a settled node may leave nodes
 *   in `pending` that depend on a node further down the stack, and these must not be solved before
 *   that node is finished.
 * - A frame stops at the first operand that settles its value. That is sound for any order, since
 *   the remaining operands cannot change it (value_is_settled). */
#include "eval/eval_private.h"
#include "eval/subject_walk.h"

#define FIRST_SIZE 16 /* of the node index: enough for most checks */

void
eval_init(struct eval *eval, enum value_domain domain, const struct binding *binding,
          struct graph_view *view, struct arena *arena, const struct eval_subject *subject,
          const struct datum *context, struct condition_attributes *attributes)
{
    /* Set field by field, here and for frames: clearing the whole struct would cost more than a
     * small check. */
    eval->binding = binding;
    eval->schema = binding->schema;
    eval->view = view;
    eval->arena = arena;
    eval->domain = domain;
    eval->subject = *subject;
    eval->subject_label =
        subject->member == SCHEMA_NONE ? LABEL_NONE : binding->member_labels[subject->member];
    eval->scope = (struct condition_scope){binding, context, attributes, arena, view->budget};
    reach_init(&eval->reach, &eval->scope, view, subject);
    eval->met = NULL;
    eval->met_count = eval->met_size = 0;
    eval->flat = false;
    eval->earliest = VALUE_FOR_EVER;
    eval->index.slots = NULL;
    eval->entries = NULL;
    eval->entry_count = eval->entry_size = 0;
    eval->pending = NULL;
    eval->pending_count = eval->pending_size = 0;
    eval->frames = NULL;
    eval->frame_count = eval->frame_size = 0;
    eval->free_small = eval->free_grown = NULL;
    eval->solving = false;
    eval->has_result = false;
}

/* --- nodes ---
 *
 * The states of an entry: ACTIVE while its frame is on the stack, then FINAL if the value is not
 * provisional. Otherwise it becomes PENDING, then SOLVING once the root of its component is
 * finished, and then FINAL. There is no way back, and only FINAL values are kept for later
 * questions. */

/* Entries are named by index, because the array moves when it grows. The index is also the order of
 * discovery, which Tarjan's algorithm compares. */
static enum status
add_entry(struct eval *eval, uint64_t object, uint32_t member, uint32_t *entry, struct error *error)
{
    struct eval_entry *entries;

    if (eval->index.slots == NULL && !table_init(&eval->index, eval->arena, FIRST_SIZE))
        return budget_memory_spent(error);
    entries = arena_grow(eval->arena, eval->entries, eval->entry_count, &eval->entry_size,
                         sizeof *entries);
    if (entries == NULL)
        return budget_memory_spent(error);
    eval->entries = entries;
    if (!table_add(&eval->index, eval_key(object, member), eval->entry_count))
        return budget_memory_spent(error);
    entries[eval->entry_count] = (struct eval_entry){
        .object = object,
        .member = member,
        .order = eval->entry_count,
        .state = ENTRY_ACTIVE,
    };
    *entry = eval->entry_count++;
    return BEHALF_OK;
}

/* Whether the operand that the frame asks for now is subtracted. `operand` was advanced before the
 * request, so 2 is the right operand. Nested exclusions do not cancel: see `frozen` in
 * eval_cycle.c. */
static bool
subtracts(const struct eval_frame *frame)
{
    return frame->subtracted || (frame->operation == VALUE_EXCLUSION && frame->operand == 2);
}

/* The value that a node with an entry has now. Only ENTRY_FINAL is an answer. A node in progress is
 * assumed to be [0, 1], the weakest interval, so whatever is definite in spite of it is definite
 * for any value that it may get. While a component is solved, its nodes hold approximations, which
 * are not provisional: `low` stays empty, so no solve starts inside a solve. */
static void
value_of_entry(struct eval *eval, const struct eval_entry *entry, struct value *value,
               uint32_t *low)
{
    switch (entry->state) {
    case ENTRY_ACTIVE:
    case ENTRY_PENDING:
        *value = value_unknown();
        *low = entry->order;
        break;
    case ENTRY_SOLVING:
        *value = subtracts(eval_top(eval)) ? entry->frozen : entry->value;
        *low = EVAL_NONE;
        break;
    case ENTRY_FINAL:
        *value = entry->value;
        *low = EVAL_NONE;
        break;
    }
}

/* A userset contains itself: `group:a#member` is a subject of the node (group:a, member). */
static bool
is_identity(const struct eval *eval, uint64_t object, uint32_t member)
{
    return eval->subject.member == member &&
           (eval->domain == VALUE_SUBJECTS || eval->subject.node == object);
}

bool
eval_note_met(struct eval *eval, uint64_t sequence)
{
    uint64_t *met;

    if (eval->schema->caveat_count == 0 || sequence == 0)
        return true;
    met = arena_grow(eval->arena, eval->met, eval->met_count, &eval->met_size, sizeof *met);
    if (met == NULL)
        return false;
    eval->met = met;
    met[eval->met_count++] = sequence;
    return true;
}

/* Decision domain: an allow. Subjects domain: the set of the node itself, to be united with the set
 * of its rewrite. */
static enum status
identity_value(struct eval *eval, uint64_t object, struct value *value, struct error *error)
{
    uint64_t sequence = object & NODE_SEQUENCE_MASK;
    const struct subject_set *set;

    if (eval->domain == VALUE_DECISION) {
        *value = value_decision(true);
        return BEHALF_OK;
    }
    set = subject_set_new(eval->arena, &sequence, 1);
    if (set == NULL || !eval_note_met(eval, sequence))
        return budget_memory_spent(error);
    *value = value_set(set);
    return BEHALF_OK;
}

/* Whether the stored edges of a relation are read before an entry is made. A relation without
 * usersets is decided by them, and one with usersets often is, so most leaves need no entry.
 * Subjects domain: where usersets follow, the walk reads the edges, so that they are read once. */
static bool
asks_edges_first(const struct eval *eval, const struct schema_member *member)
{
    return member->kind == SCHEMA_RELATION &&
           (eval->domain == VALUE_DECISION || !member->has_usersets);
}

/* Pushes a frame for a node that has no entry yet. `direct` is the value of its own edges, NULL
 * when they were not read; it seeds the union, and eval_walk_start does not read them again. */
static enum status
push_node(struct eval *eval, uint64_t object, uint32_t member, const struct value *direct,
          struct error *error)
{
    uint32_t entry = EVAL_NONE;
    enum status status;

    /* A component is re-evaluated only over nodes that the first walk met (eval_cycle.c has the
     * proof). A new node here would be solved without its own component. */
    if (BEHALF_UNLIKELY(eval->solving))
        return EVAL_BROKEN(eval, object, member, "a cycle meets no node for the first time", error);
    status = add_entry(eval, object, member, &entry, error);
    if (status == BEHALF_OK)
        status = eval_push(eval, object, eval->schema->members[member].root, entry, false, error);
    if (status == BEHALF_OK && direct != NULL)
        eval_top(eval)->value = *direct;
    return status;
}

/* Plain members need neither entries nor values: reach.c computes reachability and remembers it. */
static enum status
plain_value(struct eval *eval, uint64_t object, uint32_t member, struct value *value,
            struct error *error)
{
    bool holds;
    enum status status = reach_ask(&eval->reach, object, member, &holds, error);

    if (status == BEHALF_OK)
        *value = value_decision(holds);
    return status;
}

/* Subjects domain: the set of a node of a plain member, the node itself included. The entry is
 * final at once, because a plain member depends on no node in progress. */
static enum status
flat_value(struct eval *eval, uint64_t object, uint32_t member, struct value *value,
           struct error *error)
{
    struct subject_walk walk = {
        .binding = eval->binding,
        .view = eval->view,
        .arena = eval->arena,
        .kind = eval->subject,
    };
    struct subject_set *set = arena_take(eval->arena, sizeof *set);
    uint32_t entry = EVAL_NONE;
    enum status status;

    if (set == NULL)
        return budget_memory_spent(error);
    status = subject_walk(&walk, object, member, error);
    if (status == BEHALF_OK)
        status = add_entry(eval, object, member, &entry, error);
    for (uint32_t at = 0; status == BEHALF_OK && at < walk.found.count; at++) {
        if (!eval_note_met(eval, SUBJECT_SEQUENCE(walk.found.entries[at])))
            status = budget_memory_spent(error);
    }
    if (status != BEHALF_OK)
        return status;
    *set = walk.found;
    *value = value_set(set);
    eval->entries[entry].value = *value;
    eval->entries[entry].state = ENTRY_FINAL;
    return BEHALF_OK;
}

/* Decides a node by the cheapest method that applies; only the last one needs a frame. All methods
 * give the same decision or set, so the choice never shows in an answer. */
enum status
eval_ask(struct eval *eval, uint64_t object, uint32_t member, bool *done, struct value *value,
         uint32_t *low, struct error *error)
{
    const struct schema_member *row = &eval->schema->members[member];
    bool identity = is_identity(eval, object, member);
    bool asks = asks_edges_first(eval, row) && !identity;
    enum status status;
    uint32_t entry;

    *done = true;
    *low = EVAL_NONE;
    /* The tests go from cheap to expensive. Identity comes first, because a userset is a subject of
     * itself even where the schema lets no such subject in through edges. */
    if (identity && eval->domain == VALUE_DECISION)
        return identity_value(eval, object, value, error);
    /* No edge that this schema allows can lead to the subject from here, so the deny is final
     * without reading any edge. */
    if (!identity && !reach_may_hold(&eval->reach, member)) {
        *value = value_none(eval->domain);
        return BEHALF_OK;
    }
    if (eval->domain == VALUE_DECISION && eval->binding->plain[member].plain)
        return plain_value(eval, object, member, value, error);
    if (eval->index.slots != NULL) {
        entry = table_find(&eval->index, eval_key(object, member));
        if (entry != TABLE_NONE) {
            value_of_entry(eval, &eval->entries[entry], value, low);
            return BEHALF_OK;
        }
    }
    if (BEHALF_UNLIKELY(eval->flat) && eval->binding->plain[member].plain)
        return flat_value(eval, object, member, value, error);
    /* A settled union needs neither a frame nor an entry. If the node is asked for again, its edges
     * are probed again. */
    if (asks) {
        status = eval_direct(eval, object, member, value, error);
        if (status != BEHALF_OK || !row->has_usersets ||
            value_is_settled(eval->domain, VALUE_UNION, value))
            return status;
    }
    *done = false;
    return push_node(eval, object, member, asks ? value : NULL, error);
}

/* --- frames --- */

/* A relation and an arrow are unions over their far nodes (Zanzibar's userset and
 * tuple_to_userset), `.all` is an intersection over them. */
static enum value_operation
operation_of(enum rewrite_op op)
{
    switch (op) {
    case REWRITE_INTERSECTION:
    case REWRITE_ARROW_ALL:
        return VALUE_INTERSECTION;
    case REWRITE_EXCLUSION:
        return VALUE_EXCLUSION;
    case REWRITE_NIL:
    case REWRITE_SELF:
    case REWRITE_STORED:
    case REWRITE_COMPUTED:
    case REWRITE_UNION:
    case REWRITE_ARROW:
        return VALUE_UNION;
    }
    BEHALF_UNREACHABLE();
}

static bool
walks_edges(enum rewrite_op op)
{
    return op == REWRITE_STORED || op == REWRITE_ARROW || op == REWRITE_ARROW_ALL;
}

enum status
eval_push(struct eval *eval, uint64_t object, uint32_t rewrite, uint32_t entry, bool subtracted,
          struct error *error)
{
    enum rewrite_op op = eval->schema->rewrites[rewrite].op;
    struct eval_frame *frames =
        arena_grow(eval->arena, eval->frames, eval->frame_count, &eval->frame_size, sizeof *frames);
    struct eval_frame *frame;

    if (frames == NULL)
        return budget_memory_spent(error);
    eval->frames = frames;
    frame = &frames[eval->frame_count++];
    frame->object = object;
    frame->rewrite = rewrite;
    frame->entry = entry;
    frame->low = EVAL_NONE;
    /* Nodes that become pending while this frame is on the stack are above this index. If the node
     * turns out to be the root of a component, they are its members. */
    frame->pending_base = eval->pending_count;
    frame->operand = 0;
    frame->operation = operation_of(op);
    frame->started = false;
    frame->subtracted = subtracted;
    frame->value = value_none(eval->domain);
    frame->hop = NULL;
    frame->gathered = NULL;
    frame->gathered_count = 0;
    frame->gathered_size = 0;
    frame->walk.batch = NULL;
    frame->walk.batch_size = 0;
    return walks_edges(op) ? eval_walk_start(eval, frame, error) : BEHALF_OK;
}

static enum status
gather_set(struct eval *eval, struct eval_frame *frame, const struct subject_set *set,
           struct error *error)
{
    const struct subject_set **gathered = arena_grow(
        eval->arena, frame->gathered, frame->gathered_count, &frame->gathered_size, sizeof set);

    if (gathered == NULL)
        return budget_memory_spent(error);
    frame->gathered = gathered;
    gathered[frame->gathered_count++] = set;
    return BEHALF_OK;
}

/* Sets of a wide union are collected and united pairwise at the end (subject_set_union_all):
 * uniting each at once would copy the accumulated set k times. Only exact sets are collected, since
 * open values have two sets. */
static bool
can_gather(const struct eval *eval, const struct eval_frame *frame, const struct value *value)
{
    return eval->domain == VALUE_SUBJECTS && frame->operation == VALUE_UNION &&
           !value->provisional && !frame->value.provisional && value->lower_set == value->upper_set;
}

enum status
eval_absorb(struct eval *eval, const struct value *value, uint32_t low, struct error *error)
{
    struct eval_frame *frame = eval_top(eval);

    if (eval->domain == VALUE_DECISION)
        eval_note_until(eval, value);
    if (low < frame->low)
        frame->low = low;
    /* The first operand of an intersection or an exclusion replaces the initial value. `none` is
     * neutral for a union alone; an ARROW_ALL over no objects never starts and so stays a deny. */
    if (!frame->started && frame->operation != VALUE_UNION) {
        frame->value = *value;
        frame->started = true;
        return BEHALF_OK;
    }
    frame->started = true;
    if (can_gather(eval, frame, value))
        return gather_set(eval, frame, value->lower_set, error);
    return value_combine(eval->domain, frame->operation, eval->arena, &frame->value, value)
               ? BEHALF_OK
               : budget_memory_spent(error);
}

/* A provisional union drops what was collected: it has no sets, and is computed again when its
 * component is solved. */
static enum status
unite_gathered(struct eval *eval, struct eval_frame *frame, struct error *error)
{
    const struct subject_set *set;
    struct value value;

    if (frame->gathered_count == 0 || frame->value.provisional)
        return BEHALF_OK;
    set = subject_set_union_all(eval->arena, frame->gathered, frame->gathered_count);
    if (set == NULL)
        return budget_memory_spent(error);
    value = value_set(set);
    return value_combine(eval->domain, VALUE_UNION, eval->arena, &frame->value, &value)
               ? BEHALF_OK
               : budget_memory_spent(error);
}

enum status
eval_add_identity(struct eval *eval, const struct eval_entry *entry, struct value *value,
                  struct error *error)
{
    struct value itself;
    enum status status;

    if (value->provisional || !is_identity(eval, entry->object, entry->member))
        return BEHALF_OK;
    status = identity_value(eval, entry->object, &itself, error);
    if (status != BEHALF_OK)
        return status;
    return value_combine(eval->domain, VALUE_UNION, eval->arena, value, &itself)
               ? BEHALF_OK
               : budget_memory_spent(error);
}

/* Leaves a node open until its component is solved. */
static enum status
add_pending(struct eval *eval, uint32_t entry, struct error *error)
{
    uint32_t *pending = arena_grow(eval->arena, eval->pending, eval->pending_count,
                                   &eval->pending_size, sizeof *pending);

    if (pending == NULL)
        return budget_memory_spent(error);
    eval->pending = pending;
    pending[eval->pending_count++] = entry;
    eval->entries[entry].state = ENTRY_PENDING;
    return BEHALF_OK;
}

/* Finishes a node whose value is in `result`. It is final unless it is provisional; a provisional
 * node becomes pending.
 *
 * Tarjan's root test: the node is the root of its component when nothing in its subtree used a node
 * below it on the stack (low is its own order). All pending nodes above `pending_base` then depend
 * only on each other and on final nodes, so they can be solved together. The root itself may be
 * settled and final already while nodes above it still wait for this moment. A node that is not a
 * root passes `low` on, so that no ancestor solves the component too early.
 *
 * Example: `a = b` and `b = a + c`, where c denies. a (order 0) asks b (order 1), which asks a: in
 * progress, so [0, 1] with low 0. b becomes pending, since 0 < 1. a gets b's value with low 0, its
 * own order: a is the root, and {b, a} is solved. */
static enum status
finish_entry(struct eval *eval, uint32_t entry, uint32_t pending_base, struct error *error)
{
    struct eval_entry *row = &eval->entries[entry];
    enum status status = eval_add_identity(eval, row, &eval->result, error);

    row->value = eval->result;
    row->state = ENTRY_FINAL;
    if (status == BEHALF_OK && eval->result.provisional)
        status = add_pending(eval, entry, error);
    if (status != BEHALF_OK || eval->result_low == EVAL_NONE || eval->result_low < row->order)
        return status;
    status = eval_solve(eval, pending_base, error);
    /* The solver ran frames of its own, which overwrote the result. */
    eval->result = eval->entries[entry].value;
    eval->result_low = EVAL_NONE;
    return status;
}

/* Pops the frame on top and leaves its value as the result. The frame is popped before its node is
 * finished, because solving a component pushes frames in its place; `frame` is read until then and
 * may be overwritten afterwards. */
static enum status
finish_frame(struct eval *eval, struct error *error)
{
    struct eval_frame *frame = eval_top(eval);
    enum status status = unite_gathered(eval, frame, error);

    if (status != BEHALF_OK)
        return status;
    eval_walk_stop(eval, &frame->walk);
    eval->result = frame->value;
    eval->result_low = frame->low;
    eval->frame_count--;
    if (frame->entry != EVAL_NONE)
        status = finish_entry(eval, frame->entry, frame->pending_base, error);
    eval->has_result = true;
    return status;
}

/* --- operators --- */

/* `self` in a rewrite: the object itself is the only subject. It is no userset, so only a plain
 * subject of the object's type can match. */
static enum status
self_value(struct eval *eval, uint64_t object, struct value *value, struct error *error)
{
    bool matches = eval->subject.member == SCHEMA_NONE &&
                   eval->subject.type == binding_type(eval->binding, object);

    if (matches && eval->domain == VALUE_SUBJECTS)
        return identity_value(eval, object, value, error);
    *value =
        matches && eval->subject.node == object ? value_decision(true) : value_none(eval->domain);
    return BEHALF_OK;
}

/* Asks for one operand on the object: either *done with a value, or a frame was pushed. */
static enum status
ask_operand(struct eval *eval, uint64_t object, uint32_t rewrite, bool *done, struct value *value,
            uint32_t *low, struct error *error)
{
    const struct rewrite *row = &eval->schema->rewrites[rewrite];

    *done = true;
    *low = EVAL_NONE;
    switch (row->op) {
    case REWRITE_NIL:
        *value = value_none(eval->domain);
        return BEHALF_OK;
    case REWRITE_SELF:
        return self_value(eval, object, value, error);
    case REWRITE_STORED:
    case REWRITE_COMPUTED:
        return eval_ask(eval, object, row->member, done, value, low, error);
    case REWRITE_UNION:
    case REWRITE_INTERSECTION:
    case REWRITE_EXCLUSION:
    case REWRITE_ARROW:
    case REWRITE_ARROW_ALL:
        *done = false;
        return eval_push(eval, object, rewrite, EVAL_NONE, subtracts(eval_top(eval)), error);
    }
    BEHALF_UNREACHABLE();
}

/* A rewrite without operands (`permission p = q`) is evaluated as a union of itself. */
static uint32_t
operand_of(const struct eval *eval, const struct eval_frame *frame)
{
    const struct rewrite *row = &eval->schema->rewrites[frame->rewrite];

    return row->count == 0 ? frame->rewrite : eval->schema->operands[row->first + frame->operand];
}

static uint32_t
operand_count(const struct eval *eval, const struct eval_frame *frame)
{
    uint32_t count = eval->schema->rewrites[frame->rewrite].count;

    return count == 0 ? 1 : count;
}

/* Asks the operands of an operator in the order of the schema, until one of them needs a frame or
 * the operator is settled. */
static enum status
step_operands(struct eval *eval, struct error *error)
{
    struct eval_frame *frame = eval_top(eval);
    enum status status = BEHALF_OK;
    struct value value;
    uint32_t low;
    bool done;

    while (frame->operand < operand_count(eval, frame)) {
        uint32_t rewrite = operand_of(eval, frame);

        /* Short circuit. It changes the cost and `until`, never the decision: see
         * value_is_settled. */
        if (frame->started && value_is_settled(eval->domain, frame->operation, &frame->value))
            break;
        frame->operand++;
        status = ask_operand(eval, frame->object, rewrite, &done, &value, &low, error);
        if (status != BEHALF_OK || !done)
            return status;
        status = eval_absorb(eval, &value, low, error);
        if (status != BEHALF_OK)
            return status;
    }
    return finish_frame(eval, error);
}

bool
eval_apply_hop(struct eval *eval, const struct value *hop, struct value *value)
{
    struct value sets;

    if (eval->domain == VALUE_DECISION)
        return value_combine(VALUE_DECISION, VALUE_INTERSECTION, eval->arena, value, hop);
    /* A condition is a decision. In the other domain it becomes a bound of sets: true is [all,
     * all], open [none, all], false [none, none]. */
    if (hop->lower && hop->upper)
        return true;
    sets = value_none(VALUE_SUBJECTS);
    if (hop->upper)
        sets.upper_set = &subject_set_all;
    return value_combine(VALUE_SUBJECTS, VALUE_INTERSECTION, eval->arena, value, &sets);
}

/* Combines the value of the current far node into the frame on top, under the condition of its
 * edge. `.all` also depends on the existence of the edge, whatever the far node is worth: when the
 * edge expires, the intersection loses an operand. So its value is valid only until then. */
static enum status
absorb_far(struct eval *eval, struct value *value, uint32_t low, struct error *error)
{
    struct eval_frame *frame = eval_top(eval);
    const struct value *hop = frame->hop;

    frame->hop = NULL;
    if (hop != NULL && !eval_apply_hop(eval, hop, value))
        return budget_memory_spent(error);
    if (hop != NULL && eval->domain == VALUE_DECISION &&
        eval->schema->rewrites[frame->rewrite].op == REWRITE_ARROW_ALL && hop->until < value->until)
        value->until = hop->until;
    return eval_absorb(eval, value, low, error);
}

/* Asks the far nodes of a relation or an arrow, until one of them needs a frame or the operator is
 * settled. A dead far node denies without being asked (see eval_walk_next). */
static enum status
step_walk(struct eval *eval, struct error *error)
{
    struct eval_frame *frame = eval_top(eval);

    /* `frame` stays valid in the loop: eval_ask pushes nothing when it is done, and otherwise the
     * loop ends. */
    while (!frame->started || !value_is_settled(eval->domain, frame->operation, &frame->value)) {
        uint64_t object;
        struct value value = value_none(eval->domain);
        uint32_t low = EVAL_NONE;
        bool end = false;
        bool dead = false;
        bool done = true;
        enum status status = eval_walk_next(eval, frame, &object, &end, &dead, error);

        if (status == BEHALF_OK && end)
            break;
        if (status == BEHALF_OK && !dead)
            status = eval_ask(eval, object, frame->walk.child, &done, &value, &low, error);
        if (status != BEHALF_OK || !done)
            return status;
        status = absorb_far(eval, &value, low, error);
        if (status != BEHALF_OK)
            return status;
    }
    return finish_frame(eval, error);
}

/* The interpreter loop. A frame that asked for something returns here; the value of the frame that
 * was pushed arrives through `result` and is absorbed before the frame goes on. eval_cycle.c calls
 * it again from within finish_frame; `floor` keeps the inner run from touching the frames of the
 * outer one. */
enum status
eval_run(struct eval *eval, uint32_t floor, struct error *error)
{
    enum status status = BEHALF_OK;

    while (status == BEHALF_OK && eval->frame_count > floor) {
        struct eval_frame *frame = eval_top(eval);

        if (eval->has_result) {
            struct value value = eval->result;

            eval->has_result = false;
            status = absorb_far(eval, &value, eval->result_low, error);
        } else if (walks_edges(eval->schema->rewrites[frame->rewrite].op)) {
            status = step_walk(eval, error);
        } else {
            status = step_operands(eval, error);
        }
    }
    eval->has_result = false;
    return status;
}

/* Whether an evaluation may begin or end: the stack is empty and no node is pending. Left-overs of
 * an evaluation that failed would be taken for parts of the next one. */
static bool
is_idle(const struct eval *eval)
{
    return eval->frame_count == 0 && eval->pending_count == 0;
}

/* Checks what eval.h promises at the end of an evaluation. A broken promise becomes INTERNAL, never
 * a decision. */
static enum status
settle(const struct eval *eval, uint64_t object, uint32_t member, const struct value *value,
       enum status status, struct error *error)
{
    if (status == BEHALF_OK && BEHALF_UNLIKELY(!is_idle(eval) || value->provisional))
        return EVAL_BROKEN(eval, object, member, "an evaluation ends with a final value", error);
    return status;
}

enum status
eval_node(struct eval *eval, uint64_t object, uint32_t member, struct value *value,
          struct error *error)
{
    uint32_t low;
    bool done;
    enum status status;

    if (BEHALF_UNLIKELY(!is_idle(eval)))
        return EVAL_BROKEN(eval, object, member, "an evaluation begins with an empty stack", error);
    status = eval_ask(eval, object, member, &done, value, &low, error);
    if (status == BEHALF_OK && !done) {
        status = eval_run(eval, 0, error);
        *value = eval->result;
    }
    return settle(eval, object, member, value, status, error);
}

enum status
eval_operand(struct eval *eval, uint64_t object, uint32_t rewrite, struct value *value,
             struct error *error)
{
    const struct rewrite *row = &eval->schema->rewrites[rewrite];
    enum status status;

    /* A relation is asked as a node, because eval_walk_start expects its own edges to be read. */
    if (row->op == REWRITE_STORED)
        return eval_node(eval, object, row->member, value, error);
    if (BEHALF_UNLIKELY(!is_idle(eval)))
        return EVAL_BROKEN(eval, object, row->member, "an evaluation begins with an empty stack",
                           error);
    status = eval_push(eval, object, rewrite, EVAL_NONE, false, error);
    if (status == BEHALF_OK)
        status = eval_run(eval, 0, error);
    *value = eval->result;
    return settle(eval, object, row->member, value, status, error);
}
