package emrlite;

import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import org.apache.commons.io.FileUtils;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.s3a.Constants;
import org.apache.hadoop.fs.s3a.S3ADataBlocks;
import org.apache.hadoop.fs.s3a.S3AFileSystem;
import org.apache.hadoop.fs.s3a.WriteOperationHelper;
import org.apache.hadoop.fs.s3a.impl.PutObjectOptions;
import org.apache.hadoop.mapreduce.JobContext;
import org.apache.hadoop.mapreduce.JobStatus;
import org.apache.hadoop.mapreduce.TaskAttemptContext;
import org.apache.hadoop.mapreduce.lib.output.FileOutputCommitter;
import org.apache.spark.SparkEnv;
import org.apache.spark.util.Utils;

/**
 * Writes to S3 without renaming: a task's files wait where its executor keeps its own, and become objects when the task
 * commits.
 *
 * <p>That is when they become visible with EMR's own committer, too, which keeps them as uploads in parts until then; a
 * server near by takes one request better than three.  As there, and as with the second algorithm of the class above,
 * a job that fails leaves what its tasks have committed, and a commit that fails leaves what it had come to.
 */
public final class S3OptimizedCommitter extends FileOutputCommitter {
    private final Path output;
    private final Configuration conf;
    private final String attempt;
    private File waiting; // until the first file is asked for, there is none

    public S3OptimizedCommitter(Path output, TaskAttemptContext context) throws IOException {
        super(output, context);
        this.output = output;
        this.conf = context.getConfiguration();
        this.attempt = context.getTaskAttemptID().toString();
    }

    /** Where a task writes its files. */
    public Path getWorkPath() throws IOException {
        if (this.waiting == null) {
            File folder = new File(Utils.getLocalDir(SparkEnv.get().conf())); // goes with the executor, if that is killed
            this.waiting = Files.createTempDirectory(folder.toPath(), this.attempt).toFile();
        }
        return new Path(WaitingFiles.SCHEME, null, this.waiting.getPath());
    }

    public void setupJob(JobContext context) {
    }

    public void commitJob(JobContext context) throws IOException {
        if (this.conf.getBoolean(SUCCESSFUL_JOB_OUTPUT_DIR_MARKER, true)) {
            this.create(new Path(this.output, SUCCEEDED_FILE_NAME)).close();
        } else {
            this.output.getFileSystem(this.conf).mkdirs(this.output); // without a row there may be nothing else
        }
    }

    public void abortJob(JobContext context, JobStatus.State state) {
    }

    public void setupTask(TaskAttemptContext context) {
    }

    public boolean needsTaskCommit(TaskAttemptContext context) {
        return this.waiting != null;
    }

    public void commitTask(TaskAttemptContext context) throws IOException {
        for (Object found : FileUtils.listFiles(this.waiting, null, true)) {
            File file = (File) found;
            String name = this.waiting.toURI().relativize(file.toURI()).getPath();
            this.upload(file, new Path(this.output + Path.SEPARATOR + name));
        }
        this.abortTask(context);
    }

    public void abortTask(TaskAttemptContext context) throws IOException {
        if (this.waiting != null) {
            FileUtils.deleteDirectory(this.waiting);
            this.waiting = null;
        }
    }

    private void upload(File file, Path to) throws IOException {
        FileSystem files = to.getFileSystem(this.conf);
        long inParts = files.getConf().getLongBytes(Constants.MULTIPART_SIZE, Constants.DEFAULT_MULTIPART_SIZE);
        if (files instanceof S3AFileSystem && file.length() <= inParts) {
            put(file, to, (S3AFileSystem) files);
        } else {
            this.write(file, to);
        }
    }

    /** Sends a file as it lies there; a stream of S3A's would write it once more before. */
    private static void put(File file, Path to, S3AFileSystem files) throws IOException {
        WriteOperationHelper writes = files.createWriteOperationHelper(files.createSpan("commitTask", to.toString(), null));
        PutObjectOptions options = PutObjectOptions.keepingDirs();
        writes.putObject(writes.createPutObjectRequest(files.pathToKey(to), file.length(), options), options,
            new S3ADataBlocks.BlockUploadData(file, null), null);
    }

    private void write(File file, Path to) throws IOException {
        InputStream in = new FileInputStream(file);
        try {
            FSDataOutputStream out = this.create(to);
            try {
                in.transferTo(out);
            } catch (IOException error) {
                out.abort(); // to close it would make an object of what is there
                throw error;
            }
            out.close();
        } finally {
            in.close();
        }
    }

    private FSDataOutputStream create(Path path) throws IOException {
        FileSystem files = path.getFileSystem(this.conf);
        return (FSDataOutputStream) files.createFile(path).overwrite(true).recursive()
            .opt("fs.s3a.create.performance", true).build();
    }
}
