import { Duration } from 'cdk8s';
import {
  ImageName,
  KeelPolicy,
  KeelTrigger,
  KeelWatchedBuild,
  type KeelWatchedBuildProps,
  Platform,
  PodSecurity,
  RabbitService,
  SecretSource,
} from 'keelson';
import { existingKeel, foreignChart, image, pipeline, platform, registry } from '../support/programs.ts';
import type { Build } from '../support/synthesized.ts';
import { aBuild, aJob, minio, type Row } from './row.ts';

/** A build that hands over, on a platform that lets it. */
const aHandOver =
  (handOver: object, props: object = {}): Build =>
  (app) => {
    const platform = Platform.existing({ name: 'shared', registry: registry(), handOver: true });
    const given = { handOver, ...props } as Partial<KeelWatchedBuildProps>;
    new KeelWatchedBuild(pipeline(app, { platform }), 'build', { image: image(), command: ['x'], ...given });
  };

const env = (variables: Record<string, unknown>): Build => aBuild({ env: variables });
const file = (path: string): Build => aBuild({ secretFiles: { [path]: SecretSource.existing('s', 'k') } });
const SECRET =
  ' is a secret in plain text (got a hidden value); give SecretSource.existing(name, key), or SecretSource.literal(value, { allowPlaintext: reason })';
const PATH = 'is not the path of a file in a directory of its own';

