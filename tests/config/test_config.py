"""Which workspace dbjobs speaks to, with which credentials, and what it says when it cannot tell."""

import json
from collections.abc import Mapping
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbjobs.auth.profiles import resolve_profile
from dbjobs.config.hosts import normalize_host
from dbjobs.config.settings import Options
from dbjobs.errors import ConfigError
from tests.conftest import Dbjobs
from tests.support.fakes import Reply, scripted_server
from tests.support.payloads import run

CONFIG = """
default_profile: standard
profiles:
  standard: {host: standard.example, token: t-standard, api_version: "2.0"}
  named: {host: https://named.example/, token: t-named, api_version: 2.1}
  variable: {host: variable.example, token: t-variable}
  hostless: {token: t-hostless}
  tokenless: {host: tokenless.example}
"""
ENVIRONMENT = {"DATABRICKS_HOST": "env.example", "DATABRICKS_TOKEN": "t-env"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG, "utf-8")
    return path


@pytest.mark.parametrize(
    ("options", "environ", "expected"),
    [
        pytest.param({}, {}, ("standard.example", "t-standard", "2.0"), id="the default profile"),
        pytest.param(
            {},
            {"DATABRICKS_CONFIG_PROFILE": "variable"},
            ("variable.example", "t-variable", "2.2"),
            id="DATABRICKS_CONFIG_PROFILE beats the default profile",
        ),
        pytest.param(
            {},
            {"DATABRICKS_CONFIG_PROFILE": "variable", **ENVIRONMENT},
            ("env.example", "t-env", "2.2"),
            id="DATABRICKS_HOST and _TOKEN beat DATABRICKS_CONFIG_PROFILE",
        ),
        pytest.param(
            {"profile": "named"},
            {"DATABRICKS_CONFIG_PROFILE": "variable", **ENVIRONMENT},
            ("named.example", "t-named", "2.1"),
            id="--profile beats the environment",
        ),
        pytest.param(
            {"api_version": "2.2"}, {}, ("standard.example", "t-standard", "2.2"), id="--api-version"
        ),
        pytest.param(
            {"host": "https://env.example"},
            ENVIRONMENT,
            ("env.example", "t-env", "2.2"),
            id="--host with the credentials of the same host",
        ),
        pytest.param(
            {"host": "standard.example"},
            ENVIRONMENT,
            ("standard.example", "t-standard", "2.0"),
            id="--host finds the profile of that host",
        ),
        pytest.param(
            {"host": "new.example"},
            {"DATABRICKS_TOKEN": "t-env"},
            ("new.example", "t-env", "2.2"),
            id="--host with a token that names no host",
        ),
        pytest.param(
            {"host": "new.example", "profile": "hostless"},
            ENVIRONMENT,
            ("new.example", "t-hostless", "2.2"),
            id="--host with a profile that names no host",
        ),
        pytest.param(
            {},
            {"DATABRICKS_HOST": "https://standard.example/?o=1"},
            ("standard.example", "t-standard", "2.0"),
            id="DATABRICKS_HOST finds the profile of that host",
        ),
        pytest.param(
            {},
            {"DATABRICKS_TOKEN": "t-env"},
            ("standard.example", "t-standard", "2.0"),
            id="a token alone does not go to a profile's host",
        ),
        pytest.param(
            {},
            {"DATABRICKS_HOST": "", "DATABRICKS_TOKEN": ""},
            ("standard.example", "t-standard", "2.0"),
            id="empty variables are none",
        ),
    ],
)
def test_the_strongest_source_decides(
    options: Mapping[str, str], environ: Mapping[str, str], expected: tuple[str, str, str], config: Path
) -> None:
    profile = resolve_profile(
        Options(
            profile=options.get("profile"),
            config=config,
            host=options.get("host"),
            api_version=options.get("api_version"),
        ),
        environ,
    )

    host, token, version = expected
    assert profile.host.value == f"https://{host}"
    assert profile.read("token") == token
    assert profile.api_version.value == version


