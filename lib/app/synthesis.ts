import { type ApiObject, type App, Chart } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { isDeferred } from '../kubernetes/deferred.ts';
import { toDnsLabel } from '../kubernetes/names.ts';
import { formatProblem, oneLine, warningsOf } from '../kubernetes/problem.ts';
import { SynthesisError } from './errors.ts';
import { duplicateProblem, identity, objectProblems } from './object-problems.ts';
import { assignWaves, DependencyCycleError, type Placed } from './order.ts';
import { type KubernetesObject, MANIFEST, render, renderHead, type Transform } from './render.ts';
import type { Span, Spool } from './spool.ts';
import { yamlDocument } from './yaml.ts';

/** An object, by what tells it apart. */
export interface ObjectReference {
  /** Group and version of its kind. */
  readonly apiVersion: string;
  /** Its kind. */
  readonly kind: string;
  /** Its namespace; undefined where it is in none. */
  readonly namespace: string | undefined;
  /** Its name. */
  readonly name: string;
}

/** An object, rendered and checked. Its text is a part of its chart's. */
export interface SynthesizedObject extends ObjectReference {
  readonly wave: number;
  /** Its construct. */
  readonly source: ApiObject;
}

/** A chart's objects in the order of applying them. */
export interface SynthesizedChart {
  readonly name: string;
  /** A name for its folder or file. */
  readonly folder: string;
  readonly objects: readonly SynthesizedObject[];
  /** All documents in the spool, with {@link SEPARATOR} between them. */
  readonly text: Span;
  /** The length in bytes of each object's document. */
  readonly lengths: readonly number[];
}

/** What stands between the documents of a chart. */
export const SEPARATOR = '---\n';

export interface Synthesis {
  readonly charts: readonly SynthesizedChart[];
  /** All constructs, parents first. */
  readonly constructs: readonly IConstruct[];
  readonly warnings: readonly string[];
}

/**
 * Renders and checks a whole app, looking at each construct once.
 *
 * @param spool takes the texts
 * @param rendered takes the objects, where texts in them may be unknown yet; without it, such a text is a mistake
 * @throws SynthesisError with everything that is wrong
 */
export function synthesize(
  app: App,
  transform: Transform | undefined,
  spool: Pick<Spool, 'append' | 'end'>,
  rendered?: Map<ApiObject, KubernetesObject>,
): Synthesis {
  const constructs = app.node.findAll();
  const problems = constructs.flatMap((construct) =>
    construct.node.validate().map((problem) => `${pathOf(construct)}: ${problem}`),
  );
  const checks = new ObjectChecks(transform, rendered);
  const charts = ordered(byChart(constructs), problems).map(({ chart, members }): SynthesizedChart => {
    const start = spool.end;
    const objects: SynthesizedObject[] = [];
    const lengths: number[] = [];
    for (const { object, wave } of place(members, problems).sort(byWave)) {
      const document = checks.synthesize(object, wave);
      if (document === undefined) continue;
      if (objects.length > 0) spool.append(SEPARATOR);
      objects.push(document.object);
      lengths.push(spool.append(document.yaml));
    }
    const text = { start, length: spool.end - start };
    return { name: chart.node.path, folder: toDnsLabel(chart.node.path), objects, text, lengths };
  });
  problems.push(...checks.problems());
  // What can't even be rendered is so because of what has been said already, or else has to be said.
  if (problems.length === 0) problems.push(...checks.accidents());
  if (problems.length > 0) throw new SynthesisError([...new Set(problems)]);
  const warnings = constructs.flatMap((construct) =>
    warningsOf(construct).map((warning) => `${pathOf(construct)}: ${warning}`),
  );
  return { charts, constructs, warnings };
}

const DEFERRED_PROBLEM = formatProblem({
  property: 'manifest',
  value: 'an Output',
  message: 'holds what only Pulumi knows',
  remedy: 'register the program with a KeelsonComponent of keelson/pulumi, or give the text itself',
});

/** Renders objects, one after the other, and keeps what is wrong with them. */
class ObjectChecks {
  readonly #transform: Transform | undefined;
  /** The construct that makes each object of the cluster. */
  readonly #owners = new Map<string, ApiObject>();
  /** Each problem with the objects that have it: one mistake is often found in every object of a namespace. */
  readonly #problems = new Map<string, string[]>();
  readonly #accidents: string[] = [];
  readonly #rendered: Map<ApiObject, KubernetesObject> | undefined;

  constructor(transform: Transform | undefined, rendered: Map<ApiObject, KubernetesObject> | undefined) {
    this.#transform = transform;
    this.#rendered = rendered;
  }

