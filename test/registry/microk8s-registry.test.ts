import { Chart, Size } from 'cdk8s';
import { ImageName, MicroK8sRegistry, type MicroK8sRegistryProps, Platform, Tag } from 'keelson';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import { describe, expect, test } from 'vitest';
import { at } from '../support/at.ts';
import { platform, registry } from '../support/programs.ts';
import { type Synthesized, synthesized } from '../support/synthesized.ts';

const twin = (props: Partial<MicroK8sRegistryProps> = {}): Synthesized =>
  synthesized((app) => {
    const chart = new Chart(app, 'foreign');
    new MicroK8sRegistry(chart, 'registry', {
      nodeAddress: '10.0.0.7',
      storage: Size.gibibytes(40),
      ...props,
    });
  });

describe('the registry of the addon', () => {
  test('has a name for pods that push, and one for kubelets and Keel', () => {
    expect(registry()).toMatchObject({
      pushHost: 'registry.container-registry.svc.cluster.local:5000',
      imageHost: '172.31.39.52:32000',
      aliases: ['microk8s-registry:5000'],
      insecure: true,
    });
  });

  test('names an image by both', () => {
    const target = registry().image('team/build', { tag: Tag.branch() });
    expect(target.pushName('x').toString()).toBe(
      'registry.container-registry.svc.cluster.local:5000/team/build:x',
    );
    expect(target.imageName('x').toString()).toBe('172.31.39.52:32000/team/build:x');
  });

  test('may have another port and namespace', () => {
    const other = MicroK8sRegistry.existing({
      nodeAddress: 'node.example.com',
      nodePort: 30500,
      namespace: 'images',
    });
    expect([other.imageHost, other.pushHost]).toEqual([
      'node.example.com:30500',
      'registry.images.svc.cluster.local:5000',
    ]);
    expect(other.problems('registry')).toEqual([]);
  });

  test.each([
    'localhost',
    'LOCALHOST',
    '127.0.0.1',
    '127.1.2.3',
    '::1',
    '[::1]',
    '',
    'http://10.0.0.1',
    '10.0.0.1:32000',
    '10.0.0.256',
    'a b',
  ])('may not be on a node called %j', (nodeAddress) => {
    expect(MicroK8sRegistry.existing({ nodeAddress }).problems('registry')).toMatchObject([
      { property: 'registry.nodeAddress' },
    ]);
  });

  test.each(['localhost.example.com', 'localhost-2', '127.example.com', 'node1', '10.0.0.1'])(
    'may be on a node called %s',
    (nodeAddress) => {
      expect(MicroK8sRegistry.existing({ nodeAddress }).problems('registry')).toEqual([]);
    },
  );

  test.each([0, -1, 65_536, 1.5, Number.NaN])('may not have the port %s', (nodePort) => {
    expect(MicroK8sRegistry.existing({ nodeAddress: '10.0.0.1', nodePort }).problems('r')).toMatchObject([
      { property: 'r.nodePort' },
    ]);
  });

  test('adds nothing to the manifests of a platform', () => {
    const { names } = synthesized((app) => platform(app));
    expect(names('Namespace')).toEqual(['keel', 'keelson-system', 'makisu-cache']);
  });
});

describe('files for nodes', () => {
  const { nodeFiles } = synthesized((app) => platform(app));
  const folder = '172.31.39.52__32000';

  test('say how containerd and docker find a registry that speaks plain http', () => {
    expect([...nodeFiles.keys()]).toEqual([
      `${folder}/README.md`,
      `${folder}/certs.d/${folder}/hosts.toml`,
      `${folder}/containerd-template.toml`,
      `${folder}/daemon.json`,
    ]);
    expect(nodeFiles.get(`${folder}/certs.d/${folder}/hosts.toml`)).toContain(
      '[host."http://172.31.39.52:32000"]',
    );
    expect(nodeFiles.get(`${folder}/containerd-template.toml`)).toContain(
      'endpoint = ["http://172.31.39.52:32000"]',
    );
    expect(JSON.parse(nodeFiles.get(`${folder}/daemon.json`) ?? '')).toEqual({
      'insecure-registries': ['172.31.39.52:32000'],
    });
  });

  test('say where they go, and what must not be done', () => {
    const readme = nodeFiles.get(`${folder}/README.md`);
    expect(readme).toContain('/var/snap/microk8s/current/args/certs.d/172.31.39.52:32000/hosts.toml');
    expect(readme).toContain('Do not disable and enable the registry addon');
  });

  test('have names that every file system takes', () => {
    for (const path of nodeFiles.keys()) expect(path).not.toMatch(/[:"*?<>|\\]/);
  });
});

describe('a twin of the addon', () => {
  test('has the names of the addon, in a fenced namespace', () => {
    const { objects, find } = twin();
    expect(
      objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`),
    ).toEqual([
      'Namespace /container-registry',
      'LimitRange container-registry/defaults',
      'NetworkPolicy container-registry/default-deny',
      'NetworkPolicy container-registry/registry',
      'ResourceQuota container-registry/quota',
      'ServiceAccount container-registry/registry',
      'PersistentVolumeClaim container-registry/registry-claim',
      'Service container-registry/registry',
      'Deployment container-registry/registry',
    ]);
    expect(at(find('Service', 'registry'), 'spec')).toMatchObject({
      type: 'NodePort',
      selector: { app: 'registry' },
      ports: [{ port: 5000, nodePort: 32000 }],
    });
  });

  test('can be asked to delete, or its volume would only ever grow', () => {
    const [container] =
      twin().find<Deployment>('Deployment', 'registry').spec?.template.spec?.containers ?? [];
    expect(container?.env).toContainEqual({ name: 'REGISTRY_STORAGE_DELETE_ENABLED', value: 'yes' });
  });

  test('each option changes what it says', () => {
    const { find } = twin({
      namespace: 'images',
      nodePort: 30500,
      storageClassName: 'fast',
      image: ImageName.parse('quay.io/team/registry:3'),
      clients: ['10.1.0.0/16'],
      resources: { memory: { limit: Size.gibibytes(1) } },
    });
    expect(at(find('Service', 'registry', 'images'), 'spec.ports.0.nodePort')).toBe(30500);
    expect(at(find('PersistentVolumeClaim', 'registry-claim'), 'spec')).toMatchObject({
      storageClassName: 'fast',
    });
    expect(at(find('Deployment', 'registry'), 'spec.template.spec.containers.0')).toMatchObject({
      image: 'quay.io/team/registry:3',
      resources: { limits: { memory: '1Gi' } },
    });
    expect(JSON.stringify(find('NetworkPolicy', 'registry')['spec'])).toContain(
      '{"ipBlock":{"cidr":"10.1.0.0/16"}}',
    );
    expect(JSON.stringify(find('NetworkPolicy', 'registry')['spec'])).not.toContain('192.168.0.0/16');
  });

  test('is handed to a platform as the addon is', () => {
    const { nodeFiles, names } = synthesized((app) => {
      const own = new MicroK8sRegistry(new Chart(app, 'images'), 'registry', {
        nodeAddress: '10.0.0.7',
        storage: Size.gibibytes(1),
      });
      new Platform(app, 'platform', { registry: own });
      expect(
        own
          .image('a', { tag: Tag.named('b') })
          .imageName('b')
          .toString(),
      ).toBe('10.0.0.7:32000/a:b');
    });
    expect(names('Deployment')).toContain('container-registry/registry');
    expect(nodeFiles.size).toBe(4);
  });
});
