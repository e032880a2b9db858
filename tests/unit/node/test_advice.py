"""What newcomers are told, from what real runs wrote (file names and long stacks cut)."""

from dataclasses import replace

import pytest

from emrlite.node import failures
from emrlite.node.advice import MARK, advise

RELATIVE = (
    "pyspark.errors.exceptions.captured.AnalysisException: [PATH_NOT_FOUND] Path does not exist: "
    "hdfs://127.9.9.1:8020/user/hadoop/data/in.csv. SQLSTATE: 42K03"
)
ABSOLUTE = (
    "pyspark.errors.exceptions.captured.AnalysisException: [PATH_NOT_FOUND] Path does not exist: "
    "hdfs://127.9.9.1:8020/mnt/data/in.txt. SQLSTATE: 42K03"
)
RDD = """\
py4j.protocol.Py4JJavaError: An error occurred while calling z:org.apache.spark.api.python.PythonRDD.collectAndServe.
: org.apache.hadoop.mapred.InvalidInputException: Input path does not exist: hdfs://127.9.9.1:8020/user/hadoop/in.txt"""
S3A = """\
py4j.protocol.Py4JJavaError: An error occurred while calling o47.text.
: org.apache.hadoop.fs.s3a.UnknownStoreException: `s3://no-such-bucket-x/in': getFileStatus on \
s3://no-such-bucket-x/in: software.amazon.awssdk.services.s3.model.NoSuchBucketException: The specified bucket does \
not exist (Service: S3, Status Code: 404, Request ID: 54616D7A2A152ADC):NoSuchBucket"""
AWS_CLI = (
    "upload failed: ./a to s3://no-such-bucket-x/in An error occurred (NoSuchBucket) when calling the PutObject "
    "operation: The specified bucket does not exist"
)
BOTO3 = (
    "botocore.errorfactory.NoSuchBucket: An error occurred (NoSuchBucket) when calling the PutObject operation: "
    "The specified bucket does not exist"
)
DRIVER_HEAP = "java.lang.OutOfMemoryError: Java heap space"
EXECUTOR_HEAP = """\
py4j.protocol.Py4JJavaError: An error occurred while calling o50.collectToPython.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 1 in stage 0.0 failed 4 times, most recent \
failure: Lost task 1.5 in stage 0.0 (TID 6) (127.9.9.2 executor 2): java.lang.OutOfMemoryError: Java heap space"""
#: Of longer logs, whose last exception says something else.
SCALA = """\
: java.util.ServiceConfigurationError: org.apache.spark.sql.sources.DataSourceRegister: \
com.databricks.spark.xml.DefaultSource Unable to get public no-arg constructor
Caused by: java.lang.NoClassDefFoundError: scala/Serializable
Caused by: java.lang.ClassNotFoundException: scala.Serializable
26/11/21 01:10:41 INFO SparkContext: Added JAR s3://b/spark-xml_2.12-0.14.0.jar at s3://b/spark-xml_2.12-0.14.0.jar
"""
PYTHONS = """\
pyspark.errors.exceptions.base.PySparkRuntimeError: [PYTHON_VERSION_MISMATCH] Python in worker has different version: \
3.12 than that in driver: 3.11, PySpark cannot run with different minor versions.
"""
NO_PYTHON = """\
failure: Lost task 0.3 in stage 0.0 (TID 7) (127.221.23.2 executor 0): java.io.IOException: Cannot run program \
"/home/x/clusters/j-0JXKPDA84JWE9/master/bin/python3.7": error=2, No such file or directory
"""
NO_SPARK = (
    'Exception in thread "main" java.lang.RuntimeException: java.io.IOException: Cannot run program "spark-submit" '
    '(in directory "."): error=2, No such file or directory'
)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (RELATIVE, "did you mean s3://BUCKET/data/in.csv or file:///…/data/in.csv?"),
        (ABSOLUTE, "did you mean s3://BUCKET/mnt/data/in.txt or file:///mnt/data/in.txt?"),
        (RDD, "a path without a scheme is one of HDFS, whose default here is hdfs://127.9.9.1:8020"),
        (S3A, "no bucket no-such-bucket-x; make it first: aws --endpoint-url http://127.0.0.1:4566 s3 mb s3://no-such-"),
        (AWS_CLI, "s3 mb s3://no-such-bucket-x"),
        (BOTO3, "no such bucket; make it first: aws --endpoint-url http://127.0.0.1:4566 s3 mb s3://BUCKET"),
        (DRIVER_HEAP, "a node is of type m5.xlarge and offers 12288 MiB with 4 vCPU"),
        (EXECUTOR_HEAP, "a heap is 1024m unless --driver-memory or --executor-memory say otherwise; a node"),
    ],
)  # fmt: skip
def test_what_helps_is_said(message, said, info):
    found = advise(message, message, info)

    assert found is not None
    assert said in found


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (SCALA, "of another Scala than this cluster's 2.13 (Spark 4.1.1): spark-xml_2.12-0.14.0.jar; take the build"),
        (PYTHONS, "executors run Python 3.12, the driver 3.11: give both the same"),
        (NO_PYTHON, "there is no python3.7 on this cluster, whose Python is /engine/bin/python"),
        (EXECUTOR_HEAP, "OutOfMemoryError: Java heap space: a heap is 1024m unless"),
    ],
)
def test_what_happened_to_executors_is_found_behind_the_last_exception(log, said, info):
    last = "py4j.protocol.Py4JJavaError: An error occurred while calling o50.load."
    assert said in (advise(last, log, info) or "")


def test_a_heap_that_was_made_smaller_is_named(info):
    note = "--executor-memory 10240m fits the instance type; the heap on this machine is 6028m"

    assert f"({note})" in (advise(EXECUTOR_HEAP, f"emrlite: note: {note}\n{EXECUTOR_HEAP}", info) or "")


def test_spark_is_missed_only_where_it_was_not_asked_for(info, info_without_spark):
    assert "Spark is not among the cluster's Applications" in (advise(NO_SPARK, NO_SPARK, info_without_spark) or "")
    assert advise(NO_SPARK, NO_SPARK, info) is None


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("ValueError: mine", S3A),  # seen and survived
        ("ValueError: mine", RELATIVE),
        ("The step ended with exit code 3.", ""),
        (RELATIVE.replace("127.9.9.1:8020", "other:8020"), ""),
        ("NoClassDefFoundError: com/example/Mine", ""),
    ],
)
def test_nothing_is_guessed(message, text, info):
    assert advise(message, text, info) is None


def test_the_hint_ends_the_message_and_is_not_taken_for_the_failure_itself(info):
    log = f'Exception in thread "main" {DRIVER_HEAP}\n'
    first = failures.explain("", log, 1, "s3://l/s", info)
    hint = failures.hint_of(first)

    assert first.message.startswith(f"{DRIVER_HEAP}\n{MARK}OutOfMemoryError: Java heap space: ")
    assert hint is not None
    assert hint.startswith(MARK)
    assert failures.explain("", f"{log}{hint}\n", 1, "s3://l/s", info) == first
    assert failures.hint_of(replace(first, message=DRIVER_HEAP)) is None


def test_the_hint_of_a_plain_complaint_stays_apart_too(info):
    first = failures.explain("", f"{AWS_CLI}\n", 1, "s3://l/s", info)

    assert failures.explain("", f"{AWS_CLI}\n{failures.hint_of(first)}\n", 1, "s3://l/s", info) == first
