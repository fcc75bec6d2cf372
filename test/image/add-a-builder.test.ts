// A builder of a program's own, made from what the library exports: the one that the how-to shows.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ApkoBuilder } from '../../examples/own-image-builder/apko-builder.ts';
import { buildPodOf } from '../support/image-build.ts';
import { podSecurityProblems } from '../support/pod-security.ts';
import { privateRegistry } from '../support/private-registry.ts';
import { pipeline, pipelineConfiguration } from '../support/programs.ts';
import { REPOSITORY } from '../support/project.ts';
import { synthesized } from '../support/synthesized.ts';

const output = synthesized(
  (app) =>
    new ApkoBuilder(pipeline(app), 'image', {
      dockerfile: 'apko.yaml',
      target: privateRegistry().image('a'),
    }),
);

test('the how-to shows the file that is run here', () => {
  const read = (path: string): string => readFileSync(join(REPOSITORY, path), 'utf8');
  expect(read('docs/how-to/add-a-builder.md')).toContain(
    `\`\`\`ts\n${read('examples/own-image-builder/apko-builder.ts')}\`\`\``,
  );
});

test('its archive is pushed for it, by a container with the account that it never sees', () => {
  const { pod, args, objects } = buildPodOf(output);
  expect(pod.initContainers?.map(({ name }) => name)).toEqual(['source', 'apko']);
  expect(args).toEqual([
    'build',
    '--sbom=false',
    '/keelson/context/apko.yaml',
    'registry.example.com/a:built',
    '/keelson/archive/image.tar',
  ]);
  expect(pod.containers[0]?.args).toContain('/keelson/archive/image.tar');
  expect(JSON.stringify(pod.initContainers)).not.toContain('push-credential');
  expect(pipelineConfiguration(output).images[0]?.copySecrets).toEqual([
    { secretName: 'push', key: '.dockerconfigjson' },
  ]);
  expect(podSecurityProblems('restricted', pod)).toEqual([]);
  expect(objects[0]?.metadata.labels?.['pod-security.kubernetes.io/enforce']).toBe('restricted');
});
