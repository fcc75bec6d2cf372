import { Duration } from 'cdk8s';
import {
  ImageName,
  Keel,
  KeelPolicy,
  KeelTrigger,
  KeelWatchedBuild,
  Pipeline,
  SecretSource,
  type WebhookEndpoint,
} from 'keelson';
import { image, platform } from '../support/programs.ts';
import type { Build } from '../support/synthesized.ts';
import { aBuild, type Row } from './row.ts';

const credentials = {
  user: SecretSource.existing('webhook', 'user'),
  password: SecretSource.existing('webhook', 'password'),
};
const endpoint: WebhookEndpoint = {
  from: 'quay',
  host: 'keel.example.com',
  ingressController: { namespace: 'ingress' },
  credentials,
};

/** A build on a platform of the same program, told by what may be no webhook. */
const told =
  (changes: Record<string, unknown>, name = 'quay.io/team/build:main'): Build =>
  (app) => {
    const ci = new Pipeline(app, 'ci', { platform: platform(app, { cache: false }) });
    const trigger = KeelTrigger.webhook({ ...endpoint, ...changes } as WebhookEndpoint);
    new KeelWatchedBuild(ci, 'build', { image: ImageName.parse(name), command: ['x'], trigger });
  };
const listing =
  (listed: unknown): Build =>
  (app) =>
    platform(app, { keel: { namespaces: [listed as string] } });
const pulledWith = (...imagePullSecrets: unknown[]): Build => aBuild({ imagePullSecrets });

