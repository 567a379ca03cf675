package signet.signing;

/** A key that cannot be one of its type: empty, of a wrong length, not base64, halves that do not match. The message never has the key. */
public final class UnusableKeyException extends IllegalArgumentException {
    private static final long serialVersionUID = 1;

    UnusableKeyException(String message) {
        super(message);
    }
}
