/* validation_found.c - the subjects found below a permission: those that stand on some relation of
 * its expanded tree and belong to the set that the tree stands for. */
#include <stdlib.h>

#include "validate/validation.h"

#define NO_WILDCARD UINT32_MAX

struct finder {
    struct validation_tree *tree;
    struct listed_subject *found;
    uint32_t count;
    uint32_t capacity;
    uint32_t wildcard; /* found for the type that subjects are of, or NO_WILDCARD */
    uint32_t exception_capacity;
    struct error *error;
};

static enum status
spent(struct error *error)
{
    return error_set(error, BEHALF_BUDGET_EXHAUSTED, "too many subjects are found");
}

static enum status
add_found(struct finder *finder, const struct object *subject, struct belonging belonging)
{
    struct listed_subject *grown;

    if (belonging.certainty == CERTAINTY_NO)
        return BEHALF_OK;
    grown = arena_grow(finder->tree->arena, finder->found, finder->count, &finder->capacity,
                       sizeof *grown);
    if (grown == NULL)
        return spent(finder->error);
    finder->found = grown;
    grown += finder->count++;
    *grown = (struct listed_subject){.who = {*subject, belonging.certainty == CERTAINTY_PERHAPS}};
    return validation_tree_holders(finder->tree, belonging.source, &grown->holders,
                                   &grown->holder_count, finder->error);
}

static enum status
add_exception(struct finder *finder, const struct object *subject, struct belonging excepted)
{
    struct listed_subject *wildcard;
    struct marked_subject *grown;

    if (finder->wildcard == NO_WILDCARD || excepted.certainty == CERTAINTY_NO)
        return BEHALF_OK;
    wildcard = &finder->found[finder->wildcard];
    grown = arena_grow(finder->tree->arena, wildcard->exceptions, wildcard->exception_count,
                       &finder->exception_capacity, sizeof *grown);
    if (grown == NULL)
        return spent(finder->error);
    wildcard->exceptions = grown;
    grown[wildcard->exception_count++] =
        (struct marked_subject){*subject, excepted.certainty == CERTAINTY_PERHAPS};
    return BEHALF_OK;
}

/* Subjects come in order, so the wildcard of a type has been found before its exceptions. */
static enum status
add_subject(struct finder *finder, const struct object *subject, struct membership membership)
{
    enum status status;

    if (subject->wildcard) {
        if (membership.covered.certainty != CERTAINTY_NO)
            finder->wildcard = finder->count;
        finder->exception_capacity = 0;
        return add_found(finder, subject, membership.covered);
    }
    status = add_exception(finder, subject, membership.excepted);
    return status == BEHALF_OK ? add_found(finder, subject, membership.named) : status;
}

/* All that stand in the tree, sorted, each once. */
static enum status
sort_subjects(struct validation_tree *tree, struct object **subjects, uint32_t *count,
              struct error *error)
{
    struct object *sorted =
        arena_take_array(tree->arena, (size_t)tree->listing_count + 1, sizeof *sorted);
    uint32_t kept = 0;

    if (sorted == NULL)
        return spent(error);
    for (uint32_t index = 0; index < tree->listing_count; index++)
        sorted[index] = tree->listings[index].subject;
    if (tree->listing_count > 0)
        qsort(sorted, tree->listing_count, sizeof *sorted, validation_object_compare);
    for (uint32_t index = 0; index < tree->listing_count; index++)
        if (kept == 0 || validation_object_compare(&sorted[kept - 1], &sorted[index]) != 0)
            sorted[kept++] = sorted[index];
    *subjects = sorted;
    *count = kept;
    return BEHALF_OK;
}

enum status
validation_find(struct validation_tree *tree, struct listed_subject **found, uint32_t *count,
                struct error *error)
{
    struct finder finder = {.tree = tree, .wildcard = NO_WILDCARD, .error = error};
    struct object *subjects = NULL;
    uint32_t subject_count = 0;
    enum status status = sort_subjects(tree, &subjects, &subject_count, error);

    for (uint32_t index = 0; status == BEHALF_OK && index < subject_count; index++) {
        const struct object *subject = &subjects[index];
        struct membership membership;

        if (index > 0 && !slice_equal(subject->type, subjects[index - 1].type))
            finder.wildcard = NO_WILDCARD;
        status = validation_tree_follow(tree, subject, &membership, error);
        if (status == BEHALF_OK)
            status = add_subject(&finder, subject, membership);
    }
    *found = finder.found;
    *count = finder.count;
    return status;
}

/* --- of what is stored ------------------------------------------------------------------------ */

/* Where a cycle passes an exclusion the engine says whether there is an answer at all. */
static enum status
expect_answers(struct validation_world *world, const struct object *resource,
               const struct validation_tree *tree, struct error *error)
{
    enum status status = BEHALF_OK;

    for (uint32_t index = 0; status == BEHALF_OK && index < tree->listing_count; index++) {
        struct validation_question question = {
            .asked = {.resource = *resource, .subject = tree->listings[index].subject}};
        struct check_result result;

        if (!question.asked.subject.wildcard)
            status = validation_world_check(world, tree->arena, &question, false, &result, error);
    }
    return status;
}

enum status
validation_find_stored(struct validation_world *world, const struct object *resource,
                       struct arena *arena, struct listed_subject **found, uint32_t *count,
                       struct error *error)
{
    struct validation_tree tree;
    const struct expand_node *root;
    enum status status = validation_world_expand(world, arena, resource, &root, error);

    if (status != BEHALF_OK)
        return status;
    status = validation_tree_open(&tree, world->schema, root, arena, error);
    if (status == BEHALF_OK && tree.has_negation)
        status = expect_answers(world, resource, &tree, error);
    if (status == BEHALF_OK)
        status = validation_find(&tree, found, count, error);
    validation_tree_release(&tree);
    return status;
}

/* --- in words --------------------------------------------------------------------------------- */

static void
print_marked(const struct marked_subject *marked, struct buffer *out)
{
    object_print(&marked->subject, out);
    if (marked->conditional)
        buffer_add_text(out, "[...]");
}

void
validation_holders_print(const struct object *holders, size_t count, struct buffer *out)
{
    for (size_t index = 0; index < count; index++) {
        buffer_add_text(out, index == 0 ? "<" : "/<");
        object_print(&holders[index], out);
        buffer_add_byte(out, '>');
    }
}

void
validation_subject_print(const struct listed_subject *listed, struct buffer *out)
{
    buffer_add_byte(out, '[');
    print_marked(&listed->who, out);
    for (size_t index = 0; index < listed->exception_count; index++) {
        buffer_add_text(out, index == 0 ? " - {" : ", ");
        print_marked(&listed->exceptions[index], out);
    }
    buffer_add_text(out, listed->exception_count > 0 ? "}] is " : "] is ");
    validation_holders_print(listed->holders, listed->holder_count, out);
}
