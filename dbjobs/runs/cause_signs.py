"""Signs of causes: what each code of the API says, and what words in messages and exceptions point to.

What the codes mean: https://docs.databricks.com/api/workspace/jobs/getrun; the reasons for which clusters
end: https://docs.databricks.com/api/workspace/clusters/get
"""

from enum import Enum
from typing import NamedTuple


class Category(str, Enum):
    """Who has to act."""

    CODE = "code"
    PLATFORM = "platform"
    PERMISSIONS = "permissions"
    CONFIGURATION = "configuration"
    CANCELED = "canceled"
    UPSTREAM = "upstream"
    NEVER_STARTED = "never_started"
    UNKNOWN = "unknown"


class Sign(NamedTuple):
    """What words in a message, or in an exception of a library, point to."""

    pattern: str
    category: Category
    area: str = ""
    is_sure: bool = True


PLATFORM, CONFIGURATION, PERMISSIONS = Category.PLATFORM, Category.CONFIGURATION, Category.PERMISSIONS

CODES: dict[str, tuple[Category, str]] = {
    "USER_CANCELED": (Category.CANCELED, "a user"),
    "CANCELED": (Category.CANCELED, "the platform"),
    "CLUSTER_TERMINATED_BY_USER": (Category.CANCELED, "whoever ended the cluster"),
    "SKIPPED": (Category.NEVER_STARTED, ""),
    "DISABLED": (Category.NEVER_STARTED, ""),
    "MAX_CONCURRENT_RUNS_EXCEEDED": (Category.NEVER_STARTED, ""),
    "MAX_JOB_QUEUE_SIZE_EXCEEDED": (Category.NEVER_STARTED, ""),
    "WORKSPACE_RUN_LIMIT_EXCEEDED": (Category.NEVER_STARTED, ""),
    "INTERNAL_ERROR": (PLATFORM, "service"),
    "BREAKING_CHANGE": (PLATFORM, "service"),
    "CLOUD_FAILURE": (PLATFORM, "cluster"),
    "CLUSTER_ERROR": (PLATFORM, "cluster"),
    "DRIVER_ERROR": (PLATFORM, "cluster"),
    "MAX_SPARK_CONTEXTS_EXCEEDED": (PLATFORM, "cluster"),
    "CLUSTER_REQUEST_LIMIT_EXCEEDED": (PLATFORM, "quota"),
    "STORAGE_ACCESS_ERROR": (PLATFORM, "storage"),
    "UNAUTHORIZED_ERROR": (PERMISSIONS, ""),
    "FEATURE_DISABLED": (CONFIGURATION, ""),
    "INVALID_CLUSTER_REQUEST": (CONFIGURATION, ""),
    "INVALID_RUN_CONFIGURATION": (CONFIGURATION, ""),
    "LIBRARY_INSTALLATION_ERROR": (CONFIGURATION, ""),
    "REPOSITORY_CHECKOUT_FAILED": (CONFIGURATION, ""),
    "RESOURCE_NOT_FOUND": (CONFIGURATION, ""),
    "BUDGET_POLICY_LIMIT_EXCEEDED": (CONFIGURATION, ""),
}
"""What each code of termination_details says; RUN_EXECUTION_ERROR says only that the run ran."""

REFINED = ("CLOUD_FAILURE", "CLUSTER_ERROR", "LIBRARY_INSTALLATION_ERROR", "REPOSITORY_CHECKOUT_FAILED",
           "STORAGE_ACCESS_ERROR", "INVALID_CLUSTER_REQUEST")  # fmt: skip
"""Codes under which several things go; the message tells which."""

NOT_FOUND_OR_NOT_VISIBLE = (
    "RESOURCE_NOT_FOUND",
    "BUDGET_POLICY_LIMIT_EXCEEDED",
    "CLUSTER_TERMINATED_BY_USER",
)
"""Codes whose category is likely rather than certain."""

TYPES = {
    "CLOUD_FAILURE": (PLATFORM, "cluster"),
    "INTERNAL_ERROR": (PLATFORM, "service"),
}
"""What the type of termination_details says of a code that is not known."""

