"""Durations as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.common.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("0", 0),
        ("1.5", 1.5),
        ("250ms", 0.25),
        ("90s", 90),
        ("1.5s", 1.5),
        ("10m", 600),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("1 h", 3600),
        (" 10m ", 600),
        ("7d", 604_800),
        ("2w", 1_209_600),
        ("1d2h3m4s", 93_784),
    ],
)
def test_a_duration_is_read_as_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "abc", "-5", "+5", "5x", "m", "10 m s", "1h30", "30 1h", "1,5s", "1e3", "inf", "nan",
        "10M", "1..5", ".5", "٣", "5 minutes", "9" * 400, "99999999w", "1" * 100 + "x",
    ],
)  # fmt: skip
def test_anything_else_is_an_error_that_shows_how_to_write_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration such as 90s, 10m|is longer than any run"):
        parse_duration(text)


@given(st.integers(0, 99), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_parts_add_up(days: int, hours: int, minutes: int, seconds: int) -> None:
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds

    assert parse_duration(f"{days}d{hours}h{minutes}m{seconds}s") == total
    assert parse_duration(str(total)) == total


@given(st.text())
def test_no_text_is_more_than_refused(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert seconds >= 0
