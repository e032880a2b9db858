"""Delays of the flights of New York in 2013, by airport, carrier and weather.

    spark-submit job.py s3://BUCKET/raw s3://BUCKET/delays

Plain PySpark, as it would run on EMR: CSV on s3:// is cleaned and kept as Parquet on the
cluster's own hdfs://; what is worth keeping longer than the cluster goes to s3:// as Parquet.
"""

from __future__ import annotations

import sys

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f

FLIGHTS = (
    "year INT, month INT, day INT, dep_time INT, sched_dep_time INT, dep_delay DOUBLE, arr_time INT, "
    "sched_arr_time INT, arr_delay DOUBLE, carrier STRING, flight INT, tailnum STRING, origin STRING, dest STRING, "
    "air_time DOUBLE, distance DOUBLE, hour INT, minute INT, time_hour STRING"
)
WEATHER = (
    "origin STRING, year INT, month INT, day INT, hour INT, temp DOUBLE, dewp DOUBLE, humid DOUBLE, wind_dir DOUBLE, "
    "wind_speed DOUBLE, wind_gust DOUBLE, precip DOUBLE, pressure DOUBLE, visib DOUBLE, time_hour STRING"
)
SKIES = ("fair", "wind", "fog", "rain", "snow", "unknown")
AIRPORTS = ("EWR", "JFK", "LGA")


def main(raw: str, result: str) -> None:
    spark = SparkSession.builder.appName("flights").getOrCreate()

    # Clean: s3:// -> hdfs://
    flights = read(spark, f"{raw}/flights.csv", FLIGHTS)
    weather = read(spark, f"{raw}/weather.csv", WEATHER)
    carriers = read(spark, f"{raw}/airlines.csv", "carrier STRING, name STRING")
    cleaned = flights.join(
        f.broadcast(weather.select("origin", "time_hour", sky().alias("sky"))), ["origin", "time_hour"], "left"
    ).select("origin", "carrier", "dest", "dep_delay", "arr_delay", f.coalesce("sky", f.lit("unknown")).alias("sky"))
    cleaned.write.mode("overwrite").parquet("hdfs:///flights/cleaned")

    # Sum up: hdfs:// -> s3://
    kept = spark.read.parquet("hdfs:///flights/cleaned")
    files = kept.inputFiles()
    print(f"{kept.count():,} cleaned flights in {len(files)} files on {files[0].rpartition('/')[0]}", flush=True)
    delays = (
        kept.groupBy("origin", "carrier", "sky")
        .agg(f.count("*").alias("flights"), f.count("dep_delay").alias("departed"), f.sum("dep_delay").alias("minutes"))
        .join(f.broadcast(carriers), "carrier", "left")
    )
    delays.coalesce(1).write.mode("overwrite").parquet(result)

    show(spark.read.parquet(result))
    spark.stop()


def read(spark: SparkSession, path: str, schema: str) -> DataFrame:
    return spark.read.csv(path, schema=schema, header=True, nullValue="NA", mode="FAILFAST")


def sky() -> Column:
    """One word for the weather of an hour (inches, miles, miles an hour, degrees Fahrenheit)."""
    return (
        f.when((f.col("precip") > 0) & (f.col("temp") <= 34), "snow")
        .when(f.col("precip") > 0, "rain")
        .when(f.col("visib") < 3, "fog")
        .when(f.col("wind_speed") > 20, "wind")
        .otherwise("fair")
    )


def show(delays: DataFrame) -> None:
    """Print the mean delay of departures by weather and airport, and by carrier."""
    rows = delays.collect()

    def mean(**wanted: str) -> str:
        found = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
        departed = sum(row["departed"] for row in found)
        return f"{sum(row['minutes'] or 0 for row in found) / departed:.1f}" if departed else "-"

    def count(**wanted: str) -> int:
        return sum(row["flights"] for row in rows if all(row[name] == value for name, value in wanted.items()))

    print("\nMinutes late at departure, New York 2013\n")
    print(f"  {'weather':<24}{'flights':>9}" + "".join(f"{airport:>8}" for airport in AIRPORTS))
    for weather in SKIES:
        cells = "".join(f"{mean(sky=weather, origin=airport):>8}" for airport in AIRPORTS)
        print(f"  {weather:<24}{count(sky=weather):>9,}{cells}")
    names = {row["carrier"]: row["name"] for row in rows}
    busiest = sorted(names, key=lambda carrier: -count(carrier=carrier))[:6]
    print(f"\n  {'carrier':<24}{'flights':>9}{'fair':>8}{'rain':>8}{'snow':>8}")
    for carrier in busiest:
        cells = "".join(f"{mean(carrier=carrier, sky=weather):>8}" for weather in ("fair", "rain", "snow"))
        print(f"  {names[carrier]:<24}{count(carrier=carrier):>9,}{cells}")
    print(flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
