// Registers a number of pipelines with Pulumi's mocks, or synthesizes them, and prints the milliseconds of CPU that it
// took after everything was loaded.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as pulumi from '@pulumi/pulumi';
import { KeelsonApp, MicroK8sRegistry, Platform } from 'keelson';
import { KeelsonComponent } from 'keelson/pulumi';
import { optionsFromEnvironment } from '../../apps/studio-go-runner/options.ts';
import { studioGoRunnerPipeline } from '../../apps/studio-go-runner/pipeline.ts';

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

async function register(): Promise<number> {
  let answered = 0;
  await pulumi.runtime.setMocks({
    newResource: ({ name, inputs }) => {
      answered++;
      return { id: name, state: inputs };
    },
    call: () => ({}),
  });
  const started = process.cpuUsage();
  const { resources } = new KeelsonComponent('ci', { program });
  await Promise.all(resources.map(({ urn }) => new Promise((resolve) => urn.apply(resolve))));
  const took = process.cpuUsage(started);
  if (answered < resources.length) throw new Error(`${answered} of ${resources.length} were registered`);
  return took.user + took.system;
}

function synthesize(): number {
  const outdir = mkdtempSync(join(tmpdir(), 'keelson-pulumi-bench-'));
  try {
    const started = process.cpuUsage();
    const app = new KeelsonApp({ outdir });
    program(app);
    app.synth();
    const took = process.cpuUsage(started);
    return took.user + took.system;
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

const microseconds = mode === 'pulumi' ? await register() : synthesize();
process.stdout.write(`${microseconds / 1000}\n`);
