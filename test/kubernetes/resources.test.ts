import { Size } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-27';
import type { ContainerResources } from 'keelson';
import { describe, expect, test } from 'vitest';
import {
  parseQuantity,
  quantity,
  resourceProblems,
  resourceRequirements,
} from '../../lib/kubernetes/resources.ts';

const DEFAULTS: ContainerResources = {
  cpu: { request: Cpu.millis(500), limit: Cpu.units(2) },
  memory: { request: Size.gibibytes(1), limit: Size.gibibytes(4) },
  ephemeralStorage: { request: Size.gibibytes(1), limit: Size.gibibytes(2) },
};

test('sizes and CPUs are written as Kubernetes writes them', () => {
  expect([Size.mebibytes(512), Size.gibibytes(4), Cpu.millis(250), Cpu.units(2)].map(quantity)).toEqual([
    '512Mi',
    '4Gi',
    '250m',
    '2',
  ]);
});

describe('quantities', () => {
  test.each<[string, number]>([
    ['0', 0],
    ['1', 1],
    ['250m', 0.25],
    ['1.5', 1.5],
    ['.5', 0.5],
    ['1.', 1],
    ['-1', -1],
    ['+1', 1],
    ['4Gi', 4 * 2 ** 30],
    ['1k', 1000],
    ['1e3', 1000],
    ['1E3', 1000],
    ['1E', 1e18],
    ['1e-3', 0.001],
  ])('%s is %d', (text, value) => expect(parseQuantity(text)).toBe(value));

  test.each([
    '',
    'a',
    '1 Gi',
    '1gi',
    '1KI',
    '1Kib',
    '١',
    '0x10',
    '1_000',
    '1,5',
    '--1',
    'e3',
    '1ee3',
    'NaN',
    'Infinity',
    '1\n',
  ])('%j is none', (text) => expect(parseQuantity(text)).toBeUndefined());
});

describe('requests and limits', () => {
  test('without any, they are the defaults', () => {
    expect(resourceRequirements(undefined, DEFAULTS)).toEqual({
      requests: { cpu: '500m', memory: '1Gi', 'ephemeral-storage': '1Gi' },
      limits: { cpu: '2', memory: '4Gi', 'ephemeral-storage': '2Gi' },
    });
  });

  test('what is given replaces its default, field by field', () => {
    const given = { cpu: { limit: Cpu.units(8) }, memory: { request: Size.gibibytes(2) } };
    expect(resourceRequirements(given, DEFAULTS)).toEqual({
      requests: { cpu: '500m', memory: '2Gi', 'ephemeral-storage': '1Gi' },
      limits: { cpu: '8', memory: '4Gi', 'ephemeral-storage': '2Gi' },
    });
  });

  test('a limit below the default request lowers the request', () => {
    const { requests, limits } = resourceRequirements({ memory: { limit: Size.mebibytes(256) } }, DEFAULTS);
    expect([requests?.['memory'], limits?.['memory']]).toEqual(['256Mi', '256Mi']);
  });

  test('a request above the default limit raises the limit, or the container could never be made', () => {
    const { requests, limits } = resourceRequirements({ memory: { request: Size.gibibytes(8) } }, DEFAULTS);
    expect(requests?.['memory']).toBe('8Gi');
    expect(parseQuantity(String(limits?.['memory']))).toBeGreaterThanOrEqual(8 * 2 ** 30);
  });
});

describe('problems', () => {
  test('there are none with a limit that is the request', () => {
    expect(resourceProblems('r', { cpu: { request: Cpu.units(1), limit: Cpu.millis(1000) } })).toEqual([]);
    expect(resourceProblems('r', undefined)).toEqual([]);
  });

  test.each<[string, ContainerResources, string, string]>([
    ['a negative CPU', { cpu: { limit: Cpu.units(-1) } }, 'r.cpu.limit', 'is not a positive quantity'],
    ['no CPU at all', { cpu: { request: Cpu.millis(0) } }, 'r.cpu.request', 'is not a positive quantity'],
    [
      'a CPU that is no number',
      { cpu: { request: Cpu.units(Number.NaN) } },
      'r.cpu.request',
      'is not a positive quantity',
    ],
    ['no memory', { memory: { limit: Size.gibibytes(0) } }, 'r.memory.limit', 'is not a positive quantity'],
    [
      'a request over its limit',
      { memory: { request: Size.gibibytes(2), limit: Size.gibibytes(1) } },
      'r.memory.request',
      'is more than the limit 1Gi',
    ],
    [
      'a request over its limit in other units',
      { cpu: { request: Cpu.millis(1500), limit: Cpu.units(1) } },
      'r.cpu.request',
      'is more than the limit 1',
    ],
  ])('%s is one', (_name, resources, property, message) => {
    expect(resourceProblems('r', resources)).toMatchObject([{ property, message }]);
  });
});
