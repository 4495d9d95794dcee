"""What a host says of itself, and which of its workspaces a request is for.

Source: https://docs.databricks.com/dev-tools/auth/unified-auth and the official SDKs, which
read the same document.
"""

from dbjobs.auth.sign_in import SignIn
from dbjobs.config.resolve import checked

WORKSPACE_HEADER = "X-Databricks-Workspace-Id"


def workspace_headers(sign_in: SignIn) -> dict[str, str]:
    """The header that leads a request to its workspace; {} if the host is all that it takes.

    A host that may serve several is asked which one it stands for, unless a setting says so.
    """
    workspace_id = sign_in.profile.workspace_id
    if not workspace_id and sign_in.may_serve_several:
        found = sign_in.host_metadata.get("workspace_id")
        workspace_id = checked("workspace_id", str(found), sign_in.host) if found else None
    return {WORKSPACE_HEADER: workspace_id} if workspace_id else {}
