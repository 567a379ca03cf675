package signet.signing;

import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Fetches the keys of a gateway and keeps them current: a request always waits at the control plane for the next change. */
final class ServiceKeys implements KeySource {
    private static final System.Logger LOG = System.getLogger("signet.signing");
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(20);
    private static final Duration ANSWER_TIME = Duration.ofSeconds(5);
    private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(5);
    private static final int MOST_ANSWER_BYTES = 64 << 20;
    private static final int PROCESS_ID_BYTES = 12;

    private static final Refusal NO_KEYS_YET = unavailable("the keys have not arrived yet");
    private static final Refusal DROPPED = unavailable("the control plane refuses to give keys to this verifier");
    private static final Refusal TOO_OLD = unavailable("the keys are too old, the control plane does not answer");
    private static final Refusal CLOSED = unavailable("the verifier is closed");

    private final Service service;
    private final boolean reportOnly;
    private final HttpClient client;
    private final String process;
    private final Thread thread;
    private final CountDownLatch closing = new CountDownLatch(1);
    /** Keys, or why there are none; replaced together. */
    private volatile State state = new State(null, NO_KEYS_YET);
    private volatile CompletableFuture<?> call;

    private static final class State {
        final HeldKeys held;
        final Refusal missing;

        State(HeldKeys held, Refusal missing) {
            this.held = held;
            this.missing = missing;
        }
    }

