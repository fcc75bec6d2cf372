import type { Construct } from 'constructs';
import type { Secret } from 'kubernetes-types/core/v1.d.ts';
import { GeneratedSecret, type SecretGenerator } from './generated-secret.ts';
import { KeelsonAnnotations } from './labels.ts';
import { isDnsSubdomain } from './names.ts';
import { kubeObject } from './object.ts';
import { hidden, reportProblem } from './problem.ts';

/** One key of a Secret in the namespace of what uses it. */
export interface SecretReference {
  /** The Secret's name. */
  readonly secretName: string;
  /** The key of the value in it. */
  readonly key: string;
  /** Whether what uses it also runs without it. */
  readonly optional: boolean;
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
    return new ExistingSecret({ secretName, key, optional: options.optional ?? false });
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
   * @param id the construct id, and the name, of a Secret that has to be made
   * @param property the property through which the source came, for errors
   * @param namespace the namespace of what uses the value; the chart's unless given
   */
  abstract bind(scope: Construct, id: string, property: string, namespace?: string): SecretReference;
}

class ExistingSecret extends SecretSource {
  private readonly reference: SecretReference;

  constructor(reference: SecretReference) {
    super();
    this.reference = reference;
  }

  bind(scope: Construct, _id: string, property: string): SecretReference {
    const { secretName, key } = this.reference;
    if (!isDnsSubdomain(secretName)) {
      reportProblem(scope, {
        property,
        // It may be the secret itself.
        value: hidden,
        message: 'is not a valid Secret name',
        remedy: 'give the name of a Secret: lower-case letters, digits, "-" and "."',
      });
    }
    if (!/^[-._a-zA-Z0-9]{1,253}$/.test(key)) {
      reportProblem(scope, {
        property,
        value: hidden,
        message: 'is not a valid key of a Secret',
        remedy: 'give a key of letters, digits, "-", "_" and "."',
      });
    }
    return this.reference;
  }
}

class GeneratedValue extends SecretSource {
  private readonly generator: SecretGenerator;

  constructor(generator: SecretGenerator) {
    super();
    this.generator = generator;
  }

  bind(scope: Construct, id: string, _property: string, namespace?: string): SecretReference {
    const keys = { value: this.generator };
    return new GeneratedSecret(scope, id, { keys, ...(namespace !== undefined && { namespace }) }).reference(
      'value',
    );
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

  bind(scope: Construct, id: string, property: string, namespace?: string): SecretReference {
    if (!this.#reason) {
      reportProblem(scope, {
        property,
        value: hidden,
        message: 'would stand in plain text in the manifest',
        remedy: 'use SecretSource.existing or SecretSource.generated, or give the reason as allowPlaintext',
      });
      return { secretName: id, key: 'value', optional: false };
    }
    kubeObject<Secret>(scope, id, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: id,
        ...(namespace !== undefined && { namespace }),
        annotations: { [KeelsonAnnotations.PLAINTEXT_REASON]: this.#reason },
      },
      type: 'Opaque',
      stringData: { value: this.#value },
    });
    return { secretName: id, key: 'value', optional: false };
  }
}
