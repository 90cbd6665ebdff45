/* workload_block.c - see workload_block.h. */
#include "bench/workload_block.h"

#include <string.h>

#include "base/check.h"
#include "base/memory.h"

#define FILLER_FIRST 1000000 /* numbers that no shape gives */

void
block_init(struct workload_block *block)
{
    *block = (struct workload_block){.number = 0};
}

void
block_release(struct workload_block *block)
{
    memory_free(block->sets);
    memory_free(block->targets);
    memory_free(block->chains);
}

/* --- relationships ---------------------------------------------------------------------------- */

void
thing_print(struct thing thing, uint32_t block_number, struct buffer *out)
{
    if (thing.number == THING_ALL)
        buffer_add_format(out, "%s:*", thing.type);
    else
        buffer_add_format(out, "%s:%u-%u", thing.type, block_number, thing.number);
    if (thing.relation != NULL)
        buffer_add_format(out, "#%s", thing.relation);
}

void
block_put(struct workload_block *block, const char *type, uint32_t number, const char *relation,
          struct thing subject)
{
    BEHALF_ASSERT(block->count < block->limit);
    block->count++;
    if (block->lines == NULL)
        return;
    thing_print(thing_set(type, number, relation), block->number, block->lines);
    buffer_add_byte(block->lines, '@');
    thing_print(subject, block->number, block->lines);
    buffer_add_byte(block->lines, '\n');
}

uint32_t
block_room(const struct workload_block *block)
{
    return block->limit - block->count;
}

static void
fill(struct workload_block *block, const struct workload_shape *shape)
{
    uint32_t number = FILLER_FIRST;

    for (; block_room(block) > 0; number++)
        block_put(block, shape->filler_resource.type, number, shape->filler_resource.relation,
                  thing_of(shape->filler_subject, number));
}

void
block_generate(struct workload_block *block, const struct workload_shape *shape, uint64_t seed,
               uint32_t number, struct buffer *lines)
{
    block->random = bench_random_of(seed, number);
    block->number = number;
    block->limit = shape->block_size;
    block->count = 0;
    block->lines = lines;
    block->population = shape->population;
    if (block->words != shape->population / 64 + 1) {
        memory_free(block->sets);
        block->sets = NULL;
        block->set_capacity = 0;
        block->words = shape->population / 64 + 1;
    }
    block->set_count = 0;
    block->target_count = 0;
    block->asked = 0;
    block->chain_count = 0;
    shape->build(block);
    if (block->asked == 0)
        block->asked = block->target_count;
    fill(block, shape);
}

void
block_target(struct workload_block *block, const char *type, uint32_t number,
             const char *permission, const char *subject_type, uint32_t subject_count, uint32_t set)
{
    BEHALF_ASSERT(subject_count <= block->population);
    block->targets = memory_reserve(block->targets, block->target_count + 1,
                                    &block->target_capacity, sizeof *block->targets);
    block->targets[block->target_count++] = (struct target){
        thing_set(type, number, permission), subject_type, subject_count, set, FOLDER_NONE};
}

void
block_within(struct workload_block *block, uint32_t folder)
{
    BEHALF_ASSERT(block->target_count > 0);
    block->targets[block->target_count - 1].folder = folder;
}

void
block_chain(struct workload_block *block, const struct workload_chain *chain)
{
    block->chains = memory_reserve(block->chains, block->chain_count + 1, &block->chain_capacity,
                                   sizeof *block->chains);
    block->chains[block->chain_count++] = *chain;
}

void
block_sample(struct workload_block *block, uint32_t below, uint32_t *numbers, uint32_t count)
{
    BEHALF_ASSERT(count <= below);
    /* Samples are small: drawing again costs less than a table of all. */
    for (uint32_t at = 0; at < count;) {
        uint32_t number = bench_random_below(&block->random, below);
        uint32_t before = 0;

        while (before < at && numbers[before] != number)
            before++;
        if (before == at)
            numbers[at++] = number;
    }
}

/* --- sets ------------------------------------------------------------------------------------- */

static uint64_t *
words_of(const struct workload_block *block, uint32_t set)
{
    return block->sets + (size_t)set * block->words;
}

uint32_t
set_new(struct workload_block *block)
{
    block->sets = memory_reserve(block->sets, block->set_count + 1, &block->set_capacity,
                                 block->words * sizeof *block->sets);
    memset(words_of(block, block->set_count), 0, block->words * sizeof *block->sets);
    return block->set_count++;
}

uint32_t
set_copy(struct workload_block *block, uint32_t from)
{
    uint32_t set = set_new(block);

    set_join(block, set, from);
    return set;
}

void
set_add(struct workload_block *block, uint32_t set, uint32_t subject)
{
    BEHALF_ASSERT(subject <= block->population);
    words_of(block, set)[subject / 64] |= UINT64_C(1) << subject % 64;
}

void
set_add_everyone(struct workload_block *block, uint32_t set)
{
    for (uint32_t subject = 0; subject <= block->population; subject++)
        set_add(block, set, subject);
}

void
set_join(struct workload_block *block, uint32_t into, uint32_t from)
{
    for (uint32_t word = 0; word < block->words; word++)
        words_of(block, into)[word] |= words_of(block, from)[word];
}

void
set_meet(struct workload_block *block, uint32_t into, uint32_t with)
{
    for (uint32_t word = 0; word < block->words; word++)
        words_of(block, into)[word] &= words_of(block, with)[word];
}

void
set_subtract(struct workload_block *block, uint32_t from, uint32_t what)
{
    for (uint32_t word = 0; word < block->words; word++)
        words_of(block, from)[word] &= ~words_of(block, what)[word];
}

bool
set_has(const struct workload_block *block, uint32_t set, uint32_t subject)
{
    return (words_of(block, set)[subject / 64] >> subject % 64 & 1) != 0;
}

bool
set_has_others(const struct workload_block *block, uint32_t set)
{
    return set_has(block, set, block->population);
}

uint32_t
set_count(const struct workload_block *block, uint32_t set)
{
    uint32_t count = 0;

    for (uint32_t word = 0; word < block->words; word++)
        count += (uint32_t)__builtin_popcountll(words_of(block, set)[word]);
    return count - set_has_others(block, set);
}
