/* bench_options.c - see bench_options.h. */
#include "bench/bench_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_LARGEST 100000000.0

const char bench_help[] =
    "usage: behalf-bench [OPTION...]                      load, then run\n"
    "       behalf-bench load --workload W [OPTION...]\n"
    "       behalf-bench run [--workload W] [OPTION...]\n"
    "       behalf-bench numbers [OPTION...]\n"
    "       behalf-bench siege [OPTION...]\n"
    "       behalf-bench compare A.json B.json [--tolerance PERCENT]\n"
    "       behalf-bench generate DIR --workload W [OPTION...]\n"
    "       behalf-bench workloads\n"
    "\n"
    "load writes a workload's schema and relationships to the server. run asks it and compares\n"
    "the answers with those expected; beside each run it measures ping with a payload that makes\n"
    "it as large as a check: what the network and the server's loop cost alone. numbers prints\n"
    "the figures the project holds itself to, over servers of its own, and begins with --size\n"
    "medium --seconds 3 --repeat 3; --workload W prints those of one built-in workload alone.\n"
    "siege prints what honest clients get beside idle, slow and too many others, and begins with\n"
    "--seconds 2 --repeat 3.\n"
    "compare sets two reports of --json side by side; slower is what moved by more than the\n"
    "tolerance and further than the runs of each differ. generate writes a built-in workload as\n"
    "files.\n"
    "\n"
    "what is asked:\n"
    "  --workload W       a name of behalf-bench workloads, or a directory; see behalf-bench(1)\n"
    "  --size N           relationships: small (10,000), medium (1,000,000), large (10,000,000)\n"
    "                     or a number; default small\n"
    "  --seed N           of all that is random, default 1\n"
    "  --mix M            method=weight,...: check, bulk, lookup_resources, lookup_subjects,\n"
    "                     lookup_permissions, expand, write, grant, ping; default check\n"
    "  --method M         the same with one method\n"
    "  --zipf THETA       some objects are asked about more than others; default 0, all alike\n"
    "  --questions N      different checks that are prepared, default 50000\n"
    "  --batch N          checks of a bulk, default 100\n"
    "  --updates N        relationships of a write, default 1\n"
    "\n"
    "how:\n"
    "  --connections N    default 16\n"
    "  --depth N          requests in flight on each connection, default 16\n"
    "  --threads N        threads that drive the connections, default 1\n"
    "  --rate N           open loop: requests a second in all, latency from when they were due\n"
    "  --deadline MS      of each request, 1 to 30000: what is answered before it is goodput, and\n"
    "                     OVERLOADED and DEADLINE are counted beside it and are no errors\n"
    "  --seconds S        length of a run, default 10\n"
    "  --warmup S         before each run, default 1\n"
    "  --repeat N         runs, default 1\n"
    "  --no-echo          no ping beside the runs\n"
    "\n"
    "where:\n"
    "  --endpoint E       ADDRESS:PORT or unix:PATH, default 127.0.0.1:23425 or BEHALF_ENDPOINT\n"
    "  --tls              speak TLS, or BEHALF_TLS=true\n"
    "  --ca-file FILE     CA of the server's certificate, default the system's, or BEHALF_CA_FILE\n"
    "  --certificate FILE      shown to a server that asks for one, or BEHALF_CERTIFICATE\n"
    "  --certificate-key FILE  its key, or BEHALF_CERTIFICATE_KEY\n"
    "  --key-file FILE    what a server with keys asks for, or BEHALF_KEY_FILE\n"
    "  --serve            start a server over a temporary directory, and end it\n"
    "  --server FILE      the behalfd to start, default the one beside this program\n"
    "  --graph-memory S   of the server that is started\n"
    "  --idle N           siege: idle connections, default 10000; a tenth as many slow readers,\n"
    "                     half as many slow senders\n"
    "\n"
    "what comes out:\n"
    "  --json, --csv      instead of the table\n"
    "  --html FILE        a report with curves too\n"
    "  --tolerance P      compare: percent slower that is still good, default 10\n"
    "\n"
    "exit status: 0 done, 1 usage, 2 no connection, 3 an error or a wrong answer, 4 slower\n";

