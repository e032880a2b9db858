package emrlite;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Iterator;
import java.util.Map;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.spark.deploy.SparkSubmit;
import org.apache.spark.sql.catalyst.parser.CatalystSqlParser$;

/**
 * The JVM of a driver, started before anybody has asked for one: <code>Spare DIRECTORY</code>
 *
 * <p>It loads what every driver loads, writes the port that it listens on to <code>DIRECTORY/port</code>, and waits.  Whoever
 * sends the secret of <code>DIRECTORY/secret</code> gives it an environment, a working directory, files for standard output and
 * error, and the words of a spark-submit command line.  It serves once.  Until then it has seen nothing of any user's.
 * When whoever asked goes away, the driver is killed with all that it has started.
 */
public final class Spare {
    private static final int KILLED = 137;

    private Spare() {
    }

    public static void main(String[] words) throws Exception {
        Switch out = new Switch(System.out);
        Switch err = new Switch(System.err);
        System.setOut(new PrintStream(out, true));
        System.setErr(new PrintStream(err, true));
        warm();
        File directory = new File(words[0]);
        byte[] secret = Files.readAllBytes(new File(directory, "secret").toPath());
        ServerSocket server = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"));
        File unfinished = new File(directory, "port.new");
        Files.write(unfinished.toPath(), String.valueOf(server.getLocalPort()).getBytes(StandardCharsets.US_ASCII));
        if (!unfinished.renameTo(new File(directory, "port"))) {
            throw new IOException("cannot write " + directory + "/port");
        }
        Socket socket = null;
        DataInputStream in = null;
        while (in == null) {
            socket = server.accept();
            in = new DataInputStream(socket.getInputStream());
            if (!new String(secret, StandardCharsets.US_ASCII).equals(read(in))) {
                socket.close();
                in = null;
            }
        }
        server.close();
        out.target = new FileOutputStream(read(in), true);
        err.target = new FileOutputStream(read(in), true);
        work(read(in));
        String[] environment = readAll(in);
        String[] arguments = readAll(in);
        live(environment);
        Thread watch = new Thread(new Watch(in), "emrlite-watch");
        watch.setDaemon(true);
        watch.start();
        socket.getOutputStream().write(1);
        SparkSubmit.main(arguments);
    }

    /** Loads and compiles a little of what every driver does, without a trace of it in the driver. */
    private static void warm() {
        try {
            Class.forName("org.apache.spark.api.python.Py4JServer");
            Class.forName("org.apache.spark.deploy.PythonRunner");
            Class.forName("org.apache.spark.SparkContext");
            Class.forName("org.apache.spark.sql.classic.SparkSession");
            Class.forName("org.apache.spark.scheduler.cluster.StandaloneSchedulerBackend");
            Class.forName("org.apache.spark.ui.SparkUI");
            Configuration conf = new Configuration();
            FileSystem.getFileSystemClass("hdfs", conf);
            FileSystem.getFileSystemClass("s3", conf);
            CatalystSqlParser$.MODULE$.parsePlan("SELECT a, count(*) FROM b WHERE c < 0.9 GROUP BY a ORDER BY 2");
        } catch (Throwable error) {
            error.printStackTrace(); // colder, but as good
        }
    }

    private static String read(DataInputStream in) throws IOException {
        byte[] bytes = new byte[in.readInt()];
        in.readFully(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private static String[] readAll(DataInputStream in) throws IOException {
        String[] found = new String[in.readInt()];
        for (int at = 0; at < found.length; at++) {
            found[at] = read(in);
        }
        return found;
    }

    /** Makes <code>directory</code> the working directory, for all that Java resolves itself. */
    private static void work(String directory) throws Exception {
        System.setProperty("user.dir", directory);
        Field system;
        try {
            system = File.class.getDeclaredField("fs");
        } catch (NoSuchFieldException newer) {
            system = File.class.getDeclaredField("FS");
        }
        system.setAccessible(true);
        Object files = system.get(null);
        Field own = files.getClass().getDeclaredField("userDir");
        own.setAccessible(true);
        own.set(files, directory);
    }

    /** Puts <code>environment</code> (names and values by turns) in the place of the one that the JVM was started with. */
    private static void live(String[] environment) throws Exception {
        Class all = Class.forName("java.lang.ProcessEnvironment");
        Field field = all.getDeclaredField("theEnvironment");
        field.setAccessible(true);
        Map found = (Map) field.get(null);
        Method name = Class.forName("java.lang.ProcessEnvironment$Variable").getMethod("valueOf", new Class[] {String.class});
        Method value = Class.forName("java.lang.ProcessEnvironment$Value").getMethod("valueOf", new Class[] {String.class});
        name.setAccessible(true);
        value.setAccessible(true);
        found.clear();
        for (int at = 0; at < environment.length; at += 2) {
            found.put(name.invoke(null, new Object[] {environment[at]}), value.invoke(null, new Object[] {environment[at + 1]}));
        }
    }

    /** A stream that log4j may hold on to while its target changes. */
    private static final class Switch extends OutputStream {
        private volatile OutputStream target;

        Switch(OutputStream target) {
            this.target = target;
        }

        public void write(int one) throws IOException {
            this.target.write(one);
        }

        public void write(byte[] bytes, int from, int count) throws IOException {
            this.target.write(bytes, from, count);
        }

        public void flush() throws IOException {
            this.target.flush();
        }
    }

    /** Waits for the end of whoever asked for the driver. */
    private static final class Watch implements Runnable {
        private final DataInputStream in;

        Watch(DataInputStream in) {
            this.in = in;
        }

        public void run() {
            try {
                this.in.readByte();
            } catch (EOFException gone) {
                // as expected
            } catch (IOException gone) {
                // it was killed
            }
            try {
                // Janino calls no static method of an interface by its name.
                Method current = ProcessHandle.class.getMethod("current", new Class[0]);
                Iterator children = ((ProcessHandle) current.invoke(null, new Object[0])).descendants().iterator();
                while (children.hasNext()) {
                    ((ProcessHandle) children.next()).destroyForcibly();
                }
            } catch (ReflectiveOperationException error) {
                error.printStackTrace();
            } finally {
                Runtime.getRuntime().halt(KILLED);
            }
        }
    }
}
