import { describe, expect, test } from 'vitest';
import { type KubernetesVersion, kubernetesVersions, validateObject } from './validator.ts';

const namespace = 'ci';
const pod = {
  serviceAccountName: 'build',
  automountServiceAccountToken: false,
  hostUsers: false,
  runtimeClassName: 'nvidia',
  terminationGracePeriodSeconds: 30,
  nodeSelector: { 'nvidia.com/gpu.present': 'true' },
  tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }],
  securityContext: { runAsNonRoot: true, fsGroup: 1000, seccompProfile: { type: 'RuntimeDefault' } },
  initContainers: [
    {
      name: 'gate',
      image: 'registry:5000/agent:1',
      restartPolicy: 'Always',
      startupProbe: { httpGet: { path: '/ready', port: 'health' }, periodSeconds: 1, failureThreshold: 600 },
      ports: [{ name: 'health', containerPort: 8080 }],
      env: [{ name: 'POD_UID', valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } }],
      volumeMounts: [{ name: 'token', mountPath: '/var/run/secrets/keelson', readOnly: true }],
    },
  ],
  containers: [
    {
      name: 'build',
      image: 'registry:5000/build:main',
      command: ['./base-build.sh'],
      resources: {
        requests: { cpu: '500m', memory: '1.5Gi' },
        limits: { memory: 2e9, 'nvidia.com/gpu': '2' },
      },
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      volumeMounts: [{ name: 'work', mountPath: '/work' }],
    },
  ],
  volumes: [
    { name: 'work', emptyDir: { sizeLimit: '10Gi' } },
    {
      name: 'token',
      projected: {
        defaultMode: 0o440,
        sources: [
          { serviceAccountToken: { path: 'token', expirationSeconds: 3600, audience: 'keelson' } },
          { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        ],
      },
    },
  ],
};
const labels = { 'app.kubernetes.io/name': 'build' };
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'build', namespace, labels, annotations: { 'keel.sh/policy': 'force' } },
  spec: {
    strategy: { type: 'Recreate' },
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: pod },
  },
};
const rules = [
  { apiGroups: ['apps'], resources: ['deployments'], resourceNames: ['build'], verbs: ['get', 'patch'] },
];
const subjects = [{ kind: 'ServiceAccount', name: 'build', namespace }];
const rbac = 'rbac.authorization.k8s.io';

const good = [
  {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  },
  {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'quota', namespace },
    spec: { hard: { 'requests.cpu': '4', 'limits.memory': '8Gi', pods: '20', 'count/jobs.batch': 50 } },
  },
  {
    apiVersion: 'v1',
    kind: 'LimitRange',
    metadata: { name: 'limits', namespace },
    spec: { limits: [{ type: 'Container', default: { cpu: '1', memory: '512Mi' }, max: { cpu: '4' } }] },
  },
  {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'build', namespace },
    automountServiceAccountToken: false,
    imagePullSecrets: [{ name: 'quay' }],
  },
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'minio', namespace },
    type: 'Opaque',
    immutable: true,
    data: { user: 'bWluaW8=' },
    stringData: { password: 'x' },
  },
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'gate', namespace },
    data: { 'gate.json': '{}' },
    binaryData: { logo: 'AAEC' },
  },
  {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'work', namespace },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: '',
      resources: { requests: { storage: '30Gi' } },
    },
  },
  { apiVersion: `${rbac}/v1`, kind: 'Role', metadata: { name: 'gate', namespace }, rules },
  {
    apiVersion: `${rbac}/v1`,
    kind: 'RoleBinding',
    metadata: { name: 'gate', namespace },
    roleRef: { apiGroup: rbac, kind: 'Role', name: 'gate' },
    subjects,
  },
  { apiVersion: `${rbac}/v1`, kind: 'ClusterRole', metadata: { name: 'keel' }, rules },
  {
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: 'keel' },
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'keel' },
    subjects,
  },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'minio', namespace },
    spec: {
      podSelector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['minio'] }] },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        {
          from: [{ namespaceSelector: {}, podSelector: { matchLabels: labels } }],
          ports: [{ port: 'api' }, { protocol: 'TCP', port: 9001, endPort: 9010 }],
        },
      ],
      egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }] }],
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'rabbit', namespace },
    spec: {
      selector: labels,
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP', targetPort: 'dns' },
        { name: 'dns-tcp', port: 53, targetPort: 1053 },
      ],
    },
  },
  deployment,
  {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { generateName: 'image-', namespace },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: 3600,
      ttlSecondsAfterFinished: 600,
      podReplacementPolicy: 'Failed',
      template: { spec: { ...pod, restartPolicy: 'Never' } },
    },
  },
  {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'build', namespace },
    spec: {
      holderIdentity: 'uid',
      leaseDurationSeconds: 60,
      renewTime: '2026-01-01T00:00:00.000000Z',
      leaseTransitions: 0,
    },
  },
  {
    apiVersion: 'node.k8s.io/v1',
    kind: 'RuntimeClass',
    metadata: { name: 'nvidia' },
    handler: 'nvidia',
    overhead: { podFixed: { memory: '64Mi' } },
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'held-back' },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        resourceRules: [
          { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['deployments'] },
        ],
      },
      matchConditions: [{ name: 'keel', expression: "request.userInfo.username == 'keel'" }],
      variables: [{ name: 'old', expression: 'oldObject.metadata.annotations' }],
      validations: [{ expression: "variables.old['keel.sh/policy'] != 'never'", reason: 'Forbidden' }],
    },
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'held-back' },
    spec: {
      policyName: 'held-back',
      validationActions: ['Deny'],
      matchResources: { namespaceSelector: { matchLabels: { ci: 'true' } } },
    },
  },
  {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'local' },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
    reclaimPolicy: 'Delete',
    parameters: { type: 'ssd' },
  },
  {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'registry', namespace },
    spec: { maxUnavailable: '50%', selector: { matchLabels: labels } },
  },
];

