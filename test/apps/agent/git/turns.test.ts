import { expect, test } from 'vitest';
import { Turns } from '../../../../apps/agent/git/turns.ts';

test('no more turns are taken at once than there are, in order, and one that fails is given back', async () => {
  const turns = new Turns(2);
  const begun: number[] = [];
  const ends: ((fail?: Error) => void)[] = [];
  const all = [0, 1, 2, 3].map((n) =>
    turns.take(
      () =>
        new Promise<number>((resolve, reject) => {
          begun.push(n);
          ends[n] = (error) => (error === undefined ? resolve(n) : reject(error));
        }),
    ),
  );
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  await turn();
  expect(begun).toEqual([0, 1]);
  ends[1]?.(new Error('no'));
  await expect(all[1]).rejects.toThrow('no');
  await turn();
  expect(begun).toEqual([0, 1, 2]);
  ends[0]?.();
  await turn();
  expect(begun).toEqual([0, 1, 2, 3]);
  for (const end of [ends[2], ends[3]]) end?.();
  expect(await Promise.all([all[0], all[2], all[3]])).toEqual([0, 2, 3]);
});
