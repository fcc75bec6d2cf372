import { describe, expect, test } from 'vitest';
import { isProven, proofOf } from '../../../../../apps/agent/controller/webhooks/signature.ts';
import { hmac } from './deliveries.ts';

const body = Buffer.alloc(1 << 20, 'x');
const secret = 'f3b1c5d7e9a1b3c5d7e9f1a3b5c7d9e1';

test('a right signature is none where there is no secret, or an empty one', () => {
  const proof = proofOf({ 'x-hub-signature-256': `sha256=${hmac('', body)}` });
  const token = { token: Buffer.from('') };
  expect(proof).toBeDefined();
  for (const none of [undefined, '']) {
    expect(proof && isProven(proof, body, none)).toBe(false);
    expect(isProven(token, body, none)).toBe(false);
  }
});

describe('for a pipeline that there is not', () => {
  test('a body of 1 MiB is hashed all the same: it takes about as long', () => {
    const proof = { signature: Buffer.alloc(32) };
    const timed = (given: string | undefined): number => {
      const started = process.hrtime.bigint();
      isProven(proof, body, given);
      return Number(process.hrtime.bigint() - started);
    };
    const least = (given: string | undefined): number =>
      Math.min(...Array.from({ length: 30 }, () => timed(given)));
    timed(secret);
    const ratio = least(undefined) / least(secret);
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(2);
  });
});
