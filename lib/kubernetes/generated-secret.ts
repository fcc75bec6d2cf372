import { type ApiObject, Chart } from 'cdk8s';
import { Construct } from 'constructs';
import type { Secret } from 'kubernetes-types/core/v1.d.ts';
import { sound } from '../props/sound.ts';
import { KeelsonAnnotations } from './labels.ts';
import { Notes } from './notes.ts';
import { kubeObject } from './object.ts';
import { hidden, type Problem, reportProblems } from './problem.ts';
import { isSecretKey } from './secret-binding.ts';
import { type SecretReference, SecretSource } from './secret-source.ts';

/**
 * How the controller makes one value of a Secret. `passphraseKey` and `of` name another key of the same
 * Secret.
 */
export type SecretGenerator =
  /** Random letters and digits. */
  | { readonly password: { readonly length: number } }
  /** A PEM private key (PKCS#1 for `rsa`, PKCS#8 for `ed25519`), encrypted where a passphrase is named. */
  | {
      readonly privateKey: {
        readonly type: 'rsa' | 'ed25519';
        /**
         * Modulus length of an RSA key, 2048 to 8192.
         * @default 4096
         */
        readonly bits?: number;
        /**
         * The key of this Secret whose password encrypts the private key.
         * @default - it is not encrypted
         */
        readonly passphraseKey?: string;
      };
    }
  /** The public half of a private key, as PEM or as a line of authorized_keys. */
  | { readonly publicKey: { readonly of: string; readonly format: 'pem' | 'openssh' } };

/** Props of {@link GeneratedSecret}. */
export interface GeneratedSecretProps {
  /**
   * The Secret's name.
   * @default - the construct's id
   */
  readonly name?: string;
  /**
   * The Secret's namespace.
   * @default - the chart's
   */
  readonly namespace?: string;
  /** The Secret's keys, and how each value is made. */
  readonly keys: Readonly<Record<string, SecretGenerator>>;
}

const SECRETS = new Notes<GeneratedSecret>();
/** The agent makes no more for one Secret: long keys take seconds each. */
const MOST_KEYS = 64;

/**
 * A Secret whose values the platform's controller makes in the cluster: once, and never changed after.
 * The manifest holds the recipe and no value, and leaves `data` alone, so that neither GitOps nor Pulumi
 * takes the values away again.
 *
 * @example
 * const keys = new GeneratedSecret(pipeline, 'message-encryption', {
 *   keys: {
 *     passphrase: { password: { length: 32 } },
 *     private: { privateKey: { type: 'rsa', bits: 4096, passphraseKey: 'passphrase' } },
 *     public: { publicKey: { of: 'private', format: 'pem' } },
 *   },
 * });
 */
export class GeneratedSecret extends Construct {
  /** The generated Secrets of a chart, in the order in which they were made. */
  static of(chart: Chart): readonly GeneratedSecret[] {
    return SECRETS.of(chart);
  }

  /** The Secret's name. */
  readonly secretName: string;
  /** The Secret. */
  readonly secret: ApiObject;

  constructor(scope: Construct, id: string, given: GeneratedSecretProps) {
    super(scope, id);
    const props = sound(this, 'GeneratedSecretProps', given, {}, ['keys', 'keys.*']);
    this.secretName = props.name ?? id;
    SECRETS.add(Chart.of(this), this);
    const problems = keyProblems(props.keys);
    reportProblems(this, problems);
    this.secret = kubeObject<Secret>(this, 'Resource', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: this.secretName,
        ...(props.namespace !== undefined && { namespace: props.namespace }),
        // What is no recipe may be anything, a secret too.
        annotations: { [KeelsonAnnotations.GENERATE]: JSON.stringify(problems.length > 0 ? {} : props.keys) },
      },
      type: 'Opaque',
    });
  }

  /** Where the value of a key is found. */
  reference(key: string): SecretReference {
    return { secretName: this.secretName, key, optional: false };
  }

  /** The value of a key, for whatever takes a credential. */
  source(key: string): SecretSource {
    return SecretSource.existing(this.secretName, key);
  }
}

type Generators = Readonly<Record<string, SecretGenerator>>;

function keyProblems(keys: Generators): Problem[] {
  const given: unknown = keys;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    const remedy = 'give an object with a way of making a value for each key';
    return [{ property: 'keys', value: hidden, message: 'is no set of keys', remedy }];
  }
  const count = Object.keys(keys).length;
  if (count > MOST_KEYS) {
    const remedy = `make at most ${MOST_KEYS} in one Secret`;
    return [{ property: 'keys', value: `${count} keys`, message: 'are too many', remedy }];
  }
  return Object.entries(keys).flatMap(([key, generator]) => [
    ...(isSecretKey(key)
      ? []
      : [
          {
            property: 'keys',
            value: key,
            message: 'is not a valid key of a Secret',
            remedy: 'use letters, digits, "-", "_" and "."',
          },
        ]),
    ...generatorProblems(`keys.${key}`, generator, keys),
  ]);
}

