import { posix } from 'node:path';
import type { Construct } from 'constructs';
import { kubernetesMinorOf } from '../app/kubernetes-version.ts';
import { VISIBLE_DEVICES } from '../gpu/gpus.ts';
import { type ImageName, imageProblemsWhenKnown } from '../image/image-name.ts';
import { durationProblems } from '../kubernetes/durations.ts';
import { isDnsLabel, isDnsSubdomain } from '../kubernetes/names.ts';
import type { PodSecurity } from '../kubernetes/pod-security.ts';
import { hidden, type Problem, problemsWhenKnown } from '../kubernetes/problem.ts';
import { resourceProblems } from '../kubernetes/resources.ts';
import { looksSecret } from '../kubernetes/secret-scan.ts';
import type { TestService } from '../services/test-service.ts';
import type { BuildProps } from './build-props.ts';
import type { BuildStage } from './build-stage.ts';

/** What is wrong with the props that every build has. */
export function buildProblems(scope: Construct, stage: BuildStage, props: BuildProps): Problem[] {
  return [
    ...serviceProblems(stage.services, stage.namespace),
    ...idProblems(scope.node.id),
    ...imageProblems(stage.image),
    ...stage.agentImage.problems('agentImage'),
    ...commandProblems(props.command),
    ...resourceProblems('resources', props.resources),
    ...durationProblems('timeout', props.timeout, 1, 7 * 86_400),
    ...reasonProblems(props.podSecurity),
    ...hostUsersProblems(scope, props.hostUsers),
    ...volumeProblems(props),
    ...environmentProblems(props),
    ...envFromProblems(props),
  ];
}

function idProblems(id: string): Problem[] {
  if (isDnsLabel(id) && id.length <= 50) return [];
  return [
    {
      property: 'id',
      value: id,
      message: 'is not a valid name of a build',
      remedy: 'use at most 50 lower-case letters, digits and "-"',
    },
  ];
}

function imageProblems(image: ImageName): Problem[] {
  return [...image.problems('image'), ...imageProblemsWhenKnown('image', image, tagProblems)];
}

function tagProblems({ tag, digest }: ImageName): Problem[] {
  if (tag !== undefined || digest !== undefined) return [];
  const remedy = 'name the tag that is pushed to, such as :main';
  return [{ property: 'image.tag', value: undefined, message: 'is missing', remedy }];
}

function serviceProblems(services: readonly TestService[], namespace: string): Problem[] {
  return services
    .filter((service) => service.namespace !== namespace)
    .map((service) => ({
      property: 'services',
      value: service.namespace,
      message: `has ${service.node.path} in another namespace than the build's, ${namespace}`,
      remedy: "put it into the build's: neither the gate's rights nor the network policies reach further",
    }));
}

function commandProblems(command: readonly string[]): Problem[] {
  if (!Array.isArray(command) || command.length === 0) {
    return [
      {
        property: 'command',
        value: command,
        message: 'is empty',
        remedy: "give the program and its arguments, such as ['./base-build.sh']",
      },
    ];
  }
  return command.flatMap((argument, index) => {
    const property = `command[${index}]`;
    if (typeof argument !== 'string')
      return [{ property, value: argument, message: 'is no text', remedy: 'write each argument as a text' }];
    if (!looksSecret(argument)) return [];
    return [
      {
        property,
        value: hidden,
        message: 'is a secret in plain text',
        remedy: 'pass it by env or secretFiles, from a SecretSource',
      },
    ];
  });
}

function reasonProblems(podSecurity: PodSecurity | undefined): Problem[] {
  if (podSecurity === undefined || podSecurity.level === 'restricted' || podSecurity.reason?.trim())
    return [];
  const remedy = 'say why, for whoever reads the namespace';
  return [{ property: 'podSecurity', value: podSecurity.reason, message: 'has no reason', remedy }];
}

/** https://kubernetes.io/docs/concepts/workloads/pods/user-namespaces/ */
function hostUsersProblems(scope: Construct, hostUsers: boolean | undefined): Problem[] {
  if (hostUsers !== false || kubernetesMinorOf(scope) >= 33) return [];
  return [
    {
      property: 'hostUsers',
      value: hostUsers,
      message: 'is ignored by Kubernetes before 1.33 unless a feature gate is set',
      remedy: "set the app's kubernetesVersion to '1.33' or later, or leave it out",
    },
  ];
}

/** Where the pod's own volumes are. */
const TAKEN = ['/keelson', '/etc/podinfo', '/var/run/secrets/kubernetes.io', '/run/secrets/kubernetes.io'];

function isTaken(path: string): boolean {
  return TAKEN.some(
    (taken) => path === taken || path.startsWith(`${taken}/`) || taken.startsWith(`${path}/`),
  );
}

function volumeProblems({ volume, secretFiles = {} }: BuildProps): Problem[] {
  const mountPath = volume === false ? undefined : (volume?.mountPath ?? '/build');
  return problemsWhenKnown('volume.mountPath', { mountPath, files: Object.keys(secretFiles) }, mountProblems);
}

interface Mounts {
  readonly mountPath: string | undefined;
  readonly files: readonly string[];
}

function mountProblems({ mountPath, files }: Mounts): Problem[] {
  const problems: Problem[] = [];
  if (
    mountPath !== undefined &&
    (!/^\/[^:]+$/.test(mountPath) || mountPath.split('/').includes('..') || isTaken(mountPath))
  ) {
    problems.push({
      property: 'volume.mountPath',
      value: mountPath,
      message: 'is not a directory to mount at',
      remedy: "give an absolute path that is not the build's own, such as /build",
    });
  }
  for (const path of files) {
    const directory = posix.dirname(posix.normalize(path));
    if (directory !== mountPath && !isTaken(directory)) continue;
    problems.push({
      property: `secretFiles.${path}`,
      value: path,
      message: 'is in a directory at which another volume is mounted',
      remedy: 'give it a directory of its own, such as /runner/certs',
    });
  }
  return problems;
}

function environmentProblems({ env = {} }: BuildProps): Problem[] {
  const problems: Problem[] = Object.keys(env)
    .filter((name) => name.startsWith('KEELSON_'))
    .map((name) => ({
      property: `env.${name}`,
      value: name,
      message: 'is a name of the wrapper that runs the command',
      remedy: 'use another prefix than KEELSON_',
    }));
  if (VISIBLE_DEVICES in env) {
    problems.push({
      property: `env.${VISIBLE_DEVICES}`,
      value: VISIBLE_DEVICES,
      message: 'would show the build GPUs that it was not given',
      remedy: "leave it out: the device plugin sets it to the GPUs of the build's node, a GpuBuildNode",
    });
  }
  return problems;
}

function envFromProblems({ envFrom = [] }: BuildProps): Problem[] {
  return envFrom.flatMap((source, index) => {
    const name = 'configMap' in source ? source.configMap : source.secret;
    if (isDnsSubdomain(name)) return [];
    return [
      {
        property: `envFrom[${index}]`,
        value: name,
        message: 'is not a valid name',
        remedy: 'name a ConfigMap or Secret of the namespace',
      },
    ];
  });
}
