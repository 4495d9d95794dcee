"""The known fields of clusters and libraries, as data; `known_fields` says how to read it."""

from typing import Any

Schema = Any

TEXT = "a text"
WHOLE = "a whole number"
NUMBER = "a number"
TRUTH = "true or false"
ANYTHING = "anything"
TEXTS = [TEXT]
TEXT_BY_NAME = {"*": TEXT}

DESTINATION = {"destination": TEXT}
S3 = {
    **DESTINATION,
    "region": TEXT,
    "endpoint": TEXT,
    "enable_encryption": TRUTH,
    "encryption_type": TEXT,
    "kms_key": TEXT,
    "canned_acl": TEXT,
}
FLEXIBILITY = {"alternate_node_type_ids": TEXTS, "aws_context_id": TEXT}
NEW_CLUSTER = {
    "spark_version": TEXT,
    "node_type_id": TEXT,
    "driver_node_type_id": TEXT,
    "num_workers": WHOLE,
    "autoscale": {"min_workers": WHOLE, "max_workers": WHOLE},
    "autotermination_minutes": WHOLE,
    "cluster_name": TEXT,
    "policy_id": TEXT,
    "apply_policy_default_values": TRUTH,
    "instance_pool_id": TEXT,
    "driver_instance_pool_id": TEXT,
    "spark_conf": TEXT_BY_NAME,
    "spark_env_vars": TEXT_BY_NAME,
    "custom_tags": TEXT_BY_NAME,
    "ssh_public_keys": TEXTS,
    "data_security_mode": TEXT,
    "dependency_mode": TEXT,
    "single_user_name": TEXT,
    "runtime_engine": ("STANDARD", "PHOTON", "NULL"),
    "kind": TEXT,
    "is_single_node": TRUTH,
    "use_ml_runtime": TRUTH,
    "enable_elastic_disk": TRUTH,
    "enable_local_disk_encryption": TRUTH,
    "remote_disk_throughput": WHOLE,
    "total_initial_remote_disk_size": WHOLE,
    "driver_node_type_flexibility": FLEXIBILITY,
    "worker_node_type_flexibility": FLEXIBILITY,
    "workload_type": {"clients": {"jobs": TRUTH, "notebooks": TRUTH}},
    "docker_image": {"url": TEXT, "basic_auth": {"username": TEXT, "password": TEXT}},
    "cluster_log_conf": {"dbfs": DESTINATION, "s3": S3, "volumes": DESTINATION},
    "init_scripts": [
        {
            **dict.fromkeys(("workspace", "volumes", "dbfs", "file", "gcs", "abfss"), DESTINATION),
            "s3": S3,
        }
    ],
    "aws_attributes": {
        "availability": TEXT,
        "zone_id": TEXT,
        "first_on_demand": WHOLE,
        "instance_profile_arn": TEXT,
        "spot_bid_price_percent": WHOLE,
        "ebs_volume_type": TEXT,
        "ebs_volume_count": WHOLE,
        "ebs_volume_size": WHOLE,
        "ebs_volume_iops": WHOLE,
        "ebs_volume_throughput": WHOLE,
    },
    "azure_attributes": {
        "availability": TEXT,
        "first_on_demand": WHOLE,
        "spot_bid_max_price": NUMBER,
        "capacity_reservation_group": TEXT,
        "log_analytics_info": {"log_analytics_workspace_id": TEXT, "log_analytics_primary_key": TEXT},
    },
    "gcp_attributes": {
        "availability": TEXT,
        "zone_id": TEXT,
        "first_on_demand": WHOLE,
        "google_service_account": TEXT,
        "boot_disk_size": WHOLE,
        "local_ssd_count": WHOLE,
        "use_preemptible_executors": TRUTH,
        "confidential_compute_type": TEXT,
    },
}
LIBRARIES = [
    {
        "jar": TEXT,
        "whl": TEXT,
        "egg": TEXT,
        "requirements": TEXT,
        "pypi": {"package": TEXT, "repo": TEXT},
        "maven": {"coordinates": TEXT, "repo": TEXT, "exclusions": TEXTS},
        "cran": {"package": TEXT, "repo": TEXT},
    }
]
