import type { GarbageCollectionConfiguration } from './garbage-collection.ts';
import type { TemplateObject } from './job-template.ts';
import type { RegistryTransport } from './makisu-registries.ts';
import type { ReleaseConfiguration } from './release.ts';
import type { AGENT_API_VERSION } from './version.ts';

/** The name of the ConfigMap that describes a pipeline, in the pipeline's namespace. */
export const PIPELINE_CONFIG_MAP = 'keelson-pipeline';
/** Its key, and the kind of the JSON document in it. */
export const PIPELINE_KEY = 'pipeline.json';
/** The name of the ConfigMap, beside that one, where the controller notes what it was asked to build. */
export const LEDGER_CONFIG_MAP = 'keelson-ledger';
/** The key of the controller's configuration in its ConfigMap. */
export const CONTROLLER_KEY = 'controller.json';
/** The key of the gate's configuration in its ConfigMap. */
export const GATE_KEY = 'gate.json';
/** The port on which the controller is told of pushes. */
export const WEBHOOKS_PORT = 8082;
/** What stands before a pipeline's namespace in the path at which it is told. */
export const WEBHOOKS_PATH = '/webhooks/';

interface Document<Kind extends string> {
  /** The version of the contract. */
  readonly apiVersion: typeof AGENT_API_VERSION;
  /** What the document is. */
  readonly kind: Kind;
}

/** What the controller is told on its own account. */
export interface ControllerConfiguration extends Document<'Controller'> {
  /** The platform's name. */
  readonly platform: string;
  /** The Lease by which replicas elect a leader, in the controller's namespace. */
  readonly lease: string;
  /** The ClusterRole that the controller binds itself to in the namespaces that it makes. */
  readonly commitNamespaceRole: string;
  /** The ClusterRole that it binds itself to in the namespaces of listeners; absent where it makes none. */
  readonly listenerNamespaceRole?: string;
  /** Most image builds that run at once, over all pipelines. */
  readonly maxConcurrentBuilds: number;
  /** How long finished image builds are kept. */
  readonly retention: RetentionConfiguration;
  /** How the registry's garbage is collected; absent where it is not. */
  readonly garbageCollection?: GarbageCollectionConfiguration;
  /** Where it is told of pushes; absent where it only polls. */
  readonly webhooks?: WebhooksConfiguration;
}

/** Where the controller is told of pushes. */
export interface WebhooksConfiguration {
  /** The port on which it listens while it leads. */
  readonly port: number;
}

/** How long the namespaces of finished image builds are kept. */
export interface RetentionConfiguration {
  /** For a build that succeeded. */
  readonly succeededSeconds: number;
  /** For a build that failed. */
  readonly failedSeconds: number;
  /** Most finished namespaces kept per pipeline. */
  readonly maxPerPipeline: number;
}

/** A pipeline, as the controller finds it in its ConfigMap. */
export interface PipelineConfiguration extends Document<'Pipeline'> {
  /** The pipeline's name. */
  readonly name: string;
  /** The pipeline's namespace. */
  readonly namespace: string;
  /** The platform's name. */
  readonly platform: string;
  /** The repository; absent where something else pushes the image, or starts the builds of `images`. */
  readonly source?: SourceConfiguration;
  /** The images that are built for a commit. */
  readonly images: readonly ImageConfiguration[];
  /** The builds that Keel starts. */
  readonly builds: readonly BuildConfiguration[];
  /** The builds that run once. */
  readonly jobs: readonly JobConfiguration[];
  /** What is done once a build has passed. */
  readonly releases: readonly ReleaseConfiguration[];
  /** Secrets in the pipeline's namespace whose missing values the controller makes. */
  readonly generatedSecrets: readonly string[];
}

/** The repository that is watched. */
export interface SourceConfiguration {
  /** The repository's URL, https or ssh. */
  readonly url: string;
  /** The watched branches, in full: no patterns. */
  readonly branches: readonly string[];
  /** How often the branches are looked up. */
  readonly pollSeconds: number;
  /** Where the version comes from. */
  readonly version: VersionConfiguration;
  /** Whether submodules are fetched. */
  readonly submodules: boolean;
  /** Whether files of git LFS are fetched. */
  readonly lfs: boolean;
  /** Absent where anybody may read the repository. */
  readonly credential?: GitCredentialConfiguration;
  /** How the git server tells of a push; absent where the branches are only polled. */
  readonly webhook?: WebhookConfiguration;
  /** Where it is written beside a commit what became of it; absent where it is not. */
  readonly statuses?: StatusesConfiguration;
}

/** A git server's webhook, which only shortens the wait for the next poll. */
export interface WebhookConfiguration {
  /** What the git server signs with, or shows. */
  readonly secret: SecretKeyConfiguration;
}