export const builds: readonly Row[] = [
  [
    'no command',
    aBuild({ command: [] }),
    `ci/build: command: is empty (got []); give the program and its arguments, such as ['./base-build.sh']`,
  ],
  [
    'a level without a reason',
    aBuild({ podSecurity: PodSecurity.baseline(' ') }),
    'ci/build: podSecurity: has no reason (got " "); say why, for whoever reads the namespace',
  ],
  [
    'a number as an argument',
    aBuild({ command: ['sleep', 5] }),
    'ci/build: command[1]: is no text (got 5); write each argument as a text',
  ],
  [
    'a token as an argument',
    aBuild({ command: ['x', `--token=ghp_${'CANARY'.repeat(6)}`] }),
    'ci/build: command[1]: is a secret in plain text (got a hidden value); pass it by env or secretFiles, from a SecretSource',
  ],
  [
    'no time',
    aBuild({ timeout: Duration.seconds(0) }),
    'ci/build: timeout: is out of range (got "0 s"); give 1 to 604800 seconds, such as Duration.minutes(30)',
  ],
  [
    'a year',
    aBuild({ timeout: Duration.days(365) }),
    'ci/build: timeout: is out of range (got "31536000 s"); …',
  ],
  ['a second and a half to be kept', aBuild({ keepFor: Duration.millis(1500) }), 'ci/build: keepFor…1.5 s…'],
  [
    'an interval of no time',
    aBuild({ trigger: KeelTrigger.poll(Duration.seconds(0)) }),
    'ci/build: trigger.interval: is out of range (got "0 s"); …',
  ],
  [
    'an interval of no time for Keel',
    (app) => platform(app, { keel: { pollInterval: Duration.seconds(0) } }),
    'platform/keel: pollInterval…(got "0 s"); …',
  ],
  [
    'a policy that is a pattern',
    aBuild({ policy: KeelPolicy.glob('v*') }),
    `ci/build: policy: can't be held back while a build runs: it stands in the annotation that holding back uses (got "glob:v*"); use KeelPolicy.sameTag() or KeelPolicy.semver(…)`,
  ],
  [
    'user namespaces on an older Kubernetes',
    aBuild({ hostUsers: false }),
    `ci/build: hostUsers: is ignored by Kubernetes before 1.33 unless a feature gate is set (got false); set the app's kubernetesVersion to '1.33' or later, or leave it out`,
  ],
  [
    'a variable with a blank',
    env({ 'A B': '1' }),
    'ci/build: env.A B: is not a valid name of an environment variable (got "A B"); use letters, digits, "_", "-" and ".", not starting with a digit',
  ],
  [
    'a variable that starts with a digit',
    env({ '1A': '1' }),
    'ci/build: env.1A: is not a valid name of an environment variable (got "1A"); …',
  ],
  [
    'a number as a variable',
    env({ COUNT: 5 }),
    'ci/build: env.COUNT: is no text, SecretSource or PodField (got 5); write numbers and booleans as texts, such as "1" or "true"',
  ],
  [
    'nothing as a variable',
    env({ A: undefined }),
    'ci/build: env.A: is no text, SecretSource or PodField (got nothing); …',
  ],
  ['a variable named PASSWORD', env({ DB_PASSWORD: 'CANARY' }), `ci/build: env.DB_PASSWORD:${SECRET}`],
  [
    'a variable that is a token',
    env({ OTHER: `ghp_${'CANARY'.repeat(6)}` }),
    `ci/build: env.OTHER:${SECRET}`,
  ],
  [
    'a variable that is a private key',
    env({ PEM: '-----BEGIN EC PRIVATE KEY-----\nCANARY' }),
    `ci/build: env.PEM:${SECRET}`,
  ],
  [
    'a variable that is a URL with a password',
    env({ BROKER: 'amqp://me:CANARY@host' }),
    `ci/build: env.BROKER:${SECRET}`,
  ],
  [
    'a variable of the wrapper',
    env({ KEELSON_RUN_DIRECTORY: '/tmp' }),
    'ci/build: env.KEELSON_RUN_DIRECTORY: …',
  ],
  [
    'a source of variables that is none',
    aBuild({ envFrom: [{ secret: 'A B' }] }),
    'ci/build: envFrom[0]: is not a valid name (got "A B"); name a ConfigMap or Secret of the namespace',
  ],
  [
    'a secret file at a relative path',
    file('keys/a'),
    `ci/build: secretFiles.keys/a: ${PATH} (got "keys/a"); give an absolute path without "..", ":" or a trailing "/", such as /runner/certs/key`,
  ],
  [
    'a secret file that leaves its directory',
    file('/keys/../etc/a'),
    `ci/build: secretFiles./keys/../etc/a: ${PATH} …`,
  ],
  ['a secret file in the root', file('/a'), `ci/build: secretFiles./a: ${PATH} …`],
  ['a secret file that is a directory', file('/keys/'), `ci/build: secretFiles./keys/: ${PATH} …`],
  ['a secret file where the volume is', file('/build/key'), 'ci/build: secretFiles./build/key: …'],
  [
    'a secret file where the gate speaks',
    file('/keelson/run/go'),
    'ci/build: secretFiles./keelson/run/go: …',
  ],
  [
    'a secret file where the labels of the pod are',
    file('/etc/podinfo/labels'),
    'ci/build: secretFiles./etc/podinfo/labels: …',
  ],
  [
    'a Secret that is none',
    aBuild({ secretFiles: { '/keys/a': SecretSource.existing('A B', 'k') } }),
    'ci/build: secretFiles./keys/a: is not a valid Secret name (got a hidden value); give the name of a Secret: lower-case letters, digits, "-" and "."',
  ],
  [
    'a key of a Secret that is none',
    env({ A: SecretSource.existing('s', 'a/b') }),
    'ci/build: env.A: is not a valid key of a Secret (got a hidden value); give a key of letters, digits, "-", "_" and "."',
  ],
  [
    'a secret in plain text without a reason',
    env({ A: SecretSource.literal('CANARY', { allowPlaintext: '' }) }),
    'ci/build: env.A: would stand in plain text in the manifest (got a hidden value); use SecretSource.existing or SecretSource.generated, or give the reason as allowPlaintext',
  ],
  [
    'credentials in plain text without a reason',
    (app) =>
      new RabbitService(pipeline(app), 'mq', {
        credentials: {
          user: SecretSource.literal('CANARY', {} as never),
          password: SecretSource.existing('s', 'k'),
        },
      }),
    'ci/mq: credentials.user: would stand in plain text in the manifest (got a hidden value); …',
  ],
  ['a secret file that Kubernetes refuses', file('/keys/..a'), 'ci/build: secretFiles./keys/..a: …'],
  [
    'a URL with a comma in its password',
    env({ BROKER: 'amqp://me:CANARY,x@host' }),
    `ci/build: env.BROKER:${SECRET}`,
  ],
  [
    'a namespace that is kept for a second and a half',
    (app) => platform(app, { controller: { retention: { failed: Duration.millis(1500) } } }),
    'platform/controller: controller.retention.failed…1.5 s…',
  ],
  [
    'a Job of half a retry',
    aJob({ retries: 0.5 }),
    'ci/build: retries: is not a number of further tries (got 0.5); give a whole number from 0 to 100',
  ],
  ['a Job that is retried for ever', aJob({ retries: -1 }), 'ci/build: retries: …(got -1); …'],
  ['a Job whose retries are a text', aJob({ retries: '4' }), 'ci/build: retries: …(got "4"); …'],
  [
    'a Job with a bad name',
    aJob({ jobName: 'Build_1' }),
    'ci/build: jobName: is not a valid name of a Job (got "Build_1"); …',
  ],
  ['a Job with a long name', aJob({ jobName: 'b'.repeat(64) }), 'ci/build: jobName: is not a valid name…'],
  ['a Job with a name that is no text', aJob({ jobName: 7 }), 'ci/build: jobName: …(got 7); …'],
  [
    'a Job kept for half a second',
    aJob({ ttlAfterFinished: Duration.millis(500) }),
    'ci/build: ttlAfterFinished: is not a whole number of seconds (got "0.5 s"); …',
  ],
  ['a Job without a command', aJob({ command: [] }), 'ci/build: command: is empty…'],
  [
    'a Job of an image without a tag',
    aJob({ image: ImageName.parse('quay.io/team/build') }),
    'ci/build: image.tag: is missing (got nothing); name the tag that is pushed to, such as :main',
  ],
  [
    'clients that are nobody',
    minio({ clients: [{}] }),
    "ci/minio: clients[0]: names nobody (got {}); give { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': NAMESPACE } } }",
  ],
  [
    'a client that is a text',
    minio({ clients: ['dev'] }),
    'ci/minio: clients[0]: names nobody (got "dev"); …',
  ],
  [
    'clients that are a text',
    minio({ clients: 'dev' }),
    'ci/minio: clients: is no list of peers (got "dev"); …',
  ],
  [
    'a client that is addresses and pods',
    minio({ clients: [{ ipBlock: { cidr: '10.0.0.0/8' }, podSelector: {} }] }),
    'ci/minio: clients[0]: mixes addresses with selectors …',
  ],
  [
    'a client at no address',
    minio({ clients: [{ ipBlock: { cidr: '10.0.0.0' } }] }),
    'ci/minio: clients[0].ipBlock.cidr: is not a range of addresses (got "10.0.0.0"); …',
  ],
  [
    'a hand-over that the platform does not allow',
    aBuild({ handOver: true }),
    'ci/build: handOver: is not allowed by the platform (got "shared"); give the Platform, or Platform.existing, handOver: true',
  ],
  [
    'a hand-over in a chart that is no pipeline',
    (app) =>
      new KeelWatchedBuild(foreignChart(app, 'tests'), 'build', {
        image: image(),
        command: ['x'],
        handOver: true,
      }),
    'foreign/build: handOver: needs a namespace with fences to copy (got true); put the build into a Pipeline',
  ],
  [
    'an end that there is none of',
    aHandOver({ afterwards: 'explode' }),
    `ci/build: handOver.afterwards: is nothing that can become of a namespace (got "explode"); use 'keep', 'scaleDown' or 'selfDestruct'`,
  ],
  [
    'no namespace to hand over to',
    aHandOver({ maxNamespaces: 0 }),
    'ci/build: handOver.maxNamespaces: is out of range (got 0); give a whole number from 1 to 100',
  ],
  ['namespaces that are a text', aHandOver({ maxNamespaces: '5' }), 'ci/build: handOver.maxNamespaces…'],
  [
    'no time for the next listener',
    aHandOver({ timeout: Duration.seconds(0) }),
    'ci/build: handOver.timeout: is out of range (got "0 s"); …',
  ],
  [
    'a Keel beside it with an image that is none',
    aHandOver({ keel: { image: ImageName.parse('Quay.io/A:b') } }),
    'ci/build/neighbour-keel: handOver.keel.image…',
  ],
  [
    'a hand-over with a Keel of somebody else',
    aHandOver({}, { keel: existingKeel() }),
    'ci/build: keel: watches no build that hands over (got "keel"); leave it out, and give handOver.keel where you need to',
  ],
  [
    'a hand-over with a webhook',
    aHandOver({}, { trigger: KeelTrigger.existingWebhook() }),
    'ci/build: trigger: leads to one namespace, and listeners are in others (got "quay.io/team/build:main"); use KeelTrigger.poll()',
  ],
];
