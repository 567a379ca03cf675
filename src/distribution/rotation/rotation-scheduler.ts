import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/common/clock.js';
import { Database } from '../../platform/database/database.js';
import { LeasedTask } from '../../platform/database/leased-task.js';
import { Pulse } from '../../platform/recovery/pulse.js';
import { dueRotations } from './rotation-rows.js';
import { RotationsService } from './rotations.service.js';

type DueRotation = Awaited<ReturnType<typeof dueRotations>>[number];

/**
 * Runs the steps of rotations when they are due. The step itself ensures, under the gateway's lock, that it happens only once.
 *
 * Guarantees: Each step of a rotation happens once, at its time or later.
 * Condition: The step is checked again under the lock of the gateway.
 * Degrades: While no process runs, or while a restore waits for a decision, steps are late, and the old secret stays valid for longer.
 */
@Injectable()
export class RotationScheduler extends LeasedTask<DueRotation> {
  constructor(
    database: Database,
    clock: Clock,
    private readonly rotations: RotationsService,
    private readonly pulse: Pulse,
  ) {
    super(
      database,
      clock,
      { acts: ['PromoteSignatureKeyRotation', 'RetireSignatureKeySecret'] },
      { lease: 'rotations', leaseMs: 10_000, everyMs: 1000, fault: 'a step of a rotation failed' },
    );
  }

  protected async due(now: number): Promise<DueRotation[]> {
    return this.pulse.held ? [] : dueRotations(this.database, now);
  }

  protected runStep({ signId, ...scope }: DueRotation): Promise<void> {
    return this.rotations.step(scope, signId);
  }
}
