import { type ApiObject, Size } from 'cdk8s';
import { Construct } from 'constructs';
import type { ConfigMap, PodSecurityContext, SecurityContext } from 'kubernetes-types/core/v1.d.ts';
import {
  COLLECT_CONTAINER,
  type GarbageCollectionConfiguration,
  PLAN_KEY,
  PLAN_VARIABLE,
  PRUNE_CONTAINER,
} from '../agent/garbage-collection.ts';
import { defaultImage } from '../image/default-image.ts';
import type { ImageName } from '../image/image-name.ts';
import { partLabels } from '../kubernetes/labels.ts';
import type { LinterException } from '../kubernetes/linters.ts';
import { networkPolicy } from '../kubernetes/network.ts';
import { kubeObject } from '../kubernetes/object.ts';
import { restrictedContainer, restrictedPod } from '../kubernetes/pod-security.ts';
import { every, Grant, named, type Subject } from '../kubernetes/rbac.ts';
import { resourceRequirements } from '../kubernetes/resources.ts';
import { serviceAccount } from '../kubernetes/service-account.ts';
import { claimVolume, workload } from '../kubernetes/workload.ts';
import { sound } from '../props/sound.ts';
import { missingImage } from '../props/stand-ins.ts';
import {
  type CollectedRegistry,
  garbageCollectionSettings,
  REGISTRY_IMAGE,
} from '../registry/garbage-collection.ts';
import { REGISTRY_UID } from '../registry/registry-workload.ts';

/** Props of {@link RegistryCollection}. */
export interface RegistryCollectionProps {
  /** The registry. */
  readonly registry: CollectedRegistry;
  /** As whom the controller acts. */
  readonly controller: Subject;
  /** The agent's image. */
  readonly agentImage: ImageName;
}

const NAME = 'registry-garbage-collection';
const CONFIG = `${NAME}-config`;
const SELECTOR = { 'app.kubernetes.io/name': NAME } as const;
const DIRECTORY = '/var/lib/registry';
const CONFIG_FILE = 'config.yml';

/**
 * What makes room in a registry: a Deployment of no pod, which the controller scales to one while the registry has none.
 * The controller may do no more than scale the two, and say by a ConfigMap what is deleted.
 */
export class RegistryCollection extends Construct {
  /** What the controller is told of it, but for the registry's host. */
  readonly configuration: Omit<GarbageCollectionConfiguration, 'host'>;
  /** The Deployment that collects. */
  readonly deployment: ApiObject;
  /** The ConfigMap with the controller's plan, which the manifests leave empty. */
  readonly configMap: ApiObject;

