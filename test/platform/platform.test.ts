import { Duration, Size } from 'cdk8s';
import {
  type ControllerConfiguration,
  ImageName,
  KEELSON_VERSION,
  Keel,
  Pipeline,
  Platform,
  type PlatformProps,
} from 'keelson';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import { describe, expect, test } from 'vitest';
import { at } from '../support/at.ts';
import { pipelineConfiguration, platform, registry } from '../support/programs.ts';
import { type Manifest, problemsOf, type Synthesized, synthesized } from '../support/synthesized.ts';

const withProps = (props: Partial<PlatformProps> = {}): Synthesized =>
  synthesized((app) => platform(app, props));

const configuration = ({ find }: Synthesized): ControllerConfiguration =>
  JSON.parse(
    find<Manifest & { data: Record<string, string> }>('ConfigMap', 'keelson-controller').data[
      'controller.json'
    ] ?? '',
  );

describe('by default', () => {
  const output = withProps();

  test('there are a controller, a cache and Keel, each in a namespace of its own', () => {
    expect(output.names('Namespace')).toEqual(['keel', 'keelson-system', 'makisu-cache']);
    expect(output.names('Deployment')).toEqual(['keelson-system/keelson-controller', 'makisu-cache/redis']);
  });

  test('every namespace enforces the strictest level, has a quota and denies what is not allowed', () => {
    for (const name of output.names('Namespace')) {
      expect(output.find('Namespace', name).metadata.labels?.['pod-security.kubernetes.io/enforce']).toBe(
        'restricted',
      );
      expect(output.names('ResourceQuota')).toContain(`${name}/quota`);
      expect(output.names('NetworkPolicy')).toContain(`${name}/default-deny`);
    }
  });

  test('the controller is told of its limits', () => {
    expect(configuration(output)).toEqual({
      apiVersion: 'agent.keelson.dev/v1alpha1',
      kind: 'Controller',
      platform: 'platform',
      lease: 'keelson-controller',
      commitNamespaceRole: 'keelson-platform-commit-namespace',
      maxConcurrentBuilds: 4,
      retention: { succeededSeconds: 3600, failedSeconds: 259_200, maxPerPipeline: 10 },
    });
  });

  test('one controller runs, of the version of the library', () => {
    expect(at(output.find('Deployment', 'keelson-controller'), 'spec.replicas')).toBe(1);
    const [container] =
      output.find<Deployment>('Deployment', 'keelson-controller').spec?.template.spec?.containers ?? [];
    expect(container?.image).toBe(`ghcr.io/keelson-dev/agent:${KEELSON_VERSION}`);
  });

  test('every object says which platform it belongs to', () => {
    for (const { kind, metadata } of output.objects) {
      expect(metadata.labels?.['keelson.dev/platform'], `${kind} ${metadata.name}`).toBe('platform');
    }
  });
});

describe('admission policies', () => {
  const output = withProps();
  const policy = (name: string): unknown =>
    output.find('ValidatingAdmissionPolicy', `keelson-platform-${name}`)['spec'];

  test('each is bound, denies, and fails closed', () => {
    expect(output.names('ValidatingAdmissionPolicyBinding')).toEqual(
      output.names('ValidatingAdmissionPolicy'),
    );
    for (const name of ['keel', 'namespaces', 'role-bindings']) {
      expect(at(policy(name), 'failurePolicy')).toBe('Fail');
      const binding = output.find('ValidatingAdmissionPolicyBinding', `keelson-platform-${name}`);
      expect(binding['spec']).toEqual({
        policyName: `keelson-platform-${name}`,
        validationActions: ['Deny'],
      });
    }
  });

  test('that of Keel is about its updates of Deployments, and no one else', () => {
    expect(at(policy('keel'), 'matchConstraints.resourceRules')).toMatchObject([
      { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['deployments'] },
    ]);
    expect(at(policy('keel'), 'matchConditions.0.expression')).toBe(
      "'system:serviceaccounts:keel' in request.userInfo.groups",
    );
    expect(at(policy('keel'), 'validations')).toHaveLength(3);
  });

  test('those of the controller are about its own account', () => {
    for (const name of ['namespaces', 'role-bindings']) {
      expect(at(policy(name), 'matchConditions.0.expression')).toBe(
        "request.userInfo.username == 'system:serviceaccount:keelson-system:keelson-controller'",
      );
    }
  });

  test('they can be left out where a program has no rights over the cluster', () => {
    const { names } = withProps({ admissionPolicies: false });
    expect(names('ValidatingAdmissionPolicy')).toEqual([]);
  });

  test('that of Keel is left out where there is no Keel', () => {
    const { names } = withProps({ keel: false });
    expect(names('ValidatingAdmissionPolicy')).toEqual([
      'keelson-platform-namespaces',
      'keelson-platform-role-bindings',
    ]);
  });
});

