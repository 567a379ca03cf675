package signet.signing;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The keys of a verifier. */
interface KeySource {
    List<LoadedKey> find(String accessId, SignType type) throws Refusal;

    /** Refuses a key that was deleted, or got another secret, since it was found. */
    void still(LoadedKey key) throws Refusal;

    /** @throws Refusal unless requests can be verified */
    default void ready() throws Refusal {}

    default void awaitReady(Duration longest) throws Refusal, InterruptedException {
        ready();
    }

    default void close() {}

    /** A fixed list. Several keys may have one id. */
    static KeySource fixed(Collection<Key> keys) {
        Map<String, List<LoadedKey>> byAccessId = new HashMap<>();
        for (Key key : keys) {
            LoadedKey loaded = LoadedKey.load(key);
            byAccessId.computeIfAbsent(loaded.accessId, id -> new ArrayList<>()).add(loaded);
        }
        return new KeySource() {
            @Override
            public List<LoadedKey> find(String accessId, SignType type) {
                return byAccessId.getOrDefault(accessId, List.of());
            }

            @Override
            public void still(LoadedKey key) {}
        };
    }
}
