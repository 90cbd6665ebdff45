/* workload_block.h - the pieces that generated workloads are made of, and the shapes of them.
 *
 * A workload is many blocks alike: a tenant, an organization, a tree. A shape builds one: it puts
 * relationships and, beside them, for each resource that can be asked the set of subjects that have
 * the permission. From these sets every question and its answer follow, so that a shape says what
 * it means once. Objects of a block are called TYPE:BLOCK-NUMBER.
 *
 * Always true: a block depends on seed and number alone; no relationship leads from one block to
 * another; it has exactly `limit` relationships once generated; a set has a bit per subject of a
 * type and one for all others (type:*).
 * Memory: all inside the block, kept for the next one until release. Threads: none. */
#ifndef BEHALF_BENCH_WORKLOAD_BLOCK_H
#define BEHALF_BENCH_WORKLOAD_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "bench/bench_random.h"

/* An object of the block, or with `relation` its subjects. */
struct thing {
    const char *type;
    uint32_t number;
    const char *relation; /* NULL = the object itself */
};

#define THING_ALL UINT32_MAX /* as number: type:* */

/* A resource and permission (`resource.relation`), and who has it. */
struct target {
    struct thing resource;
    const char *subject_type;
    uint32_t subject_count; /* subjects of the block that may be asked about */
    uint32_t set;
    uint32_t folder; /* that it lies in; FOLDER_NONE = in none that is asked about */
};

#define FOLDER_NONE UINT32_MAX
#define CHAIN_MAX 4

/* What a chain of grants is for: all documents, those within a folder, or one. */
enum workload_scope { SCOPE_NO_GRANT, SCOPE_TYPE, SCOPE_FOLDER, SCOPE_OBJECT };

/* Agents of type "agent" that act, the first for user `subject`, the next for the first: by
 * relationships, or by a chain of grants of one permission, which is the question's. */
struct workload_chain {
    uint32_t subject;
    uint32_t agents[CHAIN_MAX];
    uint32_t count;
    bool holds;
    enum workload_scope scope;
    uint32_t scoped; /* the folder or document */
};

struct workload_block {
    struct bench_random random;
    uint32_t number;
    uint32_t limit;
    uint32_t count;       /* relationships so far */
    struct buffer *lines; /* NULL: only the answers are wanted */

    uint32_t population; /* bits of a set, without that for all others */
    uint32_t words;
    uint64_t *sets;
    uint32_t set_count;
    size_t set_capacity;

    struct target *targets;
    uint32_t target_count;
    size_t target_capacity;
    uint32_t asked; /* the first so many are asked; others only count in lookups. 0 = all */

    struct workload_chain *chains; /* when there are any, every check has one */
    uint32_t chain_count;
    size_t chain_capacity;
};

struct workload_shape {
    const char *name;
    const char *summary;
    const char *schema;
    uint32_t block_size;     /* divides WORKLOAD_SMALL */
    uint32_t population;     /* largest number of subjects of one type in a block */
    const char *lookup_type; /* what lookup_resources asks for; no wildcard may reach it */
    const char *lookup_permission;
    struct thing filler_resource; /* type and relation of what fills a block up: */
    const char *filler_subject;   /* objects that nothing else names */
    void (*build)(struct workload_block *block);
};

extern const struct workload_shape shape_one_hop, shape_drive, shape_github, shape_agents,
    shape_delegated, shape_wide_groups, shape_deep_arrows, shape_double_wide_arrow,
    shape_wide_direct, shape_lookup_intersection, shape_share_with, shape_grants;

void block_init(struct workload_block *block);
void block_release(struct workload_block *block);

/* Builds block `number` in place of what was there. `lines` may be NULL. */
void block_generate(struct workload_block *block, const struct workload_shape *shape, uint64_t seed,
                    uint32_t number, struct buffer *lines);

/* --- for shapes --- */

static inline struct thing
thing_of(const char *type, uint32_t number)
{
    return (struct thing){type, number, NULL};
}

static inline struct thing
thing_set(const char *type, uint32_t number, const char *relation)
{
    return (struct thing){type, number, relation};
}

void block_put(struct workload_block *block, const char *type, uint32_t number,
               const char *relation, struct thing subject);

/* Relationships that still fit. */
uint32_t block_room(const struct workload_block *block);

/* Who may do `permission` on a resource. */
void block_target(struct workload_block *block, const char *type, uint32_t number,
                  const char *permission, const char *subject_type, uint32_t subject_count,
                  uint32_t set);

/* The target that was added last lies in that folder. */
void block_within(struct workload_block *block, uint32_t folder);

void block_chain(struct workload_block *block, const struct workload_chain *chain);

/* Sets are named by number; an empty one, or a copy. */
uint32_t set_new(struct workload_block *block);
uint32_t set_copy(struct workload_block *block, uint32_t from);
void set_add(struct workload_block *block, uint32_t set, uint32_t subject);
void set_add_everyone(struct workload_block *block, uint32_t set);
void set_join(struct workload_block *block, uint32_t into, uint32_t from);
void set_meet(struct workload_block *block, uint32_t into, uint32_t with);
void set_subtract(struct workload_block *block, uint32_t from, uint32_t what);
bool set_has(const struct workload_block *block, uint32_t set, uint32_t subject);
bool set_has_others(const struct workload_block *block, uint32_t set); /* type:* */
uint32_t set_count(const struct workload_block *block,
                   uint32_t set); /* of the block's own subjects */

/* `count` different numbers below `below`, in random order. */
void block_sample(struct workload_block *block, uint32_t below, uint32_t *numbers, uint32_t count);

/* Appends "TYPE:BLOCK-NUMBER", with "#RELATION" behind it when there is one. */
void thing_print(struct thing thing, uint32_t block_number, struct buffer *out);

#endif
