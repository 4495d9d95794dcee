"""Times as people type them for --since and --until."""

import time

import pytest

from dbjobs.common.times import parse_time

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z


@pytest.mark.parametrize(
    ("text", "epoch_ms"),
    [
        ("90m", 1_767_220_200_000),
        ("2h", 1_767_218_400_000),
        ("7d", 1_766_620_800_000),
        ("1h30m", 1_767_220_200_000),
        ("0s", 1_767_225_600_000),
        ("1767225600000", 1_767_225_600_000),
        ("2026-01-01T00:00:00Z", 1_767_225_600_000),
        ("2026-01-01T00:00:00z", 1_767_225_600_000),
        ("2026-01-01T01:30:00+01:30", 1_767_225_600_000),
        ("2025-12-31T19:00-05:00", 1_767_225_600_000),
        (" 2026-01-01T00:00:00.250+00:00 ", 1_767_225_600_250),
    ],
)
def test_a_moment_is_a_time_an_age_or_an_epoch(text: str, epoch_ms: int) -> None:
    assert parse_time(text, NOW) == epoch_ms


def test_a_time_without_a_zone_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert parse_time("2026-01-01 09:00", NOW) == parse_time("2026-01-01", NOW) + 9 * 3_600_000
        assert parse_time("2026-01-01T09:00", NOW) == 1_767_225_600_000
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "12:00", "-2h", "1.5", "٣h", "2h ago"])
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time such as"):
        parse_time(text, NOW)


@pytest.mark.parametrize("text", ["90", "0", "1767225600"])
def test_a_number_that_can_hardly_be_milliseconds_is_not_taken_for_them(text: str) -> None:
    with pytest.raises(ValueError, match=f"an age has a unit, as in {text}m"):
        parse_time(text, NOW)
