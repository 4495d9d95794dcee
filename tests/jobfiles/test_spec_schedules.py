"""When a job runs: cron expressions as Quartz reads them, and time zones as Java does."""

import zoneinfo

import pytest

from dbjobs.jobfiles.schedules import find_cron_problem
from tests.jobfiles.job_files import JOB, ready, refusal


@pytest.mark.parametrize(
    "expression",
    [
        "0 0 2 * * ?",
        "20 30 * * * ?",
        "0 0 12 ? * WED",
        "0 0/5 14,18 * * ?",
        "0 0-5 14 * * ?",
        "0 */15 * ? * MON-FRI",
        "0 /5 * * * ?",
        "0 0 22-2 * * ?",
        "0 15 10 L * ?",
        "0 15 10 L-2 * ?",
        "0 15 10 LW * ?",
        "0 15 10 L-2W * ?",
        "0 15 10 15W * ?",
        "0 15 10 ? * 6L",
        "0 15 10 ? * friL 2026-2030",
        "0 15 10 ? * FRI#3",
        "0 15 10 ? * 6#1",
        "0 15 10 ? * L",
        "0 11 11 11 11 ?",
        "0 0 0 1 jan-mar,DEC ?  2026/2",
        "0 0 0 ? * FRI-MON",
        "59 59 23 31 12 ? 2099",
        "  0 0 0 * * ?  ",
    ],
)
def test_expressions_of_quartz_pass(expression: str) -> None:
    schedule = {"quartz_cron_expression": expression, "timezone_id": "UTC"}

    assert ready({**JOB, "schedule": schedule}).warnings == []


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("", "has 0 fields where Quartz takes 6 or 7, the first of them seconds"),
        ("0 2 * * *", "has 5 fields where Quartz takes 6 or 7, the first of them seconds"),
        ("0 0 2 * * ? 2026 *", "has 8 fields where Quartz takes 6 or 7, the first of them seconds"),
        ("@daily", "has 1 fields where Quartz takes 6 or 7, the first of them seconds"),
        ("60 0 2 * * ?", "has no valid seconds: it takes 0 to 59"),
        ("0 60 2 * * ?", "has no valid minutes: it takes 0 to 59"),
        ("0 0 24 * * ?", "has no valid hours: it takes 0 to 23"),
        ("0 0 -1 * * ?", "has no valid hours: it takes 0 to 23"),
        ("0 0 2 0 * ?", "has no valid day of month: it takes 1 to 31"),
        ("0 0 2 32W * ?", "has no valid day of month: it takes 1 to 31"),
        ("0 0 2 L-31 * ?", "has no valid day of month: it takes 1 to 31"),
        ("0 0 2 * 13 ?", "has no valid month: it takes 1 to 12, JAN to DEC"),
        ("0 0 2 * MAI ?", "has no valid month: it takes 1 to 12, JAN to DEC"),
        ("0 0 2 ? * 0", "has no valid day of week: it takes 1 to 7, SUN to SAT"),
        ("0 0 2 ? * MONDAY", "has no valid day of week: it takes 1 to 7, SUN to SAT"),
        ("0 0 2 ? * MON#6", "has no valid day of week: it takes 1 to 7, SUN to SAT"),
        ("0 0 2 ? * 2#1,3#2", "has no valid day of week: # can be given once"),
        ("0 0 2 ? * 2,6L", "has no valid day of week: L and W cannot be in a list"),
        ("0 0 2 1,15W * ?", "has no valid day of month: L and W cannot be in a list"),
        ("0 0 2 * * ? 1969", "has no valid year: it takes 1970 to 2099"),
        ("0 0 2 * * ? 2030-2026", "has no valid year: the range ends before it begins"),
        ("0 0/ 2 * * ?", "has no valid minutes: a number must follow /"),
        ("0 0/60 2 * * ?", "has no valid minutes: the step after / is larger than 59"),
        ("0 1,,2 2 * * ?", "has no valid minutes: it takes 0 to 59"),
        ("0 ? 2 * * ?", "has no valid minutes: only the two day fields take ?"),
        ("0 0 2 * * *", "needs ? for day of month or for day of week: Quartz does not take both"),
        ("0 0 2 1 * MON", "needs ? for day of month or for day of week: Quartz does not take both"),
        ("0 0 2 ? * ?", "has ? for both day of month and day of week, which can be only one of them"),
    ],
)
def test_what_quartz_would_not_read_is_refused_with_the_field(expression: str, problem: str) -> None:
    assert find_cron_problem(expression) == problem
    if expression:
        schedule = {"quartz_cron_expression": expression, "timezone_id": "UTC"}
        assert (
            refusal({**JOB, "schedule": schedule}) == f"job.yaml: schedule.quartz_cron_expression {problem}"
        )


def with_zone(name: str) -> dict[str, object]:
    return {**JOB, "schedule": {"quartz_cron_expression": "0 0 2 * * ?", "timezone_id": name}}


@pytest.mark.parametrize(
    "name",
    [
        "UTC",
        "GMT",
        "Z",
        "UTC+1",
        "GMT+02:00",
        "GMT-8",
        "UTC-0330",
        "UT+18",
        "+02:00",
        "PST",
        "ECT",
        "IST",
        "EST",
        "America/Argentina/Buenos_Aires",
        "Europe/Berlin",
        "Etc/GMT+5",
        "{{job.parameters.zone}}",
    ],
)
def test_time_zones_of_java_pass(name: str) -> None:
    assert ready(with_zone(name)).warnings == []


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("europe/berlin", "; did you mean Europe/Berlin?"),
        ("Europe/Berln", "; did you mean Europe/Berlin?"),
        ("America/New York", "; did you mean America/New_York?"),
        ("GMT+25", None),
        ("UTC+1:60", None),
        ("/etc/passwd", ""),
        ("../UTC", None),
        ("Mars/Phobos", ""),
        ("Europe", None),
    ],
)
def test_other_names_are_refused_with_the_nearest(name: str, nearest: str | None) -> None:
    said = refusal(with_zone(name))

    assert said.startswith("job.yaml: schedule.timezone_id is not a known time zone")
    if nearest is not None:
        assert said.endswith(f"a known time zone{nearest}")


def test_a_time_zone_that_is_newer_than_this_machine_can_be_forced() -> None:
    made = ready(with_zone("Mars/Phobos"), force=True)

    assert made.body == with_zone("Mars/Phobos")
    assert made.warnings == ["job.yaml: schedule.timezone_id is not a known time zone"]


def test_where_there_is_no_zone_data_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoneinfo, "available_timezones", set)

    assert ready(with_zone("Mars/Phobos")).warnings == []
