import { relative } from 'node:path';
import TestSequencer from '@jest/test-sequencer';

/**
 * Minutes-long suites, in seconds of a run on two processors: a clean checkout knows no times of its own, Jest goes by the length of the
 * files then, and the longest suite may begin last and run alone. What a run has measured counts before these.
 */
const SECONDS = {
  'test/system/keystone.spec.ts': 400,
  'test/system/faults.spec.ts': 250,
  'test/system/process.spec.ts': 240,
  'test/system/restore.spec.ts': 210,
  'test/system/docs.pages.spec.ts': 190,
  'test/system/receipts.probes.spec.ts': 170,
  'test/system/release.spec.ts': 120,
  'test/system/demo.spec.ts': 120,
  'test/system/rewrap.spec.ts': 140,
  'test/system/operator.spec.ts': 140,
  'test/system/webhooks.delivery.spec.ts': 130,
  'test/system/backup.spec.ts': 105,
  'test/system/gateway.control-plane.spec.ts': 90,
  'test/system/gateway.stock.spec.ts': 85,
  'test/conformance/rewrap.spec.ts': 78,
  'test/conformance/signs.spec.ts': 77,
  'test/conformance/distribution.spec.ts': 75,
  'test/protocol/simulation.spec.ts': 74,
  'test/api/iam.start.spec.ts': 70,
  'test/api/audit.spec.ts': 70,
  'test/system/gateway.haproxy-workers.spec.ts': 66,
  'test/system/heap.spec.ts': 60,
  'test/conformance/endpoints.spec.ts': 60,
};
const OTHERS = 20;

export default class LongestFirst extends TestSequencer {
  time(test) {
    return super.time(test) ?? 1000 * (SECONDS[relative(test.context.config.rootDir, test.path)] ?? OTHERS);
  }
}
