import { Chart } from 'cdk8s';
import { type ImageName, MakisuBuilder, Pipeline, Tag } from 'keelson';
import type { ConfigMap } from 'kubernetes-types/core/v1.js';
import { describe, expect, test } from 'vitest';
import { COMMIT, commitOn, expanded, hostileBranches } from '../support/commits.ts';
import { imageBuildOf as made } from '../support/image-build.ts';
import {
  existingPlatform,
  imageBuild,
  pipelineConfiguration,
  registry,
  source,
} from '../support/programs.ts';
import { type Manifest, synthesized } from '../support/synthesized.ts';

const PUSH = 'registry.container-registry.svc.cluster.local:5000';

describe('by default', () => {
  const output = synthesized((app) => imageBuild(app));
  const { objects, job, args } = made(output);

  test('a commit gets a fenced namespace of its own with one Job', () => {
    const { namespace } = commitOn('main');
    expect(
      objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`),
    ).toEqual([
      `Namespace /${namespace}`,
      `ResourceQuota ${namespace}/quota`,
      `LimitRange ${namespace}/defaults`,
      `NetworkPolicy ${namespace}/default-deny`,
      `ServiceAccount ${namespace}/imagebuilder`,
      `NetworkPolicy ${namespace}/imagebuilder`,
      `Service ${namespace}/microk8s-registry`,
      `ConfigMap ${namespace}/registry-config`,
      `Job ${namespace}/imagebuilder`,
    ]);
  });

  test('the namespace says whose it is, for which commit, and why it is below the strictest level', () => {
    expect(objects[0]?.metadata).toMatchObject({
      labels: {
        'keelson.dev/owner': 'shared',
        'keelson.dev/pipeline': 'ci',
        'keelson.dev/commit': COMMIT,
        'pod-security.kubernetes.io/enforce': 'baseline',
      },
      annotations: {
        'keelson.dev/pod-security-reason': 'Makisu runs RUN steps as root in its own container',
      },
    });
  });

  test('the image is pushed under its tag and under that of the commit, inside the cluster', () => {
    expect(args).toEqual([
      'build',
      `--push=${PUSH}`,
      `--replica=${PUSH}/team/build:main-${COMMIT}`,
      '-t=team/build:main',
      '-f=/keelson/context/Dockerfile',
      '--modifyfs=true',
      '--registry-config=/registry-config/registry.yaml',
      '/keelson/context',
    ]);
  });

  test('the Job ends after an hour, is tried once, and is cleaned up', () => {
    expect(job.spec).toMatchObject({
      activeDeadlineSeconds: 3600,
      backoffLimit: 0,
      ttlSecondsAfterFinished: 604_800,
    });
    expect(job.spec?.template.spec?.restartPolicy).toBe('Never');
    expect(pipelineConfiguration(output).images).toMatchObject([
      { name: 'image', concurrency: 'queue', maxAttempts: 1, copySecrets: [] },
    ]);
  });

  test('Makisu knows which registries speak plain http', () => {
    const { data } = objects.find(({ kind }) => kind === 'ConfigMap') as ConfigMap;
    const config = JSON.parse(data?.['registry.yaml'] ?? '');
    expect(Object.keys(config)).toEqual([PUSH, '172.31.39.52:32000', 'microk8s-registry:5000']);
    expect(config[PUSH]).toEqual({ '.*': { security: { tls: { client: { disabled: true } } } } });
  });

  test('an image of a Deployment is named by the address of the node', () => {
    const build: { image?: ImageName } = {};
    synthesized((app) => {
      build.image = imageBuild(app).image;
    });
    expect(build.image?.toString()).toBe('172.31.39.52:32000/team/build:main');
  });
});

describe('a commit', () => {
  test.each(hostileBranches)(
    'on the branch %j arrives as variables of the container that fetches it',
    (branch) => {
      const { job } = made(
        synthesized((app) => imageBuild(app)),
        branch,
      );
      const [container] = job.spec?.template.spec?.initContainers ?? [];
      const env = new Map(
        container?.env?.map(({ name, value }) => [
          name,
          expanded(value ?? '', { KEELSON_GIT_URL: 'LEAKED', HOME: 'LEAKED' }),
        ]),
      );
      expect(env.get('KEELSON_GIT_BRANCH')).toBe(branch);
      expect(env.get('KEELSON_GIT_COMMIT')).toBe(COMMIT);
      expect(container?.args).toEqual(['source', '--directory=/keelson/context']);
      expect(job.metadata?.annotations?.['keelson.dev/branch']).toBe(branch);
    },
  );
});

test('every label of a commit namespace is one that Kubernetes takes, whatever the chart is called', () => {
  const output = synthesized((app) => {
    const target = registry().image('a', { tag: Tag.branch() });
    const chart = new Chart(app, 'My Chart!', { namespace: 'tests' });
    new MakisuBuilder(chart, 'image', { platform: existingPlatform(), source: source(), target });
  });
  for (const value of Object.values(made(output).objects[0]?.metadata.labels ?? {})) {
    expect(value).toMatch(/^([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?$/);
  }
});

test("a commit's namespace carries the same label of its pipeline as the pipeline itself", () => {
  const output = synthesized((app) => {
    const ci = new Pipeline(app, 'release-deadbeef', { platform: existingPlatform(), source: source() });
    new MakisuBuilder(ci, 'image', { target: registry().image('a', { tag: Tag.branch() }) });
  });
  const label = (object: Manifest | undefined): string | undefined =>
    object?.metadata.labels?.['keelson.dev/pipeline'];
  expect(label(made(output).objects[0])).toBe(label(output.find('ConfigMap', 'keelson-pipeline')));
});
