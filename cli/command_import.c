/* command_import.c - import: a file of relationships, one a line, in batches of touches.
 * Always true: when it does not end well, every line before the line it names is stored; touching
 * again what is stored changes nothing, so to run the same import again is safe. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/lines.h"
#include "base/memory.h"
#include "cli/cli.h"
#include "cli/import_batch.h"
#include "schema/text_kind.h"

#define BATCHES_IN_FLIGHT 8 /* enough to keep the server's writer busy while lines are read */
#define PATIENCE_MS 60000   /* with a server that is overloaded, while it takes no batch */
#define BAR_WIDTH 40
#define READ_SIZE ((size_t)64 * 1024)
#define LINE_SIZE_MAX ((size_t)1 << 20) /* a relationship has some kilobytes at most */

struct import {
    struct cli *cli;
    const char *path;
    int descriptor;
    uint64_t size_bytes; /* 0 when unknown */
    uint64_t read_bytes;
    struct buffer input; /* from `input_at` on what was read and not taken */
    size_t input_at;
    bool at_end;
    uint64_t line; /* number of the last line read */
    uint64_t stored;
    uint64_t start_line; /* the first line that holds a relationship; 0 before it is read */
    struct slice ahead;  /* the line that did not fit into the last batch; in `input` */
    struct behalf_writer *arguments;
    struct import_batch *batches; /* BATCHES_IN_FLIGHT */
    uint64_t failed_line;         /* 0, or the lowest line that is not stored */
    uint64_t culprit_line;        /* the line that is wrong, 0 when none is known to be */
    struct behalf_error failure;
    struct behalf_error refusal; /* the last OVERLOADED */
    uint32_t patience_ms;        /* what is left of it */
    bool bar;
};

/* --- interruption --- */

static volatile sig_atomic_t interrupted_by;

static void
note_signal(int number)
{
    interrupted_by = number;
}

/* The first one ends the import in order, a second one at once. Reads are not begun again. */
static void
watch_signals(void)
{
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = (int)SA_RESETHAND};

    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

/* --- failures --- */

static void
note_failure(struct import *import, uint64_t line, uint64_t culprit,
             const struct behalf_error *error)
{
    if (import->failed_line != 0 && import->failed_line <= line)
        return;
    import->failed_line = line;
    import->failure = *error;
    import->culprit_line = culprit;
}

static void
note_batch_failure(struct import *import, const struct import_batch *batch,
                   const struct behalf_error *error)
{
    bool named = error->index >= 0 && error->index < (int64_t)batch->count;

    note_failure(import, batch->first_line, named ? batch->lines[error->index].number : 0, error);
}

/* What the file is instead, where its first line already is no relationship; else NULL. */
static const char *
hint_for(const struct import *import, struct slice line)
{
    struct slice read = {line.data, (size_t)(import->input.data + import->input.size - line.data)};
    enum text_kind kind = import->line == import->start_line ? text_kind_of(read) : TEXT_UNKNOWN;

    if (kind == TEXT_RELATIONSHIPS)
        return NULL;
    if (kind != TEXT_VALIDATION_FILE)
        return text_kind_hint(kind);
    return "this looks like a validation file: behalf validate FILE; import takes the lines under "
           "its relationships, in a file of their own";
}

/* A line that this side knows to be wrong; the lines before it are still sent. */
static void
note_bad_line(struct import *import, const char *message, const char *hint)
{
    struct behalf_error error = {.status = BEHALF_FAILED_USAGE, .index = -1};

    (void)snprintf(error.message, sizeof error.message, "%s", message);
    (void)snprintf(error.hint, sizeof error.hint, "%s", hint != NULL ? hint : "");
    note_failure(import, import->line, import->line, &error);
}

/* --- lines --- */

