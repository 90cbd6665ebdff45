/* attribute_caveats.h - caveats that read attributes, and what each of them means.
 *
 * The text goes into a schema; the function beside it says by itself what the text is worth, and
 * shares no code with the language under test. Values are unknown where a key is selected that its
 * map lacks: unknown stays so unless the other side of `&&` or `||` decides.
 * Threads: none. Memory: static. */
#ifndef BEHALF_TESTS_ATTRIBUTE_CAVEATS_H
#define BEHALF_TESTS_ATTRIBUTE_CAVEATS_H

#include <stddef.h>
#include <stdint.h>

#define ATTRIBUTE_KEYS 4
#define ATTRIBUTE_VALUES 4 /* the first one says: absent */
#define ATTRIBUTE_PARAMETERS 5
#define ATTRIBUTE_CAVEATS 10
#define ATTRIBUTE_CAVEAT_SPOKEN (ATTRIBUTE_CAVEATS - 1) /* has the parameter `word` of its own */

extern const char *const attribute_keys[ATTRIBUTE_KEYS];
extern const char *const attribute_values[ATTRIBUTE_VALUES];
extern const char *const attribute_parameters[ATTRIBUTE_PARAMETERS]; /* names that may be missing */

/* The attributes of an object: a value's number by key. */
struct attribute_map {
    int values[ATTRIBUTE_KEYS];
};

/* As JSON. */
#define ATTRIBUTE_MAP_TEXT 160
void attribute_map_print(const struct attribute_map *map, char text[ATTRIBUTE_MAP_TEXT]);
/* *map with what `over` has, key by key. */
void attribute_map_lay_over(struct attribute_map *map, const struct attribute_map *over);

/* What the parameters have in one decision. */
struct attribute_sight {
    struct attribute_map subject;
    struct attribute_map resource;
    int mode;           /* of the action's properties */
    const char *action; /* the permission asked */
    int context_word;   /* of the request */
    int word;           /* of what is stored, else of the request */
};

enum attribute_truth { ATTRIBUTE_FALSE, ATTRIBUTE_TRUE, ATTRIBUTE_UNKNOWN };

struct attribute_outcome {
    enum attribute_truth truth;
    uint64_t missing; /* of an unknown one: bits by attribute_parameters */
};

struct attribute_caveat {
    const char *name;
    const char *parameters;
    const char *condition;
    struct attribute_outcome (*decide)(const struct attribute_sight *sight);
};

extern const struct attribute_caveat attribute_caveats[ATTRIBUTE_CAVEATS];

/* Their declarations, all of them; gives the size. */
size_t attribute_caveats_print(char *text, size_t size);

#endif
