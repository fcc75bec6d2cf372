// Registers a program with Pulumi's own mocks in the place of its engine, and tells what was registered.
import * as pulumi from '@pulumi/pulumi';
import type { KeelsonApp } from 'keelson';
import { KeelsonComponent, type KeelsonComponentArgs } from 'keelson/pulumi';

/** A resource as the engine was told of it. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  /** What it was given, secrets too. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** The URN of its provider. */
  readonly provider: string;
  /** What of it is secret, such as `stringData.value`. */
  readonly secrets: readonly string[];
}

const registered: Registered[] = [];

/** What each resource waits for, by its kind and name. */
const dependencies = new Map<string, pulumi.CustomResourceOptions['dependsOn']>();

/** The kinds and names of what the newest resource of a kind and name waits for, such as `ConfigMap ci/ns/a`. */
export async function dependenciesOf(kind: string, name: string): Promise<readonly string[]> {
  const key = `${kind} ${name}`;
  if (!dependencies.has(key)) throw new Error(`no ${key} was registered`);
  const found = await valueIn(pulumi.output(dependencies.get(key) ?? []));
  const urns = await Promise.all(
    [found].flat().map((resource) => valueIn((resource as pulumi.Resource).urn)),
  );
  return urns.map((urn) => urn.replace(/^.*:(\w+)::/, '$1 '));
}

const noteDependencies: pulumi.ResourceTransformation = ({ type, name, opts }) => {
  dependencies.set(`${type.split(':').at(-1)} ${name}`, opts.dependsOn);
  return undefined;
};

/** Has the process register at mocks, as in a preview or an update. What they answer is what they were given. */
export function useMocks({ preview = false }: { readonly preview?: boolean } = {}): void {
  void pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs, provider = '' }) => {
        const secrets: string[] = [];
        const plain = withoutSecrets(inputs, [], secrets) as Registered['inputs'];
        registered.push({ type, name, inputs: plain, provider, secrets });
        // Before a resource is there, nobody knows its id.
        return { id: preview ? undefined : `${name}-id`, state: inputs };
      },
      call: () => ({}),
    },
    'project',
    'stack',
    preview,
  );
}

/** The key by which Pulumi marks a value on the wire, and its mark of a secret. */
const MARK = '4dabf18193072939515e22adb298388d';
const SECRET = '1b47061264138c4ac30d75fd1eb44270';

function withoutSecrets(value: unknown, path: readonly string[], secrets: string[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value))
    return value.map((item, index) => withoutSecrets(item, [...path, `${index}`], secrets));
  const fields = value as Readonly<Record<string, unknown>>;
  if (fields[MARK] === SECRET) {
    secrets.push(path.join('.'));
    return withoutSecrets(fields['value'], path, secrets);
  }
  const entries = Object.entries(fields);
  return Object.fromEntries(
    entries.map(([key, inner]) => [key, withoutSecrets(inner, [...path, key], secrets)]),
  );
}

export interface Outcome<T> {
  readonly component: KeelsonComponent<T>;
  /** The Kubernetes objects, in the order in which they came. */
  readonly objects: readonly Registered[];
  readonly resources: readonly Registered[];
}

/** What a program registers, after all of it has arrived. */
export async function registeredBy<T>(
  program: (app: KeelsonApp) => T,
  args: Omit<KeelsonComponentArgs<T>, 'program'> = {},
  opts: pulumi.ComponentResourceOptions = {},
): Promise<Outcome<T>> {
  registered.length = 0;
  const component = new KeelsonComponent(
    'ci',
    { program, ...args },
    { ...opts, transformations: [noteDependencies] },
  );
  await arrived(component.resources);
  const resources = [...registered];
  const objects = resources.filter(({ type }) => type.startsWith('kubernetes:'));
  return { component, objects, resources };
}

/** The Kubernetes objects that a module registers, after all of them have arrived. */
export async function registeredIn(load: () => Promise<unknown>): Promise<readonly Registered[]> {
  registered.length = 0;
  await load();
  let before = -1;
  // Outputs settle one after the other.
  while (before < registered.length) {
    before = registered.length;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  return registered.filter(({ type }) => type.startsWith('kubernetes:'));
}

/** Waits until resources have been answered. */
export function arrived(resources: readonly pulumi.CustomResource[]): Promise<unknown> {
  return Promise.all(resources.map(({ urn }) => valueIn(urn)));
}

/** The value of an Output. */
export function valueIn<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolve) => {
    output.apply((value) => resolve(value as T));
  });
}
