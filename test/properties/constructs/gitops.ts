import fc from 'fast-check';
import { ArgoApplication, FluxGitRepository, FluxKustomization, GitRevision } from 'keelson';
import { COMMIT } from '../../support/commits.ts';
import { call, list, one, only, plain, type Values } from '../value.ts';
import { as, dnsLabel, type Factories, flag, type Recipes, seconds } from './recipe.ts';

const branch = call(
  'GitRevision.branch',
  (name: string) => GitRevision.branch(name),
  one('main', 'a/b', '名前'),
);
const tag = call('GitRevision.tag', (name: string) => GitRevision.tag(name), one('v1.0.0', 'x'));
const commit = only('GitRevision.commit', () => GitRevision.commit(COMMIT));
const existing: Values = call(
  'FluxGitRepository.existing',
  (name: string, namespace: string) => FluxGitRepository.existing(name, namespace),
  plain(dnsLabel),
  plain(dnsLabel),
);

export const factories: Factories = {
  'GitRevision.branch': branch,
  'GitRevision.tag': tag,
  'GitRevision.commit': commit,
  'FluxGitRepository.existing': existing,
};

const repository: Readonly<Record<string, Values>> = {
  repository: one('https://git.example.com/a/b.git', 'https://git.example.com:8443/a'),
  revision: fc.oneof(branch, tag, commit),
  allowHttp: flag,
};
const path = one('.', 'manifests', 'a/b/c', './x/');
const interval = seconds(30, 86_400);

export const recipes: Recipes = {
  ArgoApplication: {
    props: {
      ...repository,
      path,
      namespace: plain(dnsLabel),
      project: one('default', 'a.b'),
      cluster: one('in-cluster', 'B'),
      automated: flag,
      prune: flag,
      selfHeal: flag,
      deleteObjects: flag,
    },
    required: ['repository'],
    make: (world, id, props) => new ArgoApplication(world.chart, id, as(props)),
  },
  FluxGitRepository: {
    props: { ...repository, namespace: plain(dnsLabel), interval, secretName: plain(dnsLabel) },
    required: ['repository'],
    make: (world, id, props) => new FluxGitRepository(world.chart, id, as(props)),
  },
  FluxKustomization: {
    props: {
      source: existing,
      path,
      namespace: plain(dnsLabel),
      interval,
      retryInterval: interval,
      timeout: interval,
      prune: flag,
      deleteObjects: flag,
      serviceAccountName: plain(dnsLabel),
      dependsOn: list(
        only('FluxKustomization', (world) => {
          const source = FluxGitRepository.existing();
          return new FluxKustomization(world.chart, world.next('kustomization'), { source });
        }),
      ),
    },
    required: ['source'],
    make: (world, id, props) => new FluxKustomization(world.chart, id, as(props)),
  },
};
