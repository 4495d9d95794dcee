"""The fields of job settings that are known, as data.

A schema is a kind of value (`TEXT`, …), a tuple of the texts that are known for it, a list
with the schema of its items, or a dict with a schema a field; the field `*` stands for
names that people choose. Databricks adds fields without a new version, so what is missing
here is not wrong. Source: the data classes of databricks-sdk 0.156 and
https://docs.databricks.com/api/workspace/jobs/create
"""

from dbjobs.spec.known_clusters import (
    ANYTHING,
    LIBRARIES,
    NEW_CLUSTER,
    TEXT,
    TEXT_BY_NAME,
    TEXTS,
    TRUTH,
    WHOLE,
    Schema,
)

SOURCE = ("WORKSPACE", "GIT")
PAUSE_STATUS = ("PAUSED", "UNPAUSED")

WEBHOOKS = [{"id": TEXT}]
EVENTS = (
    "on_start",
    "on_success",
    "on_failure",
    "on_duration_warning_threshold_exceeded",
    "on_streaming_backlog_exceeded",
    "on_maintenance_start",
    "on_maintenance_complete",
)
EMAIL_NOTIFICATIONS = {**dict.fromkeys(EVENTS, TEXTS), "no_alert_for_skipped_runs": TRUTH}
WEBHOOK_NOTIFICATIONS = dict.fromkeys(EVENTS, WEBHOOKS)
NOTIFICATION_SETTINGS = {"no_alert_for_skipped_runs": TRUTH, "no_alert_for_canceled_runs": TRUTH}
SUBSCRIBERS = [{"user_name": TEXT, "destination_id": TEXT}]
HEALTH = {"rules": [{"metric": TEXT, "op": ("GREATER_THAN",), "value": WHOLE}]}

SCHEDULE = {"quartz_cron_expression": TEXT, "timezone_id": TEXT}
SQL_CONDITION = {"sql_query_id": TEXT, "warehouse_id": TEXT, "trigger_mode": TEXT}
_QUIET_TIMES = {"min_time_between_triggers_seconds": WHOLE, "wait_after_last_change_seconds": WHOLE}
TRIGGERS = {
    "file_arrival": {"url": TEXT, **_QUIET_TIMES},
    "table_update": {"table_names": TEXTS, "condition": ("ANY_UPDATED", "ALL_UPDATED"), **_QUIET_TIMES},
    "model": {"condition": TEXT, "securable_name": TEXT, "aliases": TEXTS, **_QUIET_TIMES},
    "periodic": {"interval": WHOLE, "unit": ("MINUTES", "HOURS", "DAYS", "WEEKS")},
    "sql_condition": SQL_CONDITION,
}

# Parameters of a run

PIPELINE_PARAMS = {
    "full_refresh": TRUTH,
    "full_refresh_selection": TEXTS,
    "refresh_selection": TEXTS,
    "refresh_flow_selection": TEXTS,
    "reset_checkpoint_selection": TEXTS,
}
RUN_PARAMETERS = {
    "job_parameters": TEXT_BY_NAME,
    "notebook_params": TEXT_BY_NAME,
    "python_named_params": TEXT_BY_NAME,
    "sql_params": TEXT_BY_NAME,
    "python_params": TEXTS,
    "jar_params": TEXTS,
    "spark_submit_params": TEXTS,
    "dbt_commands": TEXTS,
    "pipeline_params": PIPELINE_PARAMS,
}

# Tasks

