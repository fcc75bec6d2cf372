import { type ApiObject, Size, SizeRoundingBehavior } from 'cdk8s';
import { Construct } from 'constructs';
import type {
  ConfigMap,
  EnvVar,
  PodSecurityContext,
  ResourceRequirements,
  SecurityContext,
  Service,
  Volume,
  VolumeMount,
} from 'kubernetes-types/core/v1.d.ts';
import { json } from '../kubernetes/json.ts';
import { KeelsonAnnotations, KeelsonLabels, partLabels } from '../kubernetes/labels.ts';
import { LOW_USER, ONE_PROBE, privilegeExceptions } from '../kubernetes/linter-reasons.ts';
import type { LinterException } from '../kubernetes/linters.ts';
import { shortHash } from '../kubernetes/names.ts';
import { IsolatedNamespace } from '../kubernetes/namespace.ts';
import { distinct, networkPolicy, tcp, to, toDns, toInternet } from '../kubernetes/network.ts';
import { kubeObject, lazy } from '../kubernetes/object.ts';
import { PodSecurity } from '../kubernetes/pod-security.ts';
import { reportProblems } from '../kubernetes/problem.ts';
import { resourceRequirements } from '../kubernetes/resources.ts';
import { declareSecretUse } from '../kubernetes/secret-use.ts';
import { service } from '../kubernetes/service.ts';
import { serviceAccount } from '../kubernetes/service-account.ts';
import { volumeClaim } from '../kubernetes/storage.ts';
import { claimVolume, scratchVolume, type WorkloadContainer, workload } from '../kubernetes/workload.ts';
import { sound } from '../props/sound.ts';
import type { Registry } from '../registry/registry.ts';
import {
  CONFIG_MOUNT,
  configFiles,
  DAEMON_ARGUMENTS,
  PORT,
  SERVER_TLS_MOUNT,
  SOCKET,
} from './buildkit-config.ts';
import {
  type BuildKitDaemonProps,
  type BuildKitProfiles,
  type BuildKitReference,
  daemonProblems,
} from './buildkit-daemon-props.ts';
import { defaultImage } from './default-image.ts';
import type { ImageName } from './image-name.ts';

/** BuildKit's image, of the daemon and of its clients, where a program names none. */
export const BUILDKIT_IMAGE = 'docker.io/moby/buildkit:v0.34.2-rootless';

const DEFAULT_NAMESPACE = 'buildkit';
const NAME = 'buildkit';
const SELECTOR = { 'app.kubernetes.io/name': NAME, [KeelsonLabels.STAGE]: 'image-daemon' } as const;
/** The image's user; others would need an image of their own. */
const UID = 1000;
const HOME = '/home/user';
const RUN = `/run/user/${UID}`;
const STATE = `${HOME}/.local/share/buildkit`;
const MINIMUM = Size.gibibytes(1);

/** What is told of a daemon that another program installed. */
export type ExistingBuildKitProps = Pick<BuildKitDaemonProps, 'namespace'> &
  Pick<BuildKitReference, 'clientSecret'>;

/**
 * BuildKit's daemon, shared by the image builds of a platform and without root on the node. It runs the RUN
 * steps of all of them, in user namespaces of its own; the pods of image builds are clients and may be as
 * confined as any. Only image builds in namespaces that a controller made reach it. Its cache is shared by
 * all that use it.
 *
 * It needs the Pod Security level `baseline`, in a namespace of its own: a user namespace can't be made under
 * the seccomp profile that `restricted` asks for. On nodes with AppArmor, as Ubuntu's are, say with
 * `confinement` what it may do there.
 *
 * @see https://github.com/moby/buildkit/blob/master/docs/rootless.md
 * @example
 * new Platform(app, 'platform', { registry, buildkit: { storage: Size.gibibytes(100) } });
 * // or in a chart of your own:
 * const buildkit = new BuildKitDaemon(chart, 'buildkit', { registries: [registry] });
 */
export class BuildKitDaemon extends Construct implements BuildKitReference {
  /** Refers to a daemon that another program installed. Nothing is synthesized for it. */
  static existing({
    namespace = DEFAULT_NAMESPACE,
    clientSecret,
  }: ExistingBuildKitProps = {}): BuildKitReference {
    return daemonIn(namespace, clientSecret);
  }

  readonly address: string;
  readonly destination: BuildKitReference['destination'];
  readonly clientSecret: string | undefined;
  /** The daemon's namespace. */
  readonly namespace: IsolatedNamespace;
  /** The daemon's Deployment. */
  readonly deployment: ApiObject;
  /** The Service by which image builds reach it. */
  readonly service: ApiObject;
  /** The ConfigMap with its configuration. */
  readonly configMap: ApiObject;
  /** The claim of its volume; undefined where it has none. */
  readonly claim: ApiObject | undefined;
  readonly #registries: Set<Registry> = new Set();
  readonly #namespace: string;

