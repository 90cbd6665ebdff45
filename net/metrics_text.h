/* metrics_text.h - metrics as Prometheus text, format 0.0.4.
 * Always true: the samples of a metric stand together, below its HELP and TYPE; a name, a type and
 * a help text come from metrics.def and from nowhere else. Labels hold no text of a client.
 * Threads: none. */
#ifndef BEHALF_NET_METRICS_TEXT_H
#define BEHALF_NET_METRICS_TEXT_H

#include "base/buffer.h"
#include "base/metric.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metric_name {
#define X(identifier, name, type, help) METRIC_##identifier,
#include "net/metrics.def"
#undef X
    METRIC_NAME_COUNT
};

struct metrics_text {
    struct buffer *out;
    bool begun[METRIC_NAME_COUNT];
    enum metric_name last;
};

void metrics_text_init(struct metrics_text *text, struct buffer *out);

/* `labels` is empty or `key="value",...`. */
void metrics_put(struct metrics_text *text, enum metric_name name, const char *labels,
                 uint64_t value);
/* A number of nanoseconds, as seconds. */
void metrics_put_seconds(struct metrics_text *text, enum metric_name name, const char *labels,
                         uint64_t ns);
/* All buckets, sum and count; `seconds`: the bounds are nanoseconds. */
void metrics_put_histogram(struct metrics_text *text, enum metric_name name, const char *labels,
                           const struct metric_reading *reading,
                           const uint64_t bounds[METRIC_BUCKETS - 1], bool seconds);

#endif
