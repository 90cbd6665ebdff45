/* audit_log.h - the engine's audit log, for engine/audit_*.c.
 * Always true: the log is opened before the engine answers and closed after its threads ended.
 * Threads: any. Errors: AUDIT_UNAVAILABLE where nothing is recorded. */
#ifndef BEHALF_ENGINE_AUDIT_LOG_H
#define BEHALF_ENGINE_AUDIT_LOG_H

#include <stdatomic.h>

#include "audit/audit.h"
#include "engine/audit.h"
#include "engine/figures.h"

struct audit_log {
    struct audit *audit;
    char *directory;
    uint32_t sample; /* one in so many of the decisions without actors; 0 = none */
    bool full_context;
    _Atomic int64_t report_second; /* of what others report: the second, by the monotonic clock, */
    atomic_uint_fast64_t reports;  /* how many came in it, */
    atomic_uint_fast64_t unreported; /* and how many were too many, in all */
};

/* Opens what the options ask for: `engine->audit` is NULL where that is nothing. STORAGE_CORRUPT:
 * the log does not fit its newest checkpoint; nothing was changed. */
enum status audit_log_open(struct engine *engine, const struct engine_audit_options *options,
                           struct error *error) BEHALF_MUST_USE;
void audit_log_close(struct engine *engine); /* also of one that was not opened */

/* The log, and the folder that readers open. Both live as long as the engine. */
enum status audit_log_find(struct engine *engine, struct audit **audit,
                           struct error *error) BEHALF_MUST_USE;
enum status audit_log_directory(struct engine *engine, const char **directory,
                                struct error *error) BEHALF_MUST_USE;

void audit_log_figures(const struct engine *engine, struct engine_audit_figures *figures);

#endif
