import { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { PIPELINE_CONFIG_MAP, PIPELINE_KEY, type PipelineConfiguration } from '../agent/configuration.ts';
import { deferredOf } from '../kubernetes/deferred.ts';
import { type KubernetesObject, renderFinal } from './render.ts';

/** A container image that pods run. */
export interface UsedImage {
  /** Its full name, with a digest where the program gives one. */
  readonly name: string;
  /** Whether the program's own pipelines make it, so that it can't be copied from anywhere. */
  readonly built: boolean;
  /** The paths of the constructs whose pods run it, job templates' too, in the order of the program. */
  readonly usedBy: readonly string[];
}

/** A name that only a commit completes. */
const PLACEHOLDER = /\(\(keelson\./;

/**
 * The container images below a construct, each once and sorted by name: those of pods, and those of the
 * job templates that controllers fill. What a Dockerfile names in FROM is not among them.
 *
 * @param scope an app, a chart, or any other construct
 * @example
 * const toMirror = imagesOf(app).filter(({ built }) => !built).map(({ name }) => name);
 */
export function imagesOf(scope: IConstruct): readonly UsedImage[] {
  const users = new Map<string, Set<string>>();
  const built = new Set<string>();
  for (const construct of scope.node.findAll()) {
    if (!ApiObject.isApiObject(construct)) continue;
    const object = renderFinal(construct);
    if (object === undefined) continue;
    const pipeline = pipelineConfiguration(object);
    for (const { image, builder } of pipeline?.builds ?? []) if (builder !== undefined) built.add(image);
    for (const image of containerImages(pipeline ?? object)) {
      if (PLACEHOLDER.test(image)) continue;
      users.set(image, (users.get(image) ?? new Set()).add(construct.node.path));
    }
  }
  return [...users]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, usedBy]) => ({ name, built: built.has(name), usedBy: [...usedBy] }));
}

function pipelineConfiguration(object: KubernetesObject): PipelineConfiguration | undefined {
  if (object.kind !== 'ConfigMap' || object.metadata.name !== PIPELINE_CONFIG_MAP) return undefined;
  const text = (object['data'] as Readonly<Record<string, string>> | undefined)?.[PIPELINE_KEY];
  if (text === undefined) return undefined;
  // Where there are Outputs in it, it is not a text yet.
  const deferred = deferredOf(text);
  return deferred !== undefined && 'from' in deferred
    ? (deferred.from as PipelineConfiguration)
    : JSON.parse(text);
}

const CONTAINERS: ReadonlySet<string> = new Set(['containers', 'initContainers', 'ephemeralContainers']);

/** The images of all containers, however deep: custom kinds have pods in places of their own. */
function containerImages(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, below]) =>
    CONTAINERS.has(key) && Array.isArray(below)
      ? below.flatMap((container: { image?: unknown } | null) => {
          const image = container?.image;
          return typeof image === 'string' ? image : [];
        })
      : containerImages(below),
  );
}
