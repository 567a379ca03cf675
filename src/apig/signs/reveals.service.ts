import { Injectable } from '@nestjs/common';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService } from '../../platform/changes/changes.service.js';
import { ID_PATTERN } from '../../platform/common/ids.js';
import type { Caller } from '../../platform/common/principal.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import { inInstance } from '../instances/instance-scope.js';
import type { ProjectCipher } from '../../platform/vault/project-cipher.js';
import { VaultService } from '../../platform/vault/vault.service.js';
import type { RevealedSignView } from './reveals.dto.js';
import { openSign } from './sealed-sign.js';
import { SignNotFound, SignUnreadable } from './signs.errors.js';
import { Sign } from './sign.entity.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';

const SIGN = columnsOf(Sign).pick('name', 'signType', 'signAlgorithm', 'signKey', { sealedSecret: 'signSecret', version: 'secretVersion' });
const SELECT = `SELECT ${SIGN.select} FROM signs WHERE id = ? AND instance_id = ? AND project_id = ?`;

/** Shows one secret on request, for gateways that mask secrets in lists. */
@Injectable()
export class RevealsService {
  constructor(
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly vault: VaultService,
  ) {}

  /** Returns the secret, after the audit row about it was committed. @throws SignNotFound, SignUnreadable, InstanceNotFound */
  async reveal(scope: InstanceScope, signId: string, caller: Caller): Promise<RevealedSignView> {
    if (!ID_PATTERN.test(signId)) throw new SignNotFound(signId);
    const reveal = (box: ProjectCipher) =>
      this.changes.write(inInstance(scope), async (write) => {
        const [sign] = await write.rows<RowOf<typeof SIGN>>(SELECT, [signId, scope.instanceId, scope.projectId]);
        if (!sign) throw new SignNotFound(signId);
        const { key, secret } = openSign(box, scope, { ...sign, signId });
        await this.audit.record(write, caller, {
          action: 'RevealSignatureKey',
          resourceType: 'Signature',
          resourceId: signId,
          resourceName: sign.name,
          detail: { secret_version: sign.version },
        });
        write.change('reveal', signId, 'created');
        const { signType: sign_type, signAlgorithm } = sign;
        return { id: signId, sign_type, sign_key: key, sign_secret: secret, ...(signAlgorithm && { sign_algorithm: signAlgorithm }) };
      });
    return this.vault.withCipher(scope.projectId, reveal, () => new SignUnreadable(signId));
  }
}
