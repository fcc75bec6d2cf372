import { Chart, Size } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-27';
import {
  BuildKitBuilder,
  BuildKitDaemon,
  type BuildKitDaemonProps,
  HostedRegistry,
  ImageName,
  MicroK8sRegistry,
  Platform,
} from 'keelson';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import type { ConfigMap } from 'kubernetes-types/core/v1.js';
import { describe, expect, test } from 'vitest';
import { at } from '../support/at.ts';
import { podSecurityProblems } from '../support/pod-security.ts';
import { privateRegistry } from '../support/private-registry.ts';
import { pipeline, registry } from '../support/programs.ts';
import { type Synthesized, synthesized } from '../support/synthesized.ts';

const daemon = (props?: BuildKitDaemonProps): Synthesized =>
  synthesized((app) => new BuildKitDaemon(new Chart(app, 'foreign'), 'buildkit', props));

const config = ({ find }: Synthesized): string =>
  find<ConfigMap>('ConfigMap', 'buildkit').data?.['buildkitd.toml'] ?? '';

const pod = ({ find }: Synthesized) => {
  const { spec, metadata } = find<Deployment>('Deployment', 'buildkit').spec?.template ?? {};
  if (spec === undefined) throw new Error('no pod');
  return { spec, annotations: metadata?.annotations ?? {} };
};

const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

