// With Pulumi's mocks, as in a preview: what is unknown stays unknown, and all the rest is shown.
import * as kubernetes from '@pulumi/kubernetes';
import { ApiObject, Chart } from 'cdk8s';
import { GitSource } from 'keelson';
import { asString } from 'keelson/pulumi';
import { expect, test } from 'vitest';
import { build, pipeline } from '../support/programs.ts';
import { registeredBy, useMocks } from './registered.ts';

useMocks({ preview: true });

/** What mocks show of an unknown value. */
const UNKNOWN = { __pulumiUnknown: true };
const unknown = (): string => asString(new kubernetes.core.v1.ConfigMap('later').id);

test('an unknown namespace is unknown in each object, and each object is there (mocks)', async () => {
  const namespace = unknown();
  const { objects } = await registeredBy((app) => {
    const chart = new Chart(app, 'chart', { namespace });
    for (const name of ['a', 'b']) {
      new ApiObject(chart, name, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name },
        data: { of: `x-${namespace}` },
      });
    }
  });
  const own = objects.filter(({ name }) => name.startsWith('ci/'));
  expect(own.map(({ inputs }) => inputs)).toEqual(
    ['a', 'b'].map((name) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: UNKNOWN },
      data: { of: UNKNOWN },
    })),
  );
});

test('an unknown value of a prop hides the field that it is in, and no more (mocks)', async () => {
  const url = unknown();
  const { objects } = await registeredBy((app) => build(app, { env: { URL: `https://${url}/` } }));
  const [deployment] = objects.filter(({ type }) => type.endsWith(':Deployment'));
  const text = JSON.stringify(deployment?.inputs);
  expect(text).toContain(`{"name":"URL","value":${JSON.stringify(UNKNOWN)}}`);
  expect(text.split(JSON.stringify(UNKNOWN))).toHaveLength(2);
});

test('what can only be checked when it is known is not checked, and refuses nothing (mocks)', async () => {
  const { objects } = await registeredBy((app) =>
    pipeline(app, { source: GitSource.remote(unknown(), { branch: 'main' }) }),
  );
  const [record] = objects.filter(({ name }) => name === 'ci/ci/keelson-pipeline');
  expect(record?.inputs['data']).toEqual({ 'pipeline.json': UNKNOWN });
});
