import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

/** Builds the console into dist/console, unless what is there was built from the same files. */
const ROOT = join(import.meta.dirname, '..');
const OUT = join(ROOT, 'dist/console');
const MARK = join(OUT, '.built-from');
/** Smaller files are sent as they are. */
const COMPRESSED_MIN_BYTES = 1024;

const digest = createHash('sha256');
for (const file of globSync(['console/{src/**/*,*.{ts,html,json}}', 'packages/client/src/*.ts', 'package-lock.json'], {
  cwd: ROOT,
}).sort()) {
  if (!/\.\w+$/.test(file)) continue;
  digest.update(`${file}\0`).update(readFileSync(join(ROOT, file)));
}
const from = digest.digest('hex');

if (!existsSync(MARK) || readFileSync(MARK, 'utf8') !== from) {
  const { build } = await import('vite');
  await build({ configFile: join(import.meta.dirname, 'vite.config.ts'), logLevel: 'warn' });
  for (const file of globSync('assets/*.{js,css,svg}', { cwd: OUT })) {
    const content = readFileSync(join(OUT, file));
    if (content.length < COMPRESSED_MIN_BYTES) continue;
    writeFileSync(join(OUT, `${file}.br`), brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }));
    writeFileSync(join(OUT, `${file}.gz`), gzipSync(content, { level: 9 }));
  }
  writeFileSync(MARK, from);
}