@pytest.mark.parametrize(
    ("options", "environ", "message"),
    [
        pytest.param(
            Options(host="other.example"),
            ENVIRONMENT,
            "no credentials for https://other.example (--host)",
            id="--host of another host than the token's",
        ),
        pytest.param(
            Options(),
            {"DATABRICKS_HOST": "env.example"},
            "no credentials for https://env.example (DATABRICKS_HOST)",
            id="a host without a token",
        ),
        pytest.param(
            Options(profile="tokenless"), ENVIRONMENT, "no credentials for https://tokenless.example",
            id="--profile without a token",
        ),
        pytest.param(
            Options(profile="hostless"), ENVIRONMENT, "no workspace is configured",
            id="--profile without a host",
        ),
        pytest.param(
            Options(profile="absent"), ENVIRONMENT, "there is no profile 'absent' (named by --profile)",
            id="--profile of no profile",
        ),
        pytest.param(
            Options(),
            {"DATABRICKS_CONFIG_PROFILE": "absent"},
            "there is no profile 'absent' (named by DATABRICKS_CONFIG_PROFILE)",
            id="DATABRICKS_CONFIG_PROFILE of no profile",
        ),
    ],
)  # fmt: skip
def test_what_does_not_belong_together_is_never_put_together(
    options: Options, environ: Mapping[str, str], message: str, config: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_profile(Options(options.profile, config, options.host), environ)
    assert caught.value.message.startswith(message)
    assert caught.value.hint


SETTINGS = st.fixed_dictionaries({}, optional={"host": st.sampled_from("abc"), "token": st.just("")})


@settings(deadline=None)
@given(st.lists(SETTINGS, min_size=5, max_size=5), st.booleans(), st.booleans())
def test_a_token_goes_to_no_host_but_its_own(
    tmp_path_factory: pytest.TempPathFactory,
    places: list[dict[str, str]],
    by_option: bool,
    by_variable: bool,
) -> None:
    """Whatever is set where: options, environment, and three profiles."""
    numbers = count()
    sources = [
        {
            key: f"https://{value}.example" if key == "host" else f"t-{next(numbers)}"
            for key, value in source.items()
        }
        for source in places
    ]
    option, environment, *profiles = sources
    path = _write_profiles(tmp_path_factory, dict(zip(("p", "q", "r"), profiles, strict=True)))
    environ = {f"DATABRICKS_{key.upper()}": value for key, value in environment.items()}
    if by_variable:
        environ["DATABRICKS_CONFIG_PROFILE"] = "q"

    try:
        profile = resolve_profile(Options("p" if by_option else None, path, option.get("host")), environ)
    except ConfigError:
        return
    lender = next(source for source in sources[1:] if source.get("token") == profile.read("token"))
    assert lender.get("host", option.get("host")) == profile.host.value


def _write_profiles(folders: pytest.TempPathFactory, profiles: dict[str, dict[str, str]]) -> Path:
    path = folders.getbasetemp() / "profiles.yaml"
    path.write_text(json.dumps({"default_profile": "r", "profiles": profiles}), "utf-8")
    return path


HOST = "https://adb-1234567890123456.7.azuredatabricks.net"


@pytest.mark.parametrize(
    ("pasted", "host"),
    [
        (HOST, HOST),
        (HOST + "/", HOST),
        (HOST.removeprefix("https://"), HOST),
        (f"  {HOST}/?o=1234567890123456#job/3\n", HOST),
        (f"{HOST}/jobs/3/runs/42?o=12", HOST),
        (f"{HOST}/api/2.1", HOST),
        (HOST.upper(), HOST),
        (HOST.replace("//", "//somebody@"), HOST),
        (HOST + ":443", HOST),
        (HOST + ":8443", HOST + ":8443"),
        ("dbc-a1b2.cloud.databricks.com", "https://dbc-a1b2.cloud.databricks.com"),
        ("https://localhost:8443", "https://localhost:8443"),
        ("http://localhost:8765/", "http://localhost:8765"),
        ("http://127.0.0.1:8765", "http://127.0.0.1:8765"),
        ("http://127.0.0.2:8765", "http://127.0.0.2:8765"),
        ("http://[::1]:8765", "http://[::1]:8765"),
    ],
)
def test_a_host_may_be_pasted_from_a_browser(pasted: str, host: str) -> None:
    assert normalize_host(pasted) == host


@pytest.mark.parametrize(
    ("pasted", "message"),
    [
        ("", "the host is not a URL"),
        ("https://", "the host is not a URL"),
        ("ftp://adb-1.2.azuredatabricks.net", "the host is not a URL"),
        ("file:///etc/passwd", "the host is not a URL"),
        ("https://my workspace", "the host is not a URL"),
        ("https://[::1", "the host is not a URL"),
        ("https://adb.example:port", "the host is not a URL"),
        ("https://adb.example\r\nX-Injected: yes", "the host is not a URL"),
        ("http://adb-1.2.azuredatabricks.net", "would send the token unencrypted"),
        ("http://127.0.0.1.evil.example", "would send the token unencrypted"),
        ("http://localhost.evil.example", "would send the token unencrypted"),
        ("http://10.0.0.1", "would send the token unencrypted"),
    ],
)
def test_what_is_no_host_is_refused(pasted: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        normalize_host(pasted)
    assert caught.value.hint


@pytest.mark.parametrize("where", ["--config", "DBJOBS_CONFIG", "the user's folder"])
def test_the_configuration_is_found_and_verbose_tells_where_each_setting_came_from(
    where: str, tmp_path: Path, home: Path, dbjobs: Dbjobs
) -> None:
    from platformdirs import user_config_path

    path = user_config_path("dbjobs", appauthor=False) / "config.yaml"
    assert path.is_relative_to(home)
    path = path if where == "the user's folder" else tmp_path / "config.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    with scripted_server([Reply(body=run(run_id=42))]) as server:
        path.write_text(
            "default_profile: there\n"
            f"profiles: {{there: {{host: '{server.url}', token: t-there, api_version: 2.1}}}}\n",
            "utf-8",
        )
        option = ["--config", path] if where == "--config" else []
        environ = {"DBJOBS_CONFIG": str(path)} if where == "DBJOBS_CONFIG" else {}
        result = dbjobs("runs", "get", 42, "-o", "id", "--verbose", *option, **environ)

    assert result.exit_code == 0, result.stderr
    [request] = server.received
    assert request.headers["authorization"] == "Bearer t-there"
    assert request.path == "/api/2.1/jobs/runs/get"
    told = f"profile there in {path}"
    assert f"host {server.url} ({told}), token ({told}), api version 2.1 ({told})" in result.stderr
    assert "t-there" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(
            b"profiles:\n  prod:\n    host: adb.example\n    token: 'dapi-hush\n",
            "is not valid YAML: line 4: ",
            id="a quote left open",
        ),
        pytest.param(
            b"profiles:\n  prod:\n    token: dapi-hush: x\n",
            "is not valid YAML: line 3: ",
            id="two colons",
        ),
        pytest.param(
            b"profiles:\n  prod:\n    token: @dapi-hush\n",
            "is not valid YAML: line 3: found ",
            id="an at sign",
        ),
        pytest.param(
            b"profiles:\n  prod:\n    dapi-hush: 1\n    dapi-hush: 2\n",
            "is not valid YAML: line 4: duplicate key",
            id="a key twice",
        ),
        pytest.param(b"token: \xffdapi-hush\n", "cannot read {path}: it is not UTF-8 text", id="no text"),
        pytest.param(b"- dapi-hush\n", "{path} is not a configuration", id="a list"),
        pytest.param(b"dapi-hush", "{path} is not a configuration", id="a word"),
        pytest.param(b"profiles: [dapi-hush]", "{path} is not a configuration", id="a list of profiles"),
        pytest.param(b"profiles: {prod: dapi-hush}", "profile 'prod' in {path} is not a mapping",
                     id="a word for a profile"),
        pytest.param(b"profiles: {prod: {host: h.example, token: {dapi: hush}}}", "token of profile prod",
                     id="a list for a token"),
        pytest.param(b"profiles: {prod: {host: h.example, token: }}", "token of profile prod",
                     id="nothing for a token"),
        pytest.param(b"profiles: {prod: {host: h.example, token: ''}}", "the token from profile prod",
                     id="an empty token"),
        pytest.param(b"profiles: {prod: {host: h.example, token: t, api_version: 3}}", "api version '3' (",
                     id="a version that is none"),
    ],
)  # fmt: skip
def test_a_broken_configuration_names_path_and_line_and_quotes_nothing(
    content: bytes, message: str, tmp_path: Path, dbjobs: Dbjobs
) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)

    result = dbjobs("runs", "get", 42, "--config", path, "--profile", "prod", "--verbose")
    assert (result.exit_code, result.stdout) == (3, "")
    assert f"{message.format(path=path)}" in result.stderr
    assert str(path) in result.stderr
    assert "hush" not in result.stderr


