/* denial.h - what a sealed denial is for: who asked whom for what, as one digest.
 *
 * Always true: two requests have the same digest when caller, agents, subject (without
 * `properties.act`, which names the agents once more), resource and action are the same as they
 * were sent. Numbers count by value: 1, 1.0 and 1e0 are one. No properties are the same as none.
 * Threads: none; pure functions. */
#ifndef BEHALF_NET_DENIAL_H
#define BEHALF_NET_DENIAL_H

#include "base/buffer.h"
#include "base/digest.h"
#include "net/authzen_body.h"

/* `words->context` is not looked at. */
void denial_digest(struct slice caller, const struct object *agents, size_t agent_count,
                   const struct authzen_words *words, uint8_t digest[DIGEST_SIZE]);

/* The bytes of datum_encode, but that a number without a fraction which fits an integer is one,
 * however it was written: equal for what says the same, different for what does not. */
void denial_put_by_value(const struct datum *datum, struct buffer *out);

#endif
