// The same program gives the same bytes, wherever and however it runs.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { linkProject, REPOSITORY, runProcess, runProgram } from '../support/project.ts';
import { inTemporaryDirectory, readFiles } from '../support/synthesized.ts';

const SYNTH = 'apps/studio-go-runner/synth.ts';
const SLOW = 60_000;

/** The files of the reference pipeline, synthesized by a process of its own. */
function filesOf(env: Record<string, string> = {}, folder = '.'): Map<string, string> {
  return inTemporaryDirectory((directory) => {
    const cwd = join(directory, folder);
    mkdirSync(cwd, { recursive: true });
    const { code, stderr } = runProgram(SYNTH, { cwd, env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return readFiles(cwd);
  });
}

describe('the files of the reference pipeline are the same', { timeout: SLOW }, () => {
  const usual = filesOf();

  test('to begin with, there are some', () => {
    expect(usual.size).toBeGreaterThan(60);
  });

  test.each<[string, Record<string, string>]>([
    ['in another time zone', { TZ: 'Pacific/Kiritimati' }],
    ['in Turkish, where I and i are no pair', { LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8', LANGUAGE: 'tr' }],
    [
      'with variables that are none of its own',
      { KEELSON: '1', NODE_ENV: 'production', FORCE_COLOR: '3', USER: 'me' },
    ],
  ])('%s', (_name, env) => {
    expect(filesOf(env)).toEqual(usual);
  });

  test('in another directory', () => {
    expect(filesOf({}, 'some where/ else')).toEqual(usual);
  });

  test('with its variables in another order', () => {
    const variables = {
      RegistryIP: '10.1.2.3',
      GIT_BRANCH: 'release',
      SEM_VER: '1.2.3',
      NVIDIA_VISIBLE_DEVICES: 'all',
    };
    const reversed = Object.fromEntries(Object.entries(variables).reverse());
    expect(filesOf(reversed)).toEqual(filesOf(variables));
  });

  test('with another umask', () => {
    inTemporaryDirectory((directory) => {
      linkProject(directory);
      const command = `umask 077; exec node --import tsx ${SYNTH}`;
      expect(runProcess('/bin/sh', ['-c', command], { cwd: directory })).toMatchObject({
        code: 0,
        stderr: '',
      });
      expect(readFiles(join(directory, 'manifests'))).toEqual(below(usual, 'manifests/'));
    });
  });

  test('a second time, over the files of the first', () => {
    inTemporaryDirectory((directory) => {
      runProgram(SYNTH, { cwd: directory });
      runProgram(SYNTH, { cwd: directory });
      expect(readFiles(directory)).toEqual(usual);
    });
  });

  test("by `npm run synth` and by cdk8s' own command", () => {
    const { scripts } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'));
    const outputs = [scripts.synth, 'node_modules/.bin/cdk8s synth'].map((command: string) =>
      inTemporaryDirectory((directory) => {
        linkProject(directory);
        const env = { CDK8S_CHECK_UPGRADE: 'false' };
        expect(runProcess('/bin/sh', ['-c', command], { cwd: directory, env })).toMatchObject({ code: 0 });
        return ['manifests', 'node-setup'].map((folder) => readFiles(join(directory, folder)));
      }),
    );
    expect(outputs[0]?.map((files) => files.size)).toEqual([below(usual, 'manifests/').size, 4]);
    expect(outputs[1]).toEqual(outputs[0]);
  });
});

function below(files: ReadonlyMap<string, string>, folder: string): Map<string, string> {
  return new Map(
    [...files]
      .filter(([path]) => path.startsWith(folder))
      .map(([path, text]) => [path.slice(folder.length), text]),
  );
}
