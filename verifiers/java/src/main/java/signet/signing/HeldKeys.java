package signet.signing;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The keys of one answer of the control plane. They are replaced as a whole. */
final class HeldKeys {
    private static final System.Logger LOG = System.getLogger("signet.signing");

    final String etag;
    /** When the request was sent that last confirmed them. */
    final Moment asOf;
    final Map<String, List<LoadedKey>> byAccessId;
    /** The same key stays the same object. */
    final Set<LoadedKey> all;

    private HeldKeys(String etag, Moment asOf, Map<String, List<LoadedKey>> byAccessId, Set<LoadedKey> all) {
        this.etag = etag;
        this.asOf = asOf;
        this.byAccessId = byAccessId;
        this.all = all;
    }

    HeldKeys confirmed(Moment asOf) {
        return new HeldKeys(etag, asOf, byAccessId, all);
    }

    /**
     * @param before whose parsed keys are used again; may be null
     * @throws IOException if the answer is not one of a control plane for this gateway
     */
    static HeldKeys read(String json, String etag, String instanceId, Moment asOf, HeldKeys before) throws IOException {
        List<Key> keys;
        try {
            Map<?, ?> answer = (Map<?, ?>) Json.parse(json);
            if (etag.isEmpty() || !instanceId.equals(answer.get("instance_id"))) throw new IllegalArgumentException();
            keys = keysOf((List<?>) answer.get("keys"));
        } catch (IllegalArgumentException | ClassCastException | NullPointerException other) {
            // Its message could have parts of the answer.
            throw new IOException("the answer is not one of a control plane");
        }
        Map<Key, LoadedKey> known = new HashMap<>();
        if (before != null) before.all.forEach(each -> known.put(each.of, each));
        Map<String, List<LoadedKey>> byAccessId = new HashMap<>();
        Set<LoadedKey> all = Collections.newSetFromMap(new IdentityHashMap<>());
        for (Key key : keys) {
            try {
                LoadedKey loaded = known.computeIfAbsent(key, LoadedKey::load);
                if (all.add(loaded)) byAccessId.computeIfAbsent(loaded.accessId, id -> new ArrayList<>()).add(loaded);
            } catch (UnusableKeyException unusable) {
                skipped(key.id(), unusable);
            }
        }
        return new HeldKeys(etag, asOf, byAccessId, all);
    }

    private static List<Key> keysOf(List<?> views) {
        List<Key> keys = new ArrayList<>();
        for (Object each : views) {
            Map<?, ?> view = (Map<?, ?>) each;
            String id = (String) view.get("sign_id");
            String type = (String) view.get("sign_type");
            String algorithm = (String) view.get("sign_algorithm");
            for (Object one : (List<?>) view.get("versions")) {
                Map<?, ?> version = (Map<?, ?>) one;
                // Whoever verifies needs no private half.
                SignType known = SignType.ofWire(type, algorithm);
                String secret = known != null && known.isPair() ? "" : (String) version.get("sign_secret");
                try {
                    keys.add(Key.of(type, algorithm, (String) version.get("sign_key"), secret).withId(id));
                } catch (UnusableKeyException unusable) {
                    skipped(id, unusable);
                }
            }
        }
        return keys;
    }

    /** One unusable key does not end the others. */
    private static void skipped(String id, UnusableKeyException unusable) {
        LOG.log(System.Logger.Level.WARNING, "the key {0} is not usable: {1}", id, unusable.getMessage());
    }
}
