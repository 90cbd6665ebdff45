/* oracle_private.h - what the parts of the oracle share: reading a solved world. */
#ifndef BEHALF_TESTS_ORACLE_PRIVATE_H
#define BEHALF_TESTS_ORACLE_PRIVATE_H

#include "tests/support/oracle.h"

/* Where the value of a node is read. */
enum oracle_source { ORACLE_LOWER, ORACLE_UPPER, ORACLE_CURRENT };

/* The lanes for which the expression holds on the object, by the lower or the upper bounds. */
uint64_t oracle_evaluate(const struct oracle *oracle, int expression, int type, int id,
                         enum oracle_source bound);

/* Of `lanes`, those for which the tuple's condition holds, or may hold. */
uint64_t oracle_conditioned(const struct oracle *oracle, int tuple, enum oracle_source bound,
                            uint64_t lanes);

/* The subjects that a tuple names itself: the one, or by a wildcard all plain ones of the type. */
uint64_t oracle_named_by(const struct oracle *oracle, const struct world_tuple *tuple);
/* The subject that is the object, and that is the userset object#name. */
uint64_t oracle_self(const struct oracle *oracle, int type, int id);
uint64_t oracle_identity(const struct oracle *oracle, int type, int id, int name);

/* Finds why the nodes that are open for the subject number `lane` are so: fills its reasons. */
void oracle_explain(struct oracle *oracle, int lane);

/* Where in oracle->reasons. */
static inline size_t
oracle_reason(int node, int lane)
{
    return (size_t)node * ORACLE_LANES + (size_t)lane;
}

#endif