TASK_TYPES: dict[str, Schema] = {
    "notebook_task": {
        "notebook_path": TEXT,
        "base_parameters": TEXT_BY_NAME,
        "source": SOURCE,
        "warehouse_id": TEXT,
        "revision_timestamp": WHOLE,
    },
    "spark_python_task": {"python_file": TEXT, "parameters": TEXTS, "source": SOURCE},
    "spark_jar_task": {"main_class_name": TEXT, "parameters": TEXTS, "jar_uri": TEXT, "run_as_repl": TRUTH},
    "spark_submit_task": {"parameters": TEXTS},
    "pipeline_task": {"pipeline_id": TEXT, "parameters": TEXT_BY_NAME, **PIPELINE_PARAMS},
    "run_job_task": {"job_id": WHOLE, **RUN_PARAMETERS},
    "python_wheel_task": {
        "package_name": TEXT,
        "entry_point": TEXT,
        "parameters": TEXTS,
        "named_parameters": TEXT_BY_NAME,
    },
    "python_operator_task": {"main": TEXT, "parameters": [{"name": TEXT, "value": TEXT}]},
    "condition_task": {
        "op": (
            "EQUAL_TO",
            "NOT_EQUAL",
            "GREATER_THAN",
            "GREATER_THAN_OR_EQUAL",
            "LESS_THAN",
            "LESS_THAN_OR_EQUAL",
        ),
        "left": TEXT,
        "right": TEXT,
    },
    "for_each_task": {"inputs": TEXT, "concurrency": WHOLE, "task": {}},
    "dbt_task": {
        "commands": TEXTS,
        "project_directory": TEXT,
        "profiles_directory": TEXT,
        "warehouse_id": TEXT,
        "catalog": TEXT,
        "schema": TEXT,
        "source": SOURCE,
    },
    "sql_task": {
        "warehouse_id": TEXT,
        "parameters": TEXT_BY_NAME,
        "query": {"query_id": TEXT},
        "file": {"path": TEXT, "source": SOURCE},
        "alert": {"alert_id": TEXT, "pause_subscriptions": TRUTH, "subscriptions": SUBSCRIBERS},
        "dashboard": {
            "dashboard_id": TEXT,
            "custom_subject": TEXT,
            "pause_subscriptions": TRUTH,
            "subscriptions": SUBSCRIBERS,
        },
    },
    "dashboard_task": {
        "dashboard_id": TEXT,
        "warehouse_id": TEXT,
        "filters": TEXT_BY_NAME,
        "subscription": {
            "custom_subject": TEXT,
            "paused": TRUTH,
            "subscribers": SUBSCRIBERS,
            "attachment": ANYTHING,
        },
    },
    "alert_task": {
        "alert_id": TEXT,
        "workspace_path": TEXT,
        "warehouse_id": TEXT,
        "parameters": TEXT_BY_NAME,
        "subscribers": SUBSCRIBERS,
    },
    "power_bi_task": {
        "connection_resource_name": TEXT,
        "warehouse_id": TEXT,
        "refresh_after_update": TRUTH,
        "power_bi_model": ANYTHING,
        "tables": [{"name": TEXT, "catalog": TEXT, "schema": TEXT, "storage_mode": TEXT}],
    },
    "clean_rooms_notebook_task": {
        "clean_room_name": TEXT,
        "notebook_name": TEXT,
        "etag": TEXT,
        "notebook_base_parameters": TEXT_BY_NAME,
    },
    "dbt_cloud_task": {"connection_resource_name": TEXT, "dbt_cloud_job_id": WHOLE},
    "dbt_platform_task": {"connection_resource_name": TEXT, "dbt_platform_job_id": TEXT},
    "gen_ai_compute_task": ANYTHING,
    "ai_runtime_task": ANYTHING,
}
TASK: dict[str, Schema] = {
    "task_key": TEXT,
    "description": TEXT,
    "depends_on": [{"task_key": TEXT, "outcome": TEXT}],
    "run_if": (
        "ALL_SUCCESS",
        "AT_LEAST_ONE_SUCCESS",
        "NONE_FAILED",
        "ALL_DONE",
        "AT_LEAST_ONE_FAILED",
        "ALL_FAILED",
    ),
    "disabled": TRUTH,
    **TASK_TYPES,
    "existing_cluster_id": TEXT,
    "new_cluster": NEW_CLUSTER,
    "job_cluster_key": TEXT,
    "environment_key": TEXT,
    "environment_variables_key": TEXT,
    "compute": ANYTHING,
    "libraries": LIBRARIES,
    "max_retries": WHOLE,
    "min_retry_interval_millis": WHOLE,
    "retry_on_timeout": TRUTH,
    "disable_auto_optimization": TRUTH,
    "timeout_seconds": WHOLE,
    "health": HEALTH,
    "email_notifications": EMAIL_NOTIFICATIONS,
    "webhook_notifications": WEBHOOK_NOTIFICATIONS,
    "notification_settings": {**NOTIFICATION_SETTINGS, "alert_on_last_attempt": TRUTH},
}
TASK_TYPES["for_each_task"]["task"] = TASK

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
"""Fields of the one task that stand at the top of a body of API 2.0."""

