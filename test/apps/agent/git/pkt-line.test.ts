import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AdvertisementReader } from '../../../../apps/agent/git/advertisement.ts';
import { GitError } from '../../../../apps/agent/git/git-error.ts';
import { LsRefsReader } from '../../../../apps/agent/git/ls-refs.ts';
import { FLUSH, lineText, type Packet, PacketReader, pktLine } from '../../../../apps/agent/git/pkt-line.ts';
import type { RefQuery } from '../../../../apps/agent/git/refs.ts';

const everything: RefQuery = { prefixes: [], wanted: () => true };
const OBJECT = 'a'.repeat(40);

function packets(bytes: Buffer, cuts: readonly number[]): Packet[] {
  const reader = new PacketReader();
  const found: Packet[] = [];
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    found.push(...reader.read(bytes.subarray(start, end)));
    start = end;
  }
  reader.end();
  return found;
}

test('lines come out as they went in, however the stream is cut', () => {
  const line = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 50 }), fc.constant('x'.repeat(60_000)));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 5 }), fc.array(fc.nat()), (lines, cuts) => {
      const bytes = Buffer.from(lines.map(pktLine).join('') + FLUSH);
      const read = packets(bytes, cuts);
      expect(read.map((packet) => (typeof packet === 'string' ? packet : lineText(packet)))).toEqual([
        ...lines,
        'flush',
      ]);
    }),
  );
});

test.each(['<!DO', '0003', 'fff1', 'ffff', '-001', '+004', '0x10', ' 004', '1e2 '])(
  '%j is no length of a packet',
  (digits) => {
    expect(() => [...new PacketReader().read(Buffer.from(`${digits}abc`))]).toThrow(GitError);
  },
);

test('a stream that ends within a packet is an error', () => {
  expect(() => packets(Buffer.from('00'), [])).toThrow('ends within a packet');
  expect(() => packets(Buffer.from('0009abcd'), [])).toThrow('ends within a packet');
});

describe('garbage of any kind is a GitError or a list of refs', () => {
  const piece = fc.oneof(
    fc.constantFrom('0000', '0001', '0002', '0003', '0004', pktLine('version 2'), pktLine('version 1')),
    fc.constantFrom(
      pktLine('# service=git-upload-pack'),
      pktLine('ls-refs'),
      pktLine(`${OBJECT} refs/heads/x`),
    ),
    fc.constantFrom(
      pktLine(`${OBJECT} refs/tags/x^{}`),
      pktLine('unborn HEAD'),
      pktLine('ERR no'),
      pktLine(''),
    ),
    fc.constantFrom(
      pktLine(`${OBJECT} HEAD\0 caps`),
      pktLine(`shallow ${OBJECT}`),
      pktLine(`${OBJECT} a peeled:x`),
    ),
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.string({ unit: 'binary', maxLength: 20 }).map(pktLine),
  );
  const streams = fc.array(piece, { maxLength: 8 }).map((pieces) => Buffer.from(pieces.join('')));

  test.each([
    ['an advertisement', () => new AdvertisementReader(everything)],
    ['ls-refs', () => new LsRefsReader(everything)],
  ])('in the answer to %s', (_name, start) => {
    fc.assert(
      fc.property(streams, (bytes) => {
        try {
          const packetReader = new PacketReader();
          const reader = start();
          for (const packet of packetReader.read(bytes)) reader.add(packet);
          packetReader.end();
          reader.finish();
        } catch (error) {
          expect(error).toBeInstanceOf(GitError);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
