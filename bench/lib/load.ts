import autocannon from 'autocannon';

export const CONNECTIONS = 32;
/** A request that takes longer than this is an error, and an error ends the run. */
const TIMEOUT_SECONDS = 10;

export interface Request {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  body?: string;
}

export interface Measured {
  perSecond: number;
  p50: number;
  p99: number;
}

/**
 * Sends `amount` requests over 32 connections, each with one request under way, and times them. The requests are laid out
 * before the clock starts; a connection that has sent its own starts over with its first.
 * @param credential a token, or the headers that take its place
 * @throws Error when an answer is not 2xx: a benchmark of refusals measures nothing
 */
export async function load(
  url: string,
  credential: string | Record<string, string>,
  requests: readonly Request[],
  amount: number,
): Promise<Measured> {
  const headers = typeof credential === 'string' ? { 'x-auth-token': credential } : credential;
  const times = new Float64Array(amount);
  let answered = 0;
  let last = 0;
  let turn = 0;
  const options: autocannon.Options = {
    url,
    connections: CONNECTIONS,
    amount,
    timeout: TIMEOUT_SECONDS,
    // Poll interval in milliseconds.
    sampleInt: 20,
    // Neighbours in the list go out at the same time, on different connections.
    setupClient: (client) => {
      const own = requests.filter((_, i) => i % CONNECTIONS === turn % CONNECTIONS);
      turn++;
      client.setRequests(
        (own.length > 0 ? own : requests).map(({ method, path, body }) => ({
          method,
          path,
          headers: body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
          ...(body !== undefined && { body }),
        })),
      );
    },
  };
  const started = performance.now();
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const run = autocannon(options, (error: Error | null, done) => (error ? reject(error) : resolve(done)));
    run.on('response', (_client, _status, _bytes, milliseconds) => {
      times[answered++] = milliseconds;
      last = performance.now();
    });
  });
  if (result.errors > 0 || result.non2xx > 0 || answered !== amount) {
    const sample = requests[0];
    throw new Error(
      `${sample?.method} ${sample?.path}: ${answered} of ${amount} answered, ${result.non2xx} not 2xx, ${result.errors} errors`,
    );
  }
  times.sort();
  const at = (share: number) => times[Math.min(amount - 1, Math.floor(amount * share))] ?? 0;
  return { perSecond: amount / ((last - started) / 1000), p50: at(0.5), p99: at(0.99) };
}
