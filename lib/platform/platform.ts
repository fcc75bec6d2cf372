import { Chart, type ChartProps } from 'cdk8s';
import type { Construct } from 'constructs';
import { declareStage } from '../app/graph.ts';
import { declareNodeFiles } from '../app/node-files.ts';
import { BuildKitDaemon } from '../image/buildkit-daemon.ts';
import type { BuildKitDaemonProps, BuildKitReference } from '../image/buildkit-daemon-props.ts';
import type { ImageName } from '../image/image-name.ts';
import { type LayerCache, RedisLayerCache, type RedisLayerCacheProps } from '../image/redis-layer-cache.ts';
import { Keel, type KeelProps } from '../keel/keel.ts';
import type { KeelReference } from '../keel/keel-reference.ts';
import { cidrProblems, egressProblems } from '../kubernetes/cidr.ts';
import { KeelsonLabels } from '../kubernetes/labels.ts';
import { isDnsLabel } from '../kubernetes/names.ts';
import type { Egress } from '../kubernetes/network.ts';
import { isWrong, reportProblem, reportProblems } from '../kubernetes/problem.ts';
import type { Subject } from '../kubernetes/rbac.ts';
import { soundProps } from '../props/sound.ts';
import { missingRegistry } from '../props/stand-ins.ts';
import type { Registry } from '../registry/registry.ts';
import { ControllerAdmission, KeelAdmission } from './admission.ts';
import { defaultAgentImage } from './agent-image.ts';
import { Controller, type ControllerProps } from './controller.ts';
import type { PlatformReference } from './platform-reference.ts';
import { RegistryCollection } from './registry-collection.ts';

/** Props of {@link Platform}. */
export interface PlatformProps extends Pick<ChartProps, 'labels'> {
  /** Where images go. */
  readonly registry: Registry;
  /**
   * The namespace of the controller.
   * @default 'keelson-system'
   */
  readonly namespace?: string;
  /**
   * Makisu's layer cache: options for one to deploy, one that exists, or false for none.
   * @default - Redis with 30 GiB in the namespace makisu-cache
   */
  readonly cache?: RedisLayerCacheProps | LayerCache | false;
  /**
   * BuildKit's daemon, for BuildKitBuilder: options for one to deploy, `BuildKitDaemon.existing(…)`, or false
   * for none. One that is deployed knows the registries of the platform, of its program's image builds and of its options.
   * @default false
   */
  readonly buildkit?: BuildKitDaemonProps | BuildKitReference | false;
  /**
   * Keel: options for one to install, `Keel.existing(…)`, or false for none.
   * @default - Keel in the namespace keel
   */
  readonly keel?: KeelProps | KeelReference | false;
  /**
   * Options of the controller.
   * @default - those of Controller
   */
  readonly controller?: Omit<
    ControllerProps,
    | 'platformName'
    | 'namespace'
    | 'agentImage'
    | 'registry'
    | 'apiServer'
    | 'egress'
    | 'handOver'
    | 'garbageCollection'
  >;
  /**
   * The agent's image, for the controller and for the gates beside builds.
   * @default ghcr.io/keelson-dev/agent, with the library's version as its tag
   */
  readonly agentImage?: ImageName;
  /**
   * Addresses of the API server, as CIDRs, for the network policies.
   * @default - any address on the ports of API servers
   */
  readonly apiServer?: readonly string[];
  /**
   * What builds, image builds, releases, Keel and the controller may connect to outside of the platform's own
   * parts: CIDRs, or pods with their ports, such as a git server and package proxies in a network without internet.
   * @default - any address of the internet
   */
  readonly egress?: readonly Egress[];
  /**
   * Whether to install the ValidatingAdmissionPolicies that keep Keel off held-back builds and the
   * controller within the namespaces that it made. They need rights over the whole cluster to install.
   * @default true
   */
  readonly admissionPolicies?: boolean;
  /**
   * Whether builds may hand over. The controller then makes namespaces for their listeners, and may grant rights
   * within these.
   * @default false
   */
  readonly handOver?: boolean;
}

