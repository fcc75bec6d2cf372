// A platform and a pipeline that are programs of their own.
import { X509Certificate } from 'node:crypto';
import {
  Keel,
  KeelPolicy,
  type KeelProps,
  type KeelReference,
  KeelWatchedBuild,
  MicroK8sRegistry,
  Pipeline,
  Platform,
  type WatchedRegistry,
} from 'keelson';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import { describe, expect, test } from 'vitest';
import { at } from '../support/at.ts';
import { CERTIFICATE } from '../support/certificate.ts';
import { image, platform, registry } from '../support/programs.ts';
import { problemsOf, type Synthesized, synthesized } from '../support/synthesized.ts';

const platformProgram = (keel: KeelProps): Synthesized => synthesized((app) => platform(app, { keel }));
const pipelineProgram = (namespace: string, keel?: KeelReference): Synthesized =>
  synthesized((app) => {
    const on = Platform.existing({ name: 'platform', registry: registry(), ...(keel && { keel }) });
    const ci = new Pipeline(app, 'ci', { platform: on, namespace });
    new KeelWatchedBuild(ci, 'build', { image: image(), command: ['x'] });
  });
const container = (output: Synthesized, name: string): Record<string, string | undefined> => {
  const [keel] = output.find<Deployment>('Deployment', name).spec?.template.spec?.containers ?? [];
  return Object.fromEntries((keel?.env ?? []).map((variable) => [variable.name, variable.value]));
};

describe("the rights that a pipeline's program gives", () => {
  test.each<[string, string, KeelReference?, string?]>([
    ['by itself', 'ci'],
    ['to the Keel of another namespace', 'ci', Keel.installed({ namespace: 'watchers' }), 'watchers'],
    ['in a namespace whose name is too long for an account', `ci-${'x'.repeat(60)}`],
  ])(
    "%s are those of the account that the platform's program makes",
    (_how, namespace, keel, at_ = 'keel') => {
      const there = platformProgram({ namespace: at_, namespaces: [namespace] });
      const here = pipelineProgram(namespace, keel);
      const [account = ''] = there.names('ServiceAccount').filter((name) => name.startsWith(`${at_}/`));
      const [owner, name] = account.split('/');
      expect(at(here.find('RoleBinding', 'build-keel', namespace), 'subjects')).toEqual([
        { kind: 'ServiceAccount', namespace: owner, name },
      ]);
      expect(at(there.find('Deployment', name ?? ''), 'spec.template.spec.serviceAccountName')).toBe(name);
      expect(here.names('Deployment')).toEqual([`${namespace}/build`]);
    },
  );
});

test('a platform that exists without a Keel has none', () => {
  const none = { name: 'platform', registry: registry(), keel: false } as const;
  expect(
    problemsOf((app) => {
      const ci = new Pipeline(app, 'ci', { platform: Platform.existing(none) });
      new KeelWatchedBuild(ci, 'build', { image: image(), command: ['x'] });
    }),
  ).toEqual([expect.stringMatching(/^ci\/build: keel: is missing/)]);
});

describe('for a namespace that is only listed', () => {
  test("the platform's registry counts", () => {
    const there = platformProgram({ namespaces: ['ci'] });
    expect(container(there, 'keel-ci')).toMatchObject({ POLL: 'true', INSECURE_REGISTRY: 'true' });
    const [destination] = registry().destinations.at(-1)?.peers ?? [];
    expect(JSON.stringify(there.find('NetworkPolicy', 'keel', 'keel'))).toContain(
      JSON.stringify(destination),
    );
  });

  test('another registry counts where it is given', () => {
    const other: WatchedRegistry = { insecure: false, destinations: [{ peers: [], ports: [8443] }] };
    const there = platformProgram({ namespaces: [{ namespace: 'ci', registry: other }] });
    expect(Object.keys(container(there, 'keel-ci'))).not.toContain('INSECURE_REGISTRY');
    expect(JSON.stringify(there.find('NetworkPolicy', 'keel', 'keel'))).toContain('8443');
  });

  test('a policy by which tags change lets its Keel read nodes', () => {
    const there = platformProgram({
      namespaces: [{ namespace: 'ci', policy: KeelPolicy.semver('minor') }, 'b'],
    });
    expect(there.names('ClusterRole').filter((name) => name.includes('nodes'))).toEqual([
      'keel-keel-ci-nodes',
    ]);
  });
});

