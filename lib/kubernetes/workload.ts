import type { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import type { Deployment } from 'kubernetes-types/apps/v1.d.ts';
import type { Container, PodSpec, SecurityContext, Volume } from 'kubernetes-types/core/v1.d.ts';
import { EVERY_POD, ONE_POD, SCALED_AT_RUN_TIME, VERSIONED_IMAGE } from './linter-reasons.ts';
import { exceptFromLinters, type LinterException } from './linters.ts';
import { kubeObject, lazy } from './object.ts';
import { restrictedContainer, restrictedPod } from './pod-security.ts';

/** A container without what {@link workload} decides for it. */
export type WorkloadContainer = Omit<Container, 'securityContext' | 'terminationMessagePolicy'>;

export interface WorkloadOptions {
  readonly name: string;
  readonly namespace?: string;
  /** Labels of Deployment and pods. */
  readonly labels: Readonly<Record<string, string>>;
  /** The labels by which the Deployment finds its pods. */
  readonly selector: Readonly<Record<string, string>>;
  /** The user, group and volume group that the pod runs as. */
  readonly uid: number;
  readonly serviceAccountName: string;
  /** Left out where something at run time decides it, so that no manifest fights over it. */
  readonly replicas?: number;
  readonly container: () => WorkloadContainer;
  /** What the container may do, where that is more than `restricted` admits. */
  readonly containerSecurity?: SecurityContext;
  readonly podAnnotations?: Readonly<Record<string, string>>;
  readonly volumes?: () => Volume[];
  readonly pod?: Partial<PodSpec>;
  /** From which checks of linters it is excepted, beside those that no workload passes. */
  readonly linterExceptions?: readonly LinterException[];
}

/**
 * A Deployment of one container that the `restricted` Pod Security level admits unless it asks for more:
 * no root, no capabilities, a read-only root file system, no API token. The old pod is gone before the new one
 * starts, because its volume may be mounted once only.
 */
export function workload(scope: Construct, id: string, options: WorkloadOptions): ApiObject {
  const { name, namespace, labels, selector, uid, serviceAccountName, replicas, pod } = options;
  const { containerSecurity = restrictedContainer(), podAnnotations } = options;
  const deployment = kubeObject<Deployment>(scope, id, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      labels: { ...labels, 'app.kubernetes.io/instance': name },
    },
    spec: lazy(() => ({
      ...(replicas !== undefined && { replicas }),
      revisionHistoryLimit: 2,
      strategy: { type: 'Recreate' },
      selector: { matchLabels: { ...selector } },
      template: {
        metadata: {
          labels: { ...labels, ...selector },
          ...(podAnnotations !== undefined && { annotations: { ...podAnnotations } }),
        },
        spec: {
          serviceAccountName,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: restrictedPod(uid),
          ...pod,
          containers: [
            {
              ...options.container(),
              securityContext: containerSecurity,
              terminationMessagePolicy: 'FallbackToLogsOnError',
            },
          ],
          volumes: options.volumes?.() ?? [],
        },
      },
    })),
  });
  exceptFromLinters(
    deployment,
    ...EVERY_POD,
    VERSIONED_IMAGE,
    ...(replicas === undefined ? [SCALED_AT_RUN_TIME] : replicas > 1 ? [] : [ONE_POD]),
    ...(options.linterExceptions ?? []),
  );
  return deployment;
}

/** A scratch volume of bounded size. */
export function scratchVolume(name: string, sizeLimit: string): Volume {
  return { name, emptyDir: { sizeLimit } };
}

/** A volume from a claim. */
export function claimVolume(name: string, claimName: string): Volume {
  return { name, persistentVolumeClaim: { claimName } };
}
