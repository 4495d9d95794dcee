"""By type of the API: what just passes a rule of the reference, and what just does not."""

from typing import Any

from dbjobs.jobfiles.known_fields import RECORDS

Fields = dict[str, Any]
Case = tuple[str, Fields, Fields]

NODE = {"spark_version": "15.4.x-scala2.12", "node_type_id": "m5.large"}
JOB_CLUSTER = {"job_cluster_key": "a", "new_cluster": {"policy_id": "p"}}
GIT = {"git_url": "https://example.com/x.git", "git_provider": "gitHub"}
QUERY: dict[str, Any] = {"warehouse_id": "w", "query": {"query_id": "q"}}
CRON: dict[str, Any] = {"quartz_cron_expression": "0 0 2 * * ?", "timezone_id": "UTC"}
WINDOW = {"day_of_week": "MONDAY", "start_hour": 23, "timezone_id": "UTC"}
WEBHOOK = {"id": "w"}
CAPACITY = {"accelerator_type": "GPU_8xH100", "accelerator_count": 16}
EXTRACT = {"version": "2.0"}
GPU = {"experiment": "e", "deployments": [{"compute": CAPACITY}]}
TABLES: dict[str, Any] = {"table_names": ["a.b.c"]}
WHEEL = {"package_name": "p", "entry_point": "e"}


def tags(number: int, key: int = 1, value: int = 0) -> dict[str, str]:
    return {"k" * key + "0" * (place > 0) + str(place or ""): "v" * value for place in range(number)}


