"""Job settings made up by hypothesis from the fields that are known."""

from typing import Any

from hypothesis import strategies as st

from dbjobs.jobfiles.known_fields import ANY_NUMBER, BOOLEAN, INTEGER, JOB_FIELDS, SCALAR, STRING, TASK

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    STRING: TEXTS,
    INTEGER: st.integers(-(2**63), 2**63 - 1),
    ANY_NUMBER: st.floats(allow_nan=False, allow_infinity=False),
    BOOLEAN: st.booleans(),
    SCALAR: st.booleans() | st.integers() | TEXTS,
}
JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def values(draw: st.DrawFn, schema: Any, *, astray: bool, depth: int = 0) -> Any:
    """A value of a schema; where things may go astray, now and then something else."""
    if astray and draw(st.integers(0, 7)) == 0:
        return draw(JSON_VALUES)
    if isinstance(schema, list):
        return [
            draw(values(schema[0], astray=astray, depth=depth + 1)) for _ in range(draw(st.integers(0, 3)))
        ]
    if isinstance(schema, tuple):
        return draw(st.sampled_from(schema))
    if not isinstance(schema, dict):
        return draw(SCALARS.get(schema, JSON_VALUES))
    if "*" in schema or depth > 6:
        return draw(st.dictionaries(TEXTS, TEXTS, max_size=3))
    names = draw(st.lists(st.sampled_from(sorted(schema)), unique=True, max_size=5))
    return {name: draw(values(schema[name], astray=astray, depth=depth + 1)) for name in names}


SETTINGS = values(JOB_FIELDS, astray=False)
"""Each value of the kind that its field wants; together they rarely make a job."""


def _mappings(schema: Any) -> st.SearchStrategy[dict[str, Any]]:
    return values(schema, astray=True).filter(lambda value: isinstance(value, dict))


ANY_SETTINGS = (
    st.dictionaries(TEXTS, JSON_VALUES, max_size=3)
    | _mappings(JOB_FIELDS)
    | _mappings(TASK)
    | st.fixed_dictionaries(
        {"tasks": st.lists(_mappings({**TASK, "task_key": ("a", "b", "c")}), max_size=4)},
        optional={"job_clusters": st.lists(_mappings(TASK), max_size=2)},
    )
)
"""Mappings that look like job settings here and there."""
