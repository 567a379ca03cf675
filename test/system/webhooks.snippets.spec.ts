import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { signWebhook } from 'signet-signing';
import { createTestDatabase } from '../support/databases.js';
import { LOOPBACK_ENV, Receiver } from '../support/receiver.js';
import { TestService } from '../support/service.js';
import { WebhookClient } from '../support/webhooks.js';

const PAGE = readFileSync('docs/webhooks.md', 'utf8');
const snippet = (name: string): string => {
  const found = new RegExp(`<!-- verify: ${name} -->\\n\`\`\`\\w+\\n([\\s\\S]+?)\`\`\``).exec(PAGE);
  if (!found) throw new Error(`docs/webhooks.md has no snippet ${name}`);
  return found[1]!;
};

const OLD = 'whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY';
const NEW = 'whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4';
const VECTOR = { timestamp: 1733486400, body: '{"event":"order.created","order_id":"ord_123"}' };
const ID = '01935abc-def0-7123-4567-890abcdef012';

interface Case {
  headers: Record<string, string>;
  body: string;
  secret: string;
  tolerance: number;
}

/** A real delivery to an endpoint with two keys, verified by receivers that have one of the keys. */
async function delivered(): Promise<[name: string, given: Case, ok: boolean][]> {
  const database = await createTestDatabase('sqlite');
  const service = await TestService.start(database, LOOPBACK_ENV);
  const receiver = await Receiver.start();
  try {
    const client = await WebhookClient.of(await service.client());
    const { id, signing_secret: older } = await client.endpoint({ url: `${receiver.origin}/hook` });
    const newer = (await client.post(`/v1/endpoints/${id}/signing-keys`)).body.data.signing_secret as string;
    await client.post('/v1/webhooks/send', { endpoint_id: id, payload: { text: 'é/\u2028', digits: '9007199254740993' } });
    await receiver.arrived(1);
    const [{ headers, body }] = receiver.deliveries as [(typeof receiver.deliveries)[0]];
    const given = { headers: headers as Record<string, string>, body, tolerance: 300 };
    return [
      ['a real delivery, with the older key', { ...given, secret: older }, true],
      ['a real delivery, with the newer key', { ...given, secret: newer }, true],
      ['a real delivery, with another key', { ...given, secret: OLD }, false],
    ];
  } finally {
    await receiver.stop();
    await service.stop();
    await database.drop();
  }
}

/** Inputs of a verifier, and the expected result. */
function cases(): [name: string, given: Case, ok: boolean][] {
  const now = Math.floor(Date.now() / 1000);
  const body = '{"text":"é/\\u2028"}';
  const signed = (secrets: string[], timestamp = now) => ({
    ...signWebhook({ id: ID, timestamp, body }, 'x-webhook', secrets),
    ...signWebhook({ id: ID, timestamp, body }, 'standard', secrets),
  });
  const fresh = { headers: signed([OLD]), body, secret: OLD, tolerance: 300 };
  return [
    ['a delivery', fresh, true],
    ['a delivery under two keys, with the older key', { ...fresh, headers: signed([NEW, OLD]) }, true],
    ['a delivery under two keys, with the newer key', { ...fresh, headers: signed([NEW, OLD]), secret: NEW }, true],
    ['a delivery under another key', { ...fresh, secret: NEW }, false],
    ['a body that was changed', { ...fresh, body: `${body} ` }, false],
    [
      'a timestamp that was changed',
      { ...fresh, headers: { ...fresh.headers, 'x-webhook-timestamp': String(now - 1), 'webhook-timestamp': String(now - 1) } },
      false,
    ],
    ['an old delivery', { ...fresh, headers: signed([OLD], now - 400) }, false],
    ['a delivery from the future', { ...fresh, headers: signed([OLD], now + 400) }, false],
    ['no headers', { ...fresh, headers: {} }, false],
    ['an empty signature', { ...fresh, headers: { ...fresh.headers, 'x-webhook-signature': '', 'webhook-signature': '' } }, false],
    ['an invalid timestamp', { ...fresh, headers: { ...fresh.headers, 'x-webhook-timestamp': '1e9', 'webhook-timestamp': 'x' } }, false],
  ];
}

const tools = new Map<string, boolean>();
/** Whether a language is installed; CI installs all of them. */
function has(tool: string): boolean {
  if (!tools.has(tool)) tools.set(tool, spawnSync('which', [tool]).status === 0);
  if (!tools.get(tool) && process.env['CI']) throw new Error(`${tool} is not installed: CI runs every snippet of docs/webhooks.md`);
  return tools.get(tool)!;
}

