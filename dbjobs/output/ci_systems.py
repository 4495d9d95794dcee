"""CI systems: which one runs this process, and text that must not issue commands to it.

A CI system takes commands from what a step prints, on stdout and stderr alike: GitHub from
lines that begin with `::`, and from `##[` anywhere in a line; Azure from `##vso[` and `##[`
anywhere, TeamCity from `##teamcity[`; Buildkite makes groups of the log at lines such as
`--- title`. Printing a job's text as it is would let the job set variables, mask the log
or upload files. GitLab's commands take a carriage return and an escape sequence, which no
text of ours has. Sources:
src/Runner.Common/ActionCommand.cs in github.com/actions/runner,
src/Microsoft.VisualStudio.Services.Agent/Command.cs in github.com/microsoft/azure-pipelines-agent,
https://www.jetbrains.com/help/teamcity/service-messages.html,
https://buildkite.com/docs/pipelines/configure/managing-log-output
"""

import re
from collections.abc import Mapping
from enum import Enum

_LINE_COMMAND = r"(^|[\r\n])([^\S\r\n]*):(?=:)"
_COMMAND = r"##(?=\[|vso\[|teamcity\[)"
_LOG_GROUP = r"(^|[\r\n])(?=(?:---|\+\+\+|~~~|\^\^\^)[^\S\r\n])"


class CiSystem(str, Enum):
    """The CI system whose commands the output uses."""

    AUTO = "auto"
    """the one whose step this process is"""
    GITHUB = "github"
    AZURE = "azure"
    GITLAB = "gitlab"
    BUILDKITE = "buildkite"
    TEAMCITY = "teamcity"
    NONE = "none"


def detect_ci_system(environ: Mapping[str, str]) -> CiSystem:
    """The system whose step this process is, by the variables that it sets for every step."""
    if environ.get("GITHUB_ACTIONS") == "true":
        return CiSystem.GITHUB
    if environ.get("TF_BUILD", "").lower() == "true":
        return CiSystem.AZURE
    if environ.get("GITLAB_CI") == "true":
        return CiSystem.GITLAB
    if environ.get("BUILDKITE") == "true":
        return CiSystem.BUILDKITE
    return CiSystem.TEAMCITY if environ.get("TEAMCITY_VERSION") else CiSystem.NONE


def neutralize_commands(text: str) -> str:
    """The text with a blank inside everything that a CI system would take for a command."""
    text = re.sub(_LOG_GROUP, r"\1 ", re.sub(_LINE_COMMAND, r"\1\2: ", text))
    return re.sub(_COMMAND, "# #", text)


def is_command(text: str) -> bool:
    """True if some CI system would find a command in the text."""
    return any(re.search(pattern, text) for pattern in (_COMMAND, _LINE_COMMAND, _LOG_GROUP))


def escape_commands(quoted: str) -> str:
    r"""The same for text inside the double quotes of JSON or YAML: `\u0023` reads back as `#`."""
    return re.sub(_COMMAND, r"#\\u0023", quoted) if "##" in quoted else quoted
