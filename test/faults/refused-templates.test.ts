import { setTimeout as sleep } from 'node:timers/promises';
import {
  BuildahBuilder,
  type ImageConfiguration,
  type PipelineConfiguration,
  Release,
  SecretSource,
  Tag,
  type TemplateObject,
} from 'keelson';
import { describe, expect, test } from 'vitest';
import { type KubernetesObject, waitFor } from '../cluster/api.ts';
import { missing, testApi, withoutApi } from '../cluster/provided.ts';
import { push } from '../cluster/registry.ts';
import { startLocalRegistry } from '../support/local-registry.ts';
import { atRegistry } from './at-registry.ts';
import { report } from './figures.ts';
import { PlayedJobs } from './played-jobs.ts';
import { jobFor } from './pushing.ts';
import { everyObject } from './snapshot.ts';
import { type ProjectOptions, WatchedPlatform } from './watched-platform.ts';

const HERE = '((keelson.namespace))';
const BRANCHES = ['main'];
const SECRET = { apiVersion: 'v1', kind: 'Secret', type: 'Opaque', data: { key: 'Q0FOQVJZ' } };

/** A pipeline whose image was changed by somebody who may write its configuration. */
function changed(change: (image: ImageConfiguration) => ImageConfiguration): ProjectOptions {
  return {
    branches: BRANCHES,
    change: (configuration) => ({ ...configuration, images: configuration.images.map(change) }),
  };
}

function withObject(object: object): ProjectOptions {
  return changed((image) => ({ ...image, jobTemplate: [...image.jobTemplate, object as TemplateObject] }));
}

function withRelease(pipeline: ConstructorParameters<typeof BuildahBuilder>[0], known: Known): void {
  const image = new BuildahBuilder(pipeline, 'image', {
    target: known.image('team/build', { tag: Tag.branch() }),
  });
  new Release(pipeline, 'release', {
    after: image,
    github: { repository: 'owner/project', token: SecretSource.existing('github', 'key') },
  });
}
type Known = Parameters<NonNullable<ProjectOptions['parts']>>[1];

