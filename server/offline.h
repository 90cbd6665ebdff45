/* offline.h - what is done to a data directory before or instead of serving it.
 * Always true: the directory is locked meanwhile. Threads: none beside it.
 * Errors: STORAGE_CORRUPT when the data is damaged, anything else when it cannot be opened. */
#ifndef BEHALF_SERVER_OFFLINE_H
#define BEHALF_SERVER_OFFLINE_H

#include "base/error.h"
#include "storage/store.h"

/* Checks everything, changes nothing, and prints what is there. */
enum status offline_verify(const char *data, struct error *error) BEHALF_MUST_USE;

/* Opens a store that is there already and gives it a token key and an incarnation of its own. */
enum status offline_open_renewed(const struct store_options *options, struct store **store,
                                 struct error *error) BEHALF_MUST_USE;

/* The same, and says that it was done. */
enum status offline_renew(const char *data, struct error *error) BEHALF_MUST_USE;

#endif
