// A mark that a program puts on every object and every pod is on all of them in the files that it writes: on those
// that stand in manifests, and on those that stand in the configuration, for the controller to make. They are found in
// the bytes, by what they look like, and counted.
import { ApiObject } from 'cdk8s';
import type { IConstruct, IMixin } from 'constructs';
import { JobTemplate, KeelsonApp, type KubernetesObject, PodMixin, type Transform } from 'keelson';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { setTransform } from '../lib/app/render.ts';
import type { Synthesized } from './support/synthesized.ts';
import { variants } from './support/variants.ts';

const OBJECT = 'example.com/object';
const POD = 'example.com/pod';
const MARK = { [OBJECT]: 'marked-object' };
const POD_MARK = { [POD]: 'marked-pod' };

type Fields = Readonly<Record<string, unknown>>;

/** Marks every object: those that a program makes, and those of job templates. */
const markObjects: IMixin = {
  supports: (construct: IConstruct) =>
    ApiObject.isApiObject(construct) || JobTemplate.of(construct) !== undefined,
  applyTo: (construct: IConstruct) => {
    if (ApiObject.isApiObject(construct)) construct.metadata.addLabel(OBJECT, MARK[OBJECT]);
    JobTemplate.of(construct)?.addChange((object) => withLabel(object));
  },
};
const markPods = new PodMixin(({ metadata, spec }) => ({
  spec,
  metadata: { ...metadata, annotations: { ...metadata.annotations, ...POD_MARK } },
}));
/** The same by the other way. */
const markBoth: Transform = (object) => withPodMark(withLabel(object)) as KubernetesObject;

function withLabel<T extends { readonly metadata: object }>(object: T): T {
  const { labels } = object.metadata as { readonly labels?: object };
  return { ...object, metadata: { ...object.metadata, labels: { ...labels, ...MARK } } };
}

/** With the mark on whatever has the containers of a pod in its `spec`. */
function withPodMark(node: unknown): unknown {
  if (!isFields(node)) return node;
  if (isPod(node)) {
    const metadata = (node['metadata'] ?? {}) as { readonly annotations?: object };
    return { ...node, metadata: { ...metadata, annotations: { ...metadata.annotations, ...POD_MARK } } };
  }
  return Object.fromEntries(Object.entries(node).map(([field, value]) => [field, withPodMark(value)]));
}

function isFields(node: unknown): node is Fields {
  return node !== null && typeof node === 'object' && !Array.isArray(node);
}

function isObject(node: Fields): boolean {
  return (
    typeof node['apiVersion'] === 'string' && typeof node['kind'] === 'string' && isFields(node['metadata'])
  );
}

function isPod(node: Fields): boolean {
  return isFields(node['spec']) && Array.isArray(node['spec']['containers']);
}

/** A node of what was written, and where it is: fields, with a dot for each element of a list. */
interface Found {
  readonly at: string;
  readonly node: Fields;
}

/** What was written, with documents that stand in strings in the place of those. */
interface Written {
  readonly text: string;
  readonly documents: readonly unknown[];
  readonly found: readonly Found[];
}

function written({ files }: Synthesized): Written {
  const manifests = [...files].filter(
    ([path]) => path.endsWith('.yaml') && !path.endsWith('kustomization.yaml'),
  );
  const text = manifests.map(([, content]) => content).join('\n');
  const documents = manifests.flatMap(([, content]) =>
    parseAllDocuments(content).map((document) => decoded(document.toJS())),
  );
  return { text, documents, found: documents.flatMap((document) => all(document)) };
}

