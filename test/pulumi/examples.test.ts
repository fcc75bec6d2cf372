// With Pulumi's mocks: the programs of the examples and of the project's root register what Kubernetes takes.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runtime } from '@pulumi/pulumi';
import type { KubernetesObject } from 'keelson';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { validateObject } from '../kubernetes/validator.ts';
import { pulumiExamples } from '../support/examples.ts';
import { REPOSITORY } from '../support/project.ts';
import { registeredIn, useMocks } from './registered.ts';

useMocks();

/** The folders of their Pulumi.yaml. */
const programs = [...pulumiExamples.map((name) => join('examples', name)), '.'];
/** What they ask of a stack's configuration. */
const CONFIGURED = {
  'project:token': 'a-token',
  'project:minioPassword': 'a-password',
  'project:releaseToken': 'another-token',
};

describe.each(programs)('%s (mocks)', (folder) => {
  test('registers what Kubernetes takes', async () => {
    const { main } = parse(readFileSync(join(REPOSITORY, folder, 'Pulumi.yaml'), 'utf8'));
    runtime.setAllConfig(CONFIGURED, Object.keys(CONFIGURED));
    const objects = await registeredIn(() => import(join(REPOSITORY, folder, main)));
    expect(objects.length).toBeGreaterThan(3);
    for (const { inputs, type } of objects) {
      // Pulumi makes up the names of the program's own resources.
      if (!inputs['metadata'] || Reflect.get(Object(inputs['metadata']), 'name') === undefined) continue;
      expect(validateObject(inputs as unknown as KubernetesObject, '1.34'), type).toEqual([]);
    }
  });
});
