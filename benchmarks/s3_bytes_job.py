"""Writes and reads the same bytes on file:// and s3:// in one session, and notes the seconds.

    s3_bytes_job.py RESULT.json FILE_BASE S3_BASE PAIRS LARGE LARGE_MIB SMALL SMALL_KIB

LARGE objects of LARGE_MIB each, SMALL ones of SMALL_KIB each, as Parquet without compression or
dictionary, so that hardly anything but bytes is moved.  What is written lies in memory before;
what is read is only counted.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession

_KIB = 1024
#: The payload of a row; small enough for pages of Parquet.
_ROW_KIB = 64


def main(result: str, file_base: str, s3_base: str, *numbers: str) -> None:
    pairs, large, large_mib, small, small_kib = map(int, numbers)
    spark = (SparkSession.builder.appName("bytes").config("spark.sql.parquet.compression.codec", "uncompressed")
             .config("spark.hadoop.parquet.enable.dictionary", "false").config("spark.sql.adaptive.enabled", "false")
             .getOrCreate())
    found: dict[str, list[float]] = {}
    for size, objects, kib in (("large", large, large_mib * _KIB), ("small", small, small_kib)):
        data = payload(spark, objects, kib)
        for pair in range(pairs + 1):  # the first is not counted
            for scheme, base in (("file", file_base), ("s3", s3_base)):
                place = f"{base}/{size}"
                wrote = seconds(data.write.mode("overwrite").parquet, place)
                read = seconds(count, spark, place, objects * kib * _KIB)
                if pair:
                    found.setdefault(f"write {size} {scheme}", []).append(wrote)
                    found.setdefault(f"read {size} {scheme}", []).append(read)
        data.unpersist()
    spark.stop()
    Path(result).write_text(json.dumps(found))


def payload(spark: SparkSession, objects: int, kib: int) -> DataFrame:
    """Return *objects* partitions of *kib* KiB each, in memory."""
    rows, size = (kib // _ROW_KIB, _ROW_KIB) if kib > _ROW_KIB else (1, kib)
    bytes_ = f"unhex(repeat(sha2(cast(id AS STRING), 256), {size * _KIB // 32}))"  # each sha2 is 32 bytes
    data = spark.range(0, objects * rows, 1, objects).selectExpr(f"{bytes_} AS payload")
    data = data.persist(StorageLevel.MEMORY_AND_DISK)
    data.count()
    return data


def count(spark: SparkSession, place: str, expected: int) -> None:
    found = spark.read.parquet(place).selectExpr("sum(length(payload))").first()
    if found is None or found[0] != expected:
        raise SystemExit(f"{place} has {found}, not {expected} bytes")


def seconds(work: Callable[..., object], *arguments: object) -> float:
    begin = time.monotonic()
    work(*arguments)
    return time.monotonic() - begin


if __name__ == "__main__":
    main(*sys.argv[1:])
