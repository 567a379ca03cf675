import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { ChangesService } from '../changes/changes.service.js';
import { ID_PATTERN } from '../common/ids.js';
import type { Caller } from '../common/principal.js';
import type { InstanceScope } from '../common/scope.js';
import { inInstance } from '../instances/instance-scope.js';
import type { SignAlgorithm, SignType } from '../lib/signing/algorithms.js';
import { fromColumn } from '../vault/sealed.js';
import { VaultService } from '../vault/vault.service.js';
import type { RevealedSignView } from './reveals.dto.js';
import { SignNotFound } from './signs.errors.js';
import { secretPlace } from './signs.service.js';

interface SealedRow {
  name: string;
  signType: SignType;
  signAlgorithm: SignAlgorithm | null;
  signKey: string;
  sealedSecret: string;
  secretVersion: number;
}

const SELECT = `SELECT name, sign_type AS signType, sign_algorithm AS signAlgorithm, sign_key AS signKey, sign_secret AS sealedSecret,
  secret_version AS secretVersion FROM signs WHERE id = ? AND instance_id = ? AND project_id = ?`;

/** Secrets shown on demand, where the lists mask them. */
@Injectable()
export class RevealsService {
  constructor(
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly vault: VaultService,
  ) {}

  /** The secret that signs. It goes out only once the audit row that says so is committed. @throws SignNotFound, InstanceNotFound */
  async reveal(scope: InstanceScope, signId: string, caller: Caller): Promise<RevealedSignView> {
    if (!ID_PATTERN.test(signId)) throw new SignNotFound(signId);
    return this.vault.withBox(scope.projectId, (box) =>
      this.changes.write(inInstance(scope), async (write) => {
        const [sign] = await write.rows<SealedRow>(SELECT, [signId, scope.instanceId, scope.projectId]);
        if (!sign) throw new SignNotFound(signId);
        const sign_secret = box.open(secretPlace(scope.projectId, signId, sign.secretVersion), fromColumn(sign.sealedSecret));
        await this.audit.record(write, caller, {
          action: 'RevealSignatureKey',
          resourceType: 'Signature',
          resourceId: signId,
          resourceName: sign.name,
          detail: { secret_version: sign.secretVersion },
        });
        write.change('reveal', signId, 'created');
        const { signType: sign_type, signKey: sign_key, signAlgorithm } = sign;
        return { id: signId, sign_type, sign_key, sign_secret, ...(signAlgorithm && { sign_algorithm: signAlgorithm }) };
      }),
    );
  }
}
