"""What a failed step died of."""

import pytest

from emrlite.node.failures import explain

LOG = "26/11/20 23:51:46 INFO TaskSetManager: Starting task 0.0\n"
NOISE = "java.lang.NullPointerException: heartbeat\n\tat a.B.c(B.java:1)\n"
JAVA = """\
Exception in thread "main" org.apache.spark.SparkException: Job aborted
\tat a.B.c(B.scala:1)
Caused by: java.io.IOException: disk
\tat x.Y.z(Y.java:2)
"""
PYTHON = """\
Traceback (most recent call last):
  File "app.py", line 6, in <module>
    x()
    ^^^
ValueError: broken: on purpose
"""
PY4J_SAYS = """\
py4j.protocol.Py4JJavaError: An error occurred while calling o1.save.
: org.apache.spark.SparkException: Task failed"""
PY4J = f"""\
Traceback (most recent call last):
  File "app.py", line 6, in <module>
{PY4J_SAYS}
\tat a.B
"""
WORKER = """\
Traceback (most recent call last):
  File "app.py", line 1
pyspark.errors.PythonException:
  An exception was thrown
Traceback (most recent call last):
  File "worker.py", line 9, in f
ZeroDivisionError: division by zero
"""
HOLLOW = "org.apache.spark.SparkException: Application application_1_0001 finished with failed status"
YARN = f'Exception in thread "main" {HOLLOW}\n'
DRIVER = "\t diagnostics: User class threw exception: KeyError: 'a'\n"


@pytest.mark.parametrize(
    ("stdout", "stderr", "message", "log"),
    [
        ("", LOG + JAVA + LOG, "org.apache.spark.SparkException: Job aborted", "stderr"),
        (PYTHON, LOG, "ValueError: broken: on purpose", "stdout"),
        ("", PYTHON, "ValueError: broken: on purpose", "stderr"),
        # A log is full of exceptions that did no harm.
        (PYTHON, LOG + NOISE + LOG, "ValueError: broken: on purpose", "stdout"),
        ("", NOISE, "java.lang.NullPointerException: heartbeat", "stderr"),
        (PY4J, "", PY4J_SAYS, "stdout"),
        (WORKER, "", "ZeroDivisionError: division by zero", "stdout"),
        ("", DRIVER + YARN, "KeyError: 'a'", "stderr"),
        ("", YARN, HOLLOW, "stderr"),
        ("", LOG, "The step ended with exit code 3.", "stderr"),
        ("", "", "The step ended with exit code 3.", "stderr"),
        ("3 rows\n", "bash: line 1: no: command not found\n", "bash: line 1: no: command not found", "stderr"),
        ("", "emrlite: note: a note\n", "The step ended with exit code 3.", "stderr"),
        ("", "Not a valid JAR: s3://b/x\n", "Not a valid JAR: s3://b/x", "stderr"),
    ],
)  # fmt: skip
def test_the_last_exception_is_found_with_the_log_that_has_it(stdout, stderr, message, log):
    found = explain(stdout, stderr, 3, "s3://logs/j-1/steps/s-1")

    assert (found.message, found.log_file) == (message, f"s3://logs/j-1/steps/s-1/{log}.gz")
    assert found.reason == "Unknown Error."


@pytest.mark.parametrize(
    "stderr",
    [
        'Exception in thread "main" org.apache.hadoop.mapred.FileAlreadyExistsException: Output directory h exists\n',
        "Traceback (most recent call last):\n  x\nAnalysisException: [PATH_ALREADY_EXISTS] Path s3://b already.\n",
    ],
)
def test_an_output_that_exists_is_recognised(stderr):
    assert explain("", stderr, 1, "b").reason == "Output directory already exists."


def test_an_unseen_end_is_called_so():
    assert explain("", "", None, "b").message == "Nobody saw how the step ended."


def test_a_message_is_bounded():
    found = explain("", f'Exception in thread "main" java.lang.Error: {"x" * 100_000}\n', 1, "b")

    assert len(found.message) < 2100


def test_a_log_of_one_endless_line_is_read_in_no_time():
    assert explain("a." * 50_000, "A" * 100_000, 1, "b").message == "The step ended with exit code 1."
