import { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { KeelsonAnnotations } from '../kubernetes/labels.ts';
import { secretUsesOf } from '../kubernetes/secret-use.ts';
import { type KubernetesObject, renderFinal } from './render.ts';

/**
 * Who makes a Secret: you, before it is needed, or somebody of whom the program does not know; the
 * platform's controller; External Secrets or Sealed Secrets; or the manifest, in which its values stand.
 */
export type SecretMaker = 'you' | 'controller' | 'external-secrets' | 'sealed-secrets' | 'manifest';

/** What reads a Secret. */
export interface SecretReader {
  /** The path of the construct. */
  readonly path: string;
  /** The property by which the construct was told of the Secret, such as `env.TOKEN`. */
  readonly property: string;
  /** The key that it reads; undefined where it reads all of them. */
  readonly key: string | undefined;
  /** Whether it also works without. */
  readonly optional: boolean;
}

/** A Secret that a program reads or makes. */
export interface ExpectedSecret {
  /** Its namespace; undefined where whoever applies the manifests chooses it. */
  readonly namespace: string | undefined;
  /** Its name. */
  readonly name: string;
  /** Its type. */
  readonly type: string;
  /** The keys that are made or read, sorted; empty where a reader takes whatever keys there are. */
  readonly keys: readonly string[];
  /** Who makes it. */
  readonly madeBy: SecretMaker;
  /** Whether every reader also works without it. */
  readonly optional: boolean;
  /** What reads it, in the order of the program. */
  readonly readers: readonly SecretReader[];
}

interface Found {
  readonly namespace: string | undefined;
  readonly name: string;
  type: string | undefined;
  madeBy: SecretMaker;
  readonly keys: Set<string>;
  readonly readers: SecretReader[];
}

/**
 * The Secrets that the constructs below one read or make, sorted by namespace and name. None of them is
 * looked at: what is listed follows from the program alone, and no value is in it.
 *
 * @param scope an app, a chart, or any other construct
 * @example
 * for (const { namespace, name, madeBy } of expectedSecrets(app)) {
 *   if (madeBy === 'you') console.log(`${namespace}/${name}`);
 * }
 */
export function expectedSecrets(scope: IConstruct): readonly ExpectedSecret[] {
  const secrets = new Map<string, Found>();
  const find = (namespace: string | undefined, name: string): Found => {
    const id = `${namespace ?? ''}/${name}`;
    const secret: Found = secrets.get(id) ?? {
      namespace,
      name,
      type: undefined,
      madeBy: 'you',
      keys: new Set(),
      readers: [],
    };
    secrets.set(id, secret);
    return secret;
  };
  for (const construct of scope.node.findAll()) {
    for (const { secretName, namespace, key, type, property, optional } of secretUsesOf(construct)) {
      const secret = find(namespace, secretName);
      if (key !== undefined) secret.keys.add(key);
      secret.type ??= type;
      secret.readers.push({ path: construct.node.path, property, key, optional });
    }
    const made = ApiObject.isApiObject(construct) ? madeSecret(construct) : undefined;
    if (made === undefined) continue;
    const secret = find(made.namespace, made.name);
    secret.madeBy = made.madeBy;
    secret.type = made.type ?? secret.type;
    for (const key of made.keys) secret.keys.add(key);
  }
  return [...secrets.values()].sort(byPlace).map(({ namespace, name, type, keys, madeBy, readers }) => ({
    namespace,
    name,
    type: type ?? 'Opaque',
    keys: [...keys].sort(),
    madeBy,
    optional: readers.length > 0 && readers.every(({ optional }) => optional),
    readers,
  }));
}

/**
 * The kubectl command with which a person makes a Secret. It has the names of files and no values: each
 * `FILE` stands for one that holds the value of the key before it.
 */
export function createSecretCommand({ namespace, name, type, keys }: ExpectedSecret): string {
  const inNamespace = namespace === undefined ? [] : [`--namespace ${quoted(namespace)}`];
  if (type === 'kubernetes.io/tls') {
    return ['kubectl', ...inNamespace, `create secret tls ${quoted(name)} --cert=FILE --key=FILE`].join(' ');
  }
  const files = keys.map((key) => `--from-file=${quoted(key)}=FILE`);
  return [
    'kubectl',
    ...inNamespace,
    `create secret generic ${quoted(name)}`,
    ...(type === 'Opaque' ? [] : [`--type=${quoted(type)}`]),
    // What takes whatever keys there are takes them as variables.
    ...(files.length === 0 ? ['--from-env-file=FILE'] : files),
  ].join(' ');
}

/** The names of Kubernetes need no quotes; a name that is none could be anything. */
function quoted(text: string): string {
  return /^[A-Za-z0-9._/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

interface Made {
  readonly namespace: string | undefined;
  readonly name: string;
  readonly type: string | undefined;
  readonly madeBy: SecretMaker;
  readonly keys: readonly string[];
}

const KINDS: ReadonlySet<string> = new Set(['Secret', 'ExternalSecret', 'SealedSecret']);

function madeSecret(construct: ApiObject): Made | undefined {
  if (!KINDS.has(construct.kind)) return undefined;
  const object = renderFinal(construct);
  if (object === undefined) return undefined;
  const { namespace, name } = object.metadata;
  const place = { namespace, name };
  switch (`${object.apiVersion.split('/')[0]} ${object.kind}`) {
    case 'v1 Secret':
      return { ...place, ...plainSecret(object) };
    case 'external-secrets.io ExternalSecret': {
      const { target = {}, data = [] } = (object['spec'] ?? {}) as ExternalSecretSpec;
      const keys = data.flatMap(({ secretKey }) => secretKey ?? []);
      const type = target.template?.type;
      return { namespace, name: target.name ?? name, type, madeBy: 'external-secrets', keys };
    }
    case 'bitnami.com SealedSecret': {
      const { encryptedData = {}, template } = (object['spec'] ?? {}) as SealedSecretSpec;
      return { ...place, type: template?.type, madeBy: 'sealed-secrets', keys: Object.keys(encryptedData) };
    }
    default:
      return undefined;
  }
}

interface ExternalSecretSpec {
  readonly target?: { readonly name?: string; readonly template?: { readonly type?: string } };
  readonly data?: readonly { readonly secretKey?: string }[];
}

interface SealedSecretSpec {
  readonly encryptedData?: Readonly<Record<string, string>>;
  readonly template?: { readonly type?: string };
}

function plainSecret(object: KubernetesObject): Omit<Made, 'namespace' | 'name'> {
  const { data, stringData, type } = object as { data?: object; stringData?: object; type?: string };
  const recipe = object.metadata.annotations?.[KeelsonAnnotations.GENERATE];
  if (recipe !== undefined) return { type, madeBy: 'controller', keys: Object.keys(JSON.parse(recipe)) };
  return { type, madeBy: 'manifest', keys: Object.keys({ ...data, ...stringData }) };
}

function byPlace(a: Found, b: Found): number {
  return compare(a.namespace ?? '', b.namespace ?? '') || compare(a.name, b.name);
}

/** By code unit, whatever the locale. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
