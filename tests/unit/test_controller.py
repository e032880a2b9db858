from pathlib import Path

import pytest

from emrlite.node import controller


def begin(path, argv=("bash", "-c", "true"), env=None, notes=()):
    controller.begin(path, what="Step s-1 (a step)", argv=argv, env=env or {}, cwd=Path("/work dir"), notes=notes)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "s-1" / "controller"


def test_the_log_has_command_environment_places_and_end(path):
    begin(path, ("spark-submit", "a b.py", "it's"), {"B": "2", "A": "1"}, notes=("--master yarn runs elsewhere",))
    controller.end(path, what="Step", exit_code=3, started=10.0, ended=12.5, stopped=False)
    text = path.read_text()
    assert """startExec 'spark-submit 'a b.py' 'it'"'"'s''""" in text
    assert "Environment:\n  A=1\n  B=2\n" in text
    assert f"redirectOutput to {path.parent}/stdout" in text
    assert "Working dir /work dir" in text
    assert "INFO --master yarn runs elsewhere" in text
    assert "waitProcessCompleted ended with exit code 3" in text
    assert text.endswith("Step failed with exit code 3 and took 2.500 seconds\n")


@pytest.mark.parametrize(("code", "stopped", "words"), [
    (0, False, "succeeded with exit code 0"), (1, False, "failed with exit code 1"),
    (None, False, "failed with an unknown exit code"), (-15, True, "was stopped with exit code -15"),
    (0, True, "was stopped with exit code 0"),
])
def test_the_last_line_says_how_it_ended(path, code, stopped, words):
    begin(path)
    controller.end(path, what="Step", exit_code=code, started=0.0, ended=1.0, stopped=stopped)
    assert f"Step {words} and took" in path.read_text()


@pytest.mark.parametrize("name", [
    "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "DB_PASSWORD", "my_passwd", "PRIVATE_KEY",
    "GOOGLE_CREDENTIALS"])
def test_secrets_are_hidden(path, name):
    begin(path, env={name: "hunter2"})
    text = path.read_text()
    assert f"{name}=(hidden)" in text
    assert "hunter2" not in text


def test_the_password_of_a_proxy_is_hidden(path):
    begin(path, env={"http_proxy": "http://me:hunter2@proxy:3128", "NO_PROXY": "127.0.0.1,x"})
    text = path.read_text()
    assert "http_proxy=http://(hidden)@proxy:3128" in text
    assert "hunter2" not in text
    assert "NO_PROXY=127.0.0.1,x" in text


def test_the_end_is_written_once(path):
    begin(path)
    assert not controller.is_ended(path)
    for code in (3, 0):
        controller.end(path, what="Step", exit_code=code, started=0.0, ended=1.0, stopped=False)
    assert controller.is_ended(path)
    assert path.read_text().count("waitProcessCompleted") == 1
    assert "exit code 3" in path.read_text()


def test_an_argument_does_not_pass_for_the_end(path):
    begin(path, ("echo", "INFO waitProcessCompleted ended with exit code 0"))
    assert not controller.is_ended(path)
    controller.end(path, what="Step", exit_code=1, started=0.0, ended=1.0, stopped=False)
    assert path.read_text().endswith("failed with exit code 1 and took 1.000 seconds\n")


def test_no_log_is_no_end(path):
    assert not controller.is_ended(path)


def test_a_refusal_is_noted(path):
    begin(path)
    controller.refused(path, "no such program")
    assert path.read_text().endswith("ERROR no such program\n")