  constructor(scope: Construct, id: string, given: RegistryCollectionProps) {
    super(scope, id);
    const props = sound(this, 'RegistryCollectionProps', given, {
      registry: {
        namespace: 'missing',
        deployment: 'missing',
        selector: {},
        claim: 'missing',
        uid: REGISTRY_UID,
      },
      controller: { namespace: 'missing', serviceAccountName: 'missing' },
      agentImage: missingImage(),
    });
    const { registry, controller, agentImage } = props;
    const { namespace } = registry;
    this.configuration = {
      namespace,
      deployment: registry.deployment,
      collector: NAME,
      ...garbageCollectionSettings(registry),
    };
    this.#rights(namespace, registry.deployment, controller);
    this.configMap = kubeObject<ConfigMap>(this, 'plan', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: NAME, namespace },
    });
    kubeObject<ConfigMap>(this, 'configuration', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: CONFIG, namespace },
      // Images of the registry have theirs at different places, with more in it than this needs.
      data: { [CONFIG_FILE]: `version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: ${DIRECTORY}\n` },
    });
    serviceAccount(this, 'service-account', NAME, namespace);
    // Nothing denies connections in the addon's namespace.
    const nothing = (): [] => [];
    networkPolicy(this, 'network-policy', {
      name: NAME,
      namespace,
      pods: SELECTOR,
      ingress: nothing,
      egress: nothing,
    });
    this.deployment = this.#collector(registry, agentImage);
  }

  /** A right to change a Deployment, or to make Jobs, would be one to run anything in a namespace that may admit it. */
  #rights(namespace: string, deployment: string, to: Subject): void {
    new Grant(this, 'controller', {
      name: NAME,
      namespace,
      to,
      rules: () => [
        named('apps', ['deployments/scale'], [deployment, NAME], ['get', 'patch']),
        named('', ['configmaps'], [NAME], ['get', 'patch']),
        every('', ['pods'], ['list']),
        every('', ['events'], ['create', 'patch']),
      ],
    });
  }

  #collector(
    { namespace, selector, claim, uid, image }: CollectedRegistry,
    agentImage: ImageName,
  ): ApiObject {
    const root = uid === 0;
    const security = containerSecurity(root);
    const images = { name: 'images', mountPath: DIRECTORY };
    return workload(this, 'Resource', {
      name: NAME,
      namespace,
      labels: partLabels(NAME, 'registry'),
      selector: SELECTOR,
      uid,
      serviceAccountName: NAME,
      containerSecurity: security,
      pod: {
        securityContext: podSecurity(uid),
        // A collection that is stopped is taken up again by the next one.
        terminationGracePeriodSeconds: 5,
        // The registry's volume and its image are there, and where it does not run there is nothing to do.
        affinity: {
          podAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [
              { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { ...selector } } },
            ],
          },
        },
        initContainers: [
          {
            name: PRUNE_CONTAINER,
            image: agentImage.toString(),
            imagePullPolicy: 'IfNotPresent',
            args: [PRUNE_CONTAINER, `--directory=${DIRECTORY}`],
            // Until the controller has written it, which it does once the registry is gone, the container is not started.
            env: [{ name: PLAN_VARIABLE, valueFrom: { configMapKeyRef: { name: NAME, key: PLAN_KEY } } }],
            resources: RESOURCES,
            securityContext: security,
            terminationMessagePolicy: 'FallbackToLogsOnError',
            volumeMounts: [images],
          },
        ],
      },
      container: () => ({
        name: COLLECT_CONTAINER,
        image: (image ?? defaultImage(this, REGISTRY_IMAGE)).toString(),
        imagePullPolicy: 'IfNotPresent',
        args: ['garbage-collect', `/keelson/config/${CONFIG_FILE}`],
        resources: RESOURCES,
        volumeMounts: [images, { name: 'config', mountPath: '/keelson/config', readOnly: true }],
      }),
      volumes: () => [claimVolume('images', claim), { name: 'config', configMap: { name: CONFIG } }],
      linterExceptions: [NO_PROBES, ...(root ? [AS_ROOT] : [])],
    });
  }
}

const RESOURCES = resourceRequirements(undefined, {
  cpu: { request: { amount: '50m' }, limit: { amount: '1' } },
  memory: { request: Size.mebibytes(64), limit: Size.mebibytes(512) },
  ephemeralStorage: { request: Size.mebibytes(16), limit: Size.mebibytes(128) },
});

function podSecurity(uid: number): PodSecurityContext {
  if (uid !== 0) return restrictedPod(uid);
  // Without a group: the kubelet must not give root's files to another one while the registry uses them.
  return { runAsUser: 0, runAsGroup: 0, seccompProfile: { type: 'RuntimeDefault' } };
}

function containerSecurity(root: boolean): SecurityContext {
  const { runAsNonRoot: _, ...others } = restrictedContainer();
  return root ? others : restrictedContainer();
}

const NO_PROBES: LinterException = {
  checks: ['polaris/livenessProbeMissing', 'polaris/readinessProbeMissing'],
  reason: 'it serves nobody: the controller waits for its end',
};

const AS_ROOT: LinterException = {
  checks: [
    'kube-linter/run-as-non-root',
    'kube-score/container-security-context-user-group-id',
    'polaris/runAsRootAllowed',
  ],
  reason: "the files are root's, as the addon's pod made them; it has no capabilities and no network",
};