test('one controller has no budget, and no other to keep away from', () => {
  const output = withProps({});
  expect(output.names('PodDisruptionBudget')).toEqual([]);
  const deployment = output.find('Deployment', 'keelson-controller');
  expect(at(deployment, 'spec.template.spec.affinity')).toBeUndefined();
});

describe('options', () => {
  test('of the controller', () => {
    const output = withProps({
      namespace: 'ci-system',
      agentImage: ImageName.parse('quay.io/team/agent:1'),
      labels: { team: 'ci' },
      controller: {
        replicas: 2,
        maxConcurrentBuilds: 8,
        retention: { succeeded: Duration.minutes(5), failed: Duration.days(1), maxPerPipeline: 3 },
        resources: { memory: { limit: Size.gibibytes(1) } },
      },
    });
    expect(configuration(output)).toMatchObject({
      maxConcurrentBuilds: 8,
      retention: { succeededSeconds: 300, failedSeconds: 86_400, maxPerPipeline: 3 },
    });
    const deployment = output.find('Deployment', 'keelson-controller', 'ci-system');
    expect(at(deployment, 'spec.replicas')).toBe(2);
    expect(at(deployment, 'spec.template.spec')).toMatchObject({
      affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100 }] } },
      topologySpreadConstraints: [{ whenUnsatisfiable: 'ScheduleAnyway' }],
    });
    expect(output.find('PodDisruptionBudget', 'keelson-controller', 'ci-system')['spec']).toMatchObject({
      maxUnavailable: 1,
      selector: at(deployment, 'spec.selector'),
    });
    expect(at(deployment, 'spec.template.spec.containers.0')).toMatchObject({
      image: 'quay.io/team/agent:1',
      resources: { limits: { memory: '1Gi' } },
    });
    expect(deployment.metadata.labels).toMatchObject({ team: 'ci' });
  });

  test('without cache and Keel, neither is made', () => {
    expect(withProps({ cache: false, keel: false }).names('Namespace')).toEqual(['keelson-system']);
  });

  test('the addresses of the API server take the place of any address', () => {
    const { objects } = withProps({ apiServer: ['10.0.0.1/32'] });
    const policies = objects
      .filter(({ kind }) => kind === 'NetworkPolicy')
      .map((object) => JSON.stringify(object['spec']));
    expect(policies.filter((text) => text.includes('16443')).length).toBe(2);
    for (const text of policies.filter((one) => one.includes('16443'))) {
      expect(text).toContain(
        '{"ports":[{"port":443,"protocol":"TCP"},{"port":6443,"protocol":"TCP"},{"port":16443,"protocol":"TCP"}],"to":[{"ipBlock":{"cidr":"10.0.0.1/32"}}]}',
      );
    }
  });
});

