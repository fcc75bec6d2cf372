import type { Construct } from 'constructs';
import { kubeObject, lazy } from './object.ts';
import { hidden, type Problem, problemsWhenKnown, reportProblem, reportProblems } from './problem.ts';
import { type SecretBinding, secretNameProblems } from './secret-binding.ts';
import { SharedSecrets } from './shared-secrets.ts';

/**
 * Where a sealed value may be unsealed: in the Secret of the name and namespace that it was sealed for, in
 * any Secret of that namespace, or anywhere.
 */
export type SealedSecretScope = 'strict' | 'namespace-wide' | 'cluster-wide';

/** Options of {@link SecretSource.sealed}. */
export interface SealedSecretOptions {
  /**
   * The name of the SealedSecret and of its Secret: the one that was given to kubeseal. Sources with one
   * name share the Secret, each with a key of its own.
   */
  readonly name: string;
  /** What `kubeseal --raw` prints. Only the controller of Sealed Secrets in the cluster can read it. */
  readonly encryptedValue: string;
  /**
   * The scope that was given to kubeseal.
   * @default 'strict'
   */
  readonly scope?: SealedSecretScope;
  /**
   * The value's key in the Secret.
   * @default - `value`, or what the Secret's type asks for
   */
  readonly key?: string;
}

const SCOPES: readonly SealedSecretScope[] = ['strict', 'namespace-wide', 'cluster-wide'];

/** https://github.com/bitnami-labs/sealed-secrets/blob/main/helm/sealed-secrets/crds/bitnami.com_sealedsecrets.yaml */
interface SealedSecret {
  apiVersion: 'bitnami.com/v1alpha1';
  kind: 'SealedSecret';
  metadata: { name: string; namespace?: string; annotations?: Record<string, string> };
  spec: {
    encryptedData: Record<string, string>;
    template: { metadata?: { annotations: Record<string, string> }; type: string };
  };
}

interface Sealed {
  readonly scope: SealedSecretScope;
  readonly type: string;
  readonly values: Map<string, string>;
}

const SEALED = new SharedSecrets<Sealed>();

/** Makes a SealedSecret for a value, or adds the value to the one that has its name. */
export function sealedSecret(
  construct: Construct,
  id: string,
  given: SealedSecretOptions | undefined,
  { property, namespace, type = 'Opaque', key, name }: SecretBinding,
): void {
  const { scope = 'strict', encryptedValue } = given ?? { encryptedValue: '' };
  const problems = [
    ...secretNameProblems(property, name, key),
    ...scopeProblems(`${property}.scope`, scope),
    ...valueProblems(`${property}.encryptedValue`, encryptedValue),
  ];
  reportProblems(construct, problems);
  if (problems.length > 0) return;
  const sealed = SEALED.of(construct, namespace, name, () => {
    const values = new Map<string, string>();
    const annotations = scope === 'strict' ? undefined : { [`sealedsecrets.bitnami.com/${scope}`]: 'true' };
    kubeObject<SealedSecret>(construct, id, {
      apiVersion: 'bitnami.com/v1alpha1',
      kind: 'SealedSecret',
      metadata: {
        name,
        ...(namespace !== undefined && { namespace }),
        ...(annotations !== undefined && { annotations }),
      },
      spec: lazy(() => ({
        encryptedData: Object.fromEntries(values),
        template: { ...(annotations !== undefined && { metadata: { annotations } }), type },
      })),
    });
    return { scope, type, values };
  });
  const other = sealed.values.get(key);
  sealed.values.set(key, other ?? encryptedValue);
  if (other !== undefined && other !== encryptedValue) {
    reportProblem(construct, {
      property: `${property}.key`,
      value: key,
      message: `is a key of the Secret ${name} that another source makes`,
      remedy: 'give each of the sources that share a name a key of its own',
    });
  }
  if (sealed.scope === scope && sealed.type === type) return;
  reportProblem(construct, {
    property: `${property}.name`,
    value: name,
    message: 'is the name of a source with another scope or type',
    remedy: 'give sources that share a Secret the same ones, or give this one another name',
  });
}

function scopeProblems(property: string, scope: SealedSecretScope): Problem[] {
  if (SCOPES.includes(scope)) return [];
  return [{ property, value: scope, message: 'is not a scope', remedy: `give ${SCOPES.join(', ')}` }];
}

/** The bytes that AES-GCM adds to a text. */
const TAG = 16;

/**
 * A sealed value is base64 of: the length of an RSA ciphertext in two bytes, that ciphertext, which is as
 * long as the key's modulus, and the value with a tag. Plain text in base64 is nothing like it.
 *
 * @see https://github.com/bitnami-labs/sealed-secrets/blob/main/docs/developer/crypto.md
 */
function valueProblems(property: string, value: unknown): Problem[] {
  return problemsWhenKnown(property, value, (known) => {
    if (typeof known === 'string' && isSealed(known)) return [];
    return [
      {
        property,
        value: hidden,
        message: 'is not a value that kubeseal has sealed, and might be readable by anybody',
        remedy: 'give what `kubeseal --raw` prints',
      },
    ];
  });
}

function isSealed(text: string): boolean {
  if (!/^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) return false;
  const bytes = Buffer.from(text, 'base64');
  const modulus = bytes.readUInt16BE(0);
  // Keys of 2048 to 16384 bits.
  return modulus >= 256 && modulus <= 2048 && bytes.length >= 2 + modulus + TAG;
}
