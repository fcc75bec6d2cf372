import { type Output, secret } from '@pulumi/pulumi';
import type { Construct } from 'constructs';
import type { Secret } from 'kubernetes-types/core/v1.d.ts';
import { kubeObject } from '../kubernetes/object.ts';
import {
  DEFAULT_KEY,
  type SecretBindOptions,
  type SecretReference,
  SecretSource,
} from '../kubernetes/secret-source.ts';
import { asString } from './as-string.ts';

/**
 * A credential that a Pulumi program knows, such as a value of its configuration: it is put into a Secret of the
 * cluster, and is encrypted in Pulumi's state.
 *
 * @param output the value; it counts as a secret whether it is one already or not
 * @example
 * const config = new pulumi.Config();
 * GitCredential.token(secretOutput(config.requireSecret('gitToken')));
 */
export function secretOutput(output: Output<string>): SecretSource {
  return new OutputSecret(asString(secret(output)));
}

class OutputSecret extends SecretSource {
  readonly #text: string;

  constructor(text: string) {
    super();
    this.#text = text;
  }

  protected resolve(
    scope: Construct,
    id: string,
    _property: string,
    { namespace, type = 'Opaque', key = DEFAULT_KEY }: SecretBindOptions,
  ): SecretReference {
    kubeObject<Secret>(scope, id, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: id, ...(namespace !== undefined && { namespace }) },
      type,
      stringData: { [key]: this.#text },
    });
    return { secretName: id, key, optional: false };
  }
}
