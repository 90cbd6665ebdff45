/* record.h - one line of the log: RFC 8785 JSON with ascending ASCII keys.
 * Always true: a line that record_print made is read back by record_is_next for the same place and
 * no other, as `prev` names the leaf before it.
 * Threads: pure functions. */
#ifndef BEHALF_AUDIT_RECORD_H
#define BEHALF_AUDIT_RECORD_H

#include "audit/audit.h"

/* The fields that the log writes itself, among the others in their order. `fields` are the
 * canonical bytes of a map without them. No newline. */
void record_print(struct slice fields, uint64_t seq, int64_t ts_ns,
                  const uint8_t previous[DIGEST_SIZE], struct buffer *out);

/* Whether a line says that it stands at `seq`, behind the leaf `previous`. */
bool record_is_next(struct slice line, uint64_t seq, const uint8_t previous[DIGEST_SIZE]);

/* The time of a line; false when it has none. */
bool record_time(struct slice line, int64_t *ts_ns);

#endif
