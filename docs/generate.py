"""Writes down what the program says of itself: man pages, the command reference, tables, completion.

.venv/bin/python docs/generate.py            (or: make docs)
.venv/bin/python docs/generate.py --check    exits 1 if anything is not current
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dbjobs import __version__
from dbjobs.cli.app import main as main_command
from dbjobs.cli.completion.scripts import SCRIPTS
from dbjobs.cli.reference import Entry, describe_param, list_entries
from dbjobs.config.settings import SETTINGS
from dbjobs.errors import WHEN, ExitCode
from dbjobs.jobfiles.known_fields import RECORDS, EnumValues
from dbjobs.jobfiles.rules import RULES

sys.path.insert(0, str(Path(__file__).parent))
from module_listing import with_module_listing
from python_reference import with_python_reference

REPO = Path(__file__).parent.parent
SCRIPT_NAMES = {"bash": "dbjobs.bash", "zsh": "_dbjobs", "fish": "dbjobs.fish", "powershell": "dbjobs.ps1"}
ENVIRONMENT = {
    "DATABRICKS_CONFIG_PROFILE": "The profile to use.",
    "DATABRICKS_CONFIG_FILE": "The official tools' file of profiles, instead of ~/.databrickscfg.",
    "DBJOBS_CONFIG": "The file of profiles, instead of config.yaml in the user's configuration directory.",
    "DBJOBS_DEBUG": "Show a traceback when dbjobs itself is at fault.",
    "DBJOBS_SANDBOX_TOKEN": "The token of `dbjobs sandbox serve`.",
    "DBJOBS_THEME": "Colors: `color-blind`, `dark`, `light`, or two of these words.",
    "NO_COLOR": "No colour, as with --no-color.",
    "FORCE_COLOR": "Colour where there is no terminal, too.",
}


# What completion reads


def completion_tree(entry: Entry, everything: list[Entry]) -> dict[str, Any]:
    """A command as dbjobs/completing knows it."""
    below = [other for other in everything if other.path[:-1] == entry.path and other.path]
    node: dict[str, Any] = {"help": entry.help.summary}
    options = [param for param in entry.params if param.param_type_name == "option"]
    arguments = [param for param in entry.params if param.param_type_name == "argument"]
    if options:
        node["options"] = [describe_param(param) for param in options]
    if arguments:
        node["arguments"] = [describe_param(param) for param in arguments]
    if below:
        node["commands"] = {other.path[-1]: completion_tree(other, everything) for other in below}
    if not entry.path:
        node["global_options"] = [describe_param(param) for param in entry.globals]
    return node


# Man pages


def man_page(entry: Entry, everything: list[Entry]) -> str:
    """In the man macros, which every man understands."""
    told = entry.help
    lines = [
        f'.TH "{entry.page.upper()}" "1" "" "dbjobs {__version__}" "dbjobs"',
        *_section("NAME", f"{_roff(entry.page)} \\- {_roff(told.summary.rstrip('.'))}"),
        *_section("SYNOPSIS", _roff(entry.usage)),
        *_section("DESCRIPTION", _roff(told.summary)),
    ]
    for paragraph in told.description:
        lines += [".PP", *(_literal(paragraph[1:]) if paragraph.startswith("\b") else [_roff(paragraph)])]
    below = [
        other for other in everything if other.path[: len(entry.path)] == entry.path and other is not entry
    ]
    if below:
        lines += _terms("COMMANDS", [(other.name, other.help.summary) for other in below])
    titles = dict.fromkeys(_title(param) for param in entry.params)
    for title in titles:
        terms = [entry.record(param) for param in entry.params if _title(param) == title]
        lines += _terms(title.upper(), terms)
    lines += _terms("GLOBAL OPTIONS", [entry.record(param) for param in entry.globals])
    if told.examples:
        lines += [*_section("EXAMPLES"), *_literal(told.examples)]
    lines += _exit_status(entry)
    if not entry.path:
        lines += _terms("ENVIRONMENT", [*_environment()])
    lines += _section("SEE ALSO", _see_also(entry, everything))
    return "\n".join(line for line in lines if line) + "\n"


def _title(param: Any) -> str:
    default = "Arguments" if param.param_type_name == "argument" else "Options"
    return getattr(param, "rich_help_panel", None) or default


def _exit_status(entry: Entry) -> list[str]:
    text = entry.help.exit_codes
    if not entry.path:
        return _terms("EXIT STATUS", [(str(int(code)), when.replace("`", "")) for code, when in WHEN.items()])
    if text.startswith("\n"):
        return [*_section("EXIT STATUS"), *_literal(text.strip("\n"))]
    return _section("EXIT STATUS", _roff(" ".join(text.split()))) if text else []


def _environment() -> Iterator[tuple[str, str]]:
    for setting, known in SETTINGS.items():
        if known.variable:
            yield known.variable, f"The setting {setting}."
    yield from ENVIRONMENT.items()


def _see_also(entry: Entry, everything: list[Entry]) -> str:
    near = [
        other for other in everything if other.path[:-1] == entry.path[:-1] or other.path == entry.path[:-1]
    ]
    pages = [other.page for other in near if other is not entry] if entry.path else []
    return (
        ", ".join(f"{_roff(page)}(1)" for page in pages) or "https://docs.databricks.com/api/workspace/jobs"
    )


def _section(title: str, text: str = "") -> list[str]:
    return [f'.SH "{title}"', text]


def _terms(title: str, terms: list[tuple[str, str]]) -> list[str]:
    lines = _section(title)
    for term, told in terms:
        lines += [".TP", f"\\fB{_roff(term)}\\fR", _roff(told)]
    return lines


def _literal(text: str) -> list[str]:
    return [".nf", *(_roff(line) or "\\&" for line in text.split("\n")), ".fi"]


def _roff(text: str) -> str:
    """Text without any meaning to roff; dashes stay dashes when copied."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    return f"\\&{text}" if text.startswith(".") else text


