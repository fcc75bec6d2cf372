import type { CopiedSecretConfiguration } from '../agent/configuration.ts';
import type { KubernetesObject } from '../app/render.ts';
import { whenKnown } from '../kubernetes/deferred.ts';
import { hasValue } from './listener-template.ts';

/** What the pods of a listener refer to and its template does not make: the controller copies it. */
export interface ListenerCopies {
  readonly copySecrets: readonly CopiedSecretConfiguration[];
  readonly copyConfigMaps: readonly string[];
}

/** Reads what the pods among the objects refer to. */
export function listenerCopies(objects: readonly KubernetesObject[]): ListenerCopies {
  const made = new Set(
    objects.filter((object) => !hasValue(object)).map(({ kind, metadata }) => `${kind} ${metadata.name}`),
  );
  const secrets = new Map<string, Set<string> | undefined>();
  const configMaps = new Set<string>();
  const note: Noted = {
    secret: (name, keys) => {
      const known = secrets.has(name) ? secrets.get(name) : new Set<string>();
      secrets.set(name, keys && known && new Set([...known, ...keys]));
    },
    configMap: (name) => configMaps.add(name),
  };
  for (const { kind, ...body } of objects) if (kind === 'Deployment') look(body, note);
  return {
    copySecrets: [...secrets]
      .filter(([name]) => !made.has(`Secret ${name}`))
      .map(([secretName, keys]) => ({
        secretName,
        ...(keys !== undefined && { keys: whenKnown([...keys], sorted) }),
      })),
    // Every namespace has this one from Kubernetes.
    copyConfigMaps: [...configMaps].filter(
      (name) => name !== 'kube-root-ca.crt' && !made.has(`ConfigMap ${name}`),
    ),
  };
}

interface Noted {
  /** Keys are undefined where all are needed. */
  secret(name: string, keys: readonly string[] | undefined): void;
  configMap(name: string): void;
}

interface Reference {
  readonly name?: string;
  readonly secretName?: string;
  readonly key?: string;
  readonly items?: readonly { readonly key: string }[];
}

/** The fields of a pod that refer to Secrets and ConfigMaps, wherever they stand. */
function look(node: unknown, note: Noted): void {
  if (typeof node !== 'object' || node === null) return;
  for (const [field, value] of Object.entries(node)) {
    const { name, secretName, key, items } = (value ?? {}) as Reference;
    switch (field) {
      case 'secretKeyRef':
        note.secret(name ?? '', key === undefined ? undefined : [key]);
        break;
      case 'secretRef':
        note.secret(name ?? '', undefined);
        break;
      case 'secret':
        note.secret(
          secretName ?? name ?? '',
          items?.map((item) => item.key),
        );
        break;
      case 'imagePullSecrets':
        for (const one of value as readonly Reference[]) note.secret(one.name ?? '', undefined);
        break;
      case 'configMapKeyRef':
      case 'configMapRef':
      case 'configMap':
        note.configMap(name ?? '');
        break;
      default:
        look(value, note);
    }
  }
}

function sorted(keys: readonly string[]): string[] {
  return [...keys].sort();
}
