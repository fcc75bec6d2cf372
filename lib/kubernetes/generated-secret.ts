import { type ApiObject, Chart } from 'cdk8s';
import { Construct } from 'constructs';
import type { Secret } from 'kubernetes-types/core/v1.d.ts';
import { KeelsonAnnotations } from './labels.ts';
import { Notes } from './notes.ts';
import { kubeObject } from './object.ts';
import { reportProblem } from './problem.ts';
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
        /** Modulus length of an RSA key. */
        readonly bits?: number;
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

  constructor(scope: Construct, id: string, props: GeneratedSecretProps) {
    super(scope, id);
    this.secretName = props.name ?? id;
    SECRETS.add(Chart.of(this), this);
    this.#checkKeys(props.keys);
    this.secret = kubeObject<Secret>(this, 'Resource', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: this.secretName,
        ...(props.namespace !== undefined && { namespace: props.namespace }),
        annotations: { [KeelsonAnnotations.GENERATE]: JSON.stringify(props.keys) },
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

  #checkKeys(keys: Readonly<Record<string, SecretGenerator>>): void {
    for (const [key, generator] of Object.entries(keys)) {
      const other =
        'privateKey' in generator
          ? generator.privateKey.passphraseKey
          : 'publicKey' in generator
            ? generator.publicKey.of
            : undefined;
      if (!/^[-._a-zA-Z0-9]{1,253}$/.test(key)) {
        reportProblem(this, {
          property: 'keys',
          value: key,
          message: 'is not a valid key of a Secret',
          remedy: 'use letters, digits, "-", "_" and "."',
        });
      }
      if ('password' in generator) this.#checkLength(key, generator.password.length);
      if (other !== undefined && !Object.hasOwn(keys, other)) {
        reportProblem(this, {
          property: `keys.${key}`,
          value: other,
          message: 'is not a key of this Secret',
          remedy: `name one of ${Object.keys(keys).join(', ')}`,
        });
      }
    }
  }

  #checkLength(key: string, length: number): void {
    if (Number.isInteger(length) && length >= 8 && length <= 1024) return;
    reportProblem(this, {
      property: `keys.${key}.password.length`,
      value: length,
      message: 'is not the length of a password',
      remedy: 'give 8 to 1024 characters, such as 32',
    });
  }
}
