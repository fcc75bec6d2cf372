import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubernetesObject } from 'keelson';
import { goBuild, goVersion } from '../tools.ts';
import type { Workload } from '../workload.ts';
import { LAYOUTS, type Layout, type Peer } from './peer.ts';
import { yamlTemplate } from './templates.ts';

export const HELM_VERSION = 'v3.19.0';

/**
 * `helm template --output-dir` on a chart of the same documents. Helm writes a file for each file of
 * templates: so the objects are named templates, and each output has a file that includes one or all of them.
 */
export function helmFiles(): Peer {
  const chart = new HelmChart();
  return {
    id: 'helm',
    title: 'helm template --output-dir',
    layouts: LAYOUTS,
    limit: Number.POSITIVE_INFINITY,
    prepare: (workload, directory) => chart.prepare(workload, directory),
    prepareSize: (pipelines, layout) => chart.writeFiles(pipelines, layout),
    command: (_pipelines, _layout, outdir) => chart.command('--output-dir', outdir),
  };
}

/**
 * The usual chart: a loop over the pipelines, and one stream of all objects. It writes one file where the
 * others write one per pipeline, so it is the least that helm can take.
 */
export function helmStream(): Peer {
  const chart = new HelmChart();
  return {
    id: 'helm-stream',
    title: 'helm template, range, one stream',
    layouts: ['pipeline'],
    limit: Number.POSITIVE_INFINITY,
    prepare: (workload, directory) => chart.prepare(workload, directory),
    prepareSize: (pipelines) => chart.writeLoop(pipelines),
    command: (_pipelines, _layout, outdir) => [
      'bash',
      '-c',
      'mkdir "$1" && cd "$1" && shift && exec "$@" > all.yaml',
      'helm',
      outdir,
      ...chart.command(),
    ],
  };
}

class HelmChart {
  #binary = '';
  #directory = '';
  #workload: Workload | undefined;

  async prepare(workload: Workload, directory: string): Promise<{ skipped: string } | undefined> {
    const go = await goVersion();
    if (go === undefined) return { skipped: 'there is no go command' };
    try {
      this.#binary = await goBuild('helm', 'helm.sh/helm/v3/cmd/helm', `helm-${HELM_VERSION}-${go}`, false);
    } catch (error) {
      return { skipped: `helm does not build: ${String(error).split('\n')[0]}` };
    }
    this.#directory = directory;
    this.#workload = workload;
    writeFileSync(join(directory, 'Chart.yaml'), 'apiVersion: v2\nname: workload\nversion: 0.1.0\n');
    return undefined;
  }

  command(...args: readonly string[]): string[] {
    return [this.#binary, 'template', 'release', this.#directory, ...args];
  }

  /** The templates that write one stream for a number of pipelines. */
  writeLoop(pipelines: number): void {
    const { platform, platformPerPipeline, pipeline } = this.#workload as Workload;
    const templates = this.#emptyTemplates();
    const each = [...platformPerPipeline, ...pipeline].map(
      (object) => `---\n${yamlTemplate(object, '{{ $i }}')}`,
    );
    writeFileSync(
      join(templates, 'pipelines.yaml'),
      `{{- range $i := until ${pipelines} }}\n${each.join('')}{{- end }}\n`,
    );
    writeFileSync(
      join(templates, 'platform.yaml'),
      platform.map((object) => `---\n${yamlTemplate(object, '')}`).join(''),
    );
  }

  /** The templates that write a file per pipeline or object. */
  writeFiles(pipelines: number, layout: Layout): void {
    const { platform, platformPerPipeline, pipeline } = this.#workload as Workload;
    const templates = this.#emptyTemplates();
    writeFileSync(
      join(templates, '_objects.tpl'),
      [
        ...define('platform', platform),
        ...define('platform-per-pipeline', platformPerPipeline),
        ...define('pipeline', pipeline),
      ].join(''),
    );
    const shared = [
      ...include('platform', platform, 0),
      ...range(pipelines).flatMap((index) => include('platform-per-pipeline', platformPerPipeline, index)),
    ];
    writeOutputs(templates, 'platform', shared, layout);
    for (const index of range(pipelines)) {
      writeOutputs(templates, `p-${index}`, include('pipeline', pipeline, index), layout);
    }
  }

  #emptyTemplates(): string {
    const templates = join(this.#directory, 'templates');
    rmSync(templates, { recursive: true, force: true });
    mkdirSync(templates, { recursive: true });
    return templates;
  }
}

function define(part: string, objects: readonly KubernetesObject[]): string[] {
  return objects.map(
    (object, index) => `{{- define "${part}-${index}" -}}\n${yamlTemplate(object, '{{ . }}')}{{- end }}\n`,
  );
}

/** One action for each object of a part, for a pipeline's index. */
function include(part: string, objects: readonly KubernetesObject[], index: number): string[] {
  return objects.map((_, position) => `{{ template "${part}-${position}" ${index} }}\n`);
}

function writeOutputs(templates: string, name: string, actions: readonly string[], layout: Layout): void {
  if (layout === 'pipeline') {
    writeFileSync(join(templates, `${name}.yaml`), actions.join('---\n'));
    return;
  }
  mkdirSync(join(templates, name));
  for (const [index, action] of actions.entries()) {
    writeFileSync(join(templates, name, `${index}.yaml`), action);
  }
}

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}