/** What {@link Platform.existing} is told. */
export interface ExistingPlatformProps {
  /** The platform's name: the id that its own program gave it. */
  readonly name: string;
  /** Where images go. */
  readonly registry: Registry;
  /**
   * The namespace of the controller.
   * @default 'keelson-system'
   */
  readonly namespace?: string;
  /**
   * The layer cache.
   * @default - none
   */
  readonly cache?: LayerCache;
  /**
   * The BuildKit daemon.
   * @default - none
   */
  readonly buildkit?: BuildKitReference;
  /**
   * The Keel that watches, or false for none. A platform's own has to be told of the pipeline's namespace, in
   * `keel.namespaces` of the platform's program.
   * @default Keel.installed()
   */
  readonly keel?: KeelReference | false;
  /**
   * The agent's image.
   * @default ghcr.io/keelson-dev/agent, with the library's version as its tag
   */
  readonly agentImage?: ImageName;
  /**
   * Addresses of the API server, as CIDRs.
   * @default - any address on the ports of API servers
   */
  readonly apiServer?: readonly string[];
  /**
   * What builds, image builds and releases may connect to outside of the platform's own parts.
   * @default - any address of the internet
   */
  readonly egress?: readonly Egress[];
  /**
   * Whether the platform lets builds hand over.
   * @default false
   */
  readonly handOver?: boolean;
}

const DEFAULT_NAMESPACE = 'keelson-system';
const CONTROLLER = 'keelson-controller';

/**
 * What all pipelines of a cluster share: the controller that watches git and starts image builds, the
 * registry, the layer cache, BuildKit's daemon and Keel.
 *
 * @example
 * const platform = new Platform(app, 'platform', {
 *   registry: MicroK8sRegistry.existing({ nodeAddress: '172.31.39.52' }),
 *   cache: { storage: Size.gibibytes(30) },
 *   keel: {},
 * });
 */
export class Platform extends Chart implements PlatformReference {
  /** Refers to a platform that another program installed. Nothing is synthesized for it. */
  static existing(props: ExistingPlatformProps): PlatformReference {
    const {
      name,
      registry,
      namespace = DEFAULT_NAMESPACE,
      cache,
      buildkit,
      apiServer,
      egress,
      handOver = false,
      keel = Keel.installed(),
    }: ExistingPlatformProps = props ?? {};
    return {
      platformName: name,
      controllerSubject: { namespace, serviceAccountName: CONTROLLER },
      agentImage: props?.agentImage,
      registry,
      cache,
      buildkit,
      keel: keel === false ? undefined : keel,
      apiServer,
      egress,
      handOver,
    };
  }

  readonly platformName: string;
  readonly agentImage: ImageName;
  /** Where images go. */
  readonly registry: Registry;
  /** The layer cache of image builds; undefined where there is none. */
  readonly cache: LayerCache | undefined;
  /** The BuildKit daemon that builds images; undefined where there is none. */
  readonly buildkit: BuildKitReference | undefined;
  /** The Keel that starts builds; undefined where there is none. */
  readonly keel: KeelReference | undefined;
  readonly apiServer: readonly string[] | undefined;
  readonly egress: readonly Egress[] | undefined;
  readonly handOver: boolean;
  readonly webhooks: boolean;
  /** The controller. */
  readonly controller: Controller;
  /** What makes room in the registry; undefined where nothing does. */
  readonly registryCollection: RegistryCollection | undefined;

