import { describe, expect, test } from 'vitest';
import {
  chooseListener,
  formatNextListener,
  parseNextListener,
} from '../../../../../apps/agent/controller/hand-over/next-listener.ts';

describe('the name of a listener’s namespace', () => {
  test('has the pipeline’s name and eight random letters and digits', () => {
    const all = Array.from({ length: 100 }, () => chooseListener('studio-go-runner'));
    for (const { namespace, claim } of all) {
      expect(namespace).toMatch(/^listener-studio-go-runner-[a-z0-9]{8}$/);
      expect(claim).toMatch(/^[0-9a-f-]{36}$/);
    }
    expect(new Set(all.map(({ namespace }) => namespace)).size).toBe(100);
    expect(new Set(all.map(({ claim }) => claim)).size).toBe(100);
  });

  test.each([
    ['a'.repeat(63), /^listener-a{45}-[a-z0-9]{8}$/],
    [`${'a'.repeat(44)}-b`, /^listener-a{44}-[a-z0-9]{8}$/],
    ['Studio_Go.Runner', /^listener-studio-go-runner-[a-z0-9]{8}$/],
    ['---', /^listener-[a-z0-9]{8}$/],
    ['', /^listener-[a-z0-9]{8}$/],
  ])('of a pipeline called %j is a DNS label', (pipeline, expected) => {
    const { namespace } = chooseListener(pipeline);
    expect(namespace).toMatch(expected);
    expect(namespace.length).toBeLessThanOrEqual(63);
  });

  test('is read as it was written', () => {
    const next = chooseListener('project');
    expect(parseNextListener(formatNextListener(next))).toEqual(next);
  });

  const claim = '0b5f3a52-6f0e-4e1c-9a34-0f6f5d1f6f11';
  test.each([
    undefined,
    '',
    ' ',
    'listener-x',
    `kube-system ${claim}`,
    `listener- ${claim}`,
    `listener-x- ${claim}`,
    `listener-../../x ${claim}`,
    `listener-${'x'.repeat(55)} ${claim}`,
    'listener-x 1',
    `listener-x ${claim.toUpperCase()}`,
    `listener-x ${claim} more`,
    `listener-x\n${claim}`,
  ])('is none where it is %j', (text) => {
    expect(parseNextListener(text)).toBeUndefined();
  });
});
