import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** An authority of its own for a test, and what it signs, as PEM files made by OpenSSL. */
export class Authority {
  readonly caFile: string;

  constructor(
    private readonly dir: string,
    private readonly name: string,
  ) {
    this.caFile = join(dir, `${name}.pem`);
    openssl(['req', '-x509', ...KEY, '-keyout', join(dir, `${name}.key`), '-out', this.caFile, '-days', '2', '-subj', `/CN=${name}`]);
  }

  /** A certificate for 127.0.0.1 and its key. */
  issue(subject: string): { certFile: string; keyFile: string } {
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
      'subjectAltName=IP:127.0.0.1',
    ]);
    const signer = ['-CA', this.caFile, '-CAkey', join(this.dir, `${this.name}.key`), '-CAcreateserial'];
    openssl(['x509', '-req', '-in', at('csr'), ...signer, '-out', at('crt'), '-days', '2', '-copy_extensions', 'copyall']);
    return { certFile: at('crt'), keyFile: at('key') };
  }
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const openssl = (args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
