// With Pulumi's mocks in the place of its engine: names, order, options, waiting, and access to what was registered.
import * as kubernetes from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { ApiObject, Chart } from 'cdk8s';
import { type KeelsonApp, KeelWatchedBuild, type SynthesisError } from 'keelson';
import { asString, KeelsonComponent, kubernetesProvider } from 'keelson/pulumi';
import { describe, expect, test } from 'vitest';
import { build, image, pipeline, platform, referenceProgram } from '../support/programs.ts';
import { problemsOf } from '../support/synthesized.ts';
import { dependenciesOf, type Registered, registeredBy, useMocks, valueIn } from './registered.ts';

useMocks();

const fail = (): never => {
  throw new Error('nobody may look');
};

const names = (objects: readonly Registered[]): string[] => objects.map(({ name }) => name);

function configMap(app: KeelsonApp, id: string, data: Readonly<Record<string, string>> = {}): ApiObject {
  const chart =
    (app.node.tryFindChild('chart') as Chart | undefined) ?? new Chart(app, 'chart', { namespace: 'ns' });
  return new ApiObject(chart, id, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: id }, data });
}

describe('names (mocks)', () => {
  test('say component, namespace and object, and stay when objects are added or moved', async () => {
    const one = await registeredBy((app) => configMap(app, 'a'));
    expect(names(one.objects)).toEqual(['ci/ns/a']);
    const more = await registeredBy((app) => {
      configMap(app, 'z');
      configMap(app, 'a');
    });
    expect(names(more.objects).toSorted()).toEqual(['ci/ns/a', 'ci/ns/z']);
  });

  test('are the paths of constructs where an Output is the name', async () => {
    const namespace = asString(pulumi.output('later'));
    const { objects } = await registeredBy((app) => {
      new ApiObject(new Chart(app, 'chart', { namespace }), 'x', {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'x' },
      });
    });
    expect(names(objects)).toEqual(['ci/chart/x']);
    expect(objects[0]?.inputs['metadata']).toEqual({ name: 'x', namespace: 'later' });
  });

  test('every object of the reference pipeline has one of its own', async () => {
    const { objects } = await registeredBy(referenceProgram());
    const urns = objects.map(({ type, name }) => `${type} ${name}`);
    expect(new Set(urns).size).toBe(urns.length);
  });
});

describe('kinds (mocks)', () => {
  test('known ones are of their class, others custom resources of their own type', async () => {
    const { objects, component } = await registeredBy((app) => {
      const chart = new Chart(app, 'chart', { namespace: 'ns' });
      const made = (apiVersion: string, kind: string): ApiObject =>
        new ApiObject(chart, kind.toLowerCase(), { apiVersion, kind, metadata: { name: 'x' } });
      return {
        role: made('rbac.authorization.k8s.io/v1', 'Role'),
        certificate: made('cert-manager.io/v1', 'Certificate'),
        odd: made('apps/v9', 'Deployment'),
      };
    });
    expect(objects.map(({ type }) => type).toSorted()).toEqual([
      'kubernetes:apps/v9:Deployment',
      'kubernetes:cert-manager.io/v1:Certificate',
      'kubernetes:rbac.authorization.k8s.io/v1:Role',
    ]);
    const { role, certificate, odd } = component.made;
    expect(component.resource(role)).toBeInstanceOf(kubernetes.rbac.v1.Role);
    expect(component.resource(certificate)).toBeInstanceOf(kubernetes.apiextensions.CustomResource);
    expect(component.resource(odd)).toBeInstanceOf(kubernetes.apiextensions.CustomResource);
  });
});

