/* explain_conditions.h - explains a decision by actors or a grant: the root is the intersection,
 * its children are the conditions, each decided by itself, whether the decision came to it or not.
 *
 * Always true: as explain.h, it decides nothing that is answered. Below D3, D8 and D1 are the trees
 * of the evaluation core, of those parts that have the condition's outcome. Together they have at
 * most EXPLAIN_NODES_MAX nodes.
 * Threads, memory, errors: as explain.h. */
#ifndef BEHALF_ENGINE_EXPLAIN_CONDITIONS_H
#define BEHALF_ENGINE_EXPLAIN_CONDITIONS_H

#include "engine/explain.h"
#include "engine/question.h"

/* Whether the question has conditions beside its node and its hops, which explain() shows. */
bool explain_has_conditions(struct snapshot *snapshot, const struct question *question);

/* `eval` is fresh or has decided the question's node; `value` is the answer. */
enum status explain_conditions(struct snapshot *snapshot, struct eval *eval,
                               const struct question *question, const struct value *value,
                               const struct explanation **explanation,
                               struct error *error) BEHALF_MUST_USE;

/* The explanation of a deny that was found when the answer was about to leave. NULL when there is
 * no memory for it. */
const struct explanation *explain_reason(struct snapshot *snapshot, enum engine_reason reason);

#endif
