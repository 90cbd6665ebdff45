/* check.c - the end of a process that broke one of its own rules. */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void
check_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "behalf: assertion failed: %s (%s:%d)\n", condition, file, line);
    abort();
}
