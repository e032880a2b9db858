"""Asks all questions of TPC-H in one session; notes how long each took and what the answer was.

    tpch_job.py RESULT.json QUERIES.json BASE
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from pyspark.sql import Row, SparkSession


def main(result: str, questions: str, base: str) -> None:
    told = json.loads(Path(questions).read_text())
    spark = SparkSession.builder.appName("TPC-H").getOrCreate()
    begin = time.monotonic()
    for table in told["tables"]:
        spark.read.parquet(f"{base}/{table}.parquet").createOrReplaceTempView(table)
    found = {}
    for number, sql in told["queries"].items():
        asked = time.monotonic()
        rows = spark.sql(sql).collect()
        found[number] = {"seconds": time.monotonic() - asked, "rows": len(rows), "digest": digest(rows)}
    total = time.monotonic() - begin
    spark.stop()
    Path(result).write_text(json.dumps({"total": total, "queries": found}))


def digest(rows: Iterable[Row]) -> str:
    """The same for the same rows; what a question leaves open, the order of equal rows, does not count."""
    lines = sorted("|".join(map(str, row)) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


if __name__ == "__main__":
    main(*sys.argv[1:])
