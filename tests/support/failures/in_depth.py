"""Failures whose cause lies below what the run itself says: nested, retried, mixed, and with misleading"
" messages."""

from typing import Any

from dbjobs.http.response import Payload
from tests.support.failures.by_code import CAPACITY, NO_SUCH_PACKAGE, WORKLOAD_FAILED
from tests.support.failures.case import (
    RUN_ID,
    TASK_RUN_ID,
    FailureCase,
    ended,
    held_back,
    job_run,
    one_task,
    state,
    task_run,
)

FAILED = ended("RUN_EXECUTION_ERROR", message=WORKLOAD_FAILED)
GOOD = ended("SUCCESS", "SUCCESS", result="SUCCESS")
CHILD_ID = 990017

READ_ORDERS = """\
Traceback (most recent call last):
  File "/Workspace/etl/load.py", line 31, in <module>
    load(day)
  File "/Workspace/etl/load.py", line 17, in load
    spark.read.parquet(path).count()
  File "/databricks/spark/python/pyspark/sql/dataframe.py", line 1240, in count
    return int(self._jdf.count())
  File "/databricks/spark/python/lib/py4j-0.10.9.7-src.zip/py4j/java_gateway.py", line 1322, in __call__
    return_value = get_return_value(
py4j.protocol.Py4JJavaError: An error occurred while calling o412.count.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 3 in stage 7.0 failed 4 times
"""


def _python(line: str, *, file: str = "/Workspace/etl/load.py", at: int = 17) -> Payload:
    """The output of a Python file that ended with an exception of its own."""
    trace = f'Traceback (most recent call last):\n  File "{file}", line {at}, in <module>\n    run()\n{line}'
    return {"error": line, "error_trace": trace}


def _iteration(number: int, ending: Payload) -> Payload:
    return {**task_run("each_iteration", ending, 7000 + number), "notebook_task": {"notebook_path": "/each"}}


def _spark(cause: str) -> Payload:
    trace = (
        f"{READ_ORDERS}\tat org.apache.spark.scheduler.DAGScheduler.abort(DAGScheduler.scala:3694)\n{cause}"
    )
    error = "Py4JJavaError: An error occurred while calling o412.count."
    return {"error": error, "error_trace": trace}


_FOR_EACH: dict[str, Any] = {
    "for_each_task": {
        "inputs": "[1,2,3,4,5,6]",
        "task": {"task_key": "each_iteration"},
        "stats": {
            "task_run_stats": {"total_iterations": 6, "completed_iterations": 6, "failed_iterations": 4}
        },
    }
}

