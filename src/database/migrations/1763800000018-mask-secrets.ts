import { type MigrationInterface, type QueryRunner, TableColumn } from 'typeorm';

/** Whether a gateway's secrets are masked where they are shown. */
export class MaskSecrets1763800000018 implements MigrationInterface {
  readonly name = 'MaskSecrets1763800000018';

  async up(q: QueryRunner): Promise<void> {
    if (await q.hasColumn('gateway_settings', 'mask_secrets')) return;
    await q.addColumn('gateway_settings', new TableColumn({ name: 'mask_secrets', type: 'boolean', isNullable: true }));
  }

  async down(q: QueryRunner): Promise<void> {
    await q.dropColumn('gateway_settings', 'mask_secrets');
  }
}
