/* log.h - structured lines for the operator.
 *
 *   2026-11-23T06:00:00.123Z info  server ready listen=127.0.0.1:23425 revision=17
 *
 * Always true: one call, one line, one write; values are escaped (base/escape.h), so that no id can
 * forge a line, steer a terminal or hide from a reader. No secrets and no contents of relationships
 * are logged.
 * Threads: any; a line is written with a single write(2), which the kernel keeps whole on pipes.
 * Loop threads may log: standard error that blocks is the operator's choice.
 * Exception: the level and the form (text or JSON) are set once in main and read everywhere. */
#ifndef BEHALF_BASE_LOG_H
#define BEHALF_BASE_LOG_H

#include <stdbool.h>

#include "base/check.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_options {
    enum log_level level; /* lines below it are dropped */
    bool json;            /* one JSON object per line */
};

void log_configure(const struct log_options *options); /* before other threads start */

/* `event` is a fixed phrase; `format` gives key=value pairs ("revision=%llu path=\"%s\""), may be
 * "". */
void log_line(enum log_level level, const char *event, const char *format, ...) BEHALF_PRINTF(3, 4);

bool log_level_parse(const char *name, enum log_level *level);

#endif
