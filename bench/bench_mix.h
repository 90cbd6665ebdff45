/* bench_mix.h - what is asked, and how often: `check=90,write=5,lookup=5`.
 * Threads: none; read only once parsed. */
#ifndef BEHALF_BENCH_MIX_H
#define BEHALF_BENCH_MIX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/check.h"

enum bench_method {
    METHOD_CHECK,
    METHOD_CHECK_BULK,
    METHOD_LOOKUP_RESOURCES,
    METHOD_LOOKUP_SUBJECTS,
    METHOD_LOOKUP_PERMISSIONS,
    METHOD_EXPAND,
    METHOD_WRITE,
    METHOD_GRANT, /* grants.create, in the sessions that the checks' grants are of */
    METHOD_PING,
    METHOD_COUNT,
};

/* Its name on the command line and in reports. */
const char *bench_method_name(enum bench_method method);

#define MIX_WEIGHT_MAX 1000000

struct bench_mix {
    uint32_t weights[METHOD_COUNT];
    uint32_t total; /* 0: nothing was said */
};

/* METHOD[=WEIGHT], separated by commas; without a weight 1. Each method once. `bulk` and `lookup`
 * are short for check_bulk and lookup_resources. On failure `*problem` says in a static sentence
 * what is wrong. */
bool bench_mix_parse(const char *text, struct bench_mix *mix, const char **problem) BEHALF_MUST_USE;

/* The only method of a mix, or METHOD_COUNT when there are several. */
enum bench_method bench_mix_single(const struct bench_mix *mix);

/* The method that `draw` (0 to total - 1) falls on. */
enum bench_method bench_mix_pick(const struct bench_mix *mix, uint32_t draw);

/* The mix as text that parses to the same. */
void bench_mix_print(const struct bench_mix *mix, struct buffer *out);

#endif
