"""Where the logs of a task can be read while it runs: the API has its output only once it has ended."""

from dbjobs.api.models import Run, TaskRun


def find_logs(run: Run, task: TaskRun) -> str:
    """`logs: dbfs:/logs/0401-a/driver`, or where a pipeline's events are; empty if nothing is delivered."""
    pipeline_id = (task.payload.get("pipeline_task") or {}).get("pipeline_id")
    if pipeline_id:
        return f"events: /api/2.0/pipelines/{pipeline_id}/events"
    shared = {
        cluster.get("job_cluster_key"): cluster.get("new_cluster") or {}
        for cluster in run.payload.get("job_clusters") or ()
    }
    own = task.payload.get("new_cluster") or (run.payload.get("cluster_spec") or {}).get("new_cluster")
    cluster = own or shared.get(task.payload.get("job_cluster_key"), {})
    conf = cluster.get("cluster_log_conf") or {}
    for place in ("volumes", "dbfs", "s3"):
        destination = (conf.get(place) or {}).get("destination")
        if destination:
            instance = task.payload.get("cluster_instance") or run.payload.get("cluster_instance") or {}
            cluster_id = instance.get("cluster_id") or "CLUSTER_ID"
            return f"logs, every five minutes: {str(destination).rstrip('/')}/{cluster_id}/driver"
    return ""
