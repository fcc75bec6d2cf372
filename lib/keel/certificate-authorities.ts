import { X509Certificate } from 'node:crypto';
import type { EnvVar, Volume, VolumeMount } from 'kubernetes-types/core/v1.d.ts';
import { shortHash } from '../kubernetes/names.ts';
import { hidden, type Problem } from '../kubernetes/problem.ts';

const VOLUME = 'certificates';
/** Where Keel's image has the public authorities. */
const PUBLIC = '/etc/ssl/certs';
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Private authorities as the data of a ConfigMap, each in a file of its own, without what stands beside them. */
export function certificateFiles(authorities: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    authorities.map((text, index) => [
      `authority-${index + 1}.crt`,
      `${(text.match(CERTIFICATE) ?? []).join('\n')}\n`,
    ]),
  );
}

/**
 * What a Go program needs to trust private authorities beside the public ones. SSL_CERT_DIR is a list, and
 * the bundle of public authorities is read as well unless SSL_CERT_FILE names another.
 *
 * @see https://pkg.go.dev/crypto/x509#SystemCertPool
 */
export function trustOf(
  configMap: string,
  authorities: readonly string[],
): { readonly volumes: Volume[]; readonly mounts: VolumeMount[]; readonly env: EnvVar[] } {
  if (authorities.length === 0) return { volumes: [], mounts: [], env: [] };
  // Go reads certificates once: other ones are at another path, so that a new pod starts.
  const mountPath = `/etc/keelson/certificates-${shortHash(authorities.join('\n'))}`;
  return {
    volumes: [{ name: VOLUME, configMap: { name: configMap } }],
    mounts: [{ name: VOLUME, mountPath, readOnly: true }],
    env: [{ name: 'SSL_CERT_DIR', value: `${PUBLIC}:${mountPath}` }],
  };
}

/** What is wrong with the certificates of an authority. */
export function certificateProblems(property: string, text: string | undefined): Problem[] {
  if (text === undefined) return [];
  // A private key may stand beside them.
  const problem = { property, value: hidden, remedy: 'give the certificates of the authority, in PEM' };
  if (typeof text !== 'string') return [{ ...problem, message: 'is no text' }];
  if (text.includes('PRIVATE KEY')) return [{ ...problem, message: 'has a private key in it' }];
  const certificates = text.match(CERTIFICATE) ?? [];
  if (certificates.length > 0 && certificates.every(isCertificate)) return [];
  return [{ ...problem, message: 'is no certificate' }];
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}
