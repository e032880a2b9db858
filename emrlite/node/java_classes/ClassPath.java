package emrlite;

import java.io.File;
import java.io.IOException;
import java.lang.reflect.Field;
import java.net.URL;
import java.util.BitSet;
import java.util.Collections;
import java.util.Enumeration;
import java.util.Map;
import java.util.Vector;
import java.util.concurrent.ConcurrentHashMap;
import jdk.internal.loader.Resource;
import jdk.internal.loader.URLClassPath;

/**
 * The class path of a JVM that knows what its archives hold (<code>Contents</code>), so that it opens none in vain.
 *
 * <p>Java opens one archive after the other until it finds what it looks for: for what is in none, or in the last, as a node's
 * configuration is, and for each kind of service all 326 of them, 185,000 names.  Entries that are not listed are looked at
 * always, those that an agent adds come last.  <code>ClassPath FILE</code> writes the list, and looks whether this Java finds
 * the same with it.
 */
public final class ClassPath extends URLClassPath {
    private static final String[] SAMPLES = {
        "META-INF/services/org.apache.hadoop.fs.FileSystem", "META-INF/MANIFEST.MF", "common-version-info.properties", "core-site.xml",
        "org/apache/spark/SparkConf.class", "org/slf4j", "META-INF/services/", "no/such/Thing.class",
    };

    private final URL[] entries;
    private final URLClassPath[] opened;
    private final int[] numbers;
    private final Contents contents;
    private final Map hidden = new ConcurrentHashMap();

    private ClassPath(URL[] entries, Contents contents) {
        super(new URL[0], null);
        this.entries = entries;
        this.opened = new URLClassPath[entries.length];
        this.numbers = new int[entries.length];
        this.contents = contents;
        for (int at = 0; at < entries.length; at++) {
            this.numbers[at] = contents.number(entries[at]);
        }
    }

    public static void main(String[] words) throws Exception {
        File list = new File(words[0]);
        Contents.write(current().getURLs(), list);
        String before = samples();
        use(list);
        if (!samples().equals(before)) {
            throw new IllegalStateException("with a list of its archives the class path serves\n" + samples() + "instead of\n" + before);
        }
    }

    /** Lets the JVM find by the <code>list</code> what it has not found so far; if there is none, all is as it was: null. */
    static ClassPath use(File list) throws Exception {
        if (!list.isFile()) {
            return null;
        }
        ClassPath found = new ClassPath(current().getURLs(), new Contents(list));
        field().set(ClassLoader.getSystemClassLoader(), found);
        return found;
    }

    /** Lets nobody find <code>name</code> in the listed archive whose file is called <code>archive…</code>; tells whether it was there. */
    boolean hide(String name, String archive) {
        BitSet without = new BitSet();
        for (int at = 0; at < this.entries.length; at++) {
            String path = this.entries[at].getPath();
            if (this.numbers[at] >= 0 && path.startsWith(archive, path.lastIndexOf('/') + 1)) {
                without.set(this.numbers[at]);
            }
        }
        boolean there = this.contents.holding(name).intersects(without);
        this.hidden.put(name, without);
        return there;
    }

    /** The archives to look at for <code>name</code>. */
    private BitSet holding(String name) {
        BitSet found = this.contents.holding(name);
        BitSet without = (BitSet) this.hidden.get(name);
        if (without != null) {
            found.andNot(without);
        }
        return found;
    }

    private static URLClassPath current() throws Exception {
        return (URLClassPath) field().get(ClassLoader.getSystemClassLoader());
    }

    private static Field field() throws Exception {
        Field field = Class.forName("jdk.internal.loader.BuiltinClassLoader").getDeclaredField("ucp");
        field.setAccessible(true);
        return field;
    }

    private static String samples() throws IOException {
        StringBuilder found = new StringBuilder();
        for (int at = 0; at < SAMPLES.length; at++) {
            found.append(ClassLoader.getSystemResource(SAMPLES[at])).append(' ');
            found.append(Collections.list(ClassLoader.getSystemResources(SAMPLES[at]))).append('\n');
        }
        return found.toString();
    }

    public Resource getResource(String name, boolean check) {
        BitSet holding = this.holding(name);
        Resource found = null;
        for (int at = 0; found == null && at < this.entries.length; at++) {
            if (this.mayHold(at, holding)) {
                found = this.entry(at).getResource(name, check);
            }
        }
        return found == null ? super.getResource(name, check) : found;
    }

    public Enumeration getResources(String name, boolean check) {
        BitSet holding = this.holding(name);
        Vector found = new Vector();
        for (int at = 0; at < this.entries.length; at++) {
            Resource here = this.mayHold(at, holding) ? this.entry(at).getResource(name, check) : null;
            if (here != null) {
                found.add(here);
            }
        }
        found.addAll(Collections.list(super.getResources(name, check)));
        return found.elements();
    }

    public Resource getResource(String name) {
        return this.getResource(name, true);
    }

    public Enumeration getResources(String name) {
        return this.getResources(name, true);
    }

    public URL findResource(String name, boolean check) {
        Resource found = this.getResource(name, check);
        return found == null ? null : found.getURL();
    }

    public Enumeration findResources(String name, boolean check) {
        Vector urls = new Vector();
        for (Enumeration found = this.getResources(name, check); found.hasMoreElements();) {
            urls.add(((Resource) found.nextElement()).getURL());
        }
        return urls.elements();
    }

    public URL[] getURLs() {
        return (URL[]) this.entries.clone();
    }

    private boolean mayHold(int at, BitSet holding) {
        return this.numbers[at] < 0 || holding.get(this.numbers[at]);
    }

    private synchronized URLClassPath entry(int at) {
        if (this.opened[at] == null) {
            this.opened[at] = new URLClassPath(new URL[] {this.entries[at]}, null);
        }
        return this.opened[at];
    }
}
