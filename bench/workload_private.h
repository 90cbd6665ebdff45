/* workload_private.h - between the files workload*.c: the two sources of a workload's text. */
#ifndef BEHALF_BENCH_WORKLOAD_PRIVATE_H
#define BEHALF_BENCH_WORKLOAD_PRIVATE_H

#include "bench/workload.h"

/* Questions about generated blocks, as lines. */
void workload_generate_questions(const struct workload *workload, enum question_kind kind,
                                 size_t count, struct buffer *out);

/* A directory's file whole. When it is absent: false, and silent when `optional`. */
bool workload_file_read(const char *directory, const char *name, bool optional,
                        struct buffer *out) BEHALF_MUST_USE;

#endif
