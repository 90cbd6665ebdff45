/* schema_load.h - schemas for commands: from a file with its imports, or from the server. A failure
 * is said on standard error, with the line it is in, and is an exit code.
 * Threads: one. Memory: everything lies in cli->arena; the caller unrefs the compiled schema. */
#ifndef BEHALF_CLI_SCHEMA_LOAD_H
#define BEHALF_CLI_SCHEMA_LOAD_H

#include "cli/cli.h"
#include "cli/schema_diff.h"
#include "validate/schema_file.h"

/* The file at `path` ("-" is standard input), compiled; `file` has its text. */
enum cli_exit schema_load_file(struct cli *cli, const char *path, struct schema_file *file,
                               struct schema_described *described) BEHALF_MUST_USE;

/* The server's; connects first. An empty schema when none was written yet and `optional`. */
enum schema_load_mode { SCHEMA_LOAD_EXISTING, SCHEMA_LOAD_OPTIONAL };
enum cli_exit schema_load_server(struct cli *cli, enum schema_load_mode mode,
                                 struct schema_described *described) BEHALF_MUST_USE;

#endif
