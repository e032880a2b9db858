"""The picture of the README is what a terminal shows: docs/picture.py."""

from __future__ import annotations

import os
import runpy
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[2]
PICTURE = runpy.run_path(str(ROOT / "docs/picture.py"))
PICTURES = sorted((ROOT / "docs/pictures").glob("*.svg"))
SVG = "{http://www.w3.org/2000/svg}"


def lines(text: str) -> list[str]:
    return ["".join(letter for letter, _ in line) for line in PICTURE["screen"](text)]


def test_a_live_line_is_gone_from_the_picture_when_it_was_taken_away():
    assert lines("\r\x1b[K⠙ 1.0 s  RUNNING\r\x1b[K⠹ 1.1 s  RUNNING\r\x1b[Kdone\r\n") == ["done"]


def test_what_is_written_over_a_line_leaves_its_end():
    assert lines("abcdef\rxy") == ["xycdef"]


def test_colours_are_drawn_and_end_where_the_terminal_ends_them():
    drawn = PICTURE["draw"](PICTURE["screen"]("a \x1b[32mgreen\x1b[0m <word>"), "what it is")
    spans = {(span.text or "").replace("\u00a0", " "): span.get("fill")
             for span in ET.fromstring(drawn).iter(f"{SVG}tspan")}

    assert spans == {"a ": PICTURE["FOREGROUND"], "green": PICTURE["PALETTE"][2], " <word>": PICTURE["FOREGROUND"]}


def test_what_the_terminal_does_not_know_is_refused_and_not_drawn_wrong():
    with pytest.raises(ValueError, match="does not know"):
        lines("\x1b[2Jnew screen")


def test_a_recorded_command_has_a_terminal_and_its_exit_code_is_kept():
    written, code, _ = PICTURE["record"](["sh", "-c", "test -t 1 && echo a terminal; exit 3"])

    assert (written, code) == ("a terminal\r\n", 3)


def test_a_recorded_command_sees_the_width_of_the_picture_and_nobody_else_does():
    before = dict(os.environ)
    written, _, _ = PICTURE["record"](["sh", "-c", 'echo "$COLUMNS"'])

    assert written.strip() == str(PICTURE["COLUMNS"])
    assert dict(os.environ) == before


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_a_picture_names_no_place_of_the_machine_that_made_it(path: Path):
    text = "".join(ET.parse(path).getroot().itertext())

    assert "/tmp/" not in text
    assert "/root" not in text
    assert "ended with 0" in text


def test_the_picture_is_of_the_command_in_the_readme():
    files, before, command = PICTURE["readme"]()
    drawn = ET.parse(PICTURE["PATH"]).getroot().findtext(f"{SVG}title") or ""

    assert "words.py" in files
    assert before == ["echo 'the cat and the dog' > text.txt"]
    assert drawn.startswith(f"{' '.join(command)}: ended with 0")


def test_there_is_a_picture_and_the_readme_shows_it():
    shown = (ROOT / "README.md").read_text()

    assert PICTURES
    assert all(f"docs/pictures/{path.name}" in shown for path in PICTURES)
