import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubernetesObject } from 'keelson';
import { goBuild, goVersion } from '../tools.ts';
import { LAYOUTS, type Peer } from './peer.ts';
import { fileName, goTemplate, yamlTemplate } from './templates.ts';

const INDEX_ACTION = '{{ .I }}';

/** A Go program that renders the documents as text, as the tool did that Keelson takes the place of. */
export function goTextTemplate(): Peer {
  let binary = '';
  let templates = '';
  return {
    id: 'go',
    title: 'Go text/template',
    layouts: LAYOUTS,
    limit: Number.POSITIVE_INFINITY,
    async prepare(workload, directory) {
      if ((await goVersion()) === undefined) return { skipped: 'there is no go command' };
      binary = await goBuild('template', '.', 'template', true);
      templates = directory;
      writeTemplates(join(directory, 'platform'), workload.platform);
      writeTemplates(join(directory, 'platform-per-pipeline'), workload.platformPerPipeline);
      writeTemplates(join(directory, 'pipeline'), workload.pipeline);
      return undefined;
    },
    command: (pipelines, layout, outdir) => [binary, templates, String(pipelines), layout, outdir],
  };
}

function writeTemplates(directory: string, objects: readonly KubernetesObject[]): void {
  mkdirSync(directory, { recursive: true });
  for (const [index, object] of objects.entries()) {
    const path = join(directory, String(index).padStart(3, '0'));
    writeFileSync(`${path}.yaml`, yamlTemplate(object, INDEX_ACTION));
    writeFileSync(`${path}.name`, goTemplate(fileName(object), INDEX_ACTION));
  }
}
