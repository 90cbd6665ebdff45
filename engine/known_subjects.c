/* known_subjects.c - see known_subjects.h. */
#include "engine/known_subjects.h"

enum status
known_subjects_open(struct known_subjects *known, struct graph_view *view, uint16_t type_label,
                    uint64_t after, struct error *error)
{
    const struct store_snapshot *storage = NULL;
    enum status status = graph_view_storage(view, &storage, error);

    *known = (struct known_subjects){.type_label = type_label, .sequence = KNOWN_END};
    if (status == BEHALF_OK)
        status = store_names_open(storage, &known->names, error);
    if (status != BEHALF_OK)
        return status;
    store_names_move(known->names, NODE_WILDCARD(type_label) | (after + 1));
    return known_subjects_next(known, error);
}

enum status
known_subjects_next(struct known_subjects *known, struct error *error)
{
    uint64_t node = 0;
    struct slice id;
    enum status status = store_names_next(known->names, &node, &id, error);
    bool found = status == BEHALF_OK && NODE_TYPE(node) == known->type_label;

    known->sequence = found ? node & NODE_SEQUENCE_MASK : KNOWN_END;
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

void
known_subjects_close(struct known_subjects *known)
{
    store_names_close(known->names);
    known->names = NULL;
}
