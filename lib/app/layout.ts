import { fileNames } from './file-names.ts';
import type { OutputFile } from './output.ts';
import type { SynthesizedChart } from './synthesis.ts';
import { yamlDocument } from './yaml.ts';

/** A chart as files. */
export interface ChartLayout {
  /** Its folder, or its only file. */
  readonly path: string;
  readonly files: readonly OutputFile[];
}

/** The files of a chart: one for each object and a kustomization.yaml, or all objects in one. */
export function chartFiles(chart: SynthesizedChart, perChart: boolean, extension: string): ChartLayout {
  const { folder, objects } = chart;
  if (perChart) {
    const path = `${folder}${extension}`;
    return { path, files: [{ path, content: objects.map(({ yaml }) => yaml).join('---\n') }] };
  }
  const names = fileNames(objects);
  const files = objects.map(({ yaml }, index) => ({ path: `${folder}/${names[index]}`, content: yaml }));
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  const content = kustomization(files.map(({ path }) => path.slice(folder.length + 1)));
  return { path: folder, files: [...files, { path: `${folder}/kustomization.yaml`, content }] };
}

/**
 * A kustomization.yaml that keeps the given order, so that `kubectl apply -k` applies in it.
 *
 * @see https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/sortoptions/
 */
export function kustomization(resources: readonly string[]): string {
  return yamlDocument({
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    sortOptions: { order: 'fifo' },
    resources,
  });
}