# Markdown


def reference(everything: list[Entry]) -> str:
    """docs/commands.md."""
    root = everything[0]
    verbs = [entry for entry in everything if not hasattr(entry.command, "list_commands")]
    lines = [
        "# Commands",
        "",
        "Written by `make docs` from what the program says of itself, as `dbjobs COMMAND --help` does.",
        "",
        "| command | |",
        "|---|---|",
        *(f"| [`{entry.name}`](#{_anchor(entry.name)}) | {_cell(entry.help.summary)} |" for entry in verbs),
        "",
        "## Options of every command",
        "",
        "They stand before or after its name.",
        "",
        *_table("option", [root.record(param) for param in root.globals]),
        "",
        *_table("option of `dbjobs` alone", [root.record(param) for param in root.params]),
    ]
    for entry in verbs:
        lines += ["", *_reference_entry(entry)]
    return "\n".join(lines) + "\n"


def _reference_entry(entry: Entry) -> Iterator[str]:
    told = entry.help
    yield from [f"## {entry.name}", "", told.summary, "", "```", entry.usage, "```"]
    for paragraph in told.description:
        yield from ["", *(["```", paragraph[1:], "```"] if paragraph.startswith("\b") else [paragraph])]
    for title in dict.fromkeys(_title(param) for param in entry.params):
        terms = [entry.record(param) for param in entry.params if _title(param) == title]
        yield from ["", *_table(title.lower().rstrip("s") if title.endswith("s") else title.lower(), terms)]
    if told.examples:
        yield from ["", "```sh", told.examples, "```"]
    if told.exit_codes.startswith("\n"):
        yield from ["", "Exit codes:", "", "```", told.exit_codes.strip("\n"), "```"]
    elif told.exit_codes:
        yield from ["", f"Exit codes: {' '.join(told.exit_codes.split())}"]


def _table(head: str, rows: list[tuple[str, str]]) -> list[str]:
    return [f"| {head} | |", "|---|---|", *(f"| `{_cell(term)}` | {_cell(told)} |" for term, told in rows)]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _anchor(title: str) -> str:
    return title.replace(" ", "-")


