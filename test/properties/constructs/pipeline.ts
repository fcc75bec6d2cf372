import { Chart } from 'cdk8s';
import fc from 'fast-check';
import {
  CommitStatuses,
  GitCredential,
  GitSource,
  HostedRegistry,
  ImageCopy,
  ImageName,
  ImageTarget,
  JobTemplate,
  KeelWatchedBuild,
  Pipeline,
  PipelineRecord,
  PodMixin,
  Release,
  ReleasePlan,
  SecretSource,
  Tag,
  Version,
} from 'keelson';
import { call, fields, one, only, plain, type Values } from '../value.ts';
import { podSecurity } from './kubernetes.ts';
import { factories as platforms } from './platform.ts';
import {
  as,
  dnsLabel,
  dockerConfig,
  existingSecret,
  type Factories,
  flag,
  freshName,
  image,
  labels,
  quota,
  type Recipes,
  seconds,
  secret,
} from './recipe.ts';

const branch = one('main', 'feature/x', '名前', 'a;b', '$(id)');
const version: Values = fc.oneof(
  call('Version.of', (value: string) => Version.of(value), one('1.2.3', '0.0.0-a.1+b')),
  only('Version.fromGitTag()', () => Version.fromGitTag()),
  call('Version.fromFile', (path: string) => Version.fromFile(path), one('README.md', 'a/b c')),
);
const knownHosts = 'git.example.com ssh-ed25519 AAAA';
const statuses = (make: typeof CommitStatuses.github, name: string): Values =>
  call(
    name,
    (given: never) => make(given),
    fields(
      {
        token: existingSecret,
        apiUrl: one('https://git.example.com/api/v4', 'https://git.example.com:8443/api/v3/'),
        repository: one('a/b', 'Team_1/project.x'),
        targetUrl: one('https://ci.example.com/?a=b#c', 'http://ci.example.com'),
      },
      ['token', 'repository'],
    ),
  );
const statusesOf: Factories = {
  'CommitStatuses.github': statuses(CommitStatuses.github, 'CommitStatuses.github'),
  'CommitStatuses.gitlab': statuses(CommitStatuses.gitlab, 'CommitStatuses.gitlab'),
};
const options = {
  pollInterval: seconds(5, 86_400),
  version,
  submodules: flag,
  lfs: flag,
  allowHttp: flag,
  webhook: fields({ secret: fc.oneof(existingSecret, secret) }, ['secret']),
  statuses: fc.oneof(...Object.values(statusesOf)),
};
const byHttps: Values = call(
  'GitSource.remote',
  (url: string, given: never) => GitSource.remote(url, given),
  one('https://git.example.com/a/b.git', 'https://git.example.com/%00'),
  fields(
    {
      ...options,
      branch,
      credential: call(
        'GitCredential.token',
        (token: never) => GitCredential.token(token, 'me'),
        fc.oneof(existingSecret, secret),
      ),
    },
    ['branch'],
  ),
);
const bySsh: Values = call(
  'GitSource.remote',
  (url: string, given: never) => GitSource.remote(url, given),
  one('ssh://git@git.example.com/a/b.git', 'git@git.example.com:a/b'),
  fields(
    {
      ...options,
      branches: plain(fc.uniqueArray(fc.constantFrom('main', 'dev', 'a/b'), { minLength: 1 })),
      credential: call(
        'GitCredential.sshKey',
        (key: never) => GitCredential.sshKey(key, knownHosts),
        existingSecret,
      ),
    },
    ['branches'],
  ),
);
const local: Values = call(
  'GitSource.local',
  (path: string, given: never) => GitSource.local(path, given),
  one('/home/me/project', '/a b/名前'),
  fields({ branch, version, nodeName: plain(dnsLabel) }),
);
const source: Values = fc.oneof(byHttps, bySsh, local);

export const factories: Factories = {
  ...statusesOf,
  'GitSource.remote': byHttps,
  'GitSource.local': local,
  'GitCredential.token': byHttps,
  'GitCredential.sshKey': bySsh,
  'Version.of': version,
  'Version.fromGitTag': version,
  'Version.fromFile': version,
  ReleasePlan: only(
    'ReleasePlan',
    () =>
      new ReleasePlan({
        namespace: 'release',
        outputs: undefined,
        tested: { image: ImageName.parse('quay.io/a/b:1'), registry: undefined },
        watched: ImageName.parse('quay.io/a/b:1'),
        pipelineName: 'ci',
        timeoutSeconds: 60,
      }),
  ),
  PodMixin: only('PodMixin', () => new PodMixin((pod) => pod)),
  'JobTemplate.of': only('JobTemplate.of', (world) => JobTemplate.of(world.pipeline)),
  'ReleasePlan.of': only('ReleasePlan.of', (world) => ReleasePlan.of(world.pipeline)),
};

const platform: Values = platforms['Platform.existing'] as Values;

export const recipes: Recipes = {
  Pipeline: {
    props: { platform, source, namespace: freshName, podSecurity, quota, labels },
    required: ['platform'],
    make: (world, id, props) => new Pipeline(world.app, id, as(props)),
  },
  PipelineRecord: {
    props: {
      pipelineName: freshName,
      namespace: freshName,
      platform,
      source,
      isolation: only('pipeline.isolation', (world) => world.pipeline.isolation),
    },
    required: ['pipelineName', 'namespace', 'platform'],
    // Beside a chart's other records it would be another description of the same namespace.
    make: (world, id, props) =>
      new PipelineRecord(new Chart(world.app, world.next('chart'), { namespace: id }), id, as(props)),
  },
  ImageCopy: {
    props: {
      to: call(
        'ImageTarget',
        (name: string, tag: Tag) =>
          new ImageTarget(
            HostedRegistry.quay({ pushCredential: SecretSource.existing('robot', '.dockerconfigjson') }),
            `me/${name}`,
            tag,
          ),
        freshName,
        one<unknown>(Tag.version(), Tag.commit(), Tag.named('x')),
      ),
      pullCredential: dockerConfig,
      image,
    },
    required: ['to'],
    make: (world, id, props) => new ImageCopy(world.release, id, as(props)),
  },
  Release: {
    props: {
      after: only('KeelWatchedBuild', (world) => {
        const name = world.next('tested');
        return new KeelWatchedBuild(world.pipeline, name, {
          image: ImageName.parse(`quay.io/a/${name}:1`),
          command: ['x'],
        });
      }),
      namespace: freshName,
      branches: one<unknown>(['main']),
      assets: one<unknown>([], ['a.tar', 'dist/*']),
      github: fields(
        {
          repository: one('a/b', 'leaf-ai/studio-go-runner'),
          token: existingSecret,
          tagPrefix: one('', 'v', 'x/'),
          draft: flag,
          prerelease: flag,
          log: flag,
          apiUrl: one('https://github.example.com/api/v3'),
        },
        ['repository', 'token'],
      ),
      timeout: seconds(60, 86_400),
      quota,
      platform: only('pipeline.platform', (world) => world.pipeline.platform),
      source: only('pipeline.source', (world) => world.pipeline.source),
    },
    required: ['after', 'namespace'],
    make: (world, id, props) => new Release(world.pipeline, id, as(props)),
  },
};
