"""The job that is measured: CSV is cleaned into Parquet, which is summed up into Parquet."""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession


def main(source: str, stage: str, result: str) -> None:
    spark = SparkSession.builder.appName("benchmark").getOrCreate()
    rows = spark.read.csv(source, schema="id LONG, word STRING, value DOUBLE", header=True)
    rows.where("value < 0.9").write.mode("overwrite").parquet(stage)
    kept = spark.read.parquet(stage).groupBy("word").agg({"value": "avg", "id": "count"})
    kept.coalesce(1).write.mode("overwrite").parquet(result)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
