/* caveat_run.h - one evaluation of a caveat, for caveat.c and caveat_residual.c.
 * Threads: none. Memory: on the stack of the caller, and the arena. */
#ifndef BEHALF_SCHEMA_CAVEAT_RUN_H
#define BEHALF_SCHEMA_CAVEAT_RUN_H

#include "schema/cel_node.h"

struct caveat_run {
    struct cel_machine machine;
    struct cel_value parameters[CAVEAT_PARAMETERS_MAX];
};

/* Puts in the reserved maps and the values of both contexts; what neither has is unknown. After
 * success the machine is to be ended. */
enum status caveat_run_begin(struct caveat_run *run, const struct caveat *caveat,
                             struct slice stored, const struct caveat_inputs *inputs,
                             uint32_t steps, struct arena *arena,
                             struct error *error) BEHALF_MUST_USE;

/* BUDGET_EXHAUSTED, with a message. */
enum status caveat_run_spent(const struct caveat *caveat, struct error *error);

#endif
