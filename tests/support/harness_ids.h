/* harness_ids.h - the ids that a lookup gives, all pages together. */
#ifndef BEHALF_TESTS_HARNESS_IDS_H
#define BEHALF_TESTS_HARNESS_IDS_H

#include "tests/support/harness.h"

enum harness_ids_kind { HARNESS_IDS_MEMBER, HARNESS_IDS_UNDECIDED, HARNESS_IDS_EXCLUDED };

struct harness_id {
    enum harness_ids_kind kind;
    struct slice id;    /* in the arena */
    const char *answer; /* "allow", "conditional on ...", or the error of what is undecided */
};

struct harness_ids {
    struct harness_id *ids; /* sorted by kind, then bytes */
    size_t count;
    const char *wildcard; /* its answer; NULL = none */
    bool more_excluded;   /* the next page begins with it again */
    struct arena arena;
};

/* All pages of one size; what comes twice is a failure of the harness. The status of the first page
 * that fails; *ids is to be released in any case. Asked with harness->context. */
enum status harness_ids_of_resources(struct harness *harness, int side, struct slice type,
                                     struct slice permission, const struct object *subject,
                                     uint32_t limit, struct harness_ids *ids);
enum status harness_ids_of_subjects(struct harness *harness, int side,
                                    const struct object *resource, struct slice permission,
                                    struct slice type, struct slice relation, uint32_t limit,
                                    struct harness_ids *ids);
void harness_ids_release(struct harness_ids *ids);

/* NULL when it is not there. */
const struct harness_id *harness_ids_find(const struct harness_ids *ids, enum harness_ids_kind kind,
                                          struct slice id);

/* "allow", "deny", "conditional on a, b" (in the arena) or the name of the status. */
const char *harness_answer(struct arena *arena, enum status status, enum decision decision,
                           const struct missing_context *missing);

/* Whether it is the error of one question, which leaves others as they are. */
bool harness_is_undecided(enum status status);

#endif
