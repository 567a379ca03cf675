import type { FaultName } from '../../src/lib/receipts/faults.js';
import type { Model } from './explorer.js';
import { leavingOut } from './faults.js';
import { type HaproxyScope, HaproxyModel } from './haproxy-model.js';
import { type RestoreScope, RestoreModel } from './restore-model.js';
import { type Scope, SessionsModel } from './sessions-model.js';

/** A removed rule, and the smallest model in which its absence causes a violation. */
export interface Switch {
  readonly fault: FaultName;
  readonly model: (on: boolean) => Model<unknown>;
}

const ASKED = ['registers', 'asks'];
/** The process has received a snapshot and has not reported yet. */
export const HOLDING = [...ASKED, 'a snapshot for 1.1 is read', 'the snapshot for 1.1 is answered', 'snapshot of 1.1 arrives'];
const REPORTED = [...HOLDING, '(a) reports'];
const TAKEN = [...REPORTED, 'report 1 of 1.1 is taken', 'key 2 is deleted'];
export const SIGNING = [...TAKEN, 'terms of 1.1 arrives'];
const ASKED_TWICE = [...ASKED, 'asks', 'a snapshot for 1.1 is read'];
/** There are one control plane and one process, which has its keys. One key is deleted. No fault occurs, and only time passes. */
export const ONE: Scope = {
  name: 'one process',
  running: ['a'],
  later: [],
  controlPlanes: 1,
  deletions: 1,
  troubles: 0,
  kinds: [],
  messages: 1,
  jobs: 1,
  sessions: 1,
  requests: false,
  leaseSeconds: 11,
  digests: true,
  prefix: HOLDING,
};

const sessions = (fault: FaultName, scope: Partial<Scope> = {}): Switch => ({
  fault,
  model: (on) => new SessionsModel({ ...ONE, ...scope, name: fault }, on ? leavingOut(fault) : undefined),
});

export const MAPS_GIVEN = ['answers', 'gets the maps', 'reports', 'gets the lease', 'closes'];
/** The agent has given the worker its lease. Time has passed, and a key was deleted. */
const LATER = [...MAPS_GIVEN, 'time passes', 'time passes', 'key 2 is deleted', 'answers'];
export const HAPROXY: HaproxyScope = {
  name: 'haproxy',
  deletions: 1,
  reloads: 1,
  agentCrashes: 0,
  socketFailures: 0,
  master: false,
  prefix: MAPS_GIVEN,
};
const haproxy = (fault: FaultName, scope: Partial<HaproxyScope> = {}): Switch => ({
  fault,
  model: (on) => new HaproxyModel({ ...HAPROXY, ...scope, name: fault }, on ? leavingOut(fault) : undefined),
});

export const RESTORE: RestoreScope = {
  name: 'restore',
  later: 0,
  starter: false,
  restores: 1,
  stops: 0,
  troubles: 0,
  signing: true,
  prefix: [],
};
export const BACKED_UP = ['a backup is made', 'a second passes', 'a second passes'];
/** A node has lived through a restore, and its quarantine is over. */
const RECOVERED = [
  'a backup is made',
  'a second passes',
  'the backup is put back',
  'node 1 reports',
  'node 1 reports',
  'the operator names other tombstones of the key',
  'node 1 reports',
  ...Array.from({ length: 6 }, () => ['a second passes', 'node 1 reports']).flat(),
];
/** There are two control planes. One of them saw the newest state, then stopped. It missed a restore and the operator's decision about it. */
export const MISSED = [
  ...BACKED_UP,
  'control plane 2 stops',
  'the backup is put back',
  'node 1 reports',
  'node 1 reports',
  'the operator names other tombstones of the key',
];
const restore = (fault: FaultName, scope: Partial<RestoreScope> = {}): Switch => ({
  fault,
  model: (on) => new RestoreModel({ ...RESTORE, ...scope, name: fault }, on ? leavingOut(fault) : undefined),
});