def exit_code_table() -> list[str]:
    """With both signals in a row."""
    rows = {str(int(code)): when for code, when in WHEN.items() if code != ExitCode.BROKEN_PIPE}
    interrupted, terminated = str(int(ExitCode.INTERRUPTED)), str(int(ExitCode.TERMINATED))
    rows = {code: when for code, when in rows.items() if code not in (interrupted, terminated)}
    rows[f"{interrupted}, {terminated}"] = "SIGINT, SIGTERM"
    return ["| code | when |", "|---|---|", *(f"| {code} | {when} |" for code, when in rows.items())]


def with_exit_codes(text: str) -> str:
    """A page whose table of exit codes is that of the program."""
    table = "\n".join(exit_code_table())
    return re.sub(r"^\| code \| when \|\n(\|.*\n)+", lambda _: table + "\n", text, flags=re.MULTILINE)


def rules_page() -> str:
    """docs/job-rules.md: what each type of the API has to have, and what it is limited to."""
    rules = sum(len(found) for found in RULES.values())
    required = sum(len(record.required) for record in RECORDS.values())
    enums = sum(isinstance(schema, EnumValues) for record in RECORDS.values() for schema in record.values())
    lines = [
        "# The rules of job files",
        "",
        "Written by `make docs` from the tables that the check reads. The page on [job files](job-files.md)",
        "says how it works, and what is left to the service. A text with `{{…}}` in it is known only when",
        "the job runs, and keeps every limit.",
        "",
        f"{required} fields are required, {enums} take known values only, and {rules} limits are kept.",
        "",
        "| type of the API | required | limits, and what is refused |",
        "|---|---|---|",
    ]
    for name, record in sorted(RECORDS.items()):
        kept = "; ".join(rule.describe() for rule in RULES.get(name, ()))
        needed = ", ".join(f"`{field}`" for field in record.required)
        if kept or needed:
            lines.append(f"| {name} | {_cell(needed)} | {_cell(kept)} |")
    return "\n".join(lines) + "\n"


# All together


def generated() -> dict[Path, str]:
    """Every generated file's path in the repository, and what it must contain."""
    everything = list(list_entries(main_command))
    tree = completion_tree(everything[0], everything)
    files = {
        Path("dbjobs/cli/completion/commands.json"): json.dumps(tree, indent=1, ensure_ascii=False) + "\n",
        Path("docs/commands.md"): reference(everything),
        Path("docs/job-rules.md"): rules_page(),
    }
    for shell, name in SCRIPT_NAMES.items():
        files[Path("completions", name)] = SCRIPTS[shell].lstrip("\n")
    for entry in everything:
        files[Path("docs/man", f"{entry.page}.1")] = man_page(entry, everything)
    page = Path("docs/exit-codes.md")
    files[page] = with_exit_codes((REPO / page).read_text("utf-8"))
    page = Path("docs/architecture.md")
    files[page] = with_module_listing((REPO / page).read_text("utf-8"), REPO / "dbjobs")
    page = Path("docs/python.md")
    files[page] = with_python_reference((REPO / page).read_text("utf-8"))
    return files


def outdated() -> list[Path]:
    """The files that are out of date, and those of commands that no longer exist."""
    files = generated()
    there = {path.relative_to(REPO) for path in (REPO / "docs" / "man").glob("*.1")}
    wrong = [
        path
        for path, text in files.items()
        if not (REPO / path).exists() or (REPO / path).read_text("utf-8") != text
    ]
    return wrong + sorted(there - files.keys())


def main() -> None:
    """Write what is not current, or only tell of it."""
    wrong = outdated()
    if "--check" in sys.argv:
        sys.exit(f"not current, run `make docs`: {', '.join(map(str, wrong))}" if wrong else 0)
    files = generated()
    for path in wrong:
        if path in files:
            (REPO / path).parent.mkdir(parents=True, exist_ok=True)
            (REPO / path).write_text(files[path], "utf-8")
        else:
            (REPO / path).unlink()
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
