/* check.h - assertions and the few compiler extensions the house allows itself.
 * Always true: BEHALF_ASSERT stays on in release builds; a crash is better than a wrong yes.
 * Bad input, full disks and spent budgets are statuses, never asserts. Neither is an invariant that
 * the data of a request could break: that is BEHALF_INTERNAL (error_internal), and fails the one
 * request. */
#ifndef BEHALF_BASE_CHECK_H
#define BEHALF_BASE_CHECK_H

/* Prints the broken condition to standard error and aborts. */
_Noreturn void check_failed(const char *condition, const char *file, int line);

#define BEHALF_ASSERT(condition)                                                                   \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            check_failed(#condition, __FILE__, __LINE__);                                          \
    } while (0)

/* For analyzers, in functions that must stay as small as they are; it checks nothing. */
#ifdef __clang_analyzer__
#define BEHALF_ASSUME(condition) __builtin_assume(condition)
#else
#define BEHALF_ASSUME(condition) ((void)0)
#endif

#define BEHALF_UNREACHABLE() check_failed("unreachable", __FILE__, __LINE__)

#define BEHALF_MUST_USE __attribute__((warn_unused_result))
#define BEHALF_PRINTF(format_at, arguments_at)                                                     \
    __attribute__((format(printf, format_at, arguments_at)))
/* For steps of every check that have several callers: the compiler inlines of its own what has
 * one. */
#define BEHALF_INLINE inline __attribute__((always_inline))
#define BEHALF_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define BEHALF_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

#define BEHALF_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
