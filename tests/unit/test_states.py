import pytest

from emrlite.cluster.model import ClusterStatus
from emrlite.cluster.progress import Progress
from emrlite.cluster.states import (
    TRANSITIONS,
    ClusterState,
    InstanceState,
    InvalidTransition,
    StepState,
    check_transition,
    is_final,
)
from emrlite.node.driver import ProcessSeen


def test_every_state_is_in_its_table_and_leads_to_known_ones():
    assert set(TRANSITIONS) == {ClusterState, StepState, InstanceState}
    for kind, table in TRANSITIONS.items():
        assert set(table) == set(kind)
        for after in table.values():
            assert all(type(state) is kind for state in after)


def test_states_are_those_of_the_botocore_model():
    import botocore.session

    model = botocore.session.Session().get_service_model("emr")
    for kind in (ClusterState, StepState, InstanceState):
        assert {str(state) for state in kind} == set(model.shape_for(kind.__name__).enum)


def test_every_state_can_be_reached_and_every_life_can_end():
    for kind, table in TRANSITIONS.items():
        first = next(iter(kind))
        reached, front = {first}, {first}
        while front:
            front = {after for state in front for after in table[state]} - reached
            reached |= front
        assert reached == set(kind)
        assert any(is_final(state) for state in kind)


@pytest.mark.parametrize(("old", "new"), [
    (ClusterState.TERMINATED, ClusterState.RUNNING),
    (ClusterState.TERMINATING, ClusterState.WAITING),
    (StepState.PENDING, StepState.COMPLETED),
    (StepState.FAILED, StepState.COMPLETED),
    (InstanceState.TERMINATED, InstanceState.RUNNING),
])
def test_an_illegal_transition_names_its_subject_and_both_states(old, new):
    with pytest.raises(InvalidTransition, match=f"x: {old} -> {new} is not a legal transition"):
        check_transition("x", old, new)


def test_a_step_is_completed_for_exit_code_0_and_for_nothing_else():
    for code in (None, 1, 3, 127, -9, -15, 255):
        progress = Progress(ClusterStatus(), 5.0)
        progress.step("s", StepState.RUNNING, started=1.0)
        progress.step_ended("s", ProcessSeen(started=1.0, ended=4.0, exit_code=code))
        assert progress.status.step("s").state is StepState.FAILED
    progress = Progress(ClusterStatus(), 5.0)
    progress.step("s", StepState.RUNNING, started=1.0)
    progress.step_ended("s", ProcessSeen(started=1.0, ended=4.0, exit_code=0))
    assert progress.status.step("s").state is StepState.COMPLETED
    assert progress.status.step("s").ended == 4.0


def test_a_change_of_the_message_alone_is_told_once():
    progress = Progress(ClusterStatus(state=ClusterState.WAITING, reason="one"), 1.0)
    progress.move(ClusterState.WAITING, "one")
    assert progress.events == []
    progress.move(ClusterState.WAITING, "two")
    assert [(event.state, event.reason) for event in progress.events] == [("WAITING", "two")]


@pytest.mark.parametrize(("code", "state"), [
    ("USER_REQUEST", "TERMINATED"), ("ALL_STEPS_COMPLETED", "TERMINATED"), ("STEP_FAILURE", "TERMINATED_WITH_ERRORS"),
    ("BOOTSTRAP_FAILURE", "TERMINATED_WITH_ERRORS"), ("INTERNAL_ERROR", "TERMINATED_WITH_ERRORS"),
])
def test_the_code_of_the_reason_tells_an_end_with_errors(code, state):
    progress = Progress(ClusterStatus(), 7.0)
    progress.end(code, "why")
    progress.finish()
    assert (str(progress.state), progress.status.reason_code, progress.status.reason) == (state, code, "why")
    assert (progress.status.ending, progress.status.ended) == (7.0, 7.0)
