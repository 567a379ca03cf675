package signet.signing;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Keys that are looked up, each parsed once as long as it stays the same. */
final class LookedUpKeys implements KeySource {
    private static final int MOST_PARSED = 1024;

    private final KeyLookup lookup;
    private final Map<Key, LoadedKey> parsed = new HashMap<>();

    LookedUpKeys(KeyLookup lookup) {
        this.lookup = lookup;
    }

    @Override
    public List<LoadedKey> find(String accessId, SignType type) throws Refusal {
        Collection<Key> keys;
        try {
            keys = lookup.find(accessId, type);
        } catch (Refusal refusal) {
            throw refusal;
        } catch (Exception failed) {
            if (failed instanceof InterruptedException) Thread.currentThread().interrupt();
            throw new Refusal(Code.KEYS_UNAVAILABLE, "the keys could not be looked up");
        }
        List<LoadedKey> found = new ArrayList<>();
        for (Key key : keys == null ? List.<Key>of() : keys) {
            try {
                found.add(load(key));
            } catch (UnusableKeyException cannotHaveSigned) {
                // It counts as absent.
            }
        }
        return found;
    }

    /** Looks up again. The id of a key may change, but not what signs. */
    @Override
    public void still(LoadedKey key) throws Refusal {
        List<LoadedKey> found = find(key.accessId, key.type);
        if (found.stream().noneMatch(each -> each.of.signsLike(key.of))) throw key.gone(found);
    }

    private synchronized LoadedKey load(Key key) {
        LoadedKey known = parsed.get(key);
        if (known != null) return known;
        LoadedKey loaded = LoadedKey.load(key);
        if (parsed.size() >= MOST_PARSED) parsed.clear();
        parsed.put(key, loaded);
        return loaded;
    }
}