describe('a platform of another program', () => {
  test('adds nothing, and is what a pipeline needs to know', () => {
    const output = synthesized((app) => {
      const other = Platform.existing({
        name: 'shared',
        registry: registry(),
        namespace: 'elsewhere',
        keel: Keel.existing({ namespace: 'tools', serviceAccountName: 'keel' }),
        agentImage: ImageName.parse('quay.io/team/agent:1'),
      });
      new Pipeline(app, 'ci', { platform: other });
    });
    expect(output.names('Namespace')).toEqual(['ci']);
    expect(output.find('RoleBinding', 'keelson-controller')['subjects']).toEqual([
      { kind: 'ServiceAccount', name: 'keelson-controller', namespace: 'elsewhere' },
    ]);
    expect(pipelineConfiguration(output).platform).toBe('shared');
  });

  test('by default is the one that a program makes by default', () => {
    expect(Platform.existing({ name: 'shared', registry: registry() })).toMatchObject({
      platformName: 'shared',
      controllerSubject: { namespace: 'keelson-system', serviceAccountName: 'keelson-controller' },
      agentImage: undefined,
      cache: undefined,
      keel: { namespace: 'keel' },
    });
  });
});

describe('two platforms', () => {
  test('never clash silently', () => {
    const problems = problemsOf((app) => {
      for (const id of ['one', 'two']) new Platform(app, id, { registry: registry() });
    });
    expect(problems).toContainEqual(
      expect.stringMatching(
        /^two\/controller\/namespace\/Resource: metadata.name: is the name of the Namespace that one\//,
      ),
    );
  });

  test('may share a cluster with namespaces of their own', () => {
    const { names } = synthesized((app) => {
      for (const id of ['one', 'two']) {
        const own = {
          namespace: `${id}-system`,
          cache: { namespace: `${id}-cache` },
          keel: { namespace: `${id}-keel` },
        };
        new Platform(app, id, { registry: registry(), ...own });
      }
    });
    expect(names('ClusterRole')).toHaveLength(4);
    expect(names('ValidatingAdmissionPolicy')).toHaveLength(6);
  });
});

describe('where builds may hand over', () => {
  const output = withProps({ handOver: true });
  const bound = ({ find }: Synthesized): string[] =>
    find<{ rules: { verbs: string[]; resourceNames?: string[] }[] }>(
      'ClusterRole',
      'keelson-platform-controller',
    )
      .rules.filter(({ verbs }) => verbs.includes('bind'))
      .flatMap(({ resourceNames = ['*'] }) => resourceNames);
  const expressions = ({ objects }: Synthesized, name: string): string =>
    objects
      .filter(({ kind, metadata }) => kind === 'ValidatingAdmissionPolicy' && metadata.name === name)
      .flatMap((policy) => at(policy, 'spec.validations') as { expression: string }[])
      .map(({ expression }) => expression)
      .join('\n');

  test('the controller may bind two roles more, and knows its own in listeners', () => {
    expect(bound(output)).toEqual([
      'keelson-platform-commit-namespace',
      'keelson-platform-listener-namespace',
      'keelson-platform-listener-nodes',
    ]);
    expect(configuration(output).listenerNamespaceRole).toBe('keelson-platform-listener-namespace');
  });

  test('its policies let through listeners, and judge the Keels beside builds', () => {
    expect(expressions(output, 'keelson-platform-namespaces')).toContain("startsWith('listener-')");
    expect(expressions(output, 'keelson-platform-role-bindings')).toContain('variables.listener');
    expect(expressions(output, 'keelson-platform-cluster-role-bindings')).toContain(
      "object.roleRef.name == 'keelson-platform-listener-nodes'",
    );
    const keel = output.find('ValidatingAdmissionPolicy', 'keelson-platform-keel');
    expect(JSON.stringify(at(keel, 'spec.matchConditions'))).toContain('listen.keelson.dev/policy');
  });

  test('that holds without a Keel of the platform, too', () => {
    const without = withProps({ handOver: true, keel: false });
    expect(without.names('ValidatingAdmissionPolicy')).toContain('keelson-platform-keel');
  });

  test('unless the platform says so, none of it is there', () => {
    const plain = withProps();
    expect(bound(plain)).toEqual(['keelson-platform-commit-namespace']);
    expect(JSON.stringify(plain.objects)).not.toContain('listener');
  });
});
