/* addresses.c - chained buckets by the hash of an address. */
#include "http/addresses.h"

#include <netinet/in.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"

struct address_entry {
    struct address_entry *next;
    uint64_t key;
    bool is_v4; /* the keys of the two kinds are apart */
    unsigned count;
};

static void
key_of(const struct sockaddr *address, struct address_entry *entry)
{
    *entry = (struct address_entry){.is_v4 = true};
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;

        entry->key = v4->sin_addr.s_addr;
    } else {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;

        entry->is_v4 = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
        if (entry->is_v4)
            memcpy(&entry->key, &v6->sin6_addr.s6_addr[12], 4);
        else
            memcpy(&entry->key, v6->sin6_addr.s6_addr, sizeof entry->key);
    }
}

static struct address_entry **
bucket_of(struct addresses *addresses, const struct address_entry *entry)
{
    return &addresses->buckets[digest_hash_u64(entry->key + entry->is_v4) % ADDRESSES_BUCKETS];
}

struct address_entry *
addresses_add(struct addresses *addresses, const struct sockaddr *address, unsigned max)
{
    struct address_entry wanted;
    struct address_entry **bucket;
    struct address_entry *entry;

    key_of(address, &wanted);
    bucket = bucket_of(addresses, &wanted);
    for (entry = *bucket; entry != NULL; entry = entry->next)
        if (entry->key == wanted.key && entry->is_v4 == wanted.is_v4)
            break;
    if (entry == NULL) {
        entry = memory_copy(&wanted, sizeof wanted);
        entry->next = *bucket;
        *bucket = entry;
    } else if (entry->count >= max) {
        return NULL;
    }
    entry->count++;
    return entry;
}

void
addresses_remove(struct addresses *addresses, struct address_entry *entry)
{
    struct address_entry **link = bucket_of(addresses, entry);

    if (--entry->count > 0)
        return;
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    memory_free(entry);
}
