/* record_conditions.h - the yes-or-no conditions on the records of a chain: D2, D6, D7, D4 and D5.
 *
 * One function for the decision, the look before an answer leaves, the writer and the `state` that
 * a read shows, so that these never disagree.
 * Threads: a pure function. Memory: none of its own; facts are borrowed. */
#ifndef BEHALF_ENGINE_RECORD_CONDITIONS_H
#define BEHALF_ENGINE_RECORD_CONDITIONS_H

#include "eval/binding.h"
#include "engine/records.h"
#include "engine/stops.h"

#define RECORD_CONDITIONS_NO_END INT64_MAX

/* Records of one revision. */
struct record_facts {
    const struct binding *binding; /* says which types are agent types */
    const struct stops *stops;
    const struct session *session;    /* NULL = there is none */
    const struct grant *const *chain; /* from the root to the grant that was named */
    size_t length;                    /* 0 = a grant or one of its parents does not exist */
    int64_t last_seen;                /* of the session (engine/seen.h) */
};

/* The reason of the first condition that denies, or REASON_NONE. *at is the 0-based place in the
 * chain of the grant that it concerns, where there is one, else 0. *ends: while the records stay as
 * they are, the answer holds before that time: of an allow the earliest end, of a grant that is not
 * valid yet its not_before, else RECORD_CONDITIONS_NO_END. */
enum engine_reason record_conditions(const struct record_facts *facts, int64_t now, size_t *at,
                                     int64_t *ends);

/* The reason of each condition by itself; without D2 none of the others. */
struct record_reasons {
    enum engine_reason d2;
    enum engine_reason d6;
    enum engine_reason d7;
    enum engine_reason d4;
    enum engine_reason d5;
};

void record_conditions_each(const struct record_facts *facts, int64_t now,
                            struct record_reasons *reasons);

/* D6 and what D7 says of the session alone: its `state`. */
enum engine_reason session_conditions(const struct record_facts *facts, int64_t now, int64_t *ends);

#endif
