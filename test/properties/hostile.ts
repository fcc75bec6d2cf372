// What nobody should give, and somebody will.
import { Duration, Size } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import fc from 'fast-check';
import * as keelson from 'keelson';
import {
  GitCredential,
  GitRevision,
  GitSource,
  GpuSharing,
  Gpus,
  ImageName,
  ImageTarget,
  Keel,
  KeelPolicy,
  MicroK8sRegistry,
  PodField,
  PodSecurity,
  SecretSource,
  Tag,
  Version,
} from 'keelson';
import { hostileBranches } from '../support/commits.ts';
import { hostileStrings } from '../yaml/hostile.ts';
import { call, one, plain, Value, type Values } from './value.ts';

/** Classes that are made with `new`, and are no constructs. */
const VALUE_CLASSES: ReadonlySet<string> = new Set(['ImageName', 'ImageTarget']);
/** They look for something in a program. */
const TAKE_CONSTRUCTS: ReadonlySet<string> = new Set(['JobTemplate.of', 'ReleasePlan.of']);

/** Stands in every value that is a secret: it may be nowhere in what is written or said. */
export const CANARY = 'CANARYq7x';

/** Urls with a credential, with options of git and ssh in them, and of what is no git server. */
const URLS = [
  'https://user:password@git.example.com/a/b.git',
  'https://token@git.example.com/a/b.git',
  'https://git.example.com/a/b.git?token=x',
  'ext::sh -c touch% /tmp/x',
  'file:///etc/passwd',
  '--upload-pack=touch /tmp/x',
  'ssh://-oProxyCommand=x/a/b',
  'http://169.254.169.254/latest',
  'https://2130706433/a',
  'https://kubernetes.default.svc/api',
  'git@git.example.com:a/b.git',
  'https://git.example.com/a b.git',
  'https://git.example.com/a\r\nb.git',
  'https://名前.example.com/a.git',
  'https://git.example.com/((keelson.branch))',
];

const NAMES = ['kube-system', 'default', 'A', 'a_b', 'a.b', '-a', 'a-', 'İ', 'keel', 'x'.repeat(63)];
const LONG = ['x'.repeat(64), 'x'.repeat(253), 'x'.repeat(254), '名'.repeat(300), 'x'.repeat(70_000)];
const PATHS = ['/', '..', '../x', '/a/../b', '/keelson', '/keelson/run', 'a:b', '/a\nb', '/proc/self'];

/** Any text: names that are almost right, texts with a meaning elsewhere, and noise. */
export const text: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...hostileStrings) },
  { weight: 3, arbitrary: fc.constantFrom(...hostileBranches) },
  { weight: 2, arbitrary: fc.constantFrom(...URLS) },
  { weight: 3, arbitrary: fc.constantFrom(...NAMES, ...LONG, ...PATHS) },
  { weight: 3, arbitrary: fc.stringMatching(/^[a-z0-9.-]{1,70}$/) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }) },
);

export const number: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, -0, -1, 0.5, 1, 65_536, 2 ** 31, 2 ** 53, 2 ** 64, 1e21, 1e-7, 5e-324),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
  fc.integer(),
  fc.double(),
);

/** Durations of all lengths, those that are less than nothing or not whole too. */
export const duration: Values<Duration> = call(
  'Duration',
  (unit: 'millis' | 'seconds' | 'minutes' | 'hours' | 'days', amount: number) => Duration[unit](amount),
  one('millis', 'seconds', 'minutes', 'hours', 'days'),
  plain(amount()),
);

export const size: Values<Size> = call(
  'Size',
  (unit: 'kibibytes' | 'mebibytes' | 'gibibytes' | 'tebibytes' | 'pebibyte', amount: number) =>
    Size[unit](amount),
  one('kibibytes', 'mebibytes', 'gibibytes', 'tebibytes', 'pebibyte'),
  plain(amount()),
);

export const cpu: Values<Cpu> = call(
  'Cpu',
  (unit: 'millis' | 'units', amount: number) => Cpu[unit](amount),
  one('millis', 'units'),
  plain(fc.oneof(number, fc.integer({ min: 1, max: 64 }))),
);

/** cdk8s itself refuses an amount below zero. */
function amount(): fc.Arbitrary<number> {
  return fc.oneof(
    fc.constantFrom(0, 1, 0.5, 1.5, 1023, 1025, 1e9, 1e21, 1e-7, 2 ** 53, Number.MAX_VALUE),
    fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY),
    fc.integer({ min: 0 }),
    fc.double({ min: 0, noNaN: true }),
  );
}

/** Makes its own value each time: an object that a run changes must not be met by the next. */
const made = (label: string, make: () => unknown): Value => new Value(label, make);

const circle = (): unknown => {
  const value: Record<string, unknown> = {};
  value['self'] = value;
  return value;
};

/** Values of another type than anything expects. */
const strange: readonly Value[] = [
  made('undefined', () => undefined),
  made('null', () => null),
  made('true', () => true),
  made('false', () => false),
  made('1n', () => 1n),
  made('Symbol', () => Symbol('x')),
  made(
    'function',
    () =>
      (x: unknown): unknown =>
        x,
  ),
  made('class', () => class {}),
  made('[]', () => []),
  made('[null]', () => [null]),
  made('[,]', () => new Array(1)),
  made('{}', () => ({})),
  made('{"a": null}', () => ({ a: null })),
  made('{"": {}}', () => ({ '': {} })),
  made('{"__proto__": …}', () => JSON.parse('{"__proto__": {"polluted": true}}')),
  made('Object.create(null)', () => Object.create(null)),
  made('circle', circle),
  made('[circle]', () => [circle()]),
  made('Date', () => new Date(Number.NaN)),
  made('Map', () => new Map([['a', 1]])),
  made('Set', () => new Set(['a'])),
  made('RegExp', () => /a/),
  made('Buffer', () => Buffer.from('a')),
  made('Error', () => new Error('x')),
  made('Promise', () => Promise.resolve('x')),
  made('toJSON throws', () => ({
    toJSON() {
      throw new Error('no');
    },
  })),
  made('new String', () => Object('a')),
  made('deep', () => JSON.parse(`${'['.repeat(500)}${']'.repeat(500)}`)),
];