CLUSTER_SIGNS = (
    Sign(r"terminated by (?:the )?user|\bUSER_REQUEST\b", Category.CANCELED, "whoever ended the cluster"),
    Sign(r"QUOTA|[Qq]uota|LimitExceeded|limit exceeded|REQUEST_LIMIT", PLATFORM, "quota"),
    Sign(r"INIT_SCRIPT|[Ii]nit script", CONFIGURATION),
    Sign(r"INVALID_ARGUMENT|[Nn]ode type \S+ is not supported|validation error", CONFIGURATION),
    Sign(r"NETWORK_CONFIGURATION|CONTROL_PLANE_REQUEST|NPIP_TUNNEL|SECURITY_DAEMON", PLATFORM, "network"),
    Sign(
        r"INSUFFICIENT|CLOUD_PROVIDER|BOOTSTRAP|SPOT_INSTANCE|[Ss]pot (?:capacity|instance)|STOCKOUT"
        r"|COMMUNICATION_LOST|execution contexts"
        r"|Could not reach driver|waiting for the cluster"
        r"|[Cc]luster \S+ (?:was|is) (?:terminated|in unexpected)"
        r"|[Dd]river (?:is |has )?(?:up but|stopped|unreachable|not responsive)",
        PLATFORM,
        "cluster",
    ),
)
"""Signs in what the service says of a cluster."""

ACCESS_SIGNS = (
    Sign(
        r"PERMISSION_DENIED|INSUFFICIENT_(?:PERMISSIONS|PRIVILEGES)|UnauthorizedAccess"
        r"|AccessDenied|Access Denied"
        r"|AccessControlException|AuthorizationPermissionMismatch|AuthorizationFailure|not authorized"
        r"|SQLSTATE: 42501|\b(?:401|403)\b[,:]? ?(?:Unauthorized|Forbidden|Client Error|This request)"
        r"|Operation failed: \W*(?:401|403)|Status Code: (?:401|403)"
        r"|[Dd]oes not have (?:the )?[\w ]+ (?:on|permission)",
        PERMISSIONS,
    ),
)

NETWORK_SIGN = Sign(
    r"Max retries exceeded|ConnectTimeout|ConnectionTimeout|ReadTimeout|Connection (?:refused|reset)"
    r"|Connection to \S+ timed out|NameResolutionError|[Nn]ame resolution|UnknownHost|SocketTimeout|gaierror"
    r"|ConnectionError|SSLError|RemoteDisconnected|after connection broken|503 Service Unavailable",
    PLATFORM,
    "network",
    is_sure=False,
)

WORKLOAD_SIGNS = (
    *ACCESS_SIGNS,
    Sign(r"NotebookExecutionException|Workload failed, see run output", Category.UNKNOWN, is_sure=False),
    Sign(
        r"OutOfMemory|MemoryError|Java heap space|No space left on device", PLATFORM, "cluster", is_sure=False
    ),
    Sign(
        r"ExecutorLost|worker decommissioned|[Ss]pot instance|SparkContext was shut down|stopped SparkContext"
        r"|[Dd]river .*(?:restart|stopped unexpectedly|not responsive|unreachable)|Could not reach driver"
        r"|ContextNotFound|Context \S+ is disconnected",
        PLATFORM,
        "cluster",
    ),
    Sign(
        r"Operation failed: \W*5\d\d|ServerBusy|SlowDown|Slow Down|Status Code: 5\d\d"
        r"|filesystem is not ready",
        PLATFORM,
        "storage",
    ),
    NETWORK_SIGN,
)
"""Signs in what a library raised while the user's code ran."""

SERVICE_SIGNS = (*CLUSTER_SIGNS, *WORKLOAD_SIGNS)
LIBRARY_SIGNS = (
    *ACCESS_SIGNS,
    Sign(r"filesystem is not ready", PLATFORM, "storage"),
    NETWORK_SIGN,
)