/* --- values ----------------------------------------------------------------------------------- */

static bool
parse_real(const char *text, double smallest, double largest, double *number)
{
    char *end;
    double value;

    if ((text[0] < '0' || text[0] > '9') && text[0] != '.')
        return false;
    value = strtod(text, &end);
    if (*end != '\0' || !(value >= smallest && value <= largest))
        return false;
    *number = value;
    return true;
}

static bool
parse_count(const char *text, double largest, uint64_t *number)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *number >= 1 && (double)*number <= largest;
}

static bool
parse_size(const char *text, uint64_t *size)
{
    if (strcmp(text, "small") == 0)
        *size = WORKLOAD_SMALL;
    else if (strcmp(text, "medium") == 0)
        *size = WORKLOAD_MEDIUM;
    else if (strcmp(text, "large") == 0)
        *size = WORKLOAD_LARGE;
    else
        return parse_count(text, SIZE_LARGEST, size);
    return true;
}

/* --- options ---------------------------------------------------------------------------------- */

enum option_kind {
    OPTION_TEXT,
    OPTION_COUNT, /* 1 to `largest`, 32 bits */
    OPTION_LONG,  /* the same in 64 bits */
    OPTION_REAL,  /* `smallest` to `largest` */
    OPTION_SIZE,
    OPTION_MIX,
    OPTION_TRUE, /* without a value */
    OPTION_FALSE,
    OPTION_JSON,
    OPTION_CSV,
};

#define SERVED (1U << COMMAND_LOAD | 1U << COMMAND_RUN | 1U << COMMAND_BOTH)
#define RUNS (1U << COMMAND_RUN | 1U << COMMAND_BOTH)
#define NUMBERS (1U << COMMAND_NUMBERS)
#define SIEGES (1U << COMMAND_SIEGE)
#define GENERATES (1U << COMMAND_GENERATE)

static const struct option {
    const char *name;
    enum option_kind kind;
    size_t offset; /* of the member in a bench_command_line */
    double smallest;
    double largest;
    unsigned commands; /* that have it, as bits */
} table[] = {
#define AT(member) offsetof(struct bench_command_line, member)
    {"--workload", OPTION_TEXT, AT(options.workload), 0, 0, SERVED | GENERATES | NUMBERS},
    {"--size", OPTION_SIZE, AT(options.size), 0, 0, SERVED | GENERATES | NUMBERS | SIEGES},
    {"--seed", OPTION_LONG, AT(options.seed), 0, 1e18, SERVED | GENERATES | NUMBERS | SIEGES},
    {"--mix", OPTION_MIX, AT(options.mix), 0, 0, RUNS},
    {"--method", OPTION_MIX, AT(options.mix), 0, 0, RUNS},
    {"--zipf", OPTION_REAL, AT(options.zipf), 0, 10, RUNS | GENERATES},
    {"--questions", OPTION_COUNT, AT(options.questions), 0, 10e6,
     RUNS | GENERATES | NUMBERS | SIEGES},
    {"--batch", OPTION_COUNT, AT(options.batch), 0, 1000, RUNS},
    {"--updates", OPTION_COUNT, AT(options.updates), 0, 1000, RUNS},
    {"--connections", OPTION_COUNT, AT(options.connections), 0, 4096, RUNS},
    {"--depth", OPTION_COUNT, AT(options.depth), 0, 4096, RUNS},
    {"--threads", OPTION_COUNT, AT(options.threads), 0, 256, RUNS},
    {"--rate", OPTION_REAL, AT(options.rate), 0.001, 1e8, RUNS},
    {"--deadline", OPTION_COUNT, AT(options.deadline_ms), 0, 30000, RUNS},
    {"--seconds", OPTION_REAL, AT(options.seconds), 0.01, 86400, RUNS | NUMBERS | SIEGES},
    {"--warmup", OPTION_REAL, AT(options.warmup_seconds), 0, 86400, RUNS | NUMBERS | SIEGES},
    {"--repeat", OPTION_COUNT, AT(options.repeat), 0, 1000, RUNS | NUMBERS | SIEGES},
    {"--no-echo", OPTION_FALSE, AT(options.echo), 0, 0, RUNS},
    {"--endpoint", OPTION_TEXT, AT(options.endpoint), 0, 0, SERVED},
    {"--tls", OPTION_TRUE, AT(options.connect.tls), 0, 0, SERVED},
    {"--ca-file", OPTION_TEXT, AT(options.connect.ca_file), 0, 0, SERVED},
    {"--key-file", OPTION_TEXT, AT(options.connect.key_file), 0, 0, SERVED},
    {"--certificate", OPTION_TEXT, AT(options.connect.certificate), 0, 0, SERVED},
    {"--certificate-key", OPTION_TEXT, AT(options.connect.certificate_key), 0, 0, SERVED},
    {"--serve", OPTION_TRUE, AT(options.serve), 0, 0, 1U << COMMAND_BOTH},
    {"--server", OPTION_TEXT, AT(options.server), 0, 0, 1U << COMMAND_BOTH | NUMBERS | SIEGES},
    {"--graph-memory", OPTION_TEXT, AT(options.graph_memory), 0, 0,
     1U << COMMAND_BOTH | NUMBERS | SIEGES},
    {"--idle", OPTION_COUNT, AT(options.idle), 0, 1e6, SIEGES},
    {"--json", OPTION_JSON, AT(options.output), 0, 0, SERVED},
    {"--csv", OPTION_CSV, AT(options.output), 0, 0, RUNS},
    {"--html", OPTION_TEXT, AT(options.html), 0, 0, RUNS},
    {"--tolerance", OPTION_REAL, AT(tolerance_percent), 0, 1000, 1U << COMMAND_COMPARE},
#undef AT
};

