package emrlite;

import com.sun.management.HotSpotDiagnosticMXBean;
import java.io.File;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.util.HashMap;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.FileUtil;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.catalyst.parser.CatalystSqlParser$;
import org.apache.spark.sql.classic.SparkSession;

/**
 * What a JVM does before anybody asks for it, so that Java has loaded and compiled what most jobs do.
 *
 * <p>It is a small job of its own on files of its own, in a Spark of its own that has ended before the JVM is given to anybody;
 * <code>Before</code> has put back then what Spark keeps for a whole JVM.
 */
final class Practice {
    private static final String[] LOADED_BY_EXECUTOR = {
        "org.apache.spark.api.python.PythonRunner", "org.apache.spark.executor.CoarseGrainedExecutorBackend",
        "org.apache.spark.sql.internal.SQLConf$",
    };
    /** What a driver, and its first session, wait for most.  None of it knows of a session. */
    private static final String[] LOADED_BY_DRIVER = {
        "org.apache.spark.SparkContext", "org.apache.spark.api.python.Py4JServer", "org.apache.spark.api.python.PythonRunner",
        "org.apache.spark.deploy.PythonRunner", "org.apache.spark.deploy.SparkSubmit",
        "org.apache.spark.scheduler.cluster.StandaloneSchedulerBackend", "org.apache.spark.sql.classic.SparkSession",
        "org.apache.spark.ui.SparkUI",
        "org.apache.spark.sql.catalyst.analysis.FunctionRegistry$", "org.apache.spark.sql.catalyst.expressions.codegen.CodeGenerator$",
        "org.apache.spark.sql.catalyst.optimizer.Optimizer", "org.apache.spark.sql.execution.WholeStageCodegenExec$",
        "org.apache.spark.sql.execution.datasources.DataSource$", "org.apache.spark.sql.execution.datasources.csv.CSVFileFormat",
        "org.apache.spark.sql.execution.datasources.parquet.ParquetFileFormat", "org.apache.spark.sql.internal.SQLConf$",
        "org.apache.spark.sql.internal.StaticSQLConf$",
    };
    /** Files are read and written in the formats, and rows go through the operators, that nearly every job has. */
    private static final String[] STATEMENTS = {
        "INSERT OVERWRITE DIRECTORY '{at}csv' USING csv OPTIONS (header 'true')"
            + " SELECT id, concat('word', id % 97) AS word, id % 1009 / 1009D AS value FROM range(0, 20000, 1, 2)",
        "CREATE OR REPLACE TEMPORARY VIEW practice (id LONG, word STRING, value DOUBLE) USING csv"
            + " OPTIONS (path '{at}csv', header 'true')",
        "INSERT OVERWRITE DIRECTORY '{at}parquet' USING parquet SELECT * FROM practice WHERE value < 0.9",
        "INSERT OVERWRITE DIRECTORY '{at}sums' USING parquet"
            + " SELECT /*+ COALESCE(1) */ word, avg(value), count(id) FROM parquet.`{at}parquet` GROUP BY word",
        "SELECT a.word, max(a.value) AS most, count(DISTINCT b.id % 7) FROM parquet.`{at}parquet` a JOIN practice b ON a.id = b.id"
            + " WHERE b.word LIKE 'word1%' GROUP BY a.word ORDER BY most DESC LIMIT 5",
        "INSERT OVERWRITE DIRECTORY '{at}json' USING json SELECT * FROM practice WHERE id < 500",
        "SELECT word, sum(value) FROM json.`{at}json` GROUP BY word",
    };

    private static final String STEP = "step-";
    private static final String BEGUN = ".start";
    private static final String ENDED = ".exit";
    private static final long LOOK_MILLIS = 100L;
    /** Steps often come one after the other; practice that has just begun would be in the way of the next. */
    private static final long PATIENCE_MILLIS = 500L;

    private Practice() {
    }

    /** Loads what every JVM of this <code>kind</code> loads, a <code>driver</code> or an <code>executor</code>, from its class <code>path</code>. */
    static void load(String kind, ClassPath path) throws Exception {
        if (kind.equals("driver")) {
            load(LOADED_BY_DRIVER);
            LateFunctions.defer(path);
            CatalystSqlParser$.MODULE$.parsePlan("SELECT a, count(*) FROM b WHERE c < 0.9 GROUP BY a ORDER BY 2");
        } else {
            load(LOADED_BY_EXECUTOR);
        }
        Configuration conf = new Configuration();
        FileSystem.getFileSystemClass("hdfs", conf);
        FileSystem.getFileSystemClass("s3", conf);
    }

    private static void load(String[] names) throws ClassNotFoundException {
        for (int at = 0; at < names.length; at++) {
            Class.forName(names[at]);
        }
    }

