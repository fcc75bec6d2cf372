import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeelsonApp, type KeelsonAppProps } from 'keelson';
import { parse } from 'yaml';
import { optionsFromEnvironment, type StudioGoRunnerOptions } from '../../apps/studio-go-runner/options.ts';
import { studioGoRunner } from '../../apps/studio-go-runner/pipeline.ts';
import { type Api, type KubernetesObject, waitFor } from './api.ts';

/** The reference pipeline's files, read back in the order in which kustomization.yaml applies them. */
export async function referenceObjects(
  options: Partial<StudioGoRunnerOptions> = {},
): Promise<KubernetesObject[]> {
  return programObjects((app) => studioGoRunner(app, { ...optionsFromEnvironment({}), ...options }));
}

/** What a program writes, in the order of its kustomization. */
export async function programObjects(
  build: (app: KeelsonApp) => void,
  props: Pick<KeelsonAppProps, 'transform'> = {},
): Promise<KubernetesObject[]> {
  const folder = await mkdtemp(join(tmpdir(), 'keelson-program-'));
  try {
    const app = new KeelsonApp({ ...props, outdir: join(folder, 'manifests') });
    build(app);
    app.synth();
    return await readKustomization(join(folder, 'manifests'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The objects of a kustomization, in its order. */
export async function readKustomization(folder: string): Promise<KubernetesObject[]> {
  const { resources } = (await readYaml(join(folder, 'kustomization.yaml'))) as { resources: string[] };
  const objects: KubernetesObject[] = [];
  for (const resource of resources) {
    const path = join(folder, resource);
    if (resource.endsWith('.yaml')) objects.push((await readYaml(path)) as KubernetesObject);
    else objects.push(...(await readKustomization(path)));
  }
  return objects;
}

async function readYaml(path: string): Promise<unknown> {
  return parse(await readFile(path, 'utf8'));
}

/** The object of a kind and name. */
export function find(objects: readonly KubernetesObject[], kind: string, name: string): KubernetesObject {
  const object = objects.find((candidate) => candidate.kind === kind && candidate.metadata.name === name);
  if (object === undefined) throw new Error(`no ${kind} ${name} was synthesized`);
  return object;
}

/** Deletes what was applied, and waits until it is gone: namespaces take what is in them along. */
export async function removeObjects(api: Api, objects: readonly KubernetesObject[]): Promise<void> {
  const namespaces = objects.filter(({ kind }) => kind === 'Namespace');
  const names = new Set(namespaces.map(({ metadata }) => metadata.name));
  for (const object of [...objects].reverse()) {
    if (!names.has(object.metadata.namespace ?? '')) await api.delete(await api.pathOf(object));
  }
  for (const namespace of namespaces) await api.delete(await api.pathOf(namespace));
  for (const namespace of namespaces) {
    const path = await api.pathOf(namespace);
    await waitFor(async () => (await api.request('GET', path)).status === 404, { timeout: 120_000 });
  }
}

/** Deletes an object whose finalizers wait for a controller that is not there. */
export async function removeWithFinalizers(api: Api, path: string): Promise<void> {
  const finalizers = { metadata: { finalizers: null } };
  await api.request('PATCH', path, finalizers, { contentType: 'application/merge-patch+json' });
  await api.delete(path);
}
