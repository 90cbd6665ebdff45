/* page_lists.c - see page_lists.h. */
#include "engine/page_lists.h"

#include "base/check.h"

size_t
page_list_up_to(struct page_list list, uint64_t sequence, unsigned shift)
{
    size_t low = 0;
    size_t high = list.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (list.entries[middle] >> shift <= sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void
page_list_skip(struct page_list *list, uint64_t sequence, unsigned shift)
{
    size_t before = page_list_up_to(*list, sequence, shift);

    BEHALF_ASSERT(before <= list->count);
    if (before == 0)
        return; /* an empty list has no entries to point to */
    list->entries += before;
    list->count -= before;
}

void
page_walk_cut(struct page_walk *walk, const unsigned shifts[PAGE_WALK_LISTS], size_t share)
{
    for (size_t i = 0; i < PAGE_WALK_LISTS; i++) {
        const struct page_list *list = &walk->lists[i];

        if (list->count > share && list->entries[share - 1] >> shifts[i] < walk->to)
            walk->to = list->entries[share - 1] >> shifts[i];
    }
    for (size_t i = 0; i < PAGE_WALK_LISTS; i++)
        walk->lists[i].count = page_list_up_to(walk->lists[i], walk->to, shifts[i]);
}
