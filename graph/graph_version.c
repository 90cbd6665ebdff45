/* graph_version.c - chains of versions: reading, counting and making them.
 * Always true: a piece that two versions share is counted once, with the newer one, and retired
 * once, with the last version that has it. */
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
    /* A slot without a chain holds one version, which has no end. */
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

    /* A single version needs no chain: a find then saves one cache miss. */
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
    /* A request that begins before the next publication reads `published`. It may not have pinned
     * it yet, so no pin is asked for here. */
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
        /* One superfluous version is enough to rebuild the chain. */
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
        /* Each piece with the newest version that has it; `older` is not excluded, since it goes
         * too. */
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

/* Keeps the last change of each edge and drops changes up to revision `after`; the rest ascends by
 * edge. *first and *last are the lowest and highest revision among the newer changes, also of those
 * that a later change of the same edge replaced: the state changed at each of them. */
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

    /* Changes up to old->from are in the set: it was loaded at a head that had them. */
    count = last_changes(changes, count, old->from, &first, &last);
    if (count == 0)
        return false;
    *made = (struct version){
        .set = edge_set_update(set, changes, count, last), .from = last, .until = UINT64_MAX};
    /* A node without edges is kept as a revision alone (KIND_EMPTY) and takes no memory beside its
     * slot. */
    if (edge_set_edge_count(made->set) == 0) {
        edge_set_free(made->set);
        made->set = NULL;
    }
    /* Between `first` and `last` neither version is right: a reader there goes to storage. */
    old->until = first;
    return true;
}
