/* record.h - one line of the log: canonical datum bytes in, RFC 8785 JSON out, and back what the
 * log itself needs of a line.
 * Always true: a line is one line (controls are escaped), its keys ascend and are ASCII, and it is
 * not longer than RECORD_LINE_MAX. A line that record_print made is read back by record_is_next for
 * the same place and no other, as `prev` names the leaf before it.
 * Threads: pure functions. */
#ifndef BEHALF_AUDIT_RECORD_H
#define BEHALF_AUDIT_RECORD_H

#include "audit/audit.h"

/* Each byte of a string becomes six at most, and the log adds its own fields. */
#define RECORD_LINE_MAX (6 * AUDIT_LINE_SIZE_MAX + 1024)

/* Whether record_print may print them: what audit_put asks for. MALFORMED_REQUEST says why not. */
enum status record_check(struct slice fields, struct error *error) BEHALF_MUST_USE;

/* The fields that the log writes itself, among the others in their order. `fields` passed
 * record_check. No newline. */
void record_print(struct slice fields, uint64_t seq, int64_t ts_ns,
                  const uint8_t previous[DIGEST_SIZE], struct buffer *out);

/* What the log wrote into a line. */
struct record_facts {
    uint64_t seq;
    int64_t ts_ns;
    uint8_t previous[DIGEST_SIZE];
};

/* False when one of these is missing or stands twice. Of the rest only as much JSON is checked as
 * that needs. */
bool record_read(struct slice line, struct record_facts *facts) BEHALF_MUST_USE;

/* Whether a line says that it stands at `seq`, after the leaf `previous`. */
bool record_is_next(struct slice line, uint64_t seq, const uint8_t previous[DIGEST_SIZE]);

#endif
