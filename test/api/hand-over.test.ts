// The controller's side of handing over at a real API server, with the controller's own token: it has the rights that
// the synthesized manifests give, and no others. Gates and kubelet are played by exact writes.
import { afterEach, describe, expect, test } from 'vitest';
import type { KubernetesObject } from '../cluster/api.ts';
import { HandOverStage } from '../cluster/hand-over-stage.ts';
import { removePod } from '../cluster/hand-over-world.ts';
import { missing, withoutApi } from '../cluster/provided.ts';

interface Secret extends KubernetesObject {
  readonly type: string;
  readonly data: Readonly<Record<string, string>>;
}

const COMMIT = 'a'.repeat(40);

describe.skipIf(withoutApi)(`handing over, at a real API server${missing}`, () => {
  let stage: HandOverStage;
  afterEach(() => stage.remove());

  const get = <T = KubernetesObject>(path: string): Promise<T> => stage.pipeline.api.get<T>(path);
  const statusOf = async (path: string): Promise<number> =>
    (await stage.pipeline.api.request('GET', path)).status;
  const secretPath = (namespace: string, name: string): string =>
    `/api/v1/namespaces/${namespace}/secrets/${name}`;

  describe('making listeners', () => {
    test('home listens first, and nothing is made for that', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      await stage.advance();
      expect(await pipeline.annotations(pipeline.home)).toMatchObject({
        'keel.sh/policy': 'regexp:^1\\.',
        'keel.sh/trigger': 'poll',
      });
      expect(await pipeline.listeners()).toEqual([]);
    });

    test('two full cycles: home hands over to a first listener, and that to a second', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      await stage.advance();
      const atHome = await stage.ask(pipeline.home, COMMIT);
      await stage.advance();
      const first = await atHome.begin();
      expect(await pipeline.listeners()).toEqual([first]);
      expect(await stage.listening()).toEqual([first]);
      expect(await pipeline.runs(first)).toEqual([]);
      await atHome.end();
      await stage.advance();

      const inFirst = await stage.ask(first);
      await stage.advance();
      const second = await inFirst.begin();
      expect(await pipeline.listeners()).toEqual([first, second]);
      expect(await stage.listening()).toEqual([second]);
      await inFirst.end('Failed');
      await stage.advance();
      expect(await stage.listening()).toEqual([second]);
      const runs = await pipeline.runs(pipeline.home);
      expect(runs.map(({ id, phase, digest }) => [id, phase, digest])).toEqual([
        [inFirst.pod.uid, 'Failed', inFirst.pod.digest],
        [atHome.pod.uid, 'Succeeded', atHome.pod.digest],
      ]);
    });

    test('a listener knows what was built before, and has all that its pods need', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      await stage.advance();
      const gate = await stage.ask(pipeline.home, COMMIT);
      await stage.advance();
      const [to = ''] = await pipeline.listeners();
      expect(to).toMatch(new RegExp(`^listener-${pipeline.name}-project-[a-z0-9]{8}$`));
      const annotations = await pipeline.annotations(pipeline.home);
      const [namespace, claim] = annotations['keelson.dev/next-listener']?.split(' ') ?? [];
      expect(namespace).toBe(to);
      const made = await get(`/api/v1/namespaces/${to}`);
      expect(made.metadata).toMatchObject({
        labels: {
          'keelson.dev/owner': pipeline.name,
          'keelson.dev/home': pipeline.home,
          'keelson.dev/listener': 'build',
        },
        annotations: {
          'keelson.dev/claim': claim,
          'keelson.dev/listener-version': stage.options.build.handOver.version,
        },
      });
      const { spec } = await get<{
        spec: { template: { metadata: object; spec: { containers: object[] } } };
      }>(pipeline.deploymentPath(to));
      expect(spec.template.metadata).toMatchObject({
        annotations: { 'keelson.dev/built-commit': COMMIT, 'keelson.dev/built-digest': gate.pod.digest },
      });
      expect(spec.template.spec.containers[0]).toMatchObject({ image: '127.0.0.1:1/team/build:1.0.0' });
      expect(await pipeline.replicas(to, 'minio')).toBe(0);
      const account = await get<Secret>(secretPath(to, 'account'));
      expect(account.type).toBe('kubernetes.io/dockerconfigjson');
      expect(account.data).toEqual((await get<Secret>(secretPath(pipeline.home, 'account'))).data);
      const credentials = await get<Secret>(secretPath(to, 'minio-credentials'));
      expect(Object.keys(credentials.data).sort()).toEqual(['password', 'user']);
      const binding = `/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/${to}-build-keel-nodes`;
      expect((await get(binding)).metadata['ownerReferences']).toEqual([
        { apiVersion: 'v1', kind: 'Namespace', name: to, uid: made.metadata['uid'] },
      ]);
    });

    test('what a name stands for that somebody else has made is left alone, and another name is taken', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      await stage.advance();
      await stage.ask(pipeline.home);
      const foreign = `listener-${pipeline.name}-foreign0`;
      const claim = '0b5f3a52-6f0e-4e1c-9a34-0f6f5d1f6f11';
      // Even one that looks like a listener of this very build.
      const labels = {
        'keelson.dev/owner': pipeline.name,
        'keelson.dev/home': pipeline.home,
        'keelson.dev/listener': 'build',
      };
      const annotations = { 'keelson.dev/claim': '1b5f3a52-6f0e-4e1c-9a34-0f6f5d1f6f11' };
      const metadata = { name: foreign, labels, annotations };
      await pipeline.api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata });
      const before = await get(`/api/v1/namespaces/${foreign}`);
      await pipeline.annotate(pipeline.home, { 'keelson.dev/next-listener': `${foreign} ${claim}` });
      await stage.advance();
      const { 'keelson.dev/handed-over': to = '' } = await pipeline.annotations(pipeline.home);
      expect(to).not.toBe(foreign);
      expect(await stage.listening()).toEqual([to]);
      expect(await get(`/api/v1/namespaces/${foreign}`)).toEqual(before);
      for (const [group, kind] of [
        ['/apis/rbac.authorization.k8s.io/v1', 'rolebindings'],
        ['/api/v1', 'secrets'],
        ['/apis/apps/v1', 'deployments'],
      ]) {
        expect((await get<{ items: object[] }>(`${group}/namespaces/${foreign}/${kind}`)).items).toEqual([]);
      }
    });

    test('a Secret that home lacks is copied when it comes, and no copy is ever changed', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      await stage.advance();
      await stage.ask(pipeline.home);
      await stage.advance();
      const [to = ''] = await pipeline.listeners();
      expect(await stage.listening()).toEqual([to]);
      expect(await statusOf(secretPath(to, 'late'))).toBe(404);
      await pipeline.secret('late', { other: 'x' });
      await stage.advance();
      expect(await statusOf(secretPath(to, 'late'))).toBe(404);
      await pipeline.secret('late', { value: 'first', other: 'x' });
      await stage.advance();
      const copied = await get<Secret>(secretPath(to, 'late'));
      expect(copied.data).toEqual({ value: Buffer.from('first').toString('base64') });
      await pipeline.secret('late', { value: 'second', other: 'x' });
      await stage.advance();
      expect(await get(secretPath(to, 'late'))).toEqual(copied);
    });

    test('a gate that is quicker than the controller keeps its listener off the watch', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      await stage.advance();
      const gate = await stage.ask(pipeline.home);
      // Killed when the Deployment is there and its names are not the real ones yet.
      await stage.advanceUntil(
        ({ path, contentType = '' }) =>
          /listener-.*\/deployments\/build$/.test(path) && contentType.includes('merge'),
      );
      const [first = ''] = await pipeline.listeners();
      expect(await stage.listening()).toEqual([]);
      const quick = await stage.ask(first);
      await stage.advance();
      expect(await gate.begin()).toBe(first);
      const second = await quick.begin();
      expect(await stage.listening()).toEqual([second]);
      expect(await pipeline.listeners()).toEqual([first, second]);
    });

    test('of a build that was lost with its pod, the next listener does not say that it was built', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      await stage.advance();
      const first = await stage.handOver(pipeline.home);
      const before = (await built(first))['keelson.dev/built-digest'];
      const gate = await stage.ask(first);
      await removePod(pipeline, gate.pod);
      await stage.advance();
      const [, second = ''] = await pipeline.listeners();
      expect((await built(second))['keelson.dev/built-digest']).toBe(before);
    });

    async function built(namespace: string): Promise<Readonly<Record<string, string>>> {
      const { spec } = await get<{
        spec: { template: { metadata: { annotations: Record<string, string> } } };
      }>(stage.pipeline.deploymentPath(namespace));
      return spec.template.metadata.annotations;
    }
  });

  describe('when something is gone', () => {
    test('home listens again where the listener is deleted, with a pod again', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      await stage.advance();
      const to = await stage.handOver(pipeline.home);
      expect(await pipeline.replicas(pipeline.home)).toBe(0);
      await pipeline.api.delete(`/api/v1/namespaces/${to}`);
      await stage.advance();
      expect(await stage.listening()).toEqual([pipeline.home]);
      expect(await pipeline.replicas(pipeline.home)).toBe(1);
      const annotations = await pipeline.annotations(pipeline.home);
      expect(Object.keys(annotations).filter((name) => /next-listener|hand/.test(name))).toEqual([]);
      expect(await stage.listening()).toEqual([pipeline.home]);
      const again = await stage.handOver(pipeline.home);
      expect(await stage.listening()).toEqual([again]);
    });

    test('home asks for another listener where it is building just then', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      await stage.advance();
      const gate = await stage.ask(pipeline.home);
      await stage.advance();
      const first = await gate.begin();
      await pipeline.api.delete(`/api/v1/namespaces/${first}`);
      await stage.advance();
      const [second = ''] = await pipeline.listeners();
      expect(await stage.listening()).toEqual([second]);
      expect(await gate.handedOverTo()).toBe(second);
    });

    test('a listener whose Deployment is gone is completed again', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      await stage.advance();
      const to = await stage.handOver(pipeline.home);
      await pipeline.api.delete(pipeline.deploymentPath(to));
      await stage.advance();
      expect(await stage.listening()).toEqual([to]);
    });

    test('a listener in which the controller has lost its rights gets them back', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      await stage.advance();
      const to = await stage.handOver(pipeline.home);
      const bindings = `/apis/rbac.authorization.k8s.io/v1/namespaces/${to}/rolebindings`;
      await pipeline.api.delete(`${bindings}/keelson-controller`);
      await stage.advance();
      expect(await stage.listening()).toEqual([to]);
      expect(await statusOf(`${bindings}/keelson-controller`)).toBe(200);
    });

    test('a namespace that nobody waits for is deleted, but not before its time', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      await stage.advance();
      await stage.ask(pipeline.home);
      await stage.advanceUntil(({ path }) => path.includes('/rolebindings/'));
      const [orphan = ''] = await pipeline.listeners();
      // As where what was written of it was erased by a Keel that no admission policy stops.
      await pipeline.annotate(pipeline.home, { 'keelson.dev/next-listener': null });
      const { next } = await stage.advance();
      const { 'keelson.dev/handed-over': to = '' } = await pipeline.annotations(pipeline.home);
      expect((await pipeline.listeners()).toSorted()).toEqual([orphan, to].toSorted());
      expect(next).toBeGreaterThan(0);
      stage.context = { ...stage.context, orphanSeconds: 0 };
      await stage.advance();
      expect(await pipeline.listeners()).toEqual([to]);
      expect(await stage.listening()).toEqual([to]);
    });

    test('one that listens although nothing says so any more is taken, and no second one is made', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      await stage.advance();
      const gate = await stage.ask(pipeline.home);
      await stage.advance();
      const to = await gate.begin();
      await pipeline.annotate(pipeline.home, {
        'keelson.dev/next-listener': null,
        'keelson.dev/handed-over': null,
      });
      await stage.advance();
      expect(await pipeline.listeners()).toEqual([to]);
      expect(await gate.handedOverTo()).toBe(to);
    });

    test('of two that listen one is left', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      await stage.advance();
      const to = await stage.handOver(pipeline.home);
      await pipeline.annotate(pipeline.home, {
        'keelson.dev/next-listener': null,
        'keelson.dev/handed-over': null,
        'keelson.dev/hand-over': null,
        'keel.sh/policy': 'regexp:^1\\.',
      });
      expect(await stage.listening()).toEqual([pipeline.home, to]);
      await stage.advance();
      expect(await stage.listening()).toEqual([to]);
    });
  });

  describe('another template', () => {
    test('a listener that waits is replaced and deleted; home is not', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      await stage.advance();
      const first = await stage.handOver(pipeline.home);
      await pipeline.applyManifests({ NEW: 'value' });
      await stage.renew();
      await stage.advance();
      const [second = '', ...others] = await pipeline.listeners();
      expect(others).toEqual([]);
      expect(second).not.toBe(first);
      expect(await stage.listening()).toEqual([second]);
      await stage.advance();
      expect(await pipeline.listeners()).toEqual([second]);
    });

    test('one in which a build runs is not deleted, and what it hands over to is new', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      await stage.advance();
      const first = await stage.handOver(pipeline.home);
      const gate = await stage.ask(first);
      await pipeline.applyManifests({ NEW: 'value' });
      await stage.renew();
      await stage.advance();
      const second = await gate.begin();
      expect(await pipeline.listeners()).toEqual([first, second]);
      const { metadata } = await get(`/api/v1/namespaces/${second}`);
      expect(metadata['annotations']).toMatchObject({
        'keelson.dev/listener-version': stage.options.build.handOver.version,
      });
    });

    test('one that a person has paused stays as it is', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      await stage.advance();
      const first = await stage.handOver(pipeline.home);
      await pipeline.annotate(first, { 'keel.sh/policy': 'never' });
      await pipeline.applyManifests({ NEW: 'value' });
      await stage.renew();
      await stage.advance();
      expect(await pipeline.listeners()).toEqual([first]);
      expect(await stage.listening()).toEqual([]);
    });
  });
});