# Requests

_COMMON: dict[str, Schema] = {
    "tasks": [TASK],
    "timeout_seconds": WHOLE,
    "access_control_list": [
        {"user_name": TEXT, "group_name": TEXT, "service_principal_name": TEXT, "permission_level": TEXT}
    ],
    "budget_policy_id": TEXT,
    "usage_policy_id": TEXT,
    "duration_target": TEXT,
    "email_notifications": EMAIL_NOTIFICATIONS,
    "webhook_notifications": WEBHOOK_NOTIFICATIONS,
    "notification_settings": NOTIFICATION_SETTINGS,
    "environments": [
        {
            "environment_key": TEXT,
            "spec": {
                "environment_version": TEXT,
                "client": TEXT,
                "dependencies": TEXTS,
                "java_dependencies": TEXTS,
                "base_environment": TEXT,
                "project_environment": TEXT,
            },
        }
    ],
    "environment_variables": [
        {"environment_variables_key": TEXT, "spec": {"files": TEXTS, "variables": TEXT_BY_NAME}}
    ],
    "git_source": {
        "git_url": TEXT,
        "git_provider": TEXT,
        "git_branch": TEXT,
        "git_tag": TEXT,
        "git_commit": TEXT,
        "git_snapshot": {"used_commit": TEXT},
        "job_source": {"job_config_path": TEXT, "import_from_git_branch": TEXT, "dirty_state": TEXT},
        "sparse_checkout": {"patterns": TEXTS},
    },
    "health": HEALTH,
    "performance_target": ("STANDARD", "PERFORMANCE_OPTIMIZED"),
    "queue": {"enabled": TRUTH},
    "run_as": {"user_name": TEXT, "service_principal_name": TEXT, "group_name": TEXT},
}
SUBMIT_FIELDS: dict[str, Schema] = {"run_name": TEXT, "idempotency_token": TEXT, **_COMMON}
"""The body of runs/submit."""

JOB_FIELDS: dict[str, Schema] = {
    "name": TEXT,
    "description": TEXT,
    **_COMMON,
    "job_clusters": [{"job_cluster_key": TEXT, "new_cluster": NEW_CLUSTER, "serverless_compute_id": TEXT}],
    "parameters": [{"name": TEXT, "default": TEXT}],
    "schedule": {**SCHEDULE, "pause_status": PAUSE_STATUS, "sql_condition": SQL_CONDITION},
    "continuous": {
        "pause_status": PAUSE_STATUS,
        "task_retry_mode": ("NEVER", "ON_FAILURE"),
        "maintenance_window": ANYTHING,
    },
    "trigger": {**TRIGGERS, "pause_status": PAUSE_STATUS},
    "triggers": [{**TRIGGERS, "schedule": SCHEDULE, "continuous": ANYTHING, "pause_status": PAUSE_STATUS}],
    "max_concurrent_runs": WHOLE,
    "tags": TEXT_BY_NAME,
    "format": ("MULTI_TASK", "SINGLE_TASK"),
    "edit_mode": ("UI_LOCKED", "EDITABLE"),
    "deployment": {"kind": TEXT, "deployment_id": TEXT, "metadata_file_path": TEXT, "version_id": TEXT},
    "parent_path": TEXT,
    "compute": ANYTHING,
}
"""Job settings, as create, reset and update take them."""

READ_ONLY = (
    "job_id",
    "creator_user_name",
    "run_as_user_name",
    "run_as_owner",
    "created_time",
    "effective_budget_policy_id",
    "effective_usage_policy_id",
    "trigger_state",
    "trigger_details",
    "has_more",
    "next_page_token",
)
"""What jobs/get tells of a job beside its settings."""