/** What belongs elsewhere, and has things inside that are wrong everywhere. */
const misplaced: readonly Value[] = [
  made('ImageName', () => ImageName.parse('a b')),
  made('ImageName(null)', () => new ImageName({ registry: null as never, repository: 5 as never })),
  made('Tag', () => Tag.named('a b')),
  made('Tag(null)', () => Tag.named(null as never)),
  made('ImageTarget', () => new ImageTarget(MicroK8sRegistry.existing({ nodeAddress: 'a b' }), 'A B')),
  made('MicroK8sRegistry', () => MicroK8sRegistry.existing({ nodeAddress: null as never })),
  made('Keel', () => Keel.existing({ namespace: 5 as never, serviceAccountName: null as never })),
  made('KeelPolicy', () => KeelPolicy.semver('x' as never)),
  made('KeelPolicy(glob)', () => KeelPolicy.glob(null as never)),
  made('Gpus', () => Gpus.mig(null as never, Number.NaN)),
  made('Gpus(whole)', () => Gpus.whole('1' as never)),
  made('GpuSharing', () => GpuSharing.timeSlicing(null as never)),
  made('PodSecurity', () => PodSecurity.privileged('')),
  made('PodSecurity(null)', () => PodSecurity.baseline(null as never)),
  made('PodField', () => PodField.UID),
  made('SecretSource', () => SecretSource.existing(null as never, 5 as never)),
  made('SecretSource(secret)', () => SecretSource.existing(`${CANARY} x`, `${CANARY}/`)),
  made('SecretSource(literal)', () => SecretSource.literal(CANARY, {} as never)),
  made('SecretSource(generated)', () => SecretSource.generated(null as never)),
  made('GitCredential', () => GitCredential.token(null as never, 5 as never)),
  made('GitCredential(key)', () => GitCredential.sshKey(null as never, null as never)),
  made('GitSource', () => GitSource.remote(null as never, {} as never)),
  made('GitSource(null)', () => GitSource.remote('https://a/b', null as never)),
  made('GitSource(types)', () =>
    GitSource.remote('https://git.example.com/a', {
      branches: [null],
      pollInterval: 5,
      version: 'x',
      credential: CANARY,
      submodules: 'no',
      lfs: 1,
    } as never),
  ),
  made('GitSource(local)', () => GitSource.local(null as never, null as never)),
  made('GitRevision', () => GitRevision.commit(null as never)),
  made('Version', () => Version.of(null as never)),
  made('Version(file)', () => Version.fromFile('../x')),
  made('Duration', () => Duration.seconds(1)),
  made('Size', () => Size.kibibytes(1)),
  made('Cpu', () => Cpu.millis(-5)),
];

/** Anything but what a function of the library makes. */
const foreign: Values = fc.oneof(
  { weight: 4, arbitrary: plain<unknown>(text) },
  { weight: 2, arbitrary: plain<unknown>(number) },
  { weight: 3, arbitrary: fc.constantFrom(...strange) },
  { weight: 3, arbitrary: fc.constantFrom(...misplaced) },
  { weight: 1, arbitrary: duration as Values },
  { weight: 1, arbitrary: size as Values },
  { weight: 1, arbitrary: cpu as Values },
  { weight: 1, arbitrary: plain<unknown>(fc.array(text, { maxLength: 3 })) },
  { weight: 1, arbitrary: plain<unknown>(fc.dictionary(text, fc.oneof(text, number), { maxKeys: 3 })) },
);

type Factory = (...values: readonly unknown[]) => unknown;

/** Every function of the library that makes a value of others: `GitSource.remote`, and constructors of values. */
export const factoriesOfValues: ReadonlyMap<string, Factory> = new Map(
  Object.entries(keelson as Readonly<Record<string, unknown>>).flatMap(([name, made]) => {
    if (typeof made !== 'function' || made.prototype instanceof Construct) return [];
    const methods = Object.getOwnPropertyNames(made).filter(
      (method) =>
        typeof Reflect.get(made, method) === 'function' && !TAKE_CONSTRUCTS.has(`${name}.${method}`),
    );
    const construct: [string, Factory][] = VALUE_CLASSES.has(name)
      ? [[name, (...values) => Reflect.construct(made, values)]]
      : [];
    return [
      ...construct,
      ...methods.map((method): [string, Factory] => [
        `${name}.${method}`,
        (...values) => Reflect.apply(Reflect.get(made, method), made, values),
      ]),
    ];
  }),
);

/** What one of them makes of anything. */
export const fabricated: Values = fc
  .tuple(fc.constantFrom(...factoriesOfValues), fc.array(foreign, { maxLength: 3 }))
  .map(
    ([[name, factory], values]) =>
      new Value(`${name}(${values.map(({ label }) => label).join(', ')})`, (world) =>
        factory(...values.map((value) => value.make(world))),
      ),
  );

/** Anything at all. */
export const anything: Values = fc.oneof(
  { weight: 9, arbitrary: foreign },
  { weight: 3, arbitrary: fabricated },
);

/** What somebody may write where a secret belongs. */
export const spilled: Values = one<unknown>(CANARY, { value: CANARY }, [CANARY]);
