package emrlite;

import java.io.EOFException;
import java.io.IOException;
import org.apache.hadoop.fs.CanSetReadahead;
import org.apache.hadoop.fs.FSExceptionMessages;
import org.apache.hadoop.fs.FSInputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** An object whose bytes are here. */
final class S3KeptObject extends FSInputStream implements CanSetReadahead {
    private final Path path;
    private final FileSystem.Statistics statistics;
    private byte[] bytes; // until it is closed
    private long position;

    S3KeptObject(Path path, byte[] bytes, FileSystem.Statistics statistics) {
        this.path = path;
        this.bytes = bytes;
        this.statistics = statistics;
    }

    public synchronized int read() throws IOException {
        byte[] one = new byte[1];
        return this.read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    public synchronized int read(byte[] to, int offset, int length) throws IOException {
        int count = this.read(this.position, to, offset, length);
        this.position += Math.max(0, count);
        return count;
    }

    public synchronized int read(long from, byte[] to, int offset, int length) throws IOException {
        this.validatePositionedReadArgs(from, to, offset, length);
        this.checkOpen();
        if (length == 0) {
            return 0;
        }
        if (from >= this.bytes.length) {
            return -1;
        }
        int count = (int) Math.min(length, this.bytes.length - from);
        System.arraycopy(this.bytes, (int) from, to, offset, count);
        this.statistics.incrementBytesRead(count);
        return count;
    }

    public synchronized void seek(long to) throws IOException {
        this.checkOpen();
        if (to < 0) {
            throw new EOFException(FSExceptionMessages.NEGATIVE_SEEK + " " + to);
        }
        this.position = to;
    }

    public synchronized long getPos() {
        return this.position;
    }

    public synchronized int available() throws IOException {
        this.checkOpen();
        return (int) Math.max(0, this.bytes.length - this.position);
    }

    public boolean seekToNewSource(long to) {
        return false;
    }

    public void setReadahead(Long range) {
    }

    public synchronized void close() {
        this.bytes = null;
    }

    private void checkOpen() throws IOException {
        if (this.bytes == null) {
            throw new IOException(this.path + ": " + FSExceptionMessages.STREAM_IS_CLOSED);
        }
    }
}
