import { posix } from 'node:path';
import type { Construct } from 'constructs';
import type { Volume, VolumeMount } from 'kubernetes-types/core/v1.d.ts';
import { reportProblem } from '../kubernetes/problem.ts';
import type { SecretReference, SecretSource } from '../kubernetes/secret-source.ts';

/**
 * Secrets as files: one volume for each directory, with the files that belong into it. The directory holds
 * nothing else then.
 */
export function secretFileVolumes(
  scope: Construct,
  files: Readonly<Record<string, SecretSource>>,
  namespace: string,
): { readonly volumes: Volume[]; readonly mounts: VolumeMount[] } {
  const directories = new Map<string, { readonly path: string; readonly reference: SecretReference }[]>();
  for (const [index, [path, source]] of Object.entries(files).entries()) {
    checkPath(scope, path);
    const { dir, base } = posix.parse(posix.normalize(path));
    const reference = source.bind(scope, `${scope.node.id}-secret-file-${index}`, `secretFiles.${path}`, {
      namespace,
    });
    directories.set(dir, [...(directories.get(dir) ?? []), { path: base, reference }]);
  }
  const entries = [...directories].map(([directory, members], index) => ({
    directory,
    members,
    name: `secret-files-${index}`,
  }));
  return {
    volumes: entries.map(({ name, members }) => ({
      name,
      projected: {
        sources: members.map(({ path, reference: { secretName, key, optional } }) => ({
          secret: { name: secretName, items: [{ key, path }], ...(optional && { optional }) },
        })),
      },
    })),
    mounts: entries.map(({ name, directory }) => ({ name, mountPath: directory, readOnly: true })),
  };
}

function checkPath(scope: Construct, path: string): void {
  const normal = posix.normalize(path);
  if (
    path.startsWith('/') &&
    normal === path &&
    posix.dirname(path) !== '/' &&
    !path.includes(':') &&
    !posix.basename(path).startsWith('..')
  )
    return;
  reportProblem(scope, {
    property: `secretFiles.${path}`,
    value: path,
    message: 'is not the path of a file in a directory of its own',
    remedy: 'give an absolute path without "..", ":" or a trailing "/", such as /runner/certs/key',
  });
}
