import { Chart } from 'cdk8s';
import type { Construct } from 'constructs';
import type { Secret } from 'kubernetes-types/core/v1.d.ts';
import { type ExternalSecretOptions, externalSecret } from './external-secret.ts';
import { GeneratedSecret, type SecretGenerator } from './generated-secret.ts';
import { KeelsonAnnotations } from './labels.ts';
import { kubeObject } from './object.ts';
import { hidden, reportProblem, reportProblems } from './problem.ts';
import { type SealedSecretOptions, sealedSecret } from './sealed-secret.ts';
import { secretNameProblems } from './secret-binding.ts';
import { declareSecretUse } from './secret-use.ts';

/** One key of a Secret in the namespace of what uses it. */
export interface SecretReference {
  /** The Secret's name. */
  readonly secretName: string;
  /** The key of the value in it. */
  readonly key: string;
  /** Whether what uses it also runs without it. */
  readonly optional: boolean;
}

/** What the user of a value asks of the Secret that holds it. */
export interface SecretBindOptions {
  /**
   * The namespace of what uses the value.
   * @default - the chart's
   */
  readonly namespace?: string;
  /**
   * The type that the Secret has to have, such as `kubernetes.io/dockerconfigjson`.
   * @default - any
   */
  readonly type?: string;
  /**
   * The key under which the value has to be, such as `.dockerconfigjson`.
   * @default - whatever key the source has
   */
  readonly key?: string;
  /**
   * Whether what uses the value also runs without it, whatever the source says.
   * @default false
   */
  readonly optional?: boolean;
}

/** Options of {@link SecretSource.existing}. */
export interface ExistingSecretOptions {
  /**
   * Whether what uses the secret also runs without it.
   * @default false
   */
  readonly optional?: boolean;
}

/** Options of {@link SecretSource.literal}. */
export interface LiteralSecretOptions {
  /** Why this value may stand in plain text in a manifest, for example `test-only credentials`. */
  readonly allowPlaintext: string;
}

/**
 * Where a secret value comes from. Everything that takes a credential takes one of these, so that no
 * value has to stand in a program or a manifest.
 *
 * @example
 * SecretSource.existing('release-github-token', 'github_token')
 */
export abstract class SecretSource {
  /** A key of a Secret that somebody else makes in the namespace, for example with kubectl. */
  static existing(secretName: string, key: string, options: ExistingSecretOptions = {}): SecretSource {
    return new ExistingSecret({ secretName, key, optional: options?.optional ?? false });
  }

  /**
   * A value that the platform's controller makes in the cluster, once. The synthesized Secret is empty.
   *
   * @param generator what kind of value; a password of 32 letters and digits unless given
   */
  static generated(generator: SecretGenerator = { password: { length: 32 } }): SecretSource {
    return new GeneratedValue(generator);
  }

  /**
   * A value in a vault or a cloud's secret manager, which External Secrets copies into the cluster. The
   * synthesized ExternalSecret says where it is found.
   *
   * @see https://external-secrets.io
   * @example
   * SecretSource.externalSecret({ store: { name: 'vault' }, remoteKey: 'ci/git', property: 'token' })
   */
  static externalSecret(options: ExternalSecretOptions): SecretSource {
    return new ExternalSecretValue(options);
  }

  /**
   * A value that was encrypted with kubeseal for the controller of Sealed Secrets, and so may stand in a
   * manifest.
   *
   * @see https://github.com/bitnami-labs/sealed-secrets
   * @example
   * // kubeseal --raw --namespace ci --name git --from-file=/dev/stdin
   * SecretSource.sealed({ name: 'git', key: 'token', encryptedValue: 'AgBy3i4OJSWK…' })
   */
  static sealed(options: SealedSecretOptions): SecretSource {
    return new SealedValue(options);
  }

  /**
   * A value that stands in plain text in the manifest. It is refused without a reason.
   *
   * @param value the value; it is shown in no error
   */
  static literal(value: string, options: LiteralSecretOptions): SecretSource {
    return new LiteralSecret(value, options);
  }