/** Whose API takes commit statuses. */
export type StatusProvider = 'github' | 'gitlab';

/** Where commit statuses are written. */
export interface StatusesConfiguration {
  /** Whose API it is. */
  readonly provider: StatusProvider;
  /** The API's URL, without a slash at its end. */
  readonly apiUrl: string;
  /** Owner and name of the repository, or the path or number of GitLab's project. */
  readonly repository: string;
  /** The token that may write them. */
  readonly token: SecretKeyConfiguration;
  /** What a status links to; absent where it links to nothing. */
  readonly targetUrl?: string;
}

/** Where the version comes from. */
export type VersionConfiguration =
  | { readonly from: 'value'; readonly value: string }
  /** A tag at the commit that is a semantic version, with or without a leading `v`. */
  | { readonly from: 'git-tag' }
  /** The `<repo-version>` mark in a file of the repository. */
  | { readonly from: 'file'; readonly path: string };

/** A key of a Secret. */
export interface SecretKeyConfiguration {
  /** The Secret's name. */
  readonly secretName: string;
  /** The key in it. */
  readonly key: string;
  /** Its namespace; absent where it is the pipeline's. */
  readonly namespace?: string;
}

/** How a private repository is read. */
export type GitCredentialConfiguration =
  | { readonly kind: 'token'; readonly token: SecretKeyConfiguration; readonly username: string }
  | { readonly kind: 'ssh'; readonly privateKey: SecretKeyConfiguration; readonly knownHosts: string };

/** How an image is built for each new commit. */
export interface ImageConfiguration {
  /** The builder's name within the pipeline. */
  readonly name: string;
  /** Where the image goes. One build at a time runs for each repository and tag. */
  readonly target: {
    readonly host: string;
    readonly repository: string;
    /** The tag, with a placeholder where the commit decides. */
    readonly tag: string;
    /** Whether the registry speaks plain http. */
    readonly insecure: boolean;
    /** The certificates, in PEM, of the private authority that signed its registry's; absent where a public one did. */
    readonly certificateAuthority?: string;
    /**
     * The Docker configuration with the account that pushes, by which the controller asks for tags and digests
     * too; absent where the registry is asked without one.
     */
    readonly credential?: SecretKeyConfiguration;
  };
  /** The objects made in the commit's namespace, the Namespace itself first, with placeholders. */
  readonly jobTemplate: readonly TemplateObject[];
  /** Keys of Secrets copied into the commit's namespace, under the same names. */
  readonly copySecrets: readonly SecretKeyConfiguration[];
  /** Secrets made in the commit's namespace from Docker configurations in other namespaces. */
  readonly registryAccounts?: readonly RegistryAccountsConfiguration[];
  /** What happens to a build of the same tag that is still running when a newer commit arrives. */
  readonly concurrency: 'queue' | 'supersede';
  /** How often a build is tried. */
  readonly maxAttempts: number;
  /** Whether it is built only where the tag is not in the registry yet; absent where it is built for each commit. */
  readonly onlyIfAbsent?: true;
  /** Names of images that have to be there before; absent where there are none. */
  readonly after?: readonly string[];
}

/** Accounts of registries, put together in the form that one program reads: see {@link registryAccountsValue}. */
export interface RegistryAccountsConfiguration extends SecretKeyConfiguration {
  /**
   * Docker configurations, each in the namespace that it names, or else in the pipeline's. Of two accounts for
   * one registry the later wins.
   */
  readonly from: readonly SecretKeyConfiguration[];
  /** What the program reads: a Docker configuration, or Makisu's registry.yaml. */
  readonly form: 'docker-config' | 'makisu-registry-config';
  /** For Makisu, by host: how registries are spoken to other than by https with a public certificate. */
  readonly transports?: Readonly<Record<string, RegistryTransport>>;
}

/** A watched build, as the controller repairs it. The gate has its own {@link GateConfiguration}. */
export interface BuildConfiguration {
  /** The build's Deployment. */
  readonly deployment: string;
  /** The Lease that the gate holds while the build runs. */
  readonly lease: string;
  /** The ConfigMap with its status. */
  readonly statusConfigMap: string;
  /** The image that Keel watches. */
  readonly image: string;
  /** Whether its registry speaks plain http. */
  readonly insecureRegistry: boolean;
  /** The certificates, in PEM, of the private authority that signed its registry's; absent where a public one did. */
  readonly certificateAuthority?: string;
  /** Secrets of the pipeline's namespace, of the type kubernetes.io/dockerconfigjson, with accounts for it. */
  readonly pullSecrets?: readonly SecretKeyConfiguration[];
  /** The name of the {@link ImageConfiguration} that builds it; absent where something else pushes it. */
  readonly builder?: string;
  /** Workloads that run only while the build does. */
  readonly services: readonly ServiceConfiguration[];
  /** How long a finished build is kept for examination; until the next image where absent. */
  readonly keepSeconds?: number;
  /** How the build hands over to a listener in another namespace; absent where it builds in one only. */
  readonly handOver?: HandOverConfiguration;
}

