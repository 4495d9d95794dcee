"""`runs get`, as one would write it with databricks-sdk."""

import json
import sys

from databricks.sdk import WorkspaceClient

run = WorkspaceClient().jobs.get_run(int(sys.argv[1]))
print(json.dumps(run.as_dict(), indent=2))
