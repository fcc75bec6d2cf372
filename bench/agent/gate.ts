import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Api, waitFor } from '../../test/cluster/api.ts';
import { agentBundle } from '../../test/support/agent-process.ts';
import { PlayedBuild } from '../../test/support/played/build.ts';
import { PlayedNamespace } from '../../test/support/played/namespace.ts';
import { watchedBuild } from '../../test/support/played/programs.ts';
import { spread } from './spread.ts';

/** What a gate adds to a build, in milliseconds. */
export interface GateFigures {
  readonly runs: number;
  /** From the start of the build's container to that of its command. */
  readonly start: { readonly p50: number; readonly max: number };
  /** From the command's end to its recorded result. */
  readonly end: { readonly p50: number; readonly max: number };
}

/**
 * Runs builds one after the other, with services that are up: a real gate with its account's rights beside the real
 * wrapper, at a real API server. The benchmark plays kubelet and services.
 */
export async function measureGate(kubeconfig: string, runs: number): Promise<GateFigures> {
  const api = await Api.connect(kubeconfig);
  const name = `bench-gate-${randomUUID().slice(0, 8)}`;
  const namespace = await PlayedNamespace.make(api, kubeconfig, { name, program: watchedBuild({ name }) });
  const start: number[] = [];
  const end: number[] = [];
  try {
    const build = await PlayedBuild.of(namespace, { agent: await agentBundle() });
    for (let run = 0; run < runs; run++) {
      const digest = `sha256:${(randomUUID() + randomUUID()).replaceAll('-', '')}`;
      const pod = await build.pod({ digest, command: ['sh', '-c', 'echo ran >> "$RAN"'] });
      const changed = (file: string): number => statSync(file).mtimeMs;
      await waitFor(
        async () => (await build.runs()).some(({ id, finishedAt }) => id === pod.uid && finishedAt),
        {
          interval: 10,
        },
      );
      end.push(Date.now() - changed(join(pod.runDirectory, 'result')));
      start.push(changed(pod.ran) - changed(join(pod.runDirectory, 'attempt')));
      await build.atRest();
      await pod.delete();
    }
    await build.kill();
  } finally {
    await namespace.remove();
  }
  return { runs, start: spread(start), end: spread(end) };
}