static bool
read_more(struct import *import)
{
    ssize_t size;

    buffer_drop(&import->input, import->input_at);
    import->input_at = 0;
    size = read(import->descriptor, buffer_reserve(&import->input, READ_SIZE), READ_SIZE);
    if (size < 0 && errno == EINTR)
        return true; /* whoever asks looks at interrupted_by */
    if (size < 0) {
        import->line++;
        note_bad_line(import, strerror(errno), NULL);
        return false;
    }
    buffer_added(&import->input, (size_t)size);
    import->read_bytes += (uint64_t)size;
    import->at_end = size == 0;
    return true;
}

/* The next line as it stands; false at the end, at a failure, and when interrupted. */
static bool
next_line(struct import *import, struct slice *line)
{
    while (interrupted_by == 0) {
        struct slice rest = {import->input.data + import->input_at,
                             import->input.size - import->input_at};
        const char *end = memchr(rest.data, '\n', rest.size);

        if ((end != NULL ? (size_t)(end - rest.data) : rest.size) > LINE_SIZE_MAX) {
            import->line++;
            note_bad_line(import, "the line has more than 1 MiB, and no relationship has that much",
                          NULL);
            return false;
        }
        if (end != NULL || (import->at_end && rest.size > 0)) {
            bool taken = line_next(&rest, line);

            BEHALF_ASSERT(taken);
            import->input_at = import->input.size - rest.size;
            import->line++;
            if (import->line == 1 && slice_starts_with(*line, SLICE_LITERAL("\xEF\xBB\xBF")))
                *line = (struct slice){line->data + 3, line->size - 3}; /* a byte order mark */
            return true;
        }
        if (import->at_end || !read_more(import))
            return false;
    }
    return false;
}

/* The next line that holds a relationship. */
static bool
next_relationship(struct import *import, struct slice *text)
{
    if (import->ahead.data != NULL) {
        *text = import->ahead;
        import->ahead = (struct slice){NULL, 0};
        return true;
    }
    while (next_line(import, text)) {
        *text = line_trim(*text);
        if (import->line < import->cli->from_line || text->size == 0 ||
            slice_starts_with(*text, SLICE_LITERAL("//")))
            continue;
        if (import->start_line == 0)
            import->start_line = import->line;
        return true;
    }
    return false;
}

/* Reads lines into a batch until it is full. False when no more come. */
static bool
fill_batch(struct import *import, struct import_batch *batch)
{
    struct slice text;

    import_batch_clear(batch);
    while (next_relationship(import, &text)) {
        struct error error;
        enum status status = import_batch_add(batch, import->line, text, &error);

        if (status == BEHALF_DONE) {
            import->ahead = text;
            return true;
        }
        if (status != BEHALF_OK) {
            note_bad_line(import, error.message, hint_for(import, text));
            return false;
        }
    }
    return false;
}

/* --- batches --- */

static void
draw_bar(const struct import *import)
{
    unsigned filled = import->size_bytes > 0
                          ? (unsigned)(import->read_bytes * BAR_WIDTH / import->size_bytes)
                          : 0;

    if (!import->bar)
        return;
    (void)fputc('\r', stderr);
    for (unsigned at = 0; at < BAR_WIDTH && import->size_bytes > 0; at++)
        (void)fputs(at < filled ? "█" : "░", stderr);
    (void)fprintf(stderr, " %llu relationships", (unsigned long long)import->stored);
    (void)fflush(stderr);
}

/* The first batch to be sent again, or NULL. */
static struct import_batch *
first_again(struct import *import)
{
    struct import_batch *first = NULL;

    for (size_t index = 0; index < BATCHES_IN_FLIGHT; index++) {
        struct import_batch *batch = &import->batches[index];

        if (batch->again && (first == NULL || batch->first_line < first->first_line))
            first = batch;
    }
    return first;
}

/* A batch that was stored although one before it was refused is sent again as well: of lines that
 * name the same relationship the last counts. */
