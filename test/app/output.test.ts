import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ApiObject, Chart } from 'cdk8s';
import { KeelsonApp } from 'keelson';
import { describe, expect, test } from 'vitest';
import { writeOutput } from '../../lib/app/output.ts';
import { inTemporaryDirectory, readFiles } from '../support/synthesized.ts';

const LEDGER = '.keelson-files';

function synth(outdir: string, ...names: string[]): void {
  const app = new KeelsonApp({ outdir });
  const chart = new Chart(app, 'chart');
  for (const name of names)
    new ApiObject(chart, name, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
  app.synth();
}

function put(path: string, content = 'mine'): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

describe('what is left of an earlier synthesis', () => {
  test('a file that is no longer written is removed', () => {
    inTemporaryDirectory((directory) => {
      synth(directory, 'a', 'b');
      synth(directory, 'b');
      expect(readdirSync(join(directory, 'chart')).sort()).toEqual([
        '45-configmap-b.yaml',
        'kustomization.yaml',
      ]);
    });
  });

  test('a folder that has become empty is removed, with the folders around it', () => {
    inTemporaryDirectory((directory) => {
      const ledger = join(directory, LEDGER);
      const files = ['a/b/c/file', 'a/file'].map((path) => ({ path, content: '' }));
      writeOutput(directory, files, ledger);
      writeOutput(directory, [{ path: 'other', content: '' }], ledger);
      expect(readdirSync(directory).sort()).toEqual([LEDGER, 'other']);
    });
  });

  test('files and folders of others stay, in the folders of charts too', () => {
    inTemporaryDirectory((directory) => {
      synth(directory, 'a');
      put(join(directory, 'README.md'));
      put(join(directory, 'chart', 'patch.yaml'));
      mkdirSync(join(directory, 'empty'));
      const app = new KeelsonApp({ outdir: directory });
      app.synth();
      expect(readFileSync(join(directory, 'README.md'), 'utf8')).toBe('mine');
      expect(readdirSync(join(directory, 'chart'))).toEqual(['patch.yaml']);
      expect(existsSync(join(directory, 'empty'))).toBe(true);
    });
  });

  test('a file that somebody has removed already is no fault', () => {
    inTemporaryDirectory((directory) => {
      put(join(directory, LEDGER), 'gone/a.yaml\ngone.yaml\n');
      synth(directory, 'a');
      expect(readFiles(directory).size).toBe(5);
    });
  });
});

describe('the list of files', () => {
  test('it names every file that was written, relative to the directory, and GitOps tools take it for no manifest', () => {
    inTemporaryDirectory((directory) => {
      synth(directory, 'a');
      const files = [...readFiles(directory).keys()].filter((path) => path !== LEDGER);
      const lines = readFileSync(join(directory, LEDGER), 'utf8').trimEnd().split('\n');
      expect(lines.sort()).toEqual(files);
      expect(LEDGER).not.toMatch(/\.(ya?ml|json)$/);
    });
  });

  test.each([
    ['a path upwards', (victim: string) => `../outside/${victim}`],
    ['a path upwards within another', (victim: string) => `chart/../../outside/${victim}`],
    ['an absolute path', (victim: string, outside: string) => join(outside, victim)],
    ['a path upwards behind a dot', (victim: string) => `./../outside/${victim}`],
  ])('with %s in it, nothing outside of the directory is removed', (_name, path) => {
    inTemporaryDirectory((directory) => {
      const outside = join(directory, 'outside');
      put(join(outside, 'victim'));
      const outdir = join(directory, 'manifests');
      put(join(outdir, LEDGER), `${path('victim', outside)}\n`);
      synth(outdir, 'a');
      expect(readdirSync(outside)).toEqual(['victim']);
    });
  });

  test('with a path through a symbolic link in it, nothing outside of the directory is removed', () => {
    inTemporaryDirectory((directory) => {
      const outside = join(directory, 'outside');
      put(join(outside, 'victim'));
      const outdir = join(directory, 'manifests');
      put(join(outdir, LEDGER), 'link/victim\n');
      symlinkSync(outside, join(outdir, 'link'));
      synth(outdir, 'a');
      expect(readdirSync(outside)).toEqual(['victim']);
    });
  });

  test.each(['.', 'folder', 'folder/'])(
    'with the folder %j in it, the folder stays and the synthesis succeeds',
    (path) => {
      inTemporaryDirectory((directory) => {
        put(join(directory, 'folder', 'file'));
        put(join(directory, LEDGER), `${path}\n`);
        synth(directory, 'a');
        expect(readFileSync(join(directory, 'folder', 'file'), 'utf8')).toBe('mine');
      });
    },
  );

  test('when it is not text, the synthesis succeeds', () => {
    inTemporaryDirectory((directory) => {
      writeFileSync(join(directory, LEDGER), Buffer.from([0, 255, 10, 254, 0, 10]));
      synth(directory, 'a');
      expect(existsSync(join(directory, 'chart', '45-configmap-a.yaml'))).toBe(true);
    });
  });
});

test('a synthesis that is refused writes and removes nothing', () => {
  inTemporaryDirectory((directory) => {
    synth(directory, 'a', 'b');
    const before = readFiles(directory);
    expect(() => synth(directory, 'a', 'NOT A NAME')).toThrow('wrote nothing');
    expect(readFiles(directory)).toEqual(before);
  });
});

test('a synthesis that has not changed writes the same files again', () => {
  inTemporaryDirectory((directory) => {
    synth(directory, 'a', 'b');
    const before = readFiles(directory);
    synth(directory, 'a', 'b');
    expect(readFiles(directory)).toEqual(before);
  });
});
