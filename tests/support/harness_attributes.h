/* harness_attributes.h - attributes of objects, written and read as text.
 * Threads: none of its own. Memory: the engine's arena, static storage for what is read. */
#ifndef BEHALF_TESTS_HARNESS_ATTRIBUTES_H
#define BEHALF_TESTS_HARNESS_ATTRIBUTES_H

#include "engine/agents.h"
#include "tests/support/harness.h"

/* One write of all lines: "set user:ann {\"role\":\"admin\"}", "merge user:ann {...}" or "delete
 * user:ann". Its status; `write` may be given by the caller with an idempotency key and metadata,
 * and has the rest of the answer. */
enum status harness_write_attributes(struct harness_engine *side, const char *lines,
                                     struct engine_write *write);

/* Canonical JSON, "none", or the name of an error, at the newest state or exactly at a token.
 * Static storage. */
const char *harness_read_attributes(struct harness_engine *side, const char *object,
                                    const struct engine_token *at);

#endif
