/* harness_world_tree.c - trees of expand: what they say of subjects, and what they are made of. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/datum.h"
#include "tests/support/stored_context.h"
#include "tests/support/harness_world_private.h"

#define TREE_BYTES_MAX ((size_t)1024 * 1024)

/* --- the value of a tree --- */

struct tree_asking {
    struct asking *asking;
    int subject;
    int request;
    const char *unknown; /* what the tree names and the world has not */
};

static enum harness_value
value_of_answer(enum oracle_answer answer)
{
    static const enum harness_value values[] = {
        [ORACLE_DENY] = HARNESS_DENY,
        [ORACLE_ERROR] = HARNESS_ERROR,
        [ORACLE_CONDITIONAL] = HARNESS_CONDITIONAL,
        [ORACLE_ALLOW] = HARNESS_ALLOW,
    };

    return values[answer];
}

static int
find_slice(const char *names, int count, size_t size, struct slice name)
{
    for (int i = 0; i < count; i++)
        if (slice_equal(name, slice_of(names + (size_t)i * size)))
            return i;
    return -1;
}

static int
find_type(const struct world *world, struct slice name)
{
    return find_slice(world->types[0].name, world->type_count, sizeof world->types[0], name);
}

static int
find_id(const struct world *world, struct slice id)
{
    return find_slice(world->ids[0], world->id_count, sizeof world->ids[0], id);
}

static int
find_name(const struct world *world, struct slice name)
{
    return find_slice(world->names[0], world->name_count, sizeof world->names[0], name);
}

/* What an unopened userset says is taken from the oracle: a cycle's value is a solution of it. */
static enum harness_value
userset_value(void *context, const struct object *userset)
{
    struct tree_asking *tree = context;
    const struct world *world = tree->asking->world;
    struct question question = {find_type(world, userset->type), find_id(world, userset->id),
                                find_name(world, userset->relation), tree->subject, tree->request};

    if (question.type >= 0 && question.id >= 0 && question.name >= 0)
        return value_of_answer(asking_expect(tree->asking, &question).answer);
    tree->unknown = "userset";
    return HARNESS_ERROR;
}

static enum harness_value
condition_value(void *context, const struct expand_condition *condition)
{
    static const enum harness_value values[] = {
        [ORACLE_ABSENT] = HARNESS_DENY,
        [ORACLE_FAILS] = HARNESS_DENY,
        [ORACLE_OPEN] = HARNESS_CONDITIONAL,
        [ORACLE_HOLDS] = HARNESS_ALLOW,
    };
    struct tree_asking *tree = context;
    const struct world *world = tree->asking->world;
    struct buffer stored;
    enum oracle_condition value;
    uint64_t reasons = 0;
    int caveat = find_slice(world->caveats[0].name, world->caveat_count, sizeof world->caveats[0],
                            condition->caveat);

    if (caveat < 0) {
        tree->unknown = "caveat";
        return HARNESS_ERROR;
    }
    buffer_init(&stored);
    if (condition->context.size > 0)
        datum_print_encoded(condition->context, &stored);
    buffer_add_byte(&stored, '\0');
    value = oracle_condition_find(tree->asking->caveats, caveat + 1, stored.data,
                                  world->requests[tree->request], &reasons);
    buffer_release(&stored);
    return (reasons & ORACLE_ERRORS) != 0 ? HARNESS_ERROR : values[value];
}

static bool
compare_values(struct asking *asking, const struct expand_node *tree, struct question question)
{
    static const char *const names[] = {"deny", "an error", "conditional", "allow"};

    for (question.subject = 0; question.subject < asking->subject_count; question.subject++) {
        const struct oracle_subject *subject = &asking->subjects[question.subject];
        struct tree_asking context = {
            .asking = asking, .subject = question.subject, .request = question.request};
        struct harness_tree_asker asker = {userset_value, condition_value, &context};
        struct object object = asking_object(asking, subject->type, subject->id, subject->name);
        enum harness_value expected;
        enum harness_value found;
        char text[QUESTION_TEXT_SIZE];

        if (subject->name >= 0)
            continue;
        expected = value_of_answer(asking_expect(asking, &question).answer);
        found = harness_tree_value(tree, &object, &asker);
        asking_print(asking, &question, text);
        if (context.unknown != NULL)
            return comparison_fail(asking, "expand of %s names an unknown %s", text,
                                   context.unknown);
        if (found != expected)
            return comparison_fail(asking, "expand of %s: expected %s, the tree says %s", text,
                                   names[expected], names[found]);
    }
    return true;
}

