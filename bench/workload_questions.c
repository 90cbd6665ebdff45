/* workload_questions.c - questions about generated blocks, with the answers that the sets give.
 *
 * Which object question i is about is drawn first, for all of them; then the blocks are built in
 * order, each once, and the lines put where they belong. Half of the checks look for an allow and
 * half for a deny; some subjects are of another block. Question i depends on the seed and i alone.
 * Always true: an answer is given only where it is known. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "bench/bench_zipf.h"
#include "bench/workload_block.h"
#include "bench/workload_private.h"

#define TRIES 16           /* to find a subject with the answer that is looked for */
#define STRANGER_PERCENT 5 /* subjects of another block */

/* What a question is about, and where its line stands once written. */
struct pick {
    uint32_t block;
    uint32_t place; /* of asker.places: which of its objects */
    size_t number;
    struct slice line;
};

struct asker {
    const struct workload *workload;
    enum question_kind kind;
    uint32_t places; /* objects of a block that are asked about; of the first block, others differ a
                        little */
    struct workload_block *block;
    struct bench_random random; /* of the question at hand */
    struct buffer *out;
};

/* --- one question ----------------------------------------------------------------------------- */

/* A random subject that has the target's permission, or one that has not. The last try is taken
 * whatever it is. */
static uint32_t
choose_subject(struct asker *asker, const struct target *target, bool wanted)
{
    uint32_t subject = 0;

    for (uint32_t tries = 0; tries < TRIES; tries++) {
        subject = bench_random_below(&asker->random, target->subject_count);
        if (set_has(asker->block, target->set, subject) == wanted)
            return subject;
    }
    for (uint32_t passed = 0; passed < target->subject_count; passed++) {
        subject = (subject + 1) % target->subject_count;
        if (set_has(asker->block, target->set, subject) == wanted)
            break;
    }
    return subject;
}

/* The same part of `count` as the place is of all places. */
static uint32_t
scale(const struct asker *asker, uint32_t place, uint32_t count)
{
    return (uint32_t)((uint64_t)place * count / asker->places);
}

static const struct target *
target_at(const struct asker *asker, uint32_t place)
{
    return &asker->block->targets[scale(asker, place, asker->block->asked)];
}

static void
put_check(struct asker *asker, const struct target *target, uint32_t block, uint32_t subject)
{
    thing_print(target->resource, asker->block->number, asker->out);
    buffer_add_byte(asker->out, '@');
    thing_print(thing_of(target->subject_type, subject), block, asker->out);
}

static void
ask_check(struct asker *asker, uint32_t place)
{
    const struct target *target = target_at(asker, place);
    uint32_t number = asker->block->number;
    bool wanted = bench_random_chance(&asker->random, 50);
    bool allowed;

    if (asker->workload->block_count > 1 && bench_random_chance(&asker->random, STRANGER_PERCENT)) {
        number = (number + 1) % asker->workload->block_count;
        put_check(asker, target, number, bench_random_below(&asker->random, target->subject_count));
        allowed = set_has_others(asker->block, target->set);
    } else {
        uint32_t subject = choose_subject(asker, target, wanted);

        put_check(asker, target, number, subject);
        allowed = set_has(asker->block, target->set, subject);
    }
    buffer_add_text(asker->out, allowed ? "\ttrue" : "\tfalse");
}

static bool
is_selected(const struct workload_chain *chain, const struct target *target)
{
    switch (chain->scope) {
    case SCOPE_NO_GRANT:
    case SCOPE_TYPE:
        return true;
    case SCOPE_FOLDER:
        return target->folder == chain->scoped;
    case SCOPE_OBJECT:
        return target->resource.number == chain->scoped;
    }
    BEHALF_UNREACHABLE();
}

static void
put_grant(struct asker *asker, const struct workload_chain *chain, const char *type)
{
    if (chain->scope == SCOPE_NO_GRANT)
        return;
    buffer_add_text(asker->out, "\tgrant=");
    if (chain->scope == SCOPE_OBJECT) {
        thing_print(thing_of(type, chain->scoped), asker->block->number, asker->out);
        return;
    }
    buffer_add_format(asker->out, "%s:*", type);
    if (chain->scope == SCOPE_TYPE)
        return;
    buffer_add_text(asker->out, "#within@");
    thing_print(thing_of("folder", chain->scoped), asker->block->number, asker->out);
}

