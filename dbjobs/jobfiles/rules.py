"""The limits and rules for the fields of each type in the API's reference, as data.

Sources: the docstrings of the official SDK's data classes, which contain the text of
https://docs.databricks.com/api/workspace/jobs/create; where they are silent, the schema of
Jobs API 2.1 and https://docs.databricks.com/en/reference/jobs-2.0-api.html.
What involves more than one mapping is in `checks`.
"""

import json
from typing import Any

from dbjobs.api.shapes import NOTIFICATION_EVENTS
from dbjobs.http.response import Payload
from dbjobs.jobfiles.parameters import MAX_TOKEN_LENGTH
from dbjobs.jobfiles.rule_kinds import (
    FieldChoice,
    FieldRule,
    absent,
    as_number,
    at_least_one,
    at_most,
    at_most_one,
    begins,
    between,
    exactly_one,
    excludes,
    is_empty,
    keys_match,
    matches,
    min_items,
    needs,
    one_of,
    only_if,
)
from dbjobs.jobfiles.schedules import explain_unknown_time_zone, find_cron_problem, is_time_zone

MAY_BE_EMPTY = {("JobParameterDefinition", "default"), ("ConditionTask", "left"), ("ConditionTask", "right")}
"""Required texts that may have no characters."""


def tags(field: str, most: int) -> tuple[FieldRule, ...]:
    """Tags go to the cloud's resources; the characters are those that each cloud refuses."""
    refused = r"[^<>*&%;\\?\x00-\x1f\x7f]*"
    return (
        at_most(field, most),
        keys_match(field, r"(?s).{1,127}", "has a key that is empty or longer than 127 characters"),
        matches(field, r".{0,255}", "has a value that is longer than 255 characters"),
        keys_match(field, refused, r"has a key with one of < > * & % ; \ ? or a control character"),
        matches(field, refused, r"has a value with one of < > * & % ; \ ? or a control character"),
    )


def _is_array(value: Any, _: Payload) -> bool:
    try:
        return not isinstance(value, str) or isinstance(json.loads(value), list)
    except ValueError:
        return False


def _disk_size(value: Any, mapping: Payload) -> bool:
    is_hdd = mapping.get("ebs_volume_type") == "THROUGHPUT_OPTIMIZED_HDD"
    number = as_number(value)
    return number is None or number == 0 or (500 if is_hdd else 100) <= number <= 4096


def _accelerators(value: Any, mapping: Payload) -> bool:
    """`GPU_8xH100` has eight in a node."""
    number, type_ = as_number(value), str(mapping.get("accelerator_type"))
    per_node = type_.removeprefix("GPU_").partition("x")[0]
    return number is None or (number > 0 and (not per_node.isdecimal() or number % int(per_node) == 0))


def _has_enough_labels(value: Any, mapping: Payload) -> bool:
    labels = value.get("labels") if isinstance(value, dict) else None
    minimum = 1 if mapping.get("multilabel") is True else 2
    return not isinstance(labels, list) or len(labels) >= minimum


CRON = FieldRule(
    "quartz_cron_expression",
    "must be a cron expression of Quartz",
    lambda value, _: not isinstance(value, str) or find_cron_problem(value) is None,
    explain=lambda value: str(find_cron_problem(value)),
)
TIME_ZONE = FieldRule(
    "timezone_id",
    "must be a time zone of Java",
    lambda value, _: not isinstance(value, str) or is_time_zone(value),
    is_unknown=True,
    explain=explain_unknown_time_zone,
)
QUIET_TIMES = (
    between("min_time_between_triggers_seconds", 60),
    between("wait_after_last_change_seconds", 60),
)
ID_OF_PAGE = (r"[A-Za-z0-9_-]{1,63}", "must be 1 to 63 ASCII letters, digits, - or _")
TABLE_NAME = (r"[^.]+\.[^.]+\.[^.]+|.*`.*", "must be catalog_name.schema_name.table_name")

_COMMON = (
    at_most("tasks", 1_000),
    at_most("environment_variables", 10),
    one_of("duration_target", "NO_FLEXIBILITY", "4h", "12h", "24h", "72h"),
    FieldRule(
        "performance_target",
        "needs duration_target as well",
        lambda value, mapping: value != "COST_OPTIMIZED" or not is_empty(mapping.get("duration_target")),
    ),
    between("timeout_seconds", 0),
)
_TASK = (
    at_most("description", 4_096, "bytes"),
    between("max_retries", -1),
    between("min_retry_interval_millis", 0),
    between("timeout_seconds", 0),
)

