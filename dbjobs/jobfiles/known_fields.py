"""The known fields of job settings: those of the official SDK, and those that it lacks.

A schema is a kind of value (`STRING`, …), `EnumValues` (the texts that are known for it), a list
with the schema of its items, or a dict with a schema per field; the field `*` means any
name that users choose. Databricks adds fields without a new version, so what is missing
here is not wrong. `make fields` writes api_fields.json from the SDK's data classes.
"""

import json
from pathlib import Path
from typing import Any

from dbjobs.http.response import Payload

Schema = Any

STRING = "a string"
INTEGER = "a whole number"
ANY_NUMBER = "a number"
BOOLEAN = "true or false"
SCALAR = "a string, a number, true or false"
ANYTHING = "anything"

_SCHEMAS = {"text": STRING, "whole": INTEGER, "number": ANY_NUMBER, "truth": BOOLEAN, "anything": ANYTHING}


class EnumValues(tuple[str, ...]):
    """The values that an enum is known to have."""

    __slots__ = ()

    def has(self, value: str) -> bool:
        return value in self


class CaseInsensitiveValues(EnumValues):
    """An enum whose values are the same in capitals."""

    __slots__ = ()

    def has(self, value: str) -> bool:
        return value.lower() in (word.lower() for word in self)


class Record(dict[str, Schema]):
    """The fields of a type of the API, by name, and which of them are required."""

    def __init__(self, name: str, required: list[str]) -> None:
        super().__init__()
        self.name = name
        self.required = required

    def with_fields(self, more: dict[str, Schema]) -> "Record":
        """The same with more fields."""
        record = Record(self.name, self.required)
        record.update({**self, **more})
        return record


_API_FIELDS: Payload = json.loads((Path(__file__).parent / "api_fields.json").read_text("utf-8"))

RECORDS = {name: Record(name, _API_FIELDS["required"].get(name, [])) for name in _API_FIELDS["types"]}
_ENUMS = {name: EnumValues(values) for name, values in _API_FIELDS["enums"].items()}
_ENUMS["GitProvider"] = CaseInsensitiveValues(_ENUMS["GitProvider"])
_ENUMS["PerformanceTarget"] = EnumValues(
    ("COST_OPTIMIZED", *_ENUMS["PerformanceTarget"])
)  # only described there


def _schema_of(kind: Any) -> Schema:
    if isinstance(kind, list):
        return [_schema_of(kind[0])]
    if isinstance(kind, dict):
        return {field: _schema_of(inner) for field, inner in kind.items()}
    return _SCHEMAS.get(kind) or _ENUMS.get(kind) or RECORDS[kind]


for _name, _record in RECORDS.items():
    _record.update(_schema_of(_API_FIELDS["types"][_name]))

# What the SDK does not have, but the API takes

RECORDS["JobSettings"]["compute"] = ANYTHING
RECORDS["SubmitTask"]["job_cluster_key"] = STRING
RECORDS["NotebookTask"]["revision_timestamp"] = INTEGER  # API 2.0
RECORDS["JobNotificationSettings"]["alert_on_last_attempt"] = BOOLEAN
RECORDS["JobsHealthRule"]["operator"] = _ENUMS["JobsHealthOperator"]  # in examples of API 2.1, for `op`
RECORDS["JobsHealthRule"].required.remove("op")
for _name in ("spark_conf", "spark_env_vars"):
    RECORDS["ClusterSpec"][_name] = {"*": SCALAR}

# Requests

JOB_FIELDS = RECORDS["JobSettings"]
"""Job settings, as create, reset and update take them."""

SUBMIT_FIELDS = RECORDS["SubmitRun"]
"""The body of runs/submit."""

RUN_NOW_FIELDS = RECORDS["RunNow"]
"""The body of run-now."""

TASK = RECORDS["Task"]

READ_ONLY = (*_API_FIELDS["read_only"], "run_as_owner", "trigger_details")
"""What jobs/get returns in addition to the settings of a job."""

LEGACY_TASK_TYPES = (
    "notebook_task",
    "spark_jar_task",
    "spark_python_task",
    "spark_submit_task",
    "pipeline_task",
    "run_job_task",
)
"""What API 2.0 can run. Source: https://docs.databricks.com/gcp/reference/jobs-2.0-api"""

LEGACY_TASK_FIELDS = (
    *LEGACY_TASK_TYPES,
    "existing_cluster_id",
    "new_cluster",
    "libraries",
    "max_retries",
    "min_retry_interval_millis",
    "retry_on_timeout",
)
"""Fields of the one task, at the top of a body of API 2.0."""


def fields_of(request: str) -> Record:
    """The fields that a request (create, reset, update or submit) takes at the top."""
    return SUBMIT_FIELDS if request == "submit" else JOB_FIELDS
