/* main.c - `behalf`, the command line of the server.
 * Always true: standard output that cannot be written (a full disk, a closed pipe) is exit code 3,
 * never a success. */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

#define ARENA_SIZE ((size_t)1 << 30) /* bounds what one command keeps; pages are not kept */

int
main(int argc, char **argv)
{
    struct cli cli = {.endpoint = getenv("BEHALF_ENDPOINT"), .depth = 1};
    const char *no_color = getenv("NO_COLOR");
    enum cli_exit result;

    (void)signal(SIGPIPE, SIG_IGN);
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
    arena_release(&cli.arena);
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)fprintf(stderr, "behalf: cannot write the output: %s\n", strerror(errno));
        return CLI_SERVER;
    }
    return (int)result;
}
