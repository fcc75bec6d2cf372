// The examples, and programs whose names change, by a real Pulumi engine and Kubernetes provider, at real API servers with
// their controllers. There are no nodes: the test plays them.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { type Cluster, startApi } from '../cluster/cluster.ts';
import { kubectl } from '../cluster/kubectl.ts';
import { pulumiExamples } from '../support/examples.ts';
import { Engine, missingPulumi, type Program, pulumiVersions } from './engine.ts';
import { type PlayedNode, playNode } from './played-node.ts';

/** The contexts of clusters that examples name; the first is the current one. */
const CONTEXTS = ['microk8s', 'lab'] as const;
type Context = (typeof CONTEXTS)[number];

/** What an example asks of its configuration. All of it is secret. */
const CONFIGURED: Readonly<Record<string, readonly string[]>> = {
  'pulumi-in-a-project': ['token', 'minioPassword'],
};
const CANARY = 'canary-of-the-configuration';

/** What `up` says of resources that it has changed. */
const CHANGED = /created|deleted|replaced|updated/g;

/** A Deployment that each example has, by cluster. */
const DEPLOYED: Readonly<Record<string, readonly (readonly [context: Context, deployment: RegExp])[]>> = {
  'pulumi-in-a-project': [['microk8s', /load-test-\w+ +minio/]],
  'pulumi-several-pipelines': [
    ['microk8s', /uploads +build/],
    ['microk8s', /mailer +build/],
  ],
  'pulumi-several-clusters': CONTEXTS.map((context) => [context, /simulator +build/]),
};

/** A program that makes ConfigMaps in a namespace, in components of some names. */
const configMaps = (components: string): string => `import { ApiObject, Chart } from 'cdk8s';
import { KeelsonComponent, kubernetesProvider } from 'keelson/pulumi';

const provider = kubernetesProvider('cluster');
const settings = (...names) => (app) => {
  const chart = new Chart(app, 'settings', { namespace: 'default' });
  for (const name of names) new ApiObject(chart, name, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
};
${components}`;

const missing = missingPulumi();

describe.skipIf(missing !== undefined)(
  `with the real engine (${missing === undefined ? pulumiVersions() : `missing: ${missing}`})`,
  () => {
    const clusters = new Map<Context, Cluster>();
    const nodes: PlayedNode[] = [];
    let directory: string;
    let kubeconfig: string;

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), 'keelson-pulumi-contexts-'));
      kubeconfig = join(directory, 'kubeconfig');
      for (const context of CONTEXTS) {
        const cluster = await startApi({ controllers: true });
        clusters.set(context, cluster);
        nodes.push(await playNode(cluster.controlPlane.kubeconfig));
      }
      writeFileSync(kubeconfig, JSON.stringify(merged()), { mode: 0o600 });
    });
    afterAll(async () => {
      for (const each of nodes) await each.stop();
      for (const cluster of clusters.values()) await cluster.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    /** One kubeconfig with a context for each cluster. */
    function merged(): object {
      const parts = [...clusters].map(([name, { controlPlane }]) => {
        const { clusters, users } = parse(readFileSync(controlPlane.kubeconfig, 'utf8'));
        return { name, cluster: clusters[0].cluster, user: users[0].user };
      });
      return {
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': CONTEXTS[0],
        contexts: parts.map(({ name }) => ({ name, context: { cluster: name, user: name } })),
        clusters: parts.map(({ name, cluster }) => ({ name, cluster })),
        users: parts.map(({ name, user }) => ({ name, user })),
      };
    }

    async function stack(program: Program): Promise<Engine> {
      const engine = new Engine(kubeconfig, program);
      onTestFinished(() => engine.remove());
      await engine.do('stack', 'init', 'test');
      return engine;
    }

    const deployments = (context: Context): Promise<string> =>
      kubectl(kubeconfig, '--context', context, 'get', 'deployments', '-A', '--no-headers');

    async function destroy(engine: Engine): Promise<void> {
      await engine.do('state', 'unprotect', '--all', '--yes');
      await engine.do('destroy', '--yes', '--skip-preview');
      for (const context of CONTEXTS) expect(await deployments(context)).toBe('');
    }

    test.each(pulumiExamples)(
      'the example %s is applied, is not changed by a second up, and is destroyed',
      async (name) => {
        const engine = await stack({ folder: join('examples', name) });
        for (const key of CONFIGURED[name] ?? []) await engine.configure(key, CANARY, '--secret');
        const printed = [await engine.do('preview', '--diff'), await engine.up(), await engine.unchanged()];
        for (const [context, deployment] of DEPLOYED[name] ?? [])
          expect(await deployments(context)).toMatch(deployment);
        expect(DEPLOYED[name]).toBeDefined();
        for (const text of [...printed, engine.state()]) {
          expect(text).not.toContain(CANARY);
          expect(text).not.toContain(Buffer.from(CANARY).toString('base64'));
        }
        await destroy(engine);
      },
    );

    test('a component that gets another name, with an alias, keeps its resources', async () => {
      const named = (name: string, aliases: string): string =>
        configMaps(
          `new KeelsonComponent('${name}', { program: settings('a', 'b') }, { provider, ${aliases} });`,
        );
      const engine = await stack({ text: named('before', '') });
      await engine.up();
      engine.becomes(named('after', "aliases: [{ name: 'before' }]"));
      expect(await engine.up()).not.toMatch(CHANGED);
      expect(await engine.do('stack', '--show-urns')).toContain('after/default/a');
      await engine.do('destroy', '--yes', '--skip-preview');
    });

    test('an object that moves to another component, with an alias, keeps its resource', async () => {
      const first = (...names: readonly string[]): string =>
        `const first = new KeelsonComponent('first', { program: settings(${names}) }, { provider });`;
      const second = `new KeelsonComponent('second', {
  program: settings('b'),
  resourceOptions: (_object, _source, name) => ({ aliases: [{ name: 'first/' + name, parent: first }] }),
}, { provider });`;
      const engine = await stack({ text: configMaps(first("'a'", "'b'")) });
      await engine.up();
      engine.becomes(configMaps(`${first("'a'")}\n${second}`));
      // The component itself is new.
      expect((await engine.up()).match(CHANGED)).toEqual(['created']);
      expect(await engine.do('stack', '--show-urns')).toContain('second/default/b');
      await engine.do('destroy', '--yes', '--skip-preview');
    });
  },
  900_000,
);
