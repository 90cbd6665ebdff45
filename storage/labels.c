/* labels.c - per kind, a growing array of names and an open-addressing hash table over it. */
#include "storage/labels.h"

#include <pthread.h>

#include "base/memory.h"

#define LABEL_COUNT ((size_t)UINT16_MAX + 1)
#define SLOTS_FIRST 64

struct label_kind_map {
    struct slice *names; /* by label; data NULL when unused */
    size_t capacity;
    uint16_t *slots;   /* labels by hash of their name; LABEL_NONE in a free slot */
    size_t slot_count; /* a power of two, at least twice `count` */
    size_t count;
};

struct labels {
    pthread_rwlock_t lock; /* guards the maps */
    struct label_kind_map kinds[LABEL_KIND_COUNT];
};

struct labels *
labels_new(void)
{
    struct labels *labels = memory_new(sizeof *labels);
    int failed = pthread_rwlock_init(&labels->lock, NULL);

    BEHALF_ASSERT(failed == 0);
    for (size_t kind = 0; kind < LABEL_KIND_COUNT; kind++) {
        labels->kinds[kind].slot_count = SLOTS_FIRST;
        labels->kinds[kind].slots = memory_new_array(SLOTS_FIRST, sizeof(uint16_t));
    }
    return labels;
}

void
labels_free(struct labels *labels)
{
    if (labels == NULL)
        return;
    for (size_t kind = 0; kind < LABEL_KIND_COUNT; kind++) {
        struct label_kind_map *map = &labels->kinds[kind];

        for (size_t label = 0; label < map->capacity; label++)
            memory_free((void *)(uintptr_t)map->names[label].data);
        memory_free(map->names);
        memory_free(map->slots);
    }
    (void)pthread_rwlock_destroy(&labels->lock);
    memory_free(labels);
}

/* The slot of a name, or the free slot where it belongs. */
static size_t
probe(const struct label_kind_map *map, struct slice name)
{
    size_t at = (size_t)digest_hash(name) & (map->slot_count - 1);

    while (map->slots[at] != LABEL_NONE && !slice_equal(map->names[map->slots[at]], name))
        at = (at + 1) & (map->slot_count - 1);
    return at;
}

static void
slots_grow(struct label_kind_map *map)
{
    memory_free(map->slots);
    map->slot_count *= 2;
    map->slots = memory_new_array(map->slot_count, sizeof(uint16_t));
    for (size_t label = 1; label < map->capacity; label++) {
        if (map->names[label].data != NULL)
            map->slots[probe(map, map->names[label])] = (uint16_t)label;
    }
}

void
labels_add(struct labels *labels, enum label_kind kind, uint16_t label, struct slice name)
{
    struct label_kind_map *map = &labels->kinds[kind];
    struct slice copy = {memory_copy(name.data, name.size), name.size};
    size_t slot;

    BEHALF_ASSERT(label != LABEL_NONE && name.size > 0);
    (void)pthread_rwlock_wrlock(&labels->lock);
    if (label >= map->capacity) {
        size_t capacity = map->capacity > 0 ? map->capacity : SLOTS_FIRST;

        while (capacity <= label)
            capacity *= 2;
        BEHALF_ASSERT(capacity <= LABEL_COUNT);
        map->names = memory_resize(map->names, capacity, sizeof *map->names);
        memset(map->names + map->capacity, 0, (capacity - map->capacity) * sizeof *map->names);
        map->capacity = capacity;
    }
    if ((map->count + 1) * 2 > map->slot_count)
        slots_grow(map);
    slot = probe(map, copy);
    BEHALF_ASSERT(map->names[label].data == NULL && map->slots[slot] == LABEL_NONE);
    map->names[label] = copy;
    map->slots[slot] = label;
    map->count++;
    (void)pthread_rwlock_unlock(&labels->lock);
}

uint16_t
labels_find(struct labels *labels, enum label_kind kind, struct slice name)
{
    const struct label_kind_map *map = &labels->kinds[kind];
    uint16_t label;

    (void)pthread_rwlock_rdlock(&labels->lock);
    label = map->slots[probe(map, name)];
    (void)pthread_rwlock_unlock(&labels->lock);
    return label;
}

struct slice
labels_name(struct labels *labels, enum label_kind kind, uint16_t label)
{
    const struct label_kind_map *map = &labels->kinds[kind];
    struct slice name = {NULL, 0};

    (void)pthread_rwlock_rdlock(&labels->lock);
    if (label < map->capacity)
        name = map->names[label];
    (void)pthread_rwlock_unlock(&labels->lock);
    return name;
}
