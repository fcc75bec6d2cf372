import { type ApiObject, type App, Chart } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { toDnsLabel } from '../kubernetes/names.ts';
import { warningsOf } from '../kubernetes/problem.ts';
import { SynthesisError } from './errors.ts';
import type { Transform } from './keelson-app.ts';
import { duplicateProblem, identity, objectProblems } from './object-problems.ts';
import { assignWaves, DependencyCycleError, type Placed } from './order.ts';
import { type KubernetesObject, MANIFEST, render, renderHead } from './render.ts';
import { yamlDocument } from './yaml.ts';

/** An object, rendered and checked. Of its body only the text is kept, or large apps would not fit in memory. */
export interface SynthesizedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly yaml: Buffer;
  readonly wave: number;
  /** The path of its construct. */
  readonly path: string;
}

/** A chart's objects in the order of applying them. */
export interface SynthesizedChart {
  readonly name: string;
  /** A name for its folder or file. */
  readonly folder: string;
  readonly objects: readonly SynthesizedObject[];
}

export interface Synthesis {
  readonly charts: readonly SynthesizedChart[];
  /** All constructs, parents first. */
  readonly constructs: readonly IConstruct[];
  readonly warnings: readonly string[];
}

/**
 * Renders and checks a whole app, looking at each construct once.
 *
 * @throws SynthesisError with everything that is wrong
 */
export function synthesize(app: App, transform: Transform | undefined): Synthesis {
  const constructs = app.node.findAll();
  const problems = constructs.flatMap((construct) =>
    construct.node.validate().map((problem) => `${pathOf(construct)}: ${problem}`),
  );
  const owners = new Map<string, string>();
  const charts = byChart(constructs).map(({ chart, members }): SynthesizedChart => {
    const placed = place(members, problems);
    const objects = placed.flatMap(({ object, wave }) =>
      synthesizeObject(object, wave, transform, owners, problems),
    );
    objects.sort(byWave);
    return { name: chart.node.path, folder: toDnsLabel(chart.node.path), objects };
  });
  if (problems.length > 0) throw new SynthesisError([...new Set(problems)]);
  const warnings = constructs.flatMap((construct) =>
    warningsOf(construct).map((warning) => `${pathOf(construct)}: ${warning}`),
  );
  return { charts, constructs, warnings };
}

function synthesizeObject(
  object: ApiObject,
  wave: number,
  transform: Transform | undefined,
  owners: Map<string, string>,
  problems: string[],
): SynthesizedObject[] {
  const path = object.node.path;
  try {
    const json = transform === undefined ? renderHead(object) : transform(render(object), object);
    if (json === undefined) return [];
    const yaml = write(json, object, transform !== undefined);
    for (const problem of objectProblems(json, yaml, () => render(object)))
      problems.push(`${path}: ${problem}`);
    const key = identity(json);
    const owner = owners.get(key);
    if (owner === undefined) owners.set(key, path);
    else problems.push(`${path}: ${duplicateProblem(json, owner)}`);
    const { apiVersion, kind, metadata } = json;
    return [
      {
        apiVersion,
        kind,
        namespace: metadata.namespace,
        name: metadata.name,
        yaml: Buffer.from(yaml),
        wave,
        path,
      },
    ];
  } catch (error) {
    problems.push(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}

/** What can't be read where it lies is rendered by cdk8s, which knows more kinds of tokens, or says what is wrong. */
function write(json: KubernetesObject, object: ApiObject, rendered: boolean): string {
  if (rendered) return yamlDocument(json, MANIFEST);
  try {
    return yamlDocument(json, MANIFEST);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return yamlDocument(render(object), MANIFEST);
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
  return chartOrder([...groups.values()]);
}

/** Charts that others depend on come first; otherwise the order stays. */
function chartOrder<T extends { readonly chart: Chart }>(groups: readonly T[]): T[] {
  const byConstruct = new Map<IConstruct, T>(groups.map((group) => [group.chart, group]));
  const done = new Set<T>();
  const ordered: T[] = [];
  const visit = (group: T): void => {
    if (done.has(group)) return;
    done.add(group);
    for (const target of group.chart.node.dependencies) {
      const needed = byConstruct.get(target);
      if (needed !== undefined) visit(needed);
    }
    ordered.push(group);
  };
  for (const group of groups) visit(group);
  return ordered;
}

function byWave(a: SynthesizedObject, b: SynthesizedObject): number {
  return a.wave - b.wave || compare(a.kind, b.kind) || compare(a.name, b.name);
}

/** By code unit, whatever the locale. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function pathOf(construct: IConstruct): string {
  return construct.node.path === '' ? 'app' : construct.node.path;
}