describe('order (mocks)', () => {
  test('what runs pods comes after its namespace, its fences and its configuration, and so the whole pipeline', async () => {
    const { component } = await registeredBy((app) => build(app));
    const before = await dependenciesOf('Deployment', 'ci/ci/build');
    expect(before).toEqual(
      expect.arrayContaining([
        'Namespace ci/ci',
        'NetworkPolicy ci/ci/default-deny',
        'Role ci/ci/build-gate',
        'ConfigMap ci/ci/build-gate',
      ]),
    );
    expect(await dependenciesOf('NetworkPolicy', 'ci/ci/default-deny')).toEqual(['Namespace ci/ci']);
    expect(component.resources.length).toBeGreaterThan(15);
  });

  test('a dependency of a construct holds for all below it', async () => {
    await registeredBy((app) => {
      const first = configMap(app, 'first');
      configMap(app, 'second').addDependency(first);
    });
    expect(await dependenciesOf('ConfigMap', 'ci/ns/second')).toEqual(['ConfigMap ci/ns/first']);
    expect(await dependenciesOf('ConfigMap', 'ci/ns/first')).toEqual([]);
  });

  test('a dependency on a chart holds for the charts in it, whichever was made first', async () => {
    await registeredBy((app) => {
      const thing = (scope: Chart, name: string): ApiObject =>
        new ApiObject(scope, name, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
      const late = thing(new Chart(app, 'late', { namespace: 'ns' }), 'late');
      const outer = new Chart(app, 'outer', { namespace: 'ns' });
      thing(outer, 'outer');
      thing(new Chart(outer, 'inner', { namespace: 'ns' }), 'inner');
      late.node.addDependency(outer);
    });
    const before = await dependenciesOf('ConfigMap', 'ci/ns/late');
    expect(before.toSorted()).toEqual(['ConfigMap ci/ns/inner', 'ConfigMap ci/ns/outer']);
  });
});

describe('options (mocks)', () => {
  test('without a provider, one is made with which objects are changed in place', async () => {
    const { resources } = await registeredBy((app) => configMap(app, 'a'));
    expect(resources.find(({ type }) => type === 'pulumi:providers:kubernetes')?.inputs).toMatchObject({
      enableConfigMapMutable: 'true',
      enableSecretMutable: 'true',
      enablePatchForce: 'true',
    });
  });

  test('a provider that is given is used', async () => {
    const provider = kubernetesProvider('other', { context: 'lab' });
    const { resources } = await registeredBy((app) => configMap(app, 'a'), {}, { provider });
    const providers = resources.filter(({ type }) => type === 'pulumi:providers:kubernetes');
    expect(providers.map(({ name }) => name)).not.toContain('ci');
    const [object] = resources.filter(({ name }) => name === 'ci/ns/a');
    expect(object?.provider).toContain('::other::');
  });

  test('the provider of what the component is in is used, too', async () => {
    const provider = kubernetesProvider('outer', { context: 'lab' });
    const parent = new pulumi.ComponentResource('example:index:Team', 'team', {}, { providers: [provider] });
    const { resources } = await registeredBy((app) => configMap(app, 'a'), {}, { parent });
    const [object] = resources.filter(({ name }) => name === 'ci/ns/a');
    expect(object?.provider).toContain('::outer::');
  });

  test('resourceOptions add to those of a resource, dependencies too', async () => {
    const own = new kubernetes.core.v1.ConfigMap('own');
    await registeredBy((app) => configMap(app, 'a'), {
      resourceOptions: ({ metadata }) =>
        metadata.name === 'a' ? { protect: true, dependsOn: own } : undefined,
    });
    expect(await dependenciesOf('ConfigMap', 'ci/ns/a')).toEqual(['ConfigMap own']);
  });

  test('the transform that manifests have changes resources too', async () => {
    const { objects } = await registeredBy((app) => configMap(app, 'a'), {
      transform: (object) => ({ ...object, metadata: { ...object.metadata, labels: { team: 'x' } } }),
    });
    expect(objects[0]?.inputs['metadata']).toMatchObject({ labels: { team: 'x' } });
  });
});

describe('waiting (mocks)', () => {
  const skipped = ({ inputs }: Registered): boolean =>
    Reflect.get(Object(Reflect.get(Object(inputs['metadata']), 'annotations')), 'pulumi.com/skipAwait') ===
    'true';

  test('is for what runs all the time, and not for what runs with a build', async () => {
    const { objects } = await registeredBy(referenceProgram());
    const deployments = objects.filter(({ type }) => type.endsWith(':Deployment'));
    expect(names(deployments.filter((one) => !skipped(one))).toSorted()).toEqual([
      'ci/keel/keel-ci-go-runner',
      'ci/keelson-system/keelson-controller',
      'ci/makisu-cache/redis',
    ]);
    expect(names(deployments.filter(skipped)).toSorted()).toEqual([
      'ci/ci-go-runner/build',
      'ci/ci-go-runner/minio',
      'ci/ci-go-runner/rabbitmq',
    ]);
    const others = objects.filter(({ type }) => /:(Service|PersistentVolumeClaim|Job)$/.test(type));
    expect(others.length).toBeGreaterThan(3);
    expect(others.every(skipped)).toBe(true);
  });

  test('is for a Deployment of the program’s own, which has one pod unless it says another number', async () => {
    const { objects } = await registeredBy((app) => {
      const chart = new Chart(app, 'chart', { namespace: 'ns' });
      const deployment = (name: string, spec: object): ApiObject =>
        new ApiObject(chart, name, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec });
      deployment('web', {});
      deployment('off', { replicas: 0 });
    });
    expect(names(objects.filter(skipped))).toEqual(['ci/ns/off']);
  });

  test('is for nothing where that is said', async () => {
    const { objects } = await registeredBy(referenceProgram(), { skipAwait: true });
    expect(objects.filter(({ type }) => type.endsWith(':Deployment')).every(skipped)).toBe(true);
  });
});

