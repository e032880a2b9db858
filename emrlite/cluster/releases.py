"""Which release labels there are (docs.aws.amazon.com, EMR Release Guide)."""

from __future__ import annotations

import re

#: Major release -> newest minor one.  A label beyond these is refused, as AWS does.
_HADOOP_LINE = {4: 9, 5: 36, 6: 15, 7: 14}
_SPARK_LINE = {8: 1}

#: Release -> its Spark, newest patch (emr-release-components pages); others are not known here.
_SPARK = {
    "emr-7.8.0": "3.5.4", "emr-7.9.0": "3.5.5", "emr-7.10.0": "3.5.5", "emr-7.11.0": "3.5.6", "emr-7.12.0": "3.5.6",
    "emr-7.13.0": "3.5.6", "emr-spark-8.0.0": "4.0.2", "emr-spark-8.1.0": "4.1.1",
}

#: The release whose Spark the default engine has.
DEFAULT = "emr-spark-8.1.0"

_LABEL = re.compile(r"emr-(spark-)?(\d{1,2})\.(\d{1,2})\.(\d{1,2})")


def is_known(label: str) -> bool:
    """Tell whether *label* is a release, ``emr-7.12.0`` or ``emr-spark-8.1.0``."""
    found = _LABEL.fullmatch(label)
    if not found:
        return False
    line = _SPARK_LINE if found[1] else _HADOOP_LINE
    return int(found[3]) <= line.get(int(found[2]), -1) and int(found[4]) <= 9


def is_spark_only(label: str) -> bool:
    """Tell whether the release is one of the Spark line, which lists no Hadoop."""
    return label.startswith("emr-spark-")


def difference(label: str, spark: str) -> str | None:
    """Say how the Spark that runs here differs from what AWS ships in *label*, if it does."""
    theirs = spark_of(label)
    if theirs == spark:
        return None
    return f"{label} has Spark {theirs or 'of a version not known here'} on AWS; Spark {spark} runs here"


def spark_of(label: str) -> str | None:
    """Return the version of Spark that AWS ships in *label*, where it is known."""
    return _SPARK.get(label)
