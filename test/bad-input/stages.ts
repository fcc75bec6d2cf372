import { Duration, Size } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-27';
import { GpuBuildNode, Gpus, ImageName, KeelPolicy, MicroK8sRegistry, RabbitService, SecretSource, Tag } from 'keelson';
import { pipeline, platform, registry } from '../support/programs.ts';
import { aBuild, anImageBuild, minio, type Row, target } from './row.ts';

const imageNamed = (text: string) => aBuild({ image: ImageName.parse(text) });
const env = (variables: Record<string, unknown>) => aBuild({ env: variables });
const file = (path: string) => aBuild({ secretFiles: { [path]: SecretSource.existing('s', 'k') } });
const SECRET = ' is a secret in plain text (got a hidden value); give SecretSource.existing(name, key), or SecretSource.literal(value, { allowPlaintext: reason })';
const PATH = 'is not the path of a file in a directory of its own';

const images: readonly Row[] = [
  ['an image in upper case', imageNamed('quay.io/Team/build'), 'ci/build: image.repository: is not a valid image repository (got "Team/build"); use lower-case letters and digits, with "/", ".", "_" or "-" between'],
  ['an image with a tag that is none', imageNamed('quay.io/a:b c'), 'ci/build: image.tag: is not a valid image tag (got "b c"); …'],
  ['an image with a port that is none', imageNamed('quay.io:99999/a'), 'ci/build: image.registry: has a port out of range (got "quay.io:99999"); use a port from 1 to 65535'],
  ['an image that never changes', imageNamed(`quay.io/a@sha256:${'a'.repeat(64)}`), 'ci/build: image.digest: never changes, so that nothing would ever be built (got "sha256:…); give the image by its tag'],
  ['an image on localhost', imageNamed('localhost:32000/a:b'), `ci/build: image.registry: can't be polled by Keel, for whose pod it is the pod itself (got "localhost:32000"); name the registry by the address of its node, such as 172.31.39.52:32000`],
  ['a registry on localhost', (app) => platform(app, { registry: MicroK8sRegistry.existing({ nodeAddress: 'localhost' }) }), `platform: registry.nodeAddress: can't be polled by Keel, for whose pod it is the pod itself (got "localhost"); give the address by which other machines reach the node (\`hostname -I\` prints it)`],
  ['a registry on no port', (app) => platform(app, { registry: MicroK8sRegistry.existing({ nodeAddress: '10.0.0.1', nodePort: 65_536 }) }), 'platform: registry.nodePort: is not a port (got 65536); give the NodePort of the registry; the addon uses 32000'],
  ['a registry on the port http', (app) => platform(app, { registry: MicroK8sRegistry.existing({ nodeAddress: '10.0.0.1', nodePort: 'http' as never }) }), 'platform: registry.nodePort: is not a port (got "http"); …'],
  ['a target in upper case', target('Team'), 'ci/image: target.repository: is not a valid image repository (got "Team"); …'],
  ['a tag that is none', anImageBuild({ target: registry().image('a', { tag: Tag.named('a/b') }) }), 'ci/image: target.tag: is not a valid image tag (got "a/b"); …'],
  ['a tag that never moves', anImageBuild({ target: registry().image('a', { tag: Tag.commit() }) }), 'ci/image: target.tag: is new with every commit, so that nothing can watch it (got "((keelson.tag.commit))"); use Tag.branch() or Tag.named(name); a tag for the commit is pushed beside it anyway'],
  ['a Dockerfile outside of the repository', anImageBuild({ dockerfile: '../Dockerfile' }), 'ci/image: dockerfile: is not a path inside the repository (got "../Dockerfile"); give a relative path without ".."'],
  ['an absolute context', anImageBuild({ context: '/' }), 'ci/image: context: is not a path inside the repository (got "/"); …'],
  ['an ARG that is none', anImageBuild({ buildArgs: { 'A-B': '1' } }), 'ci/image: buildArgs.A-B: is not a valid name of an ARG (got "A-B"); use letters, digits and "_"'],
  ['an ARG that Makisu refuses', anImageBuild({ buildArgs: { A: 'b=c' } }), 'ci/image: buildArgs.A: holds "=", which Makisu refuses (got "b=c"); set the value in the Dockerfile instead'],
  ['a secret ARG', anImageBuild({ buildArgs: { NPM_TOKEN: 'CANARY' } }), 'ci/image: buildArgs.NPM_TOKEN: is a secret in plain text (got a hidden value); leave it out: build arguments stay in the history of the image'],
  ['no attempt', anImageBuild({ maxAttempts: 0 }), 'ci/image: maxAttempts: is not a number of attempts (got 0); give 1 to 10'],
  ['an image build of no time', anImageBuild({ timeout: Duration.seconds(0) }), 'ci/image: timeout: is not between a second and a week (got "0 s"); use Duration.hours(1)'],
  ['an image build of a second and a half', anImageBuild({ timeout: Duration.millis(1500) }), 'ci/image: timeout…1.5 s…'],
];

