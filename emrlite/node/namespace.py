"""Enters a node's own view of the file system: between the fork of a process and its exec.

A mount namespace of its own for every process that emrlite starts on a node, with what the node's
plan says (`emrlite.node.view` writes it, ``man 7 mount_namespaces`` is the source of the facts).
Nothing holds it open: it ends with the last process in it, so a crash leaves nothing to clean up,
and no mount of it is ever seen outside.  Imports next to nothing, for the shim starts with every
step and every daemon.

Run as a program, ``python -I -S namespace.py PLAN PROGRAM [ARGUMENT …]``, it enters and becomes PROGRAM.
"""

import os
import sys

#: Kinds of namespace: by privilege, or in a user namespace that maps the caller to itself.
MOUNT, USER = "mount", "user"
#: What is done, in the order of the plan: a directory put aside, before a layer of new names covers it; a place of the
#: machine or the node's put at another; a place kept where it was, if it is still there; a symbolic link.
ASIDE, OVERLAY, BIND, KEEP, LINK = "aside", "overlay", "bind", "keep", "link"

#: In the view: the machine's own /usr and /etc, and the node's directory.
HOST_USR, HOST_ETC, NODE = "/usr/.host", "/usr/.etc", "/usr/.node"

_NEWNS, _NEWUSER = 0x00020000, 0x10000000
_RDONLY, _BIND, _REC, _SLAVE = 0x1, 0x1000, 0x4000, 0x80000
_O_PATH = 0x200000 | os.O_CLOEXEC

Action = tuple[str, str, str]


def encode(kind: str, actions: list[Action]) -> str:
    """Write a plan down; no path holds the divider."""
    return "\0".join([kind, *(word for action in actions for word in action)])


def decode(text: str) -> tuple[str, list[Action]]:
    """Read a plan: the kind of namespace, and (what, source, target) of each action."""
    kind, *words = text.split("\0")
    return kind, [(words[i], words[i + 1], words[i + 2]) for i in range(0, len(words), 3)]


def enter(path: str) -> None:
    """Give this process, which has one thread, the view that the plan at *path* describes.

    From within another node's view too: what that has of the machine stays, what it has of the node changes.
    Raises `OSError` with what could not be done; then this process is good for nothing but to say so.
    """
    with open(path, errors="surrogateescape") as file:
        kind, actions = decode(file.read())
    if os.path.isdir(HOST_USR):
        actions = [action for action in actions
                   if action[0] not in (ASIDE, OVERLAY) and action[2] not in (HOST_USR, HOST_ETC)]
    where = os.getcwd()
    _unshare(kind)
    _mount("none", "/", _REC | _SLAVE)  # nothing goes out; what the user unmounts does not stay in use here
    covered = [target for what, _, target in actions if what == OVERLAY]
    inner = [(KEEP, place, place) for place in _mounts_below(covered)]  # an overlay does not show what is mounted there
    layers = sum(what in (ASIDE, OVERLAY) for what, *_ in actions)  # they come first
    ordered = [*actions[:layers], *inner, *actions[layers:]]
    # All is opened before anything is covered.
    opened = [(what, source, target, _open(what, source, target)) for what, source, target in ordered]
    for what, source, target, descriptor in opened:
        if what == LINK:
            if not os.path.lexists(target):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                os.symlink(source, target)
        elif what == OVERLAY:
            # By descriptor, so that no character of a path means something to the kernel.
            _mount("overlay", target, _RDONLY, "overlay", f"lowerdir=/proc/self/fd/{descriptor}:{target}")
        elif descriptor is not None:
            _make_place(target, descriptor)
            _mount(f"/proc/self/fd/{descriptor}", target, _BIND | _REC)
    for *_, descriptor in opened:
        if descriptor is not None:
            os.close(descriptor)
    os.chdir(where)  # by its path: the directory itself may be covered now


def _unshare(kind: str) -> None:
    import ctypes

    user, group = os.geteuid(), os.getegid()
    if ctypes.CDLL(None, use_errno=True).unshare(_NEWNS if kind == MOUNT else _NEWNS | _NEWUSER):
        raise _error(f"no {kind} namespace")
    if kind == USER:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)


def _mount(source: str, target: str, flags: int, kind: str = "", data: str = "") -> None:
    import ctypes

    mount = ctypes.CDLL(None, use_errno=True).mount
    words = [word.encode() if word else None for word in (kind, data)]
    if mount(os.fsencode(source), os.fsencode(target), words[0], ctypes.c_ulong(flags), words[1]):
        raise _error(f"no {kind or 'mount'} at {target}")


def _error(what: str) -> OSError:
    import ctypes

    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")


def _open(what: str, source: str, target: str) -> int | None:
    if what == ASIDE:
        _mount(source, target, _BIND | _REC)
    if what in (ASIDE, LINK):
        return None
    try:
        return os.open(source, _O_PATH)
    except OSError:
        if what == KEEP:  # gone since the plan was made, or out of reach: nobody here can need it
            return None
        raise


def _make_place(target: str, descriptor: int) -> None:
    """What is put somewhere needs something there to be put upon."""
    if os.path.lexists(target):
        return
    if os.path.isdir(f"/proc/self/fd/{descriptor}"):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))


def _mounts_below(folders: list[str]) -> list[str]:
    """Places below *folders* where something is mounted, outermost first (``man 5 proc_pid_mountinfo``)."""
    found = set()
    with open("/proc/self/mountinfo", errors="surrogateescape") as file:
        for line in file:
            first, *rest = line.split(" ")[4].split("\\")  # what divides the fields is written in octal
            place = first + "".join(chr(int(part[:3], 8)) + part[3:] for part in rest)
            if any(place.startswith(f"{folder}/") for folder in folders):
                found.add(place)
    return sorted(found)


def become(path: str, argv: list[str], env: dict[str, str]) -> None:
    """Enter and become *argv*; returns only by raising `OSError`."""
    enter(path)
    os.execvpe(argv[0], argv, env)


if __name__ == "__main__":
    try:
        become(sys.argv[1], sys.argv[2:], dict(os.environ))
    except OSError as error_:
        sys.exit(f"emrlite: {error_.strerror}")
