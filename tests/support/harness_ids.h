/* harness_ids.h - the ids that a lookup gives, all pages together. */
#ifndef BEHALF_TESTS_HARNESS_IDS_H
#define BEHALF_TESTS_HARNESS_IDS_H

#include "tests/support/harness.h"

enum harness_ids_kind { HARNESS_IDS_MEMBER, HARNESS_IDS_UNDECIDED, HARNESS_IDS_EXCLUDED };

struct harness_id {
    enum harness_ids_kind kind;
    struct slice id; /* in the arena */
};

struct harness_ids {
    struct harness_id *ids; /* sorted by kind, then bytes */
    size_t count;
    bool wildcard;
    struct arena arena;
};

/* All pages of one size; what comes twice, or conditionally, is a failure of the harness. The
 * status of the first page that fails; *ids is to be released in any case. */
enum status harness_ids_of_resources(struct harness *harness, int side, struct slice type,
                                     struct slice permission, const struct object *subject,
                                     uint32_t limit, struct harness_ids *ids);
enum status harness_ids_of_subjects(struct harness *harness, int side,
                                    const struct object *resource, struct slice permission,
                                    struct slice type, struct slice relation, uint32_t limit,
                                    struct harness_ids *ids);
void harness_ids_release(struct harness_ids *ids);

bool harness_ids_find(const struct harness_ids *ids, enum harness_ids_kind kind, struct slice id);

/* "allow", "deny", "conditional" or the name of the status. */
const char *harness_answer(enum status status, enum decision decision);

#endif
