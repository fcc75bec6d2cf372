import { describe, expect, test } from 'vitest';
import { BuildSlots } from '../../../../apps/agent/controller/build-slots.ts';

describe('slots of image builds', () => {
  test('are no more than there may be, and whoever found none is told once when one is free', () => {
    const slots = new BuildSlots(2);
    const told: string[] = [];
    const take = (pipeline: string, id: string): boolean =>
      slots.take(pipeline, id, () => told.push(pipeline));
    expect([take('a', '1'), take('a', '2'), take('b', '3'), take('b', '4'), take('c', '5')]).toEqual([
      ...[true, true, false, false, false],
    ]);
    expect(take('a', '1')).toBe(true);
    slots.free('1');
    expect(told).toEqual(['b', 'c']);
    slots.free('1');
    slots.free('2');
    expect([told, slots.taken]).toEqual([['b', 'c'], 0]);
  });

  test('of builds that run already are occupied, even where there are more', () => {
    const slots = new BuildSlots(1);
    for (const id of ['1', '2', '3']) slots.occupy('a', id);
    expect(slots.taken).toBe(3);
    expect(slots.take('b', '4', () => undefined)).toBe(false);
  });

  test('of a pipeline that is gone are free, and nobody there is told', () => {
    const slots = new BuildSlots(2);
    const told: string[] = [];
    slots.occupy('gone', '1');
    slots.occupy('gone', '2');
    slots.take('gone', '3', () => told.push('gone'));
    slots.take('a', '4', () => told.push('a'));
    slots.freeAllOf('gone');
    expect([told, slots.taken]).toEqual([['a'], 0]);
  });
});
