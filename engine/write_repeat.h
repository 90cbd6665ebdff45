/* write_repeat.h - writes that happened before, by their idempotency keys. */
#ifndef BEHALF_ENGINE_WRITE_REPEAT_H
#define BEHALF_ENGINE_WRITE_REPEAT_H

#include "engine/engine.h"
#include "storage/store.h"

/* How long the repeat of a use is the same use. */
#define WRITE_USE_REPEAT_NS (INT64_C(60) * 1000000000)

/* The key under which the store knows a request: of a caller with a name, that name and the
 * client's key, so that no two callers share one. */
#define WRITE_REQUEST_KEY_SIZE (1 + 2 * ENGINE_IDEMPOTENCY_KEY_SIZE_MAX)
struct slice write_request_key(const struct engine_write *write, char room[WRITE_REQUEST_KEY_SIZE]);

/* write->repeated, with the revision and the ids of the records that it made. A request that was
 * accepted before is answered from memory, whatever changed since. IDEMPOTENCY_KEY_REUSED for
 * another request under the key, and for a use that is repeated too late. Writer thread. */
enum status write_find_repeated(const struct store_transaction *transaction, int64_t now,
                                struct engine_write *write) BEHALF_MUST_USE;

#endif