describe.each(kubernetesVersions)('Kubernetes %s', (version) => {
  test.each(good.map((object) => [object.kind, object] as const))('accepts a %s', (_, object) => {
    expect(validateObject(object, version)).toEqual([]);
  });

  test('has no kinds of old or unknown groups', () => {
    expect(validateObject({ ...deployment, apiVersion: 'extensions/v1beta1' }, version)).toEqual([
      `apiVersion "extensions/v1beta1", kind "Deployment": unknown to Kubernetes ${version}`,
    ]);
    expect(validateObject({ metadata: { name: 'x' } }, version)).toHaveLength(1);
    expect(validateObject(null, version)).toEqual(['not an object: null']);
  });

  const build = 'spec.template.spec.containers[0]';
  test.each([
    [{ restartpolicy: 'Always' }, `${build}.restartpolicy: unknown field (restartPolicy?), is "Always"`],
    [{ mem: '1Gi' }, `${build}.mem: unknown field, is "1Gi"`],
    [{ name: undefined }, `${build}.name: required`],
    [{ image: null }, `${build}.image: must be a string, is null`],
    [{ stdin: 'true' }, `${build}.stdin: must be a boolean, is "true"`],
    [{ command: './build.sh' }, `${build}.command: must be a list, is "./build.sh"`],
    [{ command: ['sleep', 5] }, `${build}.command[1]: must be a string, is 5`],
    [{ securityContext: [] }, `${build}.securityContext: must be an object, is []`],
    [
      { imagePullPolicy: 'always' },
      `${build}.imagePullPolicy: must be one of Always, IfNotPresent, Never, is "always"`,
    ],
    [{ ports: [{ containerPort: '80' }] }, `${build}.ports[0].containerPort: must be an int32, is "80"`],
    [
      { ports: [{ containerPort: 2 ** 31 }] },
      `${build}.ports[0].containerPort: must be an int32, is 2147483648`,
    ],
    [
      { livenessProbe: { tcpSocket: { port: 80.5 } } },
      `${build}.livenessProbe.tcpSocket.port: must be an int32 or a string, is 80.5`,
    ],
    [
      { resources: { limits: { 'nvidia.com/gpu': 'two' } } },
      `${build}.resources.limits["nvidia.com/gpu"]: must be a quantity, is "two"`,
    ],
    [
      { resources: { limits: { memory: '1GiB' } } },
      `${build}.resources.limits.memory: must be a quantity, is "1GiB"`,
    ],
    [
      {
        env: [
          { name: 'A', value: '1' },
          { name: 'A', value: '2' },
        ],
      },
      `${build}.env[1]: a second name ["A"]`,
    ],
    [
      { ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'TCP' }] },
      `${build}.ports[1]: a second containerPort, protocol [80,"TCP"]`,
    ],
  ])('refuses a container with %j', (change, error) => {
    const containers = [{ ...pod.containers[0], ...change }];
    const object = {
      ...deployment,
      spec: { ...deployment.spec, template: { spec: { ...pod, containers } } },
    };
    expect(validateObject(object, version)).toEqual([error]);
  });

  const meta = { name: 'x' };
  test.each([
    [{ kind: 'ConfigMap', metadata: meta, data: { port: 80 } }, 'data.port: must be a string, is 80'],
    [{ kind: 'ConfigMap', metadata: meta, data: { 'a.b': {} } }, 'data["a.b"]: must be a string, is {}'],
    [{ kind: 'ConfigMap', metadata: { labels: {} } }, 'metadata.name: required'],
    [{ kind: 'ConfigMap' }, 'metadata.name: required'],
    [
      { kind: 'ConfigMap', metadata: { ...meta, annotations: { on: true } } },
      'metadata.annotations.on: must be a string, is true',
    ],
    [
      { kind: 'Secret', metadata: meta, data: { key: 'not base64' } },
      'data.key: must be a byte, is "not base64"',
    ],
    [
      { kind: 'Namespace', metadata: { ...meta, namespace } },
      'metadata.namespace: Namespace is cluster-scoped, is "ci"',
    ],
    [
      { kind: 'Namespace', metadata: { ...meta, finalizers: ['a/b', 'a/b'] } },
      'metadata.finalizers[1]: a second "a/b"',
    ],
    [{ kind: 'Pod', metadata: meta, spec: { containers: [] }, status: {} }, 'status: unknown field, is {}'],
  ])('refuses %j', (object, error) => {
    expect(validateObject({ apiVersion: 'v1', ...object }, version)).toEqual([error]);
  });

  test('wants the microseconds of a Lease', () => {
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: meta };
    expect(validateObject({ ...lease, spec: { renewTime: '2026-01-01T00:00:00Z' } }, version)).toEqual([
      'spec.renewTime: must be a micro-time, is "2026-01-01T00:00:00Z"',
    ]);
  });

  test('reports every error', () => {
    const spec = { ...deployment.spec, replicas: '1', strategy: { typ: 'Recreate' }, selector: undefined };
    expect(validateObject({ ...deployment, spec }, version)).toEqual([
      'spec.selector: required',
      'spec.strategy.typ: unknown field, is "Recreate"',
      'spec.replicas: must be an int32, is "1"',
    ]);
  });
});

