/* test_relationship_time.c - RFC 3339 and nanoseconds. */
#include <criterion/criterion.h>

#include "base/relationship.h"

static void
expect_time(const char *text, int64_t expected, const char *printed)
{
    int64_t time_ns = -1;
    struct buffer out;

    cr_assert(time_parse(slice_of(text), &time_ns), "%s", text);
    cr_expect_eq(time_ns, expected, "%s", text);
    buffer_init(&out);
    time_print(time_ns, &out);
    cr_expect_str_eq(out.data, printed);
    buffer_release(&out);
}

static void
expect_no_time(const char *text)
{
    int64_t time_ns = 77;

    cr_expect_not(time_parse(slice_of(text), &time_ns), "%s", text);
    cr_expect_eq(time_ns, 77);
}

Test(time, moments_are_nanoseconds_since_1970)
{
    expect_time("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z");
    expect_time("1970-01-01T00:00:00.000000001Z", 1, "1970-01-01T00:00:00.000000001Z");
    expect_time("2000-02-29T12:34:56.5Z", INT64_C(951827696500000000), "2000-02-29T12:34:56.5Z");
    expect_time("2027-01-01T00:00:00Z", INT64_C(1798761600000000000), "2027-01-01T00:00:00Z");
    expect_time("2027-01-01T00:00:00.1200Z", INT64_C(1798761600120000000),
                "2027-01-01T00:00:00.12Z");
    expect_time("2262-04-11T23:47:16.854775807Z", INT64_MAX, "2262-04-11T23:47:16.854775807Z");
    expect_time("2026-12-31T22:30:00-01:30", INT64_C(1798761600000000000), "2027-01-01T00:00:00Z");
}

Test(time, what_does_not_fit_is_refused)
{
    expect_no_time("1969-12-31T23:59:59Z");
    expect_no_time("10000-01-01T00:00:00Z");
    expect_no_time("2027-01-01T00:00:00.0000000001Z");
}

Test(time, the_far_future_is_the_last_moment_there_is)
{
    expect_time("2262-04-11T23:47:16.854775808Z", INT64_MAX, "2262-04-11T23:47:16.854775807Z");
    expect_time("2262-04-11T23:47:17Z", INT64_MAX, "2262-04-11T23:47:16.854775807Z");
    expect_time("9999-12-31T23:59:59Z", INT64_MAX, "2262-04-11T23:47:16.854775807Z");
}

Test(time, calendar_is_checked)
{
    expect_no_time("2023-02-29T00:00:00Z");
    expect_no_time("2100-02-29T00:00:00Z");
    expect_no_time("2027-00-01T00:00:00Z");
    expect_no_time("2027-13-01T00:00:00Z");
    expect_no_time("2027-04-31T00:00:00Z");
    expect_no_time("2027-01-00T00:00:00Z");
    expect_no_time("2027-01-01T24:00:00Z");
    expect_no_time("2027-01-01T00:60:00Z");
    expect_no_time("2027-01-01T00:00:60Z");
}

Test(time, form_is_checked)
{
    expect_no_time("");
    expect_no_time("2027-01-01");
    expect_no_time("2027-01-01T00:00:00");
    expect_no_time("2027-01-01T00:00:00.Z");
    expect_no_time("2027-01-01 00:00:00Z");
    expect_no_time("2027-01-01T00:00:00z");
    expect_no_time("2027-01-01T00:00:00Z ");
    expect_no_time("2027-1-01T00:00:00Z");
    expect_no_time("2027-01-01T00:00:00+01:00");
    expect_no_time("2027-01-01T00:00:00-24:00");
}

Test(time, every_day_of_three_centuries_round_trips)
{
    struct buffer out;

    buffer_init(&out);
    for (int64_t day = 0; day < 106751; day++) {
        int64_t time_ns = day * INT64_C(86400) * 1000000000 + 1;
        int64_t again = -1;

        buffer_clear(&out);
        time_print(time_ns, &out);
        cr_assert(time_parse(buffer_slice(&out), &again), "%s", out.data);
        cr_assert_eq(again, time_ns, "%s", out.data);
    }
    buffer_release(&out);
}