export const keel: readonly Row[] = [
  [
    'a trigger that is a text',
    aBuild({ trigger: 'poll' }),
    'ci/build: trigger: is no trigger (got "poll"); use KeelTrigger.poll() or KeelTrigger.webhook({ … })',
  ],
  [
    'a webhook of nothing',
    (app) => {
      const ci = new Pipeline(app, 'ci', { platform: platform(app, { cache: false }) });
      const trigger = KeelTrigger.webhook(undefined as never);
      new KeelWatchedBuild(ci, 'build', { image: image(), command: ['x'], trigger });
    },
    'ci/build: trigger.host: is not a host name (got nothing); …',
  ],
  [
    'a webhook of a registry that Keel does not know',
    told({ from: 'gitlab' }),
    'ci/build: trigger.from: is nothing that Keel listens to (got "gitlab"); use one of quay, …, registry',
  ],
  [
    'a webhook at a path',
    told({ host: 'example.com/keel' }),
    'ci/build: trigger.host: is not a host name (got "example.com/keel"); give a whole name …',
  ],
  [
    'a webhook at every host',
    told({ host: '*.example.com' }),
    'ci/build: trigger.host: is not a host name (got "*.example.com"); …',
  ],
  [
    'a webhook at a name without a domain',
    told({ host: 'keel' }),
    'ci/build: trigger.host: is not a host name (got "keel"); …',
  ],
  [
    'a class of Ingress that is none',
    told({ ingressClassName: 'A B' }),
    'ci/build: trigger.ingressClassName: is not a valid name (got "A B"); use lower-case letters, digits, "-" and "."',
  ],
  [
    'a certificate that is a number',
    told({ tlsSecretName: 5 }),
    'ci/build: trigger.tlsSecretName: is not a valid name (got 5); …',
  ],
  [
    'a webhook that anybody may connect to',
    told({ ingressController: undefined }),
    "ci/build: trigger.ingressController: does not say whose pods may connect to Keel (got nothing); give the namespace of the ingress controller, such as { namespace: 'ingress' }",
  ],
  [
    'an ingress controller at no address',
    told({ ingressController: { cidrs: [] } }),
    'ci/build: trigger.ingressController: does not say…(got {"cidrs":[]}); …',
  ],
  [
    'an ingress controller at an address that is none',
    told({ ingressController: { cidrs: ['10.0.0.300/32'] } }),
    'ci/build: trigger.ingressController.cidrs: is not a range of addresses (got "10.0.0.300/32"); …',
  ],
  [
    'a webhook without a password',
    told({ credentials: undefined }),
    'ci/build: trigger.credentials: is missing: without it anybody could start builds (got a hidden value); give a SecretSource for user and password each',
  ],
  [
    'a webhook with a password in plain text',
    told({ credentials: { user: 'me', password: 'CANARY' } }),
    'ci/build: trigger.credentials: is missing…(got a hidden value); …',
  ],
  [
    'a webhook with a password that may be missing',
    told({
      credentials: { ...credentials, password: SecretSource.existing('a', 'b', { optional: true }) },
    }),
    'platform/keel/webhook-ci: trigger.credentials.password: is optional, and without it Keel would let everybody in (got a hidden value); leave optional out',
  ],
  [
    'a webhook with a password that nobody makes',
    told({ credentials: { ...credentials, password: SecretSource.generated() } }),
    "platform/keel/webhook-ci: trigger.credentials.password: is made by nobody: the controller fills the Secrets of pipelines' namespaces, and this is Keel's (got a hidden value); make a Secret and give SecretSource.existing(name, key)",
  ],
  [
    'a webhook that does without a password, for a sender that could have one',
    told({ allowUnauthenticated: 'I like it' }),
    'ci/build: trigger.allowUnauthenticated: is not for a sender whose credentials Keel checks (got "I like it"); give credentials in its place',
  ],
  [
    'notifications of a registry, for no reason',
    told({ from: 'registry', credentials: undefined }),
    'ci/build: trigger.allowUnauthenticated: is missing: Keel takes the notifications of a registry from everybody (got nothing); say why that is no harm, or poll',
  ],
  [
    'notifications of a registry with a password',
    told({ from: 'registry' }),
    'ci/build: trigger.credentials: are not checked by Keel for the notifications of a registry (got a hidden value); …',
  ],
  [
    "Docker Hub's webhook for an image of quay.io",
    told({ from: 'dockerhub' }),
    'ci/build: trigger.from: tells of images of docker.io only, and never of quay.io/team/build:main (got "dockerhub"); name the sender of quay.io, or use KeelTrigger.poll()',
  ],
  [
    "Artifactory's webhook without what stands before its names",
    told({ from: 'jfrog' }, 'example.jfrog.io/docker-local/app:main'),
    'ci/build: trigger.imagePrefix: is missing: Artifactory tells no registry (got nothing); give what stands before its names, such as example.jfrog.io/docker-local',
  ],
  [
    "Artifactory's webhook with what stands before other names",
    told({ from: 'jfrog', imagePrefix: 'other.jfrog.io' }, 'example.jfrog.io/docker-local/app:main'),
    'ci/build: trigger.imagePrefix: is not the beginning of example.jfrog.io/docker-local/app:main (got "other.jfrog.io"); …',
  ],
  [
    "quay's webhook with what stands before Artifactory's names",
    told({ imagePrefix: 'quay.io' }),
    'ci/build: trigger.imagePrefix: is for jfrog only (got "quay.io"); leave it out',
  ],
  [
    'an annotation of an Ingress that is a number',
    told({ annotations: { a: 5 } }),
    'ci/build: trigger.annotations.a: is no text (got 5); …',
  ],
  [
    'a webhook that polls without pause',
    told({ poll: Duration.seconds(0) }),
    'ci/build: trigger.poll: is out of range (got "0 s"); …',
  ],
  [
    'one host for two namespaces',
    (app) => {
      const trigger = KeelTrigger.webhook(endpoint);
      const namespaces = ['a', 'b'].map((namespace) => ({ namespace, trigger }));
      platform(app, { keel: { namespaces } });
    },
    'platform/keel: trigger.host: leads to the Keel of a already, and not to that of b (got "keel.example.com"); give the webhook of each namespace a host of its own',
  ],
  [
    'nothing among the namespaces to watch',
    listing(undefined),
    'platform: keel.namespaces[0]: is missing (got nothing); …',
  ],
  [
    'a namespace to watch without a name',
    listing({ trigger: KeelTrigger.poll() }),
    'platform: keel.namespaces[0].namespace: is missing (got nothing); …',
  ],
  [
    'a namespace to watch with a webhook without a host',
    listing({ namespace: 'ci', trigger: KeelTrigger.webhook({ ...endpoint, host: '' }) }),
    'platform/keel: namespaces[0].trigger.host: is not a host name (got ""); …',
  ],
  [
    'a namespace to watch with a policy that Keel does not know',
    listing({ namespace: 'ci', policy: KeelPolicy.glob('a:b') }),
    'platform/keel: namespaces[0].policy: is no pattern to Keel (got "a:b"); give a pattern without a colon, such as release-*',
  ],
  [
    'a comparison of versions for a branch',
    aBuild({ policy: KeelPolicy.semver('minor') }),
    'ci/build: policy: compares versions, and this tag is none (got "main"); watch a tag such as 1.2.3, or use KeelPolicy.sameTag()',
  ],
  [
    'a webhook of a Keel that is not installed here',
    aBuild({ trigger: KeelTrigger.webhook(endpoint), keel: Keel.installed() }),
    'ci/build: trigger: is a webhook of a Keel that another program installs (got "keel.example.com"); list namespace and trigger in that program\'s keel.namespaces, and use KeelTrigger.existingWebhook()',
  ],
  [
    'a pull secret that is a password',
    pulledWith(SecretSource.existing('quay', 'password')),
    'ci/build: imagePullSecrets[0]: has another key than .dockerconfigjson, which is the one that is read (got a hidden value); put the value under the key .dockerconfigjson',
  ],
  [
    'a pull secret that is a text',
    pulledWith('CANARY'),
    'ci/build: imagePullSecrets[0]: is no credential…(got a hidden value); …',
  ],
  [
    'a pull secret that is generated',
    pulledWith(SecretSource.existing('quay', '.dockerconfigjson'), SecretSource.generated()),
    'ci/build: imagePullSecrets[1]: is a type of Secret that can\'t be made up (got "kubernetes.io/dockerconfigjson"); …',
  ],
  [
    'pull secrets that are no list',
    aBuild({ imagePullSecrets: SecretSource.existing('quay', '.dockerconfigjson') }),
    "ci/build: imagePullSecrets: is no list (got a hidden value); give a list, such as [SecretSource.existing('registry-account', '.dockerconfigjson')]",
  ],
];
