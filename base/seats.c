/* seats.c - chained buckets by the hash of a name. */
#include "base/seats.h"

#include "base/digest.h"
#include "base/memory.h"

void
seats_init(struct seats *seats, unsigned most)
{
    *seats = (struct seats){.most = most};
    (void)pthread_mutex_init(&seats->lock, NULL);
}

void
seats_release(struct seats *seats)
{
    for (size_t at = 0; at < SEATS_BUCKETS; at++)
        BEHALF_ASSERT(seats->buckets[at] == NULL);
    (void)pthread_mutex_destroy(&seats->lock);
}

static struct seat **
find(struct seats *seats, struct slice name)
{
    struct seat **at = &seats->buckets[digest_hash(name) % SEATS_BUCKETS];

    while (*at != NULL && !slice_equal((struct slice){(*at)->name, (*at)->name_size}, name))
        at = &(*at)->next;
    return at;
}

struct seat *
seats_take(struct seats *seats, struct slice name)
{
    struct seat **at;
    struct seat *seat;

    BEHALF_ASSERT(name.size > 0 && name.size <= SEATS_NAME_MAX);
    (void)pthread_mutex_lock(&seats->lock);
    at = find(seats, name);
    if (*at == NULL && seats->most > 0) {
        *at = memory_new(sizeof **at);
        memcpy((*at)->name, name.data, name.size);
        (*at)->name_size = (unsigned)name.size;
    }
    seat = *at;
    if (seat != NULL && seat->count >= seats->most)
        seat = NULL;
    if (seat != NULL)
        seat->count++;
    (void)pthread_mutex_unlock(&seats->lock);
    return seat;
}

void
seats_give(struct seats *seats, struct seat *seat)
{
    if (seat == NULL)
        return;
    (void)pthread_mutex_lock(&seats->lock);
    BEHALF_ASSERT(seat->count > 0);
    if (--seat->count == 0) {
        struct seat **at = find(seats, (struct slice){seat->name, seat->name_size});

        BEHALF_ASSERT(*at == seat);
        *at = seat->next;
        memory_free(seat);
    }
    (void)pthread_mutex_unlock(&seats->lock);
}
