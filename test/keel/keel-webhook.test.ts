// A build whose registry tells Keel of a push.
import { Duration } from 'cdk8s';
import {
  ImageName,
  Keel,
  type KeelProps,
  type KeelReference,
  KeelTrigger,
  KeelWatchedBuild,
  Pipeline,
  SecretSource,
  type WebhookEndpoint,
  type WebhookOptions,
} from 'keelson';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import type { EnvVar } from 'kubernetes-types/core/v1.js';
import { describe, expect, test } from 'vitest';
import { at } from '../support/at.ts';
import { keelAnnotations } from '../support/keel.ts';
import { existingPlatform, image, platform } from '../support/programs.ts';
import { type Build, problemsOf, type Synthesized, synthesized } from '../support/synthesized.ts';

const credentials = {
  user: SecretSource.existing('quay-webhook', 'user'),
  password: SecretSource.existing('quay-webhook', 'password'),
};
const endpoint = (
  changes: Partial<WebhookEndpoint & WebhookOptions> = {},
): WebhookEndpoint & WebhookOptions => ({
  from: 'quay',
  host: 'keel-ci.example.com',
  ingressController: { namespace: 'ingress' },
  credentials,
  ...changes,
});

/** A platform and pipelines, each with builds by their triggers. */
const builds =
  (pipelines: Record<string, readonly (KeelTrigger | undefined)[]>, keel: KeelProps = {}): Build =>
  (app) => {
    const on = platform(app, { keel, cache: false });
    for (const [name, triggers] of Object.entries(pipelines)) {
      const pipeline = new Pipeline(app, name, { platform: on });
      for (const [index, trigger] of triggers.entries()) {
        const props = { image: image(`${name}-${index}`), command: ['x'] };
        new KeelWatchedBuild(
          pipeline,
          `build-${index}`,
          trigger === undefined ? props : { ...props, trigger },
        );
      }
    }
  };
const told = (changes: Parameters<typeof endpoint>[0] = {}): Synthesized =>
  synthesized(builds({ ci: [KeelTrigger.webhook(endpoint(changes))] }));

const env = (output: Synthesized, name = 'keel-ci'): EnvVar[] => {
  const [container] = output.find<Deployment>('Deployment', name).spec?.template.spec?.containers ?? [];
  return container?.env ?? [];
};
const values = (output: Synthesized, name?: string): Record<string, string | undefined> =>
  Object.fromEntries(env(output, name).map((variable) => [variable.name, variable.value]));