const resources: readonly Row[] = [
  ['a negative CPU', aBuild({ resources: { cpu: { limit: Cpu.units(-1) } } }), 'ci/build: resources.cpu.limit: is not a positive quantity (got "-1"); give Cpu.millis(500) or Cpu.units(2)'],
  ['a request over its limit', aBuild({ resources: { memory: { request: Size.gibibytes(2), limit: Size.gibibytes(1) } } }), 'ci/build: resources.memory.request: is more than the limit 1Gi (got "2Gi"); raise the limit or lower the request'],
  ['half a GPU', (app) => new GpuBuildNode(pipeline(app), 'gpu', { gpus: Gpus.whole(0.5) }), 'ci/gpu: gpus: is not a number of GPUs (got 0.5); give a whole number from 1 to 64, or Gpus.none()'],
  ['a GPU less than none', (app) => new GpuBuildNode(pipeline(app), 'gpu', { gpus: Gpus.whole(-1) }), 'ci/gpu: gpus: is not a number of GPUs (got -1); …'],
  ['65 GPUs', (app) => new GpuBuildNode(pipeline(app), 'gpu', { gpus: Gpus.whole(65) }), 'ci/gpu: gpus: is not a number of GPUs (got 65); …'],
  ['a part of a GPU that is none', (app) => new GpuBuildNode(pipeline(app), 'gpu', { gpus: Gpus.mig('half') }), `ci/gpu: gpus: is not a MIG profile (got "half"); give one that \`nvidia-smi mig -lgip\` lists, such as '1g.5gb'`],
  ['a runtime that is none', (app) => new GpuBuildNode(pipeline(app), 'gpu', { gpus: Gpus.whole(1), runtimeClassName: 'N V' }), 'ci/gpu: runtimeClassName: is not a valid name of a RuntimeClass (got "N V"); …'],
  ['a volume for many nodes on a disk of one', aBuild({ volume: { storageClassName: 'gp2', accessMode: 'ReadWriteMany' } }), `ci/build: volume.accessMode: can't be served by the storage class gp2 (got "ReadWriteMany"); use ReadWriteOnce, or a class for shared volumes such as NFS`],
  ['a volume of nothing', aBuild({ volume: { size: Size.gibibytes(0) } }), 'ci/build…volume.size…'],
  ['a service with a volume of nothing', minio({ storage: Size.gibibytes(0) }), 'ci/minio…storage…'],
  ['a volume at no path', aBuild({ volume: { mountPath: 'build' } }), 'ci/build: volume.mountPath: is not a directory to mount at (got "build"); give an absolute path, such as /build'],
  ['a volume in the place of the run directory', aBuild({ volume: { mountPath: '/keelson/run' } }), 'ci/build: volume.mountPath…(got "/keelson/run"); …'],
  ['a cache whose memory is less than it keeps', (app) => platform(app, { cache: { maxMemory: Size.gibibytes(2), resources: { memory: { limit: Size.gibibytes(1) } } } }), 'platform/cache: …'],
];

