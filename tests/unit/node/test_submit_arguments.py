"""The grammar of spark-submit."""

import pytest

from emrlite.node.submit_arguments import Arguments, UsageError, parse, properties


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("app.py", Arguments(application="app.py")),
        ("app.py --master x", Arguments(application="app.py", application_args=("--master", "x"))),
        ("--master yarn app.py", Arguments(options={"--master": "yarn"}, application="app.py")),
        ("--master=yarn app.py", Arguments(options={"--master": "yarn"}, application="app.py")),
        ("--name a --name b app.py", Arguments(options={"--name": "b"}, application="app.py")),
        ("--conf a=b=c -c d= app.py", Arguments(conf={"a": "b=c", "d": ""}, application="app.py")),
        ("-v --supervise a.jar 1", Arguments(
            switches=frozenset({"--verbose", "--supervise"}), application="a.jar", application_args=("1",))),
        ("--version", Arguments(switches=frozenset({"--version"}))),
        ("--name --verbose app.py", Arguments(options={"--name": "--verbose"}, application="app.py")),
    ],
)  # fmt: skip
def test_a_command_line_is_taken_apart_as_spark_does(line, expected):
    assert parse(line.split()) == expected


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("--master", "Missing argument for option '--master'."),
        ("--bogus app.py", "Unrecognized option '--bogus'."),
        ("--conf novalue app.py", "Spark config without '=': novalue"),
    ],
)
def test_what_spark_refuses_is_refused_in_its_words(line, text):
    with pytest.raises(UsageError) as caught:
        parse(line.split())
    assert str(caught.value) == text


def test_a_program_with_its_own_application_takes_words_of_both_anywhere():
    found = parse(["-f", "q.sql", "--num-executors", "2", "-S", "--hivevar", "A=b"], "spark-internal")

    assert found.options == {"--num-executors": "2"}
    assert (found.application, found.application_args) == ("spark-internal", ("-f", "q.sql", "-S", "--hivevar", "A=b"))


def test_an_option_counts_before_conf_before_the_defaults():
    found = parse(
        ["--conf", "spark.executor.cores=2", "--executor-memory", "3g", "--conf", "spark.executor.memory=4g", "x"]
    )

    assert found.properties({"spark.executor.cores": "1", "spark.executor.memory": "1g", "spark.other": "o"}) == {
        "spark.executor.cores": "2", "spark.executor.memory": "3g", "spark.other": "o",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("spark.a  b c \n", {"spark.a": "b c"}),
        ("spark.a=b\nspark.c: d\n", {"spark.a": "b", "spark.c": "d"}),
        ("# no\n! no\n\n  spark.a\tb", {"spark.a": "b"}),
        ("spark.a one \\\n   two\nspark.b x", {"spark.a": "one two", "spark.b": "x"}),
        (r"spark.a C:\\x\ty\u0041", {"spark.a": "C:\\x\tyA"}),
        ("spark.empty", {"spark.empty": ""}),
        ("spark.a -Dx=y -Dz=w", {"spark.a": "-Dx=y -Dz=w"}),
        ("", {}),
    ],
)
def test_a_properties_file_is_read_as_java_reads_it(text, expected):
    assert properties(text) == expected
