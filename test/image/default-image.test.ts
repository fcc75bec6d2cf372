import { App, Chart, Testing } from 'cdk8s';
import {
  defaultImage,
  IMAGE_REGISTRY_CONTEXT,
  ImageName,
  KeelWatchedBuild,
  MinioService,
  Pipeline,
  Platform,
} from 'keelson';
import { describe, expect, test } from 'vitest';
import { optionsFromEnvironment } from '../../apps/studio-go-runner/options.ts';
import { studioGoRunner } from '../../apps/studio-go-runner/pipeline.ts';
import { image, pipeline, registry, source } from '../support/programs.ts';
import { type Build, problemsOf, type Synthesized, synthesized } from '../support/synthesized.ts';

const MIRROR = 'registry.example.com:5000/mirror';

/** Every image of a program's manifests, those in job templates too. */
function imagesIn({ objects }: Synthesized): string[] {
  // A job template is JSON in a ConfigMap, and so escaped once more.
  const found = JSON.stringify(objects).matchAll(/\\?"image\\?":\s*\\?"([^"\\]+)\\?"/g);
  return [...new Set([...found].map(([, name]) => name ?? ''))].sort();
}

const named = (name: string, context?: unknown): string => {
  const app = new App();
  if (context !== undefined) app.node.setContext(IMAGE_REGISTRY_CONTEXT, context);
  return defaultImage(new Chart(app, 'chart'), name).toString();
};

describe("the library's own image", () => {
  test('is the one that is named', () => {
    expect(named('docker.io/library/redis:7.2.5')).toBe('docker.io/library/redis:7.2.5');
  });

  test.each([
    ['registry.example.com', 'quay.io/minio/minio:1', 'registry.example.com/minio/minio:1'],
    ['registry.example.com:5000', 'docker.io/library/redis:7', 'registry.example.com:5000/library/redis:7'],
    ['10.0.0.7:32000/a/b', 'ghcr.io/keel-hq/keel:0.22.1', '10.0.0.7:32000/a/b/keel-hq/keel:0.22.1'],
    ['localhost/a', 'quay.io/a/b', 'localhost/a/a/b'],
    ['localhost', `quay.io/a/b:1@sha256:${'0'.repeat(64)}`, `localhost/a/b:1@sha256:${'0'.repeat(64)}`],
  ])('with %s in the context, for %s, is %s', (context, name, expected) => {
    expect(named(name, context)).toBe(expected);
  });
});

describe('the prop imageRegistry', () => {
  const whole: Build = (app) => studioGoRunner(app, optionsFromEnvironment({}));

  test('moves every image of the reference pipeline but those of its own registry', () => {
    const before = imagesIn(synthesized(whole));
    const after = imagesIn(synthesized(whole, { imageRegistry: MIRROR }));
    expect(before.length).toBeGreaterThanOrEqual(6);
    expect(after).toHaveLength(before.length);
    const own = (name: string): boolean => name.startsWith('172.31.39.52:32000/');
    expect(after.filter(own)).toEqual(before.filter(own));
    expect(after.filter((name) => !own(name))).toEqual(
      before
        .filter((name) => !own(name))
        .map((name) => name.replace(/^[^/]+/, MIRROR))
        .sort(),
    );
  });

  test('leaves alone what a prop gives', () => {
    const output = synthesized(
      (app) => {
        const agentImage = ImageName.parse('quay.io/team/agent:1');
        const given = ImageName.parse('quay.io/team/given:1');
        const platform = new Platform(app, 'platform', {
          registry: registry(),
          agentImage,
          cache: { image: given },
          keel: { image: given },
        });
        const ci = new Pipeline(app, 'ci', { platform, source: source() });
        const services = [new MinioService(ci, 'minio', { image: given })];
        new KeelWatchedBuild(ci, 'build', { image: image(), command: ['x'], services });
      },
      { imageRegistry: MIRROR },
    );
    expect(imagesIn(output)).toEqual([
      'quay.io/team/agent:1',
      'quay.io/team/build:main',
      'quay.io/team/given:1',
    ]);
  });

  test('moves the agent of a pipeline whose platform is elsewhere', () => {
    const output = synthesized(
      (app) => new KeelWatchedBuild(pipeline(app), 'build', { image: image(), command: ['x'] }),
      { imageRegistry: MIRROR },
    );
    expect(imagesIn(output)).toEqual([
      'quay.io/team/build:main',
      expect.stringMatching(/^registry\.example\.com:5000\/mirror\/keelson-dev\/agent:/),
    ]);
  });
});

describe('a plain App with the context', () => {
  test('has its images moved', () => {
    const app = Testing.app();
    app.node.setContext(IMAGE_REGISTRY_CONTEXT, MIRROR);
    const services = new Chart(app, 'services', { namespace: 'ci' });
    new MinioService(services, 'minio');
    expect(JSON.stringify(Testing.synth(services))).toContain(`"image":"${MIRROR}/minio/minio:`);
  });
});

describe('what is no registry', () => {
  const wrong: readonly unknown[] = [
    '',
    'mirror',
    'mirror/path',
    'https://registry.example.com',
    'registry.example.com/',
    'registry.example.com//a',
    'registry.example.com/Upper',
    'registry.example.com:99999',
    'registry.example.com/a:1',
    'a b.c',
    7,
    null,
    ['registry.example.com'],
  ];

  test.each(wrong)('%j is refused as a prop, once', (imageRegistry) => {
    const problems = problemsOf((app) => new MinioService(pipeline(app), 'minio'), {
      imageRegistry: imageRegistry as string,
    });
    expect(problems).toEqual([
      expect.stringMatching(/^app: imageRegistry: is not a registry \(got .*\); give a host with /),
    ]);
  });

  test.each(wrong)('%j is refused as context, once', (context) => {
    const problems = problemsOf((app) => {
      app.node.setContext(IMAGE_REGISTRY_CONTEXT, context);
      new MinioService(pipeline(app), 'minio');
    });
    expect(problems).toEqual([
      expect.stringMatching(/^app: context keelson\.dev\/image-registry: is not a registry \(got /),
    ]);
  });
});
