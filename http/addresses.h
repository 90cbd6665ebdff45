/* addresses.h - how many connections each address has.
 * Always true: an address of IPv4 counts alone, of IPv6 with its /64, which is what one host gets;
 * IPv4 inside ::ffff:0:0/96 is that IPv4. An entry exists while its count is above 0.
 * Threads: none; the loop's. */
#ifndef BEHALF_HTTP_ADDRESSES_H
#define BEHALF_HTTP_ADDRESSES_H

#include <stdbool.h>
#include <sys/socket.h>

#define ADDRESSES_BUCKETS 1024

struct address_entry;

struct addresses {
    struct address_entry *buckets[ADDRESSES_BUCKETS];
};

/* Counts one more; NULL when `max` are there already. */
struct address_entry *addresses_add(struct addresses *addresses, const struct sockaddr *address,
                                    unsigned max);
void addresses_remove(struct addresses *addresses, struct address_entry *entry);

#endif