const builds: readonly Row[] = [
  ['no command', aBuild({ command: [] }), `ci/build: command: is empty (got []); give the program and its arguments, such as ['./base-build.sh']`],
  ['a number as an argument', aBuild({ command: ['sleep', 5] }), 'ci/build: command[1]: is no text (got 5); write each argument as a text'],
  ['a token as an argument', aBuild({ command: ['x', `--token=ghp_${'CANARY'.repeat(6)}`] }), 'ci/build: command[1]: is a secret in plain text (got a hidden value); pass it by env or secretFiles, from a SecretSource'],
  ['no time', aBuild({ timeout: Duration.seconds(0) }), 'ci/build: timeout: is out of range (got "0 s"); give 1 s to 604800 s, such as Duration.minutes(30)'],
  ['a year', aBuild({ timeout: Duration.days(365) }), 'ci/build: timeout: is out of range (got "31536000 s"); …'],
  ['a second and a half to be kept', aBuild({ keepFor: Duration.millis(1500) }), 'ci/build: keepFor…1.5 s…'],
  ['an interval of no time', aBuild({ pollInterval: Duration.seconds(0) }), 'ci/build: pollInterval: is out of range (got "0 s"); …'],
  ['an interval of no time for Keel', (app) => platform(app, { keel: { pollInterval: Duration.seconds(0) } }), 'platform/keel: pollInterval…(got "0 s"); …'],
  ['a policy that is a pattern', aBuild({ policy: KeelPolicy.glob('v*') }), `ci/build: policy: can't be held back while a build runs: it stands in the annotation that holding back uses (got "glob:v*"); use KeelPolicy.sameTag() or KeelPolicy.semver(…)`],
  ['user namespaces on an older Kubernetes', aBuild({ hostUsers: false }), `ci/build: hostUsers: is ignored by Kubernetes before 1.33 unless a feature gate is set (got false); set the app's kubernetesVersion to '1.33' or later, or leave it out`],
  ['a variable with a blank', env({ 'A B': '1' }), 'ci/build: env.A B: is not a valid name of an environment variable (got "A B"); use letters, digits, "_", "-" and ".", not starting with a digit'],
  ['a variable that starts with a digit', env({ '1A': '1' }), 'ci/build: env.1A: is not a valid name of an environment variable (got "1A"); …'],
  ['a number as a variable', env({ COUNT: 5 }), 'ci/build: env.COUNT: is no text, SecretSource or PodField (got 5); write numbers and booleans as texts, such as "1" or "true"'],
  ['nothing as a variable', env({ A: undefined }), 'ci/build: env.A: is no text, SecretSource or PodField (got nothing); …'],
  ['a variable named PASSWORD', env({ DB_PASSWORD: 'CANARY' }), `ci/build: env.DB_PASSWORD:${SECRET}`],
  ['a variable that is a token', env({ OTHER: `ghp_${'CANARY'.repeat(6)}` }), `ci/build: env.OTHER:${SECRET}`],
  ['a variable that is a private key', env({ PEM: '-----BEGIN EC PRIVATE KEY-----\nCANARY' }), `ci/build: env.PEM:${SECRET}`],
  ['a variable that is a URL with a password', env({ BROKER: 'amqp://me:CANARY@host' }), `ci/build: env.BROKER:${SECRET}`],
  ['a variable of the wrapper', env({ KEELSON_RUN_DIRECTORY: '/tmp' }), 'ci/build: env.KEELSON_RUN_DIRECTORY: …'],
  ['a source of variables that is none', aBuild({ envFrom: [{ secret: 'A B' }] }), 'ci/build: envFrom[0]: is not a valid name (got "A B"); name a ConfigMap or Secret of the namespace'],
  ['a secret file at a relative path', file('keys/a'), `ci/build: secretFiles.keys/a: ${PATH} (got "keys/a"); give an absolute path without "..", ":" or a trailing "/", such as /runner/certs/key`],
  ['a secret file that leaves its directory', file('/keys/../etc/a'), `ci/build: secretFiles./keys/../etc/a: ${PATH} …`],
  ['a secret file in the root', file('/a'), `ci/build: secretFiles./a: ${PATH} …`],
  ['a secret file that is a directory', file('/keys/'), `ci/build: secretFiles./keys/: ${PATH} …`],
  ['a secret file where the volume is', file('/build/key'), 'ci/build: secretFiles./build/key: …'],
  ['a secret file where the gate speaks', file('/keelson/run/go'), 'ci/build: secretFiles./keelson/run/go: …'],
  ['a secret file where the labels of the pod are', file('/etc/podinfo/labels'), 'ci/build: secretFiles./etc/podinfo/labels: …'],
  ['a Secret that is none', aBuild({ secretFiles: { '/keys/a': SecretSource.existing('A B', 'k') } }), 'ci/build: secretFiles./keys/a: is not a valid Secret name (got "A B"); give the name of a Secret: lower-case letters, digits, "-" and "."'],
  ['a key of a Secret that is none', env({ A: SecretSource.existing('s', 'a/b') }), 'ci/build: env.A: is not a valid key of a Secret (got "a/b"); give a key of letters, digits, "-", "_" and "."'],
  ['a secret in plain text without a reason', env({ A: SecretSource.literal('CANARY', { allowPlaintext: '' }) }), 'ci/build: env.A: would stand in plain text in the manifest (got a hidden value); use SecretSource.existing or SecretSource.generated, or give the reason as allowPlaintext'],
  ['credentials in plain text without a reason', (app) => new RabbitService(pipeline(app), 'mq', { credentials: { user: SecretSource.literal('CANARY', {} as never), password: SecretSource.existing('s', 'k') } }), 'ci/mq: credentials.user: would stand in plain text in the manifest (got a hidden value); …'],
];

export const stages: readonly Row[] = [...images, ...resources, ...builds];
