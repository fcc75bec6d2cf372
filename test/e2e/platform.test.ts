// What the scenario stands on: the whole program applied to a real node, and the servers outside of it. No commit asks
// for the agent's work here, so that a failure is not the agent's.
import { KEELSON_VERSION } from 'keelson';
import type { Pod } from 'kubernetes-types/core/v1.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Api, waitFor } from '../cluster/api.ts';
import { missing, testNode, withoutNode } from '../cluster/provided.ts';
import { podLogs, printLogsOnFailure } from './harness.ts';
import { inPod } from './in-pod.ts';
import { type InstalledPipeline, installPipeline } from './installed.ts';
import { BASE_IMAGE, NAMESPACES, REGISTRY_PORT, REPOSITORY_OF_RELEASES } from './pipeline.ts';
import { whatIsReal } from './programs.ts';
import { projectFiles } from './project-files.ts';

const TOOLS = 'e2e-tools';
const AGENT = `ghcr.io/keelson-dev/agent:${KEELSON_VERSION}`;

describe.skipIf(withoutNode)(`the program on a real node, with ${whatIsReal}${missing}`, () => {
  let api: Api;
  let installed: InstalledPipeline;

  beforeAll(async () => {
    installed = await installPipeline();
    api = installed.api;
    await api.createNamespace(TOOLS, 'restricted');
  });
  afterAll(async () => {
    await api.delete(`/api/v1/namespaces/${TOOLS}`);
    await installed.remove();
  });
  printLogsOnFailure(() => api, Object.values(NAMESPACES));

  const run = (name: string, image: string, ...command: string[]): Promise<string> =>
    inPod(api, { namespace: TOOLS, name, image, command });

  test('the controller’s container is the agent, and was started', async () => {
    await waitFor(
      async () => {
        const { items } = await api.get<{ items: Pod[] }>(`/api/v1/namespaces/${NAMESPACES.controller}/pods`);
        const [container] = items[0]?.status?.containerStatuses ?? [];
        const { running, terminated } = { ...container?.lastState, ...container?.state };
        return container?.imageID.includes('keelson-dev/agent@sha256:') && (running ?? terminated);
      },
      { describe: () => podLogs(api, [NAMESPACES.controller]) },
    );
  });

  test('the kubelet pulls from the pipeline’s own registry, through its NodePort', async () => {
    const image = `${testNode().address}:${REGISTRY_PORT}/${BASE_IMAGE}`;
    expect(await run('base', image, 'node', '--print', '6 * 7')).toBe('42');
  });

  test('a pod reads a commit from the git server', async () => {
    const commit = await installed.repository.commit('unwatched', await projectFiles({ version: '0.0.1' }));
    const script =
      'git ls-remote "$1" refs/heads/unwatched && git clone -q -b unwatched "$1" /tmp/x && cat /tmp/x/README.md';
    const log = await run('git', AGENT, 'sh', '-euc', script, 'script', installed.gitUrl);
    expect(log).toBe(`${commit}\trefs/heads/unwatched\n# Project <repo-version>0.0.1</repo-version>`);
  });

  test('a pod reaches the API for releases, whose certificate it can check', async () => {
    const url = `${installed.github.url}/repos/${REPOSITORY_OF_RELEASES}/releases`;
    const authority = JSON.stringify(installed.github.authority);
    const program = `import { get } from 'node:https';
      get(${JSON.stringify(url)}, { ca: ${authority} }, ({ statusCode }) => {
        console.log(statusCode);
        process.exit();
      });`;
    expect(await run('github', AGENT, 'node', '--input-type=module', '--eval', program)).toBe('401');
  });
});