@pytest.mark.parametrize(
    "token", ["dapi-hush\nX-Injected: yes", "dapi-hush\r", "dapi hush", "dapi-hüsh", "dapi-\x00hush", " "]
)
def test_a_token_that_no_header_can_hold_is_refused_and_not_shown(token: str) -> None:
    environ = {"DATABRICKS_HOST": "env.example", "DATABRICKS_TOKEN": token + "x" * (token != " ")}

    with pytest.raises(ConfigError) as caught:
        resolve_profile(Options(), environ)
    assert caught.value.message == (
        "the token from DATABRICKS_TOKEN is empty or contains characters that a token cannot have"
    )


def test_blanks_around_a_token_are_not_part_of_it() -> None:
    environ = {"DATABRICKS_HOST": "env.example", "DATABRICKS_TOKEN": " dapi-hush\n"}

    assert resolve_profile(Options(), environ).read("token") == "dapi-hush"


def test_a_profile_of_databrickscfg_brings_its_version_of_the_api(home: Path) -> None:
    (home / ".databrickscfg").write_text("[old]\nhost = old.example\ntoken = t-old\njobs-api-version = 2.0\n")

    profile = resolve_profile(Options("old"), {})
    assert profile.api_version.value == "2.0"
    assert profile.host.source == f"profile old in {home / '.databrickscfg'}"