RULES: dict[str, tuple[FieldRule | FieldChoice, ...]] = {
    "JobSettings": (
        *_COMMON,
        at_most("name", 4_096, "bytes"),
        at_most("description", 27_700, "characters"),
        between("max_concurrent_runs", 0, 1_000),
        *tags("tags", 25),
        at_most_one("schedule", "continuous"),
        excludes("triggers", "schedule", "trigger", "continuous"),
    ),
    "SubmitRun": (
        *_COMMON,
        at_most("run_name", 4_096, "bytes"),
        at_most("idempotency_token", MAX_TOKEN_LENGTH, "characters"),
    ),
    "RunNow": (at_most("idempotency_token", MAX_TOKEN_LENGTH, "characters"),),
    "JobAccessControlRequest": (exactly_one("user_name", "group_name", "service_principal_name"),),
    "JobRunAs": (exactly_one("user_name", "service_principal_name", "group_name"),),
    "JobParameterDefinition": (
        matches("name", r"[A-Za-z0-9_.-]*", "may contain only ASCII letters, digits, _, - and ."),
    ),
    "JobsHealthRule": (exactly_one("op", "operator"),),
    "GitSource": (
        exactly_one("git_branch", "git_tag", "git_commit"),
        at_most("git_url", 300, "characters"),
        at_most("git_branch", 255, "characters"),
        at_most("git_tag", 255, "characters"),
        at_most("git_commit", 64, "characters"),
    ),
    # When a job runs
    "CronSchedule": (CRON, TIME_ZONE),
    "CronTriggerConfiguration": (CRON, TIME_ZONE),
    "MaintenanceWindow": (between("start_hour", 0, 23), TIME_ZONE),
    "TriggerConfiguration": (
        exactly_one(
            "periodic", "schedule", "continuous", "file_arrival", "table_update", "model", "job_completion"
        ),
    ),
    "FileArrivalTriggerConfiguration": QUIET_TIMES,
    "TableUpdateTriggerConfiguration": (*QUIET_TIMES, matches("table_names", *TABLE_NAME)),
    "ModelTriggerConfiguration": (*QUIET_TIMES, only_if("aliases", "condition", "MODEL_ALIAS_SET")),
    "JobCompletionTriggerConfiguration": (at_most("jobs", 10),),
    "WebhookNotifications": tuple(at_most(event, 3) for event in NOTIFICATION_EVENTS),
    # Tasks
    "Task": _TASK,
    "SubmitTask": _TASK,
    "TaskDependency": (one_of("outcome", "true", "false"),),
    "NotebookTask": (at_most("base_parameters", 1_000_000, "bytes as JSON"),),
    "SparkJarTask": (
        FieldRule("run_as_repl", "can no longer be false", lambda value, _: value not in (False, "false")),
    ),
    "SparkSubmitTask": (
        matches(
            "parameters",
            r"(?!--(master|deploy-mode|executor-cores)(=|$)).*",
            "cannot contain --master, --deploy-mode or --executor-cores, which Databricks sets",
        ),
    ),
    "PythonWheelTask": (at_most_one("parameters", "named_parameters"),),
    "PipelineTask": (at_most("parameters", 10_000, "characters in total"),),
    "DbtTask": (
        min_items("commands", 1),
        at_most("commands", 10),
        matches("commands", r"dbt( .*)?", "has a command that does not start with dbt"),
        needs("catalog", "warehouse_id"),
        needs("schema", "warehouse_id"),
        excludes("profiles_directory", "warehouse_id"),
    ),
    "ForEachTask": (FieldRule("inputs", "must be a JSON array, or a reference to one", _is_array),),
    "SqlTask": (exactly_one("query", "dashboard", "alert", "file"), excludes("alert", "parameters")),
    "SqlTaskSubscription": (exactly_one("user_name", "destination_id"),),
    "SubscriptionSubscriber": (exactly_one("user_name", "destination_id"),),
    "SubscriptionAttachmentDataAttachment": (min_items("widgets", 1),),
    "SubscriptionAttachmentDataAttachmentWidget": (
        matches("page_id", *ID_OF_PAGE),
        matches("widget_id", *ID_OF_PAGE),
    ),
    "SubscriptionAttachmentPageAttachment": (
        only_if("page_ids", "page_selection", "PAGE_SELECTION_SUBSET"),
        matches("page_ids", *ID_OF_PAGE),
    ),
    "AlertTask": (
        exactly_one("alert_id", "workspace_path"),
        begins("workspace_path", "/Workspace"),
        matches("workspace_path", r"(?!.*(//|/\.\.?(/|$))).*", "must be a normalized path"),
        at_most("subscribers", 100),
        at_most("parameters", 10_000, "characters as JSON"),
        keys_match(
            "parameters",
            r"[A-Za-z0-9_.-]{1,100}",
            "has a key other than 1 to 100 ASCII letters, digits, _, - and .",
        ),
    ),
    "AlertTaskSubscriber": (exactly_one("user_name", "destination_id"),),
    "AiClassifyFunction": (
        FieldRule("inline_labels", "needs two labels, or one with multilabel", _has_enough_labels),
    ),
    "AiClassifyFunctionInlineLabels": (at_most("labels", 10),),
    "AiParseDocumentFunction": (
        matches("page_range", r"\d+(-\d+)?( *, *\d+(-\d+)?)*", "must be like 1,3,5-10"),
    ),
    "DeltaTableSource": (matches("table_name", *TABLE_NAME),),
    "VolumeSource": (begins("volume_path", "/Volumes/"),),
    "AiRuntimeTask": (
        min_items("deployments", 1),
        at_most("deployments", 1),
        begins("mlflow_experiment_directory", "/Workspace"),
    ),
    "ComputeSpec": (FieldRule("accelerator_count", "must be a multiple of what a node has", _accelerators),),
    # What tasks run on
    "JobEnvironmentVariablesSpec": (
        at_most("files", 5),
        begins("files", "/Workspace/", "/Volumes/"),
        at_most("variables", 20),
        keys_match(
            "variables",
            r"[A-Za-z_][A-Za-z0-9_]{0,255}",
            "has a name other than 1 to 256 ASCII letters, digits and _, and not starting with a digit",
        ),
        matches("variables", r".{0,512}", "has a value that is longer than 512 characters"),
    ),
    "Environment": (
        at_least_one("environment_version", "base_environment", "client", "project_environment"),
        at_most_one("environment_version", "base_environment"),
        excludes(
            "project_environment",
            "environment_version",
            "base_environment",
            "dependencies",
            "java_dependencies",
        ),
        matches("environment_version", r"[0-9]+", "must be a string of digits"),
    ),
    "Library": (
        exactly_one("jar", "egg", "whl", "pypi", "maven", "cran", "requirements"),
        begins("requirements", "/", "dbfs:/Volumes/"),
    ),
    "JobCluster": (
        at_least_one("new_cluster", "serverless_compute", "serverless_compute_id"),
        absent("libraries", "cannot be declared in a shared job cluster; they belong in the tasks"),
    ),
    "ClusterSpec": (
        absent("libraries", "cannot be declared in a cluster; they belong in the task"),
        at_least_one("spark_version", unless=("policy_id",)),
        at_least_one("node_type_id", "instance_pool_id", unless=("policy_id",)),
        at_least_one("num_workers", "autoscale", unless=("policy_id", "is_single_node")),
        at_most_one("num_workers", "autoscale"),
        between("num_workers", 0),
        *tags("custom_tags", 45),
        at_most("ssh_public_keys", 10),
        FieldRule(
            "autotermination_minutes",
            "must be 0, or from 10 to 10,000",
            lambda value, _: (number := as_number(value)) is None or number == 0 or 10 <= number <= 10_000,
        ),
        needs("driver_instance_pool_id", "instance_pool_id"),
        only_if("is_single_node", "kind", "CLASSIC_PREVIEW"),
        only_if("use_ml_runtime", "kind", "CLASSIC_PREVIEW"),
        FieldRule(
            "runtime_engine",
            "cannot be combined with a spark_version with -photon-",
            lambda value, mapping: "-photon-" not in str(mapping.get("spark_version")),
        ),
    ),
    "AutoScale": (
        at_least_one("max_workers"),
        between("min_workers", 0),
        FieldRule(
            "max_workers",
            "must be greater than min_workers",
            lambda value, mapping: (
                (maximum := as_number(value)) is None
                or (minimum := as_number(mapping.get("min_workers"))) is None
                or maximum > minimum
            ),
        ),
    ),
    "AwsAttributes": (
        between("first_on_demand", 0),
        between("spot_bid_price_percent", 0, 10_000),
        between("ebs_volume_count", 0, 10),
        FieldRule(
            "ebs_volume_size",
            "must be from 100 to 4,096, and at least 500 for THROUGHPUT_OPTIMIZED_HDD",
            _disk_size,
        ),
        between("ebs_volume_iops", 3_000, 16_000),
        between("ebs_volume_throughput", 125, 1_000),
    ),
    "AzureAttributes": (
        between("first_on_demand", 1),
        FieldRule(
            "spot_bid_max_price",
            "must be greater than 0, or -1",
            lambda value, _: (price := as_number(value)) is None or price > 0 or price == -1,
        ),
    ),
    "GcpAttributes": (between("first_on_demand", 0),),
    "ClusterLogConf": (exactly_one("dbfs", "s3", "volumes"),),
    "InitScriptInfo": (exactly_one("workspace", "volumes", "s3", "gcs", "abfss", "dbfs", "file"),),
    "DbfsStorageInfo": (begins("destination", "dbfs:/"),),
    "S3StorageInfo": (
        begins("destination", "s3://", "s3a://", "s3n://"),
        at_least_one("region", "endpoint"),
        one_of("encryption_type", "sse-s3", "sse-kms"),
    ),
    "VolumesStorageInfo": (begins("destination", "/Volumes/", "dbfs:/Volumes/"),),
    "GcsStorageInfo": (begins("destination", "gs://"),),
    "Adlsgen2Info": (begins("destination", "abfss://"),),
    "LocalFileInfo": (begins("destination", "file:/"),),
    "WorkspaceStorageInfo": (begins("destination", "/", "workspace:/"),),
}
"""By type. Only what the reference rules out; nothing here is a matter of taste."""
