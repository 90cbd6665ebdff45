/* graph_version.c - chains of versions: reading, counting and making them. */
#include "graph/graph_version.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void
versions_of(uint64_t value, struct versions *versions)
{
    const struct chain *chain;

    if (version_kind(value) == KIND_CHAIN) {
        chain = version_pointer(value);
        versions->items = chain->versions;
        versions->count = chain->count;
        return;
    }
    versions->single = (struct version){.until = UINT64_MAX};
    if (version_kind(value) == KIND_SET) {
        versions->single.set = version_pointer(value);
        versions->single.from = versions->single.set->valid_from;
    } else {
        versions->single.from = version_payload(value);
    }
    versions->items = &versions->single;
    versions->count = 1;
}

size_t
version_chain_bytes(size_t count)
{
    return memory_block_bytes(sizeof(struct chain) + count * sizeof(struct version));
}

size_t
versions_newest_bytes(const struct versions *versions)
{
    const struct edge_set *set = versions->items[0].set;

    return set == NULL ? 0 : edge_set_bytes(set);
}

size_t
versions_superseded_bytes(const struct versions *versions)
{
    size_t bytes = versions->count > 1 ? version_chain_bytes(versions->count) : 0;

    for (size_t at = 1; at < versions->count; at++) {
        if (versions->items[at].set != NULL)
            bytes += edge_set_bytes_beside(versions->items[at].set, versions->items[at - 1].set);
    }
    return bytes;
}

uint64_t
versions_value(const struct version *versions, size_t count)
{
    struct chain *chain;

    if (count == 1)
        return versions[0].set != NULL ? version_pointer_value(versions[0].set, KIND_SET)
                                       : version_payload_value(versions[0].from, KIND_EMPTY);
    chain = memory_new(sizeof *chain + count * sizeof *versions);
    chain->count = count;
    memcpy(chain->versions, versions, count * sizeof *versions);
    return version_pointer_value(chain, KIND_CHAIN);
}

bool
version_is_needed(const struct version *version, uint64_t published, const struct reader_pins *pins)
{
    /* Whoever comes before the next publication reads at the one that is now. */
    if (version->until > published)
        return true;
    for (size_t at = 0; at < pins->count; at++) {
        if (pins->revisions[at] >= version->from && pins->revisions[at] < version->until)
            return true;
    }
    return false;
}

bool
version_chain_is_needed(const struct chain *chain, uint64_t published,
                        const struct reader_pins *pins)
{
    for (size_t at = 1; at < chain->count; at++) {
        if (!version_is_needed(&chain->versions[at], published, pins))
            return false;
    }
    return true;
}

void
version_retire_block(void *context, const void *block, size_t bytes)
{
    retirees_add(context, (void *)(uintptr_t)block, bytes);
}

void
version_retire(uint64_t value, struct retirees *retirees)
{
    struct versions versions;

    if (version_kind(value) != KIND_SET && version_kind(value) != KIND_CHAIN)
        return;
    versions_of(value, &versions);
    for (size_t at = versions.count; at-- > 0;) {
        const struct edge_set *newer = at == 0 ? NULL : versions.items[at - 1].set;

        if (versions.items[at].set != NULL)
            edge_set_visit_own(versions.items[at].set, newer, NULL, version_retire_block, retirees);
    }
    if (version_kind(value) == KIND_CHAIN)
        retirees_add(retirees, version_pointer(value), version_chain_bytes(versions.count));
}

static int
compare_changes(const void *left, const void *right)
{
    const struct edge_change *a = left;
    const struct edge_change *b = right;

    if (a->group_key != b->group_key)
        return a->group_key < b->group_key ? -1 : 1;
    if (a->node != b->node)
        return a->node < b->node ? -1 : 1;
    return (a->revision > b->revision) - (a->revision < b->revision);
}

/* Leaves of each edge the last change, and none up to revision `after`; what is left ascends.
 * *first and *last are the revisions of those that are newer. */
static size_t
last_changes(struct edge_change *changes, size_t count, uint64_t after, uint64_t *first,
             uint64_t *last)
{
    size_t left = 0;

    *first = UINT64_MAX;
    *last = after;
    if (count > 1)
        qsort(changes, count, sizeof *changes, compare_changes);
    for (size_t at = 0; at < count; at++) {
        const struct edge_change *change = &changes[at];

        if (change->revision <= after)
            continue;
        *first = change->revision < *first ? change->revision : *first;
        *last = change->revision > *last ? change->revision : *last;
        if (left > 0 && changes[left - 1].node == change->node &&
            changes[left - 1].group_key == change->group_key)
            left--;
        changes[left++] = *change;
    }
    return left;
}

bool
version_make(const struct edge_set *empty, struct version *old, struct edge_change *changes,
             size_t count, struct version *made)
{
    const struct edge_set *set = old->set != NULL ? old->set : empty;
    uint64_t first;
    uint64_t last;

    count = last_changes(changes, count, old->from, &first, &last);
    if (count == 0)
        return false;
    *made = (struct version){
        .set = edge_set_update(set, changes, count, last), .from = last, .until = UINT64_MAX};
    if (edge_set_edge_count(made->set) == 0) {
        edge_set_free(made->set);
        made->set = NULL;
    }
    old->until = first;
    return true;
}