IN_DEPTH = (
    FailureCase(
        "for-each: three iterations fail alike, one for want of a permission",
        ("code",),
        "ZeroDivisionError: division by zero",
        {
            RUN_ID: job_run(
                FAILED,
                task_run(
                    "each",
                    ended("RUN_EXECUTION_ERROR", message="4 of 6 iterations did not succeed."),
                    **_FOR_EACH,
                ),
            ),
            TASK_RUN_ID: {
                "run_id": TASK_RUN_ID,
                "iterations": [
                    _iteration(number, GOOD if number in (0, 5) else FAILED) for number in range(6)
                ],
            },
        },
        {
            7001: _python("ZeroDivisionError: division by zero", file="/Workspace/etl/each.py", at=4),
            7002: _python("ZeroDivisionError: division by zero", file="/Workspace/etl/each.py", at=4),
            7003: _python(
                "pyspark.errors.exceptions.connect.SparkConnectGrpcException: [INSUFFICIENT_PERMISSIONS]"
                " Insufficient privileges: User does not have SELECT on Table 'prod.eu.orders'."
                " SQLSTATE: 42501"
            ),
            7004: _python("ZeroDivisionError: division by zero", file="/Workspace/etl/each.py", at=4),
        },
        frame="/Workspace/etl/each.py, line 4",
        others=(("permissions", "SELECT on Table 'prod.eu.orders'"),),
        tasks=("each[1]", "each[2]", "each[4]"),
    ),
    FailureCase(
        "run-job: a task of the run that it started",
        ("code",),
        "AssertionError: 12 duplicate order ids",
        {
            RUN_ID: job_run(
                FAILED,
                task_run("start", FAILED, run_job_task={"job_id": 5}),
                held_back("after", ("start",), 5009),
            ),
            CHILD_ID: job_run(
                FAILED,
                task_run("extract", GOOD, 6001),
                task_run("check", FAILED, 6002, ("extract",)),
                run_id=CHILD_ID,
            ),
        },
        {
            TASK_RUN_ID: {"run_job_output": {"run_id": CHILD_ID}},
            6002: _python("AssertionError: 12 duplicate order ids", file="/Workspace/dq/check.py", at=88),
        },
        frame="/Workspace/dq/check.py, line 88",
        tasks=(f"start > {CHILD_ID} > check",),
    ),
    FailureCase(
        "run-job, in it a for-each, in it the storage",
        ("platform", "permissions"),
        "503 ServerBusy",
        {
            RUN_ID: job_run(FAILED, task_run("start", FAILED, run_job_task={"job_id": 5})),
            CHILD_ID: job_run(FAILED, task_run("each", FAILED, 6100, **_FOR_EACH), run_id=CHILD_ID),
            6100: {"run_id": 6100, "iterations": [_iteration(0, GOOD), _iteration(1, FAILED)]},
        },
        {
            TASK_RUN_ID: {"run_job_output": {"run_id": CHILD_ID}},
            7001: _spark(
                "Caused by: shaded.databricks.azurebfs.org.apache.hadoop.fs.azurebfs.contracts.exceptions."
                "AbfsRestOperationException: Operation failed: 503 ServerBusy, GET, https://lake.dfs.example/raw"
            ),
        },
        tasks=(f"start > {CHILD_ID} > each[1]",),
    ),
    FailureCase(
        "run-job whose run somebody canceled",
        ("canceled",),
        "bob@example.com",
        {
            RUN_ID: job_run(FAILED, task_run("start", FAILED, run_job_task={"job_id": 5})),
            CHILD_ID: job_run(
                ended("USER_CANCELED", message="Run cancelled by bob@example.com", result="CANCELED"),
                task_run(
                    "long",
                    ended("USER_CANCELED", message="Run cancelled by bob@example.com", result="CANCELED"),
                    6002,
                ),
                run_id=CHILD_ID,
            ),
        },
        {TASK_RUN_ID: {"run_job_output": {"run_id": CHILD_ID}}},
    ),
    FailureCase(
        "retried: the first attempt lost its cluster, the last one met a bug",
        ("code",),
        "TypeError: unsupported operand",
        {
            RUN_ID: job_run(
                FAILED,
                task_run(
                    "main", ended("CLOUD_FAILURE", "CLOUD_FAILURE", CAPACITY, life="INTERNAL_ERROR"), 5000
                ),
                task_run("main", FAILED, attempt_number=1),
            )
        },
        {TASK_RUN_ID: _python("TypeError: unsupported operand type(s) for +: 'int' and 'str'")},
        tasks=("main",),
    ),
    FailureCase(
        "mixed: a bug in one task, a library in another, both at once",
        ("code",),
        "NameError: name 'dya' is not defined",
        {
            RUN_ID: job_run(
                FAILED,
                task_run("orders", FAILED, end_time=1_767_225_700_000),
                task_run(
                    "customers",
                    ended("LIBRARY_INSTALLATION_ERROR", message=NO_SUCH_PACKAGE, life="INTERNAL_ERROR"),
                    5002,
                ),
                held_back("join", ("orders", "customers"), 5003),
            )
        },
        {TASK_RUN_ID: _python("NameError: name 'dya' is not defined")},
        others=(("configuration", "No matching distribution found for orders-etl==4.1"),),
        tasks=("orders",),
    ),
    FailureCase(
        "upstream: a chain of tasks held back by one",
        ("code",),
        "[TABLE_OR_VIEW_NOT_FOUND]",
        {
            RUN_ID: job_run(
                ended(
                    "RUN_EXECUTION_ERROR",
                    message="An upstream task failed.",
                    result="UPSTREAM_FAILED",
                ),
                task_run("a", FAILED),
                held_back("b", ("a",), 5002),
                held_back("c", ("b",), 5003),
            )
        },
        {
            TASK_RUN_ID: _python(
                "AnalysisException: [TABLE_OR_VIEW_NOT_FOUND] The table or view `prod`.`ordres` cannot"
                " be found."
            )
        },
        tasks=("a",),
    ),
    FailureCase(
        "API 2.1 says no more than a message: the cluster never came",
        ("platform",),
        "no Spot capacity",
        {
            RUN_ID: job_run(
                {"state": state("INTERNAL_ERROR", "FAILED", f"Task main failed with message: {CAPACITY}")},
                task_run("main", ended(None, message=CAPACITY, life="INTERNAL_ERROR")),
            )
        },
        tasks=("main",),
    ),
    FailureCase(
        "API 2.0: one task at the top, and all it says is to see the output",
        ("code",),
        "java.lang.IllegalArgumentException: day must be given",
        {
            RUN_ID: {
                "run_id": RUN_ID,
                "job_id": 7,
                "run_name": "old",
                "task": {"spark_jar_task": {"main_class_name": "com.acme.etl.Load"}},
                "cluster_spec": {"new_cluster": {"spark_version": "15.4.x-scala2.12"}},
                "execution_duration": 1000,
                "state": state("INTERNAL_ERROR", "FAILED", WORKLOAD_FAILED),
            }
        },
        {
            RUN_ID: {
                "error": "java.lang.RuntimeException: run failed",
                "error_trace": "java.lang.RuntimeException: run failed\n"
                "\tat com.acme.etl.Load$.main(Load.scala:12)\n"
                "\tat com.acme.etl.Load.main(Load.scala)\n"
                "\tat com.databricks.backend.daemon.driver.JarDriver.run(JarDriver.scala:40)\n"
                "Caused by: java.lang.IllegalArgumentException: day must be given\n"
                "\tat scala.Predef$.require(Predef.scala:281)\n"
                "\tat com.acme.etl.Days$.parse(Days.scala:7)\n"
                "\tat com.acme.etl.Load$.main(Load.scala:10)\n\t... 3 more\n",
            }
        },
        frame="Days.scala:7",
    ),
    one_task(
        "misleading: the code's own exception speaks of a quota, a cluster and a permission",
        "code",
        "ValueError: customer 7 is over quota",
        FAILED,
        _python("ValueError: customer 7 is over quota: permission denied by cluster rules"),
        frame="/Workspace/etl/load.py, line 17",
    ),
    one_task(
        "misleading: called a failure of the workload, and it is a permission",
        "permissions",
        "does not have USE SCHEMA on Schema 'prod.raw'",
        FAILED,
        _spark(
            "Caused by: com.databricks.sql.managedcatalog.acl.UnauthorizedAccessException:"
            " PERMISSION_DENIED: User"
            " does not have USE SCHEMA on Schema 'prod.raw'."
        ),
    ),
    one_task(
        "misleading: the last exception hides the first",
        "permissions",
        "AccessDenied",
        FAILED,
        {
            "error": "RuntimeError: loading failed",
            "error_trace": "Traceback (most recent call last):\n"
            '  File "/Workspace/etl/load.py", line 9, in load\n    s3.get_object(Bucket=bucket, Key=key)\n'
            '  File "/databricks/python/lib/python3.11/site-packages/botocore/client.py", line 980, in'
            " _call\n"
            "    raise error_class(parsed_response, operation_name)\n"
            "botocore.exceptions.ClientError: An error occurred (AccessDenied) when calling the GetObject"
            " operation: Access Denied\n\n"
            "The above exception was the direct cause of the following exception:\n\n"
            "Traceback (most recent call last):\n"
            '  File "/Workspace/etl/load.py", line 20, in <module>\n    load()\n'
            '  File "/Workspace/etl/load.py", line 11, in load\n'
            '    raise RuntimeError("loading failed") from error\n'
            "RuntimeError: loading failed",
        },
        frame="/Workspace/etl/load.py, line 9",
    ),
    one_task(
        "misleading: an internal error, and the output has the exception of the code",
        "code",
        "json.decoder.JSONDecodeError: Expecting value",
        ended("INTERNAL_ERROR", "CLIENT_ERROR", WORKLOAD_FAILED, life="INTERNAL_ERROR"),
        _python("json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)"),
        frame="/Workspace/etl/load.py, line 17",
    ),
    one_task(
        "the user's own package is among the installed ones",
        "code",
        "KeyError: 'EUR'",
        FAILED,
        {
            "error": "KeyError: 'EUR'",
            "error_trace": "Traceback (most recent call last):\n"
            '  File "/databricks/python/bin/orders-etl", line 8, in <module>\n    sys.exit(main())\n'
            '  File "/local_disk0/.ephemeral_nfs/envs/pythonEnv-1/lib/python3.11/site-packages/'
            'orders_etl/rates.py",'
            " line 51, in rate\n    return RATES[currency]\n"
            "KeyError: 'EUR'",
        },
        task={"python_wheel_task": {"package_name": "orders-etl", "entry_point": "main"}},
        frame="orders_etl/rates.py, line 51",
    ),
    one_task(
        "the executors were lost with their machines",
        "platform",
        "spot instance",
        FAILED,
        _spark(
            "Caused by: org.apache.spark.SparkException: Job aborted due to stage failure: Lost task 3.3"
            " in stage 7.0:"
            " ExecutorLostFailure (executor 2 exited unrelated to the running tasks) Reason: worker"
            " decommissioned"
            " because of a lost spot instance"
        ),
    ),
    one_task(
        "a host that cannot be reached from the code",
        "platform|unknown",
        "Max retries exceeded",
        FAILED,
        _python(
            "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='rates.example.com',"
            " port=443): Max retries"
            " exceeded with url: /eur (Caused by NameResolutionError: Failed to resolve 'rates.example.com')"
        ),
    ),
    one_task(
        "a notebook that another one ran: its own error is out of reach",
        "unknown|code",
        "NotebookExecutionException",
        FAILED,
        {
            "error": "Py4JJavaError: An error occurred while calling o538.run.",
            "error_trace": "Py4JJavaError: An error occurred while calling o538.run.\n"
            ": com.databricks.WorkflowException: com.databricks.NotebookExecutionException: FAILED:"
            " Workload failed,"
            " see run output for details\n"
            "\tat com.databricks.workflow.WorkflowDriver.run(WorkflowDriver.scala:99)\n",
        },
    ),
    one_task(
        "nothing is known: the output is refused, and the message says nothing",
        "unknown",
        WORKLOAD_FAILED,
        FAILED,
        None,
    ),
    one_task(
        "a code that this version does not know, with a type that says enough",
        "platform",
        "No GPU is available in zone eu-1b",
        ended("GPU_SHORTAGE", "CLOUD_FAILURE", "No GPU is available in zone eu-1b", life="INTERNAL_ERROR"),
    ),
    one_task(
        "a code that this version does not know, and nothing else",
        "unknown",
        "",
        ended("MOON_PHASE", "CLIENT_ERROR", "", life="INTERNAL_ERROR"),
    ),
)
