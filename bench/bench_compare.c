/* bench_compare.c - two reports of JSON side by side: what changed, and is it worse? */
#include <math.h>

#include "base/arena.h"
#include "base/datum.h"
#include "base/escape.h"
#include "bench/bench_report.h"

#define RUNS_MIN 2 /* of a row: one run says nothing of its spread */
#define ARENA_MAX ((size_t)64 * 1024 * 1024)

static const char red[] = "\033[31m";
static const char green[] = "\033[32m";
static const char plain[] = "\033[0m";

struct comparison {
    double tolerance; /* 0.1 = ten percent */
    bool colour;
    struct buffer *out;
};

/* NAN when the member is absent or no number. */
static double
number(const struct datum *map, const char *key)
{
    const struct datum *value = datum_field(map, slice_of(key));

    if (value != NULL && value->kind == DATUM_INT)
        return (double)value->as.integer;
    return value != NULL && value->kind == DATUM_DOUBLE ? value->as.real : (double)NAN;
}

static struct slice
string(const struct datum *map, const char *key)
{
    const struct datum *value = datum_field(map, slice_of(key));

    return value != NULL && value->kind == DATUM_STRING ? value->as.string : (struct slice){"", 0};
}

/* The rows of a report, or NULL. */
static const struct datum *
read_report(struct slice text, const char *which, struct arena *arena, const struct datum **report,
            struct buffer *problem)
{
    const struct datum *rows;
    struct error error;

    if (datum_parse_json(text, arena, report, &error) != BEHALF_OK) {
        buffer_add_format(problem, "the %s report is no JSON: %s", which, error.message);
        return NULL;
    }
    rows = (*report)->kind == DATUM_MAP ? datum_field(*report, SLICE_LITERAL("rows")) : NULL;
    if (rows == NULL || rows->kind != DATUM_LIST) {
        buffer_add_format(problem, "the %s file is no report of behalf-bench: it has no rows",
                          which);
        return NULL;
    }
    return rows;
}

static const struct datum *
find_row(const struct datum *rows, struct slice name)
{
    for (size_t index = 0; index < rows->as.list.count; index++) {
        const struct datum *row = rows->as.list.items[index];

        if (row->kind == DATUM_MAP && slice_equal(string(row, "name"), name))
            return row;
    }
    return NULL;
}

/* One figure and its ratio, with a colour when it changed by more than the tolerance. `better` is 1
 * when more is better, else -1. */
static void
put_ratio(const struct comparison *comparison, const char *name, double before, double after,
          int better)
{
    double ratio = after / before;
    double gain = better * (ratio - 1);
    const char *colour = "";

    if (comparison->colour && gain > comparison->tolerance)
        colour = green;
    else if (comparison->colour && gain < -comparison->tolerance)
        colour = red;
    buffer_add_format(comparison->out, "  %-12s %12.1f %12.1f  %s%6.3f%s\n", name, before, after,
                      colour, ratio, colour[0] != '\0' ? plain : "");
}

/* The figure in each of the row's runs: how many there are, the lowest and the highest. */
struct spread {
    size_t runs;
    double lowest;
    double highest;
};

static struct spread
spread_of(const struct datum *row, const char *key)
{
    const struct datum *runs = datum_field(row, SLICE_LITERAL("runs"));
    struct spread spread = {0};

    if (runs == NULL || runs->kind != DATUM_LIST)
        return spread;
    for (size_t index = 0; index < runs->as.list.count; index++) {
        const struct datum *run = runs->as.list.items[index];
        double value = run->kind == DATUM_MAP ? number(run, key) : (double)NAN;

        if (isnan(value))
            continue;
        spread.lowest = spread.runs == 0 || value < spread.lowest ? value : spread.lowest;
        spread.highest = spread.runs == 0 || value > spread.highest ? value : spread.highest;
        spread.runs++;
    }
    return spread;
}

/* A row that moved by more than the tolerance: is it the change, or the noise of the machine? */
static void
judge(const struct datum *before, const struct datum *after, bool open_loop,
      struct report_judgement *judgement)
{
    const char *key = open_loop ? "p99_us" : "requests_per_second";
    struct spread old = spread_of(before, key);
    struct spread new = spread_of(after, key);

    if (isnan(number(before, key)) || isnan(number(after, key)))
        judgement->slower++; /* a figure that is missing is no proof of speed */
    else if (old.runs < RUNS_MIN || new.runs < RUNS_MIN)
        judgement->undecided++;
    else if (open_loop ? new.lowest > old.highest : new.highest < old.lowest)
        judgement->slower++;
}

/* Whether the median got worse by more than the tolerance. */
static bool
compare_row(const struct comparison *comparison, const struct datum *before,
            const struct datum *after, bool open_loop)
{
    double rates = number(after, "requests_per_second") / number(before, "requests_per_second");
    double tails = number(after, "p99_us") / number(before, "p99_us");

    escape_text(string(before, "name"), comparison->out);
    buffer_add_byte(comparison->out, '\n');
    put_ratio(comparison, "requests/s", number(before, "requests_per_second"),
              number(after, "requests_per_second"), 1);
    for (size_t index = 0; index < REPORT_LATENCIES; index++) {
        char key[32];

        (void)snprintf(key, sizeof key, "%s_us", report_latency_name((enum report_latency)index));
        put_ratio(comparison, key, number(before, key), number(after, key), -1);
    }
    /* Written so that a figure that is missing counts as slower. */
    if (open_loop)
        return !(tails <= 1 + comparison->tolerance);
    return !(rates >= 1 - comparison->tolerance);
}

bool
report_compare(struct slice before, struct slice after, double tolerance_percent, bool colour,
               struct buffer *out, struct report_judgement *judgement, struct buffer *problem)
{
    const struct comparison comparison = {tolerance_percent / 100, colour, out};
    const struct datum *reports[2] = {NULL, NULL};
    const struct datum *rows[2] = {NULL, NULL};
    struct arena arena;

    *judgement = (struct report_judgement){.compared = 0};
    arena_init(&arena, ARENA_MAX);
    rows[0] = read_report(before, "first", &arena, &reports[0], problem);
    if (rows[0] != NULL)
        rows[1] = read_report(after, "second", &arena, &reports[1], problem);
    if (rows[1] != NULL) {
        bool open_loop = number(reports[0], "rate") > 0;

        buffer_add_format(out, "  %-12s %12s %12s  %6s\n", "", "before", "after", "ratio");
        for (size_t index = 0; index < rows[0]->as.list.count; index++) {
            const struct datum *row = rows[0]->as.list.items[index];
            const struct datum *other =
                row->kind == DATUM_MAP ? find_row(rows[1], string(row, "name")) : NULL;

            if (other == NULL)
                continue;
            judgement->compared++;
            /* The echo tells of the machine, not of what was changed. */
            if (compare_row(&comparison, row, other, open_loop) &&
                !slice_equal(string(row, "name"), SLICE_LITERAL(REPORT_ECHO)))
                judge(row, other, open_loop, judgement);
        }
        if (judgement->compared == 0)
            buffer_add_text(problem, "the two reports have no row in common");
    }
    arena_release(&arena);
    return judgement->compared > 0;
}
