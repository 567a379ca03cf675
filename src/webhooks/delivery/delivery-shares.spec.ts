import { describe, expect, it } from '@jest/globals';
import { type RunningAttempt, DeliveryShares } from './delivery-shares.js';

const endpoint = (id: string, projectId = 'p') => ({ id, projectId });
/** Adds as many messages to an endpoint as its share allows. */
function fill(shares: DeliveryShares<string>, id: string, projectId = 'p'): number {
  const [room] = shares.capacities([endpoint(id, projectId)]);
  for (let i = 0; i < (room?.count ?? 0); i++) shares.add(endpoint(id, projectId), `${id}/${i}`, 0);
  return room?.count ?? 0;
}
function begunNow(shares: DeliveryShares<string>): RunningAttempt<string>[] {
  const all: RunningAttempt<string>[] = [];
  for (let begun = shares.begin(); begun; begun = shares.begin()) all.push(begun);
  return all;
}
const answer = (shares: DeliveryShares<string>, begun: RunningAttempt<string>, latencyMs = 5) => shares.end(begun, 'answered', latencyMs);

describe('the shares of a process', () => {
  it('start at two attempts for a new receiver, and grow with each answer up to a quarter of all places', () => {
    const shares = new DeliveryShares<string>(40);
    expect(fill(shares, 'new')).toBe(2);
    let under = begunNow(shares);
    expect(under).toHaveLength(2);
    for (let round = 0; round < 10; round++) {
      for (const begun of under) answer(shares, begun);
      fill(shares, 'new');
      under = begunNow(shares);
    }
    expect(under).toHaveLength(10);
  });

  it('allow hanging receivers one new attempt at a time, and do not count their attempts in flight', () => {
    const shares = new DeliveryShares<string>(8);
    const hanging = Array.from({ length: 20 }, (_, i) => `hang-${i}`);
    for (let round = 0; round < 10; round++) {
      for (const id of hanging) fill(shares, id);
      for (const begun of begunNow(shares)) shares.silent(begun);
    }
    expect(shares.inFlight).toBeGreaterThan(8);
    expect(shares.inFlight).toBeLessThanOrEqual(40);
    expect(shares.budget().places.answering).toBe(8);
    fill(shares, 'free');
    expect(begunNow(shares).map(({ lane }) => lane.id)).toEqual(['free', 'free']);
  });

  it('grow again with the answers of a receiver that hung before', () => {
    const shares = new DeliveryShares<string>(40);
    fill(shares, 'a');
    for (const begun of begunNow(shares)) {
      shares.silent(begun);
      shares.end(begun, 'unanswered', 20_000);
    }
    expect(shares.capacities([endpoint('a')])).toMatchObject([{ count: 1, pool: 'silent' }]);
    fill(shares, 'a');
    for (const begun of begunNow(shares)) answer(shares, begun);
    expect(shares.capacities([endpoint('a')])).toMatchObject([{ pool: 'answering', count: 2 }]);
  });

  it('are equal for all projects, however many endpoints each has', () => {
    const shares = new DeliveryShares<string>(10);
    const due = [
      ...Array.from({ length: 30 }, (_, i) => endpoint(`many-${i}`, 'many')),
      endpoint('one-0', 'one'),
      endpoint('one-1', 'one'),
    ];
    expect(
      shares
        .capacities(due)
        .slice(0, 4)
        .map(({ projectId }) => projectId),
    ).toEqual(['many', 'one', 'many', 'one']);
    for (const { id, projectId } of due) fill(shares, id, projectId);
    const of = begunNow(shares).map(({ lane }) => lane.projectId);
    expect(of.filter((project) => project === 'one')).toHaveLength(4);
    expect(of).toHaveLength(10);
  });

  it('allow claims only for attempts that can begin, except for fast receivers', () => {
    const shares = new DeliveryShares<string>(8);
    for (let i = 0; i < 4; i++) fill(shares, `new-${i}`);
    const under = begunNow(shares);
    expect([under.length, shares.budget().places.answering]).toEqual([8, 0]);
    for (const begun of under) answer(shares, begun, 500);
    expect(shares.capacities([endpoint('new-0')])).toMatchObject([{ pool: 'answering', count: 2 }]);
    for (let round = 0; round < 50; round++) {
      fill(shares, 'prompt');
      for (let all = begunNow(shares); all.length > 0; all = begunNow(shares)) for (const begun of all) answer(shares, begun, 5);
    }
    expect(fill(shares, 'prompt')).toBe(16);
    expect(begunNow(shares)).toHaveLength(2);
  });

  it('release claimed messages whose attempt has not begun after two seconds', () => {
    const shares = new DeliveryShares<string>(1);
    shares.add(endpoint('a'), 'first', 0);
    shares.add(endpoint('a'), 'second', 0);
    expect(shares.begin()?.message).toBe('first');
    expect(shares.releaseWaiting(1999)).toEqual([]);
    expect(shares.releaseWaiting(2000)).toEqual(['second']);
    expect(shares.releaseWaiting()).toEqual([]);
  });
});
