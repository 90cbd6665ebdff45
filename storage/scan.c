/* scan.c - ranges of edges at a revision.
 *
 * The values of one edge are disjoint intervals [created, deleted) of revisions: the newest in
 * forward/reverse (deleted: never), the others in history. At most one interval contains a given
 * revision. So the state at a revision is a merge, by edge key, of the head state and history, in
 * which each value is taken or skipped by its own interval; values of one edge need not be
 * collected.
 *
 *   forward   A created 7          B created 2
 *   history   A [3,7)  A [1,2)                     C [1,4)
 *   at 3      A of [3,7)           B               C
 *
 * Always true: both sides come from one storage snapshot. DONE is returned only after the revision
 * was compared with the horizon again, since a compaction may drop history under an open snapshot:
 * a list that ends with DONE is complete. */
#include "base/memory.h"
#include "storage/store_internal.h"

struct scan_side {
    struct kv_scan *scan; /* NULL: this side is exhausted or not needed */
    bool loaded;          /* key and value are read and not yet given */
    struct slice key;     /* the edge key, 20 bytes */
    struct slice value;
    uint64_t deleted; /* of a value in history */
};

struct store_scan {
    const struct store_snapshot *snapshot;
    uint64_t revision;
    enum edge_direction direction;
    bool done;
    bool moved; /* the scan ends at `to`, inside its range */
    char to[EDGE_KEY_SIZE];
    struct scan_side head;
    struct scan_side history;
};

static enum status
head_open(struct store_scan *scan, const struct edge_range *range, struct error *error)
{
    char from[EDGE_KEY_SIZE];
    char to[EDGE_KEY_SIZE];
    struct kv_range keys = {
        .keyspace = range->direction == EDGE_FORWARD ? KV_FORWARD : KV_REVERSE,
        .from = {from, sizeof from},
    };

    edge_key_encode(range->direction, &range->from, from);
    edge_key_encode(range->direction, &range->to, to);
    if (!range->unbounded)
        keys.to = (struct slice){to, sizeof to};
    return kv_scan_open(scan->snapshot->store->kv, scan->snapshot->kv, &keys, &scan->head.scan,
                        error);
}

static enum status
history_open(struct store_scan *scan, const struct edge_range *range, struct error *error)
{
    char from[HISTORY_KEY_SIZE];
    char to[HISTORY_KEY_SIZE];
    char edge_key[EDGE_KEY_SIZE];
    struct kv_range keys = {KV_HISTORY, {from, sizeof from}, {to, sizeof to}, false};

    edge_key_encode(range->direction, &range->from, edge_key);
    history_key_encode(range->direction, edge_key, 0, from);
    edge_key_encode(range->direction, &range->to, edge_key);
    history_key_encode(range->direction, edge_key, 0, to);
    /* The whole direction: its keys end where those of the next direction byte begin. */
    if (range->unbounded) {
        to[0]++;
        keys.to.size = 1;
    }
    return kv_scan_open(scan->snapshot->store->kv, scan->snapshot->kv, &keys, &scan->history.scan,
                        error);
}

enum status
store_scan_open(const struct store_snapshot *snapshot, uint64_t revision,
                const struct edge_range *range, struct store_scan **scan, struct error *error)
{
    struct store_scan *result;
    enum status status = store_revision_check(snapshot, revision, error);

    if (status != BEHALF_OK)
        return status;
    /* Refuses early; the check at the end is the one that counts. */
    result = memory_new(sizeof *result);
    result->snapshot = snapshot;
    result->revision = revision;
    result->direction = range->direction;
    status = head_open(result, range, error);
    /* A value in history counts at `revision` only if it was deleted later. When no entry was,
     * which holds for every read at the head, history is not opened at all. */
    if (status == BEHALF_OK && revision < snapshot->head.revision &&
        revision < snapshot->newest_history)
        status = history_open(result, range, error);
    if (status != BEHALF_OK)
        store_scan_close(result);
    else
        *scan = result;
    return status;
}

void
store_scan_close(struct store_scan *scan)
{
    if (scan == NULL)
        return;
    kv_scan_close(scan->head.scan);
    kv_scan_close(scan->history.scan);
    memory_free(scan);
}

/* --- moving --- */

