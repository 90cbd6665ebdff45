/* test_explain_support.h - an explanation as lines of text, two blanks a level:
 *
 *   allow member document:plan#view
 *     conditional relationship document:plan#viewer@user:ann[...] with {...} left ... needs a b
 *     deny more 3 ; message */
#ifndef BEHALF_TESTS_EXPLAIN_SUPPORT_H
#define BEHALF_TESTS_EXPLAIN_SUPPORT_H

#include "base/buffer.h"
#include "engine/engine.h"

void explanation_print(const struct explanation *root, struct buffer *out);
/* Nodes of the tree; each counts. */
size_t explanation_count(const struct explanation *root);

#endif
