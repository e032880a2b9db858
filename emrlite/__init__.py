"""emrlite: Amazon EMR on one machine, with real Spark, real HDFS and real S3 semantics."""

__version__ = "0.1.0"