static void
note_reply(struct import *import, struct import_batch *batch, const struct behalf_reply *reply)
{
    const struct import_batch *refused = first_again(import);
    struct behalf_error error;

    if (behalf_reply_check(reply, &error) == BEHALF_SUCCESS) {
        batch->again = refused != NULL && refused->first_line < batch->first_line;
        if (batch->again)
            return;
        import->stored += batch->taken;
        import->patience_ms = PATIENCE_MS;
    } else if (strcmp(error.reason, "OVERLOADED") == 0 && error.retry_after_ms > 0 &&
               error.retry_after_ms <= import->patience_ms) {
        batch->again = true;
        import->refusal = error;
    } else {
        note_batch_failure(import, batch, &error);
    }
}

/* Takes one reply. False when the connection is gone: then nothing in flight is known. */
static bool
take_reply(struct import *import)
{
    struct behalf_reply *reply;
    struct behalf_error error;
    enum behalf_status status = behalf_next(import->cli->client, &reply, &error);

    if (status != BEHALF_SUCCESS) {
        for (size_t index = 0; index < BATCHES_IN_FLIGHT; index++)
            if (import->batches[index].waiting)
                note_batch_failure(import, &import->batches[index], &error);
        return false;
    }
    for (size_t index = 0; index < BATCHES_IN_FLIGHT; index++) {
        struct import_batch *batch = &import->batches[index];

        if (!batch->waiting || batch->id != behalf_reply_id(reply))
            continue;
        batch->waiting = false;
        note_reply(import, batch, reply);
    }
    behalf_reply_free(reply);
    draw_bar(import);
    return true;
}

static struct import_batch *
free_batch(struct import *import)
{
    for (size_t index = 0; index < BATCHES_IN_FLIGHT; index++)
        if (!import->batches[index].waiting && !import->batches[index].again)
            return &import->batches[index];
    return NULL;
}

static bool
send_batch(struct import *import, struct import_batch *batch)
{
    struct behalf_error error;

    import_batch_write(batch, import->arguments);
    batch->waiting = true;
    if (behalf_submit(import->cli->client, "relationships.write", import->arguments, &batch->id,
                      &error) == BEHALF_SUCCESS &&
        behalf_flush(import->cli->client, &error) == BEHALF_SUCCESS)
        return true;
    note_batch_failure(import, batch, &error);
    return false;
}

/* Waits for as long as the server said, and sends in order what it refused. */
static bool
send_again(struct import *import)
{
    uint32_t wait_ms = import->refusal.retry_after_ms;
    struct import_batch *batch;
    bool connected = true;

    import->patience_ms -= wait_ms;
    (void)nanosleep(&(struct timespec){wait_ms / 1000, (long)(wait_ms % 1000) * 1000000}, NULL);
    while (connected && (batch = first_again(import)) != NULL) {
        batch->again = false;
        connected = send_batch(import, batch);
    }
    return connected;
}

static void
run_batches(struct import *import)
{
    bool connected = true;
    bool more = true;

    while (connected && import->failed_line == 0) {
        struct import_batch *batch = more ? free_batch(import) : NULL;
        bool waits = behalf_in_flight(import->cli->client) > 0;

        if (first_again(import) != NULL)
            batch = NULL;
        if (batch != NULL) {
            more = fill_batch(import, batch);
            if (batch->taken > 0)
                connected = send_batch(import, batch);
        } else if (waits) {
            connected = take_reply(import);
        } else if (first_again(import) != NULL && interrupted_by == 0) {
            connected = send_again(import);
        } else {
            break;
        }
    }
    while (connected && behalf_in_flight(import->cli->client) > 0)
        connected = take_reply(import);
    if (first_again(import) != NULL)
        note_batch_failure(import, first_again(import), &import->refusal);
}

/* --- the command --- */

/* Where to go on, as a hint: with --json there is one line. */
static void
say_progress(const struct import *import, uint64_t line, char *out, size_t size)
{
    if (import->start_line == 0 || line <= import->start_line)
        (void)snprintf(out, size, "nothing was stored");
    else
        (void)snprintf(out, size, "the lines before %llu are stored; go on with --from-line %llu",
                       (unsigned long long)line, (unsigned long long)line);
}

