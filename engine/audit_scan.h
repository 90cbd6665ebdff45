/* audit_scan.h - the lines of the audit log as one request reads them.
 *
 * Always true: a request reads what was on the disk when it began, in the order of `seq`, and looks
 * at its deadline and at its canceller every few lines. A line that is no record of the log is
 * STORAGE_CORRUPT: it is never left out in silence.
 * Threads: one request, on a thread that may block. Memory: a line until the next one is read; what
 * is parsed until audit_scan_forget. */
#ifndef BEHALF_ENGINE_AUDIT_SCAN_H
#define BEHALF_ENGINE_AUDIT_SCAN_H

#include "audit/audit.h"
#include "base/arena.h"
#include "base/datum.h"
#include "engine/audit.h"

struct audit_scan {
    struct audit_reader *reader;
    const struct env *env;
    const struct engine_request *request;
    uint64_t first; /* the first record that is kept */
    uint64_t size;  /* one more than the last */
    uint64_t seq;   /* of `line` */
    struct slice line;
    unsigned until_clock;
    struct arena parsed;
};

/* AUDIT_UNAVAILABLE where nothing is recorded; WOULD_BLOCK; STORAGE_FAILED. */
enum status audit_scan_open(struct engine_worker *worker, const struct engine_request *request,
                            struct audit_scan *scan, struct error *error) BEHALF_MUST_USE;
void audit_scan_close(struct audit_scan *scan);

/* To a record, or the first that is kept, or the end. */
enum status audit_scan_seek(struct audit_scan *scan, uint64_t seq,
                            struct error *error) BEHALF_MUST_USE;
/* BEHALF_OK with `seq` and `line`, or BEHALF_DONE; DEADLINE. */
enum status audit_scan_next(struct audit_scan *scan, struct error *error) BEHALF_MUST_USE;

/* The line as a map. */
enum status audit_scan_parse(struct audit_scan *scan, const struct datum **record,
                             struct error *error) BEHALF_MUST_USE;
/* Gives back the memory of what was parsed. */
void audit_scan_forget(struct audit_scan *scan);

/* A field that is text; empty when it is absent or something else. */
struct slice audit_field_text(const struct datum *map, const char *name);
/* A field that is an integer; false when it is absent or something else. */
bool audit_field_integer(const struct datum *map, const char *name, int64_t *value) BEHALF_MUST_USE;
/* A time of a record (RFC 3339) in nanoseconds since 1970. */
bool audit_field_time(const struct datum *map, const char *name, int64_t *time_ns) BEHALF_MUST_USE;

/* --- filters --- */

/* A filter, with what is looked for in the bytes of a line before it is parsed. */
struct audit_matcher {
    const struct audit_filter *filter;
    struct slice needles[6];
    size_t needle_count;
};

enum status audit_matcher_init(const struct audit_filter *filter, struct arena *arena,
                               struct audit_matcher *matcher, struct error *error) BEHALF_MUST_USE;
/* Whether the record that the scan is at fits. */
enum status audit_matcher_fits(const struct audit_matcher *matcher, struct audit_scan *scan,
                               bool *fits, struct error *error) BEHALF_MUST_USE;

#endif
