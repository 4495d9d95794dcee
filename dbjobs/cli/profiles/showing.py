"""What `dbjobs profiles` prints, in the form that -o asked for."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dbjobs.cli.context import App
from dbjobs.http.response import Payload
from dbjobs.output.structured import write_document, write_documents

if TYPE_CHECKING:
    from dbjobs.cli.checkup import Step
    from dbjobs.config.resolve import Profile


def show_list(app: App, profiles: Sequence[Payload]) -> None:
    """Every profile, a line each."""
    if app.output != "text":
        write_documents(app.streams, profiles, app.output, id_key="name")
    elif profiles:
        from dbjobs.output.terminal.profiles import show_profiles

        show_profiles(app.streams, profiles)
    else:
        app.streams.note("there are no profiles yet; create one with: dbjobs profiles add NAME")


def show_settings(app: App, profile: "Profile") -> None:
    """Every setting in effect with its source, then the settings that are not used."""
    _show(app, profile.name, profile.shown_settings())
    for note in profile.unused:
        app.streams.note(note)


def show_own_settings(app: App) -> None:
    """The settings of the profile itself, when they are not complete."""
    from dbjobs.config.resolve import settings_to_show

    name = app.options.profile
    file = app.profile_files.find(name) if name else None
    if name and file:
        _show(app, name, settings_to_show(file.source(name, app.environ).settings))


def _show(app: App, name: str | None, settings: Sequence[tuple[str, str, str]]) -> None:
    if app.output == "text":
        from dbjobs.output.terminal.profiles import show_settings as show_table

        show_table(app.streams, settings)
    else:
        by_key = {key: {"value": value, "source": source} for key, value, source in settings}
        write_document(app.streams, {"name": name, "settings": by_key}, app.output, id_key="name")


def show_checkup(app: App, steps: "Iterator[Step]") -> None:
    """Each step as it is done; then what is wrong, if anything is."""
    from dbjobs.output.terminal.profiles import show_step

    payloads, error = [], None
    for step in steps:
        payloads.append(step.as_payload())
        error = step.error
        if app.output == "text":
            show_step(app.streams, payloads[-1])
    if app.output != "text":
        write_documents(app.streams, payloads, app.output, id_key="step")
    if error:
        raise error


def tell_copy(app: App, copy: Path | None) -> None:
    """Warn of a file whose comments could not be kept."""
    if copy:
        app.streams.warn(f"the file was rewritten without its comments; the old one is {copy}")
