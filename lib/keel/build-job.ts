import type { ApiObject, Duration } from 'cdk8s';
import { Construct } from 'constructs';
import type { Job, JobSpec } from 'kubernetes-types/batch/v1.d.ts';
import { warnWhereAppliedAgain } from '../gitops/applied-again.ts';
import type { ImageName } from '../image/image-name.ts';
import { json } from '../kubernetes/json.ts';
import { partLabels } from '../kubernetes/labels.ts';
import { exceptFromLinters, type LinterException } from '../kubernetes/linters.ts';
import { shortHash } from '../kubernetes/names.ts';
import { kubeObject } from '../kubernetes/object.ts';
import { type Problem, reportProblems } from '../kubernetes/problem.ts';
import type { Grant } from '../kubernetes/rbac.ts';
import { sound } from '../props/sound.ts';
import { missingBuild } from '../props/stand-ins.ts';
import { buildJobProblems } from './build-job-problems.ts';
import type { BuildJobProps } from './build-job-props.ts';
import { buildExceptions } from './build-pod.ts';
import { buildProblems } from './build-problems.ts';
import {
  BUILD_OWN,
  buildObjects,
  buildPodLabels,
  buildQuota,
  buildStage,
  declareBuild,
  stagePod,
} from './build-stage.ts';
import { AfterCommand } from './wrapper.ts';

/**
 * A build that runs once, to its end: a Job with the same gate and the same wrapper as a watched build. The
 * services run while it does, and the Job succeeds or fails as its command did. Nothing watches the image.
 *
 * The pods of a Job can't be changed, so a changed spec is a new Job: its name ends in a hash of the spec
 * unless `jobName` names it. The Job of before goes when it is pruned or deleted; applying the same manifests
 * again starts nothing. Where another run of the same spec is wanted, give another `jobName` or delete the Job.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/controllers/job/
 * @example
 * new BuildJob(pipeline, 'build', {
 *   image: ImageName.parse('quay.io/leafai/studio-go-runner-standalone-build:main'),
 *   services: new MinioRabbitTestStack(pipeline, 'services'),
 *   command: ['./base-build.sh'],
 *   retries: 4,
 * });
 */
export class BuildJob extends Construct {
  /** The image that runs. */
  readonly image: ImageName;
  /** The Job's name. */
  readonly jobName: string;
  /** The Job. */
  readonly job: ApiObject;
  /** What the gate may do. */
  readonly gateGrant: Grant;
  /** The volume that outlives a build. */
  readonly claim: ApiObject | undefined;

  constructor(scope: Construct, id: string, given: BuildJobProps) {
    super(scope, id);
    const props = sound(this, 'BuildJobProps', given, missingBuild(), BUILD_OWN);
    const stage = buildStage(this, props);
    const { record, namespace, names, configurations } = stage;
    this.image = stage.image;
    reportProblems(this, [...buildJobProblems(props), ...buildProblems(this, stage, props)]);
    if (props.ttlAfterFinished !== undefined) warnWhereAppliedAgain(this, madeAgain(props.ttlAfterFinished));

    const spec = jobSpec(id, props, stagePod(this, stage, props, AfterCommand.EXIT)());
    const name = props.jobName ?? `${id}-${shortHash(json(spec))}`;
    this.jobName = name;
    const { claim, gateGrant } = buildObjects(this, stage, () => ({ job: name }));
    this.claim = claim;
    this.gateGrant = gateGrant;
    this.job = kubeObject<Job>(this, 'Resource', {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: {
        name,
        namespace,
        labels: { ...partLabels(id, 'build'), 'app.kubernetes.io/instance': name },
      },
      spec,
    });
    const latest = 'whoever applies the Job wants what the tag names by then';
    exceptFromLinters(
      this.job,
      ...buildExceptions(stage.image, stage.podSecurity, latest),
      ...(props.ttlAfterFinished === undefined ? [STAYS] : []),
    );
    record?.contribute({
      podSecurity: stage.podSecurity,
      quota: buildQuota(props),
      job: () => ({
        job: name,
        lease: names.lease,
        statusConfigMap: names.status,
        services: configurations,
      }),
    });
    declareBuild(this, stage, props, { title: `build ${id}, once`, image: 'runs' });
  }
}

const STAYS: LinterException = {
  checks: ['kube-linter/job-ttl-seconds-after-finished'],
  reason: 'what applies manifests again would make a Job that was removed anew, and so build again',
};

function madeAgain(ttlAfterFinished: Duration): Problem {
  return {
    property: 'ttlAfterFinished',
    value: `${ttlAfterFinished.toSeconds({ integral: false })} s`,
    message: 'removes the Job, which GitOps then makes anew, and so builds again',
    remedy: 'leave it out: the Job stays until it is no longer in the manifests',
  };
}

function jobSpec(
  id: string,
  { retries = 0, ttlAfterFinished }: BuildJobProps,
  pod: JobSpec['template']['spec'],
): JobSpec {
  return {
    backoffLimit: retries,
    // A pod that had to make room has not failed.
    podFailurePolicy: {
      rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }],
    },
    ...(ttlAfterFinished !== undefined && {
      ttlSecondsAfterFinished: ttlAfterFinished.toSeconds({ integral: false }),
    }),
    template: {
      metadata: { labels: buildPodLabels(id) },
      spec: { containers: [], ...pod, restartPolicy: 'Never' },
    },
  };
}
