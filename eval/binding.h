/* binding.h - a compiled schema together with the labels of its names in the store.
 *
 * Always true: every type, every named member and every caveat of the schema has a label, which the
 * schema write made in its own transaction. A binding never changes. Labels are mapped to the
 * schema here only, so an edge with labels that the schema does not know is never followed, and an
 * edge of a variant that its relation does not allow can be recognised. The members that the engine
 * knows by name (acts_on_behalf_of, agent_ceiling and agent_ceiling_NAME) are found here, once per
 * schema.
 * Threads: any may read. Memory: reference counted. */
#ifndef BEHALF_EVAL_BINDING_H
#define BEHALF_EVAL_BINDING_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/table.h"
#include "eval/plain.h"
#include "schema/schema.h"
#include "storage/store.h"

struct binding {
    const struct schema *schema;                  /* one reference */
    uint64_t revision;                            /* the schema's revision */
    uint8_t digest[DIGEST_SIZE];                  /* SHA-256 of its text */
    const uint16_t *type_labels;                  /* by schema type */
    const uint16_t *member_labels;                /* by member; LABEL_NONE for a hidden member */
    const uint16_t *caveat_labels;                /* by schema caveat */
    const struct plain_program *plain;            /* by member */
    const uint8_t (*caveat_digests)[DIGEST_SIZE]; /* by schema caveat: schema_caveat_digest */
    const uint32_t *hop_members;     /* by type: its acts_on_behalf_of; SCHEMA_NONE = no agents */
    const uint32_t *type_ceilings;   /* by type: its agent_ceiling, or SCHEMA_NONE */
    const uint32_t *member_ceilings; /* by member: agent_ceiling_<its name>, or SCHEMA_NONE */
    struct arena arena;
    struct table types;    /* type label -> schema type */
    struct table members;  /* schema type << 16 | relation label -> member */
    struct table caveats;  /* caveat label -> schema caveat */
    struct table variants; /* binding_variant_key -> schema variant */
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

static inline uint32_t
binding_caveat(const struct binding *binding, uint16_t caveat_label)
{
    return table_find(&binding->caveats, caveat_label);
}

/* Whether the objects of a schema type act on behalf of others. */
static inline bool
binding_is_agent_type(const struct binding *binding, uint32_t type)
{
    return binding->hop_members[type] != SCHEMA_NONE;
}

/* What decides whether a relation allows a stored edge. */
struct edge_kind {
    uint32_t relation;     /* member */
    uint32_t subject_type; /* schema type */
    /* member of that type; SCHEMA_NONE for a plain subject or wildcard */
    uint32_t subject_relation;
    uint16_t caveat; /* label; LABEL_NONE = none */
    bool wildcard;
    bool expiring;
};

/* relation 16 | subject 17 | caveat label 16 | wildcard 1 | expiring 1 bits; a userset's member
 * implies its type */
static inline uint64_t
binding_variant_key(const struct edge_kind *kind)
{
    uint64_t subject = kind->subject_relation != SCHEMA_NONE
                           ? kind->subject_relation
                           : SCHEMA_MEMBERS_MAX + 1 + (uint64_t)kind->subject_type;

    return (uint64_t)kind->relation << 35 | subject << 18 | (uint64_t)kind->caveat << 2 |
           (uint64_t)kind->wildcard << 1 | (uint64_t)kind->expiring;
}

/* Whether the relation allows exactly this variant, with exactly this caveat and expiration: one
 * probe of a table. An edge for which this is false does not exist for any reader. */
static inline bool
binding_allows(const struct binding *binding, const struct edge_kind *kind)
{
    return table_find(&binding->variants, binding_variant_key(kind)) != TABLE_NONE;
}

_Static_assert(TABLE_NONE == SCHEMA_NONE, "an absent key reads as no member");

#endif
