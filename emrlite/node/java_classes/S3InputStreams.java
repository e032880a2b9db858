package emrlite;

import java.io.IOException;
import org.apache.hadoop.fs.s3a.impl.streams.ClassicObjectInputStreamFactory;
import org.apache.hadoop.fs.s3a.impl.streams.ObjectInputStream;
import org.apache.hadoop.fs.s3a.impl.streams.ObjectReadParameters;

/**
 * Reads a small object with one request, and larger ones as S3A does.
 *
 * <p>A reader of Parquet asks three times: for the last bytes, the footer, the data.  Where a file is small, a request costs more
 * than all its bytes.  AWS's own Analytics Accelerator does so up to 8 MB.
 */
public final class S3InputStreams extends ClassicObjectInputStreamFactory {
    static final long SMALL = 1 << 20;

    public ObjectInputStream readObject(ObjectReadParameters parameters) throws IOException {
        boolean small = parameters.getObjectAttributes().getLen() <= SMALL;
        return small ? new S3SmallObject(parameters) : super.readObject(parameters);
    }
}