  constructor(scope: Construct, id: string, given: BuildKitDaemonProps = {}) {
    super(scope, id);
    const props = sound(this, 'BuildKitDaemonProps', given, {}, ['confinement']);
    const { namespace = DEFAULT_NAMESPACE, storage = Size.gibibytes(50), persistent = false } = props;
    const { registries = [], destinations = [], tls, storageClassName } = props;
    const cacheLimit = props.cacheLimit ?? Size.mebibytes(Math.floor((mebibytes(storage) * 4) / 5));
    const image = props.image ?? defaultImage(this, BUILDKIT_IMAGE);
    const labels = partLabels(NAME, 'image-daemon');
    reportProblems(this, daemonProblems(props, storage, cacheLimit, image));

    this.#namespace = namespace;
    if (tls !== undefined) this.#declareSecret(tls.serverSecret, namespace);
    const { address, destination, clientSecret } = daemonIn(namespace, tls?.clientSecret);
    this.address = address;
    this.destination = destination;
    this.clientSecret = clientSecret;
    this.namespace = new IsolatedNamespace(this, 'namespace', {
      name: namespace,
      podSecurity: () => podSecurity(props.confinement),
      quota: () => ({ 'count/pods': '5', 'limits.cpu': '64', 'limits.memory': '256Gi' }),
    });
    serviceAccount(this, 'service-account', NAME, namespace);
    const data = (): Record<string, string> =>
      configFiles({ ...props, registries: [...this.#registries], cacheLimit });
    this.configMap = kubeObject<ConfigMap>(this, 'configuration', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: NAME, namespace, labels },
      data: lazy(data),
    });
    if (persistent) {
      const claim = { size: storage, ...(storageClassName !== undefined && { storageClassName }) };
      this.claim = volumeClaim(this, 'claim', { name: NAME, namespace, labels }, 'storage', claim);
    }
    this.service = service(this, 'service', {
      name: NAME,
      namespace,
      labels,
      selector: SELECTOR,
      ports: [{ name: 'buildkit', port: PORT, targetPort: PORT, protocol: 'TCP' }],
    });
    for (const registry of registries) this.connect(registry);
    networkPolicy(this, 'network-policy', {
      name: NAME,
      namespace,
      pods: SELECTOR,
      ingress: () => [
        {
          from: [
            {
              namespaceSelector: { matchExpressions: [{ key: KeelsonLabels.OWNER, operator: 'Exists' }] },
              podSelector: { matchLabels: { [KeelsonLabels.STAGE]: 'image-build' } },
            },
          ],
          ports: tcp(PORT),
        },
      ],
      egress: () => [
        toDns(),
        ...toInternet(props.egress),
        ...to(
          distinct([...[...this.#registries].flatMap((registry) => registry.destinations), ...destinations]),
        ),
      ],
    });
    this.deployment = workload(this, 'Resource', {
      name: NAME,
      namespace,
      labels,
      selector: SELECTOR,
      uid: UID,
      serviceAccountName: NAME,
      replicas: 1,
      podAnnotations: {
        [KeelsonAnnotations.CONFIGURATION_HASH]: lazy(() => shortHash(json(data()))),
      },
      pod: {
        securityContext: podSecurityContext(props.confinement),
        // Builds that run when the daemon is stopped fail, so they get time to end.
        terminationGracePeriodSeconds: 120,
      },
      containerSecurity: CONTAINER_SECURITY,
      linterExceptions: [
        ...ONE_DAEMON,
        ...privilegeExceptions(podSecurity(props.confinement), { runAsNonRoot: true }, CONTAINER_SECURITY),
      ],
      container: () => container(image, resources(props, storage), tls !== undefined),
      volumes: () => volumes(props, storage),
    });
  }

  /**
   * Tells the daemon of a registry that an image is pushed to or pulled from, as `registries` does. Each
   * `BuildKitBuilder` of the same program does it by itself.
   */
  connect(registry: Registry): void {
    this.#registries.add(registry);
    // A FROM may use them in a build's own namespace, and so it may here.
    for (const alias of registry.aliasServices(this.#namespace)) {
      const id = `alias-${alias.metadata.name}`;
      if (this.node.tryFindChild(id) === undefined) kubeObject<Service>(this, id, alias);
    }
  }

  /** The keys that the daemon reads of its certificate's Secret. */
  #declareSecret(secretName: string, namespace: string): void {
    for (const key of ['ca.crt', 'tls.crt', 'tls.key']) {
      const property = 'tls.serverSecret';
      declareSecretUse(this, { secretName, namespace, key, type: undefined, property, optional: false });
    }
  }
}

/** The names and labels by which the daemon of a namespace is reached. */
function daemonIn(namespace: string, clientSecret: string | undefined): BuildKitReference {
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
  return {
    address: `tcp://${NAME}.${namespace}.svc.cluster.local:${PORT}`,
    destination: { peers: [{ namespaceSelector, podSelector: { matchLabels: SELECTOR } }], ports: [PORT] },
    clientSecret,
  };
}

function podSecurity(confinement: BuildKitDaemonProps['confinement']): PodSecurity {
  return confinement === 'unconfined'
    ? PodSecurity.privileged(
        'BuildKit mounts file systems, which the profiles of AppArmor and seccomp forbid',
      )
    : PodSecurity.baseline(
        'BuildKit makes user namespaces, which the seccomp profile RuntimeDefault forbids',
      );
}

/** Without RuntimeDefault, under which no user namespace can be made. */
function podSecurityContext(confinement: BuildKitDaemonProps['confinement']): PodSecurityContext {
  return {
    runAsNonRoot: true,
    runAsUser: UID,
    runAsGroup: UID,
    fsGroup: UID,
    fsGroupChangePolicy: 'OnRootMismatch',
    ...profiles(confinement),
  };
}

function profiles(
  confinement: BuildKitDaemonProps['confinement'],
): Pick<PodSecurityContext, 'appArmorProfile' | 'seccompProfile'> {
  if (confinement === 'unconfined') {
    return { appArmorProfile: { type: 'Unconfined' }, seccompProfile: { type: 'Unconfined' } };
  }
  if (confinement === undefined || confinement === 'node-default') return {};
  // What is none of them is reported.
  const { appArmor, seccomp } = Object(confinement) as BuildKitProfiles;
  return {
    ...(appArmor !== undefined && { appArmorProfile: { type: 'Localhost', localhostProfile: appArmor } }),
    ...(seccomp !== undefined && { seccompProfile: { type: 'Localhost', localhostProfile: seccomp } }),
  };
}

/**
 * The two capabilities are those of newuidmap and newgidmap, by which the daemon's user gets a range of
 * users. They raise its privileges to that, so raising them can't be forbidden.
 */
const CONTAINER_SECURITY: SecurityContext = {
  allowPrivilegeEscalation: true,
  capabilities: { drop: ['ALL'], add: ['SETGID', 'SETUID'] },
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
};

const ONE_DAEMON: readonly LinterException[] = [
  { checks: LOW_USER, reason: 'the image is made for its user 1000' },
  { checks: ONE_PROBE, reason: 'a daemon that lists its workers does all it is there for' },
  {
    checks: ['kube-score/deployment-replicas', 'kube-score/deployment-strategy'],
    reason: 'builds find the layers of others in the one daemon that made them',
  },
];

function container(image: ImageName, resources: ResourceRequirements, tls: boolean): WorkloadContainer {
  const answers = {
    exec: { command: ['buildctl', `--addr=${SOCKET}`, 'debug', 'workers'] },
    timeoutSeconds: 10,
  };
  return {
    name: 'buildkitd',
    image: image.toString(),
    imagePullPolicy: 'IfNotPresent',
    args: [...DAEMON_ARGUMENTS],
    env: ENVIRONMENT,
    ports: [{ name: 'buildkit', containerPort: PORT, protocol: 'TCP' }],
    startupProbe: { ...answers, periodSeconds: 2, failureThreshold: 60 },
    readinessProbe: { ...answers, periodSeconds: 10 },
    livenessProbe: { ...answers, periodSeconds: 30, failureThreshold: 5 },
    resources,
    volumeMounts: [
      { name: 'configuration', mountPath: CONFIG_MOUNT, readOnly: true },
      { name: 'state', mountPath: STATE },
      { name: 'run', mountPath: RUN },
      { name: 'tmp', mountPath: '/tmp' },
      ...(tls ? [{ name: 'tls', mountPath: SERVER_TLS_MOUNT, readOnly: true } satisfies VolumeMount] : []),
    ],
  };
}

/** Without a user's name the state would lie elsewhere, and the probes would ask another socket. */
const ENVIRONMENT: EnvVar[] = [
  { name: 'USER', value: 'user' },
  { name: 'HOME', value: HOME },
  { name: 'XDG_RUNTIME_DIR', value: RUN },
  { name: 'TMPDIR', value: '/tmp' },
];

/** Volumes of the node count as ephemeral storage; one that is claimed does not. */
function resources(props: BuildKitDaemonProps, storage: Size): ResourceRequirements {
  const room = props.persistent === true ? 0 : Math.ceil(mebibytes(storage));
  return resourceRequirements(props.resources, {
    cpu: { request: { amount: '500m' }, limit: { amount: '4' } },
    memory: { request: MINIMUM, limit: Size.gibibytes(8) },
    ephemeralStorage: { request: MINIMUM, limit: Size.mebibytes(room + 4096) },
  });
}

function mebibytes(size: Size): number {
  return size.toMebibytes({ rounding: SizeRoundingBehavior.NONE });
}

function volumes({ persistent = false, tls }: BuildKitDaemonProps, storage: Size): Volume[] {
  return [
    { name: 'configuration', configMap: { name: NAME } },
    persistent ? claimVolume('state', NAME) : scratchVolume('state', storage.asString()),
    scratchVolume('run', '64Mi'),
    scratchVolume('tmp', '2Gi'),
    // The group is the pod's fsGroup: no other user can read the key.
    ...(tls === undefined
      ? []
      : [{ name: 'tls', secret: { secretName: tls.serverSecret, defaultMode: 0o440 } }]),
  ];
}
