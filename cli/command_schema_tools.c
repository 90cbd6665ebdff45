#include "cli/cli.h"
const struct command cli_schema_tool_commands[] = {{.name = NULL}};
