/* request.h - from the words of a request to schema numbers and nodes, the same way for all
 * methods. Every failure names the word: UNKNOWN_DEFINITION, UNKNOWN_RELATION_OR_PERMISSION (both
 * with the nearest name as a hint where there is one), INVALID_OBJECT_ID, WILDCARD_NOT_ALLOWED,
 * MALFORMED_REQUEST. */
#ifndef BEHALF_ENGINE_REQUEST_H
#define BEHALF_ENGINE_REQUEST_H

#include "eval/eval.h"
#include "engine/inputs.h"
#include "engine/verdict.h"

/* A resource: an object without relation, no wildcard. */
enum status request_resource(struct snapshot *snapshot, const struct object *object, uint32_t *type,
                             uint64_t *node, struct error *error) BEHALF_MUST_USE;

/* A subject: an object or a userset, no wildcard. */
enum status request_subject(struct snapshot *snapshot, const struct object *object,
                            struct eval_subject *subject, struct error *error) BEHALF_MUST_USE;

/* The same for who has name_id_hash of the object's id already. */
enum status request_resource_hashed(struct snapshot *snapshot, const struct object *object,
                                    uint64_t id_hash, uint32_t *type, uint64_t *node,
                                    struct error *error) BEHALF_MUST_USE;
enum status request_subject_hashed(struct snapshot *snapshot, const struct object *object,
                                   uint64_t id_hash, struct eval_subject *subject,
                                   struct error *error) BEHALF_MUST_USE;

/* The chain of delegation, checked and bound. */
struct request_chain {
    struct eval_subject subjects[ENGINE_ACTORS_MAX]; /* whose authority hop i passes on */
    uint64_t actors[ENGINE_ACTORS_MAX];              /* who acts on behalf of subjects[i] */
    uint32_t members[ENGINE_ACTORS_MAX];             /* acts_on_behalf_of of the actor's type */
    size_t count;
};

/* Plain objects only, none twice (the subject included), each actor's type with a relation or
 * permission `acts_on_behalf_of`. */
enum status request_chain(struct snapshot *snapshot, const struct object *subject,
                          const struct eval_subject *bound, const struct object *actors,
                          size_t count, struct request_chain *chain,
                          struct error *error) BEHALF_MUST_USE;

/* The intersection of all hops, each an evaluation of its own: allow when there is none. To a
 * condition on a hop the one before is the subject, and the actor the resource. */
enum status request_chain_value(struct snapshot *snapshot, const struct request_chain *chain,
                                const struct inputs *inputs, struct value *value,
                                struct error *error) BEHALF_MUST_USE;

/* Asked at one state of the past, whatever was written since. */
static inline bool
request_is_of_the_past(const struct engine_request *request)
{
    return request->consistency == CONSISTENCY_AT_EXACT_SNAPSHOT ||
           request->consistency == CONSISTENCY_AT_TIME;
}

/* Of a request at a time its bytes, else empty: part of what a cursor, and what is kept for it, is
 * tied to, since what had expired by then differs. */
static inline struct slice
request_time(const struct engine_request *request)
{
    return (struct slice){(const char *)&request->at_ns,
                          request->consistency == CONSISTENCY_AT_TIME ? sizeof request->at_ns : 0};
}

/* A page size: 0 = default; above the cap EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT. */
enum status request_limit(uint32_t asked, size_t *limit, struct error *error) BEHALF_MUST_USE;

#endif
