// The command that builds the agent's image, run as users run it, with programs in place of docker, podman and buildah
// that write down how they were called. test/e2e has the real Buildah build and push it.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KEELSON_VERSION } from 'keelson';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bundle = join(root, 'dist/apps/agent/keelson-agent.js');
const NAME = 'registry.example.com:5000/team/keelson-agent';

// A process each, on machines that are busy with other tests.
describe('npm run agent-image, with stand-ins for docker, podman and buildah', { timeout: 60_000 }, () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'keelson-agent-image-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** A program that writes its arguments to `calls` and ends as its script says. */
  const program = (name: string, script = ''): void => {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\necho "${name} $*" >>${join(folder, 'calls')}\n${script}`);
    chmodSync(path, 0o755);
  };
  const run = (...args: string[]) => {
    const command = ['--import', 'tsx', 'scripts/agent-image.ts', ...args];
    const options = { cwd: root, encoding: 'utf8', env: { PATH: folder } } as const;
    const { status, stdout, stderr } = spawnSync(process.execPath, command, options);
    const calls = join(folder, 'calls');
    return { status, stdout, stderr, calls: existsSync(calls) ? readFileSync(calls, 'utf8') : '' };
  };

  test('builds and pushes with docker, under the library’s version, and says which prop to set', () => {
    for (const name of ['docker', 'podman', 'buildah']) program(name);
    const { status, stdout, calls } = run(NAME);
    const full = `${NAME}:${KEELSON_VERSION}`;
    expect(calls.split('\n')).toEqual([
      'docker version',
      `docker build --file=${join(root, 'apps/agent/Containerfile')} --tag=${full} --build-arg=VERSION=${KEELSON_VERSION} ${join(root, 'dist/apps/agent')}`,
      `docker push ${full}`,
      '',
    ]);
    expect(stdout).toContain(`agentImage: ImageName.parse('${full}'),`);
    expect(status).toBe(0);
  });

  test('writes a bundle that any user of the image may read, and whose syntax is right', () => {
    program('podman');
    rmSync(bundle, { force: true });
    expect(run('--no-push', NAME).status).toBe(0);
    expect(statSync(bundle).mode & 0o777).toBe(0o644);
    const { status, stderr } = spawnSync(process.execPath, [bundle], { encoding: 'utf8' });
    expect(stderr).toContain('usage: keelson-agent');
    expect(status).toBe(64);
  });

  test('takes the next program where docker’s daemon does not run', () => {
    program('docker', 'echo "Cannot connect to the Docker daemon" >&2; exit 1');
    program('buildah');
    const { status, calls } = run('--insecure', `${NAME}:tested`);
    expect(calls).toContain(`buildah push --tls-verify=false ${NAME}:tested\n`);
    expect(calls).not.toContain('docker build');
    expect(status).toBe(0);
  });

  test('says why no program can be used', () => {
    program('docker', 'echo "Cannot connect to the Docker daemon" >&2; exit 1');
    const { status, stderr } = run(NAME);
    expect(stderr).toContain('docker: Cannot connect to the Docker daemon\n');
    expect(stderr).toContain('podman: not installed\n');
    expect(status).toBe(1);
  });

  test('takes the program, base image and platform that are asked for, and pushes nothing', () => {
    for (const name of ['docker', 'podman']) program(name);
    const base = 'registry.example.com/mirror/library/node:20.20.2-bookworm-slim';
    const { stdout, calls } = run(
      '--with=podman',
      `--base=${base}`,
      '--platform=linux/amd64',
      '--no-push',
      NAME,
    );
    expect(calls).toContain(` --build-arg=BASE=${base} --platform=linux/amd64 `);
    expect(calls).not.toMatch(/docker|push/);
    expect(stdout).toContain(`built ${NAME}`);
  });

  test('tells that docker has no flag for a registry without TLS', () => {
    program('docker');
    const { stdout, calls } = run('--insecure', NAME);
    expect(calls).toContain(`docker push ${NAME}:${KEELSON_VERSION}\n`);
    expect(stdout).toContain('registry.example.com:5000 has to be in "insecure-registries"');
  });

  test('ends with an error where the build or the push does', () => {
    program('podman', '[ "$1" != push ] || exit 125');
    const { status, stdout, stderr } = run(NAME);
    expect(stderr).toContain(`\`podman push ${NAME}:${KEELSON_VERSION}\` ended with exit code 125`);
    expect(stdout).not.toContain('agentImage');
    expect(status).toBe(1);
  });

  test.each([
    [[], 'give one name'],
    [[NAME, NAME], 'give one name'],
    [['--tls', NAME], "Unknown option '--tls'"],
    [['keelson-agent'], 'names no registry'],
    [['registry.example.com/Team/agent'], 'is not a valid image repository'],
    [[`${NAME}@sha256:${'0'.repeat(64)}`], 'has a digest'],
    [['--with=kaniko', NAME], 'none of docker, podman, buildah'],
  ])('refuses %j before anything runs', (args, said) => {
    program('docker');
    const { status, stderr, calls } = run(...args);
    expect(stderr).toContain(said);
    expect(calls).not.toContain('build');
    expect(status).toBe(1);
  });
});
