// Writes test/kubernetes/schemas/definitions.jsonl, from which test/kubernetes/validator.ts knows what Kubernetes
// accepts: `npm run schemas`, needed only for a new minor or patch, or a new API group.
//
// It starts a real API server of each minor, reads the OpenAPI v3 documents of the groups below and reduces them to
// what validation needs: no descriptions, no status, only what can be created and what that refers to. Each line of
// the file is one definition from one minor on, in a fixed order, so that a change reads as a diff.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Api } from '../test/cluster/api.ts';
import { startControlPlane } from '../test/cluster/control-plane.ts';
import { Processes } from '../test/cluster/processes.ts';
import {
  type Definition,
  type Kind,
  type KubernetesVersion,
  kubernetesVersions,
  type Schema,
} from '../test/kubernetes/validator.ts';

/** The patches to read: a minor gains no fields in them. */
const releases: Readonly<Record<KubernetesVersion, string>> = {
  '1.30': '1.30.14',
  '1.32': '1.32.13',
  '1.34': '1.34.4',
  '1.36': '1.36.3',
};

const groups = [
  'api/v1',
  'apis/admissionregistration.k8s.io/v1',
  'apis/apps/v1',
  'apis/autoscaling/v2',
  'apis/batch/v1',
  'apis/coordination.k8s.io/v1',
  'apis/networking.k8s.io/v1',
  'apis/node.k8s.io/v1',
  'apis/policy/v1',
  'apis/rbac.authorization.k8s.io/v1',
  'apis/scheduling.k8s.io/v1',
  'apis/storage.k8s.io/v1',
] as const;

/** The part of an OpenAPI v3 schema that API servers use. */
interface OpenApiSchema
  extends Omit<
    Schema,
    'default' | 'format' | 'items' | 'additionalProperties' | 'properties' | 'x-kubernetes-list-type'
  > {
  readonly allOf?: readonly [OpenApiSchema];
  readonly oneOf?: readonly OpenApiSchema[];
  readonly format?: string;
  readonly default?: unknown;
  readonly items?: OpenApiSchema;
  readonly additionalProperties?: OpenApiSchema;
  readonly properties?: Readonly<Record<string, OpenApiSchema>>;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-group-version-kind'?: unknown;
}

interface Operation {
  readonly requestBody?: { readonly content: { readonly '*/*'?: { readonly schema: OpenApiSchema } } };
  readonly 'x-kubernetes-group-version-kind'?: {
    readonly group: string;
    readonly version: string;
    readonly kind: string;
  };
}

interface OpenApi {
  readonly components: { readonly schemas: Readonly<Record<string, OpenApiSchema>> };
  readonly paths: Readonly<Record<string, { readonly post?: Operation }>>;
}

/** A definition as one API server has it. */
type Accepted = Omit<Definition, 'from'>;

/** Definitions that any object satisfies. */
const free = /\.(RawExtension|FieldsV1)$/;

/** What one API server accepts, by name. */
function reduce(documents: readonly OpenApi[]): Map<string, Accepted> {
  const all = new Map(documents.flatMap((document) => Object.entries(document.components.schemas)));
  const kinds = new Map(documents.flatMap((document) => Object.entries(document.paths).flatMap(kindOf)));
  const result = new Map<string, Accepted>();
  const wanted = [...kinds.keys()];
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    const source = all.get(name);
    if (!source) throw new Error(`${name} is referred to and not defined`);
    if (result.has(name)) continue;
    const schema = reduceSchema(name, source, all, (referred) => wanted.push(referred));
    result.set(name, { name, ...kinds.get(name), schema });
  }
  return result;
}

function kindOf([path, { post }]: [string, { readonly post?: Operation }]): [string, Kind][] {
  const reference = post?.requestBody?.content['*/*']?.schema;
  const id = post?.['x-kubernetes-group-version-kind'];
  if (!reference || !id || path.includes('{name}')) return [];
  const apiVersion = id.group === '' ? id.version : `${id.group}/${id.version}`;
  return [
    [referred(reference) ?? '', { apiVersion, kind: id.kind, namespaced: path.includes('{namespace}') }],
  ];
}

