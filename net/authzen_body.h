/* authzen_body.h - the bodies of AuthZEN requests, from JSON to words. Nothing of the graph is
 * known here (authzen_graph.h).
 *
 * Always true: what was read has the JSON types that the specification gives it, and every id is
 * one that an object can have. Members that are unknown are passed over. The bytes are one object
 * in UTF-8, no name stands twice, nothing is nested deeper than DATUM_DEPTH_MAX.
 * Memory: in the arena; texts may point into the body. Threads: none. Errors: MALFORMED_REQUEST
 * with the path of the member ('subject.id'), INVALID_OBJECT_ID, BUDGET_EXHAUSTED. */
#ifndef BEHALF_NET_AUTHZEN_BODY_H
#define BEHALF_NET_AUTHZEN_BODY_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/datum.h"
#include "base/error.h"
#include "net/limits.h"

#define AUTHZEN_BODY_SIZE_MAX ((size_t)1024 * 1024)
#define AUTHZEN_EVALUATIONS_MAX LIMIT_CHECKS

struct authzen_entity {
    struct slice type;
    struct slice id;                /* empty where it was not asked for */
    const struct datum *properties; /* a map, or NULL */
};

/* One question. */
struct authzen_words {
    struct authzen_entity subject;
    struct authzen_entity resource;
    struct slice action; /* empty where it was not asked for */
    const struct datum *action_properties;
    const struct datum *context; /* a map, or NULL */
};

/* What a question needs. Of what is searched the id and the properties are passed over, whatever
 * they are; but an `act` in the properties of a subject is still there to be seen. */
enum authzen_need {
    AUTHZEN_SUBJECT_ID = 1,
    AUTHZEN_RESOURCE_ID = 2,
    AUTHZEN_ACTION = 4,
    AUTHZEN_EVERYTHING = 7,
};

enum status authzen_read_body(struct slice text, struct arena *arena, const struct datum **body,
                              struct error *error) BEHALF_MUST_USE;

/* `defaults` (may be NULL) has the entities that `item` has not. An entity of the item takes the
 * place of the default as a whole; only a `type` or `id` that it lacks is still the default's. */
enum status authzen_read_words(const struct datum *item, const struct datum *defaults,
                               unsigned needs, struct authzen_words *words,
                               struct error *error) BEHALF_MUST_USE;

enum authzen_semantic {
    AUTHZEN_EXECUTE_ALL,
    AUTHZEN_DENY_ON_FIRST_DENY,
    AUTHZEN_PERMIT_ON_FIRST_PERMIT,
};

/* The items of `evaluations`, none where it is absent or empty. What stands beside them has the
 * right types, so that an item can only be wrong by itself. */
struct authzen_evaluations {
    const struct datum *const *items;
    size_t count;
    enum authzen_semantic semantic;
};

enum status authzen_read_evaluations(const struct datum *body,
                                     struct authzen_evaluations *evaluations,
                                     struct error *error) BEHALF_MUST_USE;

struct authzen_page {
    bool given;
    bool has_limit;
    uint32_t limit; /* 0 = default; at most LIMIT_PAGE */
    struct slice token;
};

enum status authzen_read_page(const struct datum *body, struct authzen_page *page,
                              struct error *error) BEHALF_MUST_USE;

/* The member of a map, NULL where it is absent and need not be there. `path` names the map in
 * messages: "subject.", or "". */
enum status authzen_member(const struct datum *map, const char *path, const char *name,
                           enum datum_kind kind, bool required, const struct datum **value,
                           struct error *error) BEHALF_MUST_USE;

#endif
