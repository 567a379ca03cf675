import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { OpenAPIObject, ReferenceObject, ResponseObject } from '@nestjs/swagger';
import type { Command } from 'commander';
import { commandLine } from '../../src/cli/program.js';
import { REFUSALS } from '../../src/gateway/http/refusals.js';
import { AUDIT_ACTIONS } from '../../src/platform/audit/actions.js';
import { ApiFault, FAULT_KINDS } from '../../src/platform/common/api-error.js';
import { render } from '../../src/platform/common/error-formats.js';
import { EVENT_KINDS } from '../../src/platform/common/events.js';
import { withoutInjected } from '../../src/platform/config/injected.js';
import { REMOVED } from '../../src/platform/config/removed-variables.js';
import { VARIABLES } from '../../src/platform/config/variables.js';
import { filesBelow, pages } from '../support/markdown.js';

const REFERENCE = readFileSync('docs/reference.md', 'utf8');
const openapi = JSON.parse(readFileSync('docs/openapi.json', 'utf8')) as OpenAPIObject;
const sources = filesBelow('src').filter((path) => path.endsWith('.ts') && !path.endsWith('.spec.ts'));

/** Cells of the rows of a section of the page, whose first cell is code. */
const rows = (heading: string): string[][] => {
  const section = REFERENCE.split(/^## /m).find((each) => each.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^\| `([^`]+)` \| (.*) \|$/gm)].map(([, first, rest]) => [first!, ...rest!.split(' | ')]);
};
/** The difference of two sets, so that a failure names it. */
const difference = (code: Iterable<string>, docs: Iterable<string>) => {
  const [inCode, inDocs] = [new Set(code), new Set(docs)];
  return { undocumented: [...inCode].filter((each) => !inDocs.has(each)), unknown: [...inDocs].filter((each) => !inCode.has(each)) };
};
const NONE = { undocumented: [], unknown: [] };

const codeOf = (body: object): unknown => {
  const { error_code, error, code } = body as { error_code?: string; error?: { code?: unknown }; code?: unknown };
  return error_code ?? (error ? error.code : code);
};

describe('error codes', () => {
  /** Every code with every status that the OpenAPI document gives it. */
  const described = Object.values(openapi.paths)
    .flatMap((path) => Object.values(path as Record<string, { responses: Record<string, ResponseObject | ReferenceObject> }>))
    .flatMap(({ responses }) => Object.entries(responses))
    .filter(([status]) => Number(status) >= 400)
    .flatMap(([status, response]) => {
      const { content = {} } =
        '$ref' in response ? (openapi.components!.responses![response.$ref.split('/').at(-1)!] as ResponseObject) : response;
      return Object.values(content)
        .flatMap(({ example, examples = {} }) => [
          example as unknown,
          ...Object.values(examples).map((each) => (each as { value: unknown }).value),
        ])
        .flatMap((body) =>
          typeof body === 'object' && body !== null && typeof codeOf(body) === 'string' ? [`${codeOf(body) as string} ${status}`] : [],
        );
    });
  /** The errors that any path can answer, in the format of each contract. */
  const general = ['/v2/p/apigw/instances/i/signs', '/v2/p/apigw/instances', '/v1/endpoints', '/signet/v1/audit'].flatMap((path) =>
    FAULT_KINDS.map((kind) => {
      const { status, body } = render(new ApiFault(kind, { parameter: 'name' }), path, 'id');
      return `${String(codeOf(body))} ${status}`;
    }),
  );
  const gateway = Object.values(REFUSALS).map(({ code, status }) => `${code} ${status}`);
  const documented = rows('Error codes').flatMap(([code, statuses]) => statuses!.split(', ').map((status) => `${code} ${status}`));

  it('are documented with exactly the statuses in the OpenAPI document, of all paths and of a gateway', () => {
    expect(difference([...described, ...general, ...gateway], documented)).toEqual(NONE);
    expect(documented.length).toBeGreaterThan(120);
  });

  it('of the source are all documented', () => {
    const codes = sources.flatMap((path) =>
      [...readFileSync(path, 'utf8').matchAll(/'((?:APIG|APIC)\.\d{4})'|super\(\d{3}, '([A-Z_]{4,}|[a-z]+_[a-z_]+)'/g)].map(
        ([, first, second]) => first ?? second!,
      ),
    );
    expect(
      difference(
        codes,
        documented.map((each) => each.split(' ')[0]!),
      ).undocumented,
    ).toEqual([]);
    expect(new Set(codes).size).toBeGreaterThan(60);
  });
});

describe('actions of the audit trail', () => {
  it('are documented completely, and no others are', () => {
    expect(
      difference(
        AUDIT_ACTIONS,
        rows('Actions in the audit trail').map(([action]) => action!),
      ),
    ).toEqual(NONE);
  });

  it('are all used in the source', () => {
    const text = sources
      .filter((path) => !path.endsWith('audit/actions.ts'))
      .map((path) => readFileSync(path, 'utf8'))
      .join('\n');
    expect(AUDIT_ACTIONS.filter((action) => !new RegExp(`'${action}'|\\b${action}:`).test(text))).toEqual([]);
  });
});

describe('metrics', () => {
  const metrics = sources
    .filter((path) => !path.startsWith('src/cli/'))
    .flatMap((path) => [...readFileSync(path, 'utf8').matchAll(/(?:\bname: |\bgauge\(\s*)'(signet_\w+)'/g)].map(([, name]) => name!));

  it('are documented completely, and no others are', () => {
    expect(
      difference(
        metrics,
        rows('Metrics').map(([name]) => name!),
      ),
    ).toEqual(NONE);
    expect(metrics.length).toBeGreaterThan(15);
  });

  it('exist if any page names them', () => {
    const named = pages().flatMap((path) =>
      [
        ...readFileSync(path, 'utf8').matchAll(/`(signet_(?:gateway|watchers|http|broken)\w*?)(?:_bucket|_sum|_count)?(?:\{[^`]*\})?`/g),
      ].map(([, name]) => name!),
    );
    expect(difference(metrics, named).unknown).toEqual([]);
    expect(named.length).toBeGreaterThan(15);
  });
});

describe('events', () => {
  it('are documented completely, and equal those that the OpenAPI document accepts', () => {
    const table = [...readFileSync('docs/webhooks.md', 'utf8').matchAll(/^\| `([a-z_]+\.[a-z]+)` \|/gm)].map(([, kind]) => kind!);
    expect(difference(EVENT_KINDS, table)).toEqual(NONE);
    const enums = [...JSON.stringify(openapi.components?.schemas).matchAll(/"enum":\[([^\]]*"endpoint\.failing"[^\]]*)\]/g)];
    expect(enums.length).toBeGreaterThan(0);
    for (const [, list] of enums) expect(difference(EVENT_KINDS, JSON.parse(`[${list}]`) as string[])).toEqual(NONE);
  });
});

describe('commands', () => {
  const runs = (command: Command) =>
    command.commands.length === 0 || (command as unknown as { _actionHandler: unknown })._actionHandler !== null;
  const all = (command: Command, names: string[]): string[][] =>
    command.commands
      .filter((each) => each.name() !== 'help')
      .flatMap((each) => [
        ...(runs(each) ? [[[...names, each.name()].join(' '), each.description().replaceAll('|', '/')]] : []),
        ...all(each, [...names, each.name()]),
      ]);

  it('are documented completely, with the description in their help', () => {
    const line = (each: string[]) => each.join(': ');
    expect(difference(all(commandLine(), ['signet']).map(line), rows('Commands').map(line))).toEqual(NONE);
  });

  it('exist if any page names them', () => {
    /** Whether the words after `signet` begin with a command; what follows it may be arguments. */
    const exists = ([first, ...rest]: string[], { commands }: Command = commandLine()): boolean => {
      if (first === undefined || commands.length === 0) return true;
      const command = commands.find((each) => each.name() === first);
      return command !== undefined && exists(rest, command);
    };
    const unknown = pages()
      .filter((path) => path !== 'CHANGELOG.md')
      .flatMap((path) => [...readFileSync(path, 'utf8').matchAll(/`signet((?: [a-z][a-z-]*)+)/g)])
      .map(([, names]) => names!.trim())
      .filter((names) => !exists(names.split(' ')));
    expect(unknown).toEqual([]);
  });
});

