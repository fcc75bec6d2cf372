// A controller that git servers tell of a push.
import { GitSource, type IngressEndpoint, Pipeline, Platform, SecretSource } from 'keelson';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import { describe, expect, test } from 'vitest';
import { connections, type PodRef } from '../kubernetes/network-policy.ts';
import { at } from '../support/at.ts';
import { podsOf } from '../support/pods.ts';
import { existingPlatform, pipeline, platform, registry, source } from '../support/programs.ts';
import { type Manifest, problemsOf, type Synthesized, synthesized } from '../support/synthesized.ts';

const endpoint: IngressEndpoint = { host: 'ci.example.com', ingressController: { namespace: 'ingress' } };
const told = (changes: Partial<IngressEndpoint> = {}, replicas = 1): Synthesized =>
  synthesized((app) => {
    platform(app, { controller: { webhooks: { ...endpoint, ...changes }, replicas } });
  });
const configuration = ({ find }: Synthesized): { webhooks?: unknown } =>
  JSON.parse(
    find<Manifest & { data: Record<string, string> }>('ConfigMap', 'keelson-controller').data[
      'controller.json'
    ] ?? '',
  );
const hook = { secret: SecretSource.existing('hook', 'secret') };
const hooked = GitSource.remote('https://git.example.com/a/b.git', { branch: 'main', webhook: hook });

describe('a platform whose controller is told', () => {
  const output = told({ ingressClassName: 'public', tlsSecretName: 'ci-tls', annotations: { a: 'b' } });

  test('has the paths of all pipelines led to it by https, and nothing else', () => {
    expect(output.find('Ingress', 'keelson-controller', 'keelson-system')).toMatchObject({
      metadata: { annotations: { a: 'b' } },
      spec: {
        ingressClassName: 'public',
        tls: [{ hosts: ['ci.example.com'], secretName: 'ci-tls' }],
        rules: [
          {
            host: 'ci.example.com',
            http: {
              paths: [
                {
                  path: '/webhooks/',
                  pathType: 'Prefix',
                  backend: { service: { name: 'keelson-controller', port: { name: 'webhooks' } } },
                },
              ],
            },
          },
        ],
      },
    });
  });

  test('has a Service that finds its pods, on the port that they have for webhooks', () => {
    const { spec } = output.find<{ spec: { selector: object; ports: unknown; type: string } }>(
      'Service',
      'keelson-controller',
    );
    const pods = at(output.find('Deployment', 'keelson-controller'), 'spec.template.metadata.labels');
    expect(pods).toMatchObject(spec.selector);
    expect(spec).toMatchObject({
      type: 'ClusterIP',
      ports: [{ name: 'webhooks', port: 8082, targetPort: 'webhooks', protocol: 'TCP' }],
    });
    const [container] =
      output.find<Deployment>('Deployment', 'keelson-controller').spec?.template.spec?.containers ?? [];
    expect(container?.ports).toEqual([
      { name: 'http', containerPort: 8080, protocol: 'TCP' },
      { name: 'webhooks', containerPort: 8082, protocol: 'TCP' },
    ]);
    expect(configuration(output).webhooks).toEqual({ port: 8082 });
  });

  test('lists the certificate among the Secrets that it expects', () => {
    expect(output.result.secrets).toMatchObject([
      { namespace: 'keelson-system', name: 'ci-tls', type: 'kubernetes.io/tls', madeBy: 'you' },
    ]);
  });

  test.each([1, 3])('lets the ingress controller connect to %i of them, on that port only', (replicas) => {
    const { objects } = told({}, replicas);
    const { allows } = connections([
      ...objects,
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ingress' } },
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'stranger' } },
    ]);
    const to: PodRef = {
      namespace: 'keelson-system',
      labels: podsOf(objects).find(({ of }) => of.endsWith('/keelson-controller'))?.labels ?? {},
    };
    const from = (namespace: string): PodRef => ({ namespace, labels: { app: 'x' } });
    expect(allows({ from: from('ingress'), to, port: 8082 })).toBe(true);
    expect(allows({ from: from('ingress'), to, port: 8080 })).toBe(false);
    expect(allows({ from: from('stranger'), to, port: 8082 })).toBe(false);
    expect(allows({ from: { external: '140.82.121.3' }, to, port: 8082 })).toBe(false);
  });
});

test('without that, nothing leads to the controller', () => {
  const output = synthesized((app) => {
    platform(app);
  });
  expect(output.names('Ingress')).toEqual([]);
  expect(output.names('Service')).not.toContain('keelson-system/keelson-controller');
  expect(output.names('NetworkPolicy')).not.toContain('keelson-system/keelson-controller-webhooks');
  expect(configuration(output)).not.toHaveProperty('webhooks');
});

test.each<[string, Partial<Record<keyof IngressEndpoint, unknown>>, string]>([
  [
    'no host',
    { host: 'ci' },
    'platform/controller: controller.webhooks.host: is not a host name (got "ci"); give a whole name that leads to the ingress controller, such as ci.example.com',
  ],
  [
    'nobody',
    { ingressController: { cidrs: [] } },
    'platform/controller: controller.webhooks.ingressController: does not say whose pods may connect to the controller (got {"cidrs":[]}); …',
  ],
  [
    'a class that is none',
    { ingressClassName: 'a b' },
    'platform/controller: controller.webhooks.ingressClassName: is not a valid name (got "a b"); …',
  ],
])('%s is refused', (_name, changes, problem) => {
  const problems = problemsOf((app) => {
    platform(app, { controller: { webhooks: { ...endpoint, ...changes } as IngressEndpoint } });
  });
  expect(problems).toContainEqual(expect.stringContaining(problem.replace('…', '')));
});

describe('a pipeline with a webhook', () => {
  test('on a platform that nothing leads to is warned', () => {
    const { warnings } = synthesized((app) => {
      pipeline(app, { platform: platform(app), source: hooked });
    });
    expect(warnings).toEqual([
      'ci/record: source.webhook: finds nothing that leads to the platform\'s controller (got "https://git.example.com/a/b.git"); give webhooks among the props of the platform\'s controller, or leave it out',
    ]);
  });

  test.each<[string, (app: Parameters<typeof platform>[0]) => Pipeline]>([
    [
      'on a platform that is told',
      (app) =>
        pipeline(app, { platform: platform(app, { controller: { webhooks: endpoint } }), source: hooked }),
    ],
    [
      'on a platform of another program',
      (app) => pipeline(app, { platform: existingPlatform(), source: hooked }),
    ],
    ['without a webhook', (app) => pipeline(app, { platform: platform(app), source: source() })],
  ])('%s is not', (_name, make) => {
    expect(synthesized(make).warnings).toEqual([]);
  });

  test('is told at a path with its own namespace, which the Ingress leads through', () => {
    const { find } = synthesized((app) => {
      const on = new Platform(app, 'platform', {
        registry: registry(),
        controller: { webhooks: endpoint },
      });
      new Pipeline(app, 'ci', { platform: on, namespace: 'elsewhere', source: hooked });
    });
    const [path] = at(find('Ingress', 'keelson-controller'), 'spec.rules.0.http.paths') as { path: string }[];
    expect('/webhooks/elsewhere').toMatch(new RegExp(`^${path?.path}`));
  });
});
