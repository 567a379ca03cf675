import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** A certificate authority for one test, with its certificates as PEM files from OpenSSL. */
export class Authority {
  readonly caFile: string;

  constructor(
    private readonly dir: string,
    private readonly name: string,
  ) {
    this.caFile = join(dir, `${name}.pem`);
    openssl(['req', '-x509', ...KEY, '-keyout', join(dir, `${name}.key`), '-out', this.caFile, '-days', '2', '-subj', `/CN=${name}`]);
  }

  /** A certificate for 127.0.0.1, or for other names, and its key. */
  issue(subject: string, names = 'IP:127.0.0.1'): { certFile: string; keyFile: string } {
    const at = (ending: string) => join(this.dir, `${this.name}-${subject}.${ending}`);
    openssl([
      'req',
      '-new',
      ...KEY,
      '-keyout',
      at('key'),
      '-out',
      at('csr'),
      '-subj',
      `/CN=${subject}`,
      '-addext',
      `subjectAltName=${names}`,
    ]);
    const signer = ['-CA', this.caFile, '-CAkey', join(this.dir, `${this.name}.key`), '-CAcreateserial'];
    openssl(['x509', '-req', '-in', at('csr'), ...signer, '-out', at('crt'), '-days', '2', '-copy_extensions', 'copyall']);
    return { certFile: at('crt'), keyFile: at('key') };
  }
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const openssl = (args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
