"""dags/nightly.py: run the job `nightly`, wait for it, and end as it ends.

dbjobs is installed on the workers; the connection `databricks` has the host and, as its password, the token.
"""

from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

# token: this try of the task starts one run. It has at most 64 characters, so it is made of a hash.
RUN_JOB = """
try="$AIRFLOW_CTX_DAG_ID $AIRFLOW_CTX_TASK_ID $AIRFLOW_CTX_DAG_RUN_ID $AIRFLOW_CTX_TRY_NUMBER"
exec dbjobs runs now nightly -P day="{{ ds }}" \
  --idempotency-token "nightly-$(printf %s "$try" | sha256sum | cut -c 1-32)" \
  --wait --timeout 3h --on-timeout cancel --on-interrupt cancel
"""

with DAG(
    "nightly",
    schedule="0 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
):
    BashOperator(
        task_id="run",
        bash_command=RUN_JOB,
        env={
            "DATABRICKS_HOST": "{{ conn.databricks.host }}",
            "DATABRICKS_TOKEN": "{{ conn.databricks.password }}",
        },
        append_env=True,
        execution_timeout=timedelta(hours=4),  # longer than --timeout: so dbjobs has the last word
    )
