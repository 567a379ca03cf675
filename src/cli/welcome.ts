import type { INestApplicationContext } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Config } from '../platform/config/config.js';
import { CONSOLE_PATH } from '../platform/edge/console.js';
import { FirstStart } from '../identity/iam/first-start.js';
import { IamAdminService } from '../identity/iam/iam-admin.service.js';
import type { Embedded } from './embedded.js';

/** Prints the administrator's password if this start generated it. Nothing else ever prints it. */
export function tellGeneratedPassword(app: INestApplicationContext, print: (line: string) => void = console.log): void {
  const password = app.get(FirstStart, { strict: false }).takeGeneratedPassword();
  if (password !== undefined)
    print(
      `The user admin was created with the password ${password}\nIt is shown only once, and must be changed at the first sign-in: in the web console, or with signet login\n`,
    );
}

/** Local mode: what a newcomer needs for a first request. */
export async function welcome(
  app: NestFastifyApplication,
  url: string,
  demo: { projectId: string; instanceId: string | undefined },
  embedded: Embedded | undefined,
): Promise<void> {
  const { token } = await app.get(IamAdminService, { strict: false }).issueToken('admin', 'default');
  console.log(
    [
      ...(app.get(Config).console ? [`The web console is at ${url}${CONSOLE_PATH}`] : []),
      `Signet listens on ${url}   (reference: ${url}/docs)`,
      ...(embedded
        ? [
            `its gateway signs on http://127.0.0.1:${embedded.gateway.proxyPort}, for a backend on http://127.0.0.1:${embedded.backend.port}`,
          ]
        : []),
      '',
      `export API=${url}`,
      `export PROJECT=${demo.projectId}`,
      ...(demo.instanceId === undefined ? [] : [`export GATEWAY=${demo.instanceId}`]),
      ...(embedded ? [`export PROXY=http://127.0.0.1:${embedded.gateway.proxyPort}`] : []),
      `export TOKEN=${token}`,
      '',
    ].join('\n'),
  );
}
