import { describe, expect, test } from 'vitest';
import type { ControllerContext } from '../../../../apps/agent/controller/context.ts';
import { readSecret } from '../../../../apps/agent/controller/read-secret.ts';
import type { Reference } from '../../../../apps/agent/kubernetes/resources.ts';

/** A cluster in which every Secret that is asked for is there; the namespace `ci-release` is one of the pipeline in `ci`. */
function cluster(): { context: ControllerContext; asked: string[] } {
  const asked: string[] = [];
  const get = async ({ namespace, name }: Reference): Promise<object> => {
    asked.push(`${namespace}/${name}`);
    return { metadata: { name, namespace }, data: { key: Buffer.from('CANARY').toString('base64') } };
  };
  const labels: Record<string, object> = {
    'ci-release': { 'keelson.dev/home': 'ci' },
    'other-release': { 'keelson.dev/home': 'other' },
  };
  const getMetadata = async ({ name }: Reference): Promise<object | undefined> =>
    name === 'missing' ? undefined : { metadata: { name, labels: labels[name] } };
  return { context: { client: { get, getMetadata } } as unknown as ControllerContext, asked };
}

describe('the controller reads a Secret', () => {
  test.each([undefined, 'ci', 'ci-release'])('of a pipeline in its namespace %s', async (namespace) => {
    const { context, asked } = cluster();
    const secret = { secretName: 'secret', key: 'key', ...(namespace !== undefined && { namespace }) };
    expect(await readSecret(context, 'ci', secret)).toBe('CANARY');
    expect(asked).toEqual([`${namespace ?? 'ci'}/secret`]);
  });

  test.each(['other', 'other-release', 'kube-system', 'missing'])(
    'of no pipeline’s choice in %s',
    async (namespace) => {
      const { context, asked } = cluster();
      const reading = readSecret(context, 'ci', { secretName: 'secret', key: 'key', namespace });
      await expect(reading).rejects.toThrow(`the namespace ${namespace} is not one of the pipeline in ci`);
      expect(asked).toEqual([]);
    },
  );

  test('and finds none where the key is missing, or is what every object has', async () => {
    const { context } = cluster();
    for (const key of ['other', 'constructor', '__proto__'])
      expect(await readSecret(context, 'ci', { secretName: 'secret', key })).toBeUndefined();
  });
});
