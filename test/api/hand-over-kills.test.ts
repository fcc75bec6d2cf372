// The controller's own process, with its account's token, is killed at each step of a hand-over and at random points,
// while images are pushed all the time. Registry, kubelet, gates and Keels are played by exact writes.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import type { KubernetesObject } from '../../apps/agent/kubernetes/object.ts';
import { type Watched, watch } from '../../apps/agent/kubernetes/watch.ts';
import { agentClient } from '../cluster/agent-context.ts';
import { waitFor } from '../cluster/api.ts';
import { HandOverPipeline } from '../cluster/hand-over-pipeline.ts';
import { HandOverWorld } from '../cluster/hand-over-world.ts';
import { missing, testApi, withoutApi } from '../cluster/provided.ts';
import { report, seed, seeded } from '../faults/figures.ts';
import type { AgentProcess } from '../support/agent-process.ts';

const ORPHAN_SECONDS = 5;
const RANDOM_KILLS = 30;

/** What is written at a step, and how it is known. */
interface StepObject {
  readonly step: string;
  readonly watched: Watched;
  readonly is: (object: KubernetesObject) => boolean;
}

const DEPLOYMENTS = { apiVersion: 'apps/v1', kind: 'Deployment' } as const;
const RBAC = 'rbac.authorization.k8s.io/v1';
const named =
  (name: string) =>
  ({ metadata }: KubernetesObject) =>
    metadata.name === name;
const annotated =
  (name: string) =>
  ({ metadata }: KubernetesObject) =>
    metadata.annotations?.[name] !== undefined;
const NAME = 'app.kubernetes.io/name=build';

const STEPS: readonly StepObject[] = [
  {
    step: '4, a name is chosen',
    watched: { ...DEPLOYMENTS, labelSelector: NAME },
    is: annotated('keelson.dev/next-listener'),
  },
  { step: '5, the namespace is claimed', watched: { apiVersion: 'v1', kind: 'Namespace' }, is: () => true },
  {
    step: '6, rights are bound',
    watched: { apiVersion: RBAC, kind: 'RoleBinding' },
    is: named('keelson-controller'),
  },
  { step: '7, Secrets are copied', watched: { apiVersion: 'v1', kind: 'Secret' }, is: named('account') },
  {
    step: '7, values are made',
    watched: { apiVersion: 'v1', kind: 'Secret' },
    is: ({ metadata, ...secret }) => metadata.name === 'build-env-own' && secret['data'] !== undefined,
  },
  {
    step: '8, a ServiceAccount is applied',
    watched: { apiVersion: 'v1', kind: 'ServiceAccount' },
    is: named('build'),
  },
  {
    step: '8, a ClusterRoleBinding is applied',
    watched: { apiVersion: RBAC, kind: 'ClusterRoleBinding' },
    is: () => true,
  },
  { step: '8, the build is applied', watched: { ...DEPLOYMENTS, labelSelector: NAME }, is: named('build') },
  {
    step: '9, the watch starts',
    watched: { ...DEPLOYMENTS, labelSelector: NAME },
    is: ({ metadata }) => (metadata.annotations?.['keel.sh/policy'] ?? 'never') !== 'never',
  },
  {
    step: '10, it is said',
    watched: { ...DEPLOYMENTS, labelSelector: NAME },
    is: annotated('keelson.dev/handed-over'),
  },
  {
    step: '12, it is scaled down',
    watched: { ...DEPLOYMENTS, labelSelector: NAME },
    is: (object) => (object['spec'] as { replicas?: number }).replicas === 0,
  },
];