/** What becomes of a namespace in which a build has ended and from which its results were taken. */
export type Afterwards = 'keep' | 'scaleDown' | 'selfDestruct';

/** How a build hands over, so that the next one starts in a namespace of its own. */
export interface HandOverConfiguration {
  /** The objects of a listener's namespace, the Namespace itself first, with placeholders. */
  readonly listener: readonly TemplateObject[];
  /** The hash of them: a listener that waits and was made of others is replaced. */
  readonly version: string;
  /** Secrets of the pipeline's namespace that are copied into a listener's, under the same names. */
  readonly copySecrets: readonly CopiedSecretConfiguration[];
  /** ConfigMaps that are copied likewise. */
  readonly copyConfigMaps: readonly string[];
  /** What becomes of a namespace that has served. */
  readonly afterwards: Afterwards;
  /** Most namespaces of this build at a time, beside the pipeline's own. */
  readonly maxNamespaces: number;
}

/** A Secret that is copied. */
export interface CopiedSecretConfiguration {
  /** The Secret's name. */
  readonly secretName: string;
  /** The keys that are needed; absent where all are. */
  readonly keys?: readonly string[];
}

/** A build that runs once, as the controller repairs what it leaves behind. It never starts one. */
export interface JobConfiguration {
  /** The build's Job. */
  readonly job: string;
  /** The Lease that the gate holds while the build runs. */
  readonly lease: string;
  /** The ConfigMap with its status. */
  readonly statusConfigMap: string;
  /** Workloads that run only while the build does. */
  readonly services: readonly ServiceConfiguration[];
}

/** A service that runs while a build does. */
export interface ServiceConfiguration {
  /** The service's name. */
  readonly name: string;
  /** The Deployment that is scaled. */
  readonly deployment: string;
  /** When it counts as answering. */
  readonly readiness: ReadinessConfiguration;
  /** For a gate: another build uses it too, so that the gate starts it and leaves it to the controller to stop it. */
  readonly shared?: true;
}

/** When a service counts as answering: an HTTP 200, an AMQP handshake, or an accepted connection. */
export type ReadinessConfiguration =
  | { readonly http: { readonly host: string; readonly port: number; readonly path: string } }
  | { readonly amqp: { readonly host: string; readonly port: number } }
  | { readonly tcp: { readonly host: string; readonly port: number } };

/** What the gate beside a build is told. The workload's kind is told by which of its names is there. */
export type GateConfiguration = DeploymentGateConfiguration | JobGateConfiguration;

/** What the gate of a watched build is told. */
export interface DeploymentGateConfiguration extends CommonGateConfiguration {
  /** The build's Deployment, in which Keel is held back. */
  readonly deployment: string;
  /** Absent where the build does not hand over. */
  readonly handOver?: GateHandOverConfiguration;
}

/** What a gate has to know of handing over. */
export interface GateHandOverConfiguration {
  /** How long the gate waits for the next listener before it lets the build run all the same. */
  readonly timeoutSeconds: number;
}

/** What the gate of a build that runs once is told. There is no Keel to hold back. */
export interface JobGateConfiguration extends CommonGateConfiguration {
  /** The build's Job. */
  readonly job: string;
}

/** What the gate beside any build is told. */
export interface CommonGateConfiguration extends Document<'Gate'> {
  /** The name of the build's container. */
  readonly container: string;
  /** The Lease that the gate holds while the build runs. */
  readonly lease: string;
  /** The ConfigMap that the gate writes results to. */
  readonly statusConfigMap: string;
  /** How many results the status keeps. */
  readonly historyLimit: number;
  /** What is started before the build and stopped after it. */
  readonly services: readonly ServiceConfiguration[];
  /** How long the services may take to answer, before the build fails. */
  readonly servicesTimeoutSeconds: number;
  /** How long the command may run; absent where an older library wrote this. */
  readonly timeoutSeconds?: number;
  /** The directory shared with the build container, see {@link RunFiles}. */
  readonly runDirectory: string;
  /** Where outputs of runs are kept: a directory of the build's volume. */
  readonly outputDirectory?: string;
  /** The port on which a run's outputs are served to its releases; absent where there are none. */
  readonly outputsPort?: number;
  /** How long the gate waits for the releases of a run that has passed; absent where there are none. */
  readonly releaseTimeoutSeconds?: number;
}
