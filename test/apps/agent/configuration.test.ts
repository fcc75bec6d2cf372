import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { options, parseDocument, readConfiguration } from '../../../apps/agent/configuration.ts';
import { UsageError, variable } from '../../../apps/agent/program.ts';
import { AGENT_API_VERSION } from '../../../lib/agent/version.ts';

const GATE = {
  apiVersion: AGENT_API_VERSION,
  kind: 'Gate',
  deployment: 'build',
  container: 'build',
  lease: 'build',
  statusConfigMap: 'build-status',
  historyLimit: 20,
  services: [],
  servicesTimeoutSeconds: 300,
  runDirectory: '/keelson/run',
  outputDirectory: '/build/.keelson/runs',
};

/** What parsing says is wrong; every problem is one of usage. */
function problemOf(document: unknown): string {
  try {
    parseDocument('Gate', typeof document === 'string' ? document : JSON.stringify(document));
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  return 'none';
}

describe('a document of the contract', () => {
  test('is read as it is', () => {
    expect(parseDocument('Gate', JSON.stringify(GATE))).toEqual(GATE);
  });

  test.each([
    ['', 'the Gate document is not JSON'],
    ['{"apiVersion"', 'the Gate document is not JSON'],
    ['null', 'has the apiVersion undefined'],
    ['[]', 'has the apiVersion undefined'],
    ['"text"', 'has the apiVersion undefined'],
    [{ ...GATE, apiVersion: 'agent.keelson.dev/v2' }, 'has the apiVersion "agent.keelson.dev/v2"'],
    [{ ...GATE, kind: 'Controller' }, 'kind must be equal to constant ("Gate")'],
    [{ ...GATE, lease: undefined }, "must have required property 'lease'"],
    [{ ...GATE, historyLimit: '20' }, 'historyLimit must be number'],
    [{ ...GATE, newField: 1 }, 'must NOT have additional properties ("newField")'],
    [{ ...GATE, job: 'build' }, 'must NOT have additional properties ("job")'],
    [{ ...GATE, deployment: undefined }, "'deployment', or it must have required property 'job'"],
    [
      { ...GATE, services: [{ name: 'a', deployment: 'a' }] },
      "services.0 must have required property 'readiness'",
    ],
  ])('is refused with the reason: %j', (document, problem) => {
    expect(problemOf(document)).toContain(problem);
  });

  test('with a wrong version says what to do', () => {
    expect(problemOf({ ...GATE, apiVersion: 'v2' })).toContain(
      "give the agent's image the version of the library that wrote it",
    );
  });

  test('called __proto__ or constructor has no effect', () => {
    expect(problemOf(`{"__proto__": {"kind": "Gate"}, ${JSON.stringify(GATE).slice(1)}`)).toContain(
      'must NOT have additional properties ("__proto__")',
    );
    expect(problemOf({ ...GATE, constructor: {} })).toContain('("constructor")');
  });
});

describe('arguments', () => {
  const known = { directory: { type: 'string' }, receive: { type: 'boolean' } } as const;

  test('are read by their names', () => {
    expect({ ...options(['--directory=/a b', '--receive'], known) }).toEqual({
      directory: '/a b',
      receive: true,
    });
  });

  test.each([['--other'], ['file'], ['--directory'], ['--receive=yes'], ['-x']])('refuse %s', (argument) => {
    expect(() => options([argument], known)).toThrow(UsageError);
  });

  test('name a configuration, which is read from its file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'keelson-configuration-'));
    const file = join(folder, 'gate.json');
    await writeFile(file, JSON.stringify(GATE));
    expect(await readConfiguration('Gate', [`--config=${file}`])).toEqual(GATE);
    await rm(folder, { recursive: true });
    await expect(readConfiguration('Gate', [`--config=${file}`])).rejects.toThrow(
      `the configuration ${file} can't be read`,
    );
    await expect(readConfiguration('Gate', [])).rejects.toThrow('the argument --config=FILE is missing');
  });
});

test('an environment variable that is missing or empty is named', () => {
  expect(variable({ POD_NAME: 'a' }, 'POD_NAME')).toBe('a');
  for (const environment of [{}, { POD_NAME: '' }])
    expect(() => variable(environment, 'POD_NAME')).toThrow('the environment variable POD_NAME is missing');
});
