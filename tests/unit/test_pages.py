"""The test of the README must itself be able to fail."""

from pathlib import Path

from pages import blocks, missing

HOME = Path("/tmp/a home")


def test_blocks_have_their_kind_their_options_and_their_text(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("a\n```bash\nls\n```\nb\n```python title=x.py\nprint()\n\nprint()\n```\n")
    first, second = blocks(page)
    assert (first.kind, first.text) == ("bash", "ls\n")
    assert (second.kind, second.options, second.text) == ("python", {"title": "x.py"}, "print()\n\nprint()\n")


def test_ids_numbers_bars_and_the_home_may_differ():
    shown = "step     s-NLUZDA2I820DW46YCXVG  COMPLETED  1.5 s ███\n         ~/.emrlite/s3/x\n"
    printed = "before\nstep     s-AAAAAAAAAAAAAAAAAAAA  COMPLETED  21.0 s █\n         /tmp/a home/s3/x\nafter\n"
    assert missing(shown, printed, HOME) == []


def test_words_and_their_order_may_not():
    assert missing("step FAILED\n", "step COMPLETED\n", HOME) == ["step FAILED"]
    assert missing("one\ntwo\n", "two\none\n", HOME) == ["two"]
