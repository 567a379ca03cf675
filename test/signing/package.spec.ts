import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { loadedBy } from '../support/loaded-by.js';

describe('the published doors, in a process of their own', () => {
  beforeAll(() => {
    if (!existsSync('dist/lib/signing/index.js')) throw new Error('npm run build comes first');
  });

  it('signet/signing loads its own files and modules of node, nothing else', () => {
    const { loaded, exports } = loadedBy('signet/signing');
    expect(exports).toEqual(
      expect.arrayContaining(['sign', 'verifySignature', 'createVerifier', 'explain', 'signWebhook', 'verifyWebhook']),
    );
    const foreign = loaded.filter((url) => !url.startsWith('node:') && !/\/dist\/lib\/signing\/[\w-]+\.js$/.test(url));
    expect(foreign).toEqual([]);
    expect(loaded.length).toBeGreaterThan(10);
  });

  it('signet/signing/nest loads Nest, which shows that the list above would have seen it, and no TypeORM', () => {
    const { loaded, exports } = loadedBy('signet/signing/nest');
    expect(exports.sort()).toEqual(['Signature', 'SignatureGuard', 'SignatureModule']);
    expect(loaded.some((url) => url.includes('node_modules/@nestjs/common'))).toBe(true);
    expect(loaded.filter((url) => url.includes('typeorm'))).toEqual([]);
  });
});

describe('docs/signing.md', () => {
  const guide = readFileSync('docs/signing.md', 'utf8');

  it.each(readdirSync('test/signing/examples'))('shows %s as it is tested', (name) => {
    const code = readFileSync(`test/signing/examples/${name}`, 'utf8').replaceAll(
      /'\.\.\/\.\.\/\.\.\/src\/lib\/signing\/(\w+)\.js'/g,
      (_, file: string) => (file === 'index' ? "'signet/signing'" : `'signet/signing/${file}'`),
    );
    expect(guide).toContain(`\`\`\`ts\n${code}\`\`\``);
  });
});
