import { fileNames } from './file-names.ts';
import type { OutputFile } from './output.ts';
import { SEPARATOR, type SynthesizedChart } from './synthesis.ts';
import { yamlDocument } from './yaml.ts';

/** The folder of a chart, or its only file. */
export function chartPath({ folder }: SynthesizedChart, perChart: boolean, extension: string): string {
  return perChart ? `${folder}${extension}` : folder;
}

/** The files of a chart: one for each object and a kustomization.yaml, or all objects in one. */
export function chartFiles(
  chart: SynthesizedChart,
  text: Uint8Array,
  path: string,
  perChart: boolean,
): OutputFile[] {
  if (perChart) return [{ path, content: text }];
  const names = fileNames(chart.objects);
  const contents = documents(text, chart.lengths);
  const files = names.map((name, index) => ({ name, content: contents[index] ?? '' }));
  files.sort((a, b) => (a.name < b.name ? -1 : 1));
  return [
    ...files.map(({ name, content }) => ({ path: `${path}/${name}`, content })),
    { path: `${path}/kustomization.yaml`, content: kustomization(files.map(({ name }) => name)) },
  ];
}

/** The document of each object, cut out of the chart's text. */
function documents(text: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  let start = 0;
  return lengths.map((length) => {
    const document = text.subarray(start, start + length);
    start += length + SEPARATOR.length;
    return document;
  });
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
