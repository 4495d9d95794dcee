"""dags/nightly.py: start the job `nightly`, leave, and look again every five minutes; no worker is held.

dbjobs is installed on the workers; the connection `databricks` has the host and, as its password, the token.
"""

import os
from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.sensors.bash import BashSensor
from airflow.sdk import DAG

WORKSPACE = {
    "DATABRICKS_HOST": "{{ conn.databricks.host }}",
    "DATABRICKS_TOKEN": "{{ conn.databricks.password }}",
}

# token: this try of the task starts one run. It has at most 64 characters, so it is made of a hash.
START = """
try="$AIRFLOW_CTX_DAG_ID $AIRFLOW_CTX_TASK_ID $AIRFLOW_CTX_DAG_RUN_ID $AIRFLOW_CTX_TRY_NUMBER"
exec dbjobs runs now nightly -P day="{{ ds }}" --quiet \
  --idempotency-token "nightly-$(printf %s "$try" | sha256sum | cut -c 1-32)"
"""

with DAG(
    "nightly",
    schedule="0 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
):
    # the last line that it prints, the id of the run, is what the sensor pulls
    start = BashOperator(task_id="start", bash_command=START, env=WORKSPACE, append_env=True)

    wait = BashSensor(
        task_id="wait",
        bash_command="exec dbjobs runs wait {{ ti.xcom_pull(task_ids='start') }} --timeout 0",
        retry_exit_code=124,  # still active; any other code but 0 is how the run ended
        env={**WORKSPACE, "PATH": os.environ["PATH"]},  # all that the command of a sensor has
        mode="reschedule",
        poke_interval=300,
        timeout=timedelta(hours=4).total_seconds(),
    )

    start >> wait
