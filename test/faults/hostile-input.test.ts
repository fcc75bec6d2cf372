import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fillTemplate, type TemplateObject } from 'keelson';
import { describe, expect, test } from 'vitest';
import { type KubernetesObject, waitFor } from '../cluster/api.ts';
import { missing, testApi, withoutApi } from '../cluster/provided.ts';
import { commitOn, expanded } from '../support/commits.ts';
import { hostileBranchNames, hostilePaths, hostileTexts } from '../support/hostile-input.ts';
import { count, report, seed } from './figures.ts';
import { PlayedJobs } from './played-jobs.ts';
import { expectOneJobEach, settled } from './pushing.ts';
import { everyObject } from './snapshot.ts';
import { WatchedPlatform } from './watched-platform.ts';
import { annotation, type BuildJob, type WatchedProject } from './watched-project.ts';

/** Characters that a terminal, a log viewer or a reader is fooled by. */
const RAW = /[\p{Cc}\p{Cf}\u2028\u2029]/u;
const VERSIONS = ['1.2.3', 'v2.0.0-rc.1+build.5', '3.0.0--upload-pack', `4.0.0-${'x'.repeat(100)}`];

describe.skipIf(withoutApi)(
  `hostile input through the whole controller, at a real API server${missing}`,
  () => {
    test('makes only the intended objects, runs nothing, and stays what it is', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'canary-'));
      const names = hostileBranchNames(count(260, 60), folder, seed);
      const texts = hostileTexts(folder);
      const paths = hostilePaths(folder);
      const marked = names.slice(0, count(60, 20));
      const retention = { maxPerPipeline: 1_000 };
      const platform = await WatchedPlatform.apply(testApi().kubeconfig, 'hostile', {
        controller: { retention, maxConcurrentBuilds: 50 },
        projects: {
          value: { branches: names },
          file: {
            branches: marked,
            change: (configuration) => versionFrom(configuration, { from: 'file', path: 'README.md' }),
          },
          tags: {
            branches: marked,
            change: (configuration) => taggedByVersion(versionFrom(configuration, { from: 'git-tag' })),
          },
        },
      });
      const { value, file, tags } = platform.projects;
      const marks = [...VERSIONS, ...texts];
      const isVersion = (index: number): boolean => index % marks.length < VERSIONS.length;

      // As long as nobody watches, so that each branch has one head only.
      const expectedOf = new Map<WatchedProject, Map<string, string>>();
      for (const [project, branches] of [
        [value, names],
        [file, marked],
        [tags, marked],
      ] as const) {
        const commits = new Map<string, string>();
        for (const [index, branch] of branches.entries()) {
          const message = texts[index % texts.length] ?? '';
          const path = paths[index % paths.length] ?? '';
          const mark = marks[index % marks.length];
          const files = {
            [path]: message,
            'README.md': `${project.home} ${index} <repo-version>${mark}</repo-version>`,
          };
          commits.set(branch, await project.repository.commit(branch, files, { message }));
        }
        expectedOf.set(project, commits);
        await project.repository.close();
      }
      const refs = hostileBranchNames(count(200, 50), folder, seed + 1).map((name) => `refs/tags/${name}`);
      const first = [...(expectedOf.get(tags)?.values() ?? [])];
      for (const [index, commit] of first.slice(0, 5).entries()) {
        const version = VERSIONS[index];
        const some = refs.filter((_, number) => number % 5 === index);
        tags.repository.setRefs(
          [...some, ...(version === undefined ? [] : [`refs/tags/${version}`])],
          commit,
        );
      }

      // For its file a commit is fetched, and git takes none with a NUL in its message.
      const readable = (project: WatchedProject): ReadonlyMap<string, string> =>
        new Map(
          [...(expectedOf.get(project) ?? [])].filter((_, index) => project !== file || !hasNul(index)),
        );
      const hasNul = (index: number): boolean => texts[index % texts.length]?.includes('\0') === true;

      const before = await everyObject(platform.api);
      const jobs = new PlayedJobs(platform);
      const controller = await platform.controller();
      for (const project of expectedOf.keys()) {
        const { size } = readable(project);
        await waitFor(async () => Object.keys((await project.ledger()).heads).length === size, {
          timeout: 300_000,
          interval: 1_000,
          describe: async () => controller.lines.slice(-5).join('\n'),
        });
      }
      await settled(platform, 600_000);
      await controller.stop();
      await jobs.close();
      const after = await everyObject(platform.api);

      const expected = new Set<string>();
      const built: { commit: string }[] = [];
      for (const [project, commits] of expectedOf) {
        expect((await project.ledger()).heads).toEqual(Object.fromEntries(readable(project)));
        const [image] = (await project.configuration()).images;
        const versioned = [...commits.values()].filter(
          (_, index) => project !== file || (isVersion(index) && !hasNul(index)),
        );
        for (const job of await project.jobs()) {
          const branch = annotation(job.metadata, 'branch') ?? '';
          const commit = commits.get(branch) ?? 'a branch that there is not';
          expect(annotation(job.metadata, 'commit')).toBe(commit);
          expect(seenInside(job)).toEqual({ branch, commit, url: project.url });
          for (const object of objectsOf(image?.jobTemplate ?? [], job)) expected.add(object);
        }
        built.push(...versioned.map((commit) => ({ commit })));
      }
      expectOneJobEach(jobs, built);
      const made = [...after.keys()].filter((name) => !before.has(name) && !name.startsWith('Event '));
      expect(made.sort()).toEqual([...expected].sort());
      const namespaces = made.filter((name) => name.startsWith('Namespace '));
      for (const name of namespaces) expect(name).toMatch(/^Namespace \/gw-[a-z0-9][a-z0-9-]{0,59}$/);

      expect(existsSync(folder) ? readdirSync(folder) : 'gone').toEqual([]);
      rmSync(folder, { recursive: true });
      expect(controller.lines.filter((line) => RAW.test(line))).toEqual([]);
      for (const line of controller.lines) expect(() => JSON.parse(line)).not.toThrow();
      const events = [...after.values()].filter(({ kind }) => kind === 'Event') as { message?: string }[];
      expect(events.filter(({ message = '' }) => RAW.test(message))).toEqual([]);
      await platform.close();
      report('hostile input', {
        branches: names.length,
        tags: refs.length,
        'version marks': marks.length,
        messages: texts.length,
        paths: paths.length,
        jobs: built.length,
        'commits without a version, refused': names.length + 2 * marked.length - built.length,
        objects: made.length,
        'unintended objects': 0,
      });
    });
  },
);

