import { describe, expect, test } from 'vitest';
import { filledListener } from '../../../../../apps/agent/controller/hand-over/filled-listener.ts';
import type { TemplateObject } from '../../../../../lib/agent/job-template.ts';
import type { ListenerValues } from '../../../../../lib/agent/listener.ts';

const values: ListenerValues = {
  namespace: 'listener-project-x7k2p9qd',
  claim: '0b5f3a52-6f0e-4e1c-9a34-0f6f5d1f6f11',
  image: 'quay.io/team/build:1.0.1',
  commit: '',
  digest: '',
};
const HERE = '((keelson.namespace))';
const object = (kind: string, name: string, namespace?: string): TemplateObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, ...(namespace !== undefined && { namespace }) },
});
const first = object('Namespace', HERE);

describe('the objects of a listener', () => {
  test('are those of its own namespace, and a binding that bears its name', () => {
    const { namespace, others } = filledListener(
      [first, object('Role', 'gate', HERE), object('ClusterRoleBinding', `${HERE}-build-keel-nodes`)],
      values,
    );
    expect(namespace.metadata.name).toBe(values.namespace);
    expect(others.map(({ metadata }) => [metadata.namespace, metadata.name])).toEqual([
      [values.namespace, 'gate'],
      [undefined, `${values.namespace}-build-keel-nodes`],
    ]);
  });

  test.each([
    ['an object of another pipeline', object('ConfigMap', 'keelson-ledger', 'ci-other')],
    ['one of another listener', object('Secret', 'account', `${HERE}x`)],
    ['one of no namespace', object('ConfigMap', 'x')],
    ['another Namespace', object('Namespace', 'listener-other-aaaaaaaa')],
    ['another Namespace in its own', object('Namespace', 'listener-other-aaaaaaaa', HERE)],
    ['a foreign binding', object('ClusterRoleBinding', 'listener-other-aaaaaaaa-build-keel-nodes')],
    ['a binding with a namespace', object('ClusterRoleBinding', `${HERE}-x`, HERE)],
    ['a ClusterRole', object('ClusterRole', `${HERE}-x`)],
  ])('are not %s', (_what, other) => {
    expect(() => filledListener([first, other], values)).toThrow(
      `the listener’s template has a ${other.kind} ${other.metadata.name.replace(HERE, values.namespace)}`,
    );
  });

  test.each([
    ['nothing', []],
    ['no Namespace', [object('ConfigMap', 'x', HERE)]],
    ['another Namespace first', [object('Namespace', 'listener-other-aaaaaaaa'), first]],
  ])('are not there in a template with %s', (_what, template) => {
    expect(() => filledListener(template, values)).toThrow('does not start with its Namespace');
  });
});
