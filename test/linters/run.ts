// Runs the linters over objects, and reads what they found.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { yamlDocuments } from '../../lib/app/yaml.ts';
import { finding } from '../support/linter-exceptions.ts';
import { inTemporaryDirectory, type Manifest } from '../support/synthesized.ts';

/** The newest Kubernetes that is supported: what is deprecated there is found. */
const KUBERNETES = 'v1.36';

interface KubeScoreObject {
  readonly type_meta: { readonly kind: string };
  readonly object_meta: Manifest['metadata'];
  readonly checks: readonly {
    readonly check: { readonly id: string };
    readonly grade: number;
    readonly skipped: boolean;
  }[];
}

/** What kube-score's default checks call critical or warn of: `Service ci/minio: kube-score/service-type`, sorted. */
export function kubeScoreFindings(program: string, objects: readonly Manifest[]): string[] {
  const args = ['score', '--output-format', 'json', '--kubernetes-version', KUBERNETES];
  const scored: readonly KubeScoreObject[] = run(program, args, objects);
  // It does not mention objects of kinds that it has no check for.
  const known = objects.filter(({ kind }) =>
    /^(Deployment|DaemonSet|Job|CronJob|Service|NetworkPolicy)$/.test(kind),
  );
  if (scored.length < known.length) throw new Error(`kube-score looked at ${scored.length} objects only`);
  return scored
    .flatMap(({ type_meta: { kind }, object_meta: metadata, checks }) =>
      checks
        // Grades are 1 for critical and 5 for a warning, above that all is well.
        .filter(({ grade, skipped }) => !skipped && grade <= 5)
        .map(({ check }) => finding({ apiVersion: '', kind, metadata }, `kube-score/${check.id}`)),
    )
    .sort();
}

interface KubeLinterReport {
  readonly Reports:
    | readonly {
        readonly Check: string;
        readonly Object: {
          readonly K8sObject: {
            readonly Namespace: string;
            readonly Name: string;
            readonly GroupVersionKind: { readonly Kind: string };
          };
        };
      }[]
    | null;
}

/** What kube-linter's default checks find, in the same form. */
export function kubeLinterFindings(program: string, objects: readonly Manifest[]): string[] {
  const { Reports }: KubeLinterReport = run(
    program,
    ['lint', '--format', 'json', '--fail-if-no-objects-found'],
    objects,
  );
  const found = (Reports ?? []).map(({ Check, Object: { K8sObject } }) => {
    const { Namespace: namespace, Name: name, GroupVersionKind } = K8sObject;
    const metadata = namespace === '' ? { name } : { name, namespace };
    return finding({ apiVersion: '', kind: GroupVersionKind.Kind, metadata }, `kube-linter/${Check}`);
  });
  // One check may find several things wrong with an object.
  return [...new Set(found)].sort();
}

function run<T>(program: string, args: readonly string[], objects: readonly Manifest[]): T {
  return inTemporaryDirectory((directory) => {
    const path = join(directory, 'manifests.yaml');
    writeFileSync(path, yamlDocuments(objects));
    const { status, stdout, stderr } = spawnSync(program, [...args, path], {
      encoding: 'utf8',
      maxBuffer: 256 * 1024 * 1024,
    });
    // Both end with 1 where they find something; what broke is told on standard error, without JSON.
    if (status !== 0 && status !== 1) throw new Error(`${program} ended with ${status}: ${stderr}`);
    try {
      return JSON.parse(stdout);
    } catch (error) {
      throw new Error(`${program} said ${stdout.slice(0, 1000)}${stderr}`, { cause: error });
    }
  });
}