describe('a registry with a certificate of a private authority', () => {
  const secured = (insecure = false, certificateAuthority = CERTIFICATE): WatchedRegistry => ({
    insecure,
    destinations: [],
    certificateAuthority,
  });
  const listed = (...registries: WatchedRegistry[]): KeelProps => ({
    namespaces: registries.map((one) => ({ namespace: 'ci', registry: one })),
  });
  const there = platformProgram(listed(secured(), secured()));

  test('is trusted by the Keel that polls it, beside the public ones', () => {
    const { containers = [], volumes = [] } =
      there.find<Deployment>('Deployment', 'keel-ci').spec?.template.spec ?? {};
    const mount = containers[0]?.volumeMounts?.find(({ name }) => name === 'certificates');
    expect(mount).toMatchObject({ readOnly: true });
    // Go reads /etc/ssl/certs/ca-certificates.crt whatever SSL_CERT_DIR says.
    expect(container(there, 'keel-ci')['SSL_CERT_DIR']).toBe(`/etc/ssl/certs:${mount?.mountPath}`);
    expect(volumes).toContainEqual({ name: 'certificates', configMap: { name: 'keel-ci-certificates' } });
  });

  test('is in a ConfigMap once', () => {
    const { data } = there.find<{ data: Record<string, string> }>('ConfigMap', 'keel-ci-certificates');
    expect(Object.keys(data)).toEqual(['authority-1.crt']);
    expect(new X509Certificate(data['authority-1.crt'] ?? '').subject).toBe(
      new X509Certificate(CERTIFICATE).subject,
    );
  });

  test('is no reason for Keel not to check certificates, but another registry may be', () => {
    expect(there.warnings).toEqual([]);
    expect(Object.keys(container(there, 'keel-ci'))).not.toContain('INSECURE_REGISTRY');
    expect(platformProgram(listed(secured(), secured(true))).warnings).toEqual([
      expect.stringMatching(/^platform\/keel: registry.certificateAuthority: is not used in ci/),
    ]);
  });

  test('another certificate starts another pod', () => {
    const path = (text: string): unknown =>
      container(platformProgram(listed(secured(false, text))), 'keel-ci')['SSL_CERT_DIR'];
    expect(path(`${CERTIFICATE}\n${CERTIFICATE}`)).not.toBe(path(CERTIFICATE));
  });

  test('comes to the Keel of a build of the same program too', () => {
    const output = synthesized((app) => {
      const plain = MicroK8sRegistry.existing({ nodeAddress: '10.0.0.1' });
      const on = new Platform(app, 'platform', { registry: plain, keel: {}, cache: false });
      on.keel?.watch({ namespace: 'ci', registry: secured() });
    });
    expect(output.names('ConfigMap')).toContain('keel/keel-ci-certificates');
  });

  test('is refused with no text', () => {
    const listing = listed(secured(false, 5 as never));
    expect(problemsOf((app) => platform(app, { keel: listing }))).toEqual([
      'platform: keel.namespaces[0].registry.certificateAuthority: is of another type (got 5); give a text, or leave it out',
    ]);
  });

  test.each([
    [
      'a key',
      `-----BEGIN PRIVATE KEY-----\nCANARY\n-----END PRIVATE KEY-----\n${CERTIFICATE}`,
      'has a private key',
    ],
    ['something else', 'CANARY', 'is no certificate'],
    ['a certificate that is cut off', CERTIFICATE.slice(0, 300), 'is no certificate'],
  ])('is refused with %s', (_what, text, message) => {
    const [problem = '', ...rest] = problemsOf((app) =>
      platform(app, { keel: listed(secured(false, text)) }),
    );
    expect(problem).toContain(`platform/keel: registry.certificateAuthority: ${message}`);
    expect(problem).not.toContain('CANARY');
    expect(rest).toEqual([]);
  });
});
