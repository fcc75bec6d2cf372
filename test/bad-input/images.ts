import { Chart, Duration, Size } from 'cdk8s';
import {
  BuildahBuilder,
  BuildKitBuilder,
  type BuildKitBuilderProps,
  BuildKitDaemon,
  type BuildKitDaemonProps,
  HostedRegistry,
  IMAGE_REGISTRY_CONTEXT,
  ImageName,
  MicroK8sRegistry,
  SecretSource,
  Tag,
} from 'keelson';
import { pipeline, platform, registry } from '../support/programs.ts';
import type { Build } from '../support/synthesized.ts';
import { aBuild, anImageBuild, type Row, target } from './row.ts';

const imageNamed = (text: string): Build => aBuild({ image: ImageName.parse(text) });

const account = (name: string): SecretSource => SecretSource.existing(name, '.dockerconfigjson');

type Loose<T> = { readonly [key in keyof T]?: unknown };

const aDaemon =
  (props: Loose<BuildKitDaemonProps>): Build =>
  (app) =>
    platform(app, { buildkit: props as BuildKitDaemonProps });

const byBuildKit =
  (props: Loose<BuildKitBuilderProps>): Build =>
  (app) =>
    new BuildKitBuilder(pipeline(app), 'image', {
      target: registry().image('a'),
      buildkit: BuildKitDaemon.existing(),
      ...(props as Partial<BuildKitBuilderProps>),
    });

const builders: readonly Row[] = [
  [
    'a label for Makisu',
    anImageBuild({ labels: { team: 'ci' } }),
    "ci/image: labels.team: can't be set by Makisu, which has no option for labels (got a hidden value); write LABEL in the Dockerfile",
  ],
  [
    'a label that is none',
    byBuildKit({ labels: { 'a=b': 'c' } }),
    'ci/image: labels: is not a valid name of a label (got "a=b"); use letters, digits, ".", "-", "_" and "/", such as com.example.team',
  ],
  [
    "an image's label that is no text",
    byBuildKit({ labels: { team: 1 } }),
    'ci/image: labels.team: is not a text (got a hidden value); give the value as a string',
  ],
  [
    'a secret label',
    byBuildKit({ labels: { 'com.example.token': 'CANARY' } }),
    'ci/image: labels.com.example.token: is a secret in plain text (got a hidden value); leave it out: whoever pulls the image can read its labels',
  ],
  [
    "a label that is the commit's",
    byBuildKit({ labels: { 'org.opencontainers.image.revision': '1' } }),
    'ci/image: labels.org.opencontainers.image.revision: is set to the commit (got "1"); leave it out',
  ],
  [
    'a platform that is none',
    byBuildKit({ platforms: ['amd64'] }),
    'ci/image: platforms: is not a platform (got "amd64"); give such as linux/amd64, linux/arm64 or linux/arm/v7',
  ],
  ['no platform to build for', byBuildKit({ platforms: [] }), 'ci/image: platforms: is empty (got []); …'],
  [
    'provenance of another kind',
    byBuildKit({ provenance: true }),
    "ci/image: provenance: is not one of the choices (got true); give 'min', 'max', false, or leave it out",
  ],
  [
    'a frontend by its name',
    byBuildKit({ frontend: 'docker/dockerfile:1' }),
    "ci/image: frontend: is not one of the choices (got \"docker/dockerfile:1\"); give 'syntax-line', 'builtin', or leave it out",
  ],
  [
    'a scanner in upper case',
    byBuildKit({ sbom: ImageName.parse('quay.io/Team/scanner') }),
    'ci/image: sbom.repository: is not a valid image repository (got "Team/scanner"); …',
  ],
  [
    'a storage driver that nobody knows',
    (app) =>
      new BuildahBuilder(pipeline(app), 'image', {
        target: registry().image('a'),
        storageDriver: 'zfs' as never,
      }),
    "ci/image: storageDriver: is not a storage driver (got \"zfs\"); give 'overlay' or 'vfs'",
  ],
  [
    'a mirror with a scheme',
    aDaemon({ mirrors: { 'docker.io': ['https://mirror'] } }),
    'platform/buildkit: mirrors.docker.io: is not a registry (got "https://mirror"); give a host with an optional port, such as docker.io or mirror.example.com:5000',
  ],
  [
    'a host of plain http with a blank',
    aDaemon({ plainHttp: ['a b'] }),
    'platform/buildkit: plainHttp: is not a registry (got "a b"); …',
  ],
  [
    'a cache as large as its storage',
    aDaemon({ storage: Size.gibibytes(10), cacheLimit: Size.gibibytes(10) }),
    'platform/buildkit: cacheLimit: leaves running builds nothing of 10Gi (got "10Gi"); give less than storage: four fifths of it is well',
  ],
  [
    'a daemon of no size',
    aDaemon({ storage: Size.gibibytes(0) }),
    'platform/buildkit: storage: is no size (got "0Gi"); give Size.gibibytes(50)',
  ],
  [
    'a storage class without a volume',
    aDaemon({ storageClassName: 'fast' }),
    'platform/buildkit: storageClassName: is of no use without a volume (got "fast"); give persistent: true, or leave it out',
  ],
  [
    'no steps at once',
    aDaemon({ maxParallelism: 0 }),
    'platform/buildkit: maxParallelism: is not a number of steps (got 0); give 1 or more, or leave it out',
  ],
  [
    'certificates that are no Secret',
    aDaemon({ tls: { serverSecret: 'CANARY KEY', clientSecret: 'b' } }),
    'platform/buildkit: tls.serverSecret: is not a valid Secret name (got a hidden value); …',
  ],
  [
    'a confinement that is none',
    aDaemon({ confinement: 'none' }),
    "platform/buildkit: confinement: names no profile (got \"none\"); give { appArmor: 'profile' }, 'node-default' or 'unconfined'",
  ],
  [
    'an AppArmor profile without a name',
    aDaemon({ confinement: { appArmor: ' ' } }),
    'platform/buildkit: confinement.appArmor: is not the name of a profile (got " "); give the name …',
  ],
  [
    "a seccomp profile outside of the kubelet's folder",
    aDaemon({ confinement: { seccomp: 'a/../../b.json' } }),
    'platform/buildkit: confinement.seccomp: is not a path below the kubelet\'s folder (got "a/../../b.json"); …',
  ],
  [
    'a daemon in a namespace of Kubernetes',
    aDaemon({ namespace: 'kube-system' }),
    'platform/buildkit/namespace: namespace: is a namespace of Kubernetes itself (got "kube-system"); …',
  ],
];

