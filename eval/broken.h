/* broken.h - reports a violated invariant of the evaluation. The request ends with INTERNAL, and no
 * caller uses its value. */
#ifndef BEHALF_EVAL_BROKEN_H
#define BEHALF_EVAL_BROKEN_H

#include "eval/binding.h"
#include "graph/graph.h"

/* `object` and `member` are the node under evaluation. */
#define BROKEN(binding, view, object, member, violated, error)                                     \
    node_broken((binding), (view), (object), (member), (violated), __FILE__, __LINE__, (error))

enum status node_broken(const struct binding *binding, const struct graph_view *view,
                        uint64_t object, uint32_t member, const char *violated, const char *file,
                        int line, struct error *error) BEHALF_MUST_USE;

#endif
