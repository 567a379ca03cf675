import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { signWebhook } from '../../src/lib/signing/index.js';

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

/** What a verifier is shown, and what it must say. */
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
    ['a delivery under two keys, to one who knows the older', { ...fresh, headers: signed([NEW, OLD]) }, true],
    ['a delivery under two keys, to one who knows the newer', { ...fresh, headers: signed([NEW, OLD]), secret: NEW }, true],
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
    [
      'a timestamp that is none',
      { ...fresh, headers: { ...fresh.headers, 'x-webhook-timestamp': '1e9', 'webhook-timestamp': 'x' } },
      false,
    ],
  ];
}

const tools = new Map<string, boolean>();
/** Whether a language is installed; CI installs all of them. */
function has(tool: string): boolean {
  if (!tools.has(tool)) tools.set(tool, spawnSync('which', [tool]).status === 0);
  if (!tools.get(tool) && process.env['CI']) throw new Error(`${tool} is not installed: CI runs every snippet of docs/webhooks.md`);
  return tools.get(tool)!;
}

describe('the verifiers of docs/webhooks.md', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'signet-snippets-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs all cases through one program, which reads them as JSON and prints a JSON list of answers. */
  function judge(command: string, args: readonly string[], env: Record<string, string> = {}): void {
    const all = cases();
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
  /** The published example of the contract, which only those can judge whose tolerance can be set. */
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
    const library = new URL(`file://${resolve('dist/lib/signing/index.js')}`).href;
    const script = file('library.mjs', snippet('node').replace("'signet/signing'", `'${library}'`) + NODE_MAIN);
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
});
