// Each test has a namespace of its own, so that several run at once.
import { randomUUID } from 'node:crypto';
import type { GateConfiguration } from '../../../lib/agent/configuration.ts';
import { Api } from '../../cluster/api.ts';
import { testApi } from '../../cluster/provided.ts';
import { PlayedBuild } from './build.ts';
import { PlayedNamespace } from './namespace.ts';
import { type BuildProgram, buildJob, watchedBuild } from './programs.ts';
import type { ServiceBehaviour } from './services.ts';

export interface UseOptions extends Omit<BuildProgram, 'name'> {
  /** A Job in place of a watched build. */
  readonly job?: boolean;
  readonly behaviour?: ServiceBehaviour;
  readonly configuration?: Partial<GateConfiguration>;
  /** Where gates reach the API server. */
  readonly server?: string;
  /** Names of builds in the program. */
  readonly builds?: readonly string[];
}

/** A digest that no other test has. */
export function digest(): string {
  return `sha256:${(randomUUID() + randomUUID()).replaceAll('-', '')}`;
}

/** A commit that no other test has. */
export function commit(): string {
  return (randomUUID() + randomUUID()).replaceAll('-', '').slice(0, 40);
}

/** Makes a namespace with builds, lets the test use it, and removes it with all that runs for it. */
export async function withBuilds(
  agent: string,
  options: UseOptions,
  use: (...builds: PlayedBuild[]) => Promise<void>,
): Promise<void> {
  const { job, behaviour, configuration, builds, server, ...program } = options;
  const { kubeconfig } = testApi();
  const api = await Api.connect(kubeconfig);
  const name = `gate-${randomUUID().slice(0, 8)}`;
  const namespace = await PlayedNamespace.make(api, kubeconfig, {
    name,
    program: job ? buildJob(name) : watchedBuild({ ...program, name }),
    ...(behaviour !== undefined && { services: behaviour }),
    ...(server !== undefined && { server }),
  });
  const played: PlayedBuild[] = [];
  try {
    for (const build of builds ?? [job ? 'check' : 'build']) {
      const options = { agent, name: build, ...(configuration !== undefined && { configuration }) };
      played.push(await PlayedBuild.of(namespace, options));
    }
    await use(...played);
  } finally {
    await Promise.all(played.map((build) => build.kill()));
    await namespace.remove();
  }
}
