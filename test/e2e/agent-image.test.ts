// The agent's image as users make it: by the project's own command, from the project's Containerfile, with a real
// Buildah. Only the image that it is built on is made here. It runs in pods of a real node under Pod Security's
// `restricted`, on a read-only root.
import { KEELSON_VERSION } from 'keelson';
import type { Container, Pod } from 'kubernetes-types/core/v1.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Api, waitFor } from '../cluster/api.ts';
import { kubectl } from '../cluster/kubectl.ts';
import { missing, testApi, testNode, withoutNode } from '../cluster/provided.ts';
import { podLogs } from './harness.ts';

const NAMESPACE = 'agent-image';
const REPOSITORY = 'keelson-dev/agent';
const IMAGE = `ghcr.io/${REPOSITORY}:${KEELSON_VERSION}`;
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

interface Ended {
  readonly exitCode: number;
  readonly log: string;
}

describe.skipIf(withoutNode)(`the agent’s image, built by Buildah, on a real node${missing}`, () => {
  let api: Api;
  const pods = `/api/v1/namespaces/${NAMESPACE}/pods`;

  beforeAll(async () => {
    api = await Api.connect(testApi().kubeconfig);
    await api.createNamespace(NAMESPACE, 'restricted');
  });
  afterAll(() => api.delete(`/api/v1/namespaces/${NAMESPACE}`));

  /** Runs a pod with the image to its end. */
  const run = async (name: string, container: Partial<Container>): Promise<Ended> => {
    await api.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: NAMESPACE },
      spec: {
        restartPolicy: 'Never',
        automountServiceAccountToken: false,
        // No user: that of the image has to be one that the kubelet can tell from root.
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          {
            name: 'agent',
            image: IMAGE,
            securityContext: {
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              capabilities: { drop: ['ALL'] },
            },
            resources: { limits: { cpu: '500m', memory: '512Mi' } },
            ...container,
          },
        ],
      },
    });
    const ended = await waitFor(
      async () => {
        const { status } = await api.get<Pod>(`${pods}/${name}`);
        return status?.containerStatuses?.[0]?.state?.terminated;
      },
      { timeout: 60_000, describe: () => podLogs(api, [NAMESPACE]) },
    );
    return {
      exitCode: ended.exitCode,
      log: await kubectl(testApi().kubeconfig, '-n', NAMESPACE, 'logs', name),
    };
  };
  const node = (name: string, program: string): Promise<Ended> =>
    run(name, { command: ['node', '--input-type=module', '--eval', program] });

  test('without a program’s name it prints its usage and ends with 64', async () => {
    const { exitCode, log } = await run('usage', {});
    expect(log).toContain('usage: keelson-agent');
    expect(exitCode).toBe(64);
  });

  test('the process is user and group 65532, which have a name, and can write nothing', async () => {
    const { exitCode, log } = await node(
      'identity',
      `import { userInfo } from 'node:os';
       import { accessSync, constants, writeFileSync } from 'node:fs';
       const { uid, gid, username, homedir } = userInfo();
       console.log(JSON.stringify({ uid, gid, username, homedir, groups: process.getgroups() }));
       for (const path of ['/file', '/tmp/file', '/keelson/file', '/keelson/keelson-agent.js']) {
         try { writeFileSync(path, ''); console.log('wrote ' + path); } catch (error) { console.log(error.code); }
       }
       accessSync('/keelson/keelson-agent.js', constants.R_OK);`,
    );
    const [identity = '', ...writes] = log.trim().split('\n');
    expect(JSON.parse(identity)).toEqual({
      uid: 65532,
      gid: 65532,
      username: 'keelson',
      homedir: '/tmp',
      groups: [65532],
    });
    expect(writes).toEqual(['EROFS', 'EROFS', 'EROFS', 'EROFS']);
    expect(exitCode).toBe(0);
  });

  test.each([
    ['git', ['git', '--version'], /^git version 2\./],
    ['git-lfs', ['git', 'lfs', 'version'], /^git-lfs\/3\./],
    // Without a name for the user it would end before it looks at anything.
    ['ssh', ['ssh', '-G', 'git@git.example.com'], /^user git$/m],
    ['node', ['node', '--version'], /^v2\d\./],
  ])('%s runs in it', async (name, command, expected) => {
    const { exitCode, log } = await run(`has-${name}`, { command });
    expect(log).toMatch(expected);
    expect(exitCode).toBe(0);
  });

  test('git knows the certificate authorities of the internet', async () => {
    const { log } = await node(
      'authorities',
      `import { readFileSync } from 'node:fs';
       console.log(readFileSync('/etc/ssl/certs/ca-certificates.crt', 'utf8').split('BEGIN CERTIFICATE').length - 1);`,
    );
    expect(Number(log)).toBeGreaterThan(100);
  });

  test('Node keeps its heap to about half of a container’s 512 MiB without being told', async () => {
    const { log } = await node(
      'heap',
      `import { getHeapStatistics } from 'node:v8'; console.log(getHeapStatistics().heap_size_limit / 2 ** 20);`,
    );
    expect(Number(log)).toBeLessThan(300);
  });

  test('it holds no program that installs others from npm', async () => {
    const { log } = await node(
      'npm',
      `import { existsSync } from 'node:fs';
       const parts = ['/usr/local/lib/node_modules', '/usr/local/bin/npm', '/usr/local/bin/yarn', '/opt/yarn-v1.22.22'];
       console.log(JSON.stringify(parts.filter((path) => existsSync(path))));`,
    );
    expect(JSON.parse(log)).toEqual([]);
  });

  test('its configuration names user, entry point, version, source and licence', async () => {
    const place = `http://${testNode().registry}/v2/${REPOSITORY}`;
    const response = await fetch(`${place}/manifests/${KEELSON_VERSION}`, { headers: { accept: MANIFEST } });
    const manifest = (await response.json()) as { config: { digest: string }; layers: { size: number }[] };
    const { config } = (await (await fetch(`${place}/blobs/${manifest.config.digest}`)).json()) as {
      config: { User: string; Entrypoint: string[]; Cmd?: string[]; Labels: Record<string, string> };
    };
    expect(config).toMatchObject({
      User: '65532:65532',
      Entrypoint: ['node', '/keelson/keelson-agent.js'],
      Labels: {
        'org.opencontainers.image.version': KEELSON_VERSION,
        'org.opencontainers.image.source': expect.stringMatching(/^https:/),
        'org.opencontainers.image.licenses': 'Apache-2.0',
      },
    });
    expect(config.Cmd ?? []).toEqual([]);
  });
});
