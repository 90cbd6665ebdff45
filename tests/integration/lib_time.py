"""Times of the protocol. As texts they do not sort as times do: zeros at the end of a second's digits
are left out."""
import calendar
import re
import time


def moment(text):
    """Nanoseconds since 1970 of an RFC 3339 time in UTC."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", text)
    assert found, text
    seconds = calendar.timegm(time.strptime(found[1], "%Y-%m-%dT%H:%M:%S"))
    return seconds * 10 ** 9 + int((found[2] or "0").ljust(9, "0"))
