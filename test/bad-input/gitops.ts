import { Chart, Duration } from 'cdk8s';
import {
  ArgoApplication,
  type ArgoApplicationProps,
  FluxGitRepository,
  type FluxGitRepositoryProps,
  FluxKustomization,
  type FluxKustomizationProps,
  GitRevision,
} from 'keelson';
import type { Build } from '../support/synthesized.ts';
import type { Row } from './row.ts';

const REPOSITORY = 'https://git.example.com/team/ci.git';
type Loose<T> = { readonly [key in keyof T]?: unknown };

const argo =
  (props: Loose<ArgoApplicationProps>, id = 'app'): Build =>
  (app) =>
    new ArgoApplication(new Chart(app, 'c'), id, {
      repository: REPOSITORY,
      ...props,
    } as ArgoApplicationProps);

const repository =
  (props: Loose<FluxGitRepositoryProps>): Build =>
  (app) =>
    new FluxGitRepository(new Chart(app, 'c'), 'repo', {
      repository: REPOSITORY,
      ...props,
    } as FluxGitRepositoryProps);

const kustomization =
  (props: Loose<FluxKustomizationProps>): Build =>
  (app) =>
    new FluxKustomization(new Chart(app, 'c'), 'k', {
      source: FluxGitRepository.existing(),
      ...props,
    } as FluxKustomizationProps);

const FOLDER =
  'is not a folder inside the repository (got …); give a relative path without "..", such as manifests';

export const gitops: readonly Row[] = [
  [
    'manifests in a repository with a password',
    argo({ repository: 'https://me:CANARY@git.example.com/ci.git' }),
    'c/app: repository: carries a credential (got a hidden value); take it out of the URL and give it as credential',
  ],
  [
    'manifests in a repository with a token, for Flux',
    repository({ repository: 'https://CANARY@git.example.com/ci.git' }),
    'c/repo: repository: carries a credential (got a hidden value); …',
  ],
  [
    'manifests in no repository',
    argo({ repository: undefined }),
    'c/app: repository: is missing (got nothing); give the URL of the repository, by https or ssh',
  ],
  [
    'manifests in a repository that is a number',
    repository({ repository: 7 }),
    'c/repo: repository: is of another type (got 7); …',
  ],
  [
    'manifests by plain http',
    argo({ repository: 'http://git.example.com/ci.git' }),
    'c/app: repository: has the scheme http: …; give an https:// or ssh:// URL',
  ],
  [
    'manifests of a hostile branch',
    argo({ revision: GitRevision.branch('--upload-pack=x') }),
    'c/app: revision: starts with "-", which git takes for an option (got "--upload-pack=x"); give the name of a branch …',
  ],
  [
    'manifests of a hostile tag',
    repository({ revision: GitRevision.tag('a..b') }),
    'c/repo: revision: holds "..", "@{" or "//" (got "a..b"); give the name of a tag as `git tag` prints it, without refs/tags/',
  ],
  [
    'manifests of half a commit',
    argo({ revision: GitRevision.commit('6d21f2c') }),
    `c/app: revision: is not a commit's full object name (got "6d21f2c"); give the 40 or 64 hexadecimal digits that \`git rev-parse\` prints`,
  ],
  [
    'a revision that is text',
    argo({ revision: 'main' }),
    `c/app: revision: is of another type (got "main"); use GitRevision.branch('main'), GitRevision.tag or GitRevision.commit`,
  ],
  ['manifests in a folder above', argo({ path: '../other' }), `c/app: path: ${FOLDER}`],
  ['manifests in a folder of the machine', kustomization({ path: '/etc' }), `c/k: path: ${FOLDER}`],
  ['manifests in a folder like an option', kustomization({ path: '--x' }), `c/k: path: ${FOLDER}`],
  ['manifests in no folder', argo({ path: '' }), `c/app: path: ${FOLDER}`],
  ['manifests in a folder that is null', argo({ path: null }), `c/app: path: ${FOLDER}`],
  [
    'an Application with a capital letter',
    argo({}, 'App'),
    'c/App: id: is not a valid name (got "App"); use at most 63 lower-case letters, digits and "-", starting and ending with a letter or digit',
  ],
  ['an Application in no namespace', argo({ namespace: 'a b' }), 'c/app: namespace: is not a valid name …'],
  ['an Application of a hostile project', argo({ project: '../x' }), 'c/app: project: is not a valid name …'],
  [
    'an Application for a cluster that is a URL',
    argo({ cluster: 'https://10.0.0.1:6443' }),
    "c/app: cluster: is not the name of one of Argo CD's clusters (got …); give a name that `argocd cluster list` prints, …",
  ],
  [
    'a repository that is looked at every second',
    repository({ interval: Duration.seconds(1) }),
    'c/repo: interval: is out of range (got "1 s"); give 30 to 86400 seconds, such as Duration.minutes(30)',
  ],
  [
    'an interval that is text',
    repository({ interval: '1m' }),
    'c/repo: interval: is of another type (got "1m"); give a Duration, such as Duration.minutes(10)',
  ],
  [
    'an interval of half a second more',
    kustomization({ retryInterval: Duration.millis(60_500) }),
    'c/k: retryInterval: is not a whole number of seconds (got "60.5 s"); …',
  ],
  [
    'a timeout of two days',
    kustomization({ timeout: Duration.days(2) }),
    'c/k: timeout: is out of range (got "172800 s"); …',
  ],
  [
    'manifests by ssh without a key',
    repository({ repository: 'git@git.example.com:team/ci.git' }),
    'c/repo: secretName: is missing, and nobody reads by ssh without a key (got nothing); name a Secret with the keys identity and known_hosts, or give an https:// URL',
  ],
  [
    'a Secret name that is the secret',
    repository({ secretName: 'CANARY token' }),
    'c/repo: secretName: is not a valid name (got a hidden value); …',
  ],
  [
    'a Kustomization of nothing',
    kustomization({ source: undefined }),
    'c/k: source: is missing (got nothing); give a FluxGitRepository, or FluxGitRepository.existing()',
  ],
  [
    'a Kustomization of a source that Flux lacks',
    kustomization({ source: { kind: 'HelmRepository', name: 'a', namespace: 'b' } }),
    'c/k: source.kind: is not a kind of source that Flux has (got "HelmRepository"); use GitRepository, OCIRepository, Bucket',
  ],
  [
    'a Kustomization of a source without a name',
    kustomization({ source: { kind: 'Bucket', namespace: 'b' } }),
    'c/k: source.name: …',
  ],
  [
    'a Kustomization with the rights of nobody',
    kustomization({ serviceAccountName: '' }),
    'c/k: serviceAccountName: is not a valid name (got ""); …',
  ],
  [
    'a Kustomization that depends on a name',
    kustomization({ dependsOn: ['platform'] }),
    'c/k: dependsOn: is no FluxKustomization (got "platform"); give the constructs whose objects have to be there first',
  ],
];
