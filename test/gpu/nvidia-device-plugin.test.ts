import { Chart } from 'cdk8s';
import {
  GpuBuildNode,
  GpuRuntimeClass,
  GpuSharing,
  Gpus,
  ImageName,
  type KeelsonApp,
  NvidiaDevicePlugin,
  type NvidiaDevicePluginProps,
} from 'keelson';
import type { DaemonSet } from 'kubernetes-types/apps/v1.js';
import type { Container, PodSpec } from 'kubernetes-types/core/v1.js';
import { describe, expect, test } from 'vitest';
import { at } from '../support/at.ts';
import { podSecurityProblems } from '../support/pod-security.ts';
import { type Manifest, problemsOf, type Synthesized, synthesized } from '../support/synthesized.ts';

const NAME = 'nvidia-device-plugin';

const plugin = (app: KeelsonApp, props?: NvidiaDevicePluginProps, id = 'gpus'): NvidiaDevicePlugin =>
  new NvidiaDevicePlugin(new Chart(app, id), 'plugin', props);
const withProps = (props?: NvidiaDevicePluginProps): Synthesized => synthesized((app) => plugin(app, props));
const pod = (output: Synthesized): PodSpec =>
  output.find<DaemonSet>('DaemonSet', NAME).spec?.template.spec ?? { containers: [] };
const container = (output: Synthesized): Container => pod(output).containers[0] ?? { name: 'none' };
const configuration = (output: Synthesized): unknown => {
  const { data } = output.find<Manifest & { data: Record<string, string> }>('ConfigMap', NAME);
  return JSON.parse(data['config.json'] ?? '');
};
const hash = (output: Synthesized): unknown =>
  output.find<DaemonSet>('DaemonSet', NAME).spec?.template.metadata?.annotations?.[
    'keelson.dev/configuration'
  ];