export const images: readonly Row[] = [
  ...builders,
  [
    'an image in upper case',
    imageNamed('quay.io/Team/build'),
    'ci/build: image.repository: is not a valid image repository (got "Team/build"); use lower-case letters and digits, with "/", ".", "_" or "-" between',
  ],
  [
    'an image with a tag that is none',
    imageNamed('quay.io/a:b c'),
    'ci/build: image.tag: is not a valid image tag (got "b c"); …',
  ],
  [
    'an image with a port that is none',
    imageNamed('quay.io:99999/a'),
    'ci/build: image.registry: has a port out of range (got "quay.io:99999"); use a port from 1 to 65535',
  ],
  [
    'an image that never changes',
    imageNamed(`quay.io/a@sha256:${'a'.repeat(64)}`),
    'ci/build: image.digest: never changes, so that nothing would ever be built (got "sha256:…); give the image by its tag',
  ],
  [
    'an image on localhost',
    imageNamed('localhost:32000/a:b'),
    `ci/build: image.registry: can't be polled by Keel, for whose pod it is the pod itself (got "localhost:32000"); name the registry by the address of its node, such as 172.31.39.52:32000`,
  ],
  [
    'a registry on localhost',
    (app) => platform(app, { registry: MicroK8sRegistry.existing({ nodeAddress: 'localhost' }) }),
    `platform: registry.nodeAddress: can't be polled by Keel, for whose pod it is the pod itself (got "localhost"); give the address by which other machines reach the node (\`hostname -I\` prints it)`,
  ],
  [
    'a registry on no port',
    (app) =>
      platform(app, { registry: MicroK8sRegistry.existing({ nodeAddress: '10.0.0.1', nodePort: 65_536 }) }),
    'platform: registry.nodePort: is not a port (got 65536); give the NodePort of the registry; the addon uses 32000',
  ],
  [
    'a registry on the port http',
    (app) =>
      platform(app, {
        registry: MicroK8sRegistry.existing({ nodeAddress: '10.0.0.1', nodePort: 'http' as never }),
      }),
    'platform: registry.nodePort: is not a port (got "http"); …',
  ],
  [
    'a target in upper case',
    target('Team'),
    'ci/image: target.repository: is not a valid image repository (got "Team"); …',
  ],
  [
    'a tag that is none',
    anImageBuild({ target: registry().image('a', { tag: Tag.named('a/b') }) }),
    'ci/image: target.tag: is not a valid image tag (got "a/b"); …',
  ],
  [
    'a tag that never moves',
    anImageBuild({ target: registry().image('a', { tag: Tag.commit() }) }),
    'ci/image: target.tag: is new with every commit, so that nothing can watch it (got "((keelson.tag.commit))"); use Tag.branch() or Tag.named(name); a tag for the commit is pushed beside it anyway',
  ],
  [
    'a Dockerfile outside of the repository',
    anImageBuild({ dockerfile: '../Dockerfile' }),
    'ci/image: dockerfile: is not a path inside the repository (got "../Dockerfile"); give a relative path without ".."',
  ],
  [
    'an absolute context',
    anImageBuild({ context: '/' }),
    'ci/image: context: is not a path inside the repository (got "/"); …',
  ],
  [
    'an ARG that is none',
    anImageBuild({ buildArgs: { 'A-B': '1' } }),
    'ci/image: buildArgs.A-B: is not a valid name of an ARG (got "A-B"); use letters, digits and "_"',
  ],
  [
    'an ARG that Makisu refuses',
    anImageBuild({ buildArgs: { A: 'b=c' } }),
    'ci/image: buildArgs.A: holds "=", which Makisu refuses (got "b=c"); set the value in the Dockerfile instead',
  ],
  [
    'a secret ARG',
    anImageBuild({ buildArgs: { NPM_TOKEN: 'CANARY' } }),
    'ci/image: buildArgs.NPM_TOKEN: is a secret in plain text (got a hidden value); leave it out: build arguments stay in the history of the image',
  ],
  [
    'no attempt',
    anImageBuild({ maxAttempts: 0 }),
    'ci/image: maxAttempts: is not a number of attempts (got 0); give 1 to 10',
  ],
  [
    'an image build of no time',
    anImageBuild({ timeout: Duration.seconds(0) }),
    'ci/image: timeout: is out of range (got "0 s"); give 1 to 604800 seconds, such as Duration.minutes(30)',
  ],
  [
    'an image build of a second and a half',
    anImageBuild({ timeout: Duration.millis(1500) }),
    'ci/image: timeout…1.5 s…',
  ],
  [
    'a hosted registry with a scheme',
    (app) => platform(app, { registry: HostedRegistry.at('https://registry.example.com') }),
    'platform: registry.host: has a scheme (got "https://registry.example.com"); give the host alone, such as registry.example.com:5000; insecure: true says plain http',
  ],
  [
    'a hosted registry with an account in its name',
    (app) => platform(app, { registry: HostedRegistry.at('user:CANARY@registry.example.com') }),
    'platform: registry.host: is not a host (got a hidden value); …',
  ],
  [
    'a hosted registry on localhost',
    (app) => platform(app, { registry: HostedRegistry.at('localhost:5000') }),
    'platform: registry.host: is another machine for each node, and for Keel\'s pod that pod itself (got "localhost:5000"); give the name or address by which all of them reach it',
  ],
  [
    'a hosted registry without a name',
    (app) => platform(app, { registry: HostedRegistry.at(undefined as never) }),
    'platform: registry.host: is not a host (got ""); …',
  ],
  [
    'a hosted registry with the key of its authority',
    (app) =>
      platform(app, {
        registry: HostedRegistry.at('registry.example.com', {
          certificateAuthority: '-----BEGIN PRIVATE KEY-----CANARY',
        }),
      }),
    'platform: registry.certificateAuthority: has a private key in it (got a hidden value); …',
  ],
  [
    'a registry that nobody pushes to without an account',
    anImageBuild({ target: HostedRegistry.quay().image('team/build') }),
    "ci/image: target.registry.pushCredential: is missing: nobody pushes to quay.io without an account (got nothing); give the registry one, such as SecretSource.existing('registry-push', '.dockerconfigjson')",
  ],
  [
    'a repository that Docker Hub keeps for itself',
    anImageBuild({
      target: HostedRegistry.dockerHub({ pushCredential: account('push') }).image('library/build'),
    }),
    'ci/image: target.repository: is not a repository of docker.io that can be pushed to (got "library/build"); …',
  ],
  [
    'an account that pushes under another key',
    anImageBuild({
      target: HostedRegistry.quay({ pushCredential: SecretSource.existing('push', 'config.json') }).image(
        'a/b',
      ),
    }),
    'ci/image: target.registry.pushCredential: has another key than .dockerconfigjson, which is the one that is read (got a hidden value); put the value under the key .dockerconfigjson',
  ],
  [
    'an account that pushes for a private FROM',
    anImageBuild({
      target: HostedRegistry.quay({ pushCredential: account('push') }).image('a/b'),
      pullCredentials: [account('push')],
    }),
    'ci/image: pullCredentials: is the Secret with the account that pushes, which RUN steps could read (got a hidden value); make an account that only pulls, with a Secret of its own',
  ],
  [
    'accounts for a private FROM that are text',
    anImageBuild({ pullCredentials: ['CANARY'] }),
    'ci/image: pullCredentials[0]: is no credential of a registry (got a hidden value); …',
  ],
  [
    'accounts for a private FROM that are no list',
    anImageBuild({ pullCredentials: account('pull') }),
    'ci/image: pullCredentials: is no list (got a hidden value); …',
  ],
  [
    "accounts beside Makisu's own configuration",
    anImageBuild({
      pullCredentials: [account('pull')],
      registryConfig: SecretSource.existing('config', 'registry.yaml'),
    }),
    'ci/image: pullCredentials: is left out, because registryConfig is all that Makisu reads (got a hidden value); leave out one of the two',
  ],
  [
    'an image of skopeo that is none',
    anImageBuild({ pushImage: ImageName.parse('quay.io/Team/skopeo') }),
    'ci/image: pushImage.repository: is not a valid image repository (got "Team/skopeo"); …',
  ],
  [
    'clients of a registry that are no addresses',
    (app) => {
      const props = { nodeAddress: '10.0.0.1', storage: Size.gibibytes(1), clients: ['10.0.0.1'] };
      new MicroK8sRegistry(new Chart(app, 'c'), 'registry', props);
    },
    'c/registry…clients…(got "10.0.0.1"); …',
  ],
  [
    'garbage that is collected all the time',
    (app) =>
      platform(app, {
        registry: MicroK8sRegistry.existing({
          nodeAddress: '10.0.0.1',
          garbageCollection: { every: Duration.minutes(1) },
        }),
      }),
    'platform: registry.garbageCollection.every: is out of range (got "60 s"); give 3600 to 31536000 seconds, such as Duration.minutes(30)',
  ],
  [
    'garbage of which no image is kept',
    (app) =>
      platform(app, {
        registry: MicroK8sRegistry.existing({
          nodeAddress: '10.0.0.1',
          garbageCollection: { keepPerBranch: 0 },
        }),
      }),
    'platform: registry.garbageCollection.keepPerBranch: is not a number of images (got 0); give 1 to 1000',
  ],
  [
    'garbage collection that is switched on',
    (app) =>
      platform(app, {
        registry: MicroK8sRegistry.existing({ nodeAddress: '10.0.0.1', garbageCollection: true as never }),
      }),
    'platform: registry.garbageCollection: is no set of options (got true); give {}, or { keepPerBranch: 20 }',
  ],
  [
    'garbage that is collected every day, as a text',
    (app) =>
      platform(app, {
        registry: MicroK8sRegistry.existing({
          nodeAddress: '10.0.0.1',
          garbageCollection: { every: '1d' as never },
        }),
      }),
    'platform: registry.garbageCollection.every: is not a Duration (got "1d"); give one, such as Duration.hours(12)',
  ],
  [
    'garbage of a twin that is collected all the time',
    (app) => {
      const garbageCollection = { timeout: Duration.seconds(1) };
      const props = { nodeAddress: '10.0.0.1', storage: Size.gibibytes(1), garbageCollection };
      new MicroK8sRegistry(new Chart(app, 'c'), 'registry', props);
    },
    'c/registry: registry.garbageCollection.timeout: is out of range (got "1 s"); …',
  ],
  [
    "a registry for the library's images that is a URL",
    (app) => {
      app.node.setContext(IMAGE_REGISTRY_CONTEXT, 'https://registry.example.com');
      platform(app);
    },
    'app: context keelson.dev/image-registry: is not a registry (got "https://registry.example.com"); give a host with an optional port and path, such as registry.example.com:5000/mirror',
  ],
];
