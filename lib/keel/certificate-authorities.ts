import type { EnvVar, Volume, VolumeMount } from 'kubernetes-types/core/v1.d.ts';
import { certificatesIn } from '../kubernetes/certificates.ts';
import { shortHash } from '../kubernetes/names.ts';

const VOLUME = 'certificates';
/** Where Keel's image has the public authorities. */
const PUBLIC = '/etc/ssl/certs';

/** Private authorities as the data of a ConfigMap, each in a file of its own. */
export function certificateFiles(authorities: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    authorities.map((text, index) => [`authority-${index + 1}.crt`, certificatesIn(text)]),
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
