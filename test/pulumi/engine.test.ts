// The program of the project's root by a real Pulumi engine and Kubernetes provider, at a real API server with its
// controllers. There is no node: the test plays one, and does what the agent would, with the agent's field
// managers.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cluster, startApi } from '../cluster/cluster.ts';
import { kubectl } from '../cluster/kubectl.ts';
import { referenceProgram } from '../support/programs.ts';
import { synthesized } from '../support/synthesized.ts';
import { Engine, missingPulumi, pulumiVersions } from './engine.ts';
import { type PlayedNode, playNode } from './played-node.ts';

const NAMESPACE = 'ci-go-runner';
const TOKEN = 'canary-of-a-release-token';
const GENERATED = 'canary-of-a-generated-value';

/** Forbids changes of the build's Deployment. */
const DENIED = [
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'denied' },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        resourceRules: [
          { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['deployments'] },
        ],
      },
      validations: [{ expression: "object.metadata.name != 'build'", message: 'denied by the test' }],
    },
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'denied' },
    spec: { policyName: 'denied', validationActions: ['Deny'] },
  },
];

const missing = missingPulumi();

describe.skipIf(missing !== undefined)(
  `the reference pipeline by the real engine (${missing === undefined ? pulumiVersions() : `missing: ${missing}`})`,
  () => {
    let cluster: Cluster;
    let engine: Engine;
    let files: string;
    let node: PlayedNode;

    beforeAll(async () => {
      files = mkdtempSync(join(tmpdir(), 'keelson-pulumi-files-'));
      cluster = await startApi({ controllers: true });
      const { kubeconfig } = cluster.controlPlane;
      node = await playNode(kubeconfig);
      engine = new Engine(kubeconfig, { folder: '.' });
      await engine.do('stack', 'init', 'test');
      await engine.configure('releaseToken', TOKEN, '--secret');
    });
    afterAll(async () => {
      engine?.remove();
      rmSync(files, { recursive: true, force: true });
      await node?.stop();
      await cluster?.stop();
    });

    const kube = (...args: readonly string[]): Promise<string> =>
      kubectl(cluster.controlPlane.kubeconfig, ...args);
    const inBuild = (...args: readonly string[]): Promise<string> => kube('-n', NAMESPACE, ...args);
    const patch = (what: readonly string[], manager: string, body: object): Promise<string> =>
      inBuild('patch', ...what, '--type=merge', `--field-manager=${manager}`, '-p', JSON.stringify(body));

    /** What gate, controller and Keel write while a build runs. */
    async function agentWrites(): Promise<void> {
      await patch(['deployment', 'build'], 'keelson-gate', {
        metadata: { annotations: { 'keel.sh/policy': 'never' } },
      });
      await patch(['deployment', 'build'], 'keel', {
        spec: { template: { metadata: { annotations: { 'keel.sh/update-time': 'now' } } } },
      });
      await inBuild('scale', 'deployment', 'minio', 'rabbitmq', '--replicas=0');
      await patch(['configmap', 'build-status'], 'keelson-gate', { data: { 'status.json': '{"runs":[]}' } });
      await patch(['configmap', 'keelson-ledger'], 'keelson-controller', { data: { 'ledger.json': '{}' } });
      await patch(['secret', 'studioml-runner-keys'], 'keelson-controller', {
        stringData: { 'ssh-passphrase': GENERATED },
      });
      await patch(['lease', 'build'], 'keelson-gate', { spec: { holderIdentity: 'a-pod' } });
    }

    /** What of that is there. */
    async function writtenByAgent(): Promise<unknown> {
      const get = async (...args: readonly string[]): Promise<Record<string, unknown>> =>
        JSON.parse(await inBuild('get', ...args, '-o', 'json'));
      const build = await get('deployment', 'build');
      const at = (value: unknown, ...path: readonly string[]): unknown =>
        path.reduce((inner, key) => Reflect.get(Object(inner), key), value);
      return {
        held: at(build, 'metadata', 'annotations', 'keel.sh/policy'),
        rolled: at(build, 'spec', 'template', 'metadata', 'annotations', 'keel.sh/update-time'),
        services: [
          at(await get('deployment', 'minio'), 'spec', 'replicas'),
          at(await get('deployment', 'rabbitmq'), 'spec', 'replicas'),
        ],
        status: at(await get('configmap', 'build-status'), 'data', 'status.json'),
        ledger: at(await get('configmap', 'keelson-ledger'), 'data', 'ledger.json'),
        secret: at(await get('secret', 'studioml-runner-keys'), 'data', 'ssh-passphrase'),
        holder: at(await get('lease', 'build'), 'spec', 'holderIdentity'),
      };
    }

    const WRITTEN = {
      held: 'never',
      rolled: 'now',
      services: [0, 0],
      status: '{"runs":[]}',
      ledger: '{}',
      secret: Buffer.from(GENERATED).toString('base64'),
      holder: 'a-pod',
    };

    /** Neither a configured nor a generated secret is in the state in plain text, nor in what was printed. */
    function expectNoSecretIn(...texts: readonly string[]): void {
      for (const text of [engine.state(), ...texts]) {
        for (const secret of [TOKEN, GENERATED]) {
          expect(text.includes(secret) || text.includes(Buffer.from(secret).toString('base64'))).toBe(false);
        }
      }
    }

    test('a preview shows all objects, up makes them, and a second one changes nothing', async () => {
      const preview = await engine.do('preview', '--diff');
      expect(preview).toContain('studio-go-runner/ci-go-runner/build');
      expect(preview).toContain('not waited for');
      const up = await engine.up();
      expectNoSecretIn(preview, up, await engine.unchanged(), await engine.do('stack', 'export'));
      expect(await engine.do('stack', 'output', 'namespace')).toContain(NAMESPACE);
      expect(await engine.do('stack', 'output', 'imageHost')).toContain('172.31.39.52:32000');
      const token = await kube('-n', `${NAMESPACE}-release`, 'get', 'secrets', '-o', 'json');
      expect(token).toContain(Buffer.from(TOKEN).toString('base64'));
    });

    test('what the agent writes is no change, before and after a refresh', async () => {
      await agentWrites();
      await engine.unchanged();
      const refreshed = await engine.do('refresh', '--yes', '--skip-preview', '--expect-no-changes');
      expectNoSecretIn(refreshed, await engine.unchanged());
      expect(await writtenByAgent()).toEqual(WRITTEN);
    });

    test('an update changes what it is about, in place, and leaves what the agent wrote', async () => {
      await engine.configure('branch', 'develop');
      const output = await engine.up();
      expect(output).toMatch(/~ 2 updated/);
      expect(output).not.toMatch(/replaced|created/);
      expect(await writtenByAgent()).toEqual(WRITTEN);
    });

    test('an update that failed half-way goes on where it ended', async () => {
      for (const object of DENIED) writeFileSync(join(files, `${object.kind}.json`), JSON.stringify(object));
      await kube('apply', '-f', files);
      await engine.configure('branch', 'main');
      // A policy takes a moment to be in force.
      const tried = (): Promise<string> =>
        inBuild('annotate', 'deployment', 'build', 'tried=now', '--dry-run=server').then(
          () => 'allowed',
          (error: unknown) => String(error),
        );
      await expect.poll(tried, { timeout: 60_000 }).toContain('denied by the test');
      const failed = await engine.run('up', '--yes', '--skip-preview');
      expect(failed.code).not.toBe(0);
      expect(failed.output).toContain('denied by the test');
      await kube('delete', '-f', files);
      await expect.poll(tried, { timeout: 60_000 }).toBe('allowed');
      await engine.up();
      await engine.unchanged();
      expect(await writtenByAgent()).toEqual(WRITTEN);
    });

    test('a field that somebody has changed by hand is the program’s again with its next change', async () => {
      await inBuild('set', 'env', 'deployment/build', 'LOGXI=*=DBG');
      await engine.configure('branch', 'develop');
      await engine.up();
      expect(await inBuild('get', 'deployment', 'build', '-o', 'jsonpath={..env}')).toContain(
        '"LOGXI","value":"*=INF"',
      );
    });

    test('destroy takes all of it away', async () => {
      expect(await engine.do('destroy', '--yes', '--skip-preview')).toMatch(/- \d+ deleted/);
      expect(await kube('get', 'namespaces', '-o', 'name')).not.toContain(NAMESPACE);
      expectNoSecretIn();
    });

    test('what was applied from manifests is taken over, and given back', async () => {
      await engine.do('config', 'rm', 'releaseToken');
      await engine.configure('branch', 'main');
      await applyManifests();
      await agentWrites();
      const refused = await engine.run('up', '--yes', '--skip-preview');
      expect(refused.code).not.toBe(0);
      expect(refused.output).toContain('already exists');

      await engine.configure('kubernetes:upsertExistingObjects', 'true');
      await engine.up();
      await engine.unchanged();
      expect(await writtenByAgent()).toEqual(WRITTEN);
      await engine.configure('branch', 'develop');
      expect(await engine.up()).toMatch(/~ 2 updated/);

      await engine.do('stack', 'rm', 'test', '--force', '--yes');
      await applyManifests('--force-conflicts');
      expect(await inBuild('get', 'configmap', 'keelson-pipeline', '-o', 'jsonpath={.data}')).toContain(
        'main',
      );
      expect(await writtenByAgent()).toEqual(WRITTEN);
    });

    async function applyManifests(...flags: readonly string[]): Promise<string> {
      const directory = mkdtempSync(join(tmpdir(), 'keelson-pulumi-manifests-'));
      try {
        const { files: texts } = synthesized(referenceProgram(), { outdir: join(directory, 'manifests') });
        expect(texts.size).toBeGreaterThan(50);
        return await kube('apply', '--server-side', ...flags, '-k', join(directory, 'manifests'));
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    }
  },
  600_000,
);