describe('a build that is told by a webhook', () => {
  const output = told({ ingressClassName: 'public', tlsSecretName: 'keel-ci-tls', annotations: { a: 'b' } });

  test('is not polled for', () => {
    const build = output.find('Deployment', 'build-0');
    const { labels } = build.metadata;
    expect(Object.keys(labels ?? {})).not.toContain('keel.sh/trigger');
    expect(labels).toMatchObject({ 'keel.sh/policy': 'force', 'keel.sh/matchTag': 'true' });
    expect(keelAnnotations(build)).toEqual({});
    expect(values(output)).toMatchObject({ POLL: 'false' });
  });

  test('has the one path of its sender led to its Keel, by https', () => {
    expect(output.find('Ingress', 'keel-ci', 'keel')).toMatchObject({
      metadata: { annotations: { a: 'b' } },
      spec: {
        ingressClassName: 'public',
        tls: [{ hosts: ['keel-ci.example.com'], secretName: 'keel-ci-tls' }],
        rules: [
          {
            host: 'keel-ci.example.com',
            http: {
              paths: [
                {
                  path: '/v1/webhooks/quay',
                  pathType: 'Exact',
                  backend: { service: { name: 'keel-ci', port: { name: 'http' } } },
                },
              ],
            },
          },
        ],
      },
    });
  });

  test('has a Service that finds the pods of its Keel and no others', () => {
    const pods = at(output.find('Deployment', 'keel-ci', 'keel'), 'spec.template.metadata.labels');
    const { spec } = output.find<{ spec: { selector: object; ports: unknown } }>(
      'Service',
      'keel-ci',
      'keel',
    );
    expect(pods).toMatchObject(spec.selector);
    expect(spec.selector).toHaveProperty(['app.kubernetes.io/instance'], 'keel-ci');
    expect(spec.ports).toEqual([{ name: 'http', port: 9300, targetPort: 'http', protocol: 'TCP' }]);
  });

  test("has Keel ask for a password, out of a Secret of Keel's namespace", () => {
    expect(values(output)).toMatchObject({ AUTHENTICATED_WEBHOOKS: 'true' });
    expect(env(output).filter(({ valueFrom }) => valueFrom !== undefined)).toEqual(
      [
        ['BASIC_AUTH_USER', 'user'],
        ['BASIC_AUTH_PASSWORD', 'password'],
        ['TOKEN_SECRET', 'password'],
      ].map(([name, key]) => ({ name, valueFrom: { secretKeyRef: { name: 'quay-webhook', key } } })),
    );
  });

  test('says the same on a cluster with its own class and certificate', () => {
    const { spec } = told().find<{ spec: object }>('Ingress', 'keel-ci', 'keel');
    expect(spec).toMatchObject({ tls: [{ hosts: ['keel-ci.example.com'] }] });
    expect(spec).not.toHaveProperty('ingressClassName');
  });

  test('can be polled for besides', () => {
    const both = told({ poll: Duration.hours(1) });
    const build = both.find('Deployment', 'build-0');
    const { labels } = build.metadata;
    expect(labels).toMatchObject({ 'keel.sh/trigger': 'poll' });
    expect(keelAnnotations(build)).toEqual({ 'keel.sh/pollSchedule': '@every 3600s' });
    expect(values(both)).toMatchObject({ POLL: 'true' });
    expect(both.names('Ingress')).toEqual(['keel/keel-ci']);
  });
});

test('an ingress controller in the network of its nodes is named by their addresses', () => {
  const { find } = told({ ingressController: { cidrs: ['192.168.1.10/32'] } });
  expect(at(find('NetworkPolicy', 'keel-ci-webhook'), 'spec.ingress.0.from')).toEqual([
    { ipBlock: { cidr: '192.168.1.10/32' } },
  ]);
});

test('of the pods of a namespace, those with the labels are let in', () => {
  const labels = { 'app.kubernetes.io/name': 'ingress-nginx' };
  const { find } = told({ ingressController: { namespace: 'ingress', labels } });
  expect(at(find('NetworkPolicy', 'keel-ci-webhook'), 'spec.ingress.0.from')).toEqual([
    {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ingress' } },
      podSelector: { matchLabels: labels },
    },
  ]);
});

test('a registry that can show no password is let in for a reason', () => {
  const from = 'registry';
  const { credentials: _, ...rest } = endpoint({
    from,
    allowUnauthenticated: 'only the LAN reaches the host',
  });
  const output = synthesized(builds({ ci: [KeelTrigger.webhook(rest)] }));
  expect(Object.keys(values(output))).not.toContain('AUTHENTICATED_WEBHOOKS');
  expect(JSON.stringify(output.find('Ingress', 'keel-ci'))).toContain('/v1/webhooks/registry');
});

test("Artifactory's names get what stands before them", () => {
  const output = synthesized((app) => {
    const ci = new Pipeline(app, 'ci', { platform: platform(app, { cache: false }) });
    const trigger = KeelTrigger.webhook(
      endpoint({ from: 'jfrog', imagePrefix: 'example.jfrog.io/docker-local' }),
    );
    const watched = ImageName.parse('example.jfrog.io/docker-local/team/app:main');
    new KeelWatchedBuild(ci, 'build', { image: watched, command: ['x'], trigger });
  });
  expect(values(output)).toMatchObject({ PRIVATE_REGISTRY: 'example.jfrog.io/docker-local' });
});

