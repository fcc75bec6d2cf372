// What does not go with a tool that applies manifests again and again.
import { Chart, Duration } from 'cdk8s';
import {
  ArgoApplication,
  BuildJob,
  FluxGitRepository,
  FluxKustomization,
  ImageName,
  KeelPolicy,
  KeelWatchedBuild,
  type KeelWatchedBuildProps,
  Pipeline,
  Platform,
} from 'keelson';
import { describe, expect, test } from 'vitest';
import { pipeline, registry } from '../support/programs.ts';
import { type Build, synthesized } from '../support/synthesized.ts';

const repository = 'https://git.example.com/team/ci-manifests.git';
const image = ImageName.parse('quay.io/team/build:1.2.3');

const argo: Build = (app) => {
  new ArgoApplication(new Chart(app, 'argo-cd'), 'ci', { repository });
};
const flux: Build = (app) => {
  const chart = new Chart(app, 'flux');
  new FluxKustomization(chart, 'ci', { source: new FluxGitRepository(chart, 'manifests', { repository }) });
};
const nothing: Build = () => undefined;
const watched =
  (props: Partial<KeelWatchedBuildProps>): Build =>
  (app) => {
    new KeelWatchedBuild(pipeline(app), 'build', { image, command: ['make'], ...props });
  };
const once =
  (ttlAfterFinished?: Duration): Build =>
  (app) => {
    new BuildJob(pipeline(app), 'build', {
      image,
      command: ['make'],
      ...(ttlAfterFinished !== undefined && { ttlAfterFinished }),
    });
  };
const warnings = (...parts: readonly Build[]): readonly string[] =>
  synthesized((app) => {
    for (const part of parts) part(app);
  }).result.warnings.filter((warning) => warning.includes('GitOps'));

const semver = watched({ policy: KeelPolicy.semver('minor') });
const handsOver: Build = (app) => {
  const platform = new Platform(app, 'platform', { registry: registry(), handOver: true });
  new KeelWatchedBuild(new Pipeline(app, 'ci', { platform }), 'build', {
    image,
    command: ['make'],
    policy: KeelPolicy.semver('minor'),
    handOver: true,
  });
};
const removed = once(Duration.hours(1));

describe.each([
  ['an ArgoApplication', argo, 'argo-cd/ci'],
  ['a FluxKustomization', flux, 'flux/ci'],
])('%s', (_name, tool, path) => {
  test.each([
    ['after', [semver, tool]],
    ['before', [tool, semver]],
  ])('made %s a build whose tag changes is warned of', (_when, parts) => {
    expect(warnings(...parts)).toEqual([
      `ci/build: policy: lets Keel write another tag into the Deployment, where GitOps puts the old one back (${path}) ` +
        '(got "minor"); watch one tag with KeelPolicy.sameTag(), hand over, or see docs/how-to/gitops.md',
    ]);
  });

  test('and a Job that is removed are warned of', () => {
    expect(warnings(removed, tool)).toEqual([
      expect.stringMatching(/^ci\/build: ttlAfterFinished: removes the Job, which GitOps then makes anew/),
    ]);
  });

  test('goes with one tag, with a build that hands over, and with a Job that stays', () => {
    expect(warnings(watched({}), tool)).toEqual([]);
    expect(warnings(handsOver, tool)).toEqual([]);
    expect(warnings(once(), tool)).toEqual([]);
  });
});

test('without such a tool nothing is warned of', () => {
  expect(warnings(semver, nothing)).toEqual([]);
  expect(warnings(removed, nothing)).toEqual([]);
});
