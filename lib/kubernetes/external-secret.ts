import { Duration } from 'cdk8s';
import type { Construct } from 'constructs';
import { durationProblems } from './durations.ts';
import { isDnsSubdomain } from './names.ts';
import { kubeObject, lazy } from './object.ts';
import { hidden, type Problem, reportProblem, reportProblems } from './problem.ts';
import { type SecretBinding, secretNameProblems } from './secret-binding.ts';
import { SharedSecrets } from './shared-secrets.ts';

/** A store of External Secrets: a vault, a cloud's secret manager, and how to log in there. */
export interface ExternalSecretStore {
  /** The store's name. */
  readonly name: string;
  /**
   * Whether the store is in the namespace of the Secret or serves all namespaces.
   * @default 'SecretStore'
   */
  readonly kind?: 'SecretStore' | 'ClusterSecretStore';
}

/** Options of {@link SecretSource.externalSecret}. */
export interface ExternalSecretOptions {
  /** The store that holds the value. */
  readonly store: ExternalSecretStore;
  /** The value's name in the store, such as a path in Vault. */
  readonly remoteKey: string;
  /**
   * The property of what the store holds under that name.
   * @default - all of it
   */
  readonly property?: string;
  /**
   * The version of what the store holds.
   * @default - the newest
   */
  readonly version?: string;
  /**
   * How the store's value is decoded.
   * @default 'None'
   */
  readonly decodingStrategy?: 'None' | 'Base64' | 'Base64URL' | 'Auto';
  /**
   * How often the store is asked again, in whole seconds; zero for once.
   * @default Duration.hours(1)
   */
  readonly refreshInterval?: Duration;
  /**
   * Whether the Secret goes with the ExternalSecret (`Owner`) or stays (`Orphan`).
   * @default 'Owner'
   */
  readonly creationPolicy?: 'Owner' | 'Orphan';
  /**
   * The name of the ExternalSecret and of its Secret. Sources with one name share the Secret, each with a
   * key of its own.
   * @default - a name after what uses it
   */
  readonly name?: string;
  /**
   * The value's key in the Secret.
   * @default - `value`, or what the Secret's type asks for
   */
  readonly key?: string;
}

/** https://external-secrets.io/latest/api/spec/ */
interface ExternalSecret {
  apiVersion: 'external-secrets.io/v1';
  kind: 'ExternalSecret';
  metadata: { name: string; namespace?: string };
  spec: {
    secretStoreRef: { name: string; kind: string };
    refreshInterval: string;
    target: {
      name: string;
      creationPolicy: string;
      deletionPolicy: string;
      template?: { type: string; engineVersion: string; mergePolicy: string };
    };
    data: { secretKey: string; remoteRef: RemoteReference }[];
  };
}

interface RemoteReference {
  key: string;
  property?: string;
  version?: string;
  conversionStrategy: string;
  decodingStrategy: string;
  metadataPolicy: string;
}

type Shared = Pick<ExternalSecret['spec'], 'secretStoreRef' | 'refreshInterval' | 'target'>;

interface Target {
  /** What all keys of a Secret have in common. */
  readonly shared: Shared;
  readonly keys: Map<string, RemoteReference>;
}

const TARGETS = new SharedSecrets<Target>();

/** Makes an ExternalSecret for a value, or adds the value to the one that has its name. */
export function externalSecret(
  scope: Construct,
  id: string,
  given: ExternalSecretOptions | undefined,
  { property, namespace, type, key, name }: SecretBinding,
): void {
  const options: Partial<ExternalSecretOptions> = given ?? {};
  const problems = [...optionProblems(property, options), ...secretNameProblems(property, name, key)];
  reportProblems(scope, problems);
  if (problems.length > 0) return;
  const shared = sharedPart(name, type, options);
  const remote = remoteReference(options);
  const target = TARGETS.of(scope, namespace, name, () => {
    const keys = new Map<string, RemoteReference>();
    kubeObject<ExternalSecret>(scope, id, {
      apiVersion: 'external-secrets.io/v1',
      kind: 'ExternalSecret',
      metadata: { name, ...(namespace !== undefined && { namespace }) },
      spec: lazy(() => ({
        ...shared,
        data: [...keys].map(([secretKey, remoteRef]) => ({ secretKey, remoteRef })),
      })),
    });
    return { shared, keys };
  });
  const other = target.keys.get(key);
  target.keys.set(key, other ?? remote);
  if (other !== undefined && !same(other, remote)) {
    reportProblem(scope, {
      property: `${property}.key`,
      value: key,
      message: `is a key of the Secret ${name} that another source makes`,
      remedy: 'give each of the sources that share a name a key of its own',
    });
  }
  if (same(target.shared, shared)) return;
  reportProblem(scope, {
    property: `${property}.name`,
    value: name,
    message: 'is the name of a source with another store, interval, policy or type',
    remedy: 'give sources that share a Secret the same ones, or give this one another name',
  });
}

