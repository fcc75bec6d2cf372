import { describe, expect, test } from 'vitest';
import { nextStep, type Step } from '../../../../../apps/agent/controller/hand-over/next-step.ts';
import type { Place } from '../../../../../apps/agent/controller/hand-over/place.ts';

const VERSION = 'f4b1ec7f';
const CLAIM = '0b5f3a52-6f0e-4e1c-9a34-0f6f5d1f6f11';
const OTHER_CLAIM = '1b5f3a52-6f0e-4e1c-9a34-0f6f5d1f6f11';
const [ONE, TWO] = ['listener-project-aaaaaaaa', 'listener-project-bbbbbbbb'];

const real = { 'keel.sh/policy': 'force' };
const never = { 'keel.sh/policy': 'never' };
const asks = { ...never, 'keelson.dev/hand-over': 'uid' };
const next = (namespace: string, claim = CLAIM): Record<string, string> => ({
  'keelson.dev/next-listener': `${namespace} ${claim}`,
});
const liberated = (to: string): Record<string, string> => ({
  ...asks,
  ...next(to),
  'keelson.dev/handed-over': to,
});

function place(namespace: string, annotations: Record<string, string> | undefined, made?: object): Place {
  return {
    namespace,
    made: made && {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, annotations: { ...made } },
    },
    deployment: annotations && {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'build', namespace, annotations },
    },
  };
}
const home = (annotations?: Record<string, string>): Place => place('home', annotations);
const listener = (
  namespace: string,
  annotations?: Record<string, string>,
  { claim = CLAIM, version = VERSION } = {},
): Place =>
  place(namespace, annotations, { 'keelson.dev/claim': claim, 'keelson.dev/listener-version': version });

/** What is done, where, and with which listener. */
function step(at: Place, ...made: Place[]): (string | undefined)[] | undefined {
  const found: Step | undefined = nextStep({ home: at, made }, VERSION);
  if (found === undefined) return undefined;
  const more = 'to' in found ? [found.to] : 'next' in found ? [found.next.namespace] : [];
  return [found.kind, found.place.namespace, ...more];
}

describe('what is done for a build that hands over', () => {
  test('nothing where home’s Deployment is not there yet', () => {
    expect(step(home())).toBeUndefined();
  });
  test('home listens where nothing does', () => {
    expect(step(home({}))).toEqual(['start', 'home']);
  });
  test('nothing where home listens', () => {
    expect(step(home(real))).toBeUndefined();
  });
  test('nothing where home was paused by a person', () => {
    expect(step(home(never))).toBeUndefined();
  });
  test('a name is chosen where home asks, even if its names were never the real ones', () => {
    expect(step(home(asks))).toEqual(['choose', 'home']);
    expect(step(home({ 'keelson.dev/hand-over': 'uid' }))).toEqual(['choose', 'home']);
  });
  test('another name is chosen where nobody can have written this one', () => {
    for (const text of [
      '',
      'kube-system',
      `kube-system ${CLAIM}`,
      `${ONE} claim`,
      `${ONE}  ${CLAIM}`,
      `${ONE}/x ${CLAIM}`,
    ])
      expect(step(home({ ...asks, 'keelson.dev/next-listener': text }))).toEqual(['choose', 'home']);
  });
  test('the namespace is made where there is none of that name', () => {
    expect(step(home({ ...asks, ...next(ONE) }))).toEqual(['make', 'home', ONE]);
  });
  test('a namespace with another claim is none of that name', () => {
    const foreign = listener(ONE, undefined, { claim: OTHER_CLAIM });
    expect(step(home({ ...asks, ...next(ONE) }), foreign)).toEqual(['make', 'home', ONE]);
  });
  test('what is missing is made where its Deployment is not there, or has no real names', () => {
    expect(step(home({ ...asks, ...next(ONE) }), listener(ONE))).toEqual(['make', 'home', ONE]);
    expect(step(home({ ...asks, ...next(ONE) }), listener(ONE, {}))).toEqual(['make', 'home', ONE]);
  });
  test('it is said where the names are the real ones', () => {
    expect(step(home({ ...asks, ...next(ONE) }), listener(ONE, real))).toEqual(['say', 'home', ONE]);
  });
  test('it is said where the listener’s gate was quicker, before the listener’s own wish', () => {
    expect(step(home({ ...asks, ...next(ONE) }), listener(ONE, asks))).toEqual(['say', 'home', ONE]);
  });
  test('nothing where a listener listens', () => {
    expect(step(home(liberated(ONE)), listener(ONE, real))).toBeUndefined();
  });
  test('a listener asks as home does', () => {
    expect(step(home(liberated(ONE)), listener(ONE, asks))).toEqual(['choose', ONE]);
    const asking = listener(ONE, { ...asks, ...next(TWO, OTHER_CLAIM) });
    expect(step(home(liberated(ONE)), asking)).toEqual(['make', ONE, TWO]);
    const ready = listener(TWO, real, { claim: OTHER_CLAIM });
    expect(step(home(liberated(ONE)), asking, ready)).toEqual(['say', ONE, TWO]);
  });
  test('a listener that nothing names listens, since what named it may have been deleted', () => {
    expect(step(home(liberated('listener-project-gone0000')), listener(ONE, real))).toBeUndefined();
  });
  test('home listens again where the listener is gone', () => {
    expect(step(home(liberated(ONE)))).toEqual(['return', 'home']);
    expect(step(home(liberated(ONE)), listener(ONE, liberated(TWO)))).toEqual(['return', 'home']);
  });
  test('a listener that has lost its names or its Deployment is completed again', () => {
    expect(step(home(liberated(ONE)), listener(ONE))).toEqual(['make', 'home', ONE]);
    expect(step(home(liberated(ONE)), listener(ONE, {}))).toEqual(['make', 'home', ONE]);
  });
  test('one that listens is taken where what was written of it was erased', () => {
    expect(step(home(asks), listener(ONE, real))).toEqual(['say', 'home', ONE]);
    expect(step(home({ ...asks, ...next(TWO) }), listener(ONE, real))).toEqual(['say', 'home', ONE]);
  });
  test('of two that listen the newer one stays', () => {
    expect(step(home(real), listener(ONE, real))).toEqual(['silence', 'home', ONE]);
  });
  test('a listener of another template is replaced where it waits, and not where a person has paused it', () => {
    const at = home(liberated(ONE));
    expect(step(at, listener(ONE, real, { version: 'old' }))).toEqual(['replace', ONE]);
    expect(step(at, listener(ONE, never, { version: 'old' }))).toBeUndefined();
    expect(step(at, listener(ONE, asks, { version: 'old' }))).toEqual(['choose', ONE]);
  });
});
