/* test_audit_support.h - the engine of test_agents_support.h with an audit log in a folder of its
 * own, and records that a test writes by hand.
 *
 * The engine writes records of its own between them: tests look at theirs through a filter. */
#ifndef BEHALF_TESTS_UNIT_TEST_AUDIT_SUPPORT_H
#define BEHALF_TESTS_UNIT_TEST_AUDIT_SUPPORT_H

#include "engine/audit.h"
#include "tests/unit/test_agents_support.h"

/* Before agents_open, and after agents_close. */
void audited_begin(void);
void audited_end(void);
/* The folder of the log. */
const char *audited_directory(void);

/* Puts the record of this JSON object, with the time `seconds` behind AGENTS_START, and waits until
 * it is on the disk. */
void audited_put(int64_t seconds, const char *json);

struct engine_request audited_request(void);

/* The records that fit, of one field each, in the order of the log: "1 2 3" of `field`. Static
 * storage. */
const char *audited_values(const struct audit_read *read, const char *field);

/* An id of a decision that was made then. */
struct record_id_text audited_decision_id(int64_t seconds);

#endif