type Configuration = Awaited<ReturnType<WatchedProject['configuration']>>;

function versionFrom(
  configuration: Configuration,
  version: NonNullable<Configuration['source']>['version'],
): Configuration {
  const { source } = configuration;
  return { ...configuration, ...(source && { source: { ...source, version } }) };
}

function taggedByVersion(configuration: Configuration): Configuration {
  const images = configuration.images.map((image) => ({
    ...image,
    target: { ...image.target, tag: '((keelson.tag.version))' },
  }));
  return { ...configuration, images };
}

/** What the container that fetches the source gets, once the kubelet has expanded its variables. */
function seenInside(job: BuildJob): Record<string, string> {
  interface Spec {
    template: { spec: { initContainers: { name: string; env?: { name: string; value?: string }[] }[] } };
  }
  const { initContainers } = (job['spec'] as Spec).template.spec;
  const env = initContainers.find(({ name }) => name === 'source')?.env ?? [];
  const variables: Record<string, string> = {};
  for (const { name, value = '' } of env) variables[name] = expanded(value, variables);
  const of = (name: string): string => variables[`KEELSON_GIT_${name}`] ?? '';
  return { branch: of('BRANCH'), commit: of('COMMIT'), url: of('URL') };
}

/** The names of the objects that a Job's template says, and of the controller's own right there. */
function objectsOf(template: readonly TemplateObject[], { metadata }: BuildJob): readonly string[] {
  const { namespace = '' } = metadata;
  const objects = fillTemplate(template, commitOn('main', { namespace })) as KubernetesObject[];
  return [
    ...objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`),
    `RoleBinding ${namespace}/keelson-controller`,
  ];
}