describe.skipIf(withoutApi)(
  `a pipeline whose configuration asks for more than its own, at a real API server${missing}`,
  () => {
    test('gets nothing of another, says so in Events, is no hot loop, and holds up nobody', async () => {
      const platform = await WatchedPlatform.apply(testApi().kubeconfig, 'refused', {
        // One that is kept would keep everybody.
        controller: { maxConcurrentBuilds: 1 },
        projects: {
          victim: { branches: BRANCHES, parts: withRelease },
          sound: { branches: BRANCHES },
          invalid: changed((image) => ({
            ...image,
            jobTemplate: image.jobTemplate.map((object) =>
              object.kind === 'Job' ? { ...object, spec: { template: 'wrong' } } : object,
            ),
          })),
          jobless: changed((image) => ({
            ...image,
            jobTemplate: image.jobTemplate.filter(({ kind }) => kind !== 'Job'),
          })),
          elsewhere: withObject({ ...SECRET, metadata: { name: 'put', namespace: 'kube-system' } }),
          nowhere: withObject({
            apiVersion: 'rbac.authorization.k8s.io/v1',
            kind: 'ClusterRole',
            metadata: { name: 'refused-put' },
            rules: [],
          }),
          second: withObject({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'gw-put' } }),
          other: changed((image) => ({
            ...image,
            jobTemplate: JSON.parse(JSON.stringify(image.jobTemplate).replaceAll(HERE, 'kube-system')),
          })),
          thief: { branches: BRANCHES },
          sender: { branches: BRANCHES, parts: withRelease },
        },
      });
      const { api, projects } = platform;
      const { victim, sound, thief, sender, ...others } = projects;
      const target = `${victim.home}-release`;
      await api.apply({ ...SECRET, metadata: { name: 'github', namespace: target } });
      await thief.configure((configuration) => ({
        ...configuration,
        images: configuration.images.map((image) => ({
          ...image,
          copySecrets: [{ secretName: 'github', key: 'key', namespace: target }],
        })),
      }));
      // What it sends is made wholly of the other's names. Its image is there, so that its release starts.
      const registry = await startLocalRegistry();
      await sender.configure(
        (configuration): PipelineConfiguration => ({
          ...atRegistry(configuration, registry.host),
          releases: JSON.parse(
            JSON.stringify(configuration.releases).replaceAll(`${sender.home}-release`, target),
          ),
        }),
      );
      const before = await everyObject(api);
      const jobs = new PlayedJobs(platform);
      const controller = await platform.controller();
      for (const { repository } of Object.values({ ...others, thief }))
        await repository.commit('main', { file: 'first' });
      const pushedAt = Date.now();
      const commit = await sound.repository.commit('main', { file: 'first' });
      const toJob = (await jobFor(jobs, commit)) - pushedAt;
      const sent = await sender.repository.commit('main', { file: 'first' });
      await push(registry.host, `team/build:main-${sent}`, [], {});
      await jobFor(jobs, sent);

      const problems: [project: keyof typeof projects, reason: string, message: RegExp][] = [
        ['invalid', 'ImageBuildNotStarted', /spec\.template/],
        ['jobless', 'ImageBuildNotStarted', /the job template has no Job/],
        ['elsewhere', 'ImageBuildNotStarted', /has a Secret put in kube-system, and may have objects of/],
        ['nowhere', 'ImageBuildNotStarted', /has a ClusterRole refused-put, and may have objects of/],
        ['second', 'ImageBuildNotStarted', /has a Namespace gw-put, and may have objects of/],
        ['other', 'ImageBuildNotStarted', /does not start with its Namespace/],
        [
          'thief',
          'ImageBuildNotStarted',
          new RegExp(`${target} is not one of the pipeline in ${thief.home}`),
        ],
      ];
      for (const [project, reason, message] of problems) {
        const matching = async () =>
          (await projects[project].events()).filter(
            (event) => event.reason === reason && message.test(event.message),
          );
        await waitFor(async () => (await matching()).length > 0, {
          timeout: 60_000,
          describe: async () => JSON.stringify(await projects[project].events()),
        });
      }
      await controller.logged(`the namespace ${target} is not one of the pipeline in ${sender.home}`);
      // After the first pause of ten seconds, each is tried a second time at most.
      await sleep(15_000);
      const tries = (project: string): number =>
        controller.lines.filter(
          (line) => line.includes('is tried again') && line.includes(`"pipeline":"${project}"`),
        ).length;
      const triesOf = problems.map(([project]) => tries(project));
      await controller.stop();
      await jobs.close();
      await registry.close();
      const after = await everyObject(api);
      for (const count of triesOf) expect([1, 2, 3]).toContain(count);

      const own = Object.values(projects).map(({ home }) => home);
      const made = [...after].filter(([name]) => !before.has(name) && !name.startsWith('Event '));
      const strange = made.filter(([, object]) => !isOf(object, after, own));
      expect(strange.map(([name]) => name)).toEqual([]);
      expect(made.filter(([name]) => name.includes(` ${target}/`))).toEqual([]);
      expect(controller.lines.filter((line) => /CANARY|Q0FOQVJZ/.test(line))).toEqual([]);
      await platform.close();
      expect(toJob).toBeLessThan(10_000);
      report('refused templates', {
        pipelines: own.length,
        refused: problems.length + 1,
        'ms to Job': toJob,
      });
    });
  },
);

/** Whether an object is in a commit's namespace of one of the pipelines, or is that namespace. */
function isOf(
  object: KubernetesObject,
  all: ReadonlyMap<string, KubernetesObject>,
  homes: readonly string[],
): boolean {
  const { namespace = object.metadata.name } = object.metadata;
  if (homes.includes(namespace)) return true;
  const labels = all.get(`Namespace /${namespace}`)?.metadata['labels'] as Record<string, string> | undefined;
  return homes.includes(labels?.['keelson.dev/home'] ?? '') && namespace.startsWith('gw-');
}
