package emrlite;

import java.net.URI;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;

/**
 * Local files that wait until their task commits ({@link S3OptimizedCommitter}), which nobody else reads: without sums
 * beside them, and with the permissions of any file.
 */
public final class WaitingFiles extends RawLocalFileSystem {
    static final String SCHEME = "emrlite-waiting";

    public URI getUri() {
        return URI.create(SCHEME + ":///");
    }

    public String getScheme() {
        return SCHEME;
    }

    public void setPermission(Path path, FsPermission permission) {
    }
}
