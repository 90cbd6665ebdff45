/* inputs.h - what the conditions of a request are evaluated with, beside stored contexts: the
 * request's context, and the attributes of the subject and the resource of each evaluation.
 *
 * Always true: attributes belong to one subject and one resource, so an evaluation that reads them
 * is for these alone (inputs_are_same tells who may share one). They are fetched when a condition
 * that reads them is first evaluated. A schema whose caveats read none costs one branch.
 * Properties lie over stored attributes only where they count: never those that a request by an
 * actor or a grant gives of its subject or resource.
 * Threads: one request. Memory: counted properties in the request's arena; what is fetched in the
 * arena of the evaluation. */
#ifndef BEHALF_ENGINE_INPUTS_H
#define BEHALF_ENGINE_INPUTS_H

#include "engine/state.h"
#include "schema/caveat.h"

struct inputs {
    const struct datum *context;               /* a map, or NULL */
    const struct check_properties *properties; /* those that count; NULL = none */
    struct slice action;                       /* the permission that is asked */
};

/* What a request says about properties, beside their maps. */
struct inputs_request {
    bool delegated;      /* it names an actor or a grant */
    uint32_t looked_for; /* bit i: enum caveat_reserved i is what it looks for */
};

/* Which of the properties count. MALFORMED_REQUEST for what does not, unless it is passed over. */
enum status inputs_count(const struct snapshot *snapshot, const struct check_properties *given,
                         const struct inputs_request *request,
                         const struct check_properties **counted,
                         struct error *error) BEHALF_MUST_USE;

/* The properties as a part of a request's digest, empty without any. */
void inputs_print_properties(const struct check_properties *properties, struct buffer *out);

/* The reserved maps of one evaluation. */
struct inputs_attributes {
    struct condition_attributes common; /* first */
    struct snapshot *snapshot;
    struct inputs inputs;
    uint64_t subject;
    uint64_t resource;
};

void inputs_attributes_init(struct inputs_attributes *attributes, struct snapshot *snapshot,
                            const struct inputs *inputs, uint64_t subject, uint64_t resource);

/* For the condition scope of an evaluation: NULL when no caveat of the schema reads attributes.
 * `attributes` lives as long as the evaluation. */
static inline struct condition_attributes *
inputs_attributes_of(struct inputs_attributes *attributes, struct snapshot *snapshot,
                     const struct inputs *inputs, uint64_t subject, uint64_t resource)
{
    if (BEHALF_LIKELY(snapshot->binding->schema->reserved_read == 0))
        return NULL;
    inputs_attributes_init(attributes, snapshot, inputs, subject, resource);
    return &attributes->common;
}

static inline bool
inputs_read(const struct snapshot *snapshot, enum caveat_reserved which)
{
    return (snapshot->binding->schema->reserved_read >> which & 1) != 0;
}

/* Whether an evaluation with these attributes, of the same subject and context, may be used for
 * another resource and other inputs too. */
bool inputs_are_same(const struct inputs_attributes *attributes, const struct inputs *inputs,
                     uint64_t resource);

#endif