/* --- the relationships of a tree --- */

struct contents {
    struct asking *asking;
    int64_t earliest; /* expiration; 0 = none */
};

static bool
condition_is(const struct contents *contents, const struct world_tuple *tuple,
             const struct expand_condition *condition)
{
    const struct world *world = contents->asking->world;
    struct arena arena;
    bool same;

    if (condition->expires_at != tuple->expires_at ||
        !slice_equal(condition->caveat,
                     slice_of(tuple->caveat > 0 ? world->caveats[tuple->caveat - 1].name : "")))
        return false;
    arena_init(&arena, SIZE_MAX);
    same = slice_equal(condition->context, stored_context(slice_of(tuple->context), &arena));
    arena_release(&arena);
    return same;
}

/* Whether some relationship of the object that is there has that condition and leads to that
 * subject: name -1 is any, since an arrow walks to the object. */
static bool
has_relationship(const struct contents *contents, const struct object *from, int relation,
                 const struct object *to, int name, const struct expand_condition *condition)
{
    struct asking *asking = contents->asking;
    const struct world *world = asking->world;
    const struct sight *sight = asking_sight(asking, 0, asking_state(asking, asking->now));

    for (int i = 0; i < world->tuple_count; i++) {
        const struct world_tuple *tuple = &world->tuples[i];

        if (sight->facts.conditions[i] != ORACLE_ABSENT &&
            tuple->type == find_type(world, from->type) && tuple->id == find_id(world, from->id) &&
            (relation < 0 || tuple->name == relation) &&
            tuple->subject_type == find_type(world, to->type) &&
            tuple->subject_id == (to->wildcard ? -1 : find_id(world, to->id)) &&
            (name < -1 || tuple->subject_name == name) && condition_is(contents, tuple, condition))
            return true;
    }
    return false;
}

static void
note_expiration(struct contents *contents, const struct expand_condition *condition)
{
    if (condition->expires_at != 0 &&
        (contents->earliest == 0 || condition->expires_at < contents->earliest))
        contents->earliest = condition->expires_at;
}

static int
count_relationships(const struct contents *contents, const struct object *of, int relation)
{
    struct asking *asking = contents->asking;
    const struct sight *sight = asking_sight(asking, 0, asking_state(asking, asking->now));
    int count = 0;

    for (int i = 0; i < asking->world->tuple_count; i++) {
        const struct world_tuple *tuple = &asking->world->tuples[i];

        count += sight->facts.conditions[i] != ORACLE_ABSENT &&
                         tuple->type == find_type(asking->world, of->type) &&
                         tuple->id == find_id(asking->world, of->id) && tuple->name == relation
                     ? 1
                     : 0;
    }
    return count;
}

static bool
fail_contents(struct asking *asking, const struct expand_node *node, const char *what)
{
    return comparison_fail(asking, "expand: the node of %.*s:%.*s#%.*s %s",
                           SLICE_PRINTF(node->object.type), SLICE_PRINTF(node->object.id),
                           SLICE_PRINTF(node->relation), what);
}

/* The subjects of a relation's leaf, beside the usersets that are opened next to it. */
static bool
compare_leaf(struct contents *contents, const struct expand_node *leaf, int relation)
{
    const struct world *world = contents->asking->world;

    for (size_t i = 0; i < leaf->subject_count; i++) {
        const struct expand_subject *subject = &leaf->subjects[i];
        int name =
            subject->object.relation.size > 0 ? find_name(world, subject->object.relation) : -1;

        if (!has_relationship(contents, &leaf->object, relation, &subject->object, name,
                              &subject->condition))
            return fail_contents(contents->asking, leaf,
                                 "has a subject that no relationship gives so");
    }
    return true;
}

/* The relation that a node stands for as a whole; -1 when it stands for something else. */
static int
relation_of(const struct world *world, const struct expand_node *node)
{
    int type = find_type(world, node->object.type);
    int name = find_name(world, node->relation);
    int member = type >= 0 && name >= 0 ? world_find_member(world, type, name) : -1;

    return member >= 0 && world->types[type].members[member].root < 0 ? name : -1;
}

/* Whether a leaf only names the very member it stands for, not opened. */
static bool
is_unopened(const struct expand_node *leaf)
{
    const struct object *subject = leaf->subject_count == 1 ? &leaf->subjects[0].object : NULL;

    return subject != NULL && leaf->subjects[0].condition.caveat.size == 0 &&
           slice_equal(subject->type, leaf->object.type) &&
           slice_equal(subject->id, leaf->object.id) &&
           slice_equal(subject->relation, leaf->relation);
}