/** A value with every text that is a JSON document replaced by what it says. */
function decoded(value: unknown): unknown {
  if (typeof value === 'string') {
    if (!/^\s*[[{]/.test(value)) return value;
    try {
      return decoded(JSON.parse(value));
    } catch {
      return value;
    }
  }
  if (Array.isArray(value)) return value.map(decoded);
  if (!isFields(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([field, one]) => [field, decoded(one)]));
}

function all(value: unknown, at = ''): Found[] {
  if (Array.isArray(value)) return value.flatMap((one) => all(one, `${at}.`));
  if (!isFields(value)) return [];
  const below = Object.entries(value).flatMap(([field, one]) => all(one, `${at}/${field}`));
  return [{ at, node: value }, ...below];
}

const objectsOf = ({ found }: Written): Found[] => found.filter(({ node }) => isObject(node));
const podsOf = ({ found }: Written): Found[] => found.filter(({ node }) => isPod(node));
const count = ({ text }: Written, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

/** What was written without the marks and without the hash of a listener's template, which they change. */
function unmarked({ documents }: Written): string {
  return JSON.stringify(documents, (key, value) => {
    if (!isFields(value)) return value;
    const kept = Object.entries(value).filter(([field]) => field !== OBJECT && field !== POD);
    if (kept.length === 0 && Object.keys(value).length > 0) return undefined;
    if (key === 'metadata' && kept.every(([, one]) => isFields(one) && onlyMarks(one))) return undefined;
    const fields = Object.fromEntries(kept);
    if (key === 'handOver' && 'listener' in fields) fields['version'] = '';
    if (key === 'annotations' && 'keelson.dev/listener-version' in fields) {
      fields['keelson.dev/listener-version'] = '';
    }
    return fields;
  });
}

const onlyMarks = (map: Fields): boolean => Object.keys(map).every((key) => key === OBJECT || key === POD);

/** Where in the configuration of a pipeline objects stand. */
const PLACES = [
  'builds.handOver/listener',
  'images.jobTemplate',
  'releases.images.jobTemplate',
  'releases.jobs.jobTemplate',
];

function placeOf({ at }: Found): string {
  return at.replace('/data/pipeline.json/', '').replaceAll('./', '.').replace(/\.$/, '');
}

const plain = new Map<string, Written>();
/** The constructs with a job template of each variant, by their class. */
const templates = new Map<string, readonly string[]>();

beforeAll(() => {
  for (const [name, synthesize] of variants) {
    const output = synthesizedWith(synthesize, (app) => {
      const makers = app.node.findAll().filter((construct) => JobTemplate.of(construct) !== undefined);
      templates.set(
        name,
        makers.map((maker) => maker.constructor.name),
      );
    });
    plain.set(name, written(output));
  }
}, 60_000);
afterEach(() => vi.restoreAllMocks());

/** A variant's output, where something is done to its app just before synthesis. */
function synthesizedWith(synthesize: () => Synthesized, before: (app: KeelsonApp) => void): Synthesized {
  const synth = KeelsonApp.prototype.synth;
  const spy = vi.spyOn(KeelsonApp.prototype, 'synth').mockImplementation(function (this: KeelsonApp) {
    before(this);
    return synth.call(this);
  });
  const output = synthesize();
  spy.mockRestore();
  return output;
}

describe.each([...variants])('in %s', (name, synthesize) => {
  const without = (): Written => plain.get(name) as Written;

  test('what is looked at is all that the bytes hold', () => {
    const { found } = without();
    expect(found.filter(({ node }) => 'apiVersion' in node).length).toBe(
      count(without(), /\bapiVersion\\*"?:/g),
    );
    expect(podsOf(without()).length).toBe(count(without(), /\bcontainers\\*"?:/g));
    expect(objectsOf(without()).length).toBeGreaterThan(podsOf(without()).length);
  });

  test('every job template is that of a construct', () => {
    const all = without().found.flatMap(({ node }) =>
      'jobTemplate' in node && 'name' in node ? [node] : [],
    );
    expect(all.length).toBe(templates.get(name)?.length);
  });

  test.each<[string, (app: KeelsonApp) => void]>([
    ['mixins mark', (app) => app.with(markObjects, markPods)],
    ['a transform marks', (app) => setTransform(app, markBoth)],
  ])('%s every object and every pod, once, and nothing else is changed', (_how, mark) => {
    const marked = written(synthesizedWith(synthesize, mark));
    const [objects, pods] = [objectsOf(marked), podsOf(marked)];
    const missed = [
      ...objects.filter(({ node }) => !has(node, 'labels', MARK)),
      ...pods.filter(({ node }) => !has(node, 'annotations', POD_MARK)),
    ];
    expect(missed.map(({ at, node }) => `${at} ${JSON.stringify(node['metadata'])}`)).toEqual([]);
    expect([objects.length, pods.length]).toEqual([objectsOf(without()).length, podsOf(without()).length]);
    expect(count(marked, /marked-object/g)).toBe(objects.length);
    expect(count(marked, /marked-pod/g)).toBe(pods.length);
    expect(unmarked(marked)).toBe(unmarked(without()));
  });
});

function has(node: Fields, map: 'labels' | 'annotations', mark: Readonly<Record<string, string>>): boolean {
  const marks = (node['metadata'] as Fields)[map] as Fields | undefined;
  return Object.entries(mark).every(([key, value]) => marks?.[key] === value);
}

test('the variants have objects in every place of the configuration, and everything that has a job template', () => {
  const inside = [...plain.values()].flatMap((one) => objectsOf(one).filter(({ at }) => at !== ''));
  expect([...new Set(inside.map(placeOf))].sort()).toEqual(PLACES);
  const makers = new Set([...templates.values()].flat());
  expect([...makers].sort()).toEqual([
    'BuildKitBuilder',
    'BuildahBuilder',
    'GitHubRelease',
    'ImageCopy',
    'KanikoBuilder',
    'MakisuBuilder',
  ]);
});
