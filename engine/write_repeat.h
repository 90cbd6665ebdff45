/* write_repeat.h - writes that happened before, by their idempotency keys. */
#ifndef BEHALF_ENGINE_WRITE_REPEAT_H
#define BEHALF_ENGINE_WRITE_REPEAT_H

#include "engine/engine.h"
#include "storage/store.h"

/* How long the repeat of a use is the same use. */
#define WRITE_USE_REPEAT_NS (INT64_C(60) * 1000000000)

/* write->repeated, with the revision and the ids of the records that it made. A request that was
 * accepted before is answered from memory, whatever changed since. IDEMPOTENCY_KEY_REUSED for
 * another request under the key, and for a use that is repeated too late. Writer thread. */
enum status write_find_repeated(const struct store_transaction *transaction, int64_t now,
                                struct engine_write *write) BEHALF_MUST_USE;

#endif
