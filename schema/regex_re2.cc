/* regex_re2.cc - RE2 behind regex.h. */
#include "schema/regex.h"

#include <cstdint>
#include <cstdio>

#include <re2/re2.h>

struct regex {
    RE2 pattern;

    regex(re2::StringPiece text, const RE2::Options &options) : pattern(text, options)
    {
    }
};

namespace
{

constexpr int64_t kMemory = 512 * 1024; /* bytes of one pattern, its automata included */

re2::StringPiece
piece(struct slice text)
{
    return text.size > 0 ? re2::StringPiece(text.data, text.size) : re2::StringPiece();
}

} // namespace

struct regex *
regex_compile(struct slice pattern, char *reason, size_t size)
{
    RE2::Options options;

    if (pattern.size > REGEX_PATTERN_MAX) {
        (void)std::snprintf(reason, size, "it is too long");
        return nullptr;
    }
    options.set_log_errors(false);
    options.set_max_mem(kMemory);
    regex *made = new regex(piece(pattern), options);
    if (made->pattern.ok())
        return made;
    (void)std::snprintf(reason, size, "%s", made->pattern.error().c_str());
    delete made;
    return nullptr;
}

void
regex_free(struct regex *regex)
{
    delete regex;
}

bool
regex_search(const struct regex *regex, struct slice text)
{
    return RE2::PartialMatch(piece(text), regex->pattern);
}

size_t
regex_cost(const struct regex *regex)
{
    int size = regex->pattern.ProgramSize();

    return size < 0 || size > REGEX_COST_MAX ? REGEX_COST_MAX : static_cast<size_t>(size);
}
