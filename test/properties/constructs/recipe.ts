import { Duration, Size } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-27';
import fc from 'fast-check';
import { ImageName, SecretSource } from 'keelson';
import { call, fields, list, one, only, plain, type Values, type World } from '../value.ts';

/** How a program makes one of the constructs. */
export interface Recipe {
  /** Values of each prop that are well in any combination. */
  readonly props: Readonly<Record<string, Values>>;
  /** Props that have to be given. */
  readonly required?: readonly string[];
  /** Whether its objects have names of their own, so that a program has one of it at most. */
  readonly once?: true;
  make(world: World, id: string, props: Readonly<Record<string, unknown>>): unknown;
}

/** Recipes by the name of the class. */
export type Recipes = Readonly<Record<string, Recipe>>;

/** What makes values, by its name as the public interface has it. */
export type Factories = Readonly<Record<string, Values>>;

/** Props as they may be handed to a constructor by a program that no compiler has seen. */
export function as<T>(props: Readonly<Record<string, unknown>>): T {
  return props as T;
}

export const flag: Values = one(true, false);

/** A DNS label that nothing else of the program has. */
export const freshName: Values<string> = only('name', (world) => world.next('name'));

export const dnsLabel: fc.Arbitrary<string> = fc
  .stringMatching(/^[a-z]([-a-z0-9]{0,20}[a-z0-9])?$/)
  .filter((label) => !label.startsWith('kube-') && label !== 'default');

export const labels: Values = plain(
  fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.stringMatching(/^[a-zA-Z0-9]{0,20}$/), { maxKeys: 3 }),
);

/** Seconds within bounds. */
export function seconds(min: number, max: number): Values<Duration> {
  return call(
    'Duration.seconds',
    (amount: number) => Duration.seconds(amount),
    plain(fc.integer({ min, max })),
  );
}

/** Mebibytes within bounds. */
export function mebibytes(min: number, max: number): Values<Size> {
  return call('Size.mebibytes', (amount: number) => Size.mebibytes(amount), plain(fc.integer({ min, max })));
}

export const storage: Values<Size> = mebibytes(1, 1 << 20);
export const storageClassName: Values = one('standard', 'microk8s-hostpath', 'gp2', 'nfs-client');

export const image: Values<ImageName> = call(
  'ImageName.parse',
  (name: string) => ImageName.parse(name),
  one('busybox', 'quay.io/a/b:1', '10.0.0.1:5000/a/b/c:main', 'ghcr.io/a/b:1-x_y.z', 'localhost.example/a:x'),
);

/** Requests that are less than their limits, and less than the default ones. */
export const resources: Values = fields({
  cpu: fields({
    request: call(
      'Cpu.millis',
      (amount: number) => Cpu.millis(amount),
      plain(fc.integer({ min: 1, max: 50 })),
    ),
    limit: call('Cpu.units', (amount: number) => Cpu.units(amount), plain(fc.integer({ min: 1, max: 64 }))),
  }),
  memory: fields({ request: mebibytes(1, 64), limit: mebibytes(16_384, 65_536) }),
  ephemeralStorage: fields({ request: mebibytes(1, 64), limit: mebibytes(65_536, 131_072) }),
});

export const cidrs: Values = plain(
  fc.array(fc.constantFrom('10.0.0.0/8', '192.168.1.1/32', 'fd00::/8'), { minLength: 1, maxLength: 3 }),
);

/** What pods may connect to in place of the internet. */
export const egress: Values = list(
  one<unknown>('10.0.0.0/8', 'fd00::/8', { peers: [{ ipBlock: { cidr: '10.1.0.0/16' } }], ports: [443] }),
);

/** The values of a quota. */
export const quota: Values = plain(
  fc.record(
    {
      'count/pods': fc.constantFrom('1', '20', '1e3', '0'),
      'limits.cpu': fc.constantFrom('1', '500m', '0'),
      'limits.memory': fc.constantFrom('64Gi', '1.5Gi', '1e9'),
      'requests.storage': fc.constantFrom('0', '1Ti'),
      'requests.nvidia.com/gpu': fc.constantFrom('1', '8'),
    },
    { requiredKeys: [] },
  ),
);

export const secret: Values<SecretSource> = fc.oneof(
  call(
    'SecretSource.existing',
    (name: string, key: string) => SecretSource.existing(name, key),
    plain(dnsLabel),
    plain(fc.stringMatching(/^[-_a-zA-Z0-9][-._a-zA-Z0-9]{0,20}$/)),
  ),
  only('SecretSource.generated()', () => SecretSource.generated()),
  only('SecretSource.literal', () => SecretSource.literal('public', { allowPlaintext: 'it is for tests' })),
);

/** A secret that a Secret of somebody else holds. */
export const existingSecret: Values<SecretSource> = call(
  'SecretSource.existing',
  (name: string) => SecretSource.existing(name, 'key'),
  plain(dnsLabel),
);

/** A Docker configuration in a Secret. */
export const dockerConfig: Values<SecretSource> = call(
  'SecretSource.existing',
  (name: string) => SecretSource.existing(name, '.dockerconfigjson'),
  plain(dnsLabel),
);