static bool
is_allowed(const struct workload_block *block, const struct workload_chain *chain,
           const struct target *target)
{
    return set_has(block, target->set, chain->subject) && is_selected(chain, target);
}

/* A check through a chain: the subject is the chain's, so a target is looked for that gives the
 * answer wanted, starting at the place drawn. */
static void
ask_delegated(struct asker *asker, uint32_t place)
{
    struct workload_block *block = asker->block;
    const struct workload_chain *chain =
        &block->chains[bench_random_below(&asker->random, block->chain_count)];
    bool wanted = bench_random_chance(&asker->random, 60);
    const struct target *target = target_at(asker, place);
    bool allowed;

    for (uint32_t tries = 0; tries < TRIES; tries++) {
        if (is_allowed(block, chain, target) == wanted)
            break;
        target = &block->targets[bench_random_below(&asker->random, block->asked)];
    }
    /* What a grant is for is seldom met. */
    for (uint32_t at = 0; chain->scope != SCOPE_NO_GRANT && at < block->asked; at++) {
        if (is_allowed(block, chain, target) == wanted)
            break;
        target = &block->targets[at];
    }
    allowed = is_allowed(block, chain, target) && chain->holds;
    put_check(asker, target, block->number, chain->subject);
    buffer_add_text(asker->out, allowed ? "\ttrue\tactor=" : "\tfalse\tactor=");
    for (uint32_t at = 0; at < chain->count; at++) {
        if (at > 0)
            buffer_add_byte(asker->out, ',');
        thing_print(thing_of("agent", chain->agents[at]), block->number, asker->out);
    }
    put_grant(asker, chain, target->resource.type);
}

/* A target may stand several times, one behind the other, to be asked more often. */
static bool
is_repeated(const struct workload_block *block, uint32_t index)
{
    const struct thing *resource = &block->targets[index].resource;
    const struct thing *before = index > 0 ? &block->targets[index - 1].resource : resource;

    return index > 0 && before->number == resource->number &&
           strcmp(before->type, resource->type) == 0 &&
           strcmp(before->relation, resource->relation) == 0;
}

/* All resources of the shape's choice on which a subject has the permission. */
static void
ask_resources(struct asker *asker, uint32_t place)
{
    const struct workload_shape *shape = asker->workload->shape;
    const struct workload_block *block = asker->block;
    const struct target *target = NULL;
    uint32_t count = 0;
    uint32_t subject;

    for (uint32_t passed = 0; passed < block->target_count; passed++) {
        uint32_t first = scale(asker, place, block->target_count);

        target = &block->targets[(first + passed) % block->target_count];
        if (strcmp(target->resource.type, shape->lookup_type) == 0 &&
            strcmp(target->resource.relation, shape->lookup_permission) == 0)
            break;
    }
    BEHALF_ASSERT(target != NULL);
    subject = choose_subject(asker, target, true);
    for (uint32_t index = 0; index < block->target_count; index++) {
        const struct target *other = &block->targets[index];

        BEHALF_ASSERT(other->subject_count > 0);
        if (strcmp(other->resource.type, shape->lookup_type) == 0 &&
            strcmp(other->resource.relation, shape->lookup_permission) == 0 &&
            !is_repeated(block, index))
            count += set_has(block, other->set, subject);
    }
    buffer_add_format(asker->out, "%s#%s@", shape->lookup_type, shape->lookup_permission);
    thing_print(thing_of(target->subject_type, subject), block->number, asker->out);
    buffer_add_format(asker->out, "\t%u", count);
}

static void
ask_subjects(struct asker *asker, uint32_t place)
{
    const struct target *target = target_at(asker, place);

    thing_print(target->resource, asker->block->number, asker->out);
    buffer_add_format(asker->out, "@%s", target->subject_type);
    /* Where everyone has it the list has a wildcard in it, and is not counted. */
    if (!set_has_others(asker->block, target->set))
        buffer_add_format(asker->out, "\t%u", set_count(asker->block, target->set));
}

