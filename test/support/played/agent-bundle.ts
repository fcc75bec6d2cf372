// The agent's program in one file, as its image has it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export interface AgentBundle {
  readonly path: string;
  remove(): Promise<void>;
}

/** Bundles it: a process then starts in a fraction of the time. */
export async function bundleAgent(): Promise<AgentBundle> {
  const directory = await mkdtemp(join(tmpdir(), 'keelson-agent-'));
  const path = join(directory, 'agent.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('../../../apps/agent/main.ts', import.meta.url))],
    outfile: path,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    logLevel: 'warning',
    tsconfigRaw: {},
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
  });
  return { path, remove: () => rm(directory, { recursive: true, force: true }) };
}
