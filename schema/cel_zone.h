/* cel_zone.h - time zones by the names of the IANA database, without the C library's global state.
 *
 * Always true: a zone never changes once found and lives as long as the process; at most
 * CEL_ZONES_MAX are kept, further names are as unknown ones. The TZif files (RFC 8536) are those of
 * the system, read once each.
 * Threads: any; found zones are in a list that only grows, read without a lock. */
#ifndef BEHALF_SCHEMA_CEL_ZONE_H
#define BEHALF_SCHEMA_CEL_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define CEL_ZONES_MAX 1024

/* What to add to UTC, in seconds, at a moment in a zone: "UTC", "Europe/Berlin", "+05:30", "-8:00".
 * False when there is no such zone. */
bool cel_zone_offset(struct slice name, int64_t seconds, int64_t *offset);

/* The same for the bytes of a TZif file; for tests and fuzzers. False: they are damaged. */
bool cel_zone_offset_in(struct slice file, int64_t seconds, int64_t *offset);

#endif
