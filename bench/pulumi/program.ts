// Synthesizes a number of pipelines, or registers them with Pulumi's mocks: by the component, or their manifests by the
// classes of @pulumi/kubernetes alone, or by its ConfigGroup. Prints the milliseconds of CPU that it took after
// everything was loaded.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { ConfigGroup } from '@pulumi/kubernetes/yaml/index.js';
import * as pulumi from '@pulumi/pulumi';
import { KeelsonApp, MicroK8sRegistry, Platform } from 'keelson';
import { KeelsonComponent } from 'keelson/pulumi';
import { parse } from 'yaml';
import { optionsFromEnvironment } from '../../apps/studio-go-runner/options.ts';
import { studioGoRunnerPipeline } from '../../apps/studio-go-runner/pipeline.ts';
import type { KubernetesObject } from '../../lib/app/render.ts';
import { register } from '../../lib/pulumi/kubernetes.ts';

const [mode, count] = [process.argv[2], Number(process.argv[3])];

function program(app: KeelsonApp): void {
  const options = optionsFromEnvironment({});
  const platform = new Platform(app, 'platform', {
    registry: MicroK8sRegistry.existing({ nodeAddress: options.registryAddress }),
  });
  for (let index = 0; index < count; index++) {
    studioGoRunnerPipeline(app, `p-${index}`, platform, { ...options, namespace: `ns-${index}` });
  }
}

/** The milliseconds of CPU that a piece of work took. */
async function cpu(work: () => unknown): Promise<number> {
  const started = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1000;
}

async function inNewFolder<T>(work: (outdir: string) => Promise<T>): Promise<T> {
  const outdir = mkdtempSync(join(tmpdir(), 'keelson-pulumi-bench-'));
  try {
    return await work(outdir);
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

function synthesize(outdir: string): void {
  const app = new KeelsonApp({ outdir });
  program(app);
  app.synth();
}

/** Registers resources, waits until all were answered, and sees to it that there were some for each pipeline. */
async function registered(register: () => unknown): Promise<number> {
  let asked = 0;
  await pulumi.runtime.setMocks({
    newResource: ({ name, inputs, type }) => {
      if (type.startsWith('kubernetes:')) asked++;
      return { id: name, state: inputs };
    },
    call: () => ({}),
  });
  const took = await cpu(async () => {
    register();
    await pulumi.runtime.disconnect();
  });
  if (asked < 40 * count) throw new Error(`only ${asked} objects of ${count} pipelines were registered`);
  return took;
}

/** The manifests of the pipelines, as they are when they are read back. */
function manifests(outdir: string): KubernetesObject[] {
  synthesize(outdir);
  return readdirSync(outdir, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.yaml') && basename(path) !== 'kustomization.yaml')
    .map((path): KubernetesObject => parse(readFileSync(join(outdir, path), 'utf8')));
}

function registerAlone(objects: readonly KubernetesObject[]): void {
  const parent = new pulumi.ComponentResource('bench:index:Alone', 'ci');
  for (const object of objects) {
    const { namespace = '', name } = object.metadata;
    register(`ci/${namespace}/${name}`, object, { parent });
  }
}

async function measure(outdir: string): Promise<number> {
  if (mode === 'synth') return cpu(() => synthesize(outdir));
  if (mode === 'component') return registered(() => new KeelsonComponent('ci', { program }));
  const objects = manifests(outdir);
  if (mode === 'alone') return registered(() => registerAlone(objects));
  return registered(() => new ConfigGroup('ci', { objs: objects }));
}

process.stdout.write(`${await inNewFolder(measure)}\n`);
