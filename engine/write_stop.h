/* write_stop.h - the stop on everything that a new incarnation of a store begins with. */
#ifndef BEHALF_ENGINE_WRITE_STOP_H
#define BEHALF_ENGINE_WRITE_STOP_H

#include "engine/stops.h"

/* Puts it into the transaction: what was granted before ends, nothing is cut off from now on. When
 * the engine opens, before there is a writer thread. */
enum status write_incarnation_stop(struct store_transaction *transaction, const struct stops *stops,
                                   int64_t at, struct error *error) BEHALF_MUST_USE;

#endif
