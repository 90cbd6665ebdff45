/* page_lists.h - what is left of the lists of a walk for the pages that follow.
 * A list ascends; `shift` is how many bits of an entry stand below its sequence.
 * Threads: pure functions. */
#ifndef BEHALF_ENGINE_PAGE_LISTS_H
#define BEHALF_ENGINE_PAGE_LISTS_H

#include "engine/page_cache.h"

/* How many entries of the list have no greater sequence. */
size_t page_list_up_to(struct page_list list, uint64_t sequence, unsigned shift);

/* Leaves out of a list what is not behind the sequence. */
void page_list_skip(struct page_list *list, uint64_t sequence, unsigned shift);

/* Cuts all lists at the sequence up to which none has more than `share` entries; walk->to says
 * where. */
void page_walk_cut(struct page_walk *walk, const unsigned shifts[PAGE_WALK_LISTS], size_t share);

#endif
