package emrlite;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.Map;
import java.util.jar.JarFile;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * What the archives of a class path hold, as a file: the URLs of the archives, and for each name its CRC-32 and the number of an
 * archive that holds it, in order.  Names that have the same CRC-32 cost a look, no more.
 */
final class Contents {
    private static final int BYTES = Integer.BYTES + Short.BYTES;
    private static final String VERSIONS = "META-INF/versions/";

    private final Map numbers = new HashMap();
    private final ByteBuffer pairs;

    Contents(File file) throws IOException {
        RandomAccessFile opened = new RandomAccessFile(file, "r");
        try {
            FileChannel channel = opened.getChannel();
            DataInputStream head = new DataInputStream(Channels.newInputStream(channel));
            int length = head.readInt();
            byte[] urls = new byte[length];
            head.readFully(urls);
            String[] archives = new String(urls, StandardCharsets.UTF_8).split("\n");
            for (int at = 0; at < archives.length; at++) {
                this.numbers.put(archives[at], Integer.valueOf(at));
            }
            long begin = Integer.BYTES + length;
            this.pairs = channel.map(FileChannel.MapMode.READ_ONLY, begin, channel.size() - begin);
        } finally {
            opened.close();
        }
    }

    /** The number of an archive, or -1 if it is not listed. */
    int number(URL archive) {
        Integer found = (Integer) this.numbers.get(archive.toString());
        return found == null ? -1 : found.intValue();
    }

    /** The numbers of the archives that may hold something of that <code>name</code>; no other of the list does. */
    BitSet holding(String name) {
        int wanted = crc(name);
        int from = 0;
        int to = this.pairs.capacity() / BYTES;
        while (from < to) {
            int middle = (from + to) >>> 1;
            if (Integer.compareUnsigned(this.pairs.getInt(middle * BYTES), wanted) < 0) {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        BitSet found = new BitSet();
        int at = from * BYTES;
        while (at < this.pairs.capacity() && this.pairs.getInt(at) == wanted) {
            found.set(this.pairs.getShort(at + Integer.BYTES));
            at += BYTES;
        }
        return found;
    }

    /** Lists those of the <code>entries</code> that are archives. */
    static void write(URL[] entries, File to) throws Exception {
        StringBuilder urls = new StringBuilder();
        long[] pairs = new long[1 << 16];
        int count = 0;
        int number = 0;
        for (int at = 0; at < entries.length; at++) {
            File file = Paths.get(entries[at].toURI()).toFile();
            if (!file.isFile() || leadsOn(file)) {
                continue;
            }
            ZipFile archive = new ZipFile(file);
            try {
                Enumeration names = archive.entries();
                while (names.hasMoreElements()) {
                    String name = ((ZipEntry) names.nextElement()).getName();
                    int version = name.indexOf('/', VERSIONS.length());
                    if (count + 1 >= pairs.length) {
                        pairs = Arrays.copyOf(pairs, 2 * pairs.length);
                    }
                    pairs[count++] = pair(name, number);
                    if (version > 0 && name.startsWith(VERSIONS)) {
                        pairs[count++] = pair(name.substring(version + 1), number);
                    }
                }
            } finally {
                archive.close();
            }
            urls.append(entries[at]).append('\n');
            number++;
        }
        Arrays.sort(pairs, 0, count);
        ByteBuffer written = ByteBuffer.allocate(count * BYTES);
        for (int at = 0; at < count; at++) {
            written.putInt((int) (pairs[at] >>> Short.SIZE)).putShort((short) pairs[at]);
        }
        byte[] head = urls.toString().getBytes(StandardCharsets.UTF_8);
        DataOutputStream out = new DataOutputStream(Files.newOutputStream(to.toPath()));
        try {
            out.writeInt(head.length);
            out.write(head);
            out.write(written.array());
        } finally {
            out.close();
        }
    }

    /** Whether the manifest names archives that are part of the class path by that (<code>Class-Path</code>). */
    private static boolean leadsOn(File file) throws IOException {
        JarFile archive = new JarFile(file);
        try {
            String value = archive.getManifest() == null ? null : archive.getManifest().getMainAttributes().getValue("Class-Path");
            String[] names = value == null ? new String[0] : value.trim().split("\\s+");
            for (int at = 0; at < names.length; at++) {
                if (new File(file.getParentFile(), names[at]).exists() || names[at].indexOf(':') >= 0) {
                    return true;
                }
            }
            return false;
        } finally {
            archive.close();
        }
    }

    private static long pair(String name, int number) {
        return (crc(name) & 0xffffffffL) << Short.SIZE | number;
    }

    /** Of a folder as of a file: it is found with a slash at its end and without. */
    private static int crc(String name) {
        int end = name.length();
        while (end > 0 && name.charAt(end - 1) == '/') {
            end--;
        }
        CRC32 crc = new CRC32();
        crc.update(name.substring(0, end).getBytes(StandardCharsets.UTF_8));
        return (int) crc.getValue();
    }
}
