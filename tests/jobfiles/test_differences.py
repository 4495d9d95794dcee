"""Differences between settings, old and new."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.jobfiles.differences import ABSENT, Difference, differences

A, B = {"task_key": "a", "max_retries": 1}, {"task_key": "b"}


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        pytest.param({"x": 1}, {"x": 1}, [], id="none"),
        pytest.param({"x": 1}, {"x": 2}, [("x", 1, 2)], id="another value"),
        pytest.param({"x": 1}, {"x": True}, [("x", 1, True)], id="another type"),
        pytest.param({"x": {"y": {"z": 1}}}, {"x": {"y": {"z": 2}}}, [("x.y.z", 1, 2)], id="deep inside"),
        pytest.param(
            {}, {"x": {"y": 1, "z": 2}}, [("x.y", ABSENT, 1), ("x.z", ABSENT, 2)], id="new, by value"
        ),
        pytest.param({"x": {"y": 1}}, {}, [("x.y", 1, ABSENT)], id="gone"),
        pytest.param({"x": {"y": 1}}, {"x": 5}, [("x", {"y": 1}, 5)], id="another shape"),
        pytest.param({"x": {"a.b": 1}}, {"x": {"a.b": 2}}, [('x["a.b"]', 1, 2)], id="a dot in a name"),
        pytest.param({"x": [1, 2]}, {"x": [2, 1]}, [("x", [1, 2], [2, 1])], id="a list in another order"),
        pytest.param({"tasks": [A, B]}, {"tasks": [B, A]}, [], id="the order of tasks says nothing"),
        pytest.param(
            {"tasks": [A, B]},
            {"tasks": [B, {**A, "max_retries": 3}]},
            [("tasks[a].max_retries", 1, 3)],
            id="tasks by key",
        ),
        pytest.param(
            {"tasks": [A]}, {"tasks": [A, B]}, [("tasks[b].task_key", ABSENT, "b")], id="a task more"
        ),
        pytest.param({"tasks": [A]}, {"tasks": [A, A]}, [("tasks", [A], [A, A])], id="keys that stand twice"),
        pytest.param(
            {"parameters": [{"name": "day", "default": "1"}]},
            {"parameters": [{"name": "day", "default": "2"}]},
            [("parameters[day].default", "1", "2")],
            id="parameters by name",
        ),
        pytest.param(
            {
                "timeout_seconds": 0,
                "email_notifications": {},
                "format": "MULTI_TASK",
                "max_concurrent_runs": 1,
            },
            {},
            [],
            id="defaults that one side leaves out",
        ),
        pytest.param({"max_concurrent_runs": 5}, {}, [("max_concurrent_runs", 5, ABSENT)], id="no default"),
        pytest.param({"x": None}, {"x": 0}, [("x", None, 0)], id="null is a value"),
    ],
)
def test_each_value_that_differs_is_told_once(
    old: Any, new: Any, changes: list[tuple[str, Any, Any]]
) -> None:
    assert list(differences(old, new)) == [Difference(*change) for change in changes]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)
settings = st.dictionaries(st.text(), json_values, max_size=4)


@given(settings)
def test_nothing_differs_from_itself(one: Any) -> None:
    assert list(differences(one, one)) == []


@given(settings, settings)
def test_both_directions_tell_the_same(old: Any, new: Any) -> None:
    there = {(change.path, repr(change.old), repr(change.new)) for change in differences(old, new)}
    back = {(change.path, repr(change.new), repr(change.old)) for change in differences(new, old)}
    assert there == back
