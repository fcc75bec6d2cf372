import type { ApiObject, Size } from 'cdk8s';
import type { Construct } from 'constructs';
import type { PersistentVolumeClaim } from 'kubernetes-types/core/v1.d.ts';
import { isDnsSubdomain } from './names.ts';
import { kubeObject } from './object.ts';
import { reportProblem, reportWarning } from './problem.ts';
import { parseQuantity, quantity } from './resources.ts';

/** How many nodes may mount a volume at once. */
export type AccessMode = 'ReadWriteOnce' | 'ReadWriteOncePod' | 'ReadWriteMany';

/**
 * Storage classes whose provisioner is known to serve one node only, so that a ReadWriteMany claim stays
 * pending. MicroK8s' hostpath does bind ReadWriteMany: it is one directory of one node.
 */
const SINGLE_NODE_CLASSES: readonly string[] = [
  'gp2',
  'gp3',
  'standard-rwo',
  'premium-rwo',
  'managed-premium',
  'local-path',
];
const SHARED_CLASSES: readonly string[] = [
  'microk8s-hostpath',
  'nfs-client',
  'efs-sc',
  'azurefile',
  'cephfs',
];

export interface VolumeClaimProps {
  /** Size of the volume. */
  readonly size: Size;
  /**
   * Storage class.
   * @default - the cluster's default class
   */
  readonly storageClassName?: string;
  /**
   * How many nodes may mount the volume at once.
   * @default 'ReadWriteOnce'
   */
  readonly accessMode?: AccessMode;
}

/** Adds a claim for a volume. A shared access mode that the class can't serve is reported. */
export function volumeClaim(
  scope: Construct,
  id: string,
  metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string> },
  property: string,
  { size, storageClassName, accessMode = 'ReadWriteOnce' }: VolumeClaimProps,
): ApiObject {
  checkClass(scope, property, storageClassName, accessMode);
  if (!((parseQuantity(quantity(size)) ?? 0) > 0)) {
    reportProblem(scope, {
      property: `${property}.size`,
      value: quantity(size),
      message: 'is no size',
      remedy: 'give Size.gibibytes(20)',
    });
  }
  return kubeObject<PersistentVolumeClaim>(scope, id, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { ...metadata },
    spec: {
      accessModes: [accessMode],
      ...(storageClassName !== undefined && { storageClassName }),
      resources: { requests: { storage: quantity(size) } },
    },
  });
}

function checkClass(
  scope: Construct,
  property: string,
  storageClass: string | undefined,
  mode: AccessMode,
): void {
  if (storageClass !== undefined && !isDnsSubdomain(storageClass)) {
    reportProblem(scope, {
      property: `${property}.storageClassName`,
      value: storageClass,
      message: 'is not a valid name of a StorageClass',
      remedy: 'name a class that `kubectl get storageclass` lists',
    });
  }
  if (mode !== 'ReadWriteMany') return;
  if (storageClass !== undefined && SINGLE_NODE_CLASSES.includes(storageClass)) {
    reportProblem(scope, {
      property: `${property}.accessMode`,
      value: mode,
      message: `can't be served by the storage class ${storageClass}`,
      remedy: 'use ReadWriteOnce, or a class for shared volumes such as NFS',
    });
  } else if (storageClass === undefined || !SHARED_CLASSES.includes(storageClass)) {
    reportWarning(scope, {
      property: `${property}.accessMode`,
      value: mode,
      message: `may not be served by ${storageClass ?? "the cluster's default storage class"}`,
      remedy: 'make sure that the class can share a volume between nodes, or use ReadWriteOnce',
    });
  }
}
