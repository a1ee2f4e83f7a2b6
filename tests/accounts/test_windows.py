"""Times of day in which an account may call: tables, clocks that jump, and properties."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fsfax.accounts.accounts import Accounts
from fsfax.accounts.windows import DAYS, is_open, next_opening, require_windows
from fsfax.errors import InvalidRequest
from fsfax.jobs.store import JobStore

Window = dict[str, Any]
DUBLIN = ZoneInfo("Europe/Dublin")
OFFICE: Window = {
    "days": ["mon", "tue", "wed", "thu", "fri"],
    "from": "08:00",
    "to": "18:30",
    "timezone": "Europe/Dublin",
}
NIGHT: Window = {"days": ["fri"], "from": "22:00", "to": "06:00"}


def at(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class TestOpen:
    # 2026-11-23 is a Monday. In July Dublin is an hour ahead of UTC.
    @pytest.mark.parametrize(
        ("windows", "moment", "expected"),
        [
            ([], "2026-11-29T03:00", True),  # no windows: always
            ([OFFICE], "2026-11-23T07:59:59.999999", False),
            ([OFFICE], "2026-11-23T08:00", True),  # the first moment
            ([OFFICE], "2026-11-23T18:29:59.999999", True),
            ([OFFICE], "2026-11-23T18:30", False),  # the end is not part of it
            ([OFFICE], "2026-11-22T12:00", False),  # Sunday
            ([OFFICE], "2026-07-06T07:00", True),  # 08:00 of summer time
            ([OFFICE], "2026-07-06T17:30", False),
            ([OFFICE], "2026-11-23T08:30+05:30", False),  # 03:00 in Dublin
            ([NIGHT], "2026-11-27T21:59", False),
            ([NIGHT], "2026-11-27T22:00", True),
            ([NIGHT], "2026-11-28T05:59", True),  # Saturday, of Friday's window
            ([NIGHT], "2026-11-28T06:00", False),
            ([NIGHT], "2026-11-28T23:00", False),  # Saturday has none of its own
            ([NIGHT], "2026-11-27T05:00", False),  # nor does Thursday
            ([OFFICE, NIGHT], "2026-11-27T12:00", True),  # they add up
            ([OFFICE, NIGHT], "2026-11-27T23:00", True),
            ([OFFICE, NIGHT], "2026-11-27T20:00", False),
            # Sunday's night reaches into Monday, over the end of the week.
            ([NIGHT | {"days": ["sun"]}], "2026-11-30T05:00", True),
            # The same time twice: a whole day; midnight is the end of a day.
            ([{"days": ["mon"], "from": "08:00", "to": "08:00"}], "2026-11-24T07:59", True),
            ([{"days": ["mon"], "from": "08:00", "to": "08:00"}], "2026-11-24T08:00", False),
            ([{"days": ["mon"], "from": "00:00", "to": "00:00"}], "2026-11-23T23:59", True),
            ([{"from": "00:00", "to": "00:00"}], "2026-11-25T13:00", True),
            # The day is that of the zone: Monday 09:00 in Auckland is Sunday 20:00 UTC.
            ([OFFICE | {"timezone": "Pacific/Auckland"}], "2026-11-22T20:00", True),
            ([OFFICE | {"timezone": "Pacific/Auckland"}], "2026-11-27T20:00", False),
        ],
    )
    def test_whether_a_moment_is_in_a_window(
        self, windows: list[Window], moment: str, expected: bool
    ) -> None:
        assert is_open(windows, at(moment)) is expected

    @pytest.mark.parametrize(
        ("windows", "moment", "expected"),
        [
            ([], "2026-11-29T03:00", "2026-11-29T03:00"),
            ([OFFICE], "2026-11-23T12:00", "2026-11-23T12:00"),
            ([OFFICE], "2026-11-23T07:00", "2026-11-23T08:00"),
            ([OFFICE], "2026-11-23T18:30", "2026-11-24T08:00"),
            ([OFFICE], "2026-11-27T18:30", "2026-11-30T08:00"),  # over the weekend
            ([OFFICE, NIGHT], "2026-11-27T18:30", "2026-11-27T22:00"),
            ([NIGHT], "2026-11-28T06:00", "2026-12-04T22:00"),  # a week on
            ([OFFICE], "2026-03-27T18:30", "2026-03-30T07:00"),  # over a change of the clocks
            ([OFFICE], "2026-10-23T17:30", "2026-10-26T08:00"),
        ],
    )
    def test_next_opening(self, windows: list[Window], moment: str, expected: str) -> None:
        assert next_opening(windows, at(moment)) == at(expected)


class TestClocksThatJump:
    """Dublin, 2026: 29 March 01:00 → 02:00, and 25 October 02:00 → 01:00; both Sundays."""

    @pytest.mark.parametrize(
        ("begin", "end", "opens", "closes"),
        [
            # Spring: 01:00 to 02:00 is not shown.
            ("00:30", "03:00", "2026-03-29T00:30", "2026-03-29T02:00"),  # an hour shorter
            ("00:30", "01:30", "2026-03-29T00:30", "2026-03-29T01:00"),  # not until 02:30
            ("01:30", "03:00", "2026-03-29T01:00", "2026-03-29T02:00"),
            ("01:00", "02:15", "2026-03-29T01:00", "2026-03-29T01:15"),
            ("22:00", "06:00", "2026-03-29T21:00", "2026-03-30T05:00"),
            # Autumn: 01:00 to 02:00 is shown twice.
            ("00:30", "03:00", "2026-10-24T23:30", "2026-10-25T03:00"),  # an hour longer
            ("01:15", "01:45", "2026-10-25T00:15", "2026-10-25T00:45"),  # the first time alone
            ("00:30", "01:30", "2026-10-24T23:30", "2026-10-25T00:30"),
            ("01:30", "03:00", "2026-10-25T00:30", "2026-10-25T03:00"),
        ],
    )
    def test_opens_and_closes(self, begin: str, end: str, opens: str, closes: str) -> None:
        window = [{"days": ["sun"], "from": begin, "to": end, "timezone": "Europe/Dublin"}]
        blink = timedelta(microseconds=1)
        assert next_opening(window, at(opens) - timedelta(minutes=5)) == at(opens)
        assert not is_open(window, at(opens) - blink)
        assert is_open(window, at(opens))
        assert is_open(window, at(closes) - blink)
        assert not is_open(window, at(closes))

    def test_a_window_that_is_skipped_whole_opens_a_week_later(self) -> None:
        skipped = [{"days": ["sun"], "from": "01:15", "to": "01:45", "timezone": "Europe/Dublin"}]
        week_before = at("2026-03-22T01:45")
        assert next_opening(skipped, week_before) == at("2026-04-05T00:15")

    def test_a_day_that_a_country_left_out(self) -> None:
        """Samoa had no 30 December 2011: it went over the date line, from UTC-10 to UTC+14."""
        night = [
            {"days": ["thu", "fri"], "from": "20:00", "to": "06:00", "timezone": "Pacific/Apia"}
        ]
        assert is_open(night, at("2011-12-30T09:59"))  # Thursday 23:59
        # Saturday 00:00: later than Friday 20:00, and the night is still Friday's.
        assert is_open(night, at("2011-12-30T10:00"))
        assert not is_open(night, at("2011-12-30T16:00"))  # 06:00
        assert next_opening(night, at("2011-12-30T16:00")) == at("2012-01-05T06:00")


class TestRefused:
    @pytest.mark.parametrize(
        ("window", "why"),
        [
            ({}, '"from" is missing'),
            ({"from": "08:00"}, '"to" is missing'),
            ({"from": 8, "to": "09:00"}, '"from" is missing or no time'),
            ({"from": "8", "to": "09:00"}, "isoformat"),
            ({"from": "08:00", "to": "25:00"}, "hour"),
            ({"from": "08:00", "to": "24:00"}, "hour"),  # the end of a day is 00:00
            ({"from": "08:00+01:00", "to": "09:00"}, "a field of its own"),
            (OFFICE | {"days": []}, "some of mon, tue"),  # not: every day
            (OFFICE | {"days": "mon"}, "some of mon, tue"),
            (OFFICE | {"days": ["Monday"]}, "some of mon, tue"),
            (OFFICE | {"days": [0]}, "some of mon, tue"),
            (OFFICE | {"days": [["mon"]]}, "some of mon, tue"),
            (OFFICE | {"timezone": "Europe/Nowhere"}, "Europe/Nowhere"),
            (OFFICE | {"timezone": "../../etc/passwd"}, "timezone"),
            (OFFICE | {"timezone": "Europe"}, "Europe"),
            (OFFICE | {"timezone": "\0"}, "timezone"),
            (OFFICE | {"timezone": 5}, "timezone"),
            (OFFICE | {"timezone": "x" * 5000}, "timezone"),
            (OFFICE | {"zone": "UTC"}, "unknown: zone"),
            ("08:00-18:00", "not an object"),
            (None, "not an object"),
        ],
    )
    def test_an_invalid_window_is_refused(self, window: Any, why: str) -> None:
        with pytest.raises(InvalidRequest, match=why) as caught:
            require_windows([OFFICE, window])
        assert "is not a time window" in str(caught.value)
        assert "Europe/Dublin" in str(caught.value)  # how one looks

    @pytest.mark.parametrize("windows", [OFFICE, "always", 5, None])
    def test_windows_that_are_no_list(self, windows: Any) -> None:
        with pytest.raises(InvalidRequest, match="not a list"):
            require_windows(windows)

    def test_accounts_refuse_an_invalid_window(self, store: JobStore) -> None:
        with pytest.raises(InvalidRequest, match="time window"):
            Accounts(store.database).create("ward", windows=[{"from": "8"}])
        assert Accounts(store.database).list() == ()
        kept = Accounts(store.database).create("ward", windows=[OFFICE])
        assert Accounts(store.database).list()[0].windows == kept.windows == (OFFICE,)


TIMES = st.times(timezones=st.none()).map(lambda t: t.replace(microsecond=0))
WINDOWS = st.lists(
    st.fixed_dictionaries(
        {
            "from": TIMES.map(time.isoformat),
            "to": TIMES.map(time.isoformat),
            "timezone": st.sampled_from(
                ["Europe/Dublin", "UTC", "Australia/Lord_Howe", "America/New_York", "Asia/Kolkata"]
            ),
        },
        optional={"days": st.lists(st.sampled_from(DAYS), min_size=1, unique=True)},
    ),
    min_size=1,
    max_size=3,
)
# The clocks of all these zones jump on one of these days.
MOMENTS = st.one_of(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),
    st.datetimes(datetime(2026, 3, 27), datetime(2026, 3, 31)),
    st.datetimes(datetime(2026, 10, 23), datetime(2026, 10, 27)),
).map(lambda moment: moment.replace(tzinfo=UTC))


class TestProperties:
    @given(WINDOWS, MOMENTS)
    @example(
        [{"from": "01:15", "to": "01:45", "timezone": "Europe/Dublin"}], at("2026-03-29T00:00")
    )
    def test_the_next_opening_is_open_and_nothing_before_it(
        self, windows: list[Window], moment: datetime
    ) -> None:
        require_windows(windows)
        opening = next_opening(windows, moment)
        assert opening is not None
        assert opening >= moment
        assert is_open(windows, opening)
        assert next_opening(windows, opening) == opening
        if is_open(windows, moment):
            assert opening == moment
            return
        wait = opening - moment
        for part in range(1, 50):
            assert not is_open(windows, moment + wait * part / 50)
        assert not is_open(windows, opening - timedelta(microseconds=1))

    @given(WINDOWS, MOMENTS)
    def test_several_windows_are_open_when_one_is(
        self, windows: list[Window], moment: datetime
    ) -> None:
        assert is_open(windows, moment) == any(is_open([each], moment) for each in windows)

    @given(WINDOWS.map(lambda windows: windows[0]), MOMENTS)
    def test_without_clock_changes_the_local_time_decides(
        self, window: Window, moment: datetime
    ) -> None:
        zone = ZoneInfo(window["timezone"])
        local = moment.astimezone(zone)
        offsets = {
            (moment + timedelta(days=days)).astimezone(zone).utcoffset() for days in (-2, -1, 0, 1)
        }
        if len(offsets) > 1:
            return
        begin, end = time.fromisoformat(window["from"]), time.fromisoformat(window["to"])
        wall, days = local.time(), window.get("days", DAYS)
        today, yesterday = DAYS[local.weekday()] in days, DAYS[local.weekday() - 1] in days
        if begin < end:
            expected = today and begin <= wall < end
        else:
            expected = (today and wall >= begin) or (yesterday and wall < end)
        assert is_open([window], moment) == expected

    @given(WINDOWS.map(lambda windows: windows[0]), MOMENTS)
    def test_never_open_after_the_end_in_local_time(self, window: Window, moment: datetime) -> None:
        """A clock that skips an hour does not prolong a window."""
        begin, end = time.fromisoformat(window["from"]), time.fromisoformat(window["to"])
        wall = moment.astimezone(ZoneInfo(window["timezone"])).time()
        if begin < end <= wall:
            assert not is_open([window], moment)
