// Values of single props.
import { Size } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-27';
import fc from 'fast-check';
import { GitSource, KeelPolicy, SynthesisError } from 'keelson';
import { describe, expect, test } from 'vitest';
import { formatProblem } from '../../lib/kubernetes/problem.ts';
import { parseQuantity, quantity } from '../../lib/kubernetes/resources.ts';
import { build, image } from '../support/programs.ts';
import { synthesized } from '../support/synthesized.ts';
import { CANARY, cpu, size, text } from './hostile.ts';
import { parameters } from './settings.ts';
import { World } from './value.ts';

const world = new World(undefined as never);

describe('a policy of Keel', () => {
  const scope = fc.oneof(fc.constantFrom('major', 'minor', 'patch', 'all'), text) as fc.Arbitrary<'major'>;
  const policy = fc.oneof(
    fc.constant(() => KeelPolicy.sameTag()),
    fc.tuple(scope, fc.boolean()).map(
      ([of, preRelease]) =>
        () =>
          KeelPolicy.semver(of, { preRelease }),
    ),
    text.map((pattern) => () => KeelPolicy.glob(pattern)),
    text.map((pattern) => () => KeelPolicy.regexp(pattern)),
  );
  const tag = fc.oneof(fc.constantFrom('main', '1.2.3', 'v1', 'latest', '1.2.3-rc.1'), text);

  test('is one that Keel knows, beside a tag that it can compare, or is refused', {
    timeout: 600_000,
  }, () => {
    fc.assert(
      fc.property(policy, tag, (make, of) => {
        let labels: Readonly<Record<string, string>>;
        let annotations: Readonly<Record<string, string>>;
        try {
          const { find } = synthesized((app) => build(app, { image: image().withTag(of), policy: make() }));
          ({ labels = {}, annotations = {} } = find('Deployment', 'build').metadata);
        } catch (error) {
          if (!(error instanceof SynthesisError)) throw error;
          return;
        }
        const kind = labels['keel.sh/policy'];
        expect(annotations).not.toHaveProperty(['keel.sh/policy']);
        expect(labels['keel.sh/matchTag']).toBe(kind === 'force' ? 'true' : undefined);
        if (kind === 'force') return;
        expect(['major', 'minor', 'patch', 'all']).toContain(kind);
        expect(of === 'latest' || /^v?\d+(\.\d+){0,2}([-+][0-9A-Za-z.+-]+)?$/.test(of)).toBe(true);
        expect([undefined, 'true', 'false']).toContain(labels['keel.sh/matchPreRelease']);
        expect(labels['keel.sh/matchPreRelease'] === undefined).toBe(kind === 'all');
      }),
      parameters('policies'),
    );
  });
});

describe('a quantity', () => {
  const almost = fc.stringMatching(/^[+-]?[0-9.]{0,6}([eE][+-]?[0-9]{1,3}|[numkKMGTPE]i?)?$/);

  test('is read as Kubernetes describes it, and nothing else is', { timeout: 600_000 }, () => {
    // https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    const grammar = /^[+-]?(\d+(\.\d*)?|\.\d+)(m|k|[MGTPE]|[KMGTPE]i|[eE][+-]?\d+)?$/;
    fc.assert(
      fc.property(fc.oneof(almost, text), (given) => {
        expect(parseQuantity(given) !== undefined).toBe(grammar.test(given));
      }),
      parameters('quantities'),
    );
  });

  test('of a Size or Cpu is the same amount', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(fc.oneof(size, cpu), (value) => {
        const given = value.make(world);
        const read = parseQuantity(quantity(given));
        if (read === undefined) return;
        if (given instanceof Size) {
          // Mebibytes of more than a number holds exactly are rounded on the way.
          const bytes = given.toKibibytes({ rounding: 2 as never }) * 1024;
          expect(Math.abs(read - bytes)).toBeLessThanOrEqual(Math.abs(bytes) * 1e-9);
        } else expect(given).toBeInstanceOf(Cpu);
      }),
      parameters('amounts'),
    );
  });
});

describe('the URL of a repository', () => {
  const scheme = fc.constantFrom(
    'https://',
    'ssh://',
    'http://',
    'file://',
    'ext::',
    'git@',
    'HTTPS://',
    '',
    'https:/',
  );
  const user = fc.constantFrom(
    '',
    'git@',
    `${CANARY}@`,
    `user:${CANARY}@`,
    `:${CANARY}@`,
    `${CANARY}%40@`,
    '-oProxyCommand=x@',
  );
  const host = fc.oneof(
    fc.constantFrom(
      'git.example.com',
      'localhost',
      '127.0.0.1',
      '2130706433',
      '0x7f.1',
      '[::1]',
      '169.254.169.254',
    ),
    text,
  );
  const end = fc.oneof(
    fc.constantFrom('/a/b.git', ':a/b.git', '', `/?token=${CANARY}`, `/a#${CANARY}`, '/a\nb'),
    text,
  );

  test('is one of https or ssh, without a secret and of a git server, or is refused', {
    timeout: 600_000,
  }, () => {
    fc.assert(
      fc.property(scheme, user, host, end, fc.boolean(), (...[start, who, where, path, allowHttp]) => {
        const given = `${start}${who}${where}${path}`;
        const source = GitSource.remote(given, { branch: 'main', allowHttp });
        const problems = source.problems('source').map(formatProblem);
        for (const problem of problems) {
          expect(problem).not.toMatch(/[\n\r]/);
          if (!where.includes(CANARY)) expect(problem).not.toContain(CANARY);
        }
        if (problems.length > 0) return;
        const url = new URL(source.url);
        // The user of ssh is no secret.
        if (url.protocol !== 'ssh:' || who.includes(':')) expect(source.url).not.toContain(CANARY);
        expect(allowHttp ? ['https:', 'ssh:', 'http:'] : ['https:', 'ssh:']).toContain(url.protocol);
        expect(url.password).toBe('');
        expect(source.url).not.toMatch(/^-|[\0-\x20\x7f]/);
        expect(url.hostname).not.toMatch(/^(localhost$|127\.|169\.254\.|-|\[::1?\])/);
      }),
      parameters('urls'),
    );
  });
});