  synthesize(object: ApiObject, wave: number): { object: SynthesizedObject; yaml: string } | undefined {
    try {
      const whole = this.#transform !== undefined || this.#rendered !== undefined;
      const json = whole ? this.#whole(object) : renderHead(object);
      if (json === undefined) return undefined;
      const yaml = whole ? yamlDocument(json, MANIFEST) : write(json, object);
      for (const problem of objectProblems(json, yaml, () => render(object))) this.#report(object, problem);
      if (this.#rendered === undefined && isDeferred(yaml)) this.#report(object, DEFERRED_PROBLEM);
      this.#rendered?.set(object, json);
      this.#claim(json, object);
      const { apiVersion, kind, metadata } = json;
      const reference = {
        apiVersion,
        kind,
        namespace: metadata.namespace,
        name: metadata.name,
        wave,
        source: object,
      };
      return { object: reference, yaml };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      // A transform and a changed pod speak for themselves, and our own writer tells what to write instead.
      const changed = this.#transform !== undefined || Object.hasOwn(object, 'toJson');
      const problem =
        changed || message.includes(': cannot write ')
          ? message
          : formatProblem({
              property: 'manifest',
              value: message,
              message: "can't be rendered",
              remedy: 'give plain values, and functions that return them',
            });
      this.#accidents.push(`${pathOf(object)}: ${problem}`);
      return undefined;
    }
  }

  #whole(object: ApiObject): KubernetesObject | undefined {
    const json = render(object);
    return this.#transform === undefined ? json : this.#transform(json, object);
  }

  /** Objects that could not be rendered, each with the reason. */
  accidents(): readonly string[] {
    return this.#accidents;
  }

  problems(): string[] {
    return [...this.#problems].map(([problem, [first, ...more]]) => {
      if (more.length === 0) return `${first}: ${problem}`;
      return `${first}: ${problem} (and so with ${more.length} more ${more.length === 1 ? 'object' : 'objects'})`;
    });
  }

  #claim(json: KubernetesObject, object: ApiObject): void {
    const key = identity(json);
    const owner = this.#owners.get(key);
    if (owner === undefined) this.#owners.set(key, object);
    else this.#report(object, duplicateProblem(json, owner.node.path));
  }

  #report(object: ApiObject, problem: string): void {
    const path = pathOf(object);
    const paths = this.#problems.get(problem);
    if (paths === undefined) this.#problems.set(problem, [path]);
    else paths.push(path);
  }
}

/** What can't be read where it lies is rendered by cdk8s, which knows more kinds of tokens, or says what is wrong. */
function write(json: KubernetesObject, object: ApiObject): string {
  try {
    return yamlDocument(json, MANIFEST);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return yamlDocument(render(object), MANIFEST);
  }
}

function ordered<T extends { readonly chart: Chart; readonly members: readonly IConstruct[] }>(
  groups: readonly T[],
  problems: string[],
): readonly T[] {
  try {
    return chartOrder(groups);
  } catch (error) {
    if (!(error instanceof DependencyCycleError)) throw error;
    problems.push(error.message);
    return groups;
  }
}

function place(members: readonly IConstruct[], problems: string[]): Placed<ApiObject>[] {
  try {
    return assignWaves(members);
  } catch (error) {
    if (!(error instanceof DependencyCycleError)) throw error;
    problems.push(error.message);
    return [];
  }
}

/** The constructs of each chart, charts in the order in which they were made, an inner chart apart from its outer one. */
function byChart(constructs: readonly IConstruct[]): { chart: Chart; members: IConstruct[] }[] {
  const groups = new Map<IConstruct, { chart: Chart; members: IConstruct[] }>();
  const groupOf = new Map<IConstruct, { chart: Chart; members: IConstruct[] }>();
  for (const construct of constructs) {
    const scope = construct.node.scope;
    let group = scope && groupOf.get(scope);
    if (Chart.isChart(construct)) {
      group = { chart: construct, members: [] };
      groups.set(construct, group);
    }
    if (group === undefined) continue;
    group.members.push(construct);
    groupOf.set(construct, group);
  }
  return [...groups.values()];
}

/**
 * Charts that others depend on, with any of their constructs, come first; otherwise the order stays.
 *
 * @throws DependencyCycleError where there is no such order
 */
function chartOrder<T extends { readonly chart: Chart; readonly members: readonly IConstruct[] }>(
  groups: readonly T[],
): T[] {
  const byConstruct = new Map<IConstruct, T>(groups.map((group) => [group.chart, group]));
  /** The charts within a construct. */
  const within = new Map<IConstruct, T[]>();
  for (const group of groups) {
    for (const scope of group.chart.node.scopes.slice(0, -1)) {
      const known = within.get(scope);
      if (known === undefined) within.set(scope, [group]);
      else known.push(group);
    }
  }
  const open = new Set<T>();
  const done = new Set<T>();
  const visit = (group: T): void => {
    if (done.has(group)) return;
    if (open.has(group)) throw new DependencyCycleError([...open, group].map(({ chart }) => chart.node.path));
    open.add(group);
    for (const target of group.members.flatMap(({ node }) => node.dependencies)) {
      const needed = [
        byConstruct.get(Chart.of(target)),
        ...(isAbove(target, group.chart) ? [] : (within.get(target) ?? [])),
      ];
      for (const other of needed) if (other !== undefined && other !== group) visit(other);
    }
    open.delete(group);
    done.add(group);
  };
  for (const group of groups) visit(group);
  return [...done];
}

function isAbove(construct: IConstruct, chart: Chart): boolean {
  return chart.node.scopes.includes(construct);
}

function byWave(a: Placed<ApiObject>, b: Placed<ApiObject>): number {
  return a.wave - b.wave || compare(a.object.kind, b.object.kind) || compare(a.object.name, b.object.name);
}

/** By code unit, whatever the locale. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function pathOf(construct: IConstruct): string {
  return construct.node.path === '' ? 'app' : oneLine(construct.node.path);
}
