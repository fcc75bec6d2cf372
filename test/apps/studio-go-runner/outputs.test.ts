// The programs behind `npm run secrets` and `npm run images`, as processes of their own.
import { describe, expect, test } from 'vitest';
import { secretsText } from '../../../apps/studio-go-runner/secrets-text.ts';
import { runProgram } from '../../support/project.ts';
import { inTemporaryDirectory, readFiles } from '../../support/synthesized.ts';

interface Printed {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly files: number;
}

const run = (name: string, env: Record<string, string> = {}): Printed =>
  inTemporaryDirectory((cwd) => ({
    ...runProgram(`apps/studio-go-runner/${name}.ts`, { cwd, env }),
    files: readFiles(cwd).size,
  }));

describe('the list of Secrets', { timeout: 60_000 }, () => {
  test('says who makes each, what reads it, and how to make what is yours, and writes nothing', () => {
    const { code, stdout, stderr, files } = run('secrets', { Registry: 'CANARY', K8S_NAMESPACE: 'mine' });
    expect({ code, stderr, files }).toEqual({ code: 0, stderr: '', files: 0 });
    expect(stdout).toMatch(/^NAMESPACE +NAME +KEYS +TYPE +MADE BY\n/);
    expect(stdout).toMatch(/^mine +minio-credentials +password,user +Opaque +the controller +needed$/m);
    expect(stdout).toMatch(
      /^ {2}docker-registry-config +registry\.yaml +studio-go-runner\/image +registryConfig$/m,
    );
    expect(stdout).toContain(
      '  kubectl --namespace mine create secret generic docker-registry-config --from-file=registry.yaml=FILE\n',
    );
    expect(stdout).toMatch(/create secret generic studioml-runner-aws-sqs .*# optional$/m);
    expect(stdout).not.toContain('CANARY');
    expect(stdout.split('\n').filter((line) => line.includes('kubectl'))).toHaveLength(4);
  });

  test('says what is wrong with the program, and lists nothing', () => {
    const { code, stdout, stderr } = run('secrets', { RegistryPort: 'none' });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('registry.nodePort: is not a port');
  });

  test('of a program without any says so', () => expect(secretsText([])).toBe('no Secrets\n'));
});

describe('the list of images', { timeout: 60_000 }, () => {
  test('is one name a line and nothing else, without the one that the pipeline builds', () => {
    const { code, stdout, stderr, files } = run('images');
    expect({ code, stderr, files }).toEqual({ code: 0, stderr: '', files: 0 });
    const lines = stdout.split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.length).toBeGreaterThanOrEqual(6);
    for (const line of lines) expect(line).toMatch(/^[a-z0-9.-]+(:\d+)?(\/[a-z0-9._-]+)+:[\w.-]+$/);
    expect(lines).toEqual([...new Set(lines)].sort());
    expect(stdout).not.toContain('172.31.39.52');
  });

  test('has the image of a build that is not built here', () => {
    expect(run('images', { Image: 'quay.io/team/build:1' }).stdout).toContain('quay.io/team/build:1\n');
  });
});