export const SWITCHES: readonly Switch[] = [
  sessions('nameIsIdentity', { later: ['a'] }),
  sessions('anyCredentialReports', { troubles: 1, kinds: ['report forged'] }),
  sessions('receiptOverNodesOfNow'),
  sessions('completeNotStored', { later: ['b'] }),
  sessions('anySnapshotExcuses', { prefix: ASKED, jobs: 2, messages: 2 }),
  sessions('lateFirstSnapshot', { prefix: ASKED_TWICE, jobs: 2, messages: 2 }),
  sessions('snapshotReadBeforeCommit', { prefix: ['registers'], troubles: 1, kinds: ['replica lags'] }),
  sessions('leaseFromSettingOnly', { prefix: SIGNING, troubles: 1, kinds: ['lease shortened'], messages: 2 }),
  sessions('silenceAddedUp', { controlPlanes: 2 }),
  sessions('silenceRoundedUp', { controlPlanes: 2 }),
  sessions('verdictWithoutLook'),
  sessions('silenceCountedFromBegin'),
  sessions('repeatedReportRenews', { prefix: REPORTED, troubles: 2, kinds: ['lease shortened', 'repeats'], messages: 2 }),
  sessions('endedAcknowledges'),
  sessions('successorWithoutProof', { later: ['a'] }),
  sessions('digestIgnored', { troubles: 1, kinds: ['table wrong'] }),
  sessions('acknowledgedBeforeApplied', { deletions: 2, digests: false }),
  sessions('gapIgnored', { troubles: 1, kinds: ['stream skips'], deletions: 2, digests: false }),
  sessions('olderApplied', { prefix: ASKED_TWICE, jobs: 2, messages: 2 }),
  sessions('leaseFromOlderAnswer', { prefix: TAKEN, troubles: 1, kinds: ['lease shortened'], messages: 2 }),
  sessions('wallClockLease', { troubles: 1, kinds: ['wall clock back'] }),
  sessions('monotonicClockLease', { troubles: 1, kinds: ['machine sleeps'] }),
  sessions('bootClockIgnored', { troubles: 2, kinds: ['machine sleeps', 'wall clock back'] }),
  sessions('leaseCountsFromAnswer'),
  sessions('endedKeepsKeys', { sessions: 2 }),
  sessions('signsWithoutLease'),
  sessions('noSecondLook', { requests: true }),
  sessions('requestsNotWaitedFor', { requests: true }),
  sessions('noKernelLock', { later: ['a'] }),
  sessions('copiedFolder', { later: ['a'] }),
  haproxy('holdLostOnError', { socketFailures: 1 }),
  haproxy('freshAgentHoldsNothing', { agentCrashes: 1 }),
  haproxy('successorAtOnce', { reloads: 0, agentCrashes: 1 }),
  haproxy('leaseBeforeMaps', { reloads: 0, agentCrashes: 1 }),
  haproxy('secondReloadForgotten', { prefix: LATER }),
  haproxy('workerIsPid', { prefix: LATER }),
  haproxy('holdWithoutMargin'),
  haproxy('pidAndMapsApart', { prefix: LATER }),
  restore('noEpoch'),
  restore('noQuarantine', { signing: false, prefix: BACKED_UP }),
  restore('tableExcusedBySnapshot', { troubles: 1, prefix: RECOVERED }),
  restore('tombstonesIgnored', { prefix: BACKED_UP }),
  restore('tombstonesLostAtRestart', { troubles: 1, prefix: BACKED_UP }),
  restore('acceptById', { prefix: BACKED_UP }),
  restore('heldHandsOut', { signing: false, prefix: BACKED_UP }),
  restore('pulseNotChecked', { signing: false, prefix: BACKED_UP }),
  restore('pulseCheckedBySecondOnly', { signing: false, prefix: BACKED_UP }),
  restore('starterServesAtOnce', { signing: false, starter: true, prefix: BACKED_UP }),
  restore('pulseFileFirst', { restores: 0, troubles: 1 }),
  restore('leftEpochCompared', { restores: 2, stops: 1, prefix: MISSED }),
  restore('lostEpochForgotten', { restores: 2, stops: 1, prefix: MISSED }),
];
