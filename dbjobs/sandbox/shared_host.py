"""One host for several workspaces: each request says which one it is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from dbjobs.sandbox.sign_in import AUTHORIZE_PATH, PAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from _typeshed.wsgi import WSGIEnvironment

    from dbjobs.sandbox.application import Application
    from dbjobs.sandbox.scenario import Fault

WORKSPACE_HEADER = "X-Databricks-Workspace-Id"
LOGIN_PAGE = "<!doctype html><title>Databricks</title><p>Log in, and choose a workspace.</p>"


class SharedHost:
    """Passes requests on to the workspace that they name; without one, they get a login page."""

    def __init__(self, workspaces: Mapping[str, Application]) -> None:
        self._workspaces = workspaces

    def __call__(self, environ: WSGIEnvironment) -> tuple[Response, Fault | None]:
        request = Request(environ)
        workspace = self._workspaces.get(request.headers.get(WORKSPACE_HEADER, ""))
        is_for_all = request.path.strip("/") in {AUTHORIZE_PATH, *(path for _, path in PAGES)}
        if workspace is None and is_for_all:
            workspace = next(iter(self._workspaces.values()))
        if workspace is None:
            return Response(LOGIN_PAGE, content_type="text/html"), None
        return workspace(environ)