/* The subjects that stand beside the usersets opened of the same relation. */
static bool
is_leaf_of(const struct expand_node *leaf, const struct expand_node *node)
{
    return leaf->op == EXPAND_LEAF && slice_equal(leaf->relation, node->relation) &&
           slice_equal(leaf->object.type, node->object.type) &&
           slice_equal(leaf->object.id, node->object.id);
}

static bool
compare_relation(struct contents *contents, const struct expand_node *node, int relation)
{
    size_t found = node->subject_count;

    if (!compare_leaf(contents, node, relation))
        return false;
    for (size_t i = 0; i < node->child_count; i++) {
        const struct expand_node *child = node->children[i];

        if (is_leaf_of(child, node)) {
            found += child->subject_count;
            if (!compare_leaf(contents, child, relation))
                return false;
            continue;
        }
        found++;
        if (!has_relationship(contents, &node->object, relation, &child->object,
                              find_name(contents->asking->world, child->relation),
                              &child->condition))
            return fail_contents(contents->asking, node,
                                 "opens a userset that no relationship gives so");
    }
    if (found != (size_t)count_relationships(contents, &node->object, relation))
        return fail_contents(contents->asking, node, "has too few or too many relationships");
    return true;
}

static bool
compare_contents(struct contents *contents, const struct expand_node *node)
{
    int relation = relation_of(contents->asking->world, node);

    note_expiration(contents, &node->condition);
    for (size_t i = 0; i < node->subject_count; i++)
        note_expiration(contents, &node->subjects[i].condition);
    if (relation >= 0 && !is_unopened(node) && !compare_relation(contents, node, relation))
        return false;
    for (size_t i = 0; i < node->child_count; i++) {
        const struct expand_node *child = node->children[i];

        if ((node->op == EXPAND_ARROW || node->op == EXPAND_ALL) &&
            !has_relationship(contents, &node->object, -1, &child->object, -2, &child->condition))
            return fail_contents(contents->asking, node,
                                 "walks to an object that no relationship gives so");
        /* The leaf beside opened usersets is part of its relation. */
        if (relation >= 0 && is_leaf_of(child, node)) {
            for (size_t j = 0; j < child->subject_count; j++)
                note_expiration(contents, &child->subjects[j].condition);
            continue;
        }
        if (!compare_contents(contents, child))
            return false;
    }
    return true;
}

static bool
compare_tree(struct asking *asking, const struct expand_result *result, struct question question)
{
    struct contents contents = {.asking = asking};

    for (question.request = 0; question.request < asking->world->request_count; question.request++)
        if (asking_sample(asking, 50) && !compare_values(asking, result->tree, question))
            return false;
    if (!compare_contents(&contents, result->tree))
        return false;
    if (result->valid_until != contents.earliest)
        return fail_contents(asking, result->tree,
                             "does not give its earliest expiration as valid_until");
    return true;
}

/* --- asking --- */

static bool
ask_tree(struct asking *asking, int type, int id, int name)
{
    struct engine_request request = harness_request(&asking->side, asking->at);
    struct expand expand = {.resource = asking_object(asking, type, id, -1),
                            .permission = slice_of(asking->world->names[name]),
                            .depth = (uint32_t)asking_below(asking, 3)};
    struct expand_result result;
    struct error error;
    enum status status;

    /* A tree can be exponentially larger than its graph. */
    if (expand.depth != 1)
        arena_reset(&asking->side.arena, TREE_BYTES_MAX);
    status = engine_expand(asking->side.worker, &request, &expand, &result, &error);
    if (status == BEHALF_BUDGET_EXHAUSTED && expand.depth != 1)
        return true;
    if (status != BEHALF_OK)
        return comparison_fail(asking, "expand %s:%s#%s: %s: %s", asking->world->types[type].name,
                               asking->world->ids[id], asking->world->names[name],
                               status_name(status), error.message);
    asking->counts->trees++;
    return compare_tree(asking, &result, (struct question){type, id, name, 0, 0});
}

bool
ask_trees(struct asking *asking)
{
    const struct world *world = asking->world;

    for (int type = 0; type < world->type_count; type++)
        for (int id = 0; id < world->id_count; id++)
            for (int member = 0; member < world->types[type].member_count; member++)
                if (asking_chance(asking, 15) &&
                    !ask_tree(asking, type, id, world->types[type].members[member].name))
                    return false;
    return true;
}
