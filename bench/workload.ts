import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeelsonApp, type KubernetesObject, MicroK8sRegistry, Platform } from 'keelson';
import { optionsFromEnvironment } from '../apps/studio-go-runner/options.ts';
import { studioGoRunnerPipeline } from '../apps/studio-go-runner/pipeline.ts';
import { readObjects } from './documents.ts';

/** The objects of the workload with {@link INDEX} where a pipeline's index goes. */
export interface Workload {
  /** The platform's objects, whatever the number of pipelines. */
  readonly platform: readonly KubernetesObject[];
  /** What each pipeline adds to the platform's objects. */
  readonly platformPerPipeline: readonly KubernetesObject[];
  /** The objects of a pipeline itself. */
  readonly pipeline: readonly KubernetesObject[];
}

/** Stands for the index of a pipeline. It occurs in no object by itself. */
export const INDEX = 'qzx7';

/**
 * Synthesizes one pipeline on a platform, for the peers to be generated from. That the objects of any
 * other index differ in the index alone is what the comparison of the peers' objects proves.
 */
export function workload(): Workload {
  const directory = mkdtempSync(join(tmpdir(), 'keelson-workload-'));
  try {
    const outdir = join(directory, 'manifests');
    const app = new KeelsonApp({ outdir });
    const options = optionsFromEnvironment({});
    const platform = new Platform(app, 'platform', {
      registry: MicroK8sRegistry.existing({ nodeAddress: options.registryAddress }),
    });
    studioGoRunnerPipeline(app, `p-${INDEX}`, platform, { ...options, namespace: `ns-${INDEX}` });
    app.synth();
    const shared = [...readObjects(join(outdir, 'platform')).values()];
    return {
      platform: shared.filter((object) => !JSON.stringify(object).includes(INDEX)),
      platformPerPipeline: shared.filter((object) => JSON.stringify(object).includes(INDEX)),
      pipeline: [...readObjects(join(outdir, `p-${INDEX}`)).values()],
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** How many objects the workload has for a number of pipelines. */
export function objectCount(
  { platform, platformPerPipeline, pipeline }: Workload,
  pipelines: number,
): number {
  return platform.length + pipelines * (platformPerPipeline.length + pipeline.length);
}
