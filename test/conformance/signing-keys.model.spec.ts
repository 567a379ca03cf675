import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AuditTrailService } from '../../src/platform/audit/audit-trail.service.js';
import { Clock } from '../../src/platform/common/clock.js';
import { ExpiredKeys } from '../../src/webhooks/signing-keys/expired-keys.js';
import { signWebhook, verifyWebhook } from '#signing/webhook.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { liveKeys } from '../support/live-keys.js';
import { type Answer, type Client, TestService } from '../support/service.js';
import { WEBHOOK_ENV, WebhookClient } from '../support/webhooks.js';

/** A key in the model. `verifier` is the part that the receiver has. */
interface ModelKey {
  id: string;
  verifier: string;
  expiresAt: number | null;
}

/** A simple model of an endpoint, which every answer must match. */
interface Model {
  /** The newest first. An expired key stays until the next read. */
  keys: ModelKey[];
  /** All keys so far, including deleted ones. */
  ever: ModelKey[];
  paused: boolean;
  deleted: boolean;
}

interface Real {
  id: string;
  /** Milliseconds since the epoch, by the service's clock. */
  now: () => number;
  advance: (ms: number) => void;
  call: (method: string, path: string, body?: unknown) => Promise<Answer>;
  signatures: () => Promise<Record<string, string> | undefined>;
  tidy: () => Promise<void>;
}

const live = (model: Model, real: Real) => model.keys.filter(({ expiresAt }) => expiresAt === null || expiresAt > real.now());
const code = ({ body }: Answer) => (body?.error?.code ?? body?.code) as string | undefined;
const HOUR_MS = 3_600_000;
const BODY = '{"event":"order.created"}';

abstract class Step implements fc.AsyncCommand<Model, Real> {
  check = () => true;
  abstract run(model: Model, real: Real): Promise<void>;
  abstract toString(): string;

  /** Sends a request, and compares status and code with the model. A deleted endpoint must always answer 404. */
  protected async expect(model: Model, real: Real, [method, path, body]: [string, string, unknown?], status: number, refusal?: string) {
    const answer = await real.call(method, path.replace(':id', real.id), body);
    expect([this.toString(), answer.status]).toEqual([this.toString(), model.deleted ? 404 : status]);
    if (model.deleted) expect((answer.body.error?.message ?? answer.body.title) as string).toBe('Endpoint not found');
    else if (refusal !== undefined) expect(code(answer)).toBe(refusal);
    return answer;
  }
}

class AddKey extends Step {
  constructor(
    readonly kind: 'contract' | 'hmac' | 'ed25519' | 'imported',
    readonly overlapSeconds: number | undefined,
  ) {
    super();
  }
  async run(model: Model, real: Real): Promise<void> {
    const full = live(model, real).length >= 2;
    // No secret is used twice in a run.
    const secret = `whsec_${randomBytes(32).toString('base64')}`;
    const overlap = this.overlapSeconds === undefined ? {} : { overlap_seconds: this.overlapSeconds };
    const request: [string, string, unknown?] =
      this.kind === 'contract'
        ? ['POST', '/v1/endpoints/:id/signing-keys']
        : [
            'POST',
            '/signet/v1/endpoints/:id/signing-keys',
            this.kind === 'imported' ? { secret, ...overlap } : { type: this.kind, ...overlap },
          ];
    const answer = await this.expect(model, real, request, full ? 409 : 201, full ? 'MAX_SIGNING_KEYS_REACHED' : undefined);
    if (model.deleted || full) return;
    const shown = this.kind === 'contract' ? answer.body.data : answer.body;
    const end = Date.parse(shown.created_at) + (this.overlapSeconds ?? 0) * 1000;
    if (this.kind !== 'contract' && this.overlapSeconds !== undefined) for (const key of live(model, real)) key.expiresAt = end;
    const verifier = this.kind === 'imported' ? secret : (shown.signing_secret ?? shown.public_key);
    const key = { id: shown.id as string, verifier: verifier as string, expiresAt: null };
    model.keys = [key, ...model.keys];
    model.ever = [...model.ever, key];
  }
  override toString(): string {
    return `add(${this.kind}, ${this.overlapSeconds})`;
  }
}

class DeleteKey extends Step {
  constructor(readonly index: number) {
    super();
  }
  async run(model: Model, real: Real): Promise<void> {
    const keys = live(model, real);
    const id = model.ever[this.index % model.ever.length]!.id;
    const key = keys.find((each) => each.id === id);
    const [status, refusal] = !key ? [404, 'NOT_FOUND'] : keys.length === 1 ? [409, 'CANNOT_DELETE_LAST_SIGNING_KEY'] : [204, undefined];
    await this.expect(model, real, ['DELETE', `/v1/endpoints/:id/signing-keys/${id}`], status, refusal);
    if (model.deleted || status !== 204) return;
    model.keys = keys.filter((each) => each !== key);
    model.keys[0]!.expiresAt = null;
  }
  override toString(): string {
    return `delete(${this.index})`;
  }
}

