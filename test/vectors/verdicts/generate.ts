/** Writes packages/vectors/vectors.json and message-signatures.json: `node test/vectors/verdicts/generate.ts`. Nothing of packages/ or src/ is used here. */
import { writeFileSync } from 'node:fs';
import { dice } from '../dice.ts';
import { basicDrafts } from './basic.ts';
import { gatewayDrafts, targetDrafts } from './gateway.ts';
import { messageDrafts } from './message.ts';
import { sdkDrafts } from './sdk.ts';
import type { Draft, Vector, VectorFile } from './vector.ts';
import { webhookDrafts } from './webhook.ts';

const SEED = 20260615;

/** `hmac-skew-3`: the kind, what was done, and a number within both. */
function named(drafts: readonly Draft[]): Vector[] {
  const counts = new Map<string, number>();
  return drafts.map((draft) => {
    const kind =
      draft.kind === 'gateway'
        ? (draft.keys[0]?.signAlgorithm !== undefined && draft.signType === 'http-message-signatures'
            ? draft.keys[0].signAlgorithm
            : draft.signType
          ).replace('_', '-')
        : `${draft.dialect}-${draft.algorithm}`;
    const name = `${kind}-${draft.attack ?? 'plain'}`;
    const number = (counts.get(name) ?? 0) + 1;
    counts.set(name, number);
    const { code, ...rest } = draft;
    return { id: `${name}-${number}`, ...rest, expected: code === null ? 'valid' : 'invalid', code } as Vector;
  });
}

export function generateVerdicts(): VectorFile {
  const roll = dice(SEED);
  return {
    $schema: './schema.json',
    source: 'Drawn by test/vectors/verdicts/generate.ts of Signet. Verdict and code follow from what was done to each request.',
    seed: SEED,
    vectors: named([...sdkDrafts(roll), ...gatewayDrafts(roll), ...basicDrafts(roll), ...webhookDrafts(roll), ...targetDrafts(roll)]),
  };
}

/** Vectors of HTTP message signatures, in a file of their own, for verifiers that do not have this type of key. */
export const generateMessageVerdicts = (): VectorFile => ({
  $schema: './schema.json',
  source: 'Drawn by test/vectors/verdicts/generate.ts of Signet. Verdict and code follow from what was done to each request.',
  seed: SEED,
  vectors: named(messageDrafts(dice(SEED))),
});

/** One vector a line, so that a change of one is a change of one line. */
export function textOf({ vectors, ...head }: VectorFile): string {
  const start = JSON.stringify(head, null, 1).slice(0, -2);
  return `${start},\n "vectors": [\n${vectors.map((vector) => JSON.stringify(vector)).join(',\n')}\n ]\n}\n`;
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(new URL('../../../packages/vectors/vectors.json', import.meta.url), textOf(generateVerdicts()));
  writeFileSync(new URL('../../../packages/vectors/message-signatures.json', import.meta.url), textOf(generateMessageVerdicts()));
}