// The defaults of the CRD are written out: tools that compare with what is stored would see them as drift.
function sharedPart(name: string, type: string | undefined, options: Partial<ExternalSecretOptions>): Shared {
  const { store, refreshInterval = Duration.hours(1), creationPolicy = 'Owner' } = options;
  return {
    secretStoreRef: { name: store?.name ?? '', kind: store?.kind ?? 'SecretStore' },
    refreshInterval: goDuration(refreshInterval.toSeconds()),
    target: {
      name,
      creationPolicy,
      deletionPolicy: 'Retain',
      // A template without data keeps the values as they are.
      ...(type !== undefined && { template: { type, engineVersion: 'v2', mergePolicy: 'Replace' } }),
    },
  };
}

function remoteReference(options: Partial<ExternalSecretOptions>): RemoteReference {
  const { remoteKey = '', property, version, decodingStrategy = 'None' } = options;
  return {
    key: remoteKey,
    ...(property !== undefined && { property }),
    ...(version !== undefined && { version }),
    conversionStrategy: 'Default',
    decodingStrategy,
    metadataPolicy: 'None',
  };
}

/** As Go writes a duration, and so the controller. */
function goDuration(seconds: number): string {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (hours > 0) return `${hours}h${minutes}m${seconds % 60}s`;
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function optionProblems(property: string, options: Partial<ExternalSecretOptions>): Problem[] {
  const { store, remoteKey, refreshInterval } = options;
  const problems: Problem[] = [];
  if (typeof store?.name !== 'string' || !isDnsSubdomain(store.name)) {
    problems.push({
      property: `${property}.store.name`,
      value: store?.name,
      message: 'is not a valid name of a store',
      remedy: "give the name of a SecretStore or ClusterSecretStore, such as { name: 'vault' }",
    });
  }
  problems.push(
    ...choiceProblems(`${property}.store.kind`, store?.kind, ['SecretStore', 'ClusterSecretStore']),
    ...choiceProblems(`${property}.creationPolicy`, options.creationPolicy, ['Owner', 'Orphan']),
    ...choiceProblems(`${property}.decodingStrategy`, options.decodingStrategy, [
      'None',
      'Base64',
      'Base64URL',
      'Auto',
    ]),
    ...textProblems(`${property}.remoteKey`, remoteKey ?? ''),
    ...textProblems(`${property}.property`, options.property),
    ...textProblems(`${property}.version`, options.version),
  );
  if (refreshInterval !== undefined && !(refreshInterval instanceof Duration)) {
    problems.push({
      property: `${property}.refreshInterval`,
      value: refreshInterval,
      message: 'is not a Duration',
      remedy: 'give one, such as Duration.hours(1)',
    });
    return problems;
  }
  return [...problems, ...durationProblems(`${property}.refreshInterval`, refreshInterval, 0, 366 * 86_400)];
}

function choiceProblems(property: string, value: string | undefined, choices: readonly string[]): Problem[] {
  if (value === undefined || choices.includes(value)) return [];
  return [{ property, value, message: 'is not one of the choices', remedy: `give ${choices.join(' or ')}` }];
}

/** What is given may be the secret itself, so it is not shown. */
function textProblems(property: string, value: unknown): Problem[] {
  if (value === undefined || (typeof value === 'string' && value !== '')) return [];
  return [
    {
      property,
      value: hidden,
      message: 'is not a text',
      remedy: 'give the name under which the store holds the value',
    },
  ];
}