EVENT_CASES: list[Case] = [
    ("WebhookNotifications", {event: [WEBHOOK] * 3}, {event: [WEBHOOK] * 4})
    for event in RECORDS["WebhookNotifications"]
]
WAITING_TRIGGERS: list[tuple[str, Fields]] = [
    ("FileArrivalTriggerConfiguration", {"url": "s3://x/"}),
    ("TableUpdateTriggerConfiguration", TABLES),
    ("ModelTriggerConfiguration", {"condition": "MODEL_CREATED"}),
]
QUIET_CASES: list[Case] = [
    (name, {**base, field: 60}, {**base, field: 59})
    for name, base in WAITING_TRIGGERS
    for field in ("min_time_between_triggers_seconds", "wait_after_last_change_seconds")
]
TASK_LIMITS: list[tuple[Fields, Fields]] = [
    ({"description": "é" * 2048}, {"description": "é" * 2049}),
    ({"max_retries": -1}, {"max_retries": -2}),
    ({"min_retry_interval_millis": 0}, {"min_retry_interval_millis": -1}),
    ({"timeout_seconds": "0"}, {"timeout_seconds": "-1"}),
]
TASK_CASES: list[Case] = [
    (name, {"task_key": "a", **good}, {"task_key": "a", **bad})
    for name in ("Task", "SubmitTask")
    for good, bad in TASK_LIMITS
]
REQUEST_LIMITS: list[tuple[Fields, Fields]] = [
    ({"tasks": [{"task_key": "a"}] * 1000}, {"tasks": [{"task_key": "a"}] * 1001}),
    (
        {"environment_variables": [{"environment_variables_key": "a"}] * 10},
        {"environment_variables": [{"environment_variables_key": "a"}] * 11},
    ),
    (
        {"performance_target": "COST_OPTIMIZED", "duration_target": "24h"},
        {"performance_target": "COST_OPTIMIZED"},
    ),
    ({"duration_target": "NO_FLEXIBILITY"}, {"duration_target": "5h"}),
    ({"timeout_seconds": 0}, {"timeout_seconds": -1}),
]
REQUEST_CASES: list[Case] = [
    (name, good, bad) for name in ("JobSettings", "SubmitRun") for good, bad in REQUEST_LIMITS
]
CLUSTER_LIMITS: list[tuple[Fields, Fields, Fields]] = [
    ({"num_workers": 1}, NODE, {"node_type_id": "m5.large"}),
    ({"num_workers": 1}, {"policy_id": "p"}, {"spark_version": "15.4.x-scala2.12"}),
    (NODE, {"num_workers": 0}, {"num_workers": -1}),
    (NODE, {"autoscale": {"min_workers": 1, "max_workers": 2}}, {}),
    (NODE, {"num_workers": 1}, {"num_workers": 1, "autoscale": {"min_workers": 1, "max_workers": 2}}),
    ({"policy_id": "p"}, {"custom_tags": tags(45)}, {"custom_tags": tags(46)}),
    ({"policy_id": "p"}, {"custom_tags": tags(1, key=127)}, {"custom_tags": tags(1, key=128)}),
    ({"policy_id": "p"}, {"custom_tags": {"a": "é"}}, {"custom_tags": {"": "b"}}),
    ({"policy_id": "p"}, {"custom_tags": tags(1, value=255)}, {"custom_tags": tags(1, value=256)}),
    ({"policy_id": "p"}, {"custom_tags": {"a.b:c/d@e": "f"}}, {"custom_tags": {"a<b": "f"}}),
    ({"policy_id": "p"}, {"custom_tags": {"a": "b c+d=e_f"}}, {"custom_tags": {"a": "b\\c"}}),
    ({"policy_id": "p"}, {"ssh_public_keys": ["k"] * 10}, {"ssh_public_keys": ["k"] * 11}),
    ({"policy_id": "p"}, {"autotermination_minutes": 0}, {"autotermination_minutes": 9}),
    ({"policy_id": "p"}, {"autotermination_minutes": 10_000}, {"autotermination_minutes": 10_001}),
    (
        {"policy_id": "p"},
        {"driver_instance_pool_id": "a", "instance_pool_id": "b"},
        {"driver_instance_pool_id": "a"},
    ),
    ({"policy_id": "p", "is_single_node": True}, {"kind": "CLASSIC_PREVIEW"}, {}),
    ({"policy_id": "p", "use_ml_runtime": True}, {"kind": "CLASSIC_PREVIEW"}, {}),
    (
        {"policy_id": "p", "runtime_engine": "PHOTON"},
        {"spark_version": "15.4.x-scala2.12"},
        {"spark_version": "10.4.x-photon-scala2.12"},
    ),
    ({"policy_id": "p"}, {"spark_conf": {"a": True, "b": 1, "c": 1.5}}, {"libraries": [{"jar": "x"}]}),
]
CLUSTER_CASES: list[Case] = [
    ("ClusterSpec", {**base, **good}, {**base, **bad}) for base, good, bad in CLUSTER_LIMITS
]
CASES: list[Case] = [
    *REQUEST_CASES,
    ("JobSettings", {"name": "é" * 2048}, {"name": "é" * 2048 + "x"}),
    ("JobSettings", {"description": "é" * 27_700}, {"description": "é" * 27_701}),
    ("JobSettings", {"max_concurrent_runs": 1000}, {"max_concurrent_runs": "1001"}),
    ("JobSettings", {"max_concurrent_runs": 0}, {"max_concurrent_runs": -1}),
    ("JobSettings", {"tags": tags(25)}, {"tags": tags(26)}),
    ("JobSettings", {"tags": tags(1, key=127)}, {"tags": tags(1, key=128)}),
    ("JobSettings", {"tags": tags(1, value=255)}, {"tags": tags(1, value=256)}),
    ("JobSettings", {"tags": {"team": "data"}}, {"tags": {"team?": "data"}}),
    ("JobSettings", {"tags": {"team": "data"}}, {"tags": {"team": "a\nb"}}),
    ("JobSettings", {"schedule": CRON}, {"schedule": CRON, "continuous": {"pause_status": "PAUSED"}}),
    ("JobSettings", {"triggers": [{"schedule": CRON}]}, {"triggers": [{"schedule": CRON}], "schedule": CRON}),
    ("SubmitRun", {"run_name": "é" * 2048}, {"run_name": "é" * 2048 + "x"}),
    ("SubmitRun", {"idempotency_token": "x" * 64}, {"idempotency_token": "x" * 65}),
    ("JobAccessControlRequest", {"user_name": "a"}, {"user_name": "a", "group_name": "b"}),
    ("JobRunAs", {"group_name": "a"}, {}),
    ("JobRunAs", {"user_name": "a"}, {"user_name": "a", "service_principal_name": "b"}),
    ("JobParameterDefinition", {"name": "a.b-c_1", "default": ""}, {"name": "a b", "default": ""}),
    (
        "JobsHealthRule",
        {"metric": "RUN_DURATION_SECONDS", "operator": "GREATER_THAN", "value": 1},
        {"metric": "RUN_DURATION_SECONDS", "value": 1},
    ),
    ("GitSource", {**GIT, "git_branch": "b" * 255}, {**GIT, "git_branch": "b" * 256}),
    ("GitSource", {**GIT, "git_tag": "b" * 255}, {**GIT, "git_tag": "b" * 256}),
    ("GitSource", {**GIT, "git_commit": "c" * 64}, {**GIT, "git_commit": "c" * 65}),
    (
        "GitSource",
        {**GIT, "git_url": "u" * 300, "git_tag": "t"},
        {**GIT, "git_url": "u" * 301, "git_tag": "t"},
    ),
    ("GitSource", {**GIT, "git_branch": "b"}, {**GIT, "git_branch": "b", "git_tag": "t"}),
    ("GitSource", {**GIT, "git_branch": "b"}, GIT),
    ("CronSchedule", CRON, {**CRON, "quartz_cron_expression": "0 2 * * *"}),
    ("CronSchedule", CRON, {**CRON, "timezone_id": "Europe/Berln"}),
    ("CronTriggerConfiguration", CRON, {**CRON, "quartz_cron_expression": "0 0 2 * * *"}),
    ("CronTriggerConfiguration", CRON, {**CRON, "timezone_id": "berlin"}),
    ("MaintenanceWindow", WINDOW, {**WINDOW, "start_hour": 24}),
    ("MaintenanceWindow", WINDOW, {**WINDOW, "timezone_id": "Nowhere"}),
    ("TriggerConfiguration", {"schedule": CRON}, {"pause_status": "PAUSED"}),
    *QUIET_CASES,
    ("TableUpdateTriggerConfiguration", TABLES, {"table_names": ["b.c"]}),
    (
        "ModelTriggerConfiguration",
        {"condition": "MODEL_ALIAS_SET", "aliases": ["a"]},
        {"condition": "MODEL_CREATED", "aliases": ["a"]},
    ),
    (
        "JobCompletionTriggerConfiguration",
        {"jobs": [{"workspace_id": "1", "job_id": "2"}] * 10},
        {"jobs": [{"workspace_id": "1", "job_id": "2"}] * 11},
    ),
    *EVENT_CASES,
    *TASK_CASES,
    ("TaskDependency", {"task_key": "a", "outcome": "true"}, {"task_key": "a", "outcome": "yes"}),
    (
        "NotebookTask",
        {"notebook_path": "/a", "base_parameters": {"a": "x" * 999_991}},
        {"notebook_path": "/a", "base_parameters": {"a": "x" * 1_000_000}},
    ),
    ("SparkJarTask", {"run_as_repl": True}, {"run_as_repl": False}),
    ("SparkSubmitTask", {"parameters": ["--class", "x", "--masterful"]}, {"parameters": ["--master", "x"]}),
    (
        "PythonWheelTask",
        {**WHEEL, "parameters": [], "named_parameters": {"a": "b"}},
        {**WHEEL, "parameters": ["c"], "named_parameters": {"a": "b"}},
    ),
    (
        "PipelineTask",
        {"pipeline_id": "p", "parameters": {"a": "x" * 9_999}},
        {"pipeline_id": "p", "parameters": {"a": "x" * 10_000}},
    ),
    ("DbtTask", {"commands": ["dbt run"] * 10}, {"commands": ["dbt run"] * 11}),
    ("DbtTask", {"commands": ["dbt"]}, {"commands": []}),
    ("DbtTask", {"commands": ["dbt deps"]}, {"commands": ["dbt deps", "dbtx run"]}),
    (
        "DbtTask",
        {"commands": ["dbt"], "catalog": "c", "warehouse_id": "w"},
        {"commands": ["dbt"], "catalog": "c"},
    ),
    (
        "DbtTask",
        {"commands": ["dbt"], "schema": "c", "warehouse_id": "w"},
        {"commands": ["dbt"], "schema": "c"},
    ),
    (
        "DbtTask",
        {"commands": ["dbt"], "profiles_directory": "p"},
        {"commands": ["dbt"], "profiles_directory": "p", "warehouse_id": "w"},
    ),
    (
        "ForEachTask",
        {"inputs": "[1, 2]", "task": {"task_key": "a"}},
        {"inputs": "1, 2", "task": {"task_key": "a"}},
    ),
    (
        "ForEachTask",
        {"inputs": "{{tasks.a.values.b}}", "task": {"task_key": "a"}},
        {"inputs": "{}", "task": {"task_key": "a"}},
    ),
    ("SqlTask", QUERY, {"warehouse_id": "w"}),
    (
        "SqlTask",
        {"warehouse_id": "w", "alert": {"alert_id": "a"}},
        {"warehouse_id": "w", "alert": {"alert_id": "a"}, "parameters": {"a": "b"}},
    ),
    ("SqlTaskSubscription", {"user_name": "a"}, {"user_name": "a", "destination_id": "b"}),
    ("SubscriptionSubscriber", {"destination_id": "a"}, {}),
    (
        "SubscriptionAttachmentDataAttachment",
        {"file_format": "FILE_FORMAT_CSV", "widgets": [{"page_id": "a", "widget_id": "b"}]},
        {"file_format": "FILE_FORMAT_CSV", "widgets": []},
    ),
    (
        "SubscriptionAttachmentDataAttachmentWidget",
        {"page_id": "a" * 63, "widget_id": "b"},
        {"page_id": "a" * 64, "widget_id": "b"},
    ),
    (
        "SubscriptionAttachmentDataAttachmentWidget",
        {"page_id": "a", "widget_id": "b_-1"},
        {"page_id": "a", "widget_id": "b.c"},
    ),
    (
        "SubscriptionAttachmentPageAttachment",
        {"page_selection": "PAGE_SELECTION_SUBSET", "page_ids": ["a"]},
        {"page_selection": "PAGE_SELECTION_ALL", "page_ids": ["a"]},
    ),
    (
        "SubscriptionAttachmentPageAttachment",
        {"page_selection": "PAGE_SELECTION_SUBSET", "page_ids": ["a"]},
        {"page_selection": "PAGE_SELECTION_SUBSET", "page_ids": ["a b"]},
    ),
    ("AlertTask", {"alert_id": "a"}, {"alert_id": "a", "workspace_path": "/Workspace/a"}),
    ("AlertTask", {"workspace_path": "/Workspace/a"}, {"workspace_path": "/Users/a"}),
    ("AlertTask", {"workspace_path": "/Workspace/a..b"}, {"workspace_path": "/Workspace/../b"}),
    (
        "AlertTask",
        {"alert_id": "a", "subscribers": [{"user_name": "a"}] * 100},
        {"alert_id": "a", "subscribers": [{"user_name": "a"}] * 101},
    ),
    (
        "AlertTask",
        {"alert_id": "a", "parameters": {"a": "x" * 9_992}},
        {"alert_id": "a", "parameters": {"a": "x" * 9_993}},
    ),
    (
        "AlertTask",
        {"alert_id": "a", "parameters": {"a" * 100: "x"}},
        {"alert_id": "a", "parameters": {"a" * 101: "x"}},
    ),
    ("AlertTaskSubscriber", {"destination_id": "a"}, {}),
    (
        "AiClassifyFunction",
        {**EXTRACT, "inline_labels": {"labels": [{"name": "a"}]}, "multilabel": True},
        {**EXTRACT, "inline_labels": {"labels": [{"name": "a"}]}},
    ),
    ("AiClassifyFunctionInlineLabels", {"labels": [{"name": "a"}] * 10}, {"labels": [{"name": "a"}] * 11}),
    ("AiParseDocumentFunction", {**EXTRACT, "page_range": "1,3,5-10"}, {**EXTRACT, "page_range": "1-"}),
    (
        "DeltaTableSource",
        {"table_name": "a.b.c", "input_column": "d"},
        {"table_name": "a", "input_column": "d"},
    ),
    ("VolumeSource", {"volume_path": "/Volumes/a/b/c"}, {"volume_path": "/Workspace/a"}),
    ("AiRuntimeTask", GPU, {**GPU, "deployments": []}),
    ("AiRuntimeTask", GPU, {**GPU, "deployments": [{"compute": CAPACITY}] * 2}),
    (
        "AiRuntimeTask",
        {**GPU, "mlflow_experiment_directory": "/Workspace/x"},
        {**GPU, "mlflow_experiment_directory": "/Users/x"},
    ),
    ("ComputeSpec", CAPACITY, {**CAPACITY, "accelerator_count": 12}),
    ("JobEnvironmentVariablesSpec", {"files": ["/Volumes/a"] * 5}, {"files": ["/Volumes/a"] * 6}),
    ("JobEnvironmentVariablesSpec", {"files": ["/Workspace/a"]}, {"files": ["dbfs:/a"]}),
    (
        "JobEnvironmentVariablesSpec",
        {"variables": {f"A{n}": "" for n in range(20)}},
        {"variables": {f"A{n}": "" for n in range(21)}},
    ),
    ("JobEnvironmentVariablesSpec", {"variables": {"_A1": "é" * 512}}, {"variables": {"A": "é" * 513}}),
    ("JobEnvironmentVariablesSpec", {"variables": {"A" * 256: "x"}}, {"variables": {"1A": "x"}}),
    ("Environment", {"client": "1", "environment_version": "1"}, {"dependencies": ["x"]}),
    (
        "Environment",
        {"environment_version": "2"},
        {"environment_version": "2", "base_environment": "/Workspace/e.yaml"},
    ),
    (
        "Environment",
        {"project_environment": "/Workspace/pyproject.toml"},
        {"project_environment": "/Workspace/pyproject.toml", "dependencies": ["x"]},
    ),
    ("Environment", {"environment_version": "2"}, {"environment_version": "two"}),
    ("Library", {"pypi": {"package": "x"}}, {}),
    ("Library", {"jar": "x"}, {"jar": ""}),
    ("Library", {"pypi": {"package": "x"}}, {"pypi": {"package": "x"}, "jar": "y"}),
    ("Library", {"requirements": "/Workspace/r.txt"}, {"requirements": "s3://r.txt"}),
    ("JobCluster", JOB_CLUSTER, {**JOB_CLUSTER, "libraries": [{"jar": "x"}]}),
    ("JobCluster", JOB_CLUSTER, {"job_cluster_key": "a"}),
    (
        "JobCluster",
        {"job_cluster_key": "a", "serverless_compute_id": "x"},
        {"job_cluster_key": "a", "serverless_compute_id": ""},
    ),
    ("RunNow", {"job_id": 1, "idempotency_token": "é" * 64}, {"job_id": 1, "idempotency_token": "x" * 65}),
    *CLUSTER_CASES,
    ("AutoScale", {"max_workers": 1}, {"min_workers": 1}),
    ("AutoScale", {"min_workers": 0, "max_workers": 1}, {"min_workers": -1, "max_workers": 1}),
    ("AutoScale", {"min_workers": 1, "max_workers": 2}, {"min_workers": 2, "max_workers": 2}),
    ("AwsAttributes", {"first_on_demand": 0}, {"first_on_demand": -1}),
    ("AwsAttributes", {"spot_bid_price_percent": 10_000}, {"spot_bid_price_percent": 10_001}),
    ("AwsAttributes", {"ebs_volume_count": 10}, {"ebs_volume_count": 11}),
    ("AwsAttributes", {"ebs_volume_size": 4_096}, {"ebs_volume_size": 4_097}),
    (
        "AwsAttributes",
        {"ebs_volume_size": 500, "ebs_volume_type": "THROUGHPUT_OPTIMIZED_HDD"},
        {"ebs_volume_size": 499, "ebs_volume_type": "THROUGHPUT_OPTIMIZED_HDD"},
    ),
    ("AwsAttributes", {"ebs_volume_iops": 3_000}, {"ebs_volume_iops": 2_999}),
    ("AwsAttributes", {"ebs_volume_throughput": 1_000}, {"ebs_volume_throughput": 1_001}),
    ("AzureAttributes", {"first_on_demand": 1}, {"first_on_demand": 0}),
    ("AzureAttributes", {"spot_bid_max_price": -1}, {"spot_bid_max_price": 0}),
    ("GcpAttributes", {"first_on_demand": 0}, {"first_on_demand": -1}),
    ("ClusterLogConf", {"dbfs": {"destination": "dbfs:/x"}}, {}),
    ("InitScriptInfo", {"workspace": {"destination": "/x"}}, {}),
    ("DbfsStorageInfo", {"destination": "dbfs:/x"}, {"destination": "/x"}),
    ("S3StorageInfo", {"destination": "s3://x", "region": "r", "endpoint": "e"}, {"destination": "s3://x"}),
    ("S3StorageInfo", {"destination": "s3a://x", "region": "r"}, {"destination": "x", "region": "r"}),
    (
        "S3StorageInfo",
        {"destination": "s3://x", "region": "r", "encryption_type": "sse-kms"},
        {"destination": "s3://x", "region": "r", "encryption_type": "kms"},
    ),
    ("VolumesStorageInfo", {"destination": "/Volumes/x"}, {"destination": "/x"}),
    ("GcsStorageInfo", {"destination": "gs://x"}, {"destination": "s3://x"}),
    ("Adlsgen2Info", {"destination": "abfss://x"}, {"destination": "wasbs://x"}),
    ("LocalFileInfo", {"destination": "file:/x"}, {"destination": "x"}),
    ("WorkspaceStorageInfo", {"destination": "/x"}, {"destination": "x"}),
]
