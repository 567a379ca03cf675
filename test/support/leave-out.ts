// Load before a Signet process: node --import ./test/support/leave-out.ts dist/cli.js serve
// Leaves out the rules that the file LEFT_OUT_FILE names (a JSON array of `left-out.ts`), read at the start and at every SIGUSR2. The
// build contains none of this: the loader replaces the text of built files, and `NO_FAULTS` by a mutable object.
import { readFileSync, writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { PATCHES } from './left-out.ts';

const file = process.env['LEFT_OUT_FILE'] ?? '';
const leftOut: Record<string, true> = {};
Object.assign(globalThis, { [Symbol.for('left out')]: leftOut });

function read(): void {
  const text = readFileSync(file, 'utf8');
  for (const name of Object.keys(leftOut)) delete leftOut[name];
  for (const name of JSON.parse(text) as string[]) leftOut[name] = true;
  writeFileSync(`${file}.taken`, text);
}
read();
process.on('SIGUSR2', read);

const dist = new URL('../../dist/', import.meta.url).href;
registerHooks({
  load(url, context, nextLoad) {
    if (!url.startsWith(dist)) return nextLoad(url, context);
    const path = url.slice(dist.length);
    if (path === 'lib/receipts/faults.js')
      return { format: 'module', shortCircuit: true, source: "export const NO_FAULTS = globalThis[Symbol.for('left out')];" };
    const patches = PATCHES.filter((patch) => patch.file === path);
    const loaded = nextLoad(url, context);
    if (patches.length === 0) return loaded;
    let source = Buffer.from(loaded.source as Uint8Array).toString('utf8');
    for (const { from, to } of patches) {
      if (!source.includes(from)) throw new Error(`${path} does not say ${from}`);
      source = source.replaceAll(from, () => to);
    }
    return { ...loaded, source };
  },
});
