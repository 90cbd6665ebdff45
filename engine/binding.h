/* binding.h - a compiled schema tied to the labels of the store.
 *
 * Always true: every type and every named member of the schema has a label (the schema write made
 * them in its own transaction); a binding never changes. Label -> schema goes through here only, so
 * an edge whose labels the schema does not know is never walked.
 * Threads: read anywhere. Memory: reference counted. */
#ifndef BEHALF_ENGINE_BINDING_H
#define BEHALF_ENGINE_BINDING_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/table.h"
#include "schema/schema.h"
#include "storage/store.h"

struct binding {
    const struct schema *schema;   /* one reference */
    uint64_t revision;             /* that wrote the schema */
    const uint16_t *type_labels;   /* by schema type */
    const uint16_t *member_labels; /* by member; LABEL_NONE for a hidden member */
    struct arena arena;
    struct table types;   /* type label -> schema type */
    struct table members; /* schema type << 16 | relation label -> member */
    atomic_uint references;
};

/* Takes a reference of its own on the schema. STORAGE_CORRUPT when a name has no label. */
enum status binding_new(const struct schema *schema, uint64_t revision, struct store *store,
                        struct binding **binding, struct error *error) BEHALF_MUST_USE;
/* Reads, compiles and binds the schema in force at `revision`; NO_SCHEMA before the first. */
enum status binding_load(struct store *store, const struct store_snapshot *snapshot,
                         uint64_t revision, struct binding **binding,
                         struct error *error) BEHALF_MUST_USE;
struct binding *binding_ref(struct binding *binding);
void binding_unref(struct binding *binding); /* accepts NULL */

/* SCHEMA_NONE when the schema has no such type or member. */
static inline uint32_t
binding_type(const struct binding *binding, uint64_t node)
{
    return table_find(&binding->types, NODE_TYPE(node));
}

static inline uint32_t
binding_member(const struct binding *binding, uint32_t type, uint16_t relation_label)
{
    return table_find(&binding->members, (uint64_t)type << 16 | relation_label);
}

_Static_assert(TABLE_NONE == SCHEMA_NONE, "an absent key reads as no member");

#endif
