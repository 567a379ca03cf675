import type { INestApplicationContext } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Config } from '../config/config.js';
import { FirstStart } from '../iam/first-start.js';
import { IamAdminService } from '../iam/iam-admin.service.js';

/** Prints the administrator's password if this start made it up. Nothing else ever prints it. */
export function tellGeneratedPassword(app: INestApplicationContext, print: (line: string) => void = console.log): void {
  const password = app.get(FirstStart, { strict: false }).takeGeneratedPassword();
  if (password !== undefined)
    print(
      `The user admin was created with the password ${password}\nIt is shown this once: keep it, or set another with: signet iam user password admin\n`,
    );
}

/** Local mode: what a newcomer needs for a first request. */
export async function welcome(
  app: NestFastifyApplication,
  config: Config,
  port: number,
  demo: { projectId: string; instanceId: string | undefined },
): Promise<void> {
  const { token } = await app.get(IamAdminService, { strict: false }).issueToken('admin', 'default');
  const url = `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`;
  console.log(
    [
      `Signet listens on ${url}   (reference: ${url}/docs)`,
      '',
      `export API=${url}`,
      `export PROJECT=${demo.projectId}`,
      ...(demo.instanceId === undefined ? [] : [`export GATEWAY=${demo.instanceId}`]),
      `export TOKEN=${token}`,
      '',
    ].join('\n'),
  );
}
