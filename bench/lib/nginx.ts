import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, type Served, start } from './processes.ts';

/** One nginx with one worker: what `signet gen nginx` prints, and beside it the same without a signature. */
export interface Nginx extends Served {
  plainUrl: string;
}

/** @throws Error when nginx is not installed */
export async function startNginx(instanceId: string, signerUrl: string, backendUrl: string): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'signet-bench-nginx-'));
  const plainPort = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ');
  const served = await start(
    'nginx',
    ['-p', folder, '-c', join(folder, 'nginx.conf')],
    '/',
    (port) => {
      const gen = ['gen', 'nginx', '--instance', instanceId, '--signer', signerUrl, '--upstream', backendUrl];
      writeFileSync(join(folder, 'signet.conf'), execFileSync(process.execPath, ['dist/cli.js', ...gen, '--listen', `127.0.0.1:${port}`]));
      writeFileSync(
        join(folder, 'nginx.conf'),
        `${process.getuid?.() === 0 ? 'user root;' : ''} daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000; ${temporary}
  include ${folder}/signet.conf;
  server {
    listen 127.0.0.1:${plainPort};
    location / {
      proxy_pass http://signet_backend_127_0_0_1_${port};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
    }
  }
}
`,
      );
      return { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` };
    },
    (status) => status > 0,
  );
  return {
    ...served,
    plainUrl: `http://127.0.0.1:${plainPort}`,
    stop: async () => {
      await served.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