describe('by default', () => {
  const output = daemon();

  test('it is one daemon in a fenced namespace of its own, with a bounded cache on its node', () => {
    expect(
      output.objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`),
    ).toEqual([
      'Namespace /buildkit',
      'LimitRange buildkit/defaults',
      'NetworkPolicy buildkit/buildkit',
      'NetworkPolicy buildkit/default-deny',
      'ResourceQuota buildkit/quota',
      'ServiceAccount buildkit/buildkit',
      'ConfigMap buildkit/buildkit',
      'Service buildkit/buildkit',
      'Deployment buildkit/buildkit',
    ]);
    expect(pod(output).spec.volumes).toContainEqual({ name: 'state', emptyDir: { sizeLimit: '50Gi' } });
    expect(config(output)).toContain(`maxUsedSpace = ${40 * 2 ** 30}\n`);
  });

  test('its namespace is baseline, and says why', () => {
    expect(output.find('Namespace', 'buildkit').metadata).toMatchObject({
      labels: { 'pod-security.kubernetes.io/enforce': 'baseline' },
      annotations: { 'keelson.dev/pod-security-reason': expect.stringContaining('user namespaces') },
    });
    const { spec } = pod(output);
    expect(podSecurityProblems('baseline', spec)).toEqual([]);
    expect(spec.securityContext).toEqual({
      runAsNonRoot: true,
      runAsUser: 1000,
      runAsGroup: 1000,
      fsGroup: 1000,
      fsGroupChangePolicy: 'OnRootMismatch',
    });
    expect(spec.containers[0]?.securityContext).toEqual({
      allowPrivilegeEscalation: true,
      capabilities: { drop: ['ALL'], add: ['SETGID', 'SETUID'] },
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
    });
  });

  test('the room for its cache is within its limit of ephemeral storage', () => {
    expect(pod(output).spec.containers[0]?.resources?.limits?.['ephemeral-storage']).toBe('55296Mi');
  });

  test('it listens for image builds, and on a socket for its probes', () => {
    expect(config(output)).toBe(
      [
        '[grpc]',
        'address = ["unix:///run/user/1000/buildkit/buildkitd.sock", "tcp://0.0.0.0:1234"]',
        '[worker.containerd]',
        'enabled = false',
        '[worker.oci]',
        'gc = true',
        `maxUsedSpace = ${40 * 2 ** 30}`,
        '',
      ].join('\n'),
    );
    expect(pod(output).spec.containers[0]?.args).toEqual([
      '--config=/keelson/buildkit/buildkitd.toml',
      '--oci-worker-no-process-sandbox',
    ]);
  });
});

describe('an option', () => {
  test('of the registries reaches the configuration, with their certificates as files', () => {
    const output = daemon({
      registries: [registry(), privateRegistry({ pushHost: 'a:1', certificateAuthority: PEM })],
      mirrors: { 'docker.io': ['mirror.example.com:5000/hub'] },
      plainHttp: ['mirror.example.com:5000'],
      maxParallelism: 4,
    });
    const text = config(output);
    for (const host of ['registry.container-registry.svc.cluster.local:5000', '172.31.39.52:32000']) {
      expect(text).toContain(`[registry."${host}"]\nhttp = true\n`);
    }
    expect(text).toContain('[registry."a:1"]\nca = ["/keelson/buildkit/ca-0.crt"]\n');
    expect(text).toContain('[registry."docker.io"]\nmirrors = ["mirror.example.com:5000/hub"]\n');
    expect(text).toContain('[registry."mirror.example.com:5000"]\nhttp = true\n');
    expect(text).toContain('max-parallelism = 4\n');
    expect(output.find<ConfigMap>('ConfigMap', 'buildkit').data?.['ca-0.crt']).toBe(PEM);
    expect(at(output.find('Service', 'microk8s-registry', 'buildkit'), 'spec.type')).toBe('ExternalName');
  });

  test('of the configuration restarts the daemon, and another does not', () => {
    const hash = (props?: BuildKitDaemonProps): string | undefined =>
      pod(daemon(props)).annotations['keelson.dev/configuration-hash'];
    expect(hash({ maxParallelism: 2 })).not.toBe(hash());
    expect(hash({ resources: { cpu: { limit: Cpu.units(8) } } })).toBe(hash());
  });

  test('of TLS mounts the certificate for its group alone, and asks clients for theirs', () => {
    const output = daemon({ tls: { serverSecret: 'server', clientSecret: 'client' } });
    expect(config(output)).toContain(
      '[grpc.tls]\ncert = "/keelson/tls/tls.crt"\nkey = "/keelson/tls/tls.key"\nca = "/keelson/tls/ca.crt"\n',
    );
    expect(pod(output).spec.volumes).toContainEqual({
      name: 'tls',
      secret: { secretName: 'server', defaultMode: 0o440 },
    });
  });

  test('of the volume makes a claim', () => {
    const output = daemon({
      namespace: 'builds',
      persistent: true,
      storage: Size.gibibytes(100),
      storageClassName: 'fast',
      image: ImageName.parse('quay.io/team/buildkit:1'),
    });
    expect(at(output.find('PersistentVolumeClaim', 'buildkit', 'builds'), 'spec')).toEqual({
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'fast',
      resources: { requests: { storage: '100Gi' } },
    });
    const { spec } = pod(output);
    expect(spec.containers[0]).toMatchObject({
      image: 'quay.io/team/buildkit:1',
      resources: { limits: { 'ephemeral-storage': '4096Mi' } },
    });
    expect(spec.volumes).toContainEqual({ name: 'state', persistentVolumeClaim: { claimName: 'buildkit' } });
  });

  test('of its confinement names profiles of the nodes, and stays within baseline', () => {
    const { spec } = pod(
      daemon({ confinement: { appArmor: 'buildkit', seccomp: 'profiles/buildkit.json' } }),
    );
    expect(spec.securityContext).toMatchObject({
      appArmorProfile: { type: 'Localhost', localhostProfile: 'buildkit' },
      seccompProfile: { type: 'Localhost', localhostProfile: 'profiles/buildkit.json' },
    });
    expect(podSecurityProblems('baseline', spec)).toEqual([]);
  });

  test('to be unconfined makes its namespace privileged, with another reason', () => {
    const output = daemon({ confinement: 'unconfined' });
    expect(output.find('Namespace', 'buildkit').metadata).toMatchObject({
      labels: { 'pod-security.kubernetes.io/enforce': 'privileged' },
      annotations: { 'keelson.dev/pod-security-reason': expect.stringContaining('AppArmor') },
    });
    expect(pod(output).spec.securityContext?.seccompProfile).toEqual({ type: 'Unconfined' });
  });
});

describe('a platform', () => {
  test('has none unless it is asked for one', () => {
    const output = synthesized((app) => new Platform(app, 'platform', { registry: registry() }));
    expect(output.names('Namespace')).not.toContain('buildkit');
  });

  test('tells one that it deploys of its registry, beside those that the program names', () => {
    const output = synthesized((app) => {
      const other = MicroK8sRegistry.existing({ nodeAddress: '10.0.0.9', namespace: 'other' });
      new Platform(app, 'platform', { registry: registry(), buildkit: { registries: [other] } });
    });
    expect(config(output)).toContain('[registry."172.31.39.52:32000"]');
    expect(config(output)).toContain('[registry."10.0.0.9:32000"]');
  });

  test("tells it of the registries of its program's image builds", () => {
    const target = HostedRegistry.at('10.9.9.9:5000', { insecure: true }).image('team/app');
    const output = synthesized((app) => {
      const shared = new Platform(app, 'platform', { registry: registry(), buildkit: {} });
      new BuildKitBuilder(pipeline(app, { platform: shared }), 'image', { target });
    });
    expect(config(output)).toContain('[registry."10.9.9.9:5000"]\nhttp = true');
    expect(JSON.stringify(output.find('NetworkPolicy', 'buildkit'))).toContain('"cidr":"10.9.9.9/32"');
  });

  test('refers to one that another program installed, by namespace or by address', () => {
    for (const buildkit of [
      BuildKitDaemon.existing(),
      { address: 'tcp://10.0.0.1:1234', destination: { peers: [], ports: [1234] } },
    ]) {
      const output = synthesized((app) => new Platform(app, 'platform', { registry: registry(), buildkit }));
      expect(output.names('Namespace')).not.toContain('buildkit');
    }
  });
});
