package signet.signing;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;

/** A body as an adapter has read it: whole, or up to where it is refused. */
public final class ReceivedBody {
    private static final int CHUNK_BYTES = 8192;

    private final byte[] bytes;
    /** Null: the body is whole. */
    private final Refusal refusal;
    /** Null: reading did not fail. */
    private final IOException failure;

    private ReceivedBody(byte[] bytes, Refusal refusal, IOException failure) {
        this.bytes = bytes;
        this.refusal = refusal;
        this.failure = failure;
    }

    /** A body of which something else may have used a part. */
    public static ReceivedBody readBefore() {
        return new ReceivedBody(new byte[0], Admission.readBefore(), null);
    }

    /**
     * Reads one byte more than the limit at most.
     *
     * @param length that was announced; -1: none was
     */
    public static ReceivedBody read(InputStream stream, long length, Admission admission) {
        int limit = admission.limitBytes();
        if (length > limit) return new ReceivedBody(new byte[0], admission.tooLarge(), null);
        ByteArrayOutputStream received = new ByteArrayOutputStream((int) Math.max(32, Math.min(length, CHUNK_BYTES)));
        byte[] chunk = new byte[CHUNK_BYTES];
        try {
            while (received.size() <= limit) {
                int read = stream.read(chunk, 0, (int) Math.min(chunk.length, limit + 1L - received.size()));
                if (read < 0) break;
                received.write(chunk, 0, read);
            }
        } catch (IOException failed) {
            return new ReceivedBody(received.toByteArray(), new Refusal(Code.MALFORMED, "the body could not be read"), failed);
        }
        Refusal refusal = received.size() > limit ? admission.tooLarge() : received.size() < length ? Admission.readBefore() : null;
        return new ReceivedBody(received.toByteArray(), refusal, null);
    }

    /** The bytes to verify. @throws Refusal unless the body is whole */
    public byte[] whole() throws Refusal {
        if (refusal != null) throw refusal;
        return bytes;
    }

    /**
     * The whole body, or in report-only mode what was read, and then the failure or what is left.
     *
     * @param original not read if the body is whole
     */
    public InputStream again(InputStream original) {
        InputStream begun = new ByteArrayInputStream(bytes);
        if (refusal == null) return begun;
        return new SequenceInputStream(begun, failure == null ? original : new InputStream() {
            @Override
            public int read() throws IOException {
                throw failure;
            }
        });
    }

    public boolean isWhole() {
        return refusal == null;
    }

    public int length() {
        return bytes.length;
    }
}
