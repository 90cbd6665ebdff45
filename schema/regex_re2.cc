/* regex_re2.cc - RE2 behind regex.h. The table is indexed by a hash of the pattern: what falls on a
 * taken place replaces what is there, and lives on for those who still use it. */
#include "schema/regex.h"

#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <re2/re2.h>

namespace
{

constexpr size_t kPlaces = 64;
constexpr int64_t kMemory = 512 * 1024; /* bytes of one pattern, its automata included */

struct Table {
    std::mutex mutex;
    std::shared_ptr<const RE2> places[kPlaces];
};

/* Never destroyed: threads may still match while the process ends. */
Table &
table()
{
    static Table *const all = new Table;

    return *all;
}

std::string_view
view(struct slice text)
{
    return text.size > 0 ? std::string_view(text.data, text.size) : std::string_view();
}

std::shared_ptr<const RE2>
compile(std::string_view pattern)
{
    RE2::Options options;

    options.set_log_errors(false);
    options.set_max_mem(kMemory);
    return std::make_shared<const RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
}

std::shared_ptr<const RE2>
find(struct slice text)
{
    std::string_view pattern = view(text);
    std::shared_ptr<const RE2> &place =
        table().places[std::hash<std::string_view>()(pattern) % kPlaces];
    std::shared_ptr<const RE2> found;

    {
        std::lock_guard<std::mutex> lock(table().mutex);
        found = place;
    }
    if (found != nullptr && found->pattern() == pattern)
        return found;
    found = compile(pattern);
    if (found->ok()) {
        std::lock_guard<std::mutex> lock(table().mutex);
        place = found;
    }
    return found;
}

} // namespace

enum regex_outcome
regex_search(struct slice pattern, struct slice text)
{
    std::string_view subject = view(text);

    if (pattern.size > REGEX_PATTERN_MAX)
        return REGEX_BAD_PATTERN;
    std::shared_ptr<const RE2> regex = find(pattern);
    if (!regex->ok())
        return REGEX_BAD_PATTERN;
    return RE2::PartialMatch(re2::StringPiece(subject.data(), subject.size()), *regex) ? REGEX_YES
                                                                                       : REGEX_NO;
}

bool
regex_check(struct slice pattern, char *reason, size_t size)
{
    if (pattern.size > REGEX_PATTERN_MAX) {
        std::snprintf(reason, size, "it is too long");
        return false;
    }
    std::shared_ptr<const RE2> regex = find(pattern);
    if (!regex->ok())
        std::snprintf(reason, size, "%s", regex->error().c_str());
    return regex->ok();
}
