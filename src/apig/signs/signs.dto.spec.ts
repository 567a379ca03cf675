import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SignQuery } from './signs.dto.js';
import { InputPipe } from '../../platform/common/input.pipe.js';
import { plainPage } from '../../platform/common/pagination.js';

const pipe = new InputPipe();
/** The same class without its list of texts, so that the validator checks it. */
class JudgedInFull extends SignQuery {
  static override readonly texts = undefined as unknown as string[];
}
const judge = (metatype: typeof SignQuery, query: Record<string, string>) =>
  pipe.transform(query, { type: 'query', metatype }).then(
    (page) => ({ ...(page as object) }),
    (error: Error) => error.message,
  );

describe('the fast path for queries', () => {
  it('has the same result as the validator for any query', async () => {
    const value = fc.oneof(fc.string(), fc.constantFrom('', '0', '-1', '7', '501', '1e2', '0x10', ' 1', '999999999', '9999999999', 'name'));
    const query = fc.dictionary(fc.constantFrom('limit', 'offset', 'id', 'name', 'precise_search', 'other', '__proto__'), value);
    await fc.assert(fc.asyncProperty(query, async (each) => expect(await judge(SignQuery, each)).toEqual(await judge(JudgedInFull, each))));
  });

  it('is not used for unusual values, or for a class that does not enable it', () => {
    expect(plainPage({ limit: '1e2' }, SignQuery)).toBeUndefined();
    expect(plainPage({ limit: '7' }, JudgedInFull)).toBeUndefined();
    expect(plainPage({ limit: '7' }, SignQuery)).toMatchObject({ limit: 7, offset: 0 });
  });
});
