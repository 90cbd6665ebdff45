/* workload.h - what is loaded and asked: a schema, relationships, and questions with their answers.
 *
 * A workload is text, whether it comes from a directory or is generated here:
 *
 *   schema.zed           the schema
 *   relationships.txt    one relationship a line
 *   checks.txt           RESOURCE#PERMISSION@SUBJECT <TAB> true|false [<TAB> actor=A[,A...]
 *                        [<TAB> grant=SELECTOR]]
 *   lookups.txt          TYPE#PERMISSION@SUBJECT [<TAB> number of results]
 *   lookup_subjects.txt  RESOURCE#PERMISSION@TYPE [<TAB> number of results]
 *   writes.txt           touch|delete <TAB> RELATIONSHIP
 *
 * A grant is one for the line's permission on what SELECTOR selects, by a chain of these actors; it
 * is made before it is asked by (bench/bench_grants.h).
 *
 * Always true: what is generated depends on name, size and seed alone, and holds exactly the
 * relationships it says; answers are known from how it was made, not from an engine.
 * Threads: a workload is read only once open; any number of threads share a workload_reader.
 * Errors: false, after saying on standard error what is wrong. */
#ifndef BEHALF_BENCH_WORKLOAD_H
#define BEHALF_BENCH_WORKLOAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/slice.h"

struct workload_shape;

#define WORKLOAD_SMALL UINT64_C(10000)
#define WORKLOAD_MEDIUM UINT64_C(1000000)
#define WORKLOAD_LARGE UINT64_C(10000000)

struct workload {
    const char *name;                   /* of a shape, or the directory's path */
    const struct workload_shape *shape; /* NULL: a directory */
    uint64_t relationships;             /* exactly; 0 of a directory: not counted */
    uint64_t seed;
    double zipf; /* of the choice of objects; 0 = each as often as any other */
    uint32_t block_count;
};

/* `name` is that of a shape, or a directory. `size` is rounded up to whole blocks of the shape;
 * small, medium and large are whole blocks of all of them. */
bool workload_open(const char *name, uint64_t size, uint64_t seed, double zipf,
                   struct workload *workload) BEHALF_MUST_USE;

/* Name and summary of each shape, a line each. */
void workload_list(FILE *out);

bool workload_schema(const struct workload *workload, struct buffer *out) BEHALF_MUST_USE;

enum question_kind {
    QUESTION_CHECK,
    QUESTION_LOOKUP_RESOURCES,
    QUESTION_LOOKUP_SUBJECTS,
    QUESTION_WRITE, /* `out` gets lines of relationships.txt unless there is a writes.txt */
};

/* Lines of the file that the kind names: of a directory all of them (with `zipf`: `count` drawn
 * from them), else `count` generated ones. `*ready` (may be NULL) says that these are the lines of
 * writes.txt. */
bool workload_questions(const struct workload *workload, enum question_kind kind, size_t count,
                        struct buffer *out, bool *ready) BEHALF_MUST_USE;

/* Writes the files above. */
bool workload_save(const struct workload *workload, const char *directory,
                   size_t question_count) BEHALF_MUST_USE;

/* --- reading the relationships --- */

struct workload_reader {
    const struct workload *workload;
    pthread_mutex_t mutex; /* of the two below */
    uint32_t next_block;
    FILE *file;
    uint64_t size_bytes; /* of the file; 0 when generated */
};

bool workload_reader_open(struct workload_reader *reader,
                          const struct workload *workload) BEHALF_MUST_USE;
void workload_reader_close(struct workload_reader *reader);

/* Puts the next lines, whole ones, in place of what `out` holds. False at the end, or when the file
 * cannot be read: workload_reader_failed tells. */
bool workload_reader_next(struct workload_reader *reader, struct buffer *out) BEHALF_MUST_USE;
bool workload_reader_failed(const struct workload_reader *reader);

/* --- lines --- */

/* Takes the next line off `rest`; false at the end. */
bool workload_line_next(struct slice *rest, struct slice *line);

/* Takes what stands before `separator`, and the separator. All when there is none. */
struct slice workload_take_until(struct slice *rest, char separator);

/* Whether a line says nothing: empty, or a comment. */
bool workload_line_is_blank(struct slice line);

#endif