describe.skipIf(withoutApi)(
  `a controller that is killed while it hands over, at a real API server${missing}`,
  () => {
    let pipeline: HandOverPipeline;
    let world: HandOverWorld;
    let controller: AgentProcess;
    afterEach(async () => {
      await controller?.stop('SIGKILL');
      await world?.stop().catch(() => undefined);
      await pipeline.remove();
    });

    const start = (): Promise<AgentProcess> => pipeline.controller(`--orphan-seconds=${ORPHAN_SECONDS}`);

    async function restart(): Promise<void> {
      await controller.stop('SIGKILL');
      controller = await start();
    }

    /** Everything that helps to understand a failure. */
    const describeAll = async (): Promise<string> =>
      [`listening: ${world.listening.join()}`, ...controller.lines.slice(-20)].join('\n');

    /** Pushes an image and waits until it is being built. */
    async function pushAndWait(): Promise<void> {
      const digest = world.push();
      await waitFor(async () => world.built.some((build) => build.digest === digest), {
        timeout: 120_000,
        interval: 50,
        describe: describeAll,
      });
    }

    /** Resolves as soon as an object of this hand-over is there that was not before. */
    async function appearance({ step, watched, is }: StepObject, signal: AbortSignal): Promise<void> {
      let before: ReadonlySet<string> | undefined;
      const key = ({ metadata }: KubernetesObject): string => `${metadata.namespace}/${metadata.name}`;
      const isOurs = (object: KubernetesObject): boolean =>
        key(object).includes(`listener-${pipeline.name}-`) || object.metadata.namespace === pipeline.home;
      for await (const event of watch(agentClient(pipeline.kubeconfig), watched, signal)) {
        if (event.type === 'listed') before ??= new Set(event.objects.filter(is).map(key));
        else if (event.type === 'changed' && isOurs(event.object) && is(event.object)) {
          if (!before?.has(key(event.object))) return;
        }
      }
      throw new Error(`nothing was seen of step ${step}`);
    }

    test('at each step and at random points: one namespace listens in the end, and each image was built once', {
      timeout: 900_000,
    }, async () => {
      const random = seeded(seed);
      pipeline = await HandOverPipeline.apply(testApi().kubeconfig, { handOver: { maxNamespaces: 4 } });
      world = new HandOverWorld(pipeline, () => 100 + random() * 300);
      controller = await start();
      await pushAndWait();
      let pushes = 1;

      for (const step of STEPS) {
        const seen = appearance(step, AbortSignal.timeout(60_000));
        await sleep(300);
        const pushed = pushAndWait();
        await seen;
        await restart();
        await pushed;
        pushes++;
      }

      let kills = 0;
      let pushing = true;
      const killing = (async () => {
        while (kills < RANDOM_KILLS) {
          await sleep(300 + random() * 3_000);
          await restart();
          kills++;
        }
        pushing = false;
      })();
      while (pushing) {
        await pushAndWait();
        pushes++;
        await sleep(random() * 1_000);
      }
      await killing;
      await pushAndWait();
      pushes++;

      // At rest: all but one namespace are liberated and have ended.
      const [listener] = await waitFor(
        async () =>
          world.listening.length === 1 && (await areOthersPutAway()) ? world.listening : undefined,
        { timeout: 60_000, describe: describeAll },
      );
      await controller.stop();
      await world.stop();
      expect(world.built.map(({ digest }) => digest)).toEqual([
        ...new Set(world.built.map(({ digest }) => digest)),
      ]);
      expect(world.built).toHaveLength(pushes);
      expect(world.mostListening).toBe(1);
      expect(await pipeline.listeners()).toContain(listener);
      expect((await pipeline.listeners()).length).toBeLessThanOrEqual(4);
      const succeeded = (await pipeline.runs(pipeline.home)).filter(({ phase }) => phase === 'Succeeded');
      expect(succeeded).toHaveLength(Math.min(pushes, 20));
      // One for each push; none that was begun was given up.
      expect(world.listeners.size).toBe(pushes);
      report('hand-over', { kills: kills + STEPS.length, pushes, listeners: world.listeners.size });

      async function areOthersPutAway(): Promise<boolean> {
        const others = [pipeline.home, ...(await pipeline.listeners())].filter(
          (namespace) => !world.listening.includes(namespace),
        );
        const states = await Promise.all(
          others.map(async (namespace) => {
            const { 'keelson.dev/handed-over': to } = await pipeline.annotations(namespace);
            return to !== undefined && (await pipeline.replicas(namespace)) === 0;
          }),
        );
        return states.every(Boolean);
      }
    });
  },
);