class ExpireKey extends Step {
  constructor(
    readonly index: number,
    readonly inSeconds: number | null,
  ) {
    super();
  }
  async run(model: Model, real: Real): Promise<void> {
    const keys = live(model, real);
    const id = model.ever[this.index % model.ever.length]!.id;
    const key = keys.find((each) => each.id === id);
    const end = this.inSeconds === null ? null : real.now() + this.inSeconds * 1000;
    const others = keys.filter((each) => each !== key);
    const [status, refusal] = !key
      ? [404, 'NOT_FOUND']
      : end !== null && !others.some(({ expiresAt }) => expiresAt === null)
        ? [409, 'LAST_SIGNING_KEY_NEVER_EXPIRES']
        : [200, undefined];
    const body = { expires_at: end === null ? null : new Date(end).toISOString() };
    await this.expect(model, real, ['PATCH', `/signet/v1/endpoints/:id/signing-keys/${id}`, body], status, refusal);
    if (!model.deleted && status === 200) key!.expiresAt = end;
  }
  override toString(): string {
    return `expire(${this.index}, ${this.inSeconds})`;
  }
}

class Pause extends Step {
  constructor(readonly paused: boolean) {
    super();
  }
  async run(model: Model, real: Real): Promise<void> {
    await this.expect(model, real, ['POST', `/v1/endpoints/:id/${this.paused ? 'pause' : 'resume'}`], 200);
    model.paused = this.paused;
  }
  override toString(): string {
    return this.paused ? 'pause' : 'resume';
  }
}

class DeleteEndpoint extends Step {
  async run(model: Model, real: Real): Promise<void> {
    await this.expect(model, real, ['DELETE', '/v1/endpoints/:id'], 200);
    model.deleted = true;
  }
  override toString(): string {
    return 'delete the endpoint';
  }
}

class PassTime extends Step {
  constructor(readonly ms: number) {
    super();
  }
  run(_: Model, real: Real): Promise<void> {
    real.advance(this.ms);
    return Promise.resolve();
  }
  override toString(): string {
    return `${this.ms} ms pass`;
  }
}

class Tidy extends Step {
  run(_: Model, real: Real): Promise<void> {
    return real.tidy();
  }
  override toString(): string {
    return 'tidy up';
  }
}

/** Lists, reads and signs, and compares with the model. */
class Look extends Step {
  async run(model: Model, real: Real): Promise<void> {
    const keys = live(model, real);
    const list = await this.expect(model, real, ['GET', '/v1/endpoints/:id/signing-keys'], 200);
    const shown = await this.expect(model, real, ['GET', '/v1/endpoints/:id'], 200);
    const headers = await real.signatures();
    if (model.deleted) return expect(headers).toBeUndefined();
    expect(list.body.data.map(({ id }: { id: string }) => id)).toEqual(keys.map(({ id }) => id));
    expect(shown.body.data.paused).toBe(model.paused);
    expect([1, 2]).toContain(keys.length);
    for (const { id, verifier } of model.ever) {
      const { ok } = verifyWebhook({ headers: headers!, body: BODY }, { dialect: 'standard', secrets: [verifier] });
      expect([id, ok]).toEqual([id, keys.some((key) => key.id === id)]);
    }
  }
  override toString(): string {
    return 'look';
  }
}

const steps = fc.commands(
  [
    fc
      .tuple(
        fc.constantFrom('contract', 'hmac', 'ed25519', 'imported' as const),
        fc.option(fc.constantFrom(0, 60, 3600), { nil: undefined }),
      )
      .map(([kind, overlap]) => new AddKey(kind, overlap)),
    fc.nat(9).map((index) => new DeleteKey(index)),
    fc.tuple(fc.nat(9), fc.constantFrom(null, 60, 7200)).map(([index, seconds]) => new ExpireKey(index, seconds)),
    fc.boolean().map((paused) => new Pause(paused)),
    fc.constantFrom(61_000, HOUR_MS + 1000, 3 * HOUR_MS).map((ms) => new PassTime(ms)),
    fc.constant(new Tidy()),
    fc.constant(new Look()),
    // The deletion is rare, because few steps can follow it.
    fc.nat(9).map((n) => (n === 0 ? new DeleteEndpoint() : new Look())),
  ],
  { maxCommands: 30, size: 'max' },
);

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let admin: Client;
  let client: WebhookClient;
  let ahead = 0;

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database, WEBHOOK_ENV);
    admin = await service.client();
    client = await WebhookClient.of(admin);
    service.app.get(Clock).now = () => new Date().getTime() + ahead;
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  it('after any operations on an endpoint in any order, its answers, lists and signatures are those of the model', async () => {
    let looks = 0;
    await fc.assert(
      fc.asyncProperty(steps, async (commands) => {
        const { id, signing_key_id, signing_secret } = await client.endpoint();
        const first = { id: signing_key_id, verifier: signing_secret, expiresAt: null };
        const real: Real = {
          id,
          now: () => service.app.get(Clock).now(),
          advance: (ms) => void (ahead += ms),
          call: (method, path, body) => client.call(method, path, body),
          tidy: () => service.app.get(ExpiredKeys).tick(),
          async signatures() {
            looks++;
            const keys = await liveKeys(service.app, admin.projectId, id, real.now());
            if (keys.length === 0) return undefined;
            const message = { id: 'msg_1', timestamp: Math.floor(Date.now() / 1000), body: BODY };
            return signWebhook(
              message,
              'standard',
              keys.map(({ secret }) => secret),
            );
          },
        };
        const setup = () => ({ model: { keys: [first], ever: [first], paused: false, deleted: false } as Model, real });
        await fc.asyncModelRun(setup, [...commands, new Look()]);
      }),
      { numRuns: 60 },
    );
    expect(looks).toBeGreaterThan(100);
    // Every endpoint has its own audit chain.
    const { chains, faults } = await service.app.get(AuditTrailService, { strict: false }).verify();
    expect([chains > 60, faults]).toEqual([true, []]);
  });
});
