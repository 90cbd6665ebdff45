/* harness_world_private.h - what the parts of harness_world share: the world being asked about. */
#ifndef BEHALF_TESTS_HARNESS_WORLD_PRIVATE_H
#define BEHALF_TESTS_HARNESS_WORLD_PRIVATE_H

#include "tests/support/harness.h"
#include "tests/support/harness_world.h"

struct asking {
    const struct world *world;
    struct harness_engine side;
    struct world_random random;
    struct oracle *oracles;          /* ORACLE_LANES subjects each */
    struct oracle_subject *subjects; /* every object, and every userset */
    int subject_count;
    struct oracle_sets *sets;      /* scratch */
    const struct engine_token *at; /* NULL = now */
    const char *state;             /* for messages */
    bool past;                     /* fewer questions */
    bool thorough;
    struct world_counts *counts;
    struct buffer *mismatch;
};

struct question {
    int type;
    int id;
    int name;
    int subject; /* index of `subjects` */
};

/* Notes what disagrees; always false. */
bool comparison_fail(struct asking *asking, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

int asking_below(struct asking *asking, int bound);
bool asking_chance(struct asking *asking, int percent); /* always true when thorough */
struct object asking_object(const struct asking *asking, int type, int id, int name);
enum oracle_answer asking_expect(const struct asking *asking, const struct question *question);

/* Each compares some answers of one method and says whether all agree. */
bool ask_something(struct asking *asking); /* a question whose answer is not compared */
bool ask_checks(struct asking *asking);    /* alone and in bulks */
bool ask_resources(struct asking *asking);
bool ask_subjects(struct asking *asking);
bool ask_permissions(struct asking *asking);
bool ask_trees(struct asking *asking);
bool ask_chains(struct asking *asking);

#endif