static bool
has_value(const struct option *option)
{
    return option->kind != OPTION_TRUE && option->kind != OPTION_FALSE &&
           option->kind != OPTION_JSON && option->kind != OPTION_CSV;
}

static bool
parse_into(const struct option *option, const char *value, void *member)
{
    const char *problem;
    uint64_t number;

    switch (option->kind) {
    case OPTION_TEXT:
        *(const char **)member = value;
        return value[0] != '\0';
    case OPTION_COUNT:
        if (!parse_count(value, option->largest, &number))
            return false;
        *(uint32_t *)member = (uint32_t)number;
        return true;
    case OPTION_LONG:
        return parse_count(value, option->largest, member);
    case OPTION_REAL:
        return parse_real(value, option->smallest, option->largest, member);
    case OPTION_SIZE:
        return parse_size(value, member);
    case OPTION_MIX:
        return bench_mix_parse(value, member, &problem);
    case OPTION_TRUE:
    case OPTION_FALSE:
        *(bool *)member = option->kind == OPTION_TRUE;
        return true;
    case OPTION_JSON:
    case OPTION_CSV:
        *(enum bench_output *)member = option->kind == OPTION_JSON ? OUTPUT_JSON : OUTPUT_CSV;
        return true;
    }
    return false;
}

static const struct option *
find_option(const char *name, enum bench_command command)
{
    for (size_t index = 0; index < BEHALF_COUNT_OF(table); index++)
        if (strcmp(table[index].name, name) == 0 &&
            (table[index].commands >> (unsigned)command & 1) != 0)
            return &table[index];
    return NULL;
}

/* --- the command line ------------------------------------------------------------------------- */

static const struct {
    const char *word;
    enum bench_command command;
    int files; /* words behind it */
} commands[] = {
    {"load", COMMAND_LOAD, 0},         {"run", COMMAND_RUN, 0},
    {"generate", COMMAND_GENERATE, 1}, {"compare", COMMAND_COMPARE, 2},
    {"--compare", COMMAND_COMPARE, 2}, {"numbers", COMMAND_NUMBERS, 0},
    {"siege", COMMAND_SIEGE, 0},       {"workloads", COMMAND_WORKLOADS, 0},
    {"help", COMMAND_HELP, 0},         {"--version", COMMAND_VERSION, 0},
};

