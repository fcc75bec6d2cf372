import { ApiObject } from 'cdk8s';
import type { Construct, IConstruct } from 'constructs';
import type { TemplateObject } from '../agent/job-template.ts';
import { listenerPlaceholder } from '../agent/listener.ts';
import { waveOfKind } from '../app/order.ts';
import { type KubernetesObject, renderFinal } from '../app/render.ts';
import { KeelsonAnnotations, KeelsonLabels } from '../kubernetes/labels.ts';
import type { BuildStage } from './build-stage.ts';
import { BUILD_CONTAINER } from './gate.ts';

/** The objects of the pipeline that a listener has too: the namespace's fences, the services and the build. */
export function homeObjects(build: Construct, { record, services }: BuildStage): KubernetesObject[] {
  const parts: IConstruct[] = [
    ...(record?.isolation === undefined ? [] : [record.isolation]),
    ...services,
    build,
  ];
  return parts
    .flatMap((part) => part.node.findAll())
    .filter((construct) => ApiObject.isApiObject(construct))
    .flatMap((object) => {
      try {
        return renderFinal(object) ?? [];
      } catch {
        // Synthesis renders it too, and reports it.
        return [];
      }
    })
    .sort((a, b) => waveOfKind(a.kind) - waveOfKind(b.kind));
}

/**
 * The same objects for a namespace that the controller makes: with placeholders for that namespace's name, at rest,
 * and without any Secret that has a value.
 */
export function listenerTemplate(stage: BuildStage, objects: readonly KubernetesObject[]): TemplateObject[] {
  return objects.filter((object) => !hasValue(object)).map((object) => adapted(stage, object));
}

/** The template with its hash on the Namespace. */
export function withVersion(template: readonly TemplateObject[], version: string): TemplateObject[] {
  return template.map((object) => {
    if (object.kind !== 'Namespace') return object;
    const annotations = object.metadata['annotations'] as Readonly<Record<string, string>>;
    const noted = { ...annotations, [KeelsonAnnotations.LISTENER_VERSION]: version };
    return { ...object, metadata: { ...object.metadata, annotations: noted } };
  });
}

/** Kinds that stand for a Secret, whose values something in the cluster makes for one namespace. */
const SECRET_MAKERS: ReadonlySet<string> = new Set(['ExternalSecret', 'SealedSecret']);

/**
 * Whether an object brings a Secret's value, in the manifest or from elsewhere. A listener gets a copy of that
 * Secret, and its template nothing.
 */
export function hasValue(object: KubernetesObject): boolean {
  if (SECRET_MAKERS.has(object.kind)) return true;
  return object.kind === 'Secret' && ('data' in object || 'stringData' in object);
}

function adapted(stage: BuildStage, object: KubernetesObject): TemplateObject {
  switch (object.kind) {
    case 'Namespace':
      return namespaceOf(stage, object);
    case 'ClusterRoleBinding':
      return moved(stage, renamed(stage, object));
    case 'Deployment':
      return moved(stage, object.metadata.name === stage.name ? listening(object) : atRest(stage, object));
    default:
      return moved(stage, object);
  }
}

/** The namespace, owned by the platform's controller. It is no pipeline of its own. */
function namespaceOf(
  { name, platform }: BuildStage,
  { metadata, ...rest }: KubernetesObject,
): TemplateObject {
  const { [KeelsonLabels.PLATFORM]: _, ...labels } = metadata.labels ?? {};
  return {
    ...rest,
    metadata: {
      ...metadata,
      name: listenerPlaceholder('namespace'),
      labels: {
        ...labels,
        [KeelsonLabels.OWNER]: platform?.platformName ?? '',
        [KeelsonLabels.LISTENER]: name,
      },
      annotations: { ...metadata.annotations, [KeelsonAnnotations.CLAIM]: listenerPlaceholder('claim') },
    },
  };
}

/** An object of no namespace, whose name starts with that of its pipeline's. */
function renamed({ namespace }: BuildStage, object: KubernetesObject): KubernetesObject {
  const name = listenerPlaceholder('namespace') + object.metadata.name.slice(namespace.length);
  return { ...object, metadata: { ...object.metadata, name } };
}

/**
 * The build, which starts with the image that was built last, and knows so: its first pod does not build that again.
 */
function listening(object: KubernetesObject): KubernetesObject {
  const { template, ...spec } = object['spec'] as DeploymentSpec;
  const annotations = {
    ...template.metadata.annotations,
    [KeelsonAnnotations.BUILT_COMMIT]: listenerPlaceholder('commit'),
    [KeelsonAnnotations.BUILT_DIGEST]: listenerPlaceholder('digest'),
  };
  const containers = template.spec.containers.map((container) =>
    container.name === BUILD_CONTAINER ? { ...container, image: listenerPlaceholder('image') } : container,
  );
  return {
    ...object,
    spec: {
      ...spec,
      template: {
        metadata: { ...template.metadata, annotations },
        spec: { ...template.spec, containers },
      },
    },
  };
}

/** A service, which waits for its gate. Nothing applies the object again, so that the number is the agent's. */
function atRest({ configurations }: BuildStage, object: KubernetesObject): KubernetesObject {
  if (!configurations.some(({ deployment }) => deployment === object.metadata.name)) return object;
  return { ...object, spec: { ...(object['spec'] as object), replicas: 0 } };
}

/** The object in the listener's namespace, and its subjects with it. */
function moved({ namespace }: BuildStage, object: KubernetesObject): TemplateObject {
  const there = (name: unknown): unknown => (name === namespace ? listenerPlaceholder('namespace') : name);
  const { metadata, subjects } = object as KubernetesObject & { subjects?: { namespace?: string }[] };
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(metadata.namespace !== undefined && { namespace: String(there(metadata.namespace)) }),
    },
    ...(subjects !== undefined && {
      subjects: subjects.map((subject) => ({ ...subject, namespace: there(subject.namespace) })),
    }),
  };
}

interface DeploymentSpec {
  readonly template: {
    readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
    readonly spec: { readonly containers: readonly { readonly name: string }[] };
  };
  readonly [field: string]: unknown;
}
