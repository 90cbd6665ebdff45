/* cel_zone.h - time zones by the names of the IANA database, without the C library's global state.
 *
 * Always true: the TZif files (RFC 8536) of the system are all read at once, for the life of the
 * process, and afterwards nothing is: a name is found among them or is that of no zone. So no name
 * that a client sends costs a file, a lock or memory.
 * Threads: any; after cel_zones_load nobody waits. */
#ifndef BEHALF_SCHEMA_CEL_ZONE_H
#define BEHALF_SCHEMA_CEL_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define CEL_ZONES_MAX 2048

/* Reads the database, some 600 files, unless it was read before: when a condition that asks for a
 * zone is compiled, so that no evaluation has to. */
void cel_zones_load(void);

/* What to add to UTC, in seconds, at a moment in a zone: "UTC", "Europe/Berlin", "+05:30", "-8:00".
 * False when there is no such zone. */
bool cel_zone_offset(struct slice name, int64_t seconds, int64_t *offset);

/* The same for the bytes of a TZif file; for tests and fuzzers. False: they are damaged. */
bool cel_zone_offset_in(struct slice file, int64_t seconds, int64_t *offset);

#endif
