/* options.c - flags, environment, file and defaults into one struct. */
#include "server/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

#define FILE_SIZE_MAX ((size_t)64 * 1024)
#define ENVIRONMENT_PREFIX "BEHALF_"
#define NUMBER_MAX UINT64_C(1000000)
#define THREADS_MAX UINT64_C(256)

enum option_kind {
    OPTION_TEXT,
    OPTION_NUMBER,
    OPTION_THREADS,
    OPTION_SIZE,
    OPTION_HOURS,
    OPTION_LEVEL,
    OPTION_WARM,
    OPTION_AUDIT,
    OPTION_CONTEXT,
    OPTION_MODE,
    OPTION_FLAG,
    OPTION_ACTION,
};

struct option {
    const char *flag;
    const char *environment;
    size_t offset;
    enum option_kind kind;
    const char *fallback;
    const char *value;
    const char *help;
};

static const struct option table[] = {
#define X(flag, environment, member, kind, fallback, value, help)                                  \
    {flag, environment, offsetof(struct options, member), OPTION_##kind, fallback, value, help},
#include "server/options.def"
#undef X
};

#define OPTION_COUNT BEHALF_COUNT_OF(table)

/* Where a value came from, for messages: "--loops", "BEHALF_LOOPS", "behalf.conf:3". */
struct option_source {
    const char *name;
};

struct reading {
    struct options *options;
    bool set[OPTION_COUNT];
    struct error *error;
};

/* --- values --- */

static bool
parse_unsigned(const char *text, uint64_t *number, const char **end)
{
    char *stop = NULL;

    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    *number = strtoull(text, &stop, 10);
    *end = stop;
    return errno == 0;
}

static bool
parse_number(const char *text, uint64_t largest, uint64_t *number)
{
    const char *end = NULL;

    return parse_unsigned(text, number, &end) && *end == '\0' && *number <= largest;
}

static bool
parse_size(const char *text, uint64_t *size)
{
    static const char units[] = "KMG";
    const char *end = NULL;
    const char *unit;
    unsigned shift;

    if (!parse_unsigned(text, size, &end))
        return false;
    if (*end == '\0')
        return true;
    unit = strchr(units, *end);
    if (unit == NULL || end[1] != '\0')
        return false;
    shift = 10U * (unsigned)(unit - units + 1);
    if (*size > UINT64_MAX >> shift)
        return false;
    *size <<= shift;
    return true;
}

/* Hours, or a number with a unit behind it; in seconds. */
static bool
parse_hours(const char *text, uint64_t *seconds)
{
    static const struct {
        const char *name;
        uint64_t seconds;
    } units[] = {{"", 3600}, {"h", 3600}, {"m", 60}, {"s", 1}, {"d", 86400}};
    const char *end = NULL;

    if (!parse_unsigned(text, seconds, &end) || *seconds > NUMBER_MAX)
        return false;
    for (size_t at = 0; at < BEHALF_COUNT_OF(units); at++) {
        if (strcmp(end, units[at].name) == 0) {
            *seconds *= units[at].seconds;
            return true;
        }
    }
    return false;
}

/* Permissions of a file as chmod(1) takes them in octal: reading and writing, at most 0666. */
static bool
parse_mode(const char *text, uint64_t *mode)
{
    char *end = NULL;

    if (!isdigit((unsigned char)text[0]))
        return false;
    *mode = strtoull(text, &end, 8);
    return *end == '\0' && (*mode & ~(uint64_t)0666) == 0;
}

static bool
parse_flag(const char *text, bool *flag)
{
    *flag = strcmp(text, "true") == 0;
    return *flag || strcmp(text, "false") == 0;
}

static bool
parse_warm(const char *text, enum engine_warm *warm)
{
    static const char *const names[] = {
        [ENGINE_WARM_OFF] = "off", [ENGINE_WARM_HOT] = "hot", [ENGINE_WARM_ALL] = "all"};

    for (size_t at = 0; at < BEHALF_COUNT_OF(names); at++) {
        if (strcmp(text, names[at]) == 0) {
            *warm = (enum engine_warm)at;
            return true;
        }
    }
    return false;
}

static bool
parse_audit(const char *text, enum engine_audit_mode *mode)
{
    static const char *const names[] = {[ENGINE_AUDIT_OFF] = "off",
                                        [ENGINE_AUDIT_RELAXED] = "relaxed",
                                        [ENGINE_AUDIT_STRICT] = "strict"};

    for (size_t at = 0; at < BEHALF_COUNT_OF(names); at++) {
        if (strcmp(text, names[at]) == 0) {
            *mode = (enum engine_audit_mode)at;
            return true;
        }
    }
    return false;
}

static bool
parse_context(const char *text, bool *full)
{
    *full = strcmp(text, "full") == 0;
    return *full || strcmp(text, "digest") == 0;
}

static const char *
kind_text(enum option_kind kind)
{
    switch (kind) {
    case OPTION_TEXT:
        return "a text";
    case OPTION_NUMBER:
        return "a number up to 1000000";
    case OPTION_THREADS:
        return "a number up to 256";
    case OPTION_SIZE:
        return "a number of bytes, with K, M or G behind it";
    case OPTION_HOURS:
        return "a number of hours up to 1000000, or one with s, m, h or d behind it";
    case OPTION_LEVEL:
        return "debug, info, warn or error";
    case OPTION_WARM:
        return "off, hot or all";
    case OPTION_AUDIT:
        return "relaxed, strict or off";
    case OPTION_CONTEXT:
        return "digest or full";
    case OPTION_MODE:
        return "a mode in octal, such as 0660";
    case OPTION_FLAG:
    case OPTION_ACTION:
        return "true or false";
    }
    BEHALF_UNREACHABLE();
}

static bool
store_value(struct options *options, const struct option *option, const char *text)
{
    void *member = (char *)options + option->offset;

    switch (option->kind) {
    case OPTION_TEXT:
        *(const char **)member = text;
        return true;
    case OPTION_NUMBER:
        return parse_number(text, NUMBER_MAX, member);
    case OPTION_THREADS:
        return parse_number(text, THREADS_MAX, member);
    case OPTION_SIZE:
        return parse_size(text, member);
    case OPTION_HOURS:
        return parse_hours(text, member);
    case OPTION_LEVEL:
        return log_level_parse(text, member);
    case OPTION_WARM:
        return parse_warm(text, member);
    case OPTION_AUDIT:
        return parse_audit(text, member);
    case OPTION_CONTEXT:
        return parse_context(text, member);
    case OPTION_MODE:
        return parse_mode(text, member);
    case OPTION_FLAG:
    case OPTION_ACTION:
        return parse_flag(text, member);
    }
    BEHALF_UNREACHABLE();
}

static enum status
set_option(struct reading *reading, size_t index, const char *text, const char *source)
{
    if (!store_value(reading->options, &table[index], text))
        return error_set(reading->error, BEHALF_MALFORMED_REQUEST, "%s: '%.100s' is not %s", source,
                         text, kind_text(table[index].kind));
    reading->set[index] = true;
    return BEHALF_OK;
}

static void
set_defaults(struct options *options)
{
    for (size_t index = 0; index < OPTION_COUNT; index++) {
        const struct option *option = &table[index];

        if ((option->kind == OPTION_NUMBER || option->kind == OPTION_MODE) &&
            option->fallback[0] == '\0')
            *(uint64_t *)(void *)((char *)options + option->offset) = OPTIONS_UNSET;
        else if (option->kind != OPTION_ACTION && !store_value(options, option, option->fallback))
            BEHALF_UNREACHABLE(); /* the table holds a default that does not parse */
    }
}

static size_t
find_flag(const char *name, size_t size)
{
    size_t index = 0;

    while (index < OPTION_COUNT &&
           (strlen(table[index].flag) != size || memcmp(table[index].flag, name, size) != 0))
        index++;
    return index;
}

/* --- the three sources --- */

static enum status
read_argument(struct reading *reading, int count, char *const *arguments, int *at)
{
    const char *argument = arguments[*at];
    const char *equals = strchr(argument, '=');
    size_t size = equals != NULL ? (size_t)(equals - argument) : strlen(argument);
    size_t index = OPTION_COUNT;
    const struct option *option;
    char source[64];

    if (size > 2 && argument[0] == '-' && argument[1] == '-')
        index = find_flag(argument + 2, size - 2);
    if (index == OPTION_COUNT) {
        error_set(reading->error, BEHALF_MALFORMED_REQUEST, "unknown argument '%.100s'", argument);
        error_hint(reading->error, "behalfd --help lists the options");
        return BEHALF_MALFORMED_REQUEST;
    }
    option = &table[index];
    (void)snprintf(source, sizeof source, "--%s", option->flag);
    if (reading->set[index])
        return error_set(reading->error, BEHALF_MALFORMED_REQUEST, "%s is given twice", source);
    if (option->kind == OPTION_FLAG || option->kind == OPTION_ACTION) {
        if (equals != NULL)
            return error_set(reading->error, BEHALF_MALFORMED_REQUEST, "%s takes no value", source);
        return set_option(reading, index, "true", source);
    }
    if (equals != NULL)
        return set_option(reading, index, equals + 1, source);
    if (*at + 1 >= count)
        return error_set(reading->error, BEHALF_MALFORMED_REQUEST, "%s needs a value (%s)", source,
                         option->value);
    *at += 1;
    return set_option(reading, index, arguments[*at], source);
}

/* The variables of the command line and the load tool, which share a shell with the server. */
static bool
is_variable_of_clients(const char *variable, size_t size)
{
    static const char *const names[] = {"BEHALF_ENDPOINT",    "BEHALF_KEY_FILE",
                                        "BEHALF_TLS",         "BEHALF_CA_FILE",
                                        "BEHALF_CERTIFICATE", "BEHALF_CERTIFICATE_KEY"};

    for (size_t at = 0; at < BEHALF_COUNT_OF(names); at++)
        if (size == strlen(names[at]) && memcmp(variable, names[at], size) == 0)
            return true;
    return false;
}

/* A misspelt variable must not start a server with defaults: BEHALF_LISTN, BEHALF_KEYFILE. */
static enum status
refuse_variable(struct reading *reading, const char *variable, size_t size)
{
    error_set(reading->error, BEHALF_MALFORMED_REQUEST,
              "unknown variable '%.*s' in the environment", (int)(size < 100 ? size : 100),
              variable);
    error_hint(reading->error, "unset it; behalfd --help lists the variables");
    return BEHALF_MALFORMED_REQUEST;
}

static enum status
read_environment(struct reading *reading, char *const *environment)
{
    const size_t prefix = sizeof ENVIRONMENT_PREFIX - 1;

    for (; *environment != NULL; environment++) {
        const char *equals = strchr(*environment, '=');
        size_t size = equals != NULL ? (size_t)(equals - *environment) : 0;
        size_t index = 0;
        enum status status;

        if (size < prefix || memcmp(*environment, ENVIRONMENT_PREFIX, prefix) != 0)
            continue;
        while (index < OPTION_COUNT && (strlen(table[index].environment) != size ||
                                        memcmp(table[index].environment, *environment, size) != 0))
            index++;
        if (index == OPTION_COUNT && !is_variable_of_clients(*environment, size))
            return refuse_variable(reading, *environment, size);
        if (index == OPTION_COUNT || reading->set[index])
            continue;
        status = set_option(reading, index, equals + 1, table[index].environment);
        if (status != BEHALF_OK)
            return status;
    }
    return BEHALF_OK;
}

static char *
trim(char *text)
{
    size_t size;

    while (isspace((unsigned char)*text))
        text++;
    size = strlen(text);
    while (size > 0 && isspace((unsigned char)text[size - 1]))
        size--;
    text[size] = '\0';
    return text;
}

static enum status
read_line(struct reading *reading, char *line, bool seen[OPTION_COUNT], const char *source)
{
    char *equals;
    const char *key;
    const char *value;
    size_t index;

    line = trim(line);
    if (*line == '\0' || *line == '#')
        return BEHALF_OK;
    equals = strchr(line, '=');
    if (equals == NULL)
        return error_set(reading->error, BEHALF_MALFORMED_REQUEST, "%s: expected 'key = value'",
                         source);
    *equals = '\0';
    key = trim(line);
    value = trim(equals + 1);
    index = find_flag(key, strlen(key));
    if (index == OPTION_COUNT || table[index].kind == OPTION_ACTION ||
        strcmp(table[index].flag, "config") == 0)
        return error_set(reading->error, BEHALF_MALFORMED_REQUEST, "%s: unknown key '%.100s'",
                         source, key);
    if (seen[index])
        return error_set(reading->error, BEHALF_MALFORMED_REQUEST, "%s: '%s' stands twice", source,
                         key);
    seen[index] = true;
    return reading->set[index] ? BEHALF_OK : set_option(reading, index, value, source);
}

/* The whole file, NUL-terminated. */
static enum status
load_file(const char *path, char **text, struct error *error)
{
    FILE *file = fopen(path, "re");
    char *bytes;
    size_t size;
    bool failed;

    if (file == NULL)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "cannot read '%.200s': %s", path,
                         strerror(errno));
    bytes = memory_new(FILE_SIZE_MAX + 1);
    size = fread(bytes, 1, FILE_SIZE_MAX + 1, file);
    failed = ferror(file) != 0;
    (void)fclose(file);
    if (failed || size > FILE_SIZE_MAX || memchr(bytes, '\0', size) != NULL) {
        memory_free(bytes);
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "cannot read '%.200s': not a text file of at most 64 KiB", path);
    }
    bytes[size] = '\0';
    *text = bytes;
    return BEHALF_OK;
}