function reduceSchema(
  name: string,
  source: OpenApiSchema,
  all: ReadonlyMap<string, OpenApiSchema>,
  refer: (name: string) => void,
): Schema {
  const part = (schema: OpenApiSchema): Schema => reduceSchema(name, schema, all, refer);
  const target = referred(source);
  if (target !== undefined) {
    const simple = simpleSchema(target, all.get(target));
    if (simple) return simple;
    refer(target);
    return { $ref: target };
  }
  const { type, format, properties, additionalProperties, items, enum: values, required } = source;
  if (type === undefined || source.oneOf)
    throw new Error(`${name}: a shape that is not known yet: ${JSON.stringify(source)}`);
  const isFree = type === 'object' && !properties && !additionalProperties;
  if (isFree && !free.test(name)) throw new Error(`${name}: an object without fields`);
  return {
    type,
    ...(format !== undefined && { format: format as NonNullable<Schema['format']> }),
    ...(values && { enum: [...values].sort() }),
    ...(typeof source.default === 'string' && source.default !== '' && { default: source.default }),
    ...(required && { required: [...required].sort() }),
    ...(properties && { properties: fields(source, part) }),
    ...(additionalProperties && { additionalProperties: part(additionalProperties) }),
    ...(items && { items: part(items) }),
    ...(source['x-kubernetes-list-type'] === 'set' && { 'x-kubernetes-list-type': 'set' as const }),
    ...(source['x-kubernetes-list-map-keys'] && {
      'x-kubernetes-list-map-keys': source['x-kubernetes-list-map-keys'],
    }),
    ...((isFree || source['x-kubernetes-preserve-unknown-fields']) && {
      'x-kubernetes-preserve-unknown-fields': true as const,
    }),
  };
}

/** A kind's status is not for a manifest. */
function fields(source: OpenApiSchema, part: (schema: OpenApiSchema) => Schema): Record<string, Schema> {
  const isKind = source['x-kubernetes-group-version-kind'] !== undefined;
  const names = Object.keys(source.properties ?? {}).filter((name) => !(isKind && name === 'status'));
  return Object.fromEntries(names.sort().map((name) => [name, part(source.properties?.[name] ?? {})]));
}

/** Definitions that are not objects stand where they are referred to. */
function simpleSchema(name: string, source: OpenApiSchema | undefined): Schema | undefined {
  if (name.endsWith('.IntOrString')) return { format: 'int-or-string' };
  if (name.endsWith('.Quantity')) return { format: 'quantity' };
  if (name.endsWith('.MicroTime')) return { type: 'string', format: 'micro-time' };
  if (name.endsWith('.Time')) return { type: 'string', format: 'date-time' };
  if (source?.type !== 'object') throw new Error(`${name} is neither an object nor known`);
  return undefined;
}

function referred(schema: OpenApiSchema): string | undefined {
  const reference = schema.$ref ?? schema.allOf?.[0].$ref;
  return reference?.replace('#/components/schemas/', '');
}

/** One definition for as long as it stays the same. */
function merge(reduced: ReadonlyMap<KubernetesVersion, Map<string, Accepted>>): Definition[] {
  const names = new Set([...reduced.values()].flatMap((definitions) => [...definitions.keys()]));
  const lines: Definition[] = [];
  for (const name of [...names].sort()) {
    let before = JSON.stringify({ name, schema: null });
    for (const [from, definitions] of reduced) {
      const definition = definitions.get(name) ?? { name, schema: null };
      const text = JSON.stringify(definition);
      const { schema, ...head } = definition;
      if (text !== before) lines.push({ ...head, from, schema });
      before = text;
    }
  }
  return lines;
}

async function read(version: string): Promise<OpenApi[]> {
  const directory = await mkdtemp(join(tmpdir(), 'keelson-schemas-'));
  const processes = new Processes(join(directory, 'logs'));
  try {
    const { kubeconfig } = await startControlPlane({ version, directory, processes });
    const api = await Api.connect(kubeconfig);
    const { gitVersion } = await api.get<{ gitVersion: string }>('/version');
    if (gitVersion !== `v${version}`) throw new Error(`asked for Kubernetes ${version}, got ${gitVersion}`);
    return await Promise.all(groups.map((group) => api.get<OpenApi>(`/openapi/v3/${group}`)));
  } finally {
    await processes.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

const accepted = new Map<KubernetesVersion, Map<string, Accepted>>();
for (const version of kubernetesVersions) accepted.set(version, reduce(await read(releases[version])));
const lines = merge(accepted).map((definition) => `${JSON.stringify(definition)}\n`);
const file = new URL('../test/kubernetes/schemas/definitions.jsonl', import.meta.url);
await writeFile(file, lines.join(''));
console.log(`${lines.length} definitions of Kubernetes ${Object.values(releases).join(', ')}`);