describe('two builds of one namespace', () => {
  test('share host, password and Ingress, with a path for each sender', () => {
    const output = synthesized(
      builds({
        ci: [KeelTrigger.webhook(endpoint()), KeelTrigger.webhook(endpoint({ from: 'harbor' })), undefined],
      }),
    );
    expect(output.names('Ingress')).toEqual(['keel/keel-ci']);
    const paths = at(output.find('Ingress', 'keel-ci'), 'spec.rules.0.http.paths') as { path: string }[];
    expect(paths.map(({ path }) => path)).toEqual(['/v1/webhooks/harbor', '/v1/webhooks/quay']);
    expect(values(output)).toMatchObject({ POLL: 'true' });
  });

  test.each<[string, Partial<WebhookEndpoint>, string]>([
    ['hosts', { host: 'other.example.com' }, 'trigger.host: differs'],
    ['certificates', { tlsSecretName: 'b' }, 'trigger.tlsSecretName: differs'],
    ['ingress controllers', { ingressController: { namespace: 'b' } }, 'trigger.ingressController: differs'],
    [
      'passwords',
      { credentials: { ...credentials, password: SecretSource.existing('b', 'password') } },
      'trigger.credentials: differs from that of another build of the same namespace, with which it shares a Keel (got a hidden value)',
    ],
  ])('can not have different %s', (_what, changes, problem) => {
    const triggers = [KeelTrigger.webhook(endpoint()), KeelTrigger.webhook(endpoint(changes))];
    const problems = problemsOf(builds({ ci: triggers }));
    expect(problems).toEqual([expect.stringContaining(problem)]);
  });

  test('may give the same password each in its own words', () => {
    const same = { user: SecretSource.existing('quay-webhook', 'user'), password: credentials.password };
    const triggers = [KeelTrigger.webhook(endpoint()), KeelTrigger.webhook(endpoint({ credentials: same }))];
    expect(synthesized(builds({ ci: triggers })).names('Ingress')).toEqual(['keel/keel-ci']);
  });
});

test('builds of two namespaces have a host, an Ingress and a Keel each', () => {
  const { names } = synthesized(
    builds({
      one: [KeelTrigger.webhook(endpoint({ host: 'one.example.com' }))],
      two: [KeelTrigger.webhook(endpoint({ host: 'two.example.com' }))],
    }),
  );
  expect(names('Ingress')).toEqual(['keel/keel-one', 'keel/keel-two']);
});

test('the webhooks of a Keel are found by the namespace', () => {
  synthesized((app) => {
    const on = platform(app, {
      keel: { namespaces: [{ namespace: 'ci', trigger: KeelTrigger.webhook(endpoint()) }] },
    });
    const { keel } = on;
    expect(keel instanceof Keel ? [...keel.webhooks.keys()] : []).toEqual(['ci']);
  });
});

describe('a pipeline of another program', () => {
  const here =
    (trigger: KeelTrigger, keel?: KeelReference): Build =>
    (app) => {
      const ci = new Pipeline(app, 'ci', { platform: existingPlatform() });
      new KeelWatchedBuild(ci, 'build', { image: image(), command: ['x'], trigger, ...(keel && { keel }) });
    };

  test("is told by what the platform's program made", () => {
    const there = synthesized(
      builds({}, { namespaces: [{ namespace: 'ci', trigger: KeelTrigger.webhook(endpoint()) }] }),
    );
    expect(there.names('Ingress')).toEqual(['keel/keel-ci']);
    expect(values(there)).toMatchObject({ POLL: 'false', AUTHENTICATED_WEBHOOKS: 'true' });
    const output = synthesized(here(KeelTrigger.existingWebhook(), Keel.installed()));
    expect(output.find('Deployment', 'build').metadata.labels).not.toHaveProperty(['keel.sh/trigger']);
    expect(output.names('Ingress')).toEqual([]);
  });

  test('can not make what stands beside that Keel', () => {
    expect(problemsOf(here(KeelTrigger.webhook(endpoint())))).toEqual([
      expect.stringContaining('ci/build: trigger: is a webhook of a Keel that another program installs'),
    ]);
  });

  test('can be polled for besides', () => {
    const output = synthesized(here(KeelTrigger.existingWebhook({ poll: Duration.minutes(30) })));
    expect(keelAnnotations(output.find('Deployment', 'build'))).toEqual({
      'keel.sh/pollSchedule': '@every 1800s',
    });
  });
});