function generatorProblems(property: string, generator: SecretGenerator, keys: Generators): Problem[] {
  const given: unknown = generator;
  if (typeof given === 'object' && given !== null) {
    const unknown = unknownProblems(property, given);
    if (unknown.length > 0) return unknown;
    if ('password' in generator) return lengthProblems(property, generator.password?.length);
    if ('privateKey' in generator) return privateKeyProblems(property, generator.privateKey, keys);
    if ('publicKey' in generator) return publicKeyProblems(property, generator.publicKey, keys);
  }
  return [
    {
      property,
      // A value in the place of a recipe may be the secret.
      value: hidden,
      message: 'is no way of making a value',
      remedy: 'give { password }, { privateKey } or { publicKey }',
    },
  ];
}

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  password: ['length'],
  privateKey: ['type', 'bits', 'passphraseKey'],
  publicKey: ['of', 'format'],
};

/** What stands beside a recipe would be written too, and is perhaps the secret itself. */
function unknownProblems(property: string, generator: object): Problem[] {
  const [recipe, ...others] = Object.keys(generator);
  const known = Object.hasOwn(FIELDS, recipe ?? '') ? FIELDS[recipe ?? ''] : undefined;
  if (recipe === undefined || known === undefined) return [];
  const inner: unknown = Reflect.get(generator, recipe);
  const fields = typeof inner === 'object' && inner !== null ? Object.keys(inner) : [];
  if (others.length === 0 && fields.every((field) => known.includes(field))) return [];
  return [
    {
      property,
      value: hidden,
      message: 'has more than one way of making a value takes',
      remedy: `give no more than { ${recipe}: { ${known.join(', ')} } }`,
    },
  ];
}

function lengthProblems(property: string, length: number): Problem[] {
  if (Number.isInteger(length) && length >= 8 && length <= 1024) return [];
  return [
    {
      property: `${property}.password.length`,
      value: length,
      message: 'is not the length of a password',
      remedy: 'give 8 to 1024 characters, such as 32',
    },
  ];
}

function privateKeyProblems(
  property: string,
  given: { readonly type?: string; readonly bits?: number; readonly passphraseKey?: string } | undefined,
  keys: Generators,
): Problem[] {
  const { type, bits, passphraseKey } = given ?? {};
  const problems: Problem[] = [];
  if (type !== 'rsa' && type !== 'ed25519') {
    problems.push({
      property: `${property}.privateKey.type`,
      value: type,
      message: 'is not a type of key',
      remedy: "give 'rsa' or 'ed25519'",
    });
  }
  if (bits !== undefined && (type !== 'rsa' || !Number.isInteger(bits) || bits < 2048 || bits > 8192)) {
    problems.push({
      property: `${property}.privateKey.bits`,
      value: bits,
      message: 'is not the length of an RSA key',
      remedy:
        type === 'rsa' ? 'give 2048 to 8192, such as 4096' : 'leave it out: ed25519 keys have one length',
    });
  }
  return [...problems, ...referenceProblems(property, passphraseKey, 'password', keys)];
}

function publicKeyProblems(
  property: string,
  given: { readonly of?: string; readonly format?: string } | undefined,
  keys: Generators,
): Problem[] {
  const { of, format } = given ?? {};
  const problems: Problem[] = [];
  if (format !== 'pem' && format !== 'openssh') {
    problems.push({
      property: `${property}.publicKey.format`,
      value: format,
      message: 'is not a format',
      remedy: "give 'pem' or 'openssh'",
    });
  }
  return [...problems, ...referenceProblems(property, of ?? '', 'privateKey', keys)];
}

/** Whether another key of the same Secret is there, and is made in the right way. */
function referenceProblems(
  property: string,
  key: string | undefined,
  kind: 'password' | 'privateKey',
  keys: Generators,
): Problem[] {
  if (key === undefined) return [];
  if (!Object.hasOwn(keys, key)) {
    const remedy = `name one of ${Object.keys(keys).join(', ')}`;
    return [{ property, value: key, message: 'is not a key of this Secret', remedy }];
  }
  const generator: unknown = keys[key];
  if (typeof generator !== 'object' || generator === null || kind in generator) return [];
  const what = kind === 'password' ? 'a password' : 'a private key';
  return [{ property, value: key, message: `is not ${what}`, remedy: `name a key that is made as ${what}` }];
}
