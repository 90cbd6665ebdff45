/* offline.h - what is done to a data directory while no server uses it.
 * Always true: the directory is locked meanwhile. Threads: none beside it.
 * Errors: STORAGE_CORRUPT when the data is damaged, anything else when it cannot be opened. */
#ifndef BEHALF_SERVER_OFFLINE_H
#define BEHALF_SERVER_OFFLINE_H

#include "base/error.h"

/* Checks everything, changes nothing, and prints what is there. */
enum status offline_verify(const char *data, struct error *error) BEHALF_MUST_USE;

/* Gives the store a token key and an incarnation of its own. */
enum status offline_renew(const char *data, struct error *error) BEHALF_MUST_USE;

#endif
