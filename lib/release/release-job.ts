import type { Job } from 'kubernetes-types/batch/v1.d.ts';
import type { Container, EnvVar, Volume } from 'kubernetes-types/core/v1.d.ts';
import { placeholder, type TemplateObject } from '../agent/job-template.ts';
import { ReleaseVariables, SKIPPED_EXIT_CODE } from '../agent/release.ts';
import { KeelsonAnnotations, KeelsonLabels, partLabels } from '../kubernetes/labels.ts';
import { EVERY_POD, VERSIONED_IMAGE } from '../kubernetes/linter-reasons.ts';
import { exceptedFromLinters } from '../kubernetes/linters.ts';
import { toDnsLabel } from '../kubernetes/names.ts';

/** The ServiceAccount of every release Job. It has no rights. */
export const RELEASE_ACCOUNT = 'release';

export interface ReleaseJobOptions {
  /** The Job's name within the release. */
  readonly name: string;
  readonly pipeline: string;
  readonly namespace: string;
  readonly timeoutSeconds: number;
  readonly initContainers: readonly Container[];
  /** The container whose exit code says how it went. */
  readonly container: Container;
  readonly volumes: readonly Volume[];
}

/** A Job for one commit. It is tried again, but not where its credential is missing. */
export function releaseJobTemplate(options: ReleaseJobOptions): TemplateObject[] {
  const { name, pipeline, namespace, timeoutSeconds, initContainers, container, volumes } = options;
  const labels = {
    ...partLabels(name, 'release'),
    [KeelsonLabels.PIPELINE]: toDnsLabel(pipeline),
    [KeelsonLabels.COMMIT]: placeholder('tag.commit'),
  };
  const jobName = `${name}-${placeholder('id')}`;
  const job: Job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobName,
      namespace,
      labels: { ...labels, 'app.kubernetes.io/instance': jobName },
      annotations: {
        [KeelsonAnnotations.BRANCH]: placeholder('branch'),
        [KeelsonAnnotations.COMMIT]: placeholder('commit'),
      },
    },
    spec: {
      backoffLimit: 2,
      podFailurePolicy: {
        rules: [
          {
            action: 'FailJob',
            onExitCodes: { containerName: container.name, operator: 'In', values: [SKIPPED_EXIT_CODE] },
          },
        ],
      },
      activeDeadlineSeconds: timeoutSeconds,
      ttlSecondsAfterFinished: 7 * 86_400,
      template: {
        metadata: { labels },
        spec: {
          restartPolicy: 'Never',
          serviceAccountName: RELEASE_ACCOUNT,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: {
            runAsNonRoot: true,
            fsGroup: 65532,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          initContainers: [...initContainers],
          containers: [container],
          volumes: [...volumes],
        },
      },
    },
  };
  return [exceptedFromLinters(job, [...EVERY_POD, VERSIONED_IMAGE]) as TemplateObject];
}

/** What a release Job's program is told of the commit: as variables, never as part of a command line. */
export function commitVariables(): EnvVar[] {
  return [
    { name: ReleaseVariables.VERSION, value: placeholder('version') },
    { name: ReleaseVariables.COMMIT, value: placeholder('commit') },
    { name: ReleaseVariables.BRANCH, value: placeholder('branch') },
    { name: ReleaseVariables.DIGEST, value: placeholder('digest') },
  ];
}
