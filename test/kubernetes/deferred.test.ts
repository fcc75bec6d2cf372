import { Chart } from 'cdk8s';
import { KeelsonApp } from 'keelson';
import { describe, expect, test } from 'vitest';
import {
  deferredOf,
  holdsDeferred,
  isDeferred,
  isStandIn,
  partsOf,
  standIn,
  whenKnown,
} from '../../lib/kubernetes/deferred.ts';
import { isDnsLabel, shortHash, toDnsLabel } from '../../lib/kubernetes/names.ts';
import {
  checksOf,
  formatProblem,
  type Problem,
  problemsWhenKnown,
  reportProblems,
} from '../../lib/kubernetes/problem.ts';

const word = standIn({ source: 'something' });

describe('a word that stands for what is not known yet', () => {
  test('is a name, and is found whole, within a text, and anywhere in data', () => {
    expect(isDnsLabel(word)).toBe(true);
    expect([isStandIn(word), isStandIn(`x-${word}`)]).toEqual([true, false]);
    expect([isDeferred(word), isDeferred(`x-${word}`), isDeferred('x')]).toEqual([true, true, false]);
    expect([{ a: [{ b: `x-${word}` }] }, { [word]: 1 }, { a: 1 }].map(holdsDeferred)).toEqual([
      true,
      true,
      false,
    ]);
    expect(deferredOf(word)).toEqual({ source: 'something' });
  });

  test('is taken out of a text with what is around it', () => {
    expect(partsOf(`a${word}b${word}`)).toEqual([
      { text: 'a', deferred: false },
      { text: word, deferred: true },
      { text: 'b', deferred: false },
      { text: word, deferred: true },
    ]);
    expect(partsOf('plain')).toEqual([{ text: 'plain', deferred: false }]);
    expect(partsOf('')).toEqual([]);
  });

  test('is told from others, however many there are', () => {
    const words = Array.from({ length: 12 }, (_, index) => standIn({ source: index }));
    expect(new Set(words).size).toBe(12);
    for (const [index, one] of words.entries()) expect(deferredOf(one)).toEqual({ source: index });
  });

  test('is not shown to people', () => {
    const problem = { property: 'url', value: `https://${word}/`, message: 'is wrong', remedy: 'mend it' };
    expect(formatProblem(problem)).toBe('url: is wrong (got "https://[an Output]/"); mend it');
  });
});

describe('what is made of a text', () => {
  const shout = (text: string): string => text.toUpperCase();

  test('is made at once where it is known', () => {
    expect(whenKnown('a', shout)).toBe('A');
  });

  test('is a word of its own where it is not, and the same for the same', () => {
    const made = whenKnown(`a-${word}`, shout);
    expect(isStandIn(made)).toBe(true);
    expect(deferredOf(made)).toEqual({ from: `a-${word}`, produce: shout });
    expect(whenKnown(`a-${word}`, shout)).toBe(made);
    expect(whenKnown(`b-${word}`, shout)).not.toBe(made);
  });

  test('is so of hashes and labels', () => {
    for (const made of [shortHash(word), toDnsLabel(`${word} and more`)]) expect(isStandIn(made)).toBe(true);
  });
});

describe('a check', () => {
  const find = (value: string): Problem[] =>
    value === 'bad' ? [{ property: 'p', value, message: 'is bad', remedy: 'be good' }] : [];

  test('is made at once of what is known', () => {
    expect(problemsWhenKnown('p', 'bad', find).map(({ message }) => message)).toEqual(['is bad']);
    expect(problemsWhenKnown('p', 'good', find)).toEqual([]);
  });

  test('is kept for what is not, and refuses nothing until then', () => {
    const chart = new Chart(new KeelsonApp(), 'chart');
    reportProblems(chart, problemsWhenKnown('p', word, find));
    expect(chart.node.validate()).toEqual([]);
    const [check] = checksOf(chart);
    expect(check?.value).toBe(word);
    expect(check?.find('bad').map(({ message }) => message)).toEqual(['is bad']);
  });

  test('that nobody keeps is a problem', () => {
    const [problem] = problemsWhenKnown('p', word, find);
    expect(problem && formatProblem(problem)).toBe(
      'p: has to be known while the program runs (got "[an Output]"); give the text itself in the place of an Output',
    );
  });
});
