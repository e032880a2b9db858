package emrlite;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.mapreduce.OutputCommitter;
import org.apache.hadoop.mapreduce.TaskAttemptContext;
import org.apache.hadoop.mapreduce.lib.output.FileOutputCommitter;
import org.apache.parquet.hadoop.ParquetOutputCommitter;
import org.apache.parquet.hadoop.ParquetOutputFormat;
import org.apache.spark.sql.execution.datasources.SQLHadoopMapReduceCommitProtocol;

/**
 * Chooses the committer of a write by Spark SQL: {@link S3OptimizedCommitter} where EMR has its optimized one, and
 * otherwise what Spark would choose.
 *
 * <p>The conditions are those of "Requirements for the EMRFS S3-optimized committer" in EMR's Release Guide, but for one:
 * what Spark writes through Hive's own formats, which Hive moves afterwards, is put the same way.
 */
public final class S3CommitProtocol extends SQLHadoopMapReduceCommitProtocol {
    private static final String ENABLED = "spark.sql.parquet.fs.optimized.committer.optimization-enabled";

    private final String path;
    private final boolean dynamic;

    public S3CommitProtocol(String jobId, String path, boolean dynamicPartitionOverwrite) {
        super(jobId, path, dynamicPartitionOverwrite);
        this.path = path;
        this.dynamic = dynamicPartitionOverwrite;
    }

    public OutputCommitter setupCommitter(TaskAttemptContext context) {
        OutputCommitter usual = super.setupCommitter(context);
        if (this.dynamic || !isS3(new Path(this.path)) || !isReplaceable(usual, context.getConfiguration())) {
            return usual;
        }
        try {
            return new S3OptimizedCommitter(new Path(this.path), context);
        } catch (java.io.IOException error) {
            throw new java.io.UncheckedIOException(error);
        }
    }

    private static boolean isS3(Path path) {
        String scheme = path.toUri().getScheme();
        return "s3".equals(scheme) || "s3a".equals(scheme) || "s3n".equals(scheme);
    }

    /** A committer that somebody has chosen stays, and so does Parquet's where it has summaries to write. */
    private static boolean isReplaceable(OutputCommitter usual, Configuration conf) {
        if (!conf.getBoolean(ENABLED, true)) {
            return false;
        }
        return usual.getClass() == FileOutputCommitter.class
            || usual.getClass() == ParquetOutputCommitter.class
                && ParquetOutputFormat.getJobSummaryLevel(conf) == ParquetOutputFormat.JobSummaryLevel.NONE;
    }
}