describe('the device plugin', () => {
  const output = withProps();

  test('lives in a privileged namespace of its own, with the reason', () => {
    expect(
      output.objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`),
    ).toEqual([
      `Namespace /${NAME}`,
      `LimitRange ${NAME}/defaults`,
      `NetworkPolicy ${NAME}/default-deny`,
      `ResourceQuota ${NAME}/critical-pods`,
      `ResourceQuota ${NAME}/quota`,
      `ServiceAccount ${NAME}/${NAME}`,
      `ConfigMap ${NAME}/${NAME}`,
      `DaemonSet ${NAME}/${NAME}`,
    ]);
    expect(output.find('Namespace', NAME).metadata).toMatchObject({
      labels: { 'pod-security.kubernetes.io/enforce': 'privileged' },
      annotations: { 'keelson.dev/pod-security-reason': expect.stringContaining('directory of the host') },
    });
  });

  test('needs of that level one directory of the host, and nothing else', () => {
    const without = {
      ...pod(output),
      volumes: pod(output).volumes?.filter(({ hostPath }) => !hostPath) ?? [],
    };
    expect(podSecurityProblems('baseline', pod(output))).toEqual(['volume sockets is a hostPath']);
    expect(podSecurityProblems('baseline', without)).toEqual([]);
    expect(container(output).securityContext).toEqual({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
      runAsUser: 0,
    });
    expect(pod(output)).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false });
  });

  test('runs on the nodes with GPUs, past their taint, in the runtime that shows it all of them', () => {
    expect(pod(output)).toMatchObject({
      nodeSelector: { 'nvidia.com/gpu.present': 'true' },
      tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }],
      runtimeClassName: 'nvidia',
      priorityClassName: 'system-node-critical',
    });
    expect(container(output)).toMatchObject({
      image: 'nvcr.io/nvidia/k8s-device-plugin:v0.20.0',
      command: [NAME],
      env: [
        { name: 'CONFIG_FILE', value: '/etc/nvidia-device-plugin/config.json' },
        { name: 'NVIDIA_VISIBLE_DEVICES', value: 'all' },
        { name: 'NVIDIA_DRIVER_CAPABILITIES', value: 'compute,utility' },
      ],
    });
  });

  test('may have a system priority where a cluster asks for a quota that says so', () => {
    expect(at(output.find('ResourceQuota', 'critical-pods'), 'spec.scopeSelector.matchExpressions')).toEqual([
      { scopeName: 'PriorityClass', operator: 'In', values: ['system-node-critical'] },
    ]);
    const without = withProps({ priorityClassName: null });
    expect(without.names('ResourceQuota')).toEqual([`${NAME}/quota`]);
    expect(pod(without)).not.toHaveProperty('priorityClassName');
  });

  test('advertises whole GPUs unless it is told to divide them', () => {
    expect(configuration(output)).toEqual({
      version: 'v1',
      flags: {
        migStrategy: 'none',
        failOnInitError: true,
        plugin: { deviceListStrategy: ['envvar'], deviceIDStrategy: 'uuid', passDeviceSpecs: false },
      },
    });
  });
});

describe('options', () => {
  test('of sharing: shares have a name of their own, and are given one by one', () => {
    const output = withProps({ sharing: GpuSharing.timeSlicing({ replicas: 4 }) });
    expect(configuration(output)).toMatchObject({
      sharing: {
        timeSlicing: {
          renameByDefault: true,
          failRequestsGreaterThanOne: true,
          resources: [{ name: 'nvidia.com/gpu', replicas: 4 }],
        },
      },
    });
    expect(hash(output)).not.toBe(hash(withProps()));
    expect(output.files.get('graph.mmd')).toContain('4 shares of nvidia.com/gpu');
  });

  test('of sharing: partitions may be shared too, and more than one share be given', () => {
    const migReplicas = { '1g.5gb': 2, '1g.5gb+me': 3 };
    const sharing = GpuSharing.timeSlicing({ migReplicas, failRequestsGreaterThanOne: false });
    expect(configuration(withProps({ mig: 'mixed', sharing }))).toMatchObject({
      sharing: {
        timeSlicing: {
          failRequestsGreaterThanOne: false,
          resources: [
            { name: 'nvidia.com/mig-1g.5gb', replicas: 2 },
            { name: 'nvidia.com/mig-1g.5gb.me', replicas: 3 },
          ],
        },
      },
    });
  });

  test.each<[string, NvidiaDevicePluginProps]>([
    ['partitions', { mig: 'single' }],
    ['devices given by mounts', { deviceListStrategy: 'volume-mounts' }],
  ])('that need it, %s, bring the one capability', (_name, props) => {
    expect(container(withProps(props)).securityContext).toEqual({
      capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] },
      readOnlyRootFilesystem: true,
      runAsUser: 0,
    });
  });

  test('of partitions: their health is monitored', () => {
    const monitor = { name: 'NVIDIA_MIG_MONITOR_DEVICES', value: 'all' };
    expect(container(withProps({ mig: 'mixed' })).env).toContainEqual(monitor);
    expect(container(withProps()).env).not.toContainEqual(monitor);
  });

  test('of its place', () => {
    const output = withProps({
      namespace: 'gpus',
      nodeSelector: { pool: 'a100' },
      tolerations: [{ operator: 'Exists' }],
      runtimeClassName: null,
      image: ImageName.parse('registry.example.com/plugin:1'),
    });
    expect(output.names('DaemonSet')).toEqual([`gpus/${NAME}`]);
    expect(pod(output)).toMatchObject({
      nodeSelector: { pool: 'a100' },
      tolerations: [{ operator: 'Exists' }],
    });
    expect(pod(output)).not.toHaveProperty('runtimeClassName');
    expect(container(output).image).toBe('registry.example.com/plugin:1');
  });

  test('of its runtime: it may make the RuntimeClass, for all programs of the cluster', () => {
    const output = withProps({ runtimeHandler: 'nvidia' });
    expect(output.find('RuntimeClass', 'nvidia')).toMatchObject({ handler: 'nvidia' });
  });
});

describe('a RuntimeClass', () => {
  test('may be made by itself', () => {
    const { objects } = synthesized(
      (app) => new GpuRuntimeClass(new Chart(app, 'a', { namespace: 'x' }), 'nvidia'),
    );
    expect(objects).toEqual([
      { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name: 'nvidia' }, handler: 'nvidia' },
    ]);
  });

  test('that two constructs make is refused, and named once it is not', () => {
    const two = (app: KeelsonApp, props: NvidiaDevicePluginProps): void => {
      new GpuRuntimeClass(new Chart(app, 'classes'), 'nvidia', { handler: 'nvidia-cdi' });
      plugin(app, props);
    };
    expect(problemsOf((app) => two(app, { runtimeHandler: 'nvidia' }))).toEqual([
      expect.stringMatching(
        /^gpus\/plugin\/runtime-class: metadata.name: is the name of the RuntimeClass that classes/,
      ),
    ]);
    expect(pod(synthesized((app) => two(app, {}))).runtimeClassName).toBe('nvidia');
  });
});

describe('two plugins', () => {
  const both = (selector: Record<string, string>) => (app: KeelsonApp) => {
    plugin(app, { nodeSelector: { pool: 'a100', zone: 'a' } });
    plugin(app, { nodeSelector: selector, namespace: 'more', mig: 'mixed' }, 'more');
  };

  test('may divide the nodes between them, and a build ask for what either advertises', () => {
    const { objects } = synthesized((app) => {
      both({ pool: 'h100' })(app);
      const chart = new Chart(app, 'x');
      for (const [id, gpus] of Object.entries({ whole: Gpus.whole(1), mig: Gpus.mig('1g.10gb') }))
        new GpuBuildNode(chart, id, { gpus });
    });
    expect(objects.filter(({ kind }) => kind === 'DaemonSet')).toHaveLength(2);
  });

  test('on the same nodes are refused', () => {
    expect(problemsOf(both({ zone: 'a', pool: 'a100' }))).toEqual([
      expect.stringMatching(/^gpus\/plugin: nodeSelector: is that of more\/plugin too/),
      expect.stringMatching(/^more\/plugin: nodeSelector: is that of gpus\/plugin too/),
    ]);
  });
});

describe('what a build asks for', () => {
  const shares = GpuSharing.timeSlicing({ replicas: 4 });
  const many = GpuSharing.timeSlicing({ replicas: 4, failRequestsGreaterThanOne: false });
  const parts = GpuSharing.timeSlicing({ migReplicas: { '1g.5gb+me': 2 } });

  test.each<[string, NvidiaDevicePluginProps, Gpus]>([
    ['whole GPUs of a plugin that divides nothing', {}, Gpus.whole(2)],
    ['partitions as GPUs', { mig: 'single' }, Gpus.whole(2)],
    ['shares of partitions as GPUs', { mig: 'single', sharing: shares }, Gpus.shared()],
    ['partitions', { mig: 'mixed' }, Gpus.mig('1g.5gb', 3)],
    ['whole GPUs beside partitions', { mig: 'mixed' }, Gpus.whole(1)],
    ['partitions beside shares', { mig: 'mixed', sharing: shares }, Gpus.mig('1g.5gb')],
    ['a share', { sharing: shares }, Gpus.shared()],
    ['several shares where they are given', { sharing: many }, Gpus.shared(3)],
    ['a share of a partition', { mig: 'mixed', sharing: parts }, Gpus.sharedMig('1g.5gb.me')],
    ['whole GPUs beside shared partitions', { mig: 'mixed', sharing: parts }, Gpus.whole(1)],
    ['nothing', { sharing: shares }, Gpus.none()],
  ])('is met: %s', (_name, props, gpus) => {
    const { objects } = synthesized((app) => {
      new GpuBuildNode(new Chart(app, 'before'), 'gpu', { gpus });
      plugin(app, props);
    });
    expect(objects.length).toBeGreaterThan(0);
  });

  test.each<[string, NvidiaDevicePluginProps, Gpus, RegExp]>([
    ['a whole GPU of divided ones', { sharing: shares }, Gpus.whole(1), /1 nvidia.com\/gpu.*Gpus.shared\(\)/],
    ['a share of whole ones', {}, Gpus.shared(), /1 nvidia.com\/gpu.shared.*Gpus.whole\(1\)/],
    [
      'two shares where one is given',
      { sharing: shares },
      Gpus.shared(2),
      /more than the one share.*ask for 1/,
    ],
    ['a partition without any', {}, Gpus.mig('1g.5gb'), /whose MIG strategy is none.*mig: 'mixed'/],
    [
      'a partition by name',
      { mig: 'single' },
      Gpus.mig('1g.5gb'),
      /whose MIG strategy is single.*Gpus.whole\(1\)/,
    ],
    [
      'a partition of divided ones',
      { mig: 'mixed', sharing: parts },
      Gpus.mig('1g.5gb+me'),
      /Gpus.sharedMig/,
    ],
    [
      'a share of another partition',
      { mig: 'mixed', sharing: parts },
      Gpus.sharedMig('2g.10gb'),
      /Gpus.mig\(…\)/,
    ],
    ['a share of a partition without any', {}, Gpus.sharedMig('1g.5gb'), /Gpus.shared\(\)/],
  ])('is refused where no plugin of the program ever gives it: %s', (_name, props, gpus, problem) => {
    const problems = problemsOf((app) => {
      new GpuBuildNode(new Chart(app, 'before'), 'gpu', { gpus });
      plugin(app, props);
    });
    expect(problems).toEqual([expect.stringMatching(/^before\/gpu: gpus: is /)]);
    expect(problems[0]).toMatch(problem);
  });

  test('is not judged where its plugin is another one', () => {
    const program = (devicePlugin: null | undefined) => (app: KeelsonApp) => {
      plugin(app);
      const props = devicePlugin === undefined ? {} : { devicePlugin };
      new GpuBuildNode(new Chart(app, 'x'), 'gpu', { gpus: Gpus.shared(), ...props });
    };
    expect(synthesized(program(null)).objects.length).toBeGreaterThan(0);
    expect(problemsOf(program(undefined))).toHaveLength(1);
  });

  test('is judged by the plugin that it names', () => {
    const problems = problemsOf((app) => {
      const devicePlugin = plugin(app, { nodeSelector: { pool: 'a' } });
      plugin(app, { nodeSelector: { pool: 'b' }, namespace: 'more', sharing: shares }, 'more');
      new GpuBuildNode(new Chart(app, 'x'), 'gpu', { gpus: Gpus.shared(), devicePlugin });
    });
    expect(problems).toEqual([expect.stringMatching(/^x\/gpu: gpus: /)]);
  });
});
