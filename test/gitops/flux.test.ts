import { Chart, Duration } from 'cdk8s';
import {
  FluxGitRepository,
  type FluxGitRepositoryProps,
  FluxKustomization,
  type FluxKustomizationProps,
  GitRevision,
} from 'keelson';
import { describe, expect, test } from 'vitest';
import { type Manifest, type Synthesized, synthesized } from '../support/synthesized.ts';

const REPOSITORY = 'https://git.example.com/team/ci-manifests.git';

function flux(
  repository: Partial<FluxGitRepositoryProps> = {},
  kustomization: Partial<FluxKustomizationProps> = {},
): Synthesized {
  return synthesized((app) => {
    const chart = new Chart(app, 'flux', { namespace: 'elsewhere' });
    const source = new FluxGitRepository(chart, 'manifests', { repository: REPOSITORY, ...repository });
    new FluxKustomization(chart, 'ci', { source, ...kustomization });
  });
}

const spec = (output: Synthesized, kind: string, name = 'ci'): unknown =>
  output.find<Manifest & { spec: unknown }>(kind, name).spec;

describe('a GitRepository', () => {
  test('is read every minute, at the branch main', () => {
    expect(flux().find('GitRepository', 'manifests')).toEqual({
      apiVersion: 'source.toolkit.fluxcd.io/v1',
      kind: 'GitRepository',
      metadata: { name: 'manifests', namespace: 'flux-system' },
      spec: { url: REPOSITORY, ref: { branch: 'main' }, interval: '1m' },
    });
  });

  test('refers to a Secret, whose value is nowhere', () => {
    const output = flux({
      repository: 'git@git.example.com:team/ci.git',
      secretName: 'deploy-key',
      namespace: 'ci',
      interval: Duration.seconds(90),
    });
    expect(spec(output, 'GitRepository', 'manifests')).toEqual({
      url: 'ssh://git@git.example.com/team/ci.git',
      ref: { branch: 'main' },
      interval: '1m30s',
      secretRef: { name: 'deploy-key' },
    });
    expect(output.names('Secret')).toEqual([]);
    expect(output.names('GitRepository')).toEqual(['ci/manifests']);
  });

  test.each([
    [GitRevision.branch('release/2.x'), { branch: 'release/2.x' }],
    [GitRevision.tag('v1.0.0'), { tag: 'v1.0.0' }],
    [GitRevision.commit('a'.repeat(40)), { commit: 'a'.repeat(40) }],
  ])('takes the revision %j', (revision, ref) => {
    expect(spec(flux({ revision }), 'GitRepository', 'manifests')).toMatchObject({ ref });
  });
});

describe('a Kustomization', () => {
  test('is, by default, pruned, and neither forces nor waits nor takes its objects along', () => {
    expect(flux().find('Kustomization', 'ci')).toEqual({
      apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
      kind: 'Kustomization',
      metadata: { name: 'ci', namespace: 'flux-system' },
      spec: {
        sourceRef: { kind: 'GitRepository', name: 'manifests' },
        path: './manifests',
        interval: '10m',
        retryInterval: '1m',
        timeout: '5m',
        prune: true,
        deletionPolicy: 'Orphan',
        force: false,
        wait: false,
      },
    });
  });

  test('says what it is told', () => {
    const output = flux(
      {},
      {
        path: '.',
        namespace: 'tenant',
        interval: Duration.hours(1),
        retryInterval: Duration.seconds(30),
        timeout: Duration.minutes(90),
        prune: false,
        deleteObjects: true,
        serviceAccountName: 'applier',
      },
    );
    expect(spec(output, 'Kustomization')).toEqual({
      // Flux looks in the object's own namespace unless told.
      sourceRef: { kind: 'GitRepository', name: 'manifests', namespace: 'flux-system' },
      path: './',
      interval: '1h',
      retryInterval: '30s',
      timeout: '1h30m',
      prune: false,
      deletionPolicy: 'Delete',
      force: false,
      wait: false,
      serviceAccountName: 'applier',
    });
  });

  test('takes a source that exists, and waits for another Kustomization', () => {
    const output = synthesized((app) => {
      const chart = new Chart(app, 'flux');
      const source = FluxGitRepository.existing();
      const first = new FluxKustomization(chart, 'z-platform', { source, path: 'manifests/platform' });
      new FluxKustomization(chart, 'a-pipeline', { source, path: 'manifests/ci', dependsOn: [first] });
    });
    expect(spec(output, 'Kustomization', 'a-pipeline')).toMatchObject({
      sourceRef: { kind: 'GitRepository', name: 'flux-system' },
      dependsOn: [{ name: 'z-platform' }],
    });
    expect(output.objects.map(({ metadata }) => metadata.name)).toEqual(['z-platform', 'a-pipeline']);
  });

  test('comes after its source', () => {
    expect(flux().objects.map(({ kind }) => kind)).toEqual(['GitRepository', 'Kustomization']);
  });
});
