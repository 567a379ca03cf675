import { inParallel } from './client.ts';
import { type Kind, KINDS, NO_CONTENT, quotaExceeded, signNotFound } from './contract.ts';
import { Difference, show } from './expect.ts';
import type { Gateway } from './gateway.ts';
import { boundAnswerRow, type Key, type Publication } from './model.ts';
import type { Part, Stage } from './part.ts';
import { proveBefore, proveGone, proveKept } from './scale-proof.ts';

const KEYS = 200;
const APIS = 1000;
const BINDINGS = 2500;
const REBOUND = 300;
const CHUNK = 20;
/** Publications of the keys in turn: from none to two chunks, 12.5 on average. */
const SHARES = [0, 1, 5, 12, 13, 20, 24, 25];
const SEED = 20_231_130;

/**
 * Deletes half of a full gateway's keys and proves that nothing of them is left and nothing else is touched (docs/contracts/apig.md §1.8).
 */
export const scale: Part = {
  title: 'Part 5, scale: half of 200 keys deleted',
  async run(stage) {
    const { progress, newGateway } = stage;
    const gateway = await newGateway();
    const shuffle = shuffler(SEED);
    progress.stage(`${APIS} APIs in 3 environments`, APIS + 7);
    await gateway.enablePublicKeys();
    await gateway.populate(APIS, ['STAGING', 'TEST']);
    progress.stage(`${KEYS} keys`, KEYS + 2);
    const keys = await createKeys(gateway);
    progress.stage(`${BINDINGS} bindings`, BINDINGS / CHUNK + KEYS);
    const publications = shuffle(gateway.model.publications);
    await bindAll(gateway, keys, publications.slice(0, BINDINGS));
    progress.stage(`${REBOUND} publications rebound`, REBOUND / 3);
    await rebind(gateway, keys, publications.slice(0, REBOUND));
    await proveBefore(gateway, progress);

    const doomed = shuffle(keys).slice(0, KEYS / 2);
    progress.stage(`${doomed.length} keys deleted`, 2 * doomed.length);
    const { unbound, raced } = await deleteAll(stage, gateway, doomed, publications.slice(BINDINGS));
    await proveGone(gateway, doomed, unbound, progress);
    await proveKept(gateway, progress);
    const removed = [...unbound.values()].reduce((sum, count) => sum + count, 0);
    const { bindings, keys: kept } = gateway.model;
    return `${removed} bindings went with ${doomed.length} keys; ${bindings.size} bindings of ${kept.size} other keys untouched (${raced} of ${doomed.length} racing binds came first)`;
  },
};

/** Of all types, half of them with the caller's own key and secret; one more than the quota is refused. */
async function createKeys(gateway: Gateway): Promise<Key[]> {
  const { api, at } = gateway;
  const keys: Key[] = [];
  await inParallel([...Array(KEYS).keys()], async (i) => {
    const kind = KINDS[i % KINDS.length] as Kind;
    const name = `scale_${String(i).padStart(3, '0')}`;
    keys[i] = await gateway.createKey(kind, { name, ...(Math.floor(i / KINDS.length) % 2 === 0 && given(kind, i)) });
  });
  await api.post(at('/signs'), { name: 'one_too_many' }, quotaExceeded);
  return keys;
}

function given(kind: Kind, i: number): { sign_key: string; sign_secret: string } {
  const text = (length: number) => `k${String(i).padStart(3, '0')}${'Ab9_'.repeat(512)}`.slice(0, length);
  const [key, secret] = { hmac: [20, 40], basic: [12, 24], public_key: [392, 1624], 'aes-128-cfb': [16, 16], 'aes-256-cfb': [32, 16] }[
    kind
  ];
  return { sign_key: text(key ?? 0), sign_secret: text(secret ?? 0) };
}

async function bindAll(gateway: Gateway, keys: readonly Key[], publications: readonly Publication[]): Promise<void> {
  const calls: { key: Key; part: Publication[] }[] = [];
  let next = 0;
  keys.forEach((key, i) => {
    const end = next + (SHARES[i % SHARES.length] ?? 0);
    for (; next < end; next += CHUNK) calls.push({ key, part: publications.slice(next, Math.min(next + CHUNK, end)) });
    next = end;
  });
  await inParallel(calls, ({ key, part }) => gateway.bind(key, part));
}

/** Each of these publications goes to another key; its old record goes and a new one takes its place (docs/contracts/apig.md §2.3). */
async function rebind(gateway: Gateway, keys: readonly Key[], publications: readonly Publication[]): Promise<void> {
  const calls = new Map<Key, Publication[]>();
  publications.forEach((publication, i) => {
    const now = gateway.model.bindings.get(publication.publishId)?.key;
    const start = (Math.floor(i / 3) * 7) % keys.length;
    const key = keys[start] === now ? keys[(start + 1) % keys.length] : keys[start];
    if (key) calls.set(key, [...(calls.get(key) ?? []), publication]);
  });
  await inParallel([...calls], ([key, part]) => gateway.bind(key, part));
}

/**
 * Deletes keys, several at once, while each is asked to sign for one more publication: either that bind came first and
 * goes with the key, or it finds no key.
 * @returns how many bindings went with each key, and how many of those binds came first
 */
async function deleteAll(
  { api }: Stage,
  gateway: Gateway,
  doomed: readonly Key[],
  free: readonly Publication[],
): Promise<{ unbound: Map<string, number>; raced: number }> {
  const { at, model } = gateway;
  const unbound = new Map<string, number>();
  let raced = 0;
  const work = async (key: Key, publication: Publication, bindFirst: boolean) => {
    const remove = () => api.delete(at(`/signs/${key.id}`), NO_CONTENT);
    const bind = () =>
      api
        .post(
          at('/sign-bindings'),
          { sign_id: key.id, publish_ids: [publication.publishId] },
          { status: 201, body: { bindings: [boundAnswerRow(key, publication)] } },
        )
        .catch((error: unknown) => {
          // The key went first: then in these words.
          if (error instanceof Difference && error.received === `404 ${show(signNotFound(key.id).body)}`) return undefined;
          throw error;
        });
    const [first, second] = bindFirst ? [bind(), remove()] : [remove(), bind()];
    const answer = await Promise.all([first, second]).then((both) => both[bindFirst ? 0 : 1]);
    if (answer) {
      gateway.bound(key, [publication], answer);
      raced++;
    }
    unbound.set(key.id, model.deleteKey(key));
  };
  const pairs = doomed.map((key, i) => ({ key, publication: free[i] as Publication, bindFirst: i % 2 === 0 }));
  await inParallel(pairs, ({ key, publication, bindFirst }) => work(key, publication, bindFirst), 4);
  return { unbound, raced };
}

/** The same order in every run (mulberry32 and Fisher-Yates), so that a difference can be seen again. */
function shuffler(seed: number): <T>(items: readonly T[]) => T[] {
  let state = seed;
  const below = (limit: number) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
  return (items) => {
    const shuffled = [...items];
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = below(i + 1);
      [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
    }
    return shuffled;
  };
}