/* Takes the first word, and the words that belong to it. */
static bool
take_command(int count, char *const *arguments, struct bench_command_line *line, int *at,
             struct buffer *problem)
{
    line->command = COMMAND_BOTH;
    if (count == 0) {
        buffer_add_text(problem, "no command");
        return false;
    }
    for (size_t index = 0; index < BEHALF_COUNT_OF(commands); index++)
        if (strcmp(commands[index].word, arguments[0]) == 0) {
            line->command = commands[index].command;
            *at = 1;
            for (int file = 0; file < commands[index].files; file++) {
                if (*at == count || strncmp(arguments[*at], "--", 2) == 0) {
                    buffer_add_format(problem, "%s needs %d name%s", arguments[0],
                                      commands[index].files, commands[index].files == 1 ? "" : "s");
                    return false;
                }
                line->files[file] = arguments[(*at)++];
            }
            return true;
        }
    if (strncmp(arguments[0], "--", 2) != 0) {
        buffer_add_format(problem, "no command '%s'", arguments[0]);
        return false;
    }
    return true;
}

/* What one option alone cannot say. */
static bool
check_together(struct bench_command_line *line, struct buffer *problem)
{
    struct bench_options *options = &line->options;
    bool needs_workload = line->command == COMMAND_LOAD || line->command == COMMAND_BOTH ||
                          line->command == COMMAND_GENERATE;

    if (options->mix.total == 0) {
        enum bench_method method = options->workload != NULL ? METHOD_CHECK : METHOD_PING;

        options->mix.weights[method] = 1;
        options->mix.total = 1;
    }
    if (line->command == COMMAND_RUN && options->workload == NULL &&
        bench_mix_single(&options->mix) != METHOD_PING)
        needs_workload = true;
    if (needs_workload && options->workload == NULL)
        buffer_add_text(problem, "no --workload");
    if (options->threads > options->connections)
        options->threads = options->connections;
    return problem->size == 0;
}

/* --help is taken wherever it is given, also after a command whose words are incomplete. */
static bool
asks_for_help(int count, char *const *arguments)
{
    for (int at = 0; at < count; at++)
        if (strcmp(arguments[at], "--help") == 0 || strcmp(arguments[at], "-h") == 0)
            return true;
    return false;
}

bool
bench_options_parse(int count, char *const *arguments, struct bench_command_line *line,
                    struct buffer *problem)
{
    int at = 0;

    *line = (struct bench_command_line){
        .tolerance_percent = 10,
        .options = {.size = WORKLOAD_SMALL,
                    .seed = 1,
                    .questions = 50000,
                    .connections = 16,
                    .depth = 16,
                    .threads = 1,
                    .batch = 100,
                    .updates = 1,
                    .idle = 10000,
                    .repeat = 1,
                    .seconds = 10,
                    .warmup_seconds = 1,
                    .echo = true},
    };
    if (asks_for_help(count, arguments)) {
        line->command = COMMAND_HELP;
        return true;
    }
    if (!take_command(count, arguments, line, &at, problem))
        return false;
    if (line->command == COMMAND_SIEGE) {
        line->options.seconds = 2;
        line->options.repeat = 3;
    }
    if (line->command == COMMAND_NUMBERS) {
        line->options.size = WORKLOAD_MEDIUM;
        line->options.seconds = 3;
        line->options.repeat = 3;
    }
    while (at < count) {
        const char *name = arguments[at++];
        const struct option *option = find_option(name, line->command);
        const char *value = "";

        if (option == NULL) {
            buffer_add_format(problem, "no option '%s' here", name);
            return false;
        }
        if (has_value(option) && at == count) {
            buffer_add_format(problem, "no value for '%s'", name);
            return false;
        }
        if (has_value(option))
            value = arguments[at++];
        if (!parse_into(option, value, (char *)line + option->offset)) {
            buffer_add_format(problem, "no such value for '%s': '%s'", name, value);
            return false;
        }
    }
    return check_together(line, problem);
}
