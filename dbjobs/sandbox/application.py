"""From requests to responses: the sender, the parameters, the endpoint, and what a scenario changes."""

from __future__ import annotations

import base64
import json
import logging
import re
import threading
import time
import uuid
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from dbjobs.sandbox.call import Call
from dbjobs.sandbox.connections import BODY_LIMIT, TOO_LARGE
from dbjobs.sandbox.endpoints import answer, endpoint_name, find_endpoint
from dbjobs.sandbox.model import WORKSPACE_ID
from dbjobs.sandbox.paging import Tokens
from dbjobs.sandbox.refusal import RefusalError, malformed, no_endpoint, too_large
from dbjobs.sandbox.scenario import Occasion
from dbjobs.sandbox.sign_in import AUTHORIZE_PATH, PAGES, TokenServer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from dbjobs.sandbox.endpoints import Endpoint
    from dbjobs.sandbox.model import Json
    from dbjobs.sandbox.scenario import Fault, Scenario
    from dbjobs.sandbox.state import JsonLines
    from dbjobs.sandbox.workspace import Workspace

_CONTENT = {"content", "contents", "data", "access_token"}
_PATH = re.compile(r"/api/(\d\.\d)/(.+?)/?")


class Application:
    """Answers requests about one workspace."""

    def __init__(
        self,
        workspace: Workspace,
        sign_in: TokenServer,
        scenario: Scenario,
        log: JsonLines | None,
        workspace_id: str = WORKSPACE_ID,
    ) -> None:
        self.url = ""
        self._workspace_id = workspace_id
        self._workspace = workspace
        self._scenario = scenario
        self._log = log
        self._sign_in = sign_in
        self._tokens = Tokens()
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment) -> tuple[Response, Fault | None]:
        """The answer, and what goes wrong on its way to the client."""
        began, request = time.monotonic(), Request(environ)
        params: Json | RefusalError
        try:
            params = _read_params(request, _endpoint_of(request))
        except RefusalError as refusal:
            params = refusal
        fault = self._fault(request, params if isinstance(params, dict) else {})
        response = self._respond(request, params, fault)
        response.headers["x-request-id"] = str(uuid.uuid4())
        response.headers["x-databricks-org-id"] = self._workspace_id
        if self._log:
            line = {
                "ts": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
                "method": request.method,
                "path": request.path,
                "params": _without_content(params) if isinstance(params, dict) else {},
                "status": None if fault and (fault.close or fault.hang) else response.status_code,
                "error_code": _error_code(response),
                "ms": round((time.monotonic() - began) * 1000, 1),
                "request_id": response.headers["x-request-id"],
                "is_fault": fault is not None,
            }
            self._log.write(line)
        return response, fault

    def _fault(self, request: Request, params: Json) -> Fault | None:
        match = _PATH.fullmatch(request.path)
        name = endpoint_name(match[2]) if match else request.path.strip("/")
        with self._lock:
            about = self._workspace.subject(params) if self._scenario.requests else Occasion()
            occasion = replace(about, endpoint=name, method=request.method)
            fault = self._scenario.fault(occasion, time.monotonic())
        if fault and fault.expire_token:
            self._sign_in.expire(request.headers.get("Authorization", ""))
        return fault

    def _respond(self, request: Request, params: Json | RefusalError, fault: Fault | None) -> Response:
        status: int
        body: str | bytes
        status, body, kind = 200, "", "application/json"
        if not (fault and fault.replaces and not fault.took_effect):
            status, body = self._answer(request, params, fault)
            kind = "application/octet-stream" if isinstance(body, bytes) else kind
        if fault and fault.replaces:
            status, body, kind = fault.reply()
        elif status == 302:
            return Response("", status, [("Location", str(body))])
        return Response(body, status, fault.more_headers() if fault else None, content_type=kind)

    def _answer(
        self, request: Request, params: Json | RefusalError, fault: Fault | None
    ) -> tuple[int, str | bytes]:
        """Carry the request out: status and body, or where a browser is sent."""
        try:
            if (request.method, request.path.strip("/")) == ("GET", AUTHORIZE_PATH):
                return 302, self._sign_in.authorize(request.args.to_dict())
            answered = self._carry_out(request, params)
            if isinstance(answered, bytes):
                return 200, answered
            if fault and fault.invisible_for and "run_id" in answered:
                self._workspace.hide_run(answered["run_id"], fault.invisible_for)
        except RefusalError as refusal:
            return refusal.status, json.dumps(refusal.as_dict())
        except Exception:
            logging.getLogger(__name__).exception("the sandbox failed at %s", request.path)
            message = "The sandbox failed; its log says why."
            return 500, json.dumps({"error_code": "INTERNAL_ERROR", "message": message})
        return 200, json.dumps(answered)

    def _carry_out(self, request: Request, params: Json | RefusalError) -> Json | bytes:
        authorization = request.headers.get("Authorization", "")
        page = request.path.strip("/")
        if (request.method, page) in PAGES:
            return self._sign_in.page(page, self.url, request.form, authorization)
        self._sign_in.check(authorization)
        match = _PATH.fullmatch(request.path)
        if match is None:
            raise no_endpoint(request.method, request.path)
        if isinstance(params, RefusalError):
            raise params
        home_page = f"{self.url}/?o={self._workspace_id}"
        call = Call(match[1], params, self._workspace, self._tokens, home_page, request.get_data())
        return answer(request.method, match[2], call)


def _error_code(response: Response) -> str | None:
    """Of a refusal: ENDPOINT_NOT_FOUND says that the sandbox does not have what was asked for."""
    body = None if response.status_code < 400 else response.get_json(silent=True)
    return body.get("error_code") if isinstance(body, dict) else None


def _endpoint_of(request: Request) -> Endpoint | None:
    match = _PATH.fullmatch(request.path)
    return find_endpoint(request.method, match[2])[0] if match else None


def _read_params(request: Request, endpoint: Endpoint | None) -> Json:
    """The query and the body, as one; the service takes either for what it reads."""
    if request.environ["wsgi.input"] is TOO_LARGE:
        raise too_large(BODY_LIMIT)
    if endpoint and endpoint.takes_file:
        return request.args.to_dict()
    if request.mimetype == "multipart/form-data":
        return {**request.args.to_dict(), **_read_form(request)}
    if request.mimetype == "application/x-www-form-urlencoded":
        return {}
    text = request.get_data()
    try:
        body = json.loads(text, object_pairs_hook=_drop_nulls) if text.strip() else {}
    except (ValueError, RecursionError):
        raise malformed(
            "Invalid JSON given in the body of the request - failed to parse given JSON"
        ) from None
    if not isinstance(body, dict):
        raise malformed("Invalid JSON given in the body of the request - expected a map")
    return {**request.args.to_dict(), **body}


def _read_form(request: Request) -> Json:
    """The fields of a form; files as base64, as they are in JSON."""
    request.max_form_memory_size = BODY_LIMIT
    try:
        params: Json = request.form.to_dict()
        for name, file in request.files.items():
            params[name] = base64.b64encode(file.read()).decode()
    except HTTPException:
        raise malformed("Invalid form given in the body of the request") from None
    finally:
        request.close()
    return params


def _without_content(params: Json) -> Json:
    """Parameters as the log has them: without the content of files, and without tokens."""
    return {name: value for name, value in params.items() if name not in _CONTENT}


def _drop_nulls(pairs: list[tuple[str, Any]]) -> Json:
    """An object without its nulls: to the service, they are fields that are not there."""
    return {name: value for name, value in pairs if value is not None}
