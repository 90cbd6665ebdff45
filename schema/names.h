/* names.h - a hash table from (scope, name) to a number.
 * When chosen: names of types (scope 0) and of members (scope: their type); lookups by bytes.
 * Always true: equality is decided on full bytes and scope; a name is in it once; at most half
 * full.
 * Memory: all from the arena given at init, names are borrowed. Threads: none while it grows; any
 * number of readers afterwards. */
#ifndef BEHALF_SCHEMA_NAMES_H
#define BEHALF_SCHEMA_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

struct names_slot {
    struct slice name;
    uint32_t scope;
    uint32_t value; /* SCHEMA_NONE in a free slot */
};

struct names {
    struct names_slot *slots;
    uint32_t mask;
    uint32_t count;
    struct arena *arena;
};

/* `expected` names fit without growth. False when the arena is spent. */
bool names_init(struct names *names, struct arena *arena, uint32_t expected) BEHALF_MUST_USE;

/* The value, or SCHEMA_NONE. */
uint32_t names_find(const struct names *names, uint32_t scope, struct slice name);

/* Adds a name that is absent. False when the arena is spent. */
bool names_add(struct names *names, uint32_t scope, struct slice name,
               uint32_t value) BEHALF_MUST_USE;

#endif