    private ServiceKeys(Service service, boolean reportOnly) {
        this.service = service;
        this.reportOnly = reportOnly;
        client = service.client != null ? service.client
                : HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).followRedirects(HttpClient.Redirect.NEVER).connectTimeout(ANSWER_TIME).build();
        byte[] random = new byte[PROCESS_ID_BYTES];
        new SecureRandom().nextBytes(random);
        process = Base64.getUrlEncoder().encodeToString(random);
        thread = new Thread(this::run, "signet-keys");
        thread.setDaemon(true);
    }

    static ServiceKeys started(Service service, boolean reportOnly) {
        ServiceKeys keys = new ServiceKeys(service, reportOnly);
        keys.thread.start();
        return keys;
    }

    private static Refusal unavailable(String hint) {
        return new Refusal(Code.KEYS_UNAVAILABLE, hint);
    }

    @Override
    public List<LoadedKey> find(String accessId, SignType type) throws Refusal {
        return current().byAccessId.getOrDefault(accessId, List.of());
    }

    @Override
    public void still(LoadedKey key) throws Refusal {
        HeldKeys held = current();
        if (!held.all.contains(key)) throw key.gone(held.byAccessId.getOrDefault(key.accessId, List.of()));
    }

    @Override
    public void ready() throws Refusal {
        current();
    }

    private HeldKeys current() throws Refusal {
        State now = state;
        if (now.held == null) throw now.missing;
        if (Moment.now().since(now.held.asOf).compareTo(service.maxKeyAge) > 0) throw TOO_OLD;
        return now.held;
    }

    @Override
    public void awaitReady(Duration longest) throws Refusal, InterruptedException {
        long end = System.nanoTime() + longest.toNanos();
        synchronized (this) {
            while (true) {
                try {
                    ready();
                    return;
                } catch (Refusal notReady) {
                    long millis = (end - System.nanoTime()) / 1_000_000;
                    if (millis <= 0 || notReady == CLOSED) throw notReady;
                    wait(millis);
                }
            }
        }
    }

    private void set(HeldKeys held, Refusal missing) {
        synchronized (this) {
            // An answer that arrives while closing changes nothing.
            if (closing.getCount() == 0 && missing != CLOSED) return;
            state = new State(held, missing);
            notifyAll();
        }
    }

    /** Waits for the fetches to end, drops the keys, and only then says that nothing is accepted any more. */
    @Override
    public void close() {
        synchronized (this) {
            if (closing.getCount() == 0) return;
            closing.countDown();
        }
        set(null, CLOSED);
        CompletableFuture<?> running = call;
        if (running != null) running.cancel(true);
        try {
            thread.join();
            // A report-only verifier shares its name in receipts with other processes, and goes on accepting.
            if (!reportOnly) send("DELETE", null, Duration.ZERO);
        } catch (IOException failed) {
            // The control plane ends a silent process after its maximum key age.
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        Duration pause = FIRST_PAUSE;
        String failing = "";
        try {
            while (closing.getCount() > 0) {
                long began = System.nanoTime();
                try {
                    Duration after = fetch();
                    if (!failing.isEmpty()) LOG.log(System.Logger.Level.INFO, "the keys arrive again");
                    failing = "";
                    pause = FIRST_PAUSE;
                    // A server that stops answers a wait at once.
                    if (after.isZero() && System.nanoTime() - began < FIRST_PAUSE.toNanos()) after = FIRST_PAUSE;
                    sleep(after);
                } catch (IOException | RuntimeException failed) {
                    if (closing.getCount() == 0) return;
                    // Once for each reason: a failure may last for hours.
                    String reason = failed instanceof IOException ? String.valueOf(failed.getMessage()) : failed.getClass().getName();
                    if (!reason.equals(failing)) LOG.log(System.Logger.Level.WARNING, "the keys could not be fetched: {0}", reason);
                    failing = reason;
                    Duration asked = failed instanceof Answered ? ((Answered) failed).retryAfter : Duration.ZERO;
                    sleep(asked.compareTo(pause) > 0 ? asked : pause);
                    pause = pause.multipliedBy(2).compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : pause.multipliedBy(2);
                }
            }
        } catch (InterruptedException foreign) {
            set(null, unavailable("the thread that fetches keys was interrupted"));
        }
    }

    private void sleep(Duration duration) throws InterruptedException {
        closing.await(duration.toNanos(), TimeUnit.NANOSECONDS);
    }

    /** Asks once and answers how long to pause. While nothing changes, the server answers at the end of the wait. */
    private Duration fetch() throws IOException, InterruptedException {
        HeldKeys held = state.held;
        Duration third = Duration.ofSeconds(service.maxKeyAge.getSeconds() / 3);
        Duration wait = third.compareTo(LONGEST_WAIT) < 0 ? third : LONGEST_WAIT;
        if (held == null || reportOnly) wait = Duration.ZERO;
        Moment asOf = Moment.now();
        HttpResponse<byte[]> response = send("GET", held, wait);
        int status = response.statusCode();
        if (status == 304 && held != null) {
            // The answer is at least as recent as the request.
            set(held.confirmed(asOf), null);
            return reportOnly ? LONGEST_PAUSE : Duration.ZERO;
        }
        if (status != 200) {
            if (status == 401 || status == 403 || status == 404) set(null, DROPPED);
            throw new Answered(status, response.headers().firstValue("retry-after").orElse(""));
        }
        String etag = response.headers().firstValue("etag").orElse("");
        HeldKeys fetched = HeldKeys.read(new String(response.body(), StandardCharsets.UTF_8), etag, service.instanceId, asOf, held);
        set(fetched, null);
        // The same keys again: something on the way drops If-None-Match, so a wait would end at once.
        if (reportOnly || held != null && held.etag.equals(etag)) return LONGEST_PAUSE;
        // The next request proves at once that these keys are held.
        return Duration.ofNanos(1);
    }

    /** In report-only mode everything is accepted, so a request claims nothing: no process, no held keys, no greatest age. */
    private HttpResponse<byte[]> send(String method, HeldKeys held, Duration wait) throws IOException, InterruptedException {
        Duration most = wait.plus(ANSWER_TIME);
        HttpRequest.Builder request = HttpRequest.newBuilder(service.endpoint).method(method, HttpRequest.BodyPublishers.noBody()).timeout(most)
                .header("Authorization", "Bearer " + service.readToken());
        if (reportOnly) {
            request.header("Signet-Verifier", service.name);
        } else {
            request.header("Signet-Verifier", service.name + "/" + process);
            request.header("Signet-Max-Key-Age", Long.toString(service.maxKeyAge.getSeconds()));
            if (held != null) request.header("If-None-Match", held.etag);
            if (!wait.isZero()) request.header("Prefer", "wait=" + wait.getSeconds());
        }
        CompletableFuture<HttpResponse<byte[]>> sent = client.sendAsync(request.build(), answer -> new LimitedBody(MOST_ANSWER_BYTES));
        call = sent;
        // close() may have looked before.
        if (closing.getCount() == 0 && method.equals("GET")) sent.cancel(true);
        try {
            // The request's own time ends with the headers of the answer.
            return sent.get(most.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException late) {
            sent.cancel(true);
            throw new IOException("the control plane does not answer");
        } catch (CancellationException closed) {
            throw new IOException("cancelled");
        } catch (ExecutionException failed) {
            Throwable cause = failed.getCause();
            throw new IOException(cause instanceof IOException && cause.getMessage() != null ? cause.getMessage() : cause.getClass().getSimpleName());
        }
    }

    /** An answer without keys. */
    private static final class Answered extends IOException {
        private static final long serialVersionUID = 1;
        final transient Duration retryAfter;

        Answered(int status, String retryAfterSeconds) {
            super("the control plane answered " + status);
            long seconds = retryAfterSeconds.matches("[0-9]{1,6}") ? Long.parseLong(retryAfterSeconds) : 0;
            retryAfter = Duration.ofSeconds(Math.min(seconds, LONGEST_PAUSE.getSeconds()));
        }
    }
}
