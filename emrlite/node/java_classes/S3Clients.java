package emrlite;

import java.io.IOException;
import java.net.URI;
import org.apache.hadoop.fs.s3a.DefaultS3ClientFactory;
import org.apache.hadoop.fs.s3a.S3ClientFactory;
import software.amazon.awssdk.services.s3.S3Client;

/** Gives S3A a client that spares who reads many small objects a request for each. */
public final class S3Clients extends DefaultS3ClientFactory {
    public S3Client createS3Client(URI uri, S3ClientFactory.S3ClientCreationParameters parameters) throws IOException {
        return new S3FetchingClient(super.createS3Client(uri, parameters));
    }
}
