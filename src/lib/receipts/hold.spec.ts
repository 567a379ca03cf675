import { describe, expect, it } from '@jest/globals';
import { type HoldEvent, type HoldState, holdMs, mayAcknowledge, newHold, stepHold } from './hold.js';

const HARD_STOP = 10_000;
const HOLD = holdMs(HARD_STOP);
const walk = (state: HoldState, ...events: HoldEvent[]) => events.reduce((at, event) => stepHold(at, event), state);

const seen = (pid: number, atMs: number, start = 0): HoldEvent => ({ kind: 'seen', worker: { pid, start }, atMs });
const gave = (pid: number, revision: number, start = 0): HoldEvent => ({ kind: 'gave', worker: { pid, start }, revision });
const listed = (atMs: number, ...pids: number[]): HoldEvent => ({ kind: 'listed', workers: pids.map((pid) => ({ pid, start: 0 })), atMs });
const FAILED: HoldEvent = { kind: 'failed' };

describe('without a master socket,', () => {
  // By now, every worker from before this agent has ended.
  const settled = walk(newHold(HARD_STOP), seen(1, -HOLD), gave(1, 0));

  it('the hold is longer than hard-stop-after, and counts from the time when the successor was first seen', () => {
    expect(HOLD).toBeGreaterThan(HARD_STOP + 1000);
    const state = walk(settled, seen(2, 500), gave(2, 1));
    expect([500, 500 + HARD_STOP, 500 + HOLD].map((at) => mayAcknowledge(state, 1, at))).toEqual([false, false, true]);
  });

  it('a new agent holds, because earlier workers may have the maps of another agent', () => {
    const state = walk(newHold(HARD_STOP), seen(1, 0), gave(1, 0));
    expect([HOLD - 1, HOLD].map((at) => mayAcknowledge(state, 0, at))).toEqual([false, true]);
  });

  it('maps that another worker received do not allow an acknowledgement', () => {
    expect(mayAcknowledge(walk(settled, seen(2, 0), gave(1, 1)), 1, HOLD)).toBe(false);
  });

  it('errors do not change the hold, and a revision whose maps the old worker has may be acknowledged at once', () => {
    const state = walk(settled, seen(2, 0), gave(2, 1), FAILED, FAILED, seen(2, 5000), gave(2, 2), FAILED);
    expect([HOLD - 1, HOLD].map((at) => mayAcknowledge(state, 2, at))).toEqual([false, true]);
    expect(mayAcknowledge(state, 0, 0)).toBe(true);
  });

  it('two reloads are counted separately', () => {
    const state = walk(settled, seen(2, 0), gave(2, 1), seen(3, 9000), gave(3, 2));
    expect([HOLD, 9000 + HOLD].map((at) => mayAcknowledge(state, 2, at))).toEqual([false, true]);
    expect(mayAcknowledge(state, 1, HOLD)).toBe(true);
  });

  it('a worker with the same process id and another start time is another worker', () => {
    const state = walk(settled, seen(1, 0, 99), gave(1, 1, 99));
    expect([HOLD - 1, HOLD].map((at) => mayAcknowledge(state, 1, at))).toEqual([false, true]);
  });
});

describe('with a master socket,', () => {
  const asked = newHold(Number.POSITIVE_INFINITY);
  const settled = walk(asked, seen(1, 0), gave(1, 0), listed(0, 1));

  it('a new agent holds until the master has listed its workers, and then until it lists no old worker', () => {
    const state = walk(asked, seen(2, 0), gave(2, 0));
    expect(mayAcknowledge(state, 0, 10 * HOLD)).toBe(false);
    const old = walk(state, listed(0, 1, 2));
    expect(mayAcknowledge(old, 0, 10 * HOLD)).toBe(false);
    expect(mayAcknowledge(walk(old, listed(1, 2)), 0, 1)).toBe(true);
  });

  it('an old worker holds until it is not listed any more, not for a fixed time or until an error', () => {
    const state = walk(settled, seen(2, 0), gave(2, 1), listed(0, 1, 2));
    expect(mayAcknowledge(state, 1, 10 * HOLD)).toBe(false);
    expect(mayAcknowledge(walk(state, FAILED, seen(2, 5), gave(2, 1)), 1, 10 * HOLD)).toBe(false);
    expect(mayAcknowledge(walk(state, listed(6, 2)), 1, 6)).toBe(true);
  });
});
