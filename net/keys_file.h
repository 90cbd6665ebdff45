/* keys_file.h - from the text of a keys file to a set of entries.
 *
 * Always true: a set is whole or not there. It never changes; the last reference frees it.
 * Memory: what its keys point to belongs to the set. Threads: any. */
#ifndef BEHALF_NET_KEYS_FILE_H
#define BEHALF_NET_KEYS_FILE_H

#include "base/arena.h"
#include "base/digest.h"
#include "net/keys.h"

#define KEYS_MAX 1000                            /* entries: each is compared with every key */
#define KEYS_FILE_SIZE_MAX ((size_t)1024 * 1024) /* far above what KEYS_MAX lines need */

struct key_entry {
    struct key key; /* first: a reference to it leads back to the entry */
    struct key_set *set;
    uint8_t digest[DIGEST_SIZE];
};

struct key_set {
    atomic_size_t references;
    struct key_entry *entries;
    size_t count;
    struct arena arena; /* texts and scopes of the entries */
};

/* MALFORMED_REQUEST with the line (error_at) and what to do. The text is not kept. The keys have no
 * meters yet. */
enum status keys_file_parse(struct slice text, struct key_set **set,
                            struct error *error) BEHALF_MUST_USE;

void key_set_unref(struct key_set *set); /* accepts NULL */

#endif
