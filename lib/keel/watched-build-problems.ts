import { Construct } from 'constructs';
import { type ImageName, imageProblemsWhenKnown } from '../image/image-name.ts';
import { durationProblems } from '../kubernetes/durations.ts';
import type { Problem } from '../kubernetes/problem.ts';
import type { KeelPolicy } from './keel-policy.ts';
import type { KeelReference } from './keel-reference.ts';
import { KeelTrigger } from './keel-trigger.ts';
import type { KeelWatchedBuildProps } from './keel-watched-build-props.ts';

/** What a watched build has made of its props and of what it is in. */
export interface WatchedBuildContext {
  readonly image: ImageName;
  readonly policy: KeelPolicy;
  readonly trigger: KeelTrigger;
  readonly keel: KeelReference | undefined;
  /** Whether it hands over: it has a Keel of its own then, and is never let go. */
  readonly handsOver: boolean;
}

/** What is wrong with the props of a watched build, beside what any build may have wrong. */
export function watchedBuildProblems(
  { image, policy, trigger, keel, handsOver }: WatchedBuildContext,
  props: KeelWatchedBuildProps,
): Problem[] {
  return [
    ...(handsOver ? [] : keelProblems(keel)),
    ...imageProblemsWhenKnown('image', image, imageProblems),
    ...durationProblems('keepFor', props.keepFor, 1, 30 * 86_400),
    ...triggerProblems(keel, trigger, image),
    ...(handsOver ? policy.problems('policy', image) : policyProblems(policy, image)),
  ];
}

function imageProblems(image: ImageName): Problem[] {
  const problems: Problem[] = [];
  if (image.isLocal) {
    problems.push({
      property: 'image.registry',
      value: image.registry,
      message: "can't be polled by Keel, for whose pod it is the pod itself",
      remedy: 'name the registry by the address of its node, such as 172.31.39.52:32000',
    });
  }
  if (image.digest !== undefined) {
    problems.push({
      property: 'image.digest',
      value: image.digest,
      message: 'never changes, so that nothing would ever be built',
      remedy: 'give the image by its tag',
    });
  }
  return problems;
}

function keelProblems(keel: KeelReference | undefined): Problem[] {
  if (keel !== undefined) return [];
  const remedy = 'give Keel.existing(…), or a platform that has a Keel';
  return [
    {
      property: 'keel',
      value: undefined,
      message: 'is missing, so that nothing would start a build',
      remedy,
    },
  ];
}

function policyProblems(policy: KeelPolicy, image: ImageName): Problem[] {
  if (policy.canBeHeldBack) return policy.problems('policy', image);
  return [
    {
      property: 'policy',
      value: policy.annotations['keel.sh/policy'],
      message: "can't be held back while a build runs: it stands in the annotation that holding back uses",
      remedy: 'use KeelPolicy.sameTag() or KeelPolicy.semver(…)',
    },
  ];
}

/** Service and Ingress of a webhook stand beside Keel, so that only the program that installs it makes them. */
function triggerProblems(keel: KeelReference | undefined, trigger: KeelTrigger, image: ImageName): Problem[] {
  if (!(trigger instanceof KeelTrigger)) {
    const remedy = 'use KeelTrigger.poll() or KeelTrigger.webhook({ … })';
    return [{ property: 'trigger', value: trigger, message: 'is no trigger', remedy }];
  }
  if (trigger.endpoint === undefined || keel === undefined || keel instanceof Construct)
    return trigger.problems('trigger', image);
  return [
    {
      property: 'trigger',
      value: trigger.endpoint.host,
      message: 'is a webhook of a Keel that another program installs',
      remedy:
        "list namespace and trigger in that program's keel.namespaces, and use KeelTrigger.existingWebhook()",
    },
  ];
}
