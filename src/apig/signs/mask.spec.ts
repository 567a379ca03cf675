import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { masked, maskedHalves } from './mask.js';

describe('a masked secret', () => {
  it('shows both ends of a long secret and nothing of a short one', () => {
    expect(masked('dc0'.padEnd(61, 'x') + '2b3')).toBe('dc0********2b3');
    expect(masked(`abc${'x'.repeat(26)}xyz`)).toBe('abc********xyz');
    for (const short of ['', 'a', 'p'.repeat(8), 'i'.repeat(16), 's'.repeat(31)])
      expect([short, masked(short)]).toEqual([short, '********']);
  });

  it('shows at most six characters, and hides the length', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 2048 }), (secret) => {
        const shown = masked(secret).replace('********', '');
        expect(shown.length === 0 || (shown.length === 6 && secret.length >= 32)).toBe(true);
        expect([8, 14]).toContain(masked(secret).length);
      }),
    );
  });

  it('covers the secret of every type, and the key of aes too', () => {
    const view = { sign_key: 'k'.repeat(32), sign_secret: 's'.repeat(64) };
    const shown = (sign_type: 'hmac' | 'basic' | 'public_key' | 'aes') => maskedHalves({ ...view, sign_type });
    for (const type of ['hmac', 'basic', 'public_key'] as const)
      expect(shown(type)).toEqual({ sign_type: type, sign_key: view.sign_key, sign_secret: 'sss********sss' });
    expect(shown('aes')).toEqual({ sign_type: 'aes', sign_key: 'kkk********kkk', sign_secret: 'sss********sss' });
  });
});
