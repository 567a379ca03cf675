import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from '@jest/globals';
import { Metrics } from './metrics.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

it('the process metrics keep no reference to an ended service', async () => {
  const services = Array.from({ length: 3 }, () => new WeakRef(new Metrics().registry));
  for (let i = 0; i < 20 && services.some((service) => service.deref()); i++) {
    await setImmediate();
    collectGarbage();
  }
  expect(services.map((service) => service.deref())).toEqual([undefined, undefined, undefined]);
});

it('each service of a process shows all metrics of Node', async () => {
  const pages = await Promise.all([new Metrics(), new Metrics()].map((metrics) => metrics.page(0)));
  for (const page of pages) expect(page).toMatch(/^signet_nodejs_gc_duration_seconds_count|^# TYPE signet_nodejs_gc_duration_seconds/m);
  for (const page of pages) expect(page).toMatch(/^signet_process_cpu_user_seconds_total /m);
});
