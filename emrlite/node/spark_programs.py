"""``spark-submit`` and its relatives, as they run on a node.

Each works out one command line (`emrlite.node.submit`) and becomes it, so that signals, standard
input and exit code are the JVM's own.  Only cluster mode stays, to watch its driver.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from emrlite.errors import StorageError
from emrlite.node import examples, handover, jvm, maven, places, submit
from emrlite.node.layout import NODE_VARIABLE, NodeInfo
from emrlite.node.resources import Refused
from emrlite.node.submit_arguments import Arguments, UsageError, parse, properties

#: Programs that bring their application themselves: the words before the user's, and its resource.
_OWN_APPLICATION = {
    # The interpreter's compiler reads the JVM's own class path only when told so.
    "spark-shell": (
        (
            "--class",
            "org.apache.spark.repl.Main",
            "--name",
            "Spark shell",
            "--conf",
            "spark.driver.defaultJavaOptions=-Dscala.usejavacp=true",
        ),
        "spark-shell",
    ),
    "spark-sql": (("--class", "org.apache.spark.sql.hive.thriftserver.SparkSQLCLIDriver"), "spark-internal"),
}

_PIPED = (
    "import os, sys; exec(compile(open(os.environ['PYTHONSTARTUP']).read(), 'shell.py', 'exec')); "
    "exec(compile(sys.stdin.read(), '<stdin>', 'exec'))"
)


def main(name: str, args: Sequence[str]) -> NoReturn:
    """Be the program *name*."""
    info = NodeInfo.read(Path(os.environ[NODE_VARIABLE]))
    try:
        if name == "pyspark":
            _pyspark(args, info)
        if name == "spark-class":
            _become(jvm.command(info, *args, flags=jvm.driver_flags()), _environ({}))
        _submit(*_understand(name, args, info), info)
    except (UsageError, Refused) as error:
        text = str(error)
        _fail(f'Exception in thread "main" {text}' if text.startswith(("java.", "org.")) else text)


def _fail(text: str) -> NoReturn:
    print(text, file=sys.stderr)
    sys.exit(1)


def _understand(name: str, args: Sequence[str], info: NodeInfo) -> tuple[Arguments, list[str]]:
    """Parse the command line of program *name*."""
    if name in ("run-example", "spark-example"):
        args, note = examples.as_submit(args, info)
        return parse(args), [note]
    if name in _OWN_APPLICATION:
        before, resource = _OWN_APPLICATION[name]
        return parse([*before, *args], resource), []
    return examples.replaced(parse(args), info)


def _defaults(arguments: Arguments, info: NodeInfo) -> dict[str, str]:
    """Properties of the file that the user named, else of the node's ``spark-defaults.conf``."""
    found = submit.node_defaults(info)
    if named := arguments.options.get("--properties-file"):
        try:
            own = properties(Path(named).read_text())
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"Error: the properties file {named} cannot be read: {error}") from error
        return {**found, **own} if "--load-spark-defaults" in arguments.switches else own
    return found


def _submit(arguments: Arguments, notes: Sequence[str], info: NodeInfo) -> NoReturn:
    defaults = _defaults(arguments, info)
    arguments, told = maven.replaced(arguments, defaults, places.packages(info))
    notes = [*notes, *told]
    if submit.is_cluster_mode(arguments, defaults) and arguments.application is not None:
        from emrlite.node import cluster_mode

        cluster_mode.main(arguments, defaults, notes, info)
    submission = submit.translate(arguments, info, defaults, os.environ, submit.this_machine())
    check_table_formats(submission, info)
    told = [*notes, *submission.notes]
    if submission.archives:
        from emrlite.node.localize import own_python

        try:
            note = own_python(submission, submission.driver_python, Path.cwd(), info)
        except StorageError as error:
            raise Refused(f"java.io.FileNotFoundException: {error}") from error
        told += [note] if note else []
    for line in told:
        print(f"emrlite: note: {line}", file=sys.stderr)
    if submit.has_usual_python(arguments):
        sys.stderr.flush()
        handover.take(info.layout.processes, "driver", submit.MAIN, submission.argv, _environ(submission.env))
    _become(submission.argv, _environ(submission.env))


def check_table_formats(submission: submit.Submission, info: NodeInfo) -> None:
    """Refuse jars of an EMR node that nobody has fetched yet."""
    there = f"{info.root}/usr/share/aws/"
    for jar in submission.extra.get("spark.jars", "").split(","):
        place = Path(jar.partition("*")[0] if "*" in jar else jar)
        if jar.startswith(there) and not place.exists():
            name = jar.removeprefix(there).partition("/")[0]
            raise Refused(
                f"Error: /usr/share/aws/{jar.removeprefix(there)} is not on this node; `emrlite prefetch {name}` "
                "fetches it, for running clusters too"
            )


def _pyspark(args: Sequence[str], info: NodeInfo) -> NoReturn:
    """The Python shell.  PySpark itself starts ``spark-submit`` with the words it finds in PYSPARK_SUBMIT_ARGS."""
    arguments = parse(args)
    if arguments.application is not None:
        raise UsageError(
            "Running python applications through 'pyspark' is not supported as of Spark 2.0.\n"
            "Use spark-submit <python file>"
        )
    home = places.spark_home(info)
    library = Path(home, "python", "lib")
    env = submit.environment({}, info, os.environ)
    env["PYTHONPATH"] = ":".join([*(str(path) for path in sorted(library.iterdir())), env["PYTHONPATH"]])
    env["PYTHONSTARTUP"] = f"{home}/python/pyspark/shell.py"
    env["PYSPARK_SUBMIT_ARGS"] = shlex.join(["--name", "PySparkShell", *args, "pyspark-shell"])
    # Python reads its start-up file only for a person; `… | pyspark` gets the same session.
    words = [] if sys.stdin.isatty() else ["-c", _PIPED]
    _become([env["PYSPARK_DRIVER_PYTHON"], *words], _environ(env))


def _environ(changes: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **changes}


def _become(argv: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execve(argv[0], list(argv), dict(env))
    except OSError as error:
        _fail(f'Cannot run program "{argv[0]}": {error.strerror}')
