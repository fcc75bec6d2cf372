import { GpuSharing, SecretSource, type TimeSlicingOptions } from 'keelson';
import { aBuild, devicePlugin, gpuNode, type Row } from './row.ts';

const slices = (options: object): object => ({
  sharing: GpuSharing.timeSlicing(options as TimeSlicingOptions),
});

export const gpus: readonly Row[] = [
  [
    'GPUs by their number',
    gpuNode({ gpus: 2 }),
    'ci/gpu: gpus: says nothing of GPUs (got 2); give Gpus.whole(1), another kind of Gpus, or Gpus.none()',
  ],
  ['no word of GPUs', gpuNode({ gpus: undefined }), 'ci/gpu: gpus: says nothing of GPUs (got nothing); …'],
  [
    'a build that shows itself every GPU',
    aBuild({ env: { NVIDIA_VISIBLE_DEVICES: 'all' } }),
    'ci/build: env.NVIDIA_VISIBLE_DEVICES: would show the build GPUs that it was not given (got "NVIDIA_VISIBLE_DEVICES"); …',
  ],
  [
    'a node with a label that none can have',
    gpuNode({ nodeSelector: { 'a b': 'c' } }),
    'ci/gpu: nodeSelector.a b: is not a label that a node can have (got "c"); …\'nvidia.com/gpu.present\'…',
  ],
  [
    'a label that is no text',
    gpuNode({ nodeSelector: { gpu: true } }),
    'ci/gpu: nodeSelector.gpu: … (got true); …',
  ],
  [
    'a taint of no effect known',
    gpuNode({ tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoRun' }] }),
    'ci/gpu: tolerations[0].effect: is not an effect (got "NoRun"); use NoSchedule, PreferNoSchedule, NoExecute, …',
  ],
  [
    'a taint that is and equals',
    gpuNode({ tolerations: [{ key: 'a', operator: 'Exists', value: 'b' }] }),
    'ci/gpu: tolerations[0].value: is given beside operator \'Exists\' (got "b"); …',
  ],
  [
    'a taint without a key',
    gpuNode({ tolerations: [{ effect: 'NoSchedule' }] }),
    'ci/gpu: tolerations[0].key: is missing…',
  ],
  [
    'a taint with no key known',
    gpuNode({ tolerations: [{ key: 'a/b/c' }] }),
    'ci/gpu: tolerations[0].key: is not the key…',
  ],
  [
    'an operator that is none',
    gpuNode({ tolerations: [{ key: 'a', operator: 'In' }] }),
    "ci/gpu: tolerations[0].operator: is not an operator (got \"In\"); use 'Exists' or 'Equal'",
  ],
  [
    'a toleration that is a text',
    gpuNode({ tolerations: ['gpu'] }),
    'ci/gpu: tolerations[0]: is not a toleration (got "gpu"); …',
  ],
  [
    'a toleration without its list',
    gpuNode({ tolerations: 5 }),
    'ci/gpu: tolerations: is no list of tolerations (got 5); …',
  ],
  [
    'a label without its key',
    devicePlugin({ nodeSelector: 'gpu', tolerations: {} }),
    'foreign/plugin: nodeSelector: is no set of labels (got "gpu"); …',
  ],
  [
    'a secret in place of labels',
    devicePlugin({ nodeSelector: SecretSource.existing('CANARY', 'CANARY') }),
    'foreign/plugin: nodeSelector: is no set of labels (got an instance of ExistingSecret); …',
  ],
  [
    'a handler that is none',
    gpuNode({ runtimeHandler: 'N_V' }),
    'ci/gpu: runtimeHandler: is not a valid name of a handler (got "N_V"); …',
  ],
  [
    'a handler for no class',
    gpuNode({ runtimeHandler: 'nvidia', runtimeClassName: null }),
    'ci/gpu: runtimeHandler: is given for no RuntimeClass (got "nvidia"); leave it out, or runtimeClassName',
  ],
  [
    'a device plugin in place of its name',
    gpuNode({ devicePlugin: 'gpus' }),
    'ci/gpu: devicePlugin: is not a device plugin (got "gpus"); give a NvidiaDevicePlugin, null, or leave it out',
  ],
  [
    'a MIG strategy that is none',
    devicePlugin({ mig: 'both' }),
    "foreign/plugin: mig: is not a MIG strategy (got \"both\"); give one of 'none', 'single', 'mixed'",
  ],
  [
    'a device list strategy that is none',
    devicePlugin({ deviceListStrategy: 'cdi' }),
    "foreign/plugin: deviceListStrategy: is not a known strategy (got \"cdi\"); give one of 'envvar', 'volume-mounts'",
  ],
  [
    'a GPU in one share',
    devicePlugin(slices({ replicas: 1 })),
    'foreign/plugin: sharing.replicas: is not a number of shares (got 1); …',
  ],
  [
    'a GPU in half shares',
    devicePlugin(slices({ replicas: 2.5 })),
    'foreign/plugin: sharing.replicas: …(got 2.5); …',
  ],
  [
    'a sharing of nothing',
    devicePlugin(slices({})),
    'foreign/plugin: sharing: divides nothing (got nothing); …',
  ],
  [
    'a sharing that is a number',
    devicePlugin({ sharing: 4 }),
    'foreign/plugin: sharing: is no way to share GPUs (got 4); give GpuSharing.timeSlicing({ replicas: 4 })',
  ],
  [
    'shares of partitions that are advertised as GPUs',
    devicePlugin({ mig: 'single', ...slices({ migReplicas: { '1g.5gb': 2 } }) }),
    "foreign/plugin: sharing.migReplicas: …(got {\"1g.5gb\":2}); give mig: 'mixed', or with mig: 'single' replicas",
  ],
  [
    'shares of a partition that is none',
    devicePlugin({ mig: 'mixed', ...slices({ migReplicas: { half: 2 } }) }),
    'foreign/plugin: sharing.migReplicas: is not a MIG profile (got "half"); …',
  ],
  [
    'a priority that is none',
    devicePlugin({ priorityClassName: 'Very High' }),
    'foreign/plugin: priorityClassName: is not a valid name of a PriorityClass (got "Very High"); …',
  ],
  [
    'a device plugin among the parts of Kubernetes',
    devicePlugin({ namespace: 'kube-system' }),
    'foreign/plugin/namespace: namespace: is a namespace of Kubernetes itself (got "kube-system"); …',
  ],
];
