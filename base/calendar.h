/* calendar.h - dates of the proleptic Gregorian calendar as days since 1970-01-01.
 * Always true: calendar_date undoes calendar_days, for every year that four digits write.
 * In a header alone, so that the client library, which links nothing of base, counts the same way.
 * Source: years that begin in March have their leap day at the end; 400 of them are one era. */
#ifndef BEHALF_BASE_CALENDAR_H
#define BEHALF_BASE_CALENDAR_H

#include <stdint.h>

#define CALENDAR_DAYS_PER_ERA 146097 /* 400 years */
#define CALENDAR_DAYS_TO_1970 719468 /* from 0000-03-01 */
#define CALENDAR_SECONDS_PER_DAY INT64_C(86400)

static inline int64_t
calendar_days(int64_t year, int64_t month, int64_t day)
{
    int64_t shifted = month <= 2 ? year - 1 : year;
    int64_t era = (shifted >= 0 ? shifted : shifted - 399) / 400;
    int64_t year_of_era = shifted - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * CALENDAR_DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
           day_of_year - CALENDAR_DAYS_TO_1970;
}

static inline void
calendar_date(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    int64_t shifted = days + CALENDAR_DAYS_TO_1970;
    int64_t era =
        (shifted >= 0 ? shifted : shifted - (CALENDAR_DAYS_PER_ERA - 1)) / CALENDAR_DAYS_PER_ERA;
    int64_t day_of_era = shifted - era * CALENDAR_DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;

    *day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    *month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    *year = year_of_era + era * 400 + (*month <= 2 ? 1 : 0);
}

/* `month` from 1 to 12. */
static inline int64_t
calendar_days_of_month(int64_t year, int64_t month)
{
    return month == 12 ? 31 : calendar_days(year, month + 1, 1) - calendar_days(year, month, 1);
}

#endif
