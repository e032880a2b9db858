"""From what a failed step wrote to ``FailureDetails``: what EMR's step debugging shows.  Pure.

EMR gives a reason that it recognises or "Unknown Error.", the last exception, and the log that has it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from emrlite.cluster.model import Failure
from emrlite.node import advice
from emrlite.node.layout import NodeInfo

_LONGEST = 2000
UNKNOWN = "Unknown Error."
_OUTPUT_EXISTS = re.compile(
    r"(output (directory|path)|path) \S+ already exists|PATH_ALREADY_EXISTS|FileAlreadyExistsException", re.IGNORECASE
)

#: The end of a Python traceback: its first line that is not indented (and what py4j puts under it).
_PYTHON = re.compile(r"^Traceback \(most recent call last\):\n(?:[ \t].*\n|\n)+(?P<text>\S.*(?:\n: .*)?)", re.MULTILINE)
#: What ended a Java program, or any exception at the beginning of a line: a log is full of those that did no harm.
JAVA_NAME = r"(?P<text>[a-z_$][\w$]*(?:\.[\w$]+)*\.[A-Z][\w$]*(?:Exception|Error|Throwable)\b.*)$"
JAVA_FATAL = re.compile(rf"^Exception in thread \"[^\"\n]*\" {JAVA_NAME}", re.MULTILINE)
_JAVA_ANY = re.compile(rf"^{JAVA_NAME}", re.MULTILINE)
#: What our own submitter says of a driver on a core node (`emrlite.node.cluster_mode`).
DIAGNOSTICS = "diagnostics: "
_DRIVER = re.compile(rf"^\s*{DIAGNOSTICS}(?:User class threw exception: )?(?P<text>.*)$", re.MULTILINE)
#: Only says that something else failed.
_HOLLOW = re.compile(r"Application application_\S+ finished with|SparkUserAppException|ExitCodeException")
#: What command-line programs say where they throw nothing.
_PLAIN = re.compile(
    r"^(?:emrlite: (?!note: |hint: )|upload failed: |download failed: |"
    r"\S*[Ee]rror: |fatal error: |An error occurred |\S+-runner: |hadoop jar: |Cannot run |"
    r"Not a valid JAR|Unrecognized option |Missing )"
    r".*$|^.*: (?:command not found|No such file or directory|Permission denied|not found)$",
    re.MULTILINE,
)
#: The most telling first.
_KINDS = (_DRIVER, JAVA_FATAL, _PYTHON, _JAVA_ANY)


def explain(
    stdout_tail: str, stderr_tail: str, exit_code: int | None, log_file_base: str, info: NodeInfo | None = None
) -> Failure:
    """Find what a step died of in the ends of its standard error and output, and on node *info* what helps.

    *log_file_base* is where its logs are uploaded to, without a slash at the end.
    """
    ended = "Nobody saw how the step ended." if exit_code is None else f"The step ended with exit code {exit_code}."
    streams = {"stderr": stderr_tail, "stdout": stdout_tail}
    name, message = _exception(streams) or _complaint(streams) or ("stderr", ended)
    hint = advice.advise(message, f"{stderr_tail}\n{stdout_tail}", info) if info else None
    shown = bounded(message) + (f"\n{advice.MARK}{hint}" if hint else "")
    return Failure(reason=_reason(message), message=shown, log_file=f"{log_file_base}/{name}.gz")


def hint_of(failure: Failure) -> str | None:
    """The line of advice at the end of a failure's message."""
    last = failure.message.rpartition("\n")[2]
    return last if last.startswith(advice.MARK) else None


def last_exception(stdout: str, stderr: str) -> str | None:
    """The exception that a driver died of."""
    found = _exception({"stderr": stderr, "stdout": stdout})
    return found and found[1]


def _exception(streams: Mapping[str, str]) -> tuple[str, str] | None:
    """The last exception of the most telling kind.  A Python driver's is in standard output: Spark joins the two."""
    hollow = None
    for kind in _KINDS:
        for name, text in streams.items():
            for match in reversed(list(kind.finditer(text))):
                message = match["text"].strip()
                if not _HOLLOW.search(message):
                    return name, message
                hollow = hollow or (name, message)
    return hollow


def _complaint(streams: Mapping[str, str]) -> tuple[str, str] | None:
    for name, text in streams.items():
        if found := list(_PLAIN.finditer(text)):
            return name, found[-1][0].strip()
    return None


def _reason(message: str) -> str:
    return "Output directory already exists." if _OUTPUT_EXISTS.search(message) else UNKNOWN


def bounded(message: str, most: int = _LONGEST) -> str:
    """Cut *message* after *most* characters, visibly."""
    return message if len(message) <= most else f"{message[:most]}…"
