/**
 * The labels and annotations that Keelson puts on objects, and by which its parts find each other.
 *
 * The `app.kubernetes.io/*` names are Kubernetes' recommended labels
 * (https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/).
 */
export const KeelsonLabels = {
  /** The platform that an object belongs to. */
  PLATFORM: 'keelson.dev/platform',
  /** The pipeline that an object belongs to. */
  PIPELINE: 'keelson.dev/pipeline',
  /** The stage of the pipeline: `build`, `image-build`, `service`, … */
  STAGE: 'keelson.dev/stage',
  /** The commit that an object was made for, as `tag.commit`: at most 63 characters. */
  COMMIT: 'keelson.dev/commit',
  /** The platform whose controller made the object, and may therefore delete it. */
  OWNER: 'keelson.dev/owner',
  /** On the namespaces of commits, listeners and releases: the namespace of the pipeline that they were made for. */
  HOME: 'keelson.dev/home',
  /** On the pods of a release's image builds: the release's namespace. */
  RELEASE: 'keelson.dev/release',
  /** On a listener's namespace: the build that listens in it. */
  LISTENER: 'keelson.dev/listener',
} as const;

/** The annotations that Keelson puts on objects. */
export const KeelsonAnnotations = {
  /** How the controller makes the values of a Secret that is synthesized without any. */
  GENERATE: 'keelson.dev/generate',
  /** Why a namespace admits more than the `restricted` Pod Security level. */
  POD_SECURITY_REASON: 'keelson.dev/pod-security-reason',
  /** On a pod: a hash of the configuration that it reads at its start, so that a changed one replaces the pod. */
  CONFIGURATION: 'keelson.dev/configuration',
  /** Why a Secret's value may stand in plain text in its manifest. */
  PLAINTEXT_REASON: 'keelson.dev/plaintext-reason',
  /** From which checks of linters an object is excepted, and why: `check, check: reason`, one a line. */
  LINTER_EXCEPTIONS: 'keelson.dev/linter-exceptions',
  /** On a pod: a hash of the configuration that it reads when it starts, so that another one restarts it. */
  CONFIGURATION_HASH: 'keelson.dev/configuration-hash',
  /** On an image build's Job: the pipeline and its image, as `pipeline/image`. */
  IMAGE: 'keelson.dev/image',
  /** On an image build's Job: the branch. */
  BRANCH: 'keelson.dev/branch',
  /** On an image build's Job: the repository. */
  URL: 'keelson.dev/url',
  /** On an image build's Job: the commit's full object name. */
  COMMIT: 'keelson.dev/commit',
  /** On a commit's namespace, by a person: it is not deleted, whatever becomes of its build. */
  KEEP: 'keelson.dev/keep',
  /** On a watched build's pods, by the controller: the digest for which it rolled the Deployment where Keel had not. */
  ROLLED_FOR: 'keelson.dev/rolled-for',
  /** Beside the plan of a registry's garbage collection, while the registry is away: how many pods it had. */
  REPLICAS: 'keelson.dev/replicas',
  /** There too: when the next collection is. */
  NEXT_COLLECTION: 'keelson.dev/next-collection',
  /** On a listener's namespace: the UUID by which the controller knows that it made it. */
  CLAIM: 'keelson.dev/claim',
  /** On a listener's namespace: the hash of the template that it was made of. */
  LISTENER_VERSION: 'keelson.dev/listener-version',
  /** On the pods of a listener: the commit that the build before was started for. */
  BUILT_COMMIT: 'keelson.dev/built-commit',
  /** On the pods of a listener: the image's digest of the build before. */
  BUILT_DIGEST: 'keelson.dev/built-digest',
  /** On a build's Deployment, by its gate: the UID of the pod that asks for the next listener. */
  HAND_OVER: 'keelson.dev/hand-over',
  /** On a build's Deployment, by the controller: namespace and claim of the listener that is being made. */
  NEXT_LISTENER: 'keelson.dev/next-listener',
  /** On a build's Deployment, by the controller: the namespace that listens from now on. */
  HANDED_OVER: 'keelson.dev/handed-over',
} as const;

/** A value of `keelson.dev/stage`. */
export type Stage =
  | 'build'
  | 'image-build'
  | 'image-daemon'
  | 'service'
  | 'cache'
  | 'registry'
  | 'controller'
  | 'keel'
  | 'release'
  | 'gpu';

/** The recommended labels of a part, with its stage. */
export function partLabels(name: string, stage: Stage): Record<string, string> {
  return {
    'app.kubernetes.io/name': name,
    'app.kubernetes.io/managed-by': 'keelson',
    [KeelsonLabels.STAGE]: stage,
  };
}
