"""The groups of options for the contents of a request: its body, and a run's parameters."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbjobs.errors import UsageError

if TYPE_CHECKING:
    from dbjobs.cli.context import App
    from dbjobs.jobfiles.files import JobFile, PreparedRequest


@dataclass(frozen=True)
class BodyOptions:
    """Where a request's body comes from: `-f FILE`, or `--json TEXT`."""

    file: Annotated[
        str | None,
        typer.Option("--file", "-f", metavar="FILE", help="JSON or YAML; - is stdin."),
    ] = None
    json_text: Annotated[
        str | None,
        typer.Option("--json", metavar="TEXT|@FILE", help="JSON or YAML, as text or from @FILE."),
    ] = None

    @property
    def is_given(self) -> bool:
        return self.file is not None or self.json_text is not None

    def open(self) -> "JobFile":
        """The body with its lines, for `check_job_file`; a UsageError or RefusedError if it is not valid."""
        if (self.file is None) == (self.json_text is None):
            raise UsageError("give either -f FILE or --json TEXT")
        from dbjobs.jobfiles.files import read_job_file

        return read_job_file(self.file, self.json_text)

    def open_job(self, job_key: str | None) -> "JobFile":
        """The same for job settings, which may be those of a job in a bundle's file."""
        file = self.open()
        from dbjobs.jobfiles.bundles import select_job

        return select_job(file, job_key)


def check_job_file(app: "App", file: "JobFile", request: str, **options: Any) -> "PreparedRequest":
    """What to send for a request (create, reset, update or submit), checked; warnings go to stderr.

    The options are those of `prepare_request`.
    """
    from dbjobs.jobfiles.files import prepare_request

    prepared = prepare_request(file, request, app.profile.api_version.value, **options)
    for warning in prepared.warnings:
        app.streams.warn(warning)
    if prepared.note:
        app.streams.note(prepared.note)
    return prepared


JobKey = Annotated[
    str | None,
    typer.Option(
        "--job-key",
        metavar="NAME",
        help="The job of a bundle's file, where it has several.",
    ),
]


_Texts = list[str] | None


def _kind_option(name: str, kind: str, metavar: str = "NAME=VALUE") -> Any:
    return typer.Option(
        name,
        metavar=metavar,
        help=f"Goes to {kind}.",
        rich_help_panel="Parameters by kind",
    )


@dataclass(frozen=True)
class ParameterOptions:
    """What a run is started with: parameters of one kind."""

    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-P",
            metavar="NAME=VALUE",
            help="A parameter, of the kind that the job takes; may be repeated.",
        ),
    ] = None
    params_file: Annotated[
        str | None,
        typer.Option(
            "--params-file",
            metavar="FILE",
            help="Parameters as a JSON or YAML mapping; - is stdin.",
        ),
    ] = None

    job_parameters: Annotated[_Texts, _kind_option("--job-param", "job_parameters")] = None
    notebook_params: Annotated[_Texts, _kind_option("--notebook-param", "notebook_params")] = None
    python_named_params: Annotated[_Texts, _kind_option("--python-named-param", "python_named_params")] = None
    sql_params: Annotated[_Texts, _kind_option("--sql-param", "sql_params")] = None
    python_params: Annotated[_Texts, _kind_option("--python-param", "python_params", "VALUE")] = None
    jar_params: Annotated[_Texts, _kind_option("--jar-param", "jar_params", "VALUE")] = None
    spark_submit_params: Annotated[
        _Texts, _kind_option("--spark-submit-param", "spark_submit_params", "VALUE")
    ] = None
    dbt_commands: Annotated[_Texts, _kind_option("--dbt-command", "dbt_commands", "VALUE")] = None

    def read(self, get_job: Callable[[], dict[str, Any]], *, force: bool = False) -> dict[str, Any]:
        """The parameters under the name of their kind, checked against the job; {} without any."""
        return self.choose(self.read_pairs(), get_job, force=force)

    def read_pairs(self) -> dict[str, str]:
        """Those of --param and --params-file; of one name, the former count."""
        from dbjobs.jobfiles.parameters import as_parameter_strings, split_pairs

        from_file: dict[str, str] = {}
        if self.params_file:
            source = "stdin" if self.params_file == "-" else self.params_file
            from dbjobs.jobfiles.files import read_body

            from_file = as_parameter_strings(read_body(self.params_file, None), source)
        return {**from_file, **split_pairs(self.param or [])}

    def choose(
        self, pairs: dict[str, str], get_job: Callable[[], dict[str, Any]], *, force: bool = False
    ) -> dict[str, Any]:
        """Such pairs with what was given by kind."""
        from dbjobs.jobfiles.parameters import PARAMETER_OPTIONS, choose_parameters

        return choose_parameters(
            pairs, {kind: getattr(self, kind) for kind in PARAMETER_OPTIONS}, get_job, force=force
        )
