"""Stand between emrlite and one process of a node, and write down how that process ended.

Run as a program: ``python -I -S shim.py RECORD TETHER VIEW -- PROGRAM [ARGUMENT …]``.  It imports
next to nothing, for it starts with every step and every daemon.

- ``RECORD.pid`` is written first: the shim's pid, its start in kernel ticks, the boot's id.
- ``RECORD.exit`` is written when the program has ended, by rename: exit code (minus the
  signal's number if one killed it), time, and 1 if it had been told to stop before.
- The shim is the subreaper of all that the program starts, so nothing escapes by forking
  twice.  What outlives the program stays with the shim, until the node is stopped.
- SIGTERM: the whole tree gets SIGTERM, then SIGKILL after a grace.  SIGUSR1: SIGKILL at once.
- TETHER is a descriptor number or ``-``: end of file there means that the owner is gone, even
  by ``kill -9``, and kills the tree.
- VIEW is the plan of the node's view of the file system (`emrlite.node.namespace`) or ``-``.  The
  program sees it; the shim itself stays outside, where its record is.
"""

import os
import select
import signal
import sys
import time

GRACE_SECONDS = 5.0
CANNOT_RUN = 127
WITHOUT = "a new cluster does without when the setting `namespace` is `off` (EMRLITE_NAMESPACE)"
#: What the shim listens to.  Whoever starts it blocks them first: none is missed.
SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP)
LINUX = sys.platform.startswith("linux")  # elsewhere `ps` and `sysctl` must tell


def prctl(option: int, value: int) -> None:
    """Set an option of this process where the kernel has it (Linux); elsewhere groups must do."""
    if not LINUX:
        return
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def start_mark(pid: int) -> str | None:
    """Return when *pid* was started, in the kernel's own count, or ``None`` if it is gone or a zombie."""
    if not LINUX:
        import subprocess

        out = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
        fields = out.stdout.split(maxsplit=1)
        return fields[1].strip().replace(" ", "_") if len(fields) == 2 and "Z" not in fields[0] else None
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]


def boot_id() -> str:
    """Return what changes when the machine is restarted."""
    if LINUX:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    import subprocess

    out = subprocess.run(["sysctl", "-n", "kern.boottime"], capture_output=True, text=True, check=True)
    return out.stdout.split(",")[0].replace(" ", "")


def children(of: int) -> list[int]:
    """Return the pids of all descendants of process *of*."""
    if LINUX:
        parents = {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    with open(f"/proc/{name}/stat") as file:
                        fields = file.read().rsplit(")", 1)[1].split()
                except (FileNotFoundError, ProcessLookupError):
                    continue
                if fields[0] not in "ZX":
                    parents[int(name)] = int(fields[1])
    else:
        import subprocess

        out = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True)
        parents = {int(pid): int(ppid) for pid, ppid in (line.split() for line in out.stdout.splitlines())}
    found: list[int] = []
    front = {of}
    while front:
        front = {pid for pid, parent in parents.items() if parent in front}
        found += front
    return found


def write(path: str, text: str) -> None:
    """Write a file that is there whole or not at all."""
    with open(f"{path}.tmp", "w") as file:
        file.write(text)
    os.replace(f"{path}.tmp", path)


class Shim:
    """Runs *argv* and watches over it; see the module."""

    def __init__(self, record: str, tether: int | None, view: str | None, argv: list[str]) -> None:
        self.record, self.tether, self.view, self.argv = record, tether, view, argv
        self.stopped = False  # told to stop
        self.kill_at: float | None = None  # when patience ends
        self.main: int | None = None

    def run(self) -> None:
        """Return when nothing of the tree is left."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
        write(f"{self.record}.pid", f"{os.getpid()} {start_mark(os.getpid())} {boot_id()} {time.time()}\n")
        wake_out, wake_in = os.pipe()
        for end in (wake_out, wake_in):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake_in, warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, lambda *_: None)
        poll = select.poll()
        poll.register(wake_out, select.POLLIN)
        if self.tether is not None:
            os.set_inheritable(self.tether, False)
            poll.register(self.tether, select.POLLIN)
        self.main = self.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        while self.reap():
            patience = None if self.kill_at is None else max(0.0, self.kill_at - time.monotonic()) * 1000
            for descriptor, _ in poll.poll(patience):
                if descriptor == wake_out:
                    for received in os.read(wake_out, 512):
                        self.signalled(received)
                elif not os.read(descriptor, 1):
                    poll.unregister(descriptor)
                    self.stop(signal.SIGKILL)
            if self.kill_at is not None and time.monotonic() >= self.kill_at:
                self.stop(signal.SIGKILL)

    def start(self) -> int:
        """Start the program and return its pid; does not return in the child."""
        shim = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        try:
            os.setpgid(0, 0)
            if self.view:
                self.enter(self.view)
            prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: the program does not outlive its shim
            if os.getppid() != shim:
                os._exit(CANNOT_RUN)
            # Whoever started the emulator may ignore some, as a shell does for what it runs in the background.
            for number in (*SIGNALS, signal.SIGPIPE, signal.SIGQUIT):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            os.execvp(self.argv[0], self.argv)
        except OSError as error:
            # Java's own words, which EMR's users know from their logs.
            text = f'Cannot run program "{self.argv[0]}": error={error.errno}, {error.strerror}\n'
            os.write(2, text.encode())
        finally:
            os._exit(CANNOT_RUN)

    def enter(self, view: str) -> None:
        """Give this process, the child, the node's view; without it the program is not started."""
        sys.path.append(os.path.dirname(os.path.abspath(__file__)))
        try:
            __import__("namespace").enter(view)  # by its bare name: the package's own start would cost more
        except OSError as error:
            text = f"emrlite: the node's view of the file system cannot be made: {error.strerror}; {WITHOUT}\n"
            os.write(2, text.encode())
            os._exit(CANNOT_RUN)

    def reap(self) -> bool:
        """Bury who has died; tell whether anybody is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.main:
                code = os.waitstatus_to_exitcode(status)
                write(f"{self.record}.exit", f"{code} {time.time()} {int(self.stopped)}\n")

    def signalled(self, number: int) -> None:
        """Obey a signal."""
        if number == signal.SIGTERM:
            self.stop(signal.SIGTERM)
        elif number == signal.SIGUSR1:
            self.stop(signal.SIGKILL)

    def stop(self, number: int) -> None:
        """Send *number* to the whole tree."""
        self.stopped = True
        for pid in children(os.getpid()):
            try:
                os.kill(pid, number)
            except (ProcessLookupError, PermissionError):
                pass  # it ended meanwhile, or it is not ours to kill
        # Once killed, look again soon: the tree may have grown while it was read.
        self.kill_at = time.monotonic() + (GRACE_SECONDS if number == signal.SIGTERM else 0.05)


if __name__ == "__main__":
    separator = sys.argv.index("--")
    record_, tether_, view_ = sys.argv[1:separator]
    Shim(record_, None if tether_ == "-" else int(tether_), None if view_ == "-" else view_,
         sys.argv[separator + 1 :]).run()
