import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  devDependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional?: boolean }>;
};

/** A user's first program: the example of the README in short. */
const PROGRAM = `import { Size } from 'cdk8s';
import { GitSource, KeelsonApp, KeelWatchedBuild, MakisuBuilder, MicroK8sRegistry, MinioRabbitTestStack, Pipeline, Platform, PodSecurity, Tag, type SynthesisResult } from 'keelson';

const app = new KeelsonApp();
const platform = new Platform(app, 'platform', {
  registry: MicroK8sRegistry.existing({ nodeAddress: '192.0.2.10' }),
  cache: { storage: Size.gibibytes(30) },
});
const pipeline = new Pipeline(app, 'project', {
  platform,
  source: GitSource.remote('https://example.com/project.git', { branch: 'main' }),
});
const image = new MakisuBuilder(pipeline, 'image', { target: platform.registry.image('team/project', { tag: Tag.branch() }) });
new KeelWatchedBuild(pipeline, 'build', {
  image,
  services: new MinioRabbitTestStack(pipeline, 'services'),
  command: ['make', 'test'],
  podSecurity: PodSecurity.baseline('the image runs as root'),
});
const result: SynthesisResult = app.synth();
console.log(result.charts.map(({ name, objects }) => name + ' ' + objects.length).join('\\n'));
`;

/** The same with Pulumi, whose engine its mocks stand for. */
const PULUMI_PROGRAM = `import * as pulumi from '@pulumi/pulumi';
import { MicroK8sRegistry, Pipeline, Platform } from 'keelson';
import { asString, KeelsonComponent } from 'keelson/pulumi';

void pulumi.runtime.setMocks({ newResource: ({ name, inputs }) => ({ id: name, state: inputs }), call: () => ({}) });
const ci = new KeelsonComponent('ci', {
  program: (app) => {
    const registry = MicroK8sRegistry.existing({ nodeAddress: asString(pulumi.output('192.0.2.10')) });
    return new Pipeline(app, 'project', { platform: Platform.existing({ name: 'shared', registry }) });
  },
});
const urns = await Promise.all(ci.resources.map(({ urn }) => new Promise<string>((resolve) => urn.apply(resolve))));
console.log(urns.map((urn) => urn.split('::').at(-1)).find((name) => name?.endsWith('/default-deny')));
`;

describe('the packed tarball', () => {
  let folder: string;
  let tarball: string;

  const run = (command: string, args: string[], cwd: string): string =>
    execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'keelson-package-'));
    run('npm', ['run', 'build'], root);
    run('npm', ['pack', '--pack-destination', folder], root);
    tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '');
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('has no complaint from publint, strictly', () => {
    expect(run('npx', ['publint', 'run', tarball, '--strict'], root)).toContain('All good!');
  });

  test('has types that every ESM resolution finds', () => {
    // attw ends with an error, and so does this, where a resolution that is not ignored fails.
    const table = run('npx', ['attw', tarball, '--profile', 'esm-only', '--no-color', '--no-emoji'], root);
    expect(table).toContain('node16 (from ESM)');
  });

  test('holds the library and nothing else', () => {
    const files = run('tar', ['-tzf', tarball], folder).trim().split('\n');
    const foreign = files.filter(
      (file) =>
        !/^package\/(dist\/lib\/|lib\/|docs\/|package\.json$|README\.md$|LICENSE$|CHANGELOG\.md$)/.test(file),
    );
    expect(foreign).toEqual([]);
  });

  test('installs, type-checks strictly and synthesizes in an empty TypeScript project', () => {
    const project = join(folder, 'project');
    mkdirSync(project);
    const compilerOptions = {
      target: 'es2023',
      module: 'nodenext',
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      verbatimModuleSyntax: true,
      skipLibCheck: true,
      types: ['node'],
    };
    writeFileSync(
      join(project, 'package.json'),
      JSON.stringify({ name: 'project', private: true, type: 'module' }),
    );
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['main.ts'] }));
    writeFileSync(join(project, 'main.ts'), PROGRAM);
    const peers = Object.keys(manifest.peerDependencies);
    const optional = peers.filter((name) => manifest.peerDependenciesMeta[name]?.optional === true);
    const needed = peers.filter((name) => !optional.includes(name));
    const install = (names: readonly string[]): string =>
      run(
        'npm',
        [
          'install',
          '--no-audit',
          '--no-fund',
          tarball,
          ...names.map((name) => `${name}@${manifest.devDependencies[name]}`),
        ],
        project,
      );
    install(['typescript', '@types/node', ...needed]);
    run('npx', ['tsc', '-p', '.'], project);
    const output = run('node', ['main.js'], project);
    expect(output).toMatch(/^platform \d+$/m);
    expect(output).toMatch(/^project \d+$/m);
    expect(readdirSync(join(project, 'manifests', 'project')).length).toBeGreaterThan(30);
    expect(optional).toContain('@pulumi/pulumi');
    expect(readdirSync(join(project, 'node_modules'))).not.toContain('@pulumi');

    // With Pulumi beside it, both entries are one library.
    writeFileSync(join(project, 'main.ts'), PULUMI_PROGRAM);
    install(optional);
    run('npx', ['tsc', '-p', '.'], project);
    expect(run('node', ['main.js'], project).trim()).toBe('ci/project/default-deny');
  });
});