static enum cli_exit
report_failure(struct import *import)
{
    struct cli *cli = import->cli;
    char progress[128];
    uint64_t named = import->culprit_line > 0 ? import->culprit_line : import->failed_line;

    say_progress(import, import->failed_line, progress, sizeof progress);
    cli->error = import->failure;
    if (!cli->json)
        (void)fprintf(stderr, "behalf: %s\n", progress);
    else if (cli->error.hint[0] == '\0')
        (void)snprintf(cli->error.hint, sizeof cli->error.hint, "%s", progress);
    else
        (void)snprintf(cli->error.hint + strlen(cli->error.hint),
                       sizeof cli->error.hint - strlen(cli->error.hint), "; %s", progress);
    return cli_fail(cli, "import line %llu of '%s'", (unsigned long long)named, import->path);
}

static enum cli_exit
report(struct import *import)
{
    struct cli *cli = import->cli;
    char progress[128];

    if (import->bar)
        (void)fputc('\n', stderr);
    if (import->failed_line != 0)
        return report_failure(import);
    if (interrupted_by != 0 && !(import->at_end && import->input_at == import->input.size)) {
        cli->ended_by = interrupted_by;
        say_progress(import, import->line + 1, progress, sizeof progress);
        return cli_problem(cli, CLI_INTERRUPTED, progress, "interrupted at line %llu of '%s'",
                           (unsigned long long)import->line, import->path);
    }
    if (cli->json)
        (void)printf("{\"imported\":%llu,\"lines\":%llu}\n", (unsigned long long)import->stored,
                     (unsigned long long)import->line);
    else
        (void)printf("imported %llu\n", (unsigned long long)import->stored);
    return CLI_OK;
}

static enum cli_exit
import_file(struct cli *cli, int descriptor)
{
    struct import import = {
        .cli = cli,
        .path = cli->arguments[0],
        .descriptor = descriptor,
        .patience_ms = PATIENCE_MS,
    };
    struct stat facts;
    enum cli_exit result;

    if (fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode))
        import.size_bytes = (uint64_t)facts.st_size;
    import.bar = isatty(STDERR_FILENO) && !cli->json;
    import.arguments = behalf_writer_new();
    import.batches = memory_new_array(BATCHES_IN_FLIGHT, sizeof *import.batches);
    BEHALF_ASSERT(import.arguments != NULL);
    buffer_init(&import.input);
    watch_signals();
    run_batches(&import);
    result = report(&import);
    buffer_release(&import.input);
    behalf_writer_free(import.arguments);
    for (size_t index = 0; index < BATCHES_IN_FLIGHT; index++)
        import_batch_release(&import.batches[index]);
    memory_free(import.batches);
    return result;
}

static enum cli_exit
run_import(struct cli *cli)
{
    const char *path = cli->arguments[0];
    bool standard = strcmp(path, "-") == 0;
    int descriptor = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    enum cli_exit result;

    if (descriptor < 0)
        return cli_problem(cli, CLI_USAGE, NULL, "cannot read '%s': %s", path, strerror(errno));
    result = cli_connect(cli);
    if (result == CLI_OK)
        result = import_file(cli, descriptor);
    if (!standard)
        (void)close(descriptor);
    return result;
}

const struct command cli_import_commands[] = {
    {NULL, "import", "FILE|-", "touch every relationship of a file, one a line",
     "Lines that begin with // are comments; of lines that name the same relationship the last\n"
     "counts. Batches of 1,000 are sent ahead; one that an overloaded server refuses is sent\n"
     "again, for up to a minute. When one fails, or the import is interrupted, the message names\n"
     "the line to go on from.\n",
     OPTION_FROM, 1, 1, run_import},
    {.name = NULL},
};