  /**
   * Makes what the source needs below `scope` and says where the value is found.
   *
   * @param scope the construct that uses the value
   * @param id the construct id, and the name unless the source has one, of a Secret that has to be made
   * @param property the property through which the source came, for errors and lists of Secrets
   * @param options what the Secret has to be like
   */
  bind(scope: Construct, id: string, property: string, options: SecretBindOptions = {}): SecretReference {
    const resolved = this.resolve(scope, id, property, options);
    const reference = { ...resolved, optional: resolved.optional || (options.optional ?? false) };
    if (options.key !== undefined && reference.key !== options.key) {
      reportProblem(scope, {
        property,
        value: hidden,
        message: `has another key than ${options.key}, which is the one that is read`,
        remedy: `put the value under the key ${options.key}`,
      });
    }
    declareSecretUse(scope, {
      secretName: reference.secretName,
      namespace: options.namespace ?? Chart.of(scope).namespace,
      key: reference.key,
      type: options.type,
      property,
      optional: reference.optional,
    });
    return reference;
  }

  /** Makes what the source needs, and says where the value is found. */
  protected abstract resolve(
    scope: Construct,
    id: string,
    property: string,
    options: SecretBindOptions,
  ): SecretReference;
}

/** The key of a Secret that is made for one value, unless something asks for another. */
export const DEFAULT_KEY = 'value';

class ExistingSecret extends SecretSource {
  private readonly reference: SecretReference;

  constructor(reference: SecretReference) {
    super();
    this.reference = reference;
  }

  protected resolve(scope: Construct, _id: string, property: string): SecretReference {
    const { secretName, key } = this.reference;
    reportProblems(scope, secretNameProblems(property, secretName, key));
    return this.reference;
  }
}

class GeneratedValue extends SecretSource {
  private readonly generator: SecretGenerator;

  constructor(generator: SecretGenerator) {
    super();
    this.generator = generator;
  }

  protected resolve(
    scope: Construct,
    id: string,
    property: string,
    { namespace, type, key = DEFAULT_KEY }: SecretBindOptions,
  ): SecretReference {
    if (type !== undefined && type !== 'Opaque') {
      reportProblem(scope, {
        property,
        value: type,
        message: "is a type of Secret that can't be made up",
        remedy: 'use SecretSource.existing, externalSecret or sealed',
      });
    }
    const keys = { [key]: this.generator };
    return new GeneratedSecret(scope, id, { keys, ...(namespace !== undefined && { namespace }) }).reference(
      key,
    );
  }
}

class ExternalSecretValue extends SecretSource {
  readonly #options: ExternalSecretOptions | undefined;

  constructor(options: ExternalSecretOptions | undefined) {
    super();
    this.#options = options;
  }

  protected resolve(
    scope: Construct,
    id: string,
    property: string,
    { namespace, type, key: wanted }: SecretBindOptions,
  ): SecretReference {
    const { name = id, key = wanted ?? DEFAULT_KEY } = this.#options ?? {};
    externalSecret(scope, id, this.#options, { property, namespace, type, name, key });
    return { secretName: name, key, optional: false };
  }
}

class SealedValue extends SecretSource {
  // It may hold plain text, until it has been checked.
  readonly #options: SealedSecretOptions | undefined;

  constructor(options: SealedSecretOptions | undefined) {
    super();
    this.#options = options;
  }

  protected resolve(
    scope: Construct,
    id: string,
    property: string,
    { namespace, type, key: wanted }: SecretBindOptions,
  ): SecretReference {
    // A name is part of what was sealed, so that none can be made up.
    const { name = '', key = wanted ?? DEFAULT_KEY } = this.#options ?? {};
    sealedSecret(scope, id, this.#options, { property, namespace, type, name, key });
    return { secretName: name, key, optional: false };
  }
}

class LiteralSecret extends SecretSource {
  readonly #value: string;
  readonly #reason: string | undefined;

  constructor(value: string, options: LiteralSecretOptions | undefined) {
    super();
    this.#value = value;
    this.#reason = options?.allowPlaintext;
  }

  protected resolve(
    scope: Construct,
    id: string,
    property: string,
    { namespace, type = 'Opaque', key = DEFAULT_KEY }: SecretBindOptions,
  ): SecretReference {
    const reference: SecretReference = { secretName: id, key, optional: false };
    if (!this.#reason) {
      reportProblem(scope, {
        property,
        value: hidden,
        message: 'would stand in plain text in the manifest',
        remedy: 'use SecretSource.existing or SecretSource.generated, or give the reason as allowPlaintext',
      });
      return reference;
    }
    kubeObject<Secret>(scope, id, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: id,
        ...(namespace !== undefined && { namespace }),
        annotations: { [KeelsonAnnotations.PLAINTEXT_REASON]: this.#reason },
      },
      type,
      stringData: { [key]: this.#value },
    });
    return reference;
  }
}
