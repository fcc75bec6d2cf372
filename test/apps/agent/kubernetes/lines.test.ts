import { describe, expect, test } from 'vitest';
import { lines } from '../../../../apps/agent/kubernetes/lines.ts';

async function* chunks(text: string, size: number): AsyncGenerator<Buffer> {
  const whole = Buffer.from(text);
  for (let from = 0; from < whole.length; from += size) yield whole.subarray(from, from + size);
}

async function all(text: string, size: number, longest = 1000): Promise<string[]> {
  const found: string[] = [];
  for await (const line of lines(chunks(text, size), longest)) found.push(line);
  return found;
}

describe('lines of a stream', () => {
  test.each([1, 2, 3, 4, 5, 7, 1000])('are whole where it comes %i bytes at a time', async (size) => {
    expect(await all('aü€😀\n\n\nb\n', size)).toEqual(['aü€😀', 'b']);
  });

  test('end with the last line end: half a line is none', async () => {
    expect(await all('{"a":1}\n{"b":', 3)).toEqual(['{"a":1}']);
    expect(await all('{"b":', 3)).toEqual([]);
  });

  test('may be as long as allowed, and no longer', async () => {
    expect(await all(`${'x'.repeat(1000)}\n`, 100)).toHaveLength(1);
    await expect(all('x'.repeat(1100), 100)).rejects.toThrow('a line has more than 1000 bytes');
  });

  test('of 8 MB in pieces of 16 kB are put together in linear time', async () => {
    const startedAt = performance.now();
    const found = await all(`${'x'.repeat(8 << 20)}\n`, 16 << 10, 16 << 20);
    expect(found[0]).toHaveLength(8 << 20);
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });
});
