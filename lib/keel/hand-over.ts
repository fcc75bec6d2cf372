import { Duration } from 'cdk8s';
import type { Construct } from 'constructs';
import type { GateHandOverConfiguration, HandOverConfiguration } from '../agent/configuration.ts';
import { durationProblems } from '../kubernetes/durations.ts';
import { json } from '../kubernetes/json.ts';
import { shortHash } from '../kubernetes/names.ts';
import { formatProblem, type Problem } from '../kubernetes/problem.ts';
import { LISTENER_KINDS } from '../platform/listener-roles.ts';
import type { BuildStage } from './build-stage.ts';
import type { HandOverProps } from './hand-over-props.ts';
import type { KeelReference } from './keel-reference.ts';
import type { KeelTrigger } from './keel-trigger.ts';
import { listenerCopies } from './listener-copies.ts';
import { hasValue, homeObjects, listenerTemplate, withVersion } from './listener-template.ts';

const AFTERWARDS: readonly unknown[] = ['keep', 'scaleDown', 'selfDestruct'];

/** The options of `handOver: true | { … }`; undefined where a build does not hand over. */
export function handOverOptions(handOver: boolean | HandOverProps | undefined): HandOverProps | undefined {
  if (handOver === undefined || handOver === false) return undefined;
  return handOver === true ? {} : handOver;
}

/** What the gate is told. */
export function gateHandOver({ timeout = Duration.minutes(5) }: HandOverProps): GateHandOverConfiguration {
  return { timeoutSeconds: timeout.toSeconds({ integral: false }) };
}

/** What the controller is told; asked at synthesis, when everything of the build is there. */
export function handOverConfiguration(
  build: Construct,
  stage: BuildStage,
  { afterwards = 'scaleDown', maxNamespaces = 5 }: HandOverProps,
): HandOverConfiguration {
  const objects = homeObjects(build, stage);
  const template = listenerTemplate(stage, objects);
  const version = shortHash(json(template));
  return {
    listener: withVersion(template, version),
    version,
    ...listenerCopies(objects),
    afterwards,
    maxNamespaces,
  };
}

/** What is wrong with how a build is to hand over. */
export function handOverProblems(
  { record, platform, image }: BuildStage,
  trigger: KeelTrigger,
  options: HandOverProps,
  keel: KeelReference | undefined,
): Problem[] {
  const { afterwards, maxNamespaces, timeout } = options;
  const problems: Problem[] = [...durationProblems('handOver.timeout', timeout, 1, 86_400)];
  const add = (property: string, value: unknown, message: string, remedy: string): void => {
    problems.push({ property, value, message, remedy });
  };
  if (record?.isolation === undefined) {
    add('handOver', true, 'needs a namespace with fences to copy', 'put the build into a Pipeline');
  } else if (platform?.handOver !== true) {
    const message = 'is not allowed by the platform';
    add(
      'handOver',
      platform?.platformName,
      message,
      'give the Platform, or Platform.existing, handOver: true',
    );
  }
  if (afterwards !== undefined && !AFTERWARDS.includes(afterwards)) {
    const remedy = "use 'keep', 'scaleDown' or 'selfDestruct'";
    add('handOver.afterwards', afterwards, 'is nothing that can become of a namespace', remedy);
  }
  if (
    maxNamespaces !== undefined &&
    !(Number.isInteger(maxNamespaces) && maxNamespaces >= 1 && maxNamespaces <= 100)
  ) {
    add('handOver.maxNamespaces', maxNamespaces, 'is out of range', 'give a whole number from 1 to 100');
  }
  if (keel !== undefined) {
    const remedy = 'leave it out, and give handOver.keel where you need to';
    add('keel', keel.namespace, 'watches no build that hands over', remedy);
  }
  if (trigger.polls === false) {
    const remedy = 'use KeelTrigger.poll()';
    add('trigger', image.toString(), 'leads to one namespace, and listeners are in others', remedy);
  }
  return problems;
}

/** What a listener would need that the controller may not make. */
export function listenerProblems(build: Construct, stage: BuildStage): string[] {
  return homeObjects(build, stage)
    .filter((object) => !hasValue(object) && !LISTENER_KINDS.has(object.kind))
    .map(({ kind, metadata }) =>
      formatProblem({
        property: 'handOver',
        value: `${kind} ${metadata.name}`,
        message: 'is part of the build or a service of it, and the controller may not make it for a listener',
        remedy: `use only ${[...LISTENER_KINDS].join(', ')}, or leave handOver out`,
      }),
    );
}
