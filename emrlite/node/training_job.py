"""What a cluster does while `emrlite.node.train` watches which classes it loads: a little of everything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as f

DATA, S3 = "hdfs:///training", "s3://emrlite-run/training"
COUNT = "SELECT word, count(*) FROM parquet.`PLACE` GROUP BY word LIMIT 3; SHOW TABLES"


def main() -> None:
    spark = SparkSession.builder.appName("training").enableHiveSupport().getOrCreate()
    frames(spark)
    files(spark)
    python(spark)
    spark.stop()
    programs()


def frames(spark: SparkSession) -> None:
    """Joins, windows, aggregates, and what adaptive execution makes of them."""
    rows = spark.range(20_000).selectExpr(
        "id", "concat('word', id % 97) AS word", "id * 7919 % 10007 / 10007 AS value",
        "timestamp_seconds(1700000000 + id) AS at", "array(id, id + 1) AS pair", "map('k', id) AS named",
        "cast(id AS decimal(12, 2)) AS money")
    names = spark.createDataFrame([(f"word{n}", n, f"name {n}") for n in range(97)], "word string, n int, name string")
    rows.createOrReplaceTempView("rows")
    names.createOrReplaceTempView("names")
    spark.sql("""
        SELECT name, count(*) AS n, avg(value) AS mean, count(DISTINCT id % 7) AS d, max(at) AS last,
               percentile_approx(value, 0.5) AS middle, collect_list(id % 3) AS few, sum(money) AS paid
        FROM rows JOIN names USING (word) WHERE value < 0.9 AND at > timestamp '2020-01-01'
        GROUP BY name ORDER BY n DESC
    """).collect()
    rows.join(names.hint("merge"), "word", "left").groupBy("n").pivot("word", ["word1", "word2"]).count().show(3)
    ranked = rows.withColumn("rank", f.row_number().over(Window.partitionBy("word").orderBy(f.desc("value"))))
    best = ranked.where("rank <= 2").select(f.explode("pair"), "word", f.date_format("at", "yyyy-MM-dd"))
    best.distinct().cache().count()
    rows.unionByName(rows).dropDuplicates(["word"]).describe("value").show()
    rows.limit(5).explain()


def files(spark: SparkSession) -> None:
    """Every built-in format, on HDFS and S3, with partitions, and tables."""
    rows = spark.table("rows").drop("named", "pair", "money")
    for place in (DATA, S3):
        for kind in ("csv", "json", "parquet", "orc"):
            rows.drop(*(["at"] if kind == "csv" else [])).write.mode("overwrite").format(kind).save(f"{place}/{kind}")
        rows.select("word").write.mode("overwrite").option("compression", "gzip").text(f"{place}/text")
        rows.withColumn("part", f.expr("id % 3")).write.mode("overwrite").partitionBy("part").parquet(f"{place}/parts")
        spark.read.csv(f"{place}/csv", schema="id LONG, word STRING, value DOUBLE").where("value > 0.5").count()
        spark.read.option("inferSchema", "true").csv(f"{place}/csv").groupBy("_c1").avg().collect()
        spark.read.json(f"{place}/json").where("id > 3").agg({"value": "avg"}).collect()
        spark.read.parquet(f"{place}/parquet").where("value > 0.5").groupBy("word").count().coalesce(1).write.mode(
            "overwrite").parquet(f"{place}/counts")
        spark.read.orc(f"{place}/orc").where("id < 100").collect()
        spark.read.text(f"{place}/text").count()
        spark.read.parquet(f"{place}/parts").where("part = 1").count()
    spark.sql("CREATE TABLE kept USING parquet AS SELECT * FROM rows WHERE id < 10")
    spark.sql("INSERT INTO kept SELECT * FROM rows WHERE id > 19990")
    spark.sql("SELECT count(*) FROM kept").show()
    spark.sql("SHOW TABLES").show()
    spark.sql("DROP TABLE kept")


def python(spark: SparkSession) -> None:
    """Python workers: RDDs and functions of Python, accumulators, broadcasts."""
    context = spark.sparkContext
    lookup, seen = context.broadcast({"a": 1}), context.accumulator(0)
    words = context.parallelize(["a b", "b c"] * 50, 4).flatMap(str.split)
    words.foreach(lambda word: seen.add(lookup.value.get(word, 0)))
    words.map(lambda word: (word, 1)).reduceByKey(lambda a, b: a + b).sortByKey().collect()  # type: ignore[call-overload]  # its stubs know no str that sorts
    words.saveAsTextFile(f"{DATA}/words")
    context.textFile(f"{DATA}/words").count()
    context.textFile(f"{S3}/text").take(1)
    spark.udf.register("longer", lambda word: word + "!", "string")
    spark.sql("SELECT longer(word), count(*) FROM rows GROUP BY 1").collect()


def programs() -> None:
    """The other programs of a node, and drivers in cluster mode."""
    local = Path(os.environ["TMPDIR"], "file")
    local.write_text("a line\n")
    cluster = Path(os.environ["TMPDIR"], "cluster.py")
    cluster.write_text("from pyspark.sql import SparkSession\nSparkSession.builder.getOrCreate().range(9).show()\n")
    for command in (
        ["spark-submit", "--deploy-mode", "cluster", str(cluster)],
        ["spark-sql", "-e", COUNT.replace("PLACE", f"{S3}/parquet")],
        ["hadoop", "fs", "-mkdir", "-p", f"{DATA}/tools"],
        ["hadoop", "fs", "-put", str(local), f"{DATA}/tools/"],
        ["hadoop", "fs", "-cat", f"{DATA}/tools/file"],
        ["hadoop", "fs", "-cp", f"{DATA}/tools/file", f"{S3}/file"],
        ["hadoop", "fs", "-ls", "-R", S3],
        ["hadoop", "fs", "-rm", "-r", "-skipTrash", S3, DATA],
        ["hdfs", "dfsadmin", "-report"],
        ["hdfs", "fsck", "/"],
    ):
        print(*command, file=sys.stderr)
        # Not here: our own JVM, which goes on, holds the metastore of this directory.
        subprocess.run(command, check=True, timeout=600, cwd=local.parent)


if __name__ == "__main__":
    main()
