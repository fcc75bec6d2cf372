import { ApiObject } from 'cdk8s';
import { ImageName, imagesOf, KeelsonApp } from 'keelson';
import { describe, expect, test } from 'vitest';
import { build, foreignChart, image, imageBuild, reference } from '../support/programs.ts';
import { synthesized } from '../support/synthesized.ts';
import { variants } from '../support/variants.ts';

test('the reference pipeline runs these', () => {
  const { images } = reference().result;
  expect(images.map(({ name, built }) => `${name}${built ? ' (built)' : ''}`)).toEqual([
    '172.31.39.52:32000/leafai/studio-go-runner-standalone-build:main (built)',
    'docker.io/library/rabbitmq:3.13.7',
    'docker.io/library/redis:7.2.5',
    'gcr.io/uber-container-tools/makisu:v0.4.2',
    'ghcr.io/keel-hq/keel:0.22.1',
    expect.stringMatching(/^ghcr\.io\/keelson-dev\/agent:\d/),
    'quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z',
    'quay.io/skopeo/stable:v1.20.0',
  ]);
  expect(images.find(({ name }) => name.includes('/agent:'))?.usedBy).toEqual([
    'platform/controller/Resource',
    'studio-go-runner/record/configuration',
    'studio-go-runner/build/Resource',
  ]);
});

test('an image is named with its digest, where the program gives one', () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  const { result } = synthesized((app) =>
    imageBuild(app, { image: ImageName.parse(`quay.io/team/makisu:1@${digest}`) }),
  );
  expect(result.images.map(({ name }) => name)).toContain(`quay.io/team/makisu:1@${digest}`);
});

test('an image that nobody here makes is no built one', () => {
  const { result } = synthesized((app) => build(app, { image: image('theirs') }));
  expect(result.images.filter(({ built }) => built)).toEqual([]);
  expect(result.images.map(({ name }) => name)).toContain(image('theirs').toString());
});

test('what a transform writes counts', () => {
  const { result } = synthesized((app) => build(app), {
    transform: (object) => JSON.parse(JSON.stringify(object).replaceAll('ghcr.io/', 'mirror.example.com/')),
  });
  expect(result.images.map(({ name }) => name)).toContainEqual(
    expect.stringMatching(/^mirror\.example\.com\//),
  );
  expect(result.images.filter(({ name }) => name.startsWith('ghcr.io/'))).toEqual([]);
});

describe('objects that are not ours', () => {
  const app = new KeelsonApp();
  const chart = foreignChart(app, 'x');
  const made = (id: string, kind: string, spec: object): ApiObject =>
    new ApiObject(chart, id, { apiVersion: 'example.com/v1', kind, metadata: { name: id }, ...spec });
  made('cron', 'CronJob', {
    spec: { jobTemplate: { spec: { template: { spec: { containers: [{ image: 'quay.io/a/cron:1' }] } } } } },
  });
  made('odd', 'Odd', {
    containers: ['text', null, { image: 7 }],
    spec: { containers: { image: 'quay.io/a/no:1' } },
  });
  made('debug', 'Pod', { spec: { ephemeralContainers: [{ image: 'quay.io/a/debug:1' }] } });
  made('open', 'Pod', { spec: { initContainers: [{ image: 'quay.io/a/b:((keelson.tag.commit))' }] } });

  test('are looked through, wherever their containers are, and no placeholder is listed', () => {
    expect(imagesOf(app)).toEqual([
      { name: 'quay.io/a/cron:1', built: false, usedBy: ['foreign/cron'] },
      { name: 'quay.io/a/debug:1', built: false, usedBy: ['foreign/debug'] },
    ]);
  });
});

describe.each([...variants])('in %s', (_name, synthesize) => {
  test('every container runs an image of the list, and every one of the list is run', () => {
    const { objects, result } = synthesize();
    // A job template is JSON in a ConfigMap, and so escaped once more.
    const found = JSON.stringify(objects).matchAll(/\\?"image\\?":\s*\\?"([^"\\]+)\\?"/g);
    const names = new Set(
      // An `image` without a slash is the id of an image builder.
      [...found].map(([, name]) => name ?? '').filter((name) => name.includes('/') && !name.startsWith('((')),
    );
    expect(result.images.map(({ name }) => name)).toEqual([...names].sort());
  });
});