    /**
     * Practises in <code>directory</code>, until somebody asks for this JVM.  While a step runs it rests: one that
     * <code>processes</code>, where those of the master are recorded, shows to have begun and not to have ended.
     */
    static void repeat(int rounds, File directory, File processes, Asked asked) throws Exception {
        if (rounds == 0 || !mayGoOn(PATIENCE_MILLIS, processes, asked)) {
            return;
        }
        Before before = new Before();
        File data = data(directory);
        SparkContext context = new SparkContext(conf(data));
        try {
            SparkSession session = new SparkSession(context, new HashMap());
            for (int round = 0; round < rounds; round++) {
                for (int at = 0; at < STATEMENTS.length && mayGoOn(0L, processes, asked); at++) {
                    session.sql(STATEMENTS[at].replace("{at}", "file:" + data.getPath().replace("'", "\\'") + "/")).collect();
                }
            }
        } finally {
            context.stop();
            SparkSession.clearActiveSession();
            SparkSession.clearDefaultSession();
        }
        if (!asked.now()) {
            lookAround("emrlite-" + directory.getName(), asked);
        }
        FileSystem.closeAll();
        FileSystem.clearStatistics();
        FileUtil.fullyDelete(data);
        before.restore();
        if (!asked.now()) {
            shrink();
        }
    }

    /** Gives back the memory that practice took: a heap gets smaller in four steps, down to what is set as free at the most. */
    private static void shrink() throws Exception {
        String name = "MaxHeapFreeRatio";
        String least = "MinHeapFreeRatio";
        HotSpotDiagnosticMXBean java = (HotSpotDiagnosticMXBean) ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
        String most = java.getVMOption(name).getValue();
        String before = java.getVMOption(least).getValue();
        java.setVMOption(least, "5");
        java.setVMOption(name, "10");
        for (int at = 0; at < 5; at++) {
            System.gc();
        }
        java.setVMOption(name, most);
        java.setVMOption(least, before);
    }

    /** Where practice keeps its files. */
    static File data(File directory) {
        return new File(directory, "data");
    }

    /** What a spare says before anybody asks for it. */
    static File log(File directory) {
        return new File(directory, "practice");
    }

    /** Waits until no step has run for <code>millis</code>; tells whether this JVM is still nobody's. */
    private static boolean mayGoOn(long millis, File processes, Asked asked) throws InterruptedException {
        long since = System.nanoTime();
        while (!asked.now()) {
            if (stepRuns(processes)) {
                since = System.nanoTime();
            } else if (System.nanoTime() - since >= millis * 1000000L) {
                return true;
            }
            asked.join(LOOK_MILLIS);
        }
        return false;
    }

    private static boolean stepRuns(File processes) {
        String[] names = processes.list();
        for (int at = 0; names != null && at < names.length; at++) {
            if (names[at].startsWith(STEP) && names[at].endsWith(BEGUN)) {
                String stem = names[at].substring(0, names[at].length() - BEGUN.length());
                if (!new File(processes, stem + ENDED).exists()) {
                    return true;
                }
            }
        }
        return false;
    }

    private static SparkConf conf(File data) {
        data.mkdirs();
        return new SparkConf(false)
            .set("spark.master", "local[2]").set("spark.app.name", "practice")
            .set("spark.driver.host", System.getenv("SPARK_LOCAL_IP")).set("spark.local.dir", data + "/local")
            .set("spark.locality.wait", "0").set("spark.ui.port", "0").set("spark.sql.shuffle.partitions", "2")
            .set("spark.eventLog.enabled", "true").set("spark.eventLog.dir", data.toURI().toString())
            .set("spark.sql.catalogImplementation", "in-memory").set("spark.sql.warehouse.dir", "file:" + data + "/warehouse")
            .set("spark.sql.defaultUrlStreamHandlerFactory.enabled", "false")
            .set("spark.sql.sources.commitProtocolClass",
                 "org.apache.spark.sql.execution.datasources.SQLHadoopMapReduceCommitProtocol");
    }

    /** Writes and reads a little of HDFS, and asks S3 for what is not there: both clients are ready then. */
    private static void lookAround(String name, Asked asked) {
        Configuration conf = new Configuration();
        conf.set("fs.s3a.attempts.maximum", "1");
        conf.set("fs.s3a.retry.limit", "1");
        String[] places = {"hdfs:///tmp/" + name, "s3://" + name + "/nothing"};
        for (int at = 0; at < places.length && !asked.now(); at++) {
            Path path = new Path(places[at]);
            try {
                FileSystem files = FileSystem.newInstance(URI.create(places[at]), conf);
                if (at == 0) {
                    files.create(path).close();
                    files.delete(path, false);
                }
                files.exists(path);
            } catch (Exception error) {
                System.err.println(places[at] + ": " + error); // no such bucket, or nobody there: nothing that is needed
            }
        }
    }
}