/* A relationship of the block, as it stands in its lines. */
static void
ask_write(struct asker *asker, uint32_t place, struct slice lines)
{
    uint32_t skipped = scale(asker, place, asker->block->limit);
    struct slice line = {NULL, 0};

    for (uint32_t passed = 0; passed <= skipped; passed++)
        if (!workload_line_next(&lines, &line))
            break;
    buffer_add_slice(asker->out, line);
}

/* --- all of them ------------------------------------------------------------------------------ */

static int
compare_blocks(const void *a, const void *b)
{
    const struct pick *left = a;
    const struct pick *right = b;

    if (left->block != right->block)
        return left->block < right->block ? -1 : 1;
    return left->number < right->number ? -1 : left->number > right->number;
}

static int
compare_numbers(const void *a, const void *b)
{
    const struct pick *left = a;
    const struct pick *right = b;

    return left->number < right->number ? -1 : left->number > right->number;
}

static struct pick *
draw_picks(const struct asker *asker, size_t count)
{
    const struct workload *workload = asker->workload;
    struct bench_random random =
        bench_random_of(workload->seed, UINT64_MAX - (uint64_t)asker->kind);
    struct pick *picks = memory_new_array(count, sizeof *picks);
    uint64_t objects = (uint64_t)workload->block_count * asker->places;
    struct bench_zipf zipf;

    bench_zipf_init(&zipf, objects, workload->zipf);
    for (size_t number = 0; number < count; number++) {
        uint64_t object = bench_zipf_scatter(bench_zipf_next(&zipf, &random), objects);

        picks[number] = (struct pick){.block = (uint32_t)(object / asker->places),
                                      .place = (uint32_t)(object % asker->places),
                                      .number = number};
    }
    qsort(picks, count, sizeof *picks, compare_blocks);
    return picks;
}

static void
ask(struct asker *asker, struct pick *pick, struct slice lines)
{
    size_t from = asker->out->size;

    asker->random = bench_random_of(asker->workload->seed ^ (uint64_t)asker->kind << 56,
                                    UINT64_C(1) << 40 | pick->number);
    switch (asker->kind) {
    case QUESTION_CHECK:
        if (asker->block->chain_count > 0)
            ask_delegated(asker, pick->place);
        else
            ask_check(asker, pick->place);
        break;
    case QUESTION_LOOKUP_RESOURCES:
        ask_resources(asker, pick->place);
        break;
    case QUESTION_LOOKUP_SUBJECTS:
        ask_subjects(asker, pick->place);
        break;
    case QUESTION_WRITE:
        ask_write(asker, pick->place, lines);
        break;
    }
    /* The buffer may move: for now the line is a distance, not a pointer. */
    pick->line = (struct slice){NULL, asker->out->size - from};
}

void
workload_generate_questions(const struct workload *workload, enum question_kind kind, size_t count,
                            struct buffer *out)
{
    struct pick *picks;
    struct buffer lines;
    struct buffer text;
    struct workload_block block;
    struct asker asker = {.workload = workload, .kind = kind, .block = &block, .out = &text};
    size_t at = 0;

    buffer_init(&lines);
    buffer_init(&text);
    block_init(&block);
    block_generate(&block, workload->shape, workload->seed, 0, NULL);
    asker.places = kind == QUESTION_WRITE ? block.limit : block.asked;
    picks = draw_picks(&asker, count);
    for (size_t index = 0; index < count; index++) {
        if (index == 0 || picks[index].block != picks[index - 1].block) {
            buffer_clear(&lines);
            block_generate(&block, workload->shape, workload->seed, picks[index].block,
                           kind == QUESTION_WRITE ? &lines : NULL);
        }
        ask(&asker, &picks[index], buffer_slice(&lines));
    }
    for (size_t index = 0; index < count; index++) {
        picks[index].line.data = text.data + at;
        at += picks[index].line.size;
    }
    qsort(picks, count, sizeof *picks, compare_numbers);
    for (size_t index = 0; index < count; index++) {
        buffer_add_slice(out, picks[index].line);
        buffer_add_byte(out, '\n');
    }
    block_release(&block);
    buffer_release(&lines);
    buffer_release(&text);
    memory_free(picks);
}
