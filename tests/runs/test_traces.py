"""Exceptions in traces: the one that began it, and the deepest line of the user's own code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.runs.traces import find_exception, find_in_logs
from tests.support.hostile import TEXTS

OLD_NOTEBOOK = """\
---------------------------------------------------------------------------
ValueError                                Traceback (most recent call last)
<command-118040> in <module>()
      1 rows = read()
----> 2 check(rows)

<command-118040> in check(rows)
      5     if not rows:
----> 6         raise ValueError("no rows")

ValueError: no rows"""

UDF = """\
Traceback (most recent call last):
  File "/Workspace/etl/load.py", line 9, in <module>
    frame.count()
  File "/databricks/spark/python/lib/py4j-0.10.9.7-src.zip/py4j/java_gateway.py", line 1322, in __call__
    return_value = get_return_value(
py4j.protocol.Py4JJavaError: An error occurred while calling o4.count.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 3 in stage 7.0 failed 4 times
Caused by: org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File "/Workspace/etl/rates.py", line 51, in rate
    return 1 / amount
ZeroDivisionError: division by zero
\tat org.apache.spark.api.python.BasePythonRunner.read(PythonRunner.scala:900)"""

RETRIED = """\
Traceback (most recent call last):
  File "/databricks/python/lib/python3.11/site-packages/urllib3/connection.py", line 174, in connect
    raise NewConnectionError(self)
urllib3.exceptions.NewConnectionError: failed to establish a connection

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/Workspace/etl/load.py", line 4, in fetch
    requests.get(url)
  File "/databricks/python/lib/python3.11/site-packages/requests/adapters.py", line 700, in send
    raise ConnectionError(e)
requests.exceptions.ConnectionError: host='rates.example.com'"""


@pytest.mark.parametrize(
    ("text", "line", "frame", "became"),
    [
        pytest.param(
            OLD_NOTEBOOK, "ValueError: no rows", "<command-118040>, line 6", "", id="an older notebook"
        ),
        pytest.param(
            "NameError   Traceback (most recent call last)\nCell In[3], line 2\n----> 2 dya\nNameError: dya",
            "NameError: dya",
            "Cell In[3], line 2",
            "",
            id="a cell",
        ),
        pytest.param(
            UDF,
            "ZeroDivisionError: division by zero",
            "/Workspace/etl/rates.py, line 51",
            "",
            id="Python in the executors",
        ),
        pytest.param(
            RETRIED,
            "requests.exceptions.ConnectionError: host='rates.example.com'",
            "/Workspace/etl/load.py, line 4",
            "",
            id="what a library handled by itself is passed over",
        ),
        pytest.param(
            "NoRows: nothing for 2026-01-31", "NoRows: nothing for 2026-01-31", "", "", id="no trace"
        ),
        pytest.param("SystemExit", "SystemExit", "", "", id="no message"),
    ],
)
def test_the_exception_is_found(text: str, line: str, frame: str, became: str) -> None:
    found = find_exception(text)
    assert found
    assert (found.line, found.frame, found.became) == (line, frame, became)


@pytest.mark.parametrize("text", ["", "command exited with code 1", "ERROR: no such package", "see: there"])
def test_what_is_no_exception_is_taken_for_none(text: str) -> None:
    assert find_exception(text) is None


def test_the_last_trace_of_the_logs_is_found_with_what_it_is_chained_to() -> None:
    first = 'Traceback (most recent call last):\n  File "/a.py", line 1, in <module>\nKeyError: 1'
    assert find_in_logs(f"reading\n{first}\ngoing on\n{RETRIED}") == RETRIED
    assert find_in_logs("reading\nall good") == ""


PARTS = [OLD_NOTEBOOK, UDF, RETRIED, "\n", "  at a.b(C.scala:1)\n", "Caused by: ", "File ", "----> 3", *TEXTS]


@given(st.lists(st.text(max_size=20) | st.sampled_from(PARTS), max_size=8).map("".join))
def test_whatever_stands_in_a_trace_it_is_a_line_of_text(text: str) -> None:
    found = find_exception(text)
    if found:
        for said in (found.line, found.frame, found.became):
            assert "\n" not in said
            assert "\x1b" not in said
            assert len(said) <= 2_500
    find_in_logs(text)
