import { fileNames } from './file-names.ts';
import type { OutputFile } from './output.ts';
import type { SynthesizedChart } from './synthesis.ts';
import { yamlDocument } from './yaml.ts';

/** The folder of a chart, or its only file. */
export function chartPath({ folder }: SynthesizedChart, perChart: boolean, extension: string): string {
  return perChart ? `${folder}${extension}` : folder;
}

/** The files of a chart: one for each object and a kustomization.yaml, or all objects in one. */
export function chartFiles(chart: SynthesizedChart, path: string, perChart: boolean): OutputFile[] {
  if (perChart) return [{ path, content: joinDocuments([chart]) }];
  const { objects } = chart;
  const names = fileNames(objects);
  const files = objects.map(({ yaml }, index) => ({ name: names[index] ?? '', content: yaml }));
  files.sort((a, b) => (a.name < b.name ? -1 : 1));
  return [
    ...files.map(({ name, content }) => ({ path: `${path}/${name}`, content })),
    { path: `${path}/kustomization.yaml`, content: kustomization(files.map(({ name }) => name)) },
  ];
}

const SEPARATOR = Buffer.from('---\n');

/** All objects of charts as one stream of documents. */
export function joinDocuments(charts: readonly SynthesizedChart[]): Buffer {
  const documents = charts.flatMap(({ objects }) => objects.map(({ yaml }) => yaml));
  return Buffer.concat(documents.flatMap((yaml, index) => (index === 0 ? [yaml] : [SEPARATOR, yaml])));
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
