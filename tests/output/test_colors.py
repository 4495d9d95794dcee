"""Colors: readable on dark and light backgrounds, and the ones that DBJOBS_THEME asks for."""

from itertools import product

import pytest
from rich.color import Color
from rich.console import Console

from dbjobs.output.terminal.theme import PALETTES, Background, background_of_color, theme_for

DARK = {"xterm": (0, 0, 0), "VS Code": (0x1E, 0x1E, 0x1E), "Apple": (0x1E, 0x1E, 0x1E)}
LIGHT = {"xterm": (255, 255, 255), "VS Code": (255, 255, 255), "Apple": (255, 255, 255)}
STATES = ("starting", "running", "good", "mixed", "failed", "stopped")


def luminance(color: tuple[int, ...]) -> float:
    """As WCAG 2 defines it."""
    parts = [part / 255 for part in color]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_is_that_of_the_standard() -> None:
    assert contrast((255, 255, 255), (0, 0, 0)) == pytest.approx(21)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("is_color_blind", [False, True])
def test_every_color_is_readable_on_the_backgrounds_of_common_terminals(is_color_blind: bool) -> None:
    backgrounds = {Background.DARK: (DARK, 4.5), Background.LIGHT: (LIGHT, 4.5)}
    backgrounds[Background.UNKNOWN] = ({**{f"dark {name}": at for name, at in DARK.items()}, **LIGHT}, 3)
    for background, (terminals, least) in backgrounds.items():
        for (name, number), (terminal, behind) in product(
            PALETTES[is_color_blind][background].items(), terminals.items()
        ):
            color = tuple(Color.from_ansi(number).get_truecolor())
            assert contrast(color, behind) >= least, f"{name} in {terminal}"


@pytest.mark.parametrize(
    ("environ", "good", "failed"),
    [
        ({}, 28, 196),
        ({"COLORFGBG": "15;0"}, 78, 203),
        ({"COLORFGBG": "0;default;15"}, 28, 160),
        ({"DBJOBS_THEME": "light", "COLORFGBG": "15;0"}, 28, 160),
        ({"DBJOBS_THEME": "color-blind dark"}, 75, 208),
        ({"DBJOBS_THEME": "Color-Blind,light"}, 26, 130),
        ({"DBJOBS_THEME": "no such theme"}, 28, 196),
    ],
)
def test_the_environment_chooses_the_colors(environ: dict[str, str], good: int, failed: int) -> None:
    console = Console(theme=theme_for(environ))
    colors = [console.get_style(f"state.{state}").color for state in ("good", "failed")]
    assert [color and color.number for color in colors] == [good, failed]
    assert all(console.get_style(f"state.{state}").color for state in STATES)


def test_a_reported_color_tells_the_background() -> None:
    assert background_of_color(0.12, 0.12, 0.12) is Background.DARK
    assert background_of_color(0.99, 0.96, 0.89) is Background.LIGHT