  constructor(scope: Construct, id: string, given: PlatformProps) {
    const standIns = { registry: missingRegistry() };
    const { props, problems } = soundProps('PlatformProps', given, standIns, ['buildkit.confinement']);
    super(scope, id, {
      labels: { ...props.labels, [KeelsonLabels.PLATFORM]: id },
      disableResourceNameHashes: true,
    });
    reportProblems(this, problems);
    const {
      registry,
      namespace = DEFAULT_NAMESPACE,
      apiServer,
      egress,
      admissionPolicies = true,
      handOver = false,
    } = props;
    this.platformName = id;
    this.registry = registry;
    this.apiServer = apiServer;
    this.egress = egress;
    this.handOver = handOver === true;
    this.webhooks = props.controller?.webhooks !== undefined;
    this.agentImage = props.agentImage ?? defaultAgentImage(this);
    this.#check();
    declareStage(this, { title: 'registry', detail: registry.imageHost });
    declareNodeFiles(this, registry.nodeFiles);

    this.cache = layerCache(this, props.cache ?? {});
    // What is wrong with it is reported here alone.
    const reachable = isWrong(egressProblems('egress', egress)) ? undefined : egress;
    this.buildkit = buildkitReference(this, props.buildkit ?? false, { registry, egress: reachable });
    this.keel = keelReference(this, props.keel ?? {}, { registry, apiServer, egress: reachable });
    if (this.keel !== undefined && !isDnsLabel(this.keel.namespace)) this.#reportKeel(this.keel.namespace);
    const controller = { namespace, serviceAccountName: CONTROLLER };
    const { agentImage } = this;
    const { collected } = registry;
    this.registryCollection =
      collected &&
      new RegistryCollection(this, 'registry-collection', { registry: collected, controller, agentImage });
    this.controller = new Controller(this, 'controller', {
      ...props.controller,
      platformName: id,
      namespace,
      agentImage,
      registry,
      handOver: this.handOver,
      ...(this.registryCollection && {
        garbageCollection: { host: registry.pushHost, ...this.registryCollection.configuration },
      }),
      ...(apiServer !== undefined && { apiServer }),
      ...(this.egress !== undefined && { egress: this.egress }),
    });
    if (!admissionPolicies) return;
    new ControllerAdmission(this, 'controller-admission', {
      platformName: id,
      controller: this.controllerSubject,
      commitNamespaceRole: this.controller.commitNamespaceRole,
      handOver: this.handOver,
    });
    if (this.keel !== undefined || this.handOver) {
      new KeelAdmission(this, 'keel-admission', {
        platformName: id,
        handOver: this.handOver,
        ...(this.keel !== undefined && { keel: this.keel }),
      });
    }
  }

  get controllerSubject(): Subject {
    return this.controller.subject;
  }

  #reportKeel(namespace: string): void {
    reportProblem(this, {
      property: 'keel.namespace',
      value: namespace,
      message: 'is not a valid name of a namespace',
      remedy: 'give the namespace that Keel runs in, such as keel',
    });
  }

  #check(): void {
    if (!isDnsLabel(this.platformName) || this.platformName.length > 40) {
      reportProblem(this, {
        property: 'id',
        value: this.platformName,
        message: 'is not a valid name of a platform',
        remedy:
          'use at most 40 lower-case letters, digits and "-", starting and ending with a letter or digit',
      });
    }
    reportProblems(this, [
      ...this.registry.problems('registry'),
      ...this.agentImage.problems('agentImage'),
      ...cidrProblems('apiServer', this.apiServer ?? []),
      ...egressProblems('egress', this.egress),
    ]);
  }
}

function layerCache(
  scope: Construct,
  cache: RedisLayerCacheProps | LayerCache | false,
): LayerCache | undefined {
  if (cache === false) return undefined;
  return 'address' in cache ? cache : new RedisLayerCache(scope, 'cache', cache);
}

function buildkitReference(
  scope: Construct,
  buildkit: BuildKitDaemonProps | BuildKitReference | false,
  { registry, egress }: Pick<PlatformReference, 'registry' | 'egress'>,
): BuildKitReference | undefined {
  if (buildkit === false) return undefined;
  if ('address' in buildkit) return buildkit;
  return new BuildKitDaemon(scope, 'buildkit', {
    ...(egress !== undefined && { egress }),
    ...buildkit,
    registries: [registry, ...(buildkit.registries ?? [])],
  });
}

function keelReference(
  scope: Construct,
  keel: KeelProps | KeelReference | false,
  { registry, apiServer, egress }: Pick<PlatformReference, 'registry' | 'apiServer' | 'egress'>,
): KeelReference | undefined {
  if (keel === false) return undefined;
  return 'watch' in keel
    ? keel
    : new Keel(scope, 'keel', {
        registry,
        ...(apiServer !== undefined && { apiServer }),
        ...(egress !== undefined && { egress }),
        ...keel,
      });
}
