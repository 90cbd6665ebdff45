/* denial.h - for which denials access may be requested (engine/agents.h says which).
 *
 * Always true: it is asked of a deny alone and changes no decision. What cannot be told, because
 * the principal's permission is conditional or an error, is not requestable.
 * Threads: one request. */
#ifndef BEHALF_ENGINE_DENIAL_H
#define BEHALF_ENGINE_DENIAL_H

#include "engine/question.h"

/* Sets verdict->requestable of a question that was decided; `eval` and `known` as of
 * question_decide. Where D1 and D8 matter they are decided here. */
enum status denial_of_question(struct snapshot *snapshot, struct eval *eval,
                               const struct question *question, const struct value *known,
                               struct verdict *verdict, struct error *error) BEHALF_MUST_USE;

/* The same of a deny by a record condition, which the last look found. */
enum status denial_of_records(struct snapshot *snapshot, const struct guard *guard,
                              struct verdict *verdict, struct error *error) BEHALF_MUST_USE;

#endif
