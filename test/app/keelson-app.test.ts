import { join } from 'node:path';
import { ApiObject, Chart } from 'cdk8s';
import { KeelsonApp, SynthesisError, type SynthesisResult } from 'keelson';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { build, existingPlatform } from '../support/programs.ts';
import { type Build, inTemporaryDirectory, problemsOf, synthesized } from '../support/synthesized.ts';

function object(chart: Chart, name: string, data: Record<string, string> = {}): ApiObject {
  const all: unknown = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
  return new ApiObject(chart, name, all as ConstructorParameters<typeof ApiObject>[2]);
}

const two: Build = (app) => {
  const chart = new Chart(app, 'chart');
  object(chart, 'a');
  object(chart, 'b');
};

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('transform', () => {
  test('it changes objects after they have been rendered, and knows their constructs', () => {
    const seen: string[] = [];
    const { objects } = synthesized(two, {
      transform: (given, source) => {
        seen.push(source.node.path);
        return { ...given, data: { by: given.metadata.name } };
      },
    });
    expect(seen).toEqual(['chart/a', 'chart/b']);
    expect(objects.map((one) => one['data'])).toEqual([{ by: 'a' }, { by: 'b' }]);
  });

  test('what it gives nothing for is left out of files, kustomization and result', () => {
    const { objects, files, result } = synthesized(two, {
      transform: (given) => (given.metadata.name === 'a' ? undefined : given),
    });
    expect(objects.map(({ metadata }) => metadata.name)).toEqual(['b']);
    expect(files.get('chart/kustomization.yaml')).not.toContain('configmap-a');
    expect(result.charts[0]?.objects).toHaveLength(1);
  });

  test('what it gives is checked like any object', () => {
    const problems = problemsOf(two, {
      transform: (given) => ({ ...given, metadata: { ...given.metadata, name: 'SAME' } }),
    });
    expect(problems).toContainEqual(expect.stringContaining('chart/a: metadata.name: is not a valid name'));
    expect(problems.filter((problem) => problem.includes('makes too'))).toHaveLength(1);
  });

  test('what it throws is a problem of the object', () => {
    const transform = (): never => {
      throw new Error('no such thing');
    };
    expect(problemsOf(two, { transform })[0]).toMatch(/^chart\/a: no such thing/);
  });

  test('without a change, the files are those of no transform', () => {
    expect(synthesized(build, { transform: (given) => given }).files).toEqual(synthesized(build).files);
  });
});

describe('kubernetesVersion', () => {
  test.each(['1.30', '1.31', '1.36', '1.40'])('%s is supported', (kubernetesVersion) => {
    expect(synthesized(two, { kubernetesVersion }).objects).toHaveLength(2);
  });

  test.each(['1.29', '1.9', '2.0', '1.30.1', 'v1.30', '', 'latest', '1.030'])(
    '%j is refused',
    (kubernetesVersion) => {
      expect(problemsOf(two, { kubernetesVersion })).toEqual([
        `app: kubernetesVersion: is not a supported version of Kubernetes (got "${kubernetesVersion}"); give '1.30' or a later minor`,
      ]);
    },
  );

  test('it decides whether a user namespace can be asked for', () => {
    const withUsers: Build = (app) => build(app, { hostUsers: false });
    expect(problemsOf(withUsers, { kubernetesVersion: '1.32' })[0]).toContain('hostUsers: is ignored');
    expect(synthesized(withUsers, { kubernetesVersion: '1.33' }).objects.length).toBeGreaterThan(10);
  });
});

