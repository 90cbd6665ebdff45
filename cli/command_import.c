/* command_import.c - import: a file of relationships, one a line, in batches of touches.
 * Always true: when it fails, every line before the line it names is stored; touching again what is
 * stored changes nothing, so to run the same import again is safe. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

#define BATCH_SIZE 1000
#define BATCHES_IN_FLIGHT 8 /* enough to keep the server's writer busy while lines are read */
#define BAR_WIDTH 40

struct batch {
    uint32_t id;
    bool waiting;
    uint64_t first_line;
    uint32_t count;
    uint64_t lines[BATCH_SIZE];
};

struct import {
    struct cli *cli;
    const char *path;
    FILE *file;
    uint64_t size_bytes; /* 0 when unknown */
    uint64_t read_bytes;
    uint64_t line; /* number of the last line read */
    uint64_t stored;
    uint64_t start_line; /* the first line that holds a relationship; 0 before it is read */
    struct behalf_writer *items;
    struct behalf_writer *arguments;
    struct batch *batches; /* BATCHES_IN_FLIGHT */
    uint64_t failed_line;  /* 0, or the lowest line that is not stored */
    uint64_t culprit_line; /* the line the server named, 0 when none */
    struct behalf_error failure;
    bool bar;
};

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

static void
note_failure(struct import *import, const struct batch *batch, const struct behalf_error *error)
{
    if (import->failed_line != 0 && import->failed_line <= batch->first_line)
        return;
    import->failed_line = batch->first_line;
    import->failure = *error;
    import->culprit_line = error->index >= 0 && error->index < (int64_t)batch->count
                               ? batch->lines[error->index] : 0;
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
                note_failure(import, &import->batches[index], &error);
        return false;
    }
    for (size_t index = 0; index < BATCHES_IN_FLIGHT; index++) {
        struct batch *batch = &import->batches[index];

        if (!batch->waiting || batch->id != behalf_reply_id(reply))
            continue;
        batch->waiting = false;
        if (behalf_reply_check(reply, &error) == BEHALF_SUCCESS)
            import->stored += batch->count;
        else
            note_failure(import, batch, &error);
    }
    behalf_reply_free(reply);
    draw_bar(import);
    return true;
}

static struct batch *
free_batch(struct import *import)
{
    for (size_t index = 0; index < BATCHES_IN_FLIGHT; index++)
        if (!import->batches[index].waiting)
            return &import->batches[index];
    return NULL;
}

/* Reads lines into a batch until it is full or the file ends. */
static bool
fill_batch(struct import *import, struct batch *batch, char **line, size_t *capacity)
{
    behalf_writer_clear(import->items);
    batch->count = 0;
    while (batch->count < BATCH_SIZE) {
        ssize_t size = getline(line, capacity, import->file);
        struct slice text;

        if (size < 0)
            return false;
        import->read_bytes += (uint64_t)size;
        import->line++;
        text = (struct slice){*line, (size_t)size};
        while (text.size > 0 &&
               (text.data[text.size - 1] == '\n' || text.data[text.size - 1] == '\r'))
            text.size--;
        text = cli_trim(text);
        if (import->line < import->cli->from_line || text.size == 0 ||
            slice_starts_with(text, SLICE_LITERAL("//")))
            continue;
        if (import->start_line == 0)
            import->start_line = import->line;
        if (batch->count == 0)
            batch->first_line = import->line;
        batch->lines[batch->count++] = import->line;
        behalf_write_map(import->items, 2);
        behalf_write_text(import->items, "op");
        behalf_write_text(import->items, "touch");
        behalf_write_text(import->items, "relationship");
        behalf_write_string(import->items, text.data, text.size);
    }
    return true;
}