describe('docs/webhooks.md has a working verifier for', () => {
  let folder: string;
  let real: Awaited<ReturnType<typeof delivered>>;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'signet-snippets-'));
    real = await delivered();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs all cases through one program, which reads them as JSON and prints a JSON list of answers. */
  function judge(command: string, args: readonly string[], env: Record<string, string> = {}): void {
    const all = [...cases(), ...real];
    const output = execFileSync(command, args, {
      input: JSON.stringify(all.map(([, given]) => given)),
      env: { PATH: process.env['PATH'], HOME: folder, ...env },
      cwd: folder,
    }).toString('utf8');
    const answers = JSON.parse(output) as boolean[];
    expect(all.map(([name], i) => [name, answers[i]])).toEqual(all.map(([name, , ok]) => [name, ok]));
  }
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  /** The contract's published example, which needs verifiers with a configurable tolerance. */
  const published = (): Case => ({
    headers: {
      'x-webhook-id': ID,
      'x-webhook-timestamp': String(VECTOR.timestamp),
      'x-webhook-signature':
        'sha256=c0b7f49488fbd9cd65d49f2e1a5037f6e82c8ee66e5ff7be2bff3b80a8793ecd,sha256=5fe570251ccea42ead855b62994e258e89eb5baf9368737d5ec2680e313b2e86',
    },
    body: VECTOR.body,
    secret: OLD,
    tolerance: 1e10,
  });
  const judgePublished = (command: string, args: readonly string[], env: Record<string, string> = {}) => {
    const options = { input: JSON.stringify([published(), { ...published(), secret: `${OLD}x` }]), cwd: folder };
    const output = execFileSync(command, args, { ...options, env: { PATH: process.env['PATH'], HOME: folder, ...env } }).toString('utf8');
    expect(JSON.parse(output)).toEqual([true, false]);
  };

  const NODE_MAIN = `
import { readFileSync } from 'node:fs';
const cases = JSON.parse(readFileSync(0, 'utf8'));
console.log(JSON.stringify(cases.map(({ headers, body, secret, tolerance }) => verify(headers, body, secret, tolerance))));`;

  it('Node with the library', () => {
    // The snippet runs as printed, with the package installed from a checkout.
    mkdirSync(join(folder, 'node_modules'), { recursive: true });
    symlinkSync(resolve('packages/signing'), join(folder, 'node_modules', 'signet-signing'));
    const script = file('library.mjs', snippet('node') + NODE_MAIN);
    judge(process.execPath, [script]);
    judgePublished(process.execPath, [script]);
  });

  it('Node with standardwebhooks', () => {
    const library = new URL(`file://${resolve('node_modules/standardwebhooks/dist/index.js')}`).href;
    judge(process.execPath, [file('standard.mjs', snippet('standardwebhooks').replace("'standardwebhooks'", `'${library}'`) + NODE_MAIN)]);
  });

  it('Python', () => {
    if (!has('python3')) return;
    const main = `
import json, sys
print(json.dumps([verify(c["headers"], c["body"].encode(), c["secret"], c["tolerance"]) for c in json.load(sys.stdin)]))`;
    const script = file('verify.py', snippet('python') + main);
    judge('python3', [script]);
    judgePublished('python3', [script]);
  });

  it('PHP', () => {
    if (!has('php')) return;
    const main = `
$answers = [];
foreach (json_decode(file_get_contents('php://stdin'), true) as $c) {
    $answers[] = verify($c['headers'], $c['body'], $c['secret'], (int) $c['tolerance']);
}
echo json_encode($answers);`;
    const script = file('verify.php', snippet('php') + main);
    judge('php', [script]);
    judgePublished('php', [script]);
  });

  it('Go', () => {
    if (!has('go')) return;
    file('verify.go', snippet('go'));
    file(
      'main.go',
      `package main

import (
	"encoding/json"
	"os"
)

func main() {
	var cases []struct {
		Headers   map[string]string
		Body      string
		Secret    string
		Tolerance float64
	}
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	answers := []bool{}
	for _, c := range cases {
		answers = append(answers, Verify(c.Headers, []byte(c.Body), c.Secret, c.Tolerance))
	}
	_ = json.NewEncoder(os.Stdout).Encode(answers)
}
`,
    );
    const env = { PATH: process.env['PATH'], HOME: folder, GO111MODULE: 'off', GOFLAGS: '-buildvcs=false' };
    execFileSync('go', ['build', '-o', 'verify-go', 'main.go', 'verify.go'], { cwd: folder, env, stdio: 'pipe' });
    judge(join(folder, 'verify-go'), []);
    judgePublished(join(folder, 'verify-go'), []);
  });

  it('Java', () => {
    if (!has('javac')) return;
    // Java has no JSON parser: headers, bodies and secrets are passed as base64, one per line.
    file('Webhooks.java', snippet('java'));
    file(
      'Main.java',
      `
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

public class Main {
    static String text(String base64) {
        return new String(Base64.getDecoder().decode(base64), StandardCharsets.UTF_8);
    }

    public static void main(String[] args) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        List<String> answers = new ArrayList<>();
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] fields = line.split(" ", -1);
            Map<String, String> headers = new HashMap<>();
            for (int i = 3; i + 1 < fields.length; i += 2) {
                headers.put(text(fields[i]), text(fields[i + 1]));
            }
            byte[] body = Base64.getDecoder().decode(fields[0]);
            answers.add("" + Webhooks.verify(headers, body, text(fields[1]), Long.parseLong(fields[2])));
        }
        System.out.println(answers);
    }
}
`,
    );
    const env = { PATH: process.env['PATH'], HOME: folder };
    execFileSync('javac', ['-d', '.', 'Main.java', 'Webhooks.java'], { cwd: folder, env, stdio: 'pipe' });
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const line = ({ headers, body, secret, tolerance }: Case) =>
      [base64(body), base64(secret), tolerance, ...Object.entries(headers).flat().map(base64)].join(' ');
    const answers = (all: Case[]) =>
      JSON.parse(
        execFileSync('java', ['-cp', '.', 'Main'], { cwd: folder, env, input: `${all.map(line).join('\n')}\n` }).toString(),
      ) as boolean[];
    const all = [...cases(), ...real];
    const given = answers(all.map(([, each]) => each));
    expect(all.map(([name], i) => [name, given[i]])).toEqual(all.map(([name, , ok]) => [name, ok]));
    expect(answers([published(), { ...published(), secret: `${OLD}x` }])).toEqual([true, false]);
  });
});
