package emrlite;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.awscore.AwsRequestOverrideConfiguration;
import software.amazon.awssdk.core.ResponseInputStream;
import software.amazon.awssdk.core.SdkField;
import software.amazon.awssdk.core.SdkPojo;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.sync.ResponseTransformer;
import software.amazon.awssdk.http.AbortableInputStream;
import software.amazon.awssdk.services.s3.DelegatingS3Client;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.GetObjectRequest;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;
import software.amazon.awssdk.services.s3.model.HeadObjectRequest;
import software.amazon.awssdk.services.s3.model.HeadObjectResponse;
import software.amazon.awssdk.services.s3.model.NoSuchKeyException;

/**
 * Fetches a small object when its status is asked for, if its thread has read the last one whose status it asked for.
 *
 * <p>Who reads a table of small files asks for the status of each and reads it then.  GetObject's reply says all that HeadObject's does,
 * so that one request serves both.  The bytes are kept for the thread that asked, until it reads them or asks for another status,
 * and not used after five seconds; they are given only to who asks for the whole object with the ETag of that status.
 */
final class S3FetchingClient extends DelegatingS3Client {
    private static final long SMALL = S3InputStreams.SMALL;
    private static final long KEPT = TimeUnit.SECONDS.toNanos(5);
    private static final Map FIELDS_OF_STATUS = byName(HeadObjectResponse.builder().sdkFields());
    private static final Map FIELDS_OF_GET = byName(GetObjectRequest.builder().sdkFields());

    private final ThreadLocal last = new ThreadLocal();

    S3FetchingClient(S3Client client) {
        super(client);
    }

    public HeadObjectResponse headObject(HeadObjectRequest request) {
        Status before = (Status) this.last.get();
        this.last.remove();
        Status status = before != null && before.wasRead ? this.fetched(request) : null;
        if (status == null) {
            status = new Status(request, super.headObject(request));
        }
        if (status.response.contentLength().longValue() <= SMALL && status.response.eTag() != null) {
            this.last.set(status);
        }
        return status.response;
    }

    public Object getObject(GetObjectRequest request, ResponseTransformer transformer) {
        Status status = (Status) this.last.get();
        if (status == null || !status.isOfAllThat(request)) {
            return super.getObject(request, transformer);
        }
        byte[] bytes = status.taken();
        if (bytes == null) {
            return super.getObject(request, transformer);
        }
        try {
            return transformer.transform(status.found, AbortableInputStream.create(new ByteArrayInputStream(bytes)));
        } catch (Exception error) {
            throw SdkException.create("cannot use the bytes of " + request.key(), error);
        }
    }

    /** Return the bytes that came with the status of the object *key* with this *eTag*; null where they have to be asked for. */
    byte[] taken(String key, String eTag) {
        Status status = (Status) this.last.get();
        if (status == null || status.bytes == null || !status.request.key().equals(key) || !status.response.eTag().equals(eTag)) {
            return null;
        }
        return status.taken();
    }

    /** Return the status of an object with its bytes; null where HeadObject has to say what there is. */
    private Status fetched(HeadObjectRequest request) {
        if (request.range() != null || request.partNumber() != null) {
            return null;
        }
        GetObjectRequest.Builder get = GetObjectRequest.builder();
        copy(request, get, FIELDS_OF_GET);
        get.range("bytes=0-" + (SMALL - 1));
        if (request.overrideConfiguration().isPresent()) {
            get.overrideConfiguration((AwsRequestOverrideConfiguration) request.overrideConfiguration().get());
        }
        ResponseInputStream in = null;
        try {
            in = this.getObject((GetObjectRequest) get.build());
            GetObjectResponse found = (GetObjectResponse) in.response();
            Status status = new Status(request, statusOf(found));
            if (status.response.contentLength().longValue() <= SMALL) {
                status.found = found;
                status.bytes = in.readAllBytes();
                in.close();
                in = null;
            }
            return status;
        } catch (NoSuchKeyException error) {
            throw error; // as HeadObject would
        } catch (SdkException error) {
            return null; // an empty object has no range, one in an archive no bytes: what it is, HeadObject says
        } catch (IOException error) {
            return null; // HeadObject again, and S3A tries that again as it should
        } finally {
            if (in != null) {
                in.abort();
            }
        }
    }

    private static HeadObjectResponse statusOf(GetObjectResponse found) {
        HeadObjectResponse.Builder status = HeadObjectResponse.builder();
        copy(found, status, FIELDS_OF_STATUS);
        if (found.contentRange() != null) { // bytes 0-9/10
            String range = found.contentRange();
            status.contentLength(Long.valueOf(range.substring(range.indexOf('/') + 1)));
        }
        status.sdkHttpResponse(found.sdkHttpResponse());
        return (HeadObjectResponse) status.build();
    }

    private static void copy(SdkPojo from, Object to, Map fields) {
        for (Iterator each = from.sdkFields().iterator(); each.hasNext();) {
            SdkField field = (SdkField) each.next();
            SdkField target = (SdkField) fields.get(field.memberName());
            Object value = target == null ? null : field.getValueOrDefault(from);
            if (value != null) {
                target.set(to, value);
            }
        }
    }

    private static Map byName(List fields) {
        Map found = new HashMap();
        for (Iterator each = fields.iterator(); each.hasNext();) {
            SdkField field = (SdkField) each.next();
            found.put(field.memberName(), field);
        }
        return found;
    }

    /** What is known of the object whose status a thread asked for last. */
    private static final class Status {
        final HeadObjectRequest request;
        final HeadObjectResponse response;
        final long since = System.nanoTime();
        boolean wasRead;
        GetObjectResponse found;
        byte[] bytes;

        Status(HeadObjectRequest request, HeadObjectResponse response) {
            this.request = request;
            this.response = response;
        }

        byte[] taken() {
            byte[] taken = System.nanoTime() - this.since > KEPT ? null : this.bytes;
            this.bytes = null;
            this.wasRead = true;
            return taken;
        }

        boolean isOfAllThat(GetObjectRequest asks) {
            return this.request.key().equals(asks.key()) && this.request.bucket().equals(asks.bucket())
                && this.response.eTag().equals(asks.ifMatch())
                && ("bytes=0-" + (this.response.contentLength().longValue() - 1)).equals(asks.range());
        }
    }
}
