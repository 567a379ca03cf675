package signet.signing;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.regex.Pattern;

/** The control plane that has the keys, and the credential of this verifier: a gateway token of the role verifier. */
public final class Service {
    static final Duration DEFAULT_MAX_KEY_AGE = Duration.ofMinutes(5);

    private static final Duration LEAST_MAX_KEY_AGE = Duration.ofSeconds(10);
    private static final Duration MOST_MAX_KEY_AGE = Duration.ofDays(30);
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._:-]{0,63}");
    private static final Pattern INSTANCE_ID = Pattern.compile("[A-Za-z0-9._~-]+");
    private static final Pattern LOOPBACK = Pattern.compile("localhost|127(\\.[0-9]{1,3}){3}|\\[(0*:)*:?0*1\\]");

    final URI endpoint;
    final String instanceId;
    final String name;
    final Duration maxKeyAge;
    /** Null: one with the defaults of java.net.http. */
    final HttpClient client;
    private final String token;
    private final Path tokenFile;

    private Service(Builder options) {
        URI base = URI.create(options.url.replaceAll("/+$", ""));
        boolean plaintext = "http".equalsIgnoreCase(base.getScheme());
        if (base.getHost() == null || !plaintext && !"https".equalsIgnoreCase(base.getScheme())) throw invalid("url is an http or https URL");
        if (plaintext && !options.allowPlaintext && !LOOPBACK.matcher(base.getHost()).matches()) {
            throw invalid("url is https, but for this machine itself; allowPlaintext permits http");
        }
        if (!INSTANCE_ID.matcher(options.instanceId).matches()) throw invalid("instanceId is the id of the gateway");
        if ((options.token == null) == (options.tokenFile == null)) throw invalid("a token or a tokenFile is given");
        if (!NAME.matcher(options.name).matches()) {
            throw invalid("name is 1 to 64 letters, digits, '.', '_', ':' or '-', the first a letter or a digit");
        }
        Duration age = options.maxKeyAge;
        if (age.compareTo(LEAST_MAX_KEY_AGE) < 0 || age.compareTo(MOST_MAX_KEY_AGE) > 0 || age.getNano() != 0) {
            throw invalid("maxKeyAge is whole seconds, from 10 seconds to 30 days");
        }
        instanceId = options.instanceId;
        endpoint = URI.create(base + "/signet/v1/instances/" + instanceId + "/verification-keys");
        name = options.name;
        maxKeyAge = age;
        client = options.client;
        token = options.token;
        tokenFile = options.tokenFile;
    }

    private static IllegalArgumentException invalid(String rule) {
        return new IllegalArgumentException("Service: " + rule);
    }

    /** A token file is read before each call, so that a renewed token needs no restart. */
    String readToken() throws IOException {
        String text;
        try {
            text = tokenFile == null ? token : Text.trim(Files.readString(tokenFile));
        } catch (IOException unreadable) {
            throw new IOException("the token file cannot be read");
        }
        // The exception of java.net.http for such a header would show it.
        if (!Text.isVisible(text)) throw new IOException("the token is not visible ASCII");
        return text;
    }

    public static Builder builder() {
        return new Builder();
    }

    /** Has no part of the token. */
    @Override
    public String toString() {
        return "Service{" + endpoint + "}";
    }

    /** Options. */
    public static final class Builder {
        private String url = "";
        private String instanceId = "";
        private String token;
        private Path tokenFile;
        private String name = "";
        private Duration maxKeyAge = DEFAULT_MAX_KEY_AGE;
        private boolean allowPlaintext;
        private HttpClient client;

        private Builder() {}

        /** Of the control plane, such as https://signet.internal. */
        public Builder url(String url) {
            this.url = Objects.requireNonNull(url);
            return this;
        }

        /** The gateway. */
        public Builder instanceId(String instanceId) {
            this.instanceId = Objects.requireNonNull(instanceId);
            return this;
        }

        public Builder token(String token) {
            this.token = Objects.requireNonNull(token);
            return this;
        }

        /** Instead of a token: a file that has it. */
        public Builder tokenFile(Path file) {
            this.tokenFile = Objects.requireNonNull(file);
            return this;
        }

        /** Of this verifier in receipts. Each process adds a random id. */
        public Builder name(String name) {
            this.name = Objects.requireNonNull(name);
            return this;
        }

        /**
         * With keys that nobody has confirmed for so long, everything is refused. Receipts rely on it. Whole seconds, from 10 seconds to 30 days.
         * Default: 5 minutes.
         */
        public Builder maxKeyAge(Duration age) {
            this.maxKeyAge = Objects.requireNonNull(age);
            return this;
        }

        /** Permits http:// to another machine, and sends the token in clear. */
        public Builder allowPlaintext(boolean allow) {
            this.allowPlaintext = allow;
            return this;
        }

        /** For a CA of your own, a client certificate or a proxy. It should not follow redirects: the token is for this server alone. */
        public Builder client(HttpClient client) {
            if (client.followRedirects() != HttpClient.Redirect.NEVER) throw invalid("client follows no redirects");
            this.client = client;
            return this;
        }

        public Service build() {
            return new Service(this);
        }
    }
}