static bool
send_batch(struct import *import, struct batch *batch)
{
    const unsigned char *bytes;
    struct behalf_error error;
    size_t size;

    bytes = behalf_writer_bytes(import->items, &size);
    BEHALF_ASSERT(bytes != NULL);
    behalf_writer_clear(import->arguments);
    behalf_write_map(import->arguments, 1);
    behalf_write_text(import->arguments, "updates");
    behalf_write_array(import->arguments, batch->count);
    behalf_write_raw(import->arguments, bytes, size);
    batch->waiting = true;
    if (behalf_submit(import->cli->client, "relationships.write", import->arguments, &batch->id,
                      &error) != BEHALF_SUCCESS ||
        behalf_flush(import->cli->client, &error) != BEHALF_SUCCESS) {
        note_failure(import, batch, &error);
        return false;
    }
    return true;
}

static void
run_batches(struct import *import)
{
    char *line = NULL;
    size_t capacity = 0;
    bool connected = true;
    bool more = true;

    while (more && connected && import->failed_line == 0) {
        struct batch *batch = free_batch(import);

        if (batch == NULL) {
            connected = take_reply(import);
            continue;
        }
        more = fill_batch(import, batch, &line, &capacity);
        if (batch->count > 0)
            connected = send_batch(import, batch);
    }
    while (connected && behalf_in_flight(import->cli->client) > 0)
        connected = take_reply(import);
    free(line);
}

static enum cli_exit
report(struct import *import)
{
    struct cli *cli = import->cli;

    if (import->bar)
        (void)fputc('\n', stderr);
    if (import->failed_line == 0 && ferror(import->file)) {
        (void)fprintf(stderr, "behalf: cannot read '%s': %s\n", import->path, strerror(errno));
        return CLI_USAGE;
    }
    if (import->failed_line == 0) {
        if (cli->json)
            (void)printf("{\"imported\":%llu,\"lines\":%llu}\n", (unsigned long long)import->stored,
                         (unsigned long long)import->line);
        else
            (void)printf("imported %llu\n", (unsigned long long)import->stored);
        return CLI_OK;
    }
    cli->error = import->failure;
    if (import->failed_line <= import->start_line)
        (void)fputs("behalf: nothing was stored\n", stderr);
    else
        (void)fprintf(
            stderr, "behalf: the lines before %llu are stored; go on with --from-line %llu\n",
            (unsigned long long)import->failed_line, (unsigned long long)import->failed_line);
    return cli_fail(
        cli, "import line %llu of '%s'",
        (unsigned long long)(import->culprit_line > 0 ? import->culprit_line : import->failed_line),
        import->path);
}

static enum cli_exit
run_import(struct cli *cli)
{
    struct import import = {.cli = cli, .path = cli->arguments[0]};
    bool standard = strcmp(import.path, "-") == 0;
    struct stat facts;
    enum cli_exit result = cli_connect(cli);

    if (result != CLI_OK)
        return result;
    import.file = standard ? stdin : fopen(import.path, "rb");
    if (import.file == NULL) {
        (void)fprintf(stderr, "behalf: cannot read '%s': %s\n", import.path, strerror(errno));
        return CLI_USAGE;
    }
    if (fstat(fileno(import.file), &facts) == 0 && S_ISREG(facts.st_mode))
        import.size_bytes = (uint64_t)facts.st_size;
    import.bar = isatty(STDERR_FILENO) && !cli->json;
    import.items = behalf_writer_new();
    import.arguments = behalf_writer_new();
    import.batches = calloc(BATCHES_IN_FLIGHT, sizeof *import.batches);
    BEHALF_ASSERT(import.items != NULL && import.arguments != NULL && import.batches != NULL);
    run_batches(&import);
    result = report(&import);
    if (!standard)
        (void)fclose(import.file);
    behalf_writer_free(import.items);
    behalf_writer_free(import.arguments);
    free(import.batches);
    return result;
}

const struct command cli_import_commands[] = {
    {NULL, "import", "FILE|-", "touch every relationship of a file, one a line",
     "Lines that begin with // are comments. Batches of 1,000 are sent ahead; when one fails, the\n"
     "message names the line to go on from.\n",
     OPTION_FROM, 1, 1, run_import},
    {.name = NULL},
};
