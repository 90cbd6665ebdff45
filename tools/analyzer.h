/* analyzer.h - what clang-tidy is told before it reads a file.
 * The analyzer sees one file at a time, so it must be shown that a function which reports an error
 * never returns success; otherwise each caller seems to use a result that was not written. */
#ifdef ANALYZE_CLIENT
#include "client/client_internal.h"
#define client_error_set(error, status, ...)                                                       \
    (client_error_set(error, status, __VA_ARGS__), (status))
#else
#include "base/error.h"
#define error_set(error, status, ...) (error_set(error, status, __VA_ARGS__), (status))
#endif
