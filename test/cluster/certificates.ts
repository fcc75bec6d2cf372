import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from './command.ts';
import { installed } from './packages.ts';

/** The data of a Secret as cert-manager makes it. */
export interface Certificate extends Record<string, string> {
  readonly 'ca.crt': string;
  readonly 'tls.crt': string;
  readonly 'tls.key': string;
}

/** Certificates of one authority, by the names or addresses that they are for. */
export async function certificates(names: readonly string[]): Promise<Certificate[]> {
  await installed({ openssl: 'openssl' });
  const folder = await mkdtemp(join(tmpdir(), 'keelson-certificates-'));
  const file = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): Promise<string> =>
    command('openssl', args, { cwd: folder, howToGet: 'install openssl' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  try {
    const authority = ['-x509', ...newKey, '-subj', '/CN=test', '-days', '1'];
    await openssl('req', ...authority, '-keyout', 'ca.key', '-out', 'ca.crt');
    const made: Certificate[] = [];
    for (const name of names) {
      await writeFile(file('names'), `subjectAltName=${isIP(name) ? 'IP' : 'DNS'}:${name}`);
      await openssl('req', ...newKey, '-subj', `/CN=${name}`, '-keyout', 'tls.key', '-out', 'tls.csr');
      const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names'];
      await openssl('x509', '-req', '-in', 'tls.csr', ...signed, '-days', '1', '-out', 'tls.crt');
      made.push({
        'ca.crt': await readFile(file('ca.crt'), 'utf8'),
        'tls.crt': await readFile(file('tls.crt'), 'utf8'),
        'tls.key': await readFile(file('tls.key'), 'utf8'),
      });
    }
    return made;
  } finally {
    await rm(folder, { recursive: true });
  }
}