describe('variables of the environment', () => {
  const TABLE = 'src/platform/config/variables.ts';
  /** Variables that systemd, the AWS SDK, POSIX, the XDG base directories and no-color.org define and document. */
  const OTHERS = ['CREDENTIALS_DIRECTORY', 'AWS_REGION', 'AWS_ENDPOINT_URL_KMS', 'HOME', 'XDG_CONFIG_HOME', 'NO_COLOR'];
  const known = (name: string) =>
    VARIABLES.has(name) ||
    name in REMOVED ||
    OTHERS.includes(name) ||
    // Variables that an orchestrator injects.
    Object.keys(withoutInjected({ [name]: 'tcp://' })).length === 0;
  /** The names in a text: Signet's own, and those of addresses to which Signet connects. */
  const named = (text: string): string[] => text.match(/\bSIGNET_[A-Z0-9_]*[A-Z0-9]\b|\b[A-Z]+_URL(?==|: *\w+:)/g) ?? [];
  /** The names that code reads, by property, by name and by destructuring the environment. */
  const read = (code: string): string[] => [
    ...[...code.matchAll(/\benv(?:\.|\[)'?([A-Z][A-Z0-9_]+)|'((?:SIGNET|AWS)_[A-Z0-9_]*[A-Z0-9])'/g)].map(
      ([, property, name]) => property ?? name!,
    ),
    ...[...code.matchAll(/const \{([^}]*)\} = env;/g)].flatMap(([, names]) => names!.match(/\b[A-Z][A-Z0-9_]+(?=:)/g) ?? []),
  ];
  const code = sources.filter((path) => path !== TABLE).map((path) => readFileSync(path, 'utf8'));

  it('are in the table if the code, a page, docker-compose.yml or .env.example names them', () => {
    const texts = [...sources, ...pages(), 'docker-compose.yml', '.env.example', 'Dockerfile'].filter((path) => path !== 'CHANGELOG.md');
    const unknown = texts.flatMap((path) => named(readFileSync(path, 'utf8')).map((name) => ({ path, name })));
    expect(unknown.filter(({ name }) => !known(name))).toEqual([]);
    expect(code.flatMap(read).filter((name) => !known(name))).toEqual([]);
  });

  it('are found if they are not in the table', () => {
    const planted =
      "const { SIGNET_PROT: port } = env; url('SIGNET_ADDR'); env['AMQP_URL'] ?? env.PGHOST; // SIGNET_VAULT_*, CACHE_URL=memcached://a";
    expect(read(planted).filter((name) => !known(name))).toEqual(['SIGNET_ADDR', 'AMQP_URL', 'PGHOST', 'SIGNET_PROT']);
    expect(named(planted)).toEqual(['SIGNET_PROT', 'SIGNET_ADDR', 'CACHE_URL']);
  });

  it('are all read by the code and documented', () => {
    expect(difference(VARIABLES.keys(), code.flatMap(read)).undocumented).toEqual([]);
    const listed = (path: string, line: RegExp) => [...readFileSync(path, 'utf8').matchAll(line)].map(([, name]) => name!);
    expect(difference(VARIABLES.keys(), listed('docs/configuration.md', /^\| `([A-Z0-9_]+)` \|/gm))).toEqual(NONE);
    expect(difference(VARIABLES.keys(), listed('.env.example', /^(?:# )?([A-Z][A-Z0-9_]+)=/gm))).toEqual(NONE);
  });
});
