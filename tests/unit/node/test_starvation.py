"""Applications that wait for their first executor."""

from emrlite.node.advice import MARK
from emrlite.node.starvation import Watch, waiting

APP = {"id": "application_1_0001", "state": "WAITING", "duration": 6100, "memoryperexecutor": 2048,
       "resourcesperexecutor": [{"name": "gpu", "amount": 1}]}  # fmt: skip
MASTER = {
    "workers": [
        {"state": "ALIVE", "coresfree": 12, "memoryfree": 100},
        {"state": "ALIVE", "coresfree": 2, "memoryfree": 900},
        {"state": "DEAD", "coresfree": 99, "memoryfree": 9999},
    ],
    "activeapps": [APP, {**APP, "id": "b", "state": "RUNNING"}, {**APP, "id": "c", "duration": 4000}],
}


def test_who_waits_hears_what_it_asked_for_and_what_there_is():
    found = waiting(MASTER)

    assert list(found) == ["application_1_0001"]
    said = "asked for 2048 MiB and 1 gpu for each, and the largest node has 12 cores and 900 MiB free"
    assert said in found["application_1_0001"]
    assert waiting({}) == {}
    assert "0 cores and 0 MiB" in waiting({"activeapps": [APP]})[APP["id"]]


def test_the_step_of_the_application_is_told_once(tmp_path):
    asked, now = [], [0.0]
    watch = Watch(lambda: asked.append(1) or MASTER, clock=lambda: now[0])
    own, other, none = tmp_path / "own", tmp_path / "other", tmp_path / "none"
    own.write_text("Connected to Spark cluster with app ID application_1_0001\n")
    other.write_text("Connected to Spark cluster with app ID application_1_0002\n")

    watch.look([])
    assert asked == []  # nobody runs, nobody is asked
    for now[0] in (1.0, 2.0, 4.0):
        watch.look([none, other, own])

    assert len(asked) == 2
    assert own.read_text().count(MARK) == 1
    assert MARK not in other.read_text()