/* Moves one side forward. A key that was read ahead stays if it belongs to the new part: the
 * iterator has passed it, and a seek would lose it. */
static void
side_move(struct scan_side *side, struct slice from, struct slice stored_from)
{
    if (side->scan == NULL || (side->loaded && slice_compare(side->key, from) >= 0))
        return;
    side->loaded = false;
    kv_scan_seek(side->scan, stored_from);
}

void
store_scan_move(struct store_scan *scan, const struct edge_range *part)
{
    char from[EDGE_KEY_SIZE];
    char of_history[HISTORY_KEY_SIZE];

    BEHALF_ASSERT(part->direction == scan->direction && !part->unbounded);
    edge_key_encode(scan->direction, &part->from, from);
    edge_key_encode(scan->direction, &part->to, scan->to);
    history_key_encode(scan->direction, from, 0, of_history);
    side_move(&scan->head, (struct slice){from, sizeof from}, (struct slice){from, sizeof from});
    side_move(&scan->history, (struct slice){from, sizeof from},
              (struct slice){of_history, sizeof of_history});
    scan->moved = true;
    scan->done = false;
}

/* --- reading --- */

/* Reads the next key of a side. BEHALF_DONE when there is none; the side is then closed. */
static enum status
side_advance(struct store_scan *scan, struct scan_side *side, struct error *error)
{
    enum edge_direction direction;
    struct slice key;
    enum status status;

    /* A key stays loaded until its side is chosen, since the other side may come first several
     * times. */
    if (side->loaded)
        return BEHALF_OK;
    if (side->scan == NULL)
        return BEHALF_DONE;
    status = kv_scan_next(side->scan, &key, &side->value, error);
    if (status == BEHALF_DONE) {
        kv_scan_close(side->scan);
        side->scan = NULL;
    }
    if (status != BEHALF_OK)
        return status;
    side->key = key;
    if (side == &scan->history)
        status = history_key_decode(key, &direction, &side->key, &side->deleted, error);
    side->loaded = status == BEHALF_OK;
    return status;
}

/* The side with the smaller key; the head for equal keys, where either order would do, since the
 * intervals are disjoint. NULL when both are exhausted. */
static enum status
side_choose(struct store_scan *scan, struct scan_side **side, struct error *error)
{
    enum status head = side_advance(scan, &scan->head, error);
    enum status history;

    if (head != BEHALF_OK && head != BEHALF_DONE)
        return head;
    history = side_advance(scan, &scan->history, error);
    if (history != BEHALF_OK && history != BEHALF_DONE)
        return history;
    if (head == BEHALF_DONE && history == BEHALF_DONE)
        *side = NULL;
    else if (head == BEHALF_DONE)
        *side = &scan->history;
    else if (history == BEHALF_DONE)
        *side = &scan->head;
    else
        *side =
            slice_compare(scan->head.key, scan->history.key) <= 0 ? &scan->head : &scan->history;
    return BEHALF_OK;
}

enum status
store_scan_next(struct store_scan *scan, struct edge *edge, struct error *error)
{
    struct edge read;
    struct scan_side *side = NULL;
    enum status status;

    if (scan->done)
        return BEHALF_DONE;
    for (;;) {
        status = side_choose(scan, &side, error);
        if (status != BEHALF_OK)
            return status;
        /* A key beyond the part stays loaded for the next move. */
        if (side == NULL ||
            (scan->moved && slice_compare(side->key, (struct slice){scan->to, EDGE_KEY_SIZE}) >= 0))
            break;
        side->loaded = false;
        if (side == &scan->history && side->deleted <= scan->revision)
            continue;
        status = edge_value_decode(side->value, &read, error);
        if (status == BEHALF_OK && read.created_revision > scan->revision)
            continue;
        if (status == BEHALF_OK)
            status = edge_key_decode(scan->direction, side->key, &read.key, error);
        if (status == BEHALF_OK)
            *edge = read;
        return status;
    }
    /* The horizon may have passed the revision since the scan began; then history that belongs in
     * the list may have been dropped. */
    status = store_revision_check(scan->snapshot, scan->revision, error);
    scan->done = status == BEHALF_OK;
    return status == BEHALF_OK ? BEHALF_DONE : status;
}
