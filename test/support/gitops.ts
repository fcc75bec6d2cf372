// The objects by which Argo CD and Flux bring manifests to a cluster, with every prop that they have.
import { Chart, Duration } from 'cdk8s';
import { ArgoApplication, FluxGitRepository, FluxKustomization, GitRevision } from 'keelson';
import type { Build } from './synthesized.ts';

export const gitops: Build = (app) => {
  const chart = new Chart(app, 'gitops', { labels: { team: 'ci' } });
  const repository = 'https://git.example.com/team/manifests.git';
  new ArgoApplication(chart, 'plain', { repository });
  new ArgoApplication(chart, 'argo', {
    repository: 'git@git.example.com:team/manifests.git',
    revision: GitRevision.tag('v1.0.0'),
    path: 'clusters/one',
    project: 'ci',
    cluster: 'one',
    prune: false,
    selfHeal: false,
    deleteObjects: true,
  });
  new ArgoApplication(chart, 'by-hand', { repository, automated: false, path: '.' });
  const source = new FluxGitRepository(chart, 'manifests', { repository });
  const platform = new FluxKustomization(chart, 'platform', { source, path: 'manifests/platform' });
  new FluxKustomization(chart, 'pipeline', {
    source,
    path: '.',
    interval: Duration.hours(1),
    retryInterval: Duration.seconds(30),
    timeout: Duration.seconds(90),
    prune: false,
    deleteObjects: true,
    serviceAccountName: 'applier',
    dependsOn: [platform],
  });
  new FluxGitRepository(chart, 'private', {
    repository: 'ssh://git@git.example.com/team/manifests.git',
    revision: GitRevision.commit('6d21f2ced8ee6d21f2ced8ee6d21f2ced8ee6d21'),
    interval: Duration.days(1),
    secretName: 'deploy-key',
  });
  new FluxKustomization(chart, 'elsewhere', { source: FluxGitRepository.existing(), namespace: 'tenant' });
};
