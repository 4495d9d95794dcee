"""Failures by the code of `termination_details`: every code that the API documents for a run that did"
" not succeed.

The codes and what they mean: https://docs.databricks.com/api/workspace/jobs/getrun
"""

from tests.support.failures.case import (
    RUN_ID,
    TASK_RUN_ID,
    FailureCase,
    ended,
    job_run,
    one_task,
    task_run,
)

WORKLOAD_FAILED = "Workload failed, see run output for details"

PACKAGES = "/databricks/python/lib/python3.11/site-packages"

NOTEBOOK_TRACE = """\
\x1b[0;31m---------------------------------------------------------------------------\x1b[0m
\x1b[0;31mKeyError\x1b[0m                                  Traceback (most recent call last)
File \x1b[0;32m{PACKAGES}/pandas/core/indexes/base.py:3653\x1b[0m, in Index.get_loc(self, key)
\x1b[1;32m   3652\x1b[0m try:
\x1b[0;32m-> 3653\x1b[0m     return self._engine.get_loc(casted_key)
\x1b[1;32m   3654\x1b[0m except KeyError as err:

\x1b[0;31mKeyError\x1b[0m: 'amount'

The above exception was the direct cause of the following exception:

\x1b[0;31mKeyError\x1b[0m                                  Traceback (most recent call last)
File \x1b[0;32m<command-3190442981>, line 12\x1b[0m
\x1b[1;32m     10\x1b[0m     return frame["amount"].sum()
\x1b[0;32m---> 12\x1b[0m print(total(orders))

File \x1b[0;32m<command-3190442981>, line 10\x1b[0m, in total(frame)
\x1b[1;32m      9\x1b[0m def total(frame):
\x1b[0;32m---> 10\x1b[0m     return frame["amount"].sum()

File \x1b[0;32m{PACKAGES}/pandas/core/frame.py:3761\x1b[0m, in DataFrame.__getitem__(self, key)
\x1b[0;32m-> 3761\x1b[0m indexer = self.columns.get_loc(key)

\x1b[0;31mKeyError\x1b[0m: 'amount'""".replace("{PACKAGES}", PACKAGES)

CAPACITY = (
    "Unexpected failure while waiting for the cluster (1125-031502-k3x8w1ab) to be ready: Cluster"
    " 1125-031502-k3x8w1ab is in unexpected state Terminated: AWS_INSUFFICIENT_INSTANCE_CAPACITY_FAILURE"
    "(CLOUD_FAILURE): aws_api_error_code:InsufficientInstanceCapacity,aws_error_message:There is no Spot"
    " capacity available that matches your request."
)
AZURE_QUOTA = (
    "Cluster 1102-043337-1ju7tror was terminated while waiting on it to be ready: Cluster"
    " 1102-043337-1ju7tror"
    " is in unexpected state Terminated: AZURE_QUOTA_EXCEEDED_EXCEPTION(CLIENT_ERROR): azure_error_code:"
    "QuotaExceeded,azure_error_message:Operation could not be completed as it results in exceeding approved"
    " standardFFamily Cores quota. Current Limit: 250, Current Usage: 244, Additional Required: 120"
)
NO_SUCH_PACKAGE = (
    'Library installation failed for library due to user error for pypi {\n  package: "orders-etl==4.1"\n}\n'
    " Error messages:\nLibrary installation attempted on the driver node of cluster 0717-175847-nze68msj and"
    " failed. Pip could not find a version that satisfies the requirement for the library. Error Code:"
    " NO_MATCHING_DISTRIBUTION_ERROR. Error Message: ERROR: No matching distribution found for"
    " orders-etl==4.1"
)


def _never_ran(
    name: str,
    category: str,
    cause: str,
    code: str,
    message: str,
    result: str | None,
    kind: str = "CLIENT_ERROR",
) -> FailureCase:
    """A run that has no tasks: it was over before any was made."""
    run = job_run(ended(code, kind, message, result=result, life="SKIPPED"))
    return FailureCase(name, (category,), cause, {RUN_ID: run | {"tasks": [], "end_time": run["start_time"]}})


