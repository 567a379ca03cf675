/**
 * Rules of the protocol that tests can switch off, to show that the checks detect it. The brand is not exported, so any value other than
 * {@link NO_FAULTS} requires a cast. The only cast is in `test/protocol/faults.ts`.
 */
declare const brand: unique symbol;

export type FaultName =
  // the control plane
  | 'nameIsIdentity'
  | 'anyCredentialReports'
  | 'receiptOverNodesOfNow'
  | 'completeNotStored'
  | 'anySnapshotExcuses'
  | 'lateFirstSnapshot'
  | 'snapshotReadBeforeCommit'
  | 'leaseFromSettingOnly'
  | 'silenceNotStored'
  | 'silenceAddedUp'
  | 'silenceRoundedUp'
  | 'verdictWithoutLook'
  | 'silenceCountedFromBegin'
  | 'repeatedReportRenews'
  | 'endedAcknowledges'
  | 'successorWithoutProof'
  | 'acceptById'
  | 'noEpoch'
  | 'noQuarantine'
  | 'tableExcusedBySnapshot'
  | 'digestIgnored'
  // the node
  | 'acknowledgedBeforeApplied'
  | 'gapIgnored'
  | 'olderApplied'
  | 'leaseFromOlderAnswer'
  | 'wallClockLease'
  | 'monotonicClockLease'
  | 'bootClockIgnored'
  | 'leaseCountsFromAnswer'
  | 'endedKeepsKeys'
  | 'signsWithoutLease'
  | 'noSecondLook'
  | 'requestsNotWaitedFor'
  | 'tombstonesIgnored'
  | 'tombstonesLostAtRestart'
  | 'noKernelLock'
  | 'copiedFolder'
  // HAProxy
  | 'holdLostOnError'
  | 'freshAgentHoldsNothing'
  | 'successorAtOnce'
  | 'leaseBeforeMaps'
  | 'secondReloadForgotten'
  | 'workerIsPid'
  | 'holdWithoutMargin'
  | 'pidAndMapsApart'
  // a restored database
  | 'pulseNotChecked'
  | 'pulseCheckedBySecondOnly'
  | 'starterServesAtOnce'
  | 'pulseFileFirst'
  | 'leftEpochCompared'
  | 'lostEpochForgotten'
  | 'heldHandsOut';

export type Faults = Readonly<Partial<Record<FaultName, true>>> & { readonly [brand]: true };

/** For production: all rules apply. */
export const NO_FAULTS = Object.freeze({}) as Faults;
