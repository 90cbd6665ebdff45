/* labels.h - the labels of a store in memory: name to number and back, for each kind.
 * Always true: a label is added once and never changes; the bytes of a name never move.
 * Threads: any thread may find; one writer adds. `lock` is a leaf and held for one probe only.
 * Memory: slices live until labels_free. */
#ifndef BEHALF_STORAGE_LABELS_H
#define BEHALF_STORAGE_LABELS_H

#include "storage/store.h"

struct labels;

struct labels *labels_new(void);
void labels_free(struct labels *labels); /* accepts NULL */

/* `label` and `name` must be unused for this kind (asserted). */
void labels_add(struct labels *labels, enum label_kind kind, uint16_t label, struct slice name);
uint16_t labels_find(struct labels *labels, enum label_kind kind, struct slice name);
struct slice labels_name(struct labels *labels, enum label_kind kind, uint16_t label);

#endif
