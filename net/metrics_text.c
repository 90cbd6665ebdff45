/* metrics_text.c - samples, and what stands above them. */
#include "net/metrics_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define LINE_SIZE 512

enum metric_type { METRIC_TYPE_COUNTER, METRIC_TYPE_GAUGE, METRIC_TYPE_HISTOGRAM };

static const struct {
    const char *name;
    enum metric_type type;
    const char *help;
} metrics[] = {
#define X(identifier, name, type, help) {"behalf_" name, METRIC_TYPE_##type, help},
#include "net/metrics.def"
#undef X
};

static const char *const type_names[] = {
    [METRIC_TYPE_COUNTER] = "counter",
    [METRIC_TYPE_GAUGE] = "gauge",
    [METRIC_TYPE_HISTOGRAM] = "histogram",
};

static void put_line(struct metrics_text *text, const char *format, ...) BEHALF_PRINTF(2, 3);

static void
put_line(struct metrics_text *text, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    BEHALF_ASSERT(size > 0 && size < LINE_SIZE);
    buffer_add(text->out, line, (size_t)size);
}

void
metrics_text_init(struct metrics_text *text, struct buffer *out)
{
    *text = (struct metrics_text){.out = out, .last = METRIC_NAME_COUNT};
}

static void
begin(struct metrics_text *text, enum metric_name name)
{
    if (text->last == name)
        return;
    BEHALF_ASSERT(!text->begun[name]); /* its samples stand together */
    text->begun[name] = true;
    text->last = name;
    put_line(text, "# HELP %s %s\n# TYPE %s %s\n", metrics[name].name, metrics[name].help,
             metrics[name].name, type_names[metrics[name].type]);
}

static void
put_sample(struct metrics_text *text, enum metric_name name, const char *labels, const char *value)
{
    bool bare = labels[0] == '\0';

    begin(text, name);
    put_line(text, "%s%s%s%s %s\n", metrics[name].name, bare ? "" : "{", labels, bare ? "" : "}",
             value);
}

void
metrics_put(struct metrics_text *text, enum metric_name name, const char *labels, uint64_t value)
{
    char number[24];

    BEHALF_ASSERT(metrics[name].type != METRIC_TYPE_HISTOGRAM);
    (void)snprintf(number, sizeof number, "%" PRIu64, value);
    put_sample(text, name, labels, number);
}

/* Exact: a double would round, and its text depend on the locale. */
static void
print_seconds(char number[32], uint64_t ns)
{
    int size = snprintf(number, 32, "%" PRIu64 ".%09" PRIu64, ns / 1000000000, ns % 1000000000);

    while (number[size - 1] == '0' && number[size - 2] != '.')
        number[--size] = '\0';
}

void
metrics_put_seconds(struct metrics_text *text, enum metric_name name, const char *labels,
                    uint64_t ns)
{
    char number[32];

    print_seconds(number, ns);
    put_sample(text, name, labels, number);
}

void
metrics_put_histogram(struct metrics_text *text, enum metric_name name, const char *labels,
                      const struct metric_reading *reading,
                      const uint64_t bounds[METRIC_BUCKETS - 1], bool seconds)
{
    const char *comma = labels[0] == '\0' ? "" : ",";
    const char *open = labels[0] == '\0' ? "" : "{";
    const char *close = labels[0] == '\0' ? "" : "}";
    const char *metric = metrics[name].name;
    char number[32];
    uint64_t count = 0;

    BEHALF_ASSERT(metrics[name].type == METRIC_TYPE_HISTOGRAM);
    begin(text, name);
    for (size_t at = 0; at < METRIC_BUCKETS; at++) {
        count += reading->counts[at];
        if (at == METRIC_BUCKETS - 1)
            (void)snprintf(number, sizeof number, "+Inf");
        else if (seconds)
            print_seconds(number, bounds[at]);
        else
            (void)snprintf(number, sizeof number, "%" PRIu64, bounds[at]);
        put_line(text, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", metric, labels, comma, number,
                 count);
    }
    if (seconds)
        print_seconds(number, reading->sum);
    else
        (void)snprintf(number, sizeof number, "%" PRIu64, reading->sum);
    put_line(text, "%s_sum%s%s%s %s\n", metric, open, labels, close, number);
    put_line(text, "%s_count%s%s%s %" PRIu64 "\n", metric, open, labels, close, count);
}