static enum status
read_file(struct reading *reading, const char *path)
{
    bool seen[OPTION_COUNT] = {false};
    enum status status = load_file(path, &reading->options->file, reading->error);
    char *line = reading->options->file;

    for (unsigned number = 1; status == BEHALF_OK && line != NULL; number++) {
        char *end = strchr(line, '\n');
        char source[256];

        if (end != NULL)
            *end = '\0';
        (void)snprintf(source, sizeof source, "%.200s:%u", path, number);
        status = read_line(reading, line, seen, source);
        line = end != NULL ? end + 1 : NULL;
    }
    return status;
}

/* --- all together --- */

enum status
options_read(struct options *options, int count, char *const *arguments, char *const *environment,
             struct error *error)
{
    struct reading reading = {.options = options, .error = error};
    enum status status = BEHALF_OK;

    *options = (struct options){.file = NULL};
    set_defaults(options);
    for (int at = 1; status == BEHALF_OK && at < count; at++)
        status = read_argument(&reading, count, arguments, &at);
    if (status == BEHALF_OK)
        status = read_environment(&reading, environment);
    if (status == BEHALF_OK && options->config[0] != '\0')
        status = read_file(&reading, options->config);
    if (status == BEHALF_OK && options->data[0] == '\0' && !options->help && !options->version) {
        status = error_set(error, BEHALF_MALFORMED_REQUEST, "no data directory is given");
        error_hint(error, "say where the data lives: behalfd --data DIR");
    }
    if (status != BEHALF_OK)
        options_release(options);
    return status;
}

void
options_release(struct options *options)
{
    memory_free(options->file);
    options->file = NULL;
}

void
options_print_help(FILE *out)
{
    (void)fputs("usage: behalfd --data DIR [OPTION]...\n"
                "Answers who may do what to what. Options, strongest first, come from the command\n"
                "line, from the environment and from a file (--config).\n\n",
                out);
    for (size_t index = 0; index < OPTION_COUNT; index++) {
        const struct option *option = &table[index];
        char left[64];

        (void)snprintf(left, sizeof left, "--%s%s%s", option->flag,
                       option->value[0] != '\0' ? " " : "", option->value);
        (void)fprintf(out, "  %-20s %s\n", left, option->help);
        if (option->environment[0] != '\0')
            (void)fprintf(out, "  %-20s   %s%s%s\n", "", option->environment,
                          option->fallback[0] != '\0' ? ", default " : "", option->fallback);
    }
    (void)fputs(
        "\nexit status: 0 stopped as asked, 1 failed while running, 2 wrong options,\n"
        "3 the data directory cannot be opened, 4 its data cannot be used, 5 cannot listen\n",
        out);
}
