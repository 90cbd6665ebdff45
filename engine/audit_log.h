/* audit_log.h - the engine's audit log, for engine/audit_*.c.
 * Always true: the log is opened before the engine answers and closed after its threads ended.
 * Threads: any. Errors: AUDIT_UNAVAILABLE where nothing is recorded. */
#ifndef BEHALF_ENGINE_AUDIT_LOG_H
#define BEHALF_ENGINE_AUDIT_LOG_H

#include "audit/audit.h"
#include "engine/audit.h"

/* The log, and the folder that readers open. Both live as long as the engine. */
enum status audit_log_find(struct engine *engine, struct audit **audit,
                           struct error *error) BEHALF_MUST_USE;
enum status audit_log_directory(struct engine *engine, const char **directory,
                                struct error *error) BEHALF_MUST_USE;

#endif
