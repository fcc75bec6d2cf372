import { GitSource, type LocalGitOptions, MakisuBuilder } from 'keelson';
import { describe, expect, test } from 'vitest';
import { commitOn } from '../support/commits.ts';
import { imageBuildOf } from '../support/image-build.ts';
import { imageBuild, pipeline, pipelineConfiguration, registry } from '../support/programs.ts';
import { problemsOf, type Synthesized, synthesized } from '../support/synthesized.ts';

const program = (options: LocalGitOptions = {}, path = '/home/me/project'): Synthesized =>
  synthesized((app) => {
    const ci = pipeline(app, { source: GitSource.local(path, options) });
    new MakisuBuilder(ci, 'image', { target: registry().image('me/project') });
  });

describe('a directory', () => {
  test('is watched by nobody, and its image is tagged with what stands for the branch', () => {
    const configuration = pipelineConfiguration(program({ branch: 'trial' }));
    expect(configuration).not.toHaveProperty('source');
    expect(configuration.images).toHaveLength(1);
    expect(program({ branch: 'trial' }).files.get('graph.mmd')).toContain('me/project:trial');
  });

  test('is received as a stream by the init container, which alone has a standard input', () => {
    const pod = imageBuildOf(program()).job.spec?.template.spec;
    expect(pod?.initContainers?.[0]).toMatchObject({
      args: ['source', '--directory=/keelson/context', '--receive'],
      stdin: true,
      stdinOnce: true,
    });
    expect(pod?.containers[0]).not.toHaveProperty('stdin');
  });

  test('on a node is copied from a local volume that the pod can only read', () => {
    const { objects, job } = imageBuildOf(program({ nodeName: 'laptop' }));
    const pod = job.spec?.template.spec;
    expect(pod?.initContainers?.[0]?.args).toEqual([
      'source',
      '--directory=/keelson/context',
      '--copy=/keelson/local',
    ]);
    expect(pod?.initContainers?.[0]).not.toHaveProperty('stdin');
    expect(pod?.initContainers?.[0]?.volumeMounts).toContainEqual({
      name: 'local',
      mountPath: '/keelson/local',
      readOnly: true,
    });
    expect(pod?.containers[0]?.volumeMounts?.map(({ name }) => name)).not.toContain('local');
    const volume = objects.find(({ kind }) => kind === 'PersistentVolume');
    expect(volume).toMatchObject({
      metadata: { name: `keelson-${commitOn('main').id}` },
      spec: {
        local: { path: '/home/me/project' },
        claimRef: { namespace: commitOn('main').namespace, name: 'source' },
      },
    });
    expect(objects.find(({ kind }) => kind === 'PersistentVolumeClaim')).toMatchObject({
      spec: { volumeName: `keelson-${commitOn('main').id}`, storageClassName: '' },
    });
  });
});

test('a repository on a server needs neither', () => {
  const { objects, job } = imageBuildOf(synthesized((app) => imageBuild(app)));
  expect(objects.map(({ kind }) => kind)).not.toContain('PersistentVolume');
  expect(job.spec?.template.spec?.initContainers?.[0]).not.toHaveProperty('stdin');
});

describe('what is refused', () => {
  test.each<[string, string, LocalGitOptions]>([
    ['project', 'path: is not the absolute path', {}],
    ['/home/../etc', 'path: is not the absolute path', {}],
    ['/', 'path: is not the absolute path', {}],
    ['/a\nb', 'path: is not the absolute path', {}],
    ['', 'path: is not the absolute path', {}],
    ['/home/me', 'nodeName: is not a valid name of a node', { nodeName: 'My Laptop' }],
    ['/home/me', 'branch: holds a character that git does not allow', { branch: 'a b' }],
  ])('%j', (path, problem, options) => {
    const problems = problemsOf((app) => {
      pipeline(app, { source: GitSource.local(path, options) });
    });
    expect(problems.join('\n')).toContain(problem);
  });
});
