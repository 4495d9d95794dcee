"""`--trace`: a run as OpenTelemetry reads it, in a file and at a collector; the outcome stays the same."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.output.trace import read_headers, read_parent
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import FakeClock, Reply
from tests.support.repairable import RUN_ID, RepairableRun
from tests.support.secrets import secret

LOST, GOOD, CODE = {"load": "lost cluster"}, {"load": "success"}, {"load": "code"}
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
IDS = ("traceId", "spanId", "parentSpanId")


def read_with_protobuf(text: str) -> Any:
    """The request as OpenTelemetry's own package reads it, which refuses any field that it does not know.

    OTLP has ids in hexadecimal, where the JSON of protobuf has base64.
    """
    reason = "opentelemetry-proto comes with `make .venv/ready`, or `pip install --group dev`"
    service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2", reason=reason)
    json_format = pytest.importorskip("google.protobuf.json_format", reason=reason)
    document = json.loads(text)
    for spans in (scope["spans"] for one in document["resourceSpans"] for scope in one["scopeSpans"]):
        for span in spans:
            for name in IDS:
                if name in span:
                    assert span[name] == span[name].lower()
                    span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    return json_format.ParseDict(document, service.ExportTraceServiceRequest())


def attributes_of(item: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in item.attributes}


def spans_of(text: str) -> list[Any]:
    return [
        span
        for resource in read_with_protobuf(text).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def test_a_file_has_the_run_its_repair_and_every_attempt(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, tmp_path: Path
) -> None:
    workspace = RepairableRun(clock, [LOST, GOOD])
    serve(workspace.reply)
    file = tmp_path / "trace.json"
    done = dbjobs("runs", "wait", RUN_ID, "--repair", 1, "--trace", file)
    assert done.exit_code == 0, done.stderr
    text = file.read_text()
    assert text.count("\n") == 1
    request = read_with_protobuf(text)
    assert attributes_of(request.resource_spans[0].resource) == {
        "service.name": "databricks",
        "cicd.pipeline.name": "nightly",
        "cicd.pipeline.run.id": "43",
        "cicd.pipeline.run.url.full": "https://example.com/#run/43",
    }
    run, repair, first, second = spans_of(text)
    assert [(span.name, span.kind) for span in (run, repair, first, second)] == [
        ("RUN nightly", 2), ("repair", 1), ("load", 1), ("load", 1)
    ]  # fmt: skip
    assert [span.parent_span_id for span in (run, repair, first, second)] == [
        b"", run.span_id, run.span_id, repair.span_id
    ]  # fmt: skip
    assert len({span.trace_id for span in (run, repair, first, second)}) == 1
    assert (len(run.trace_id), len(run.span_id)) == (16, 8)
    assert attributes_of(run)["cicd.pipeline.result"] == "success"
    assert attributes_of(run)["databricks.job.id"]
    assert [attributes_of(span)["cicd.pipeline.task.run.result"] for span in (first, second)] == [
        "failure", "success"
    ]  # fmt: skip
    assert attributes_of(first)["error.type"] == "CLUSTER_ERROR"
    assert (first.status.code, second.status.code) == (2, 0)
    assert [event.name for event in first.events] == ["exception"]
    assert first.end_time_unix_nano - first.start_time_unix_nano == pytest.approx(10e9, rel=0.01)
    before = text
    assert dbjobs("runs", "wait", RUN_ID, "--trace", file).exit_code == 0
    assert file.read_text() == before, "a second call makes the same trace"


@pytest.mark.parametrize(
    ("given", "exit_code", "result", "error_type"),
    [
        ("code", 10, "failure", "KeyError"),
        ("timed out", 11, "timeout", None),
        ("canceled", 12, "cancellation", None),
        ("network", 10, "failure", "requests.exceptions.ConnectionError"),
    ],
)
def test_results_have_the_names_of_the_conventions(
    dbjobs: Dbjobs,
    serve: Serve,
    clock: FakeClock,
    tmp_path: Path,
    given: str,
    exit_code: int,
    result: str,
    error_type: str | None,
) -> None:
    serve(RepairableRun(clock, [{"load": given}]).reply)
    file = tmp_path / "trace.json"
    assert dbjobs("runs", "wait", RUN_ID, "--trace", file).exit_code == exit_code
    run, task = spans_of(file.read_text())
    assert attributes_of(run)["cicd.pipeline.result"] == result
    assert attributes_of(task)["cicd.pipeline.task.run.result"] == result
    assert attributes_of(task).get("error.type") == error_type
    assert ("error.type" in attributes_of(run)) is (error_type is not None)


def test_the_span_that_called_is_the_parent(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, tmp_path: Path
) -> None:
    serve(RepairableRun(clock, [GOOD]).reply)
    file = tmp_path / "trace.json"
    environ = {"TRACEPARENT": PARENT, "TRACESTATE": "congo=t61rcWkgMzE", "OTEL_SERVICE_NAME": "warehouse"}
    dbjobs("runs", "wait", RUN_ID, "--trace", file, **environ)
    run, task = spans_of(file.read_text())
    assert {span.trace_id.hex() for span in (run, task)} == {"0af7651916cd43dd8448eb211c80319c"}
    assert (run.parent_span_id.hex(), task.parent_span_id) == ("b7ad6b7169203331", run.span_id)
    assert run.trace_state == task.trace_state == "congo=t61rcWkgMzE"
    assert (run.flags, task.flags) == (0x301, 0x101)
    resource = read_with_protobuf(file.read_text()).resource_spans[0].resource
    assert attributes_of(resource)["service.name"] == "warehouse"


@pytest.mark.parametrize(
    ("text", "is_parent"),
    [
        (PARENT, True),
        ("cc" + PARENT[2:] + "-what-the-future-brings", True),
        ("ff" + PARENT[2:], False),
        (PARENT + "-more", False),
        (PARENT.upper(), False),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", False),
        (f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01", False),
        ("", False),
    ],
)
def test_a_malformed_parent_is_none(text: str, is_parent: bool) -> None:
    assert (read_parent({"TRACEPARENT": text}) is not None) is is_parent


@given(st.dictionaries(st.sampled_from(["TRACEPARENT", "TRACESTATE"]), st.text()))
def test_no_environment_makes_a_parent_with_ids_of_another_form(environ: dict[str, str]) -> None:
    parent = read_parent(environ)
    assert parent is None or (len(parent.trace_id), len(parent.span_id)) == (32, 16)


def test_a_collector_gets_the_trace_once_with_the_headers_of_the_environment(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock
) -> None:
    collector = serve([Reply(503), Reply(200, {})])
    server = serve(RepairableRun(clock, [CODE]).reply)
    key = secret("otlp")
    done = dbjobs(
        "runs", "wait", RUN_ID, "--trace", collector.url, "--verbose",
        DATABRICKS_HOST=server.url, OTEL_EXPORTER_OTLP_HEADERS=f"x-api-key={key},x-tenant=a%20b",
    )  # fmt: skip
    assert done.exit_code == 10
    first, second = collector.received
    assert first.body == second.body
    assert first.path == "/v1/traces"
    assert first.headers["content-type"] == "application/json"
    assert (first.headers["x-api-key"], first.headers["x-tenant"]) == (key, "a b")
    assert len(spans_of(json.dumps(first.body))) == 2
    assert key not in done.stdout + done.stderr
    assert "has the trace" in done.stderr


@pytest.mark.parametrize(
    ("replies", "environ", "requests", "told"),
    [
        ([Reply(400)], {}, 1, "the trace was not delivered: 127.0.0.1 answered with HTTP 400"),
        ([Reply(500)], {}, 1, "answered with HTTP 500"),
        ([Reply(503)], {}, 3, "answered with HTTP 503"),
        ([Reply(reset=True)], {}, 3, "the trace was not delivered"),
        ([Reply(200)], {"OTEL_EXPORTER_OTLP_HEADERS": "no-value"}, 0, "is malformed: it takes NAME=VALUE"),
        ([Reply(200)], {"OTEL_EXPORTER_OTLP_HEADERS": "a=b%0D%0Ac:d"}, 0, "is malformed"),
    ],
)  # fmt: skip
def test_what_a_collector_does_never_changes_the_exit_code(
    dbjobs: Dbjobs,
    serve: Serve,
    clock: FakeClock,
    replies: list[Reply],
    environ: dict[str, str],
    requests: int,
    told: str,
) -> None:
    collector = serve(replies)
    server = serve(RepairableRun(clock, [GOOD]).reply)
    url = f"{collector.url}/otlp/v1/traces"
    done = dbjobs("runs", "wait", RUN_ID, "--trace", url, DATABRICKS_HOST=server.url, **environ)
    assert done.exit_code == 0
    assert len(collector.received) == requests
    assert told in done.stderr
    assert done.lines == [f"{RUN_ID}\tTERMINATED\tSUCCESS"]


def test_the_headers_of_traces_come_before_those_of_all_signals() -> None:
    names = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")
    assert read_headers({names[0]: "a=1", names[1]: " b = 2 , c=%3D"}) == {"b": "2", "c": "="}
    assert read_headers({names[0]: "a=1", names[1]: ""}) == {"a": "1"}
    assert read_headers({}) == {}


def test_files_are_written_like_other_reports(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, tmp_path: Path
) -> None:
    serve(RepairableRun(clock, [GOOD]).reply)
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("old")
    link.symlink_to(real)
    assert dbjobs("runs", "wait", RUN_ID, "--trace", link).exit_code == 0
    assert link.is_symlink()
    assert len(spans_of(real.read_text())) == 2
    assert dbjobs("runs", "wait", RUN_ID, "--trace", os.devnull).exit_code == 0
    done = dbjobs("runs", "wait", RUN_ID, "--trace", tmp_path / "nowhere" / os.devnull / "x")
    assert done.exit_code == 0
    assert "could not be written" in done.stderr


def test_a_run_that_goes_on_is_traced_as_it_was_seen(
    dbjobs: Dbjobs, serve: Serve, clock: FakeClock, tmp_path: Path
) -> None:
    serve(RepairableRun(clock, [GOOD], lasts=500).reply)
    file = tmp_path / "trace.json"
    assert dbjobs("runs", "wait", RUN_ID, "--timeout", "20s", "--trace", file).exit_code == 124
    run, task = spans_of(file.read_text())
    assert "cicd.pipeline.result" not in attributes_of(run)
    assert run.status.code == task.status.code == 0
    assert run.end_time_unix_nano >= run.start_time_unix_nano


@pytest.mark.parametrize("target", ["ftp://example.com/trace", "https://"])
def test_another_target_is_refused(dbjobs: Dbjobs, target: str) -> None:
    done = dbjobs("runs", "wait", RUN_ID, "--trace", target)
    assert done.exit_code == 2
    assert "it takes a URL that begins with https:// or http://, or a file" in done.stderr
