import { describe, expect, it } from '@jest/globals';
import { withNewName } from './old-names.js';

describe('the names that commands had in 0.2', () => {
  it('are translated, with the arguments as they were and one line that names the current command', () => {
    expect(withNewName(['iam', 'user', 'add', 'kek'])).toEqual({
      args: ['admin', 'iam', 'user', 'add', 'kek'],
      notice: 'signet iam is now signet admin iam; the next release removes the old name',
    });
    expect(withNewName(['audit', 'verify', '--heads', 'f'])).toMatchObject({
      args: ['admin', 'audit', 'verify', '--heads', 'f'],
      notice: expect.stringContaining('signet admin audit verify;'),
    });
    expect(withNewName(['help', 'rewrap']).args).toEqual(['help', 'admin', 'rewrap']);
  });

  it.each([
    [[]],
    [['admin', 'kek', 'status']],
    [['serve']],
    [['audit', 'tail']],
    [['audit']],
    [['help']],
    [['toString']],
    [['--help', 'iam']],
  ])('are not seen in %j', (args) => expect(withNewName(args)).toEqual({ args }));
});
