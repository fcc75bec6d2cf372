// Whole programs with arbitrary props, and what they write, in Kubernetes' own schemas. No cluster.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { outcomeOf } from './outcome.ts';
import { program, soundProgram } from './program.ts';
import { parameters } from './settings.ts';

describe('a program', () => {
  test('in which everything is well is written', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(soundProgram, (given) => {
        const outcome = outcomeOf(given);
        if (outcome.kind !== 'written') throw new Error(JSON.stringify(outcome));
      }),
      parameters('soundPrograms'),
    );
  });

  test('with anything in it is refused in words, or writes what is valid', { timeout: 600_000 }, () => {
    const counts = { written: 0, refused: 0, 'id refused': 0 };
    fc.assert(
      fc.property(program, (given) => {
        counts[outcomeOf(given).kind] += 1;
      }),
      parameters('programs'),
    );
    // Were almost all of one kind, the other would not have been looked at.
    const all = counts.written + counts.refused;
    expect(counts.written).toBeGreaterThan(all / 10);
    expect(counts.refused).toBeGreaterThan(all / 10);
  });
});

describe('the same program', () => {
  test('is written in the same bytes, whatever the order of its props', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(soundProgram, (given) => {
        const first = outcomeOf(given);
        expect(outcomeOf(given)).toEqual(first);
        expect(outcomeOf({ ...given, reversed: true })).toEqual(first);
      }),
      parameters('determinism'),
    );
  });
});
