"""The recording in the README: small, harmless, and what the program shows today."""

import re
import xml.etree.ElementTree as ET

import pytest

from docs.make_recording import BACKGROUND, DIM, FOREGROUND, NAMED_COLORS, record
from tests.support.manual import REPO

RECORDING = REPO / "docs" / "recording.svg"
SVG = "{http://www.w3.org/2000/svg}"
ANEW = "draw it anew: .venv/bin/python docs/make_recording.py"


def test_it_is_small_and_does_nothing_but_move() -> None:
    source = RECORDING.read_text("utf-8")

    assert len(source.encode()) < 150_000
    assert {element.tag.removeprefix(SVG) for element in ET.fromstring(source).iter()} == {
        *("svg", "title", "style", "rect", "circle", "text", "tspan")
    }
    assert not re.search(r"url\(|href|@import| on\w+=", source), "nothing is loaded or run"
    assert "prefers-reduced-motion" in source, "who wants no motion sees the last frame"


def test_it_can_be_read_on_any_page() -> None:
    """It brings its own background, against which every color has the contrast that WCAG asks for."""
    source = RECORDING.read_text("utf-8")
    used = {*re.findall(r'<tspan[^>]* fill="(#\w+)"', source), FOREGROUND, DIM, *NAMED_COLORS.values()}
    assert f'rx="8" fill="{BACKGROUND}"' in source
    assert {color: ratio for color in used if (ratio := contrast(color, BACKGROUND)) < 4.5} == {}


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    parts = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def general(line: str) -> str:
    """A line without its figures, and what a wider column of durations would cut off."""
    without_figures = re.sub(r"(\d+[a-z]?)+", "#", line)
    return " ".join(without_figures.partition("…")[0].split())[:50]


@pytest.mark.timeout(180)
def test_it_ends_as_the_program_does_today() -> None:
    root = ET.fromstring(RECORDING.read_text("utf-8"))
    texts = [text for text in root.iter(f"{SVG}text") if "h" not in (text.get("class") or "").split()]
    recorded = {general(" ".join(span.text or "" for span in text)) for text in texts}

    frames = record()

    shown = {general(" ".join(piece.text for piece in line)) for frame in frames for line in frame.lines}
    assert recorded - shown == set(), ANEW
    assert any("usually" in line for line in shown), "the job's history is known"
    assert any("next: dbjobs runs repair" in line for line in recorded), "it ends with the next command"
