/* test_watch_query.c - the query of GET /watch: what it means, and what is refused. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "net/http_watch_query.h"

#define ROOM ((size_t)64 * 1024)

/* The filter in words, "from" in front; an error by its name. Static storage. */
static const char *
read_query(const char *query)
{
    static char text[2048];
    struct watch_query read;
    struct arena arena;
    struct error error;
    enum status status;

    arena_init(&arena, ROOM);
    status = watch_query_read(slice_of(query), &arena, &read, &error);
    if (status != BEHALF_OK)
        (void)snprintf(text, sizeof text, "%s", status_name(status));
    else
        (void)snprintf(
            text, sizeof text, "%.*s|%s%.*s:%.*s~%.*s#%.*s@%.*s:%.*s%s%s%.*s",
            SLICE_PRINTF(read.from), read.has_filter ? "" : "everything",
            SLICE_PRINTF(read.filter.resource_type), SLICE_PRINTF(read.filter.resource_id),
            SLICE_PRINTF(read.filter.resource_id_prefix), SLICE_PRINTF(read.filter.relation),
            SLICE_PRINTF(read.filter.subject_type), SLICE_PRINTF(read.filter.subject_id),
            read.filter.subject_wildcard ? "*" : "", read.filter.has_subject_relation ? "#" : "",
            SLICE_PRINTF(read.filter.subject_relation));
    arena_release(&arena);
    return text;
}

Test(watch_query, nothing_is_everything_from_now_on)
{
    cr_assert_str_eq(read_query(""), "|everything:~#@:");
    cr_assert_str_eq(read_query("from=VAx"), "VAx|everything:~#@:");
}

Test(watch_query, each_parameter_has_its_place)
{
    cr_assert_str_eq(read_query("resource_type=document&resource_id=a&relation=viewer&"
                                "subject_type=user&subject_id=ann&from=T"),
                     "T|document:a~#viewer@user:ann");
    cr_assert_str_eq(read_query("resource_id_prefix=a&subject_type=group&subject_relation=member"),
                     "|:~a#@group:#member");
    cr_assert_str_eq(read_query("subject_type=user&subject_relation="), "|:~#@user:#");
    cr_assert_str_eq(read_query("subject_type=user&subject_id=*"), "|:~#@user:*");
}

Test(watch_query, values_are_decoded_and_a_plus_is_a_plus)
{
    cr_assert_str_eq(read_query("resource_id=a%2Fb%26c+d%3d"), "|:a/b&c+d=~#@:");
    cr_assert_str_eq(read_query("resource_id=%e2%82%ac"), "|:\xe2\x82\xac~#@:");
}

Test(watch_query, what_is_none_of_it_is_refused)
{
    static const char *const malformed[] = {
        "form=x",        "from", "from=",
        "from=a&from=b", "&",    "resource_type=Doc",
        "relation=",     "=",    "resource_id_prefix=",
    };

    for (size_t at = 0; at < BEHALF_COUNT_OF(malformed); at++)
        cr_assert_str_eq(read_query(malformed[at]), "MALFORMED_REQUEST", "%s", malformed[at]);
    cr_assert_str_eq(read_query("resource_id=*"), "INVALID_OBJECT_ID");
    cr_assert_str_eq(read_query("resource_id=a%00b"), "INVALID_OBJECT_ID");
    cr_assert_str_eq(read_query("subject_id=%ff"), "INVALID_OBJECT_ID");
}
