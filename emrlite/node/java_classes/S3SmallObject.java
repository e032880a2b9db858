package emrlite;

import java.io.EOFException;
import java.io.IOException;
import java.util.Objects;
import org.apache.hadoop.fs.CanSetReadahead;
import org.apache.hadoop.fs.CanUnbuffer;
import org.apache.hadoop.fs.FSExceptionMessages;
import org.apache.hadoop.fs.StreamCapabilities;
import org.apache.hadoop.fs.s3a.S3AUtils;
import org.apache.hadoop.fs.s3a.impl.ChangeTracker;
import org.apache.hadoop.fs.s3a.impl.streams.InputStreamType;
import org.apache.hadoop.fs.s3a.impl.streams.ObjectInputStream;
import org.apache.hadoop.fs.s3a.impl.streams.ObjectReadParameters;
import org.apache.hadoop.fs.statistics.DurationTracker;
import org.apache.hadoop.util.functional.CallableRaisingIOE;
import software.amazon.awssdk.core.ResponseInputStream;
import software.amazon.awssdk.services.s3.model.GetObjectRequest;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;

/** An object that is fetched whole when its first byte is asked for, and kept until it is closed or unbuffered. */
final class S3SmallObject extends ObjectInputStream implements CanUnbuffer, CanSetReadahead {
    private final ChangeTracker changes;
    private byte[] bytes;
    private long position;
    private boolean closed;

    S3SmallObject(ObjectReadParameters parameters) {
        super(InputStreamType.Custom, parameters);
        this.changes = new ChangeTracker(this.getUri(), this.getContext().getChangeDetectionPolicy(),
            this.getS3AStreamStatistics().getChangeTrackerStatistics(), this.getObjectAttributes());
    }

    public synchronized int read() throws IOException {
        byte[] one = new byte[1];
        return this.read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    public synchronized int read(byte[] to, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, to.length);
        this.checkOpen();
        if (length == 0) {
            return 0;
        }
        if (this.position >= this.getContentLength()) {
            return -1;
        }
        if (this.bytes == null) {
            this.bytes = this.fetched();
        }
        int count = (int) Math.min(length, this.bytes.length - this.position);
        if (count <= 0) {
            return -1; // it has become shorter, and bears no mark by which that is found out
        }
        System.arraycopy(this.bytes, (int) this.position, to, offset, count);
        this.position += count;
        this.getS3AStreamStatistics().bytesRead(count);
        if (this.getContext().getStats() != null) {
            this.getContext().getStats().incrementBytesRead(count);
        }
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
        return (int) Math.max(0, this.getContentLength() - this.position);
    }

    public boolean seekToNewSource(long to) {
        return false;
    }

    public void setReadahead(Long range) {
    }

    public synchronized void unbuffer() {
        this.bytes = null;
        this.getS3AStreamStatistics().unbuffered();
    }

    public synchronized void close() throws IOException {
        if (!this.closed) {
            this.closed = true;
            this.bytes = null;
            super.close();
        }
    }

    public boolean hasCapability(String name) {
        return StreamCapabilities.READAHEAD.equals(name) || StreamCapabilities.UNBUFFER.equals(name)
            || StreamCapabilities.IOSTATISTICS_CONTEXT.equals(name) || super.hasCapability(name);
    }

    protected boolean isStreamOpen() {
        return !this.closed;
    }

    protected void abortInFinalizer() {
        this.getS3AStreamStatistics().streamLeaked();
    }

    private void checkOpen() throws IOException {
        if (this.closed) {
            throw new IOException(this.getUri() + ": " + FSExceptionMessages.STREAM_IS_CLOSED);
        }
    }

    private byte[] fetched() throws IOException {
        return (byte[]) this.getContext().getReadInvoker().retry("read", this.getPathStr(), true, new CallableRaisingIOE() {
            public Object apply() throws IOException {
                return S3SmallObject.this.fetch();
            }
        });
    }

    private byte[] fetch() throws IOException {
        GetObjectRequest.Builder request = this.getCallbacks().newGetRequestBuilder(this.getKey());
        request.range(S3AUtils.formatRange(0, this.getContentLength() - 1));
        this.changes.maybeApplyConstraint(request);
        this.getS3AStreamStatistics().streamOpened(InputStreamType.Custom);
        DurationTracker duration = this.getS3AStreamStatistics().initiateGetRequest();
        byte[] all = null;
        try {
            all = this.readAll(this.getCallbacks().getObject((GetObjectRequest) request.build()));
            return all;
        } finally {
            if (all == null) {
                duration.failed();
            }
            duration.close();
        }
    }

    private byte[] readAll(ResponseInputStream in) throws IOException {
        byte[] all = null;
        try {
            this.changes.processResponse((GetObjectResponse) in.response(), "open", 0);
            all = in.readNBytes((int) this.getContentLength());
            return all;
        } finally {
            if (all == null) {
                in.abort();
            } else {
                in.close();
            }
        }
    }
}
