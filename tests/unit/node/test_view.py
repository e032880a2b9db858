"""What a node is to see, worked out; and what is tried to find out what a machine allows."""

import pytest

from emrlite.node import isolation, view
from emrlite.node.namespace import (
    ASIDE,
    BIND,
    HOST_ETC,
    HOST_USR,
    KEEP,
    LINK,
    MOUNT,
    NODE,
    OVERLAY,
    USER,
    decode,
    encode,
)
from emrlite.node.view import Found, Kept

ROOT = "/h/clusters/j-1/master"
FOLDERS = [(BIND, f"{ROOT}/{name}", f"/{name}") for name in ("mnt", "home", "tmp")]


def kept_places(kept: Kept, level: view.Level = "folders") -> list[str]:
    found = view.actions(ROOT, level, kept, ("/usr", "/etc"))
    return [target for what, _, target in found if what == KEEP]


def test_folders_of_the_node_are_put_over_those_of_the_machine():
    assert view.actions(ROOT, "folders", Kept(), ("/usr", "/etc")) == FOLDERS


def test_a_full_view_puts_the_machines_own_aside_before_it_covers_it():
    assert view.actions(ROOT, "full", Kept(), ("/usr", "/etc")) == [
        (ASIDE, "/usr", f"{ROOT}/view{HOST_USR}"),
        (ASIDE, "/etc", f"{ROOT}/view{HOST_ETC}"),
        (OVERLAY, f"{ROOT}/view/usr", "/usr"),
        (OVERLAY, f"{ROOT}/view/etc", "/etc"),
        (BIND, f"{ROOT}/view{HOST_USR}", HOST_USR),
        (BIND, f"{ROOT}/view{HOST_ETC}", HOST_ETC),
        (BIND, ROOT, NODE),
        *FOLDERS,
    ]


@pytest.mark.parametrize("home", ["/home/me/.emrlite", "/mnt/data/emr", "/tmp/x/a home"])
def test_a_home_stays_where_it_is(home):
    assert kept_places(Kept(writable=(home,))) == [home]


def test_what_is_not_hidden_needs_no_keeping():
    assert kept_places(Kept(writable=("/root", "/data"), others=("/opt/java", "/usr"))) == []


def test_what_lies_below_something_kept_is_kept_with_it():
    assert kept_places(Kept(writable=("/home/me",), others=("/home/me/x/bin", "/home/me", "/home/meadow"))) == [
        "/home/me", "/home/meadow"]  # fmt: skip


def test_the_home_of_hadoop_is_the_nodes_even_where_the_user_is_called_so():
    home = "/home/hadoop"
    assert kept_places(Kept(writable=(home, f"{home}/.emrlite"), others=(f"{home}/env",))) == [
        f"{home}/.emrlite", f"{home}/env"]  # fmt: skip


def test_a_folder_that_is_the_nodes_is_not_given_back():
    assert kept_places(Kept(writable=("/home", "/tmp"), others=("/mnt",))) == []


def test_only_what_is_written_to_stays_as_it_is_below_a_read_only_directory():
    kept = Kept(writable=("/usr/local/emr",), others=("/usr/local", "/usr/lib/jvm"))
    assert kept_places(kept, "full") == ["/usr/local/emr"]
    assert kept_places(kept, "folders") == []


def test_links_on_the_way_are_followed_and_made_anew_where_they_would_be_hidden(tmp_path, monkeypatch):
    monkeypatch.setattr(view, "_NODES_OWN", (str(tmp_path / "hidden")[1:],))
    (tmp_path / "hidden/far").mkdir(parents=True)
    (tmp_path / "hidden/link").symlink_to("far")
    (tmp_path / "home").symlink_to("hidden/link")
    (tmp_path / "round").symlink_to("round")

    links, real = view.trail(f"{tmp_path}/home/x/../y")
    assert real == f"{tmp_path}/hidden/far/y"
    assert links == {f"{tmp_path}/home": "hidden/link", f"{tmp_path}/hidden/link": "far"}

    hidden = str(tmp_path / "hidden")
    assert view.actions(ROOT, "folders", Kept(writable=(f"{tmp_path}/home",)), ())[1:] == [
        (KEEP, f"{hidden}/far", f"{hidden}/far"), (LINK, "far", f"{hidden}/link")]  # fmt: skip
    assert view.trail(f"{tmp_path}/round")[1] == f"{tmp_path}/round"


def test_a_node_without_a_view_has_no_plan_even_if_it_had_one(tmp_path):
    view.lay_out(tmp_path, [], [], Found(USER, "folders"), Kept())
    plan = tmp_path / "view/plan"
    assert decode(plan.read_text())[0] == USER

    view.lay_out(tmp_path, [], [], Found(), Kept())
    assert not plan.exists()


def test_a_plan_is_read_as_it_was_written():
    actions = [(BIND, "/a b\n", "/mnt"), (LINK, "", "/x")]
    assert decode(encode(USER, actions)) == (USER, actions)
    assert decode(encode(MOUNT, [])) == (MOUNT, [])


def test_a_user_tries_a_user_namespace_and_root_both():
    assert isolation.candidates(1000, bash=True) == [(USER, "full"), (USER, "folders")]
    assert isolation.candidates(0, bash=True) == [
        (MOUNT, "full"), (USER, "full"), (MOUNT, "folders"), (USER, "folders")]  # fmt: skip
    assert isolation.candidates(1000, bash=False) == [(USER, "folders")]


def test_nothing_is_tried_where_it_is_not_wanted_or_not_there(tmp_path, monkeypatch):
    assert isolation.find(tmp_path, "off") == Found(why="the setting `namespace` is `off`")
    monkeypatch.setattr(isolation.sys, "platform", "darwin")
    found = isolation.find(tmp_path, "auto")
    assert found == Found(why="darwin has no mount namespaces")
    assert "see the machine's own /mnt, /home and /tmp" in isolation.describe(found)


@pytest.mark.parametrize(("found", "said"), [
    (Found(MOUNT, "full"), "programs by any path (a mount namespace)"),
    (Found(USER, "full"), "programs by any path (a mount namespace of the user's own)"),
    (Found(USER, "folders", "no overlay"), "not /usr and /etc: no overlay"),
])  # fmt: skip
def test_the_doctor_says_what_a_node_has(found, said):
    assert isolation.describe(found).endswith(said)


def test_a_python_of_an_environment_is_called_as_it_is():
    assert view.become("/my env/bin/python", "-m pip") == ["exec '/my env/bin/python' -m pip \"$@\""]


def test_the_machines_own_python_is_called_where_it_lies_in_a_view():
    inside, outside = view.become("/usr/local/bin/python3.12", "-I x.py")
    assert inside.startswith("[ -e /usr/.host/local/bin/python3.12 ] && exec /bin/bash")
    assert outside == 'exec /usr/local/bin/python3.12 -I x.py "$@"'