def test_of_two_profiles_of_a_name_that_of_config_yaml_counts(config: Path, home: Path) -> None:
    (home / ".databrickscfg").write_text("[named]\nhost = cfg.example\ntoken = t-cfg\n")

    profile = resolve_profile(Options("named", config), {})
    assert (profile.host.value, profile.read("token")) == ("https://named.example", "t-named")


def test_without_any_configuration_the_first_steps_are_told(dbjobs: Dbjobs) -> None:
    result = dbjobs("runs", "get", 42)

    assert (result.exit_code, result.stdout) == (3, "")
    error, hint = result.stderr.splitlines()
    assert error == "error: no workspace is configured"
    assert hint.startswith(
        "hint: sign in with `dbjobs profiles login NAME --host URL`, or set DATABRICKS_HOST and "
    )


def test_a_configuration_that_was_named_has_to_be_there(dbjobs: Dbjobs, tmp_path: Path) -> None:
    path = tmp_path / "absent.yaml"

    result = dbjobs("runs", "get", 42, "--config", path, **ENVIRONMENT)
    assert result.exit_code == 3
    assert result.stderr.startswith(f"error: there is no file {path}")


def test_a_folder_is_no_configuration(dbjobs: Dbjobs, tmp_path: Path) -> None:
    result = dbjobs("runs", "get", 42, "--config", tmp_path)

    assert result.exit_code == 3
    assert result.stderr.startswith(f"error: cannot read {tmp_path}: Is a directory")


def test_a_nearby_profile_name_is_easy_to_find(dbjobs: Dbjobs, config: Path) -> None:
    result = dbjobs("runs", "get", 42, "--config", config, "-p", "name")

    assert result.exit_code == 3
    assert result.stderr.splitlines() == [
        "error: there is no profile 'name' (named by --profile)",
        f"hint: profiles in {config}: hostless, named, standard, tokenless, variable",
    ]
