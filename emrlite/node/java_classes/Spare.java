package emrlite;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.Properties;
import java.util.TimeZone;

/**
 * The JVM of a driver or an executor, started before anybody has asked for one: <code>Spare DIRECTORY KIND ROUNDS PROCESSES CONTENTS</code>
 *
 * <p><code>CONTENTS</code> lists what is on the class path (<code>ClassPath</code>), or there is none.  It loads what it will need, writes the port that it listens on and its process to <code>DIRECTORY/port</code>, and
 * practises (<code>Practice</code>) until it is asked for, at most <code>ROUNDS</code> times, while no step runs.  Whoever sends the secret of
 * <code>DIRECTORY/secret</code> gives it files for standard output and error, a working directory, an environment, properties, and a
 * main class with its words.  It serves once.  Until then it has seen nothing of any user's.
 * When whoever asked goes away, it is killed with all that it has started.
 */
public final class Spare {
    private static final int KILLED = 137;
    /** Linux has no longer words on a command line or in an environment. */
    private static final int LONGEST = 1 << 20;

    private Spare() {
    }

    public static void main(String[] words) throws Throwable {
        ClassPath path = ClassPath.use(new File(words[4]));
        TimeZone.getDefault(); // sets a property, once
        Properties fresh = (Properties) System.getProperties().clone();
        File directory = new File(words[0]);
        int rounds = Integer.parseInt(words[2]);
        File processes = new File(words[3]);
        OutputStream beginning = new FileOutputStream(Practice.log(directory), true);
        Switch out = new Switch(beginning);
        Switch err = new Switch(beginning);
        PrintStream own = System.err;
        System.setOut(new PrintStream(out, true));
        System.setErr(new PrintStream(err, true));
        Asked asked = new Asked(directory);
        try {
            Practice.load(words[1], path);
            Place.load(directory);
            asked.start();
            Practice.repeat(rounds, directory, processes, asked);
        } catch (Throwable error) {
            error.printStackTrace(own);
            System.exit(1); // what it left may not be as in a fresh JVM
        }
        DataInputStream in = asked.await();
        String[] outlets = new String[2];
        String main = null;
        Ending ending = null;
        String[] arguments = null;
        try {
            outlets[0] = read(in);
            outlets[1] = read(in);
            System.setProperties(fresh);
            Place.enter(read(in));
            ending = new Ending();
            Place.live(readAll(in));
            String[] properties = readAll(in);
            for (int at = 0; at < properties.length; at += 2) {
                System.setProperty(properties[at], properties[at + 1]);
            }
            main = read(in);
            arguments = readAll(in);
            asked.answer();
            in.readByte(); // whoever asked may have lost patience: then this is the end
            out.target = new FileOutputStream(outlets[0], true);
            err.target = new FileOutputStream(outlets[1], true);
        } catch (Throwable error) {
            error.printStackTrace(own);
            Runtime.getRuntime().halt(1);
        }
        beginning.close();
        Practice.log(directory).delete();
        Thread watch = new Thread(new Watch(in), "emrlite-watch");
        watch.setDaemon(true);
        watch.start();
        try {
            Class.forName(main).getMethod("main", new Class[] {String[].class}).invoke(null, new Object[] {arguments});
        } catch (InvocationTargetException error) {
            throw error.getCause();
        }
        ending.returned();
    }

    static String read(DataInputStream in) throws IOException {
        int length = in.readInt();
        if (length < 0 || length > LONGEST) {
            throw new IOException("no text is " + length + " bytes long");
        }
        byte[] bytes = new byte[length];
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

    /** Waits for the end of whoever asked. */
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
