package emrlite;

import java.net.URI;
import org.apache.hadoop.conf.Configuration;
import software.amazon.awssdk.auth.signer.Aws4Signer;
import software.amazon.awssdk.auth.signer.AwsS3V4Signer;
import software.amazon.awssdk.auth.signer.AwsSignerExecutionAttribute;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.signer.Signer;
import software.amazon.awssdk.http.SdkHttpFullRequest;

/**
 * Signs as AWS's client would, but what goes to the server of local buckets, which looks at no signature.
 *
 * <p>Without TLS a signature holds the SHA-256 of all bytes that are sent, which took longer than to send them.
 */
public final class S3Signer implements Signer {
    private static final URI OWN = URI.create(new Configuration().get("emrlite.s3.endpoint", ""));

    private final Signer ofS3 = AwsS3V4Signer.create();
    private final Signer ofOthers = Aws4Signer.create();

    public SdkHttpFullRequest sign(SdkHttpFullRequest request, ExecutionAttributes attributes) {
        if (request.host().equals(OWN.getHost()) && request.port() == OWN.getPort()) {
            return request;
        }
        Object service = attributes.getAttribute(AwsSignerExecutionAttribute.SERVICE_SIGNING_NAME);
        return ("s3".equals(service) ? this.ofS3 : this.ofOthers).sign(request, attributes);
    }
}