describe('construct metadata', () => {
  const METADATA = 'construct-metadata.json';
  const expected = { version: '1.0.0', resources: { a: { path: 'chart/a' }, b: { path: 'chart/b' } } };

  test('it is not written unless asked for', () => {
    expect(synthesized(two).files.has(METADATA)).toBe(false);
  });

  test('it is written where the app asks for it', () => {
    const { files } = synthesized(two, { recordConstructMetadata: true });
    expect(JSON.parse(files.get(METADATA) ?? '')).toEqual(expected);
  });

  test("it is written where cdk8s' command asks for it", () => {
    vi.stubEnv('CDK8S_RECORD_CONSTRUCT_METADATA', 'true');
    expect(JSON.parse(synthesized(two).files.get(METADATA) ?? '')).toEqual(expected);
  });
});

describe('directories', () => {
  test("the manifests go where cdk8s' command wants them, unless the program says otherwise", () => {
    vi.stubEnv('CDK8S_OUTDIR', '/somewhere/else');
    expect(new KeelsonApp().outdir).toBe('/somewhere/else');
    expect(new KeelsonApp({ outdir: 'here' }).outdir).toBe('here');
    vi.stubEnv('CDK8S_OUTDIR', undefined);
    expect(new KeelsonApp().outdir).toBe('manifests');
  });

  test('files for nodes go beside the manifests, never among them', () => {
    expect(new KeelsonApp({ outdir: join('out', 'manifests') }).nodeSetupOutdir).toBe(
      join('out', 'node-setup'),
    );
    expect(new KeelsonApp({ nodeSetupOutdir: 'nodes' }).nodeSetupOutdir).toBe('nodes');
    expect(new KeelsonApp().nodeSetupOutdir).toBe('node-setup');
  });
});

test('the result names the directory, the charts and their objects in order', () => {
  inTemporaryDirectory((directory) => {
    const app = new KeelsonApp({ outdir: directory });
    two(app);
    const result: SynthesisResult = app.synth();
    expect(result).toMatchObject({ outdir: directory, nodeSetupOutdir: undefined, warnings: [] });
    expect(result.charts).toMatchObject([
      {
        name: 'chart',
        path: 'chart',
        objects: [
          { apiVersion: 'v1', kind: 'ConfigMap', name: 'a' },
          { apiVersion: 'v1', kind: 'ConfigMap', name: 'b' },
        ],
      },
    ]);
  });
});

test('synthYaml gives all objects as one text and writes nothing', () => {
  const app = new KeelsonApp({ outdir: '/proc/cannot/be/written' });
  two(app);
  const names = parseAllDocuments(app.synthYaml()).map((document) => document.toJS().metadata.name);
  expect(names).toEqual(['a', 'b']);
});

test('an app can be synthesized twice, and gives the same', () => {
  const app = new KeelsonApp();
  build(app);
  expect(app.synthYaml()).toBe(app.synthYaml());
});

test('all problems come in one error, each once, with nothing of the stack', () => {
  const app = new KeelsonApp();
  build(app, { command: [], hostUsers: false });
  object(new Chart(app, 'chart'), 'BAD');
  const error = ((): unknown => {
    try {
      return app.synthYaml();
    } catch (thrown) {
      return thrown;
    }
  })();
  if (!(error instanceof SynthesisError)) throw new Error('there is no SynthesisError');
  expect(error.problems).toHaveLength(3);
  expect(new Set(error.problems).size).toBe(3);
  expect(error.message).toBe(
    `synthesis found 3 problems, and wrote nothing:\n${error.problems.map((problem) => `  ${problem}`).join('\n')}`,
  );
  expect(error.stack).toBe(`SynthesisError: ${error.message}`);
});

test('warnings come back beside the files, with the paths of their constructs', () => {
  const { warnings, objects } = synthesized((app) => build(app, { volume: { accessMode: 'ReadWriteMany' } }));
  expect(objects.length).toBeGreaterThan(10);
  expect(warnings).toEqual([
    `ci/build: volume.accessMode: may not be served by the cluster's default storage class (got "ReadWriteMany"); make sure that the class can share a volume between nodes, or use ReadWriteOnce`,
  ]);
});

test('a platform that exists already adds nothing to the files', () => {
  expect(synthesized(() => existingPlatform()).objects).toEqual([]);
});
