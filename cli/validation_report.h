/* validation_report.h - results of validation files in words, JSON and JUnit's XML.
 * Threads: one. */
#ifndef BEHALF_CLI_VALIDATION_REPORT_H
#define BEHALF_CLI_VALIDATION_REPORT_H

#include "validate/validation.h"

void validation_print(const struct validation_result *result, bool color);
void validation_print_total(const struct validation_result *results, size_t count);
void validation_print_json(const struct validation_result *results, size_t count);
void validation_junit(const char *command, const struct validation_result *results, size_t count,
                      struct buffer *out);

#endif
