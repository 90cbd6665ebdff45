/* main.c - `behalf`, the command line of the server.
 * Always true: standard output that cannot be written (a full disk) is exit code 3, never a
 * success; a reader of it that went away ends the program by SIGPIPE, quietly, as others end. */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli.h"

#define ARENA_SIZE ((size_t)2 << 30) /* bounds what one command keeps; pages are not kept */

int
main(int argc, char **argv)
{
    struct cli cli = {.endpoint = getenv("BEHALF_ENDPOINT"), .depth = 1};
    const char *no_color = getenv("NO_COLOR");
    enum cli_exit result;

    file_occupy_standard();
    (void)signal(SIGPIPE, SIG_DFL); /* may come ignored; sockets are written without it */
    if (cli.endpoint == NULL || cli.endpoint[0] == '\0')
        cli.endpoint = BEHALF_DEFAULT_ENDPOINT;
    (void)setlocale(LC_CTYPE, "");
    cli.lines = isatty(STDOUT_FILENO) && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    cli.color = (no_color == NULL || no_color[0] == '\0') && isatty(STDOUT_FILENO);
    arena_init(&cli.arena, ARENA_SIZE);
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        argv[1] += strlen("--");
    result = cli_arguments_parse(&cli, argc - 1, argv + 1);
    if (result == CLI_OK && cli.help) {
        if (cli.command != NULL)
            cli_help_command(cli.command, stdout);
        else
            cli_help_all(stdout);
        /* A word that comes from elsewhere may be "--help": it must not read as "allowed". */
        if (cli.command != NULL && (cli.command->options & DECIDES))
            result = CLI_USAGE;
    } else if (result == CLI_OK) {
        result = cli.command->run(&cli);
    }
    behalf_close(cli.client);
    if (!file_flush_output())
        result = cli_problem(&cli, CLI_SERVER, NULL, "cannot write the output%s%s",
                             errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
    arena_release(&cli.arena);
    if (result == CLI_INTERRUPTED) {
        /* Whoever waits, a shell's loop above all, learns that it was a signal. */
        (void)signal(cli.ended_by, SIG_DFL);
        (void)raise(cli.ended_by);
    }
    return (int)result;
}
