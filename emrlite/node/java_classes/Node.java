package emrlite;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.InvocationTargetException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.metrics2.lib.DefaultMetricsSystem;

/**
 * The daemons of one node in one JVM: <code>Node CONTENTS MAIN ARGUMENT… [-- MAIN ARGUMENT…]…</code>
 *
 * <p><code>CONTENTS</code> lists what is on the class path (<code>ClassPath</code>), or there is none.  Before a main class may stand <code>--after HOST:PORT</code>: it is loaded, and begins once the page of Spark's master there
 * says that it is ALIVE.  A master listens before it takes workers, and one that was not taken asks again 5 to 15 s later.
 * So a node starts together with its master, and neither loses a try.  When one daemon ends, all do: a node is one thing.
 *
 * <p>A DataNode that asks a NameNode which listens but has not started sleeps 5 s (<code>BPServiceActor</code>, no setting): while
 * this JVM is young, that sleep is cut short.
 *
 * <p>Compiled by Janino, which Spark brings, so the language is that of Java 7 without lambdas.
 */
public final class Node {
    private static final String AFTER = "--after";
    private static final String NEXT = "--";
    private static final String ALIVE = "ALIVE";
    private static final long LOOK_MILLIS = 50L;
    /** A page of Spark's takes two connections before it serves; a third would not be answered for a second, and then asked for again. */
    private static final int CONNECT_MILLIS = 100;
    private static final int ANSWER_MILLIS = 1000;
    private static final String DATANODE = "org.apache.hadoop.hdfs.server.datanode.DataNode";
    private static final String ACTOR = "org.apache.hadoop.hdfs.server.datanode.BPServiceActor";
    private static final long YOUNG_MILLIS = 60000L;

    private Node() {
    }

    public static void main(String[] words) throws Exception {
        ClassPath.use(new File(words[0]));
        // A NameNode and a DataNode register metrics of the same names.
        DefaultMetricsSystem.setMiniClusterMode(true);
        // What only daemons shall read; it lies beside the files that clients read too.
        Configuration.addDefaultResource("daemons-site.xml");
        int at = 1;
        while (at < words.length) {
            String after = null;
            if (words[at].equals(AFTER)) {
                after = words[at + 1];
                at += 2;
            }
            String main = words[at++];
            List arguments = new ArrayList();
            while (at < words.length && !words[at].equals(NEXT)) {
                arguments.add(words[at++]);
            }
            at++;
            if (main.equals(DATANODE)) {
                Thread waker = new Thread(new Waker(), "emrlite-waker");
                waker.setDaemon(true);
                waker.start();
            }
            new Thread(new Daemon(main, after, (String[]) arguments.toArray(new String[0])), main).start();
        }
    }

    private static final class Daemon implements Runnable {
        private final String main;
        private final String after;
        private final String[] arguments;

        Daemon(String main, String after, String[] arguments) {
            this.main = main;
            this.after = after;
            this.arguments = arguments;
        }

        public void run() {
            try {
                Class found = Class.forName(this.main);
                if (this.after != null) {
                    this.await();
                }
                found.getMethod("main", new Class[] {String[].class}).invoke(null, new Object[] {this.arguments});
                System.err.println(this.main + " has ended");
            } catch (InvocationTargetException error) {
                error.getCause().printStackTrace();
            } catch (Throwable error) {
                error.printStackTrace();
            }
            System.exit(1);
        }

        private void await() throws InterruptedException {
            int colon = this.after.lastIndexOf(':');
            String host = this.after.substring(0, colon);
            int port = Integer.parseInt(this.after.substring(colon + 1));
            while (true) {
                Socket socket = new Socket();
                try {
                    socket.connect(new InetSocketAddress(host, port), CONNECT_MILLIS);
                    socket.setSoTimeout(ANSWER_MILLIS);
                    if (page(socket).indexOf(ALIVE) >= 0) {
                        return;
                    }
                } catch (IOException notYet) {
                    // nobody is there, or it has only begun
                } finally {
                    try {
                        socket.close();
                    } catch (IOException closed) {
                        throw new IllegalStateException(closed);
                    }
                }
                Thread.sleep(LOOK_MILLIS);
            }
        }

        private static String page(Socket socket) throws IOException {
            socket.getOutputStream().write("GET /json/ HTTP/1.0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            ByteArrayOutputStream found = new ByteArrayOutputStream();
            byte[] part = new byte[8192];
            InputStream in = socket.getInputStream();
            for (int count = in.read(part); count >= 0; count = in.read(part)) {
                found.write(part, 0, count);
            }
            return new String(found.toByteArray(), StandardCharsets.UTF_8);
        }
    }

    /** Wakes the thread that asks the NameNode, until it is served. */
    private static final class Waker implements Runnable {
        public void run() {
            long end = System.nanoTime() + YOUNG_MILLIS * 1000000L;
            boolean served = false;
            while (!served && System.nanoTime() < end) {
                try {
                    Thread.sleep(2 * LOOK_MILLIS);
                } catch (InterruptedException ending) {
                    return;
                }
                Thread[] threads = new Thread[2 * Thread.activeCount()];
                int count = Thread.enumerate(threads);
                for (int at = 0; at < count; at++) {
                    StackTraceElement[] stack = mayBeIt(threads[at]) ? threads[at].getStackTrace() : new StackTraceElement[0];
                    if (within(stack, "offerService")) {
                        served = true;
                    } else if (within(stack, "sleepAndLogInterrupts")) {
                        threads[at].interrupt();
                    }
                }
            }
        }

        /** To look at the stacks of all threads stops the whole JVM each time; it has no name before it knows its NameNode. */
        private static boolean mayBeIt(Thread thread) {
            String name = thread.getName();
            return thread.getState() == Thread.State.TIMED_WAITING && (name.startsWith("Thread-") || name.indexOf(" heartbeating to ") > 0);
        }

        private static boolean within(StackTraceElement[] stack, String method) {
            for (int at = 0; at < stack.length; at++) {
                if (stack[at].getMethodName().equals(method) && stack[at].getClassName().equals(ACTOR)) {
                    return true;
                }
            }
            return false;
        }
    }
}
