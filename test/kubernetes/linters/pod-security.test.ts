// Every check of the Pod Security Standards, on every pod at the level of its namespace. That a real API server
// admits the pods too is a matter of the cluster tests.
import type { PodSpec } from 'kubernetes-types/core/v1.js';
import { describe, expect, test } from 'vitest';
import { withTemplates } from '../../support/image-build.ts';
import { podSecurityChecks, podSecurityProblems } from '../../support/pod-security.ts';
import { type PodOf, podsOf } from '../../support/pods.ts';
import type { Manifest } from '../../support/synthesized.ts';
import { variants } from '../../support/variants.ts';
import { clean, type Draft } from './clean.ts';

const REASON = 'keelson.dev/pod-security-reason';

/** What makes of a pod that is admitted everywhere one that the check of that name refuses. */
const SPOILERS: Readonly<Record<string, (draft: Draft) => void>> = {
  hostNamespaces: ({ pod }) => {
    pod.hostIPC = true;
  },
  hostPathVolumes: ({ pod }) => {
    pod.volumes = [{ name: 'host', hostPath: { path: '/' } }];
  },
  sysctls: ({ pod }) => {
    pod.securityContext = { ...pod.securityContext, sysctls: [{ name: 'kernel.msgmax', value: '1' }] };
  },
  privileged: change({ privileged: true }),
  capabilities_baseline: change({ capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] } }),
  procMount: change({ procMount: 'Unmasked' }),
  hostPorts: ({ container }) => {
    container.ports = [{ containerPort: 80, hostPort: 80 }];
  },
  seccompProfile_baseline: change({ seccompProfile: { type: 'Unconfined' } }),
  appArmorProfile: change({ appArmorProfile: { type: 'Unconfined' } }),
  seLinuxOptions: change({ seLinuxOptions: { type: 'spc_t' } }),
  windowsHostProcess: change({ windowsOptions: { hostProcess: true } }),
  hostProbesAndHostLifecycle: ({ container }) => {
    container.lifecycle = { preStop: { httpGet: { host: '10.0.0.1', port: 80 } } };
  },
  restrictedVolumes: ({ pod }) => {
    pod.volumes = [{ name: 'share', nfs: { server: 'files', path: '/' } }];
  },
  allowPrivilegeEscalation: change({ allowPrivilegeEscalation: true }),
  runAsNonRoot: change({ runAsNonRoot: false }),
  runAsUser: change({ runAsUser: 0 }),
  capabilities_restricted: change({ capabilities: { drop: ['NET_RAW'] } }),
  seccompProfile_restricted: ({ pod }) => {
    delete pod.securityContext?.seccompProfile;
  },
};

describe.each([...variants])('in %s', (_name, synthesize) => {
  const objects = withTemplates(synthesize().objects);
  const namespaces = new Map(
    objects.filter(({ kind }) => kind === 'Namespace').map((object) => [object.metadata.name, object]),
  );
  const pods = podsOf(objects);
  const at = ({ namespace = '' }: PodOf): string => levelOf(namespaces.get(namespace));

  test.each(podSecurityChecks.map((check) => [`${check.level} ${check.name}`, check] as const))(
    'pod-security %s passes in every namespace that enforces it',
    (_check, { level, problems }) => {
      const bound = pods.filter((pod) =>
        (level === 'restricted' ? ['restricted'] : ['restricted', 'baseline']).includes(at(pod)),
      );
      expect(bound.length).toBeGreaterThan(0);
      for (const { of, spec } of bound) expect(problems(spec), of).toEqual([]);
    },
  );

  test('a namespace that enforces less than restricted says why', () => {
    for (const object of namespaces.values()) {
      const reason = object.metadata.annotations?.[REASON];
      if (levelOf(object) === 'restricted') expect(reason).toBeUndefined();
      else expect(reason, object.metadata.name).toMatch(/\w+ \w+/);
    }
  });
});

test.each(podSecurityChecks.map(({ name, level }) => [name, level] as const))(
  'pod-security %s refuses what it is about, at the level %s',
  (name, level) => {
    const draft = clean();
    expect(podSecurityProblems('restricted', draft.pod)).toEqual([]);
    SPOILERS[name]?.(draft);
    const check = podSecurityChecks.find((one) => one.name === name);
    expect(check?.problems(draft.pod)).toHaveLength(1);
    expect(podSecurityProblems(level, draft.pod).length).toBeGreaterThan(0);
  },
);

function levelOf(namespace: Manifest | undefined): string {
  return namespace?.metadata.labels?.['pod-security.kubernetes.io/enforce'] ?? 'none';
}

function change(context: PodSpec['containers'][number]['securityContext'] & object): (draft: Draft) => void {
  return ({ container }) => {
    container.securityContext = { ...container.securityContext, ...context };
  };
}
