import { ApiObject, Chart } from 'cdk8s';
import { exceptFromLinters, KeelsonAnnotations, type LinterException, PodSecurity } from 'keelson';
import { describe, expect, test } from 'vitest';
import { privilegeExceptions } from '../../lib/kubernetes/linter-reasons.ts';
import { exceptedFromLinters } from '../../lib/kubernetes/linters.ts';
import { exceptedChecks, exceptionReasons } from '../support/linter-exceptions.ts';
import { build, foreignChart } from '../support/programs.ts';
import { type Manifest, synthesized } from '../support/synthesized.ts';

const first: LinterException = {
  checks: ['kube-score/service-type', 'kube-linter/ssh-port'],
  reason: 'it serves people: by ssh',
};
const second: LinterException = {
  checks: ['kube-score/label-values', 'polaris/hostPortSet', 'kube-linter/ssh-port'],
  reason: 'it is old',
};

function annotated(...calls: readonly (readonly LinterException[])[]): Manifest {
  return synthesized((app) => {
    const metadata = { name: 'door', annotations: { mine: 'stays' } };
    const door = new ApiObject(foreignChart(app, 'house'), 'door', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
    });
    for (const exceptions of calls) exceptFromLinters(door, ...exceptions);
  }).find('Service', 'door');
}

const EXPECTED = {
  mine: 'stays',
  'kube-score/ignore': 'service-type,label-values',
  'ignore-check.kube-linter.io/ssh-port': 'it serves people: by ssh; it is old',
  'polaris.fairwinds.com/hostPortSet-exempt': 'true',
  [KeelsonAnnotations.LINTER_EXCEPTIONS]:
    'kube-score/service-type, kube-linter/ssh-port: it serves people: by ssh\n' +
    'kube-score/label-values, polaris/hostPortSet, kube-linter/ssh-port: it is old\n',
};

test('an exception is told to each linter in its way, with its reason beside', () => {
  expect(annotated([first, second]).metadata.annotations).toEqual(EXPECTED);
});

test('a later exception leaves earlier ones', () => {
  expect(annotated([first], [second]).metadata.annotations).toEqual(EXPECTED);
});

test('the same exception twice is one', () => {
  expect(annotated([first, second], [first]).metadata.annotations).toEqual(EXPECTED);
});

test('no exception is no annotation', () => {
  expect(annotated([]).metadata.annotations).toEqual({ mine: 'stays' });
  expect(exceptedFromLinters({ metadata: {} }, [])).toEqual({ metadata: { annotations: {} } });
});

test('a plain object is excepted in the same way, and is not changed itself', () => {
  const object = { kind: 'Service', metadata: { annotations: { mine: 'stays' } } };
  expect(exceptedFromLinters(object, [first, second]).metadata.annotations).toEqual(EXPECTED);
  expect(object.metadata.annotations).toEqual({ mine: 'stays' });
});

test("an exception of a program's own is beside those of the library", () => {
  const { objects } = synthesized((app) => exceptFromLinters(build(app).deployment, first));
  const [deployment] = objects.filter(({ kind }) => kind === 'Deployment');
  const checks = deployment === undefined ? [] : exceptedChecks(deployment);
  expect(checks).toEqual(expect.arrayContaining(['kube-score/service-type', 'polaris/livenessProbeMissing']));
  expect(deployment && exceptionReasons(deployment).get('kube-linter/ssh-port')).toBe(
    'it serves people: by ssh',
  );
});

test('a construct of another chart is excepted too', () => {
  const { find } = synthesized((app) => {
    const chart = new Chart(app, 'other', { disableResourceNameHashes: true });
    exceptFromLinters(new ApiObject(chart, 'map', { apiVersion: 'v1', kind: 'ConfigMap' }), second);
  });
  expect(find('ConfigMap', 'other-map').metadata.annotations).toHaveProperty(
    'kube-score/ignore',
    'label-values',
  );
});

describe('what a container may that restricted forbids', () => {
  const root = { allowPrivilegeEscalation: false, capabilities: { drop: ['NET_RAW'] } };
  const checksFor = (level: PodSecurity, context: Parameters<typeof privilegeExceptions>[2]): string[] =>
    privilegeExceptions(level, undefined, context).flatMap(({ checks }) => checks);

  test('is excepted for the reason of its level', () => {
    expect(privilegeExceptions(PodSecurity.baseline('it runs as root'), undefined, root)).toEqual([
      {
        checks: ['kube-linter/run-as-non-root', 'polaris/runAsRootAllowed', 'polaris/insecureCapabilities'],
        reason: 'it runs as root',
      },
    ]);
  });

  test('is not excepted at the level restricted', () => {
    expect(checksFor(PodSecurity.restricted(), root)).toEqual([]);
  });

  test('is nothing where the pod says that it is not root, and the container drops ALL', () => {
    const context = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
    const level = PodSecurity.baseline('it adds a capability');
    expect(privilegeExceptions(level, { runAsNonRoot: true }, context)).toEqual([]);
  });

  test('is much where a container is privileged', () => {
    const checks = checksFor(PodSecurity.privileged('it mounts'), { privileged: true, runAsUser: 0 });
    expect(checks).toEqual(
      expect.arrayContaining([
        'kube-linter/privileged-container',
        'kube-linter/privilege-escalation-container',
        'kube-linter/drop-net-raw-capability',
        'kube-score/container-security-context-privileged',
        'polaris/runAsPrivileged',
        'polaris/privilegeEscalationAllowed',
      ]),
    );
  });
});