BY_CODE = (
    one_task(
        "RUN_EXECUTION_ERROR: a notebook's own exception, coloured, below the frames of a library",
        "code",
        "KeyError: 'amount'",
        ended("RUN_EXECUTION_ERROR", message=WORKLOAD_FAILED, life="INTERNAL_ERROR"),
        {"error": "\x1b[0;31mKeyError\x1b[0m: 'amount'", "error_trace": NOTEBOOK_TRACE},
        frame="<command-3190442981>, line 10",
    ),
    one_task(
        "USER_CANCELED",
        "canceled",
        "Run cancelled",
        ended("USER_CANCELED", message="Run cancelled by ann@example.com.", result="CANCELED"),
    ),
    one_task(
        "CANCELED: the platform, at the time limit",
        "canceled",
        "timed out",
        ended("CANCELED", message="Run timed out after 3600 seconds.", result="TIMEDOUT"),
        task={"timeout_seconds": 3600},
    ),
    _never_ran(
        "SKIPPED: nothing to do",
        "never_started",
        "no material tasks",
        "SKIPPED",
        "The run was skipped: there were no material tasks to execute.",
        None,
    ),
    _never_ran(
        "MAX_CONCURRENT_RUNS_EXCEEDED",
        "never_started",
        "maximum of 1 concurrent runs",
        "MAX_CONCURRENT_RUNS_EXCEEDED",
        "Run skipped: the job has reached its maximum of 1 concurrent runs.",
        "MAXIMUM_CONCURRENT_RUNS_REACHED",
    ),
    _never_ran(
        "MAX_JOB_QUEUE_SIZE_EXCEEDED",
        "never_started",
        "queue",
        "MAX_JOB_QUEUE_SIZE_EXCEEDED",
        "The run was skipped because the queue of the job is full.",
        None,
    ),
    _never_ran(
        "WORKSPACE_RUN_LIMIT_EXCEEDED",
        "never_started",
        "2000 active runs",
        "WORKSPACE_RUN_LIMIT_EXCEEDED",
        "The workspace has reached its quota of 2000 active runs.",
        None,
    ),
    _never_ran(
        "DISABLED",
        "never_started",
        "disabled",
        "DISABLED",
        "The task is disabled.",
        "DISABLED",
        "SUCCESS",
    ),
    one_task(
        "INTERNAL_ERROR: the service itself",
        "platform",
        "Unexpected service error",
        ended(
            "INTERNAL_ERROR",
            "INTERNAL_ERROR",
            "Unexpected service error, reference 71c0-4e2f",
            result=None,
            life="INTERNAL_ERROR",
        ),
    ),
    one_task(
        "CLOUD_FAILURE: no machines to be had",
        "platform",
        "no Spot capacity",
        ended("CLOUD_FAILURE", "CLOUD_FAILURE", CAPACITY, life="INTERNAL_ERROR"),
    ),
    one_task(
        "CLUSTER_ERROR: the cluster went away",
        "platform",
        "terminated by the cloud provider",
        ended(
            "CLUSTER_ERROR",
            "CLOUD_FAILURE",
            "Cluster 1125-031502-k3x8w1ab was terminated during the run: the instance of the driver was"
            " terminated"
            " by the cloud provider (CLOUD_PROVIDER_SHUTDOWN)",
            life="INTERNAL_ERROR",
        ),
    ),
    one_task(
        "CLUSTER_ERROR: the cloud account's quota, though its type blames the client",
        "platform",
        "standardFFamily Cores quota",
        ended("CLUSTER_ERROR", "CLIENT_ERROR", AZURE_QUOTA, life="INTERNAL_ERROR"),
    ),
    one_task(
        "DRIVER_ERROR",
        "platform",
        "driver is up but is not responsive",
        ended(
            "DRIVER_ERROR",
            "INTERNAL_ERROR",
            "Could not reach driver of cluster 1125-031502-k3x8w1ab: the driver is up but is not responsive,"
            " likely due to GC.",
            life="INTERNAL_ERROR",
        ),
    ),
    one_task(
        "CLUSTER_REQUEST_LIMIT_EXCEEDED",
        "platform",
        "rate limit",
        ended(
            "CLUSTER_REQUEST_LIMIT_EXCEEDED",
            "CLIENT_ERROR",
            "Requests to create clusters exceed the rate limit of 150 nodes per 5 minutes.",
            life="INTERNAL_ERROR",
        ),
    ),
    one_task(
        "CLUSTER_TERMINATED_BY_USER",
        "canceled",
        "terminated by user bob@example.com",
        ended(
            "CLUSTER_TERMINATED_BY_USER",
            "CLIENT_ERROR",
            "Cluster 0401-shared was terminated by user bob@example.com while the run was using it.",
            life="INTERNAL_ERROR",
        ),
        task={"existing_cluster_id": "0401-shared"},
    ),
    one_task(
        "FEATURE_DISABLED",
        "configuration",
        "serverless compute is not enabled",
        ended(
            "FEATURE_DISABLED",
            "CLIENT_ERROR",
            "serverless compute is not enabled for this workspace",
            life="INTERNAL_ERROR",
        ),
    ),
    one_task(
        "INVALID_CLUSTER_REQUEST",
        "configuration",
        "Node type m5.hugest is not supported",
        ended(
            "INVALID_CLUSTER_REQUEST",
            "CLIENT_ERROR",
            "Cluster validation error: Node type m5.hugest is not supported. Supported node types:"
            " m5.large, …",
            life="INTERNAL_ERROR",
        ),
    ),
    one_task(
        "INVALID_RUN_CONFIGURATION",
        "configuration",
        "day is not defined",
        ended(
            "INVALID_RUN_CONFIGURATION",
            "CLIENT_ERROR",
            "The parameter {{job.parameters.day}} cannot be resolved: day is not defined.",
            life="INTERNAL_ERROR",
        ),
    ),
    one_task(
        "LIBRARY_INSTALLATION_ERROR: a version that does not exist",
        "configuration",
        "No matching distribution found for orders-etl==4.1",
        ended("LIBRARY_INSTALLATION_ERROR", "CLIENT_ERROR", NO_SUCH_PACKAGE, life="INTERNAL_ERROR"),
    ),
    one_task(
        "MAX_SPARK_CONTEXTS_EXCEEDED",
        "platform",
        "145 execution contexts",
        ended(
            "MAX_SPARK_CONTEXTS_EXCEEDED",
            "CLIENT_ERROR",
            "Too many execution contexts are open right now. (Limit 145 execution contexts)",
            life="INTERNAL_ERROR",
        ),
        task={"existing_cluster_id": "0401-shared"},
    ),
    one_task(
        "REPOSITORY_CHECKOUT_FAILED: the branch is gone",
        "configuration",
        "release/4.1",
        ended(
            "REPOSITORY_CHECKOUT_FAILED",
            "CLIENT_ERROR",
            "Failed to checkout Git repository: NOT_FOUND: branch release/4.1 does not exist at"
            " https://git.example.com/etl.git.",
            life="INTERNAL_ERROR",
        ),
    ),
    one_task(
        "RESOURCE_NOT_FOUND: the notebook was moved",
        "configuration",
        "/Repos/etl/main",
        ended(
            "RESOURCE_NOT_FOUND",
            "CLIENT_ERROR",
            "Unable to access the notebook /Repos/etl/main. Either it does not exist, or the identity"
            " that runs"
            " this job, etl-prod, lacks the permission to view it.",
            life="INTERNAL_ERROR",
        ),
    ),
    one_task(
        "STORAGE_ACCESS_ERROR",
        "platform",
        "dbfs root",
        ended(
            "STORAGE_ACCESS_ERROR",
            "CLIENT_ERROR",
            "Cannot read from the dbfs root: the storage account answers 503 ServerBusy",
            life="INTERNAL_ERROR",
        ),
    ),
    one_task(
        "UNAUTHORIZED_ERROR",
        "permissions",
        "not authorized to attach to cluster",
        ended(
            "UNAUTHORIZED_ERROR",
            "CLIENT_ERROR",
            "etl-prod is not authorized to attach to cluster 0401-shared.",
            life="INTERNAL_ERROR",
        ),
    ),
    one_task(
        "BREAKING_CHANGE",
        "platform",
        "will be retried with a mitigation",
        ended(
            "BREAKING_CHANGE",
            "INTERNAL_ERROR",
            "The run failed because of a change in Spark and will be retried with a mitigation config.",
            life="INTERNAL_ERROR",
        ),
    ),
    one_task(
        "BUDGET_POLICY_LIMIT_EXCEEDED",
        "configuration|platform",
        "budget policy etl-2026",
        ended(
            "BUDGET_POLICY_LIMIT_EXCEEDED",
            "CLIENT_ERROR",
            "The limit of the budget policy etl-2026 has been reached.",
            life="INTERNAL_ERROR",
        ),
    ),
    FailureCase(
        "SUCCESS_WITH_FAILURES: the run counts as good, one leaf failed",
        ("code",),
        "ValueError: no mail server for region EU",
        {
            RUN_ID: job_run(
                ended(
                    "SUCCESS_WITH_FAILURES", "SUCCESS", "Some tasks failed.", result="SUCCESS_WITH_FAILURES"
                ),
                task_run("load", ended("SUCCESS", "SUCCESS", result="SUCCESS"), 5002),
                task_run("mail", ended("RUN_EXECUTION_ERROR", message=WORKLOAD_FAILED), after=("load",)),
                task_run(
                    "done", ended("SUCCESS", "SUCCESS", result="SUCCESS"), 5003, ("mail",), run_if="ALL_DONE"
                ),
            )
        },
        {
            TASK_RUN_ID: {
                "error": "ValueError: no mail server for region EU",
                "error_trace": "Traceback (most recent call last):\n"
                '  File "/Workspace/etl/mail.py", line 8, in <module>\n    raise ValueError("no mail'
                ' server")\n'
                "ValueError: no mail server for region EU",
            }
        },
        frame="/Workspace/etl/mail.py, line 8",
        tasks=("mail",),
    ),
)