describe('a field or kind of a newer minor', () => {
  const withPod = (change: object): object => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'x' },
    spec: { containers: [{ name: 'x' }], ...change },
  });
  const admission = 'admissionregistration.k8s.io/v1';
  test.each<[KubernetesVersion, object, string]>([
    ['1.32', withPod({ resources: { limits: { cpu: '1' } } }), 'spec.resources'],
    ['1.32', withPod({ volumes: [{ name: 'tools', image: { reference: 'x' } }] }), 'spec.volumes[0].image'],
    ['1.34', withPod({ hostnameOverride: 'x' }), 'spec.hostnameOverride'],
    [
      '1.34',
      withPod({ containers: [{ name: 'x', lifecycle: { stopSignal: 'SIGINT' } }] }),
      'spec.containers[0].lifecycle.stopSignal',
    ],
    ['1.36', withPod({ schedulingGroup: { podGroupName: 'x' } }), 'spec.schedulingGroup'],
    [
      '1.36',
      { apiVersion: admission, kind: 'MutatingAdmissionPolicy', metadata: { name: 'x' }, spec: {} },
      'apiVersion',
    ],
  ])('from %s on: %j', (from, object, path) => {
    for (const version of kubernetesVersions) {
      const known = kubernetesVersions.indexOf(version) >= kubernetesVersions.indexOf(from);
      const errors = validateObject(object, version).map((error) => error.split(/[: ]/)[0]);
      expect(errors, version).toEqual(known ? [] : [path]);
    }
  });

  test('a field that became optional', () => {
    const object = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'x' },
      spec: {},
    };
    expect(kubernetesVersions.map((version) => validateObject(object, version))).toEqual([
      ['spec.podSelector: required'],
      ['spec.podSelector: required'],
      [],
      [],
    ]);
  });
});

test('quantities', () => {
  const quota = (hard: unknown): object => ({
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'x' },
    spec: { hard: { pods: hard } },
  });
  for (const text of [
    '0',
    '1',
    '+1',
    '-1',
    '1.5',
    '1.',
    '.5',
    '100m',
    '1Ki',
    '1E',
    '1e3',
    '12E-2',
    0.5,
    1e21,
  ]) {
    expect(validateObject(quota(text), '1.34'), String(text)).toEqual([]);
  }
  for (const text of [
    '',
    '.',
    '1 Gi',
    '1gi',
    '1K',
    '1KB',
    '1,5',
    '0x10',
    'e3',
    '1e',
    '1i',
    true,
    Number.NaN,
  ]) {
    expect(validateObject(quota(text), '1.34'), String(text)).toHaveLength(1);
  }
});
