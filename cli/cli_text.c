/* cli_text.c - files, lines and words. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/lines.h"
#include "cli/cli.h"

bool
cli_file_read(struct cli *cli, const char *path, struct buffer *out)
{
    int problem;

    if (file_load(path, out, &problem))
        return true;
    if (problem == EFBIG)
        (void)cli_problem(cli, CLI_USAGE, NULL, "cannot read '%s': it has more than %zu MiB", path,
                          FILE_SIZE_MAX >> 20);
    else
        (void)cli_problem(cli, CLI_USAGE, NULL, "cannot read '%s': %s", path, strerror(problem));
    return false;
}

bool
cli_lines_read(struct cli *cli, const char *path, struct buffer *out)
{
    static const char mark[] = "\xEF\xBB\xBF";
    size_t line = 1;

    if (!cli_file_read(cli, path, out))
        return false;
    if (slice_starts_with(buffer_slice(out), slice_of(mark)))
        buffer_drop(out, strlen(mark));
    if (strlen(out->data) == out->size)
        return true;
    for (const char *at = out->data; *at != '\0'; at++)
        line += *at == '\n';
    (void)cli_problem(cli, CLI_USAGE, NULL, "cannot read '%s': line %zu holds a zero byte", path,
                      line);
    return false;
}

bool
cli_file_replace(struct cli *cli, const char *path, struct slice text)
{
    if (strcmp(path, "-") == 0)
        return fwrite(text.data, 1, text.size, stdout) == text.size; /* main says what is wrong */
    if (file_replace(path, text))
        return true;
    (void)cli_problem(cli, CLI_USAGE, NULL, "cannot write '%s': %s", path, strerror(errno));
    return false;
}

struct slice
cli_word_next(struct slice *line)
{
    struct slice trimmed = line_trim(*line);
    bool quoted = false;
    size_t at = 0;

    while (at < trimmed.size && (quoted || !line_blank(trimmed.data[at]))) {
        if (trimmed.data[at] == '"')
            quoted = !quoted;
        else if (quoted && trimmed.data[at] == '\\' && at + 1 < trimmed.size)
            at++;
        at++;
    }
    *line = (struct slice){trimmed.data + at, trimmed.size - at};
    return (struct slice){trimmed.data, at};
}

const char *
cli_copy(struct cli *cli, struct slice text)
{
    struct slice copy = arena_copy(&cli->arena, text);

    BEHALF_ASSERT(copy.data != NULL);
    return copy.data;
}

size_t
cli_list_split(struct cli *cli, struct slice text, const char **items, size_t max)
{
    bool quoted = false;
    size_t count = 0;
    size_t from = 0;

    for (size_t at = 0; at <= text.size; at++) {
        if (at < text.size && quoted && text.data[at] == '\\' && at + 1 < text.size) {
            at++;
            continue;
        }
        if (at < text.size && text.data[at] == '"')
            quoted = !quoted;
        if (at < text.size && (quoted || text.data[at] != ','))
            continue;
        if (at == from || count == max)
            return 0;
        items[count++] = cli_copy(cli, (struct slice){text.data + from, at - from});
        from = at + 1;
    }
    return count;
}