describe('access (mocks)', () => {
  test('is typed, and says what is wrong', async () => {
    const { component } = await registeredBy((app) => {
      const made = build(app);
      return {
        made,
        foreign: new ApiObject(new Chart(app, 'x'), 'y', {
          apiVersion: 'v1',
          kind: 'Namespace',
          metadata: { name: 'y' },
        }),
      };
    });
    const { made, foreign } = component.made;
    const deployment = component.resource(made.deployment, kubernetes.apps.v1.Deployment);
    expect(await valueIn(deployment.metadata.name)).toBe('build');
    expect(() => component.resource(made.deployment, kubernetes.core.v1.Service)).toThrow(
      'is a Deployment of apps/v1; give the class of that kind',
    );
    const other = new KeelsonComponent('other', { program: () => undefined });
    expect(() => other.resource(foreign)).toThrow('x/y: is no object of this component');
  });

  test('texts have the values of Outputs in them', async () => {
    const host = asString(pulumi.output('registry.example.com'));
    const { component } = await registeredBy(() => undefined);
    expect(await valueIn(component.text(`${host}/team/build`))).toBe('registry.example.com/team/build');
    expect(await valueIn(component.text('plain'))).toBe('plain');
  });
});

describe('what is wrong (mocks)', () => {
  const inWords = (program: (app: KeelsonApp) => void): readonly string[] => {
    try {
      new KeelsonComponent('wrong', { program });
      return [];
    } catch (error) {
      return (error as SynthesisError).problems;
    }
  };

  test.each<[what: string, program: (app: KeelsonApp) => void]>([
    [
      'props',
      (app) => {
        new KeelWatchedBuild(pipeline(app), 'Build', { image: image(), command: [] });
        platform(app, { registry: undefined as never });
      },
    ],
    [
      'an object that can’t be rendered',
      (app) => {
        configMap(app, 'a', { value: Object.create({}, { x: { enumerable: true, get: fail } }) });
      },
    ],
  ])('%s: is said as in a synthesis, and nothing is registered', (_, program) => {
    const problems = problemsOf(program);
    expect(problems.length).toBeGreaterThan(0);
    expect(inWords(program)).toEqual(problems);
  });
});
