import { Agent, type Dispatcher } from 'undici';
import { ApiFault } from '../../platform/common/api-error.js';
import type { Clock } from '../../platform/common/clock.js';
import type { KeystoneConfig } from '../../platform/config/identity-config.js';
import { Secret } from '../../platform/config/secret.js';
import { KeystoneFailure } from './keystone-failure.js';
import { type KeystoneToken, readKeystoneToken } from './keystone-token.js';

const CONNECTIONS = 16;
/** Maximum size of response headers. Keystone repeats the token in a header, and allows large tokens. */
const HEADERS_MAX_BYTES = 65_536;
const BODY_MAX_BYTES = 1024 * 1024;
/** The token of the service user is renewed when less than this time is left. */
const RENEW_MS = 30_000;
/** Minimum time before a refused password is tried again, because Keystone locks users out. */
const LOGIN_AGAIN_MS = 5000;

interface OwnToken {
  token: Secret;
  expiresAt: number;
}

interface Answer {
  status: number;
  headers: Dispatcher.ResponseData['headers'];
  /** Parsed JSON; undefined for any other body. */
  body: unknown;
}

/** The part of Keystone's v3 API that Signet uses: the login of the service user, and the validation of other users' tokens. */
export class KeystoneClient {
  readonly #agent: Agent;
  #own: OwnToken | undefined;
  #login: Promise<OwnToken> | undefined;
  #refused: { failure: KeystoneFailure; until: number } | undefined;

  constructor(
    private readonly config: KeystoneConfig,
    private readonly clock: Clock,
  ) {
    this.#agent = new Agent({
      connections: CONNECTIONS,
      pipelining: 1,
      connect: { timeout: config.timeoutMs },
      maxHeaderSize: HEADERS_MAX_BYTES,
      maxResponseSize: BODY_MAX_BYTES,
    });
  }

  /**
   * Asks Keystone to validate a token.
   * @throws ApiFault `token_invalid` when Keystone does not know the token, or not any more
   * @throws KeystoneFailure when Keystone gives no usable response in time
   */
  async validate(token: string): Promise<KeystoneToken> {
    const signal = AbortSignal.timeout(this.config.timeoutMs);
    let own = await this.own(signal);
    let answer = await this.show(own, token, signal);
    if (answer.status === 401) {
      // The token of the service user is not valid any more: it was revoked, or its signing key was removed.
      own = await this.own(signal, own);
      answer = await this.show(own, token, signal);
    }
    if (answer.status === 200) return readKeystoneToken(answer.body);
    if (answer.status === 404 && isKeystoneError(answer.body)) throw new ApiFault('token_invalid');
    if (answer.status === 401) this.forget(own);
    throw new KeystoneFailure(`Keystone answered the validation of a token with ${answer.status}${HINTS[answer.status] ?? ''}`);
  }

  /** Logs in, so that a wrong configuration is noticed at the start. @throws KeystoneFailure */
  async ready(): Promise<void> {
    await this.own(AbortSignal.timeout(this.config.timeoutMs));
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  private show(own: OwnToken, token: string, signal: AbortSignal): Promise<Answer> {
    const headers = { 'x-auth-token': own.token.reveal(), 'x-subject-token': token };
    return this.send('GET', '/auth/tokens?nocatalog', signal, headers);
  }

  /** Returns the token of the service user. Concurrent callers share one login. @param refused a token that must not be returned again */
  private async own(signal: AbortSignal, refused?: OwnToken): Promise<OwnToken> {
    const own = this.#own;
    if (own && own !== refused && this.clock.now() < own.expiresAt - RENEW_MS) return own;
    if (this.#refused && this.clock.now() < this.#refused.until) throw this.#refused.failure;
    this.#login ??= this.login().finally(() => (this.#login = undefined));
    return untilAborted(this.#login, signal);
  }

  private forget(own: OwnToken): void {
    if (this.#own === own) this.#own = undefined;
  }

  private async login(): Promise<OwnToken> {
    try {
      const { user, userDomain, project, projectDomain, password } = this.config.service;
      const identity = {
        methods: ['password'],
        password: { user: { name: user, domain: { name: userDomain }, password: password().reveal() } },
      };
      const auth = { identity, scope: { project: { name: project, domain: { name: projectDomain } } } };
      const signal = AbortSignal.timeout(this.config.timeoutMs);
      const headers = { 'content-type': 'application/json' };
      const answer = await this.send('POST', '/auth/tokens?nocatalog', signal, headers, JSON.stringify({ auth }));
      const token = answer.headers['x-subject-token'];
      if (answer.status !== 201 || typeof token !== 'string') {
        const failure = new KeystoneFailure(`Keystone refused the login of the service user: ${answer.status}`);
        if (answer.status < 500) this.#refused = { failure, until: this.clock.now() + LOGIN_AGAIN_MS };
        throw failure;
      }
      this.#refused = undefined;
      return (this.#own = { token: new Secret(token), expiresAt: readKeystoneToken(answer.body).expiresAt });
    } catch (error) {
      this.#own = undefined;
      throw error instanceof KeystoneFailure ? error : new KeystoneFailure('the password of the service user cannot be read');
    }
  }

  private async send(
    method: 'GET' | 'POST',
    path: string,
    signal: AbortSignal,
    headers: Record<string, string>,
    body?: string,
  ): Promise<Answer> {
    const { origin, pathname, search } = new URL(this.config.url + path);
    const options = { origin, path: pathname + search, method, signal, headers: { accept: 'application/json', ...headers }, body };
    const answered = async (): Promise<Answer> => {
      const answer = await this.#agent.request(options);
      return { status: answer.statusCode, headers: answer.headers, body: parsed(await answer.body.text()) };
    };
    try {
      // Keystone may close an idle connection at the moment when it is reused. So the request is sent once more.
      return await answered().catch((error: unknown) => {
        if ((error as { code?: string }).code !== 'UND_ERR_SOCKET' || signal.aborted) throw error;
        return answered();
      });
    } catch (error) {
      throw unanswered(method, signal, error);
    }
  }
}

const HINTS: Record<number, string> = {
  401: ': Keystone refuses the token that it has just issued to the service user',
  403: ': the service user may not validate tokens; give this user the role service or admin in its project',
  404: ': this URL is not that of Keystone v3',
};

function unanswered(method: string, signal: AbortSignal, error: unknown): KeystoneFailure {
  const reason = signal.aborted ? 'time-out' : ((error as { code?: string } | undefined)?.code ?? 'no connection');
  return new KeystoneFailure(`Keystone did not answer ${method} /auth/tokens: ${reason}`);
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const late = () => reject(unanswered('POST', signal, undefined));
    if (signal.aborted) late();
    signal.addEventListener('abort', late, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', late));
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether the body is an error of Keystone. A 404 of a proxy or of another service does not say anything about the token. */
const isKeystoneError = (body: unknown): boolean => (body as { error?: { code?: unknown } } | undefined)?.error?.code === 404;
