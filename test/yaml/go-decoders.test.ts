import { Yaml } from 'cdk8s';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { yamlDocument, yamlDocuments } from '../../lib/app/yaml.ts';
import { build, decode, type Frame, missing, type Report } from './decoders.ts';
import { hostileDocument, hostileStrings, hostileValue } from './hostile.ts';

const SEED = 20261121;
const BATCH = 2_000;

const absent = missing();
if (absent) console.warn(`skipped: ${absent}`);

const clean = { changed: 0, errors: 0 };

describe.skipIf(absent)(`Go's decoders${absent ? ` (skipped: ${absent})` : ''}`, () => {
  test('read 100 000 hostile documents unchanged', { timeout: 300_000 }, async () => {
    const report = await run('documents', 50, (seed) =>
      sample(hostileDocument, seed).map(single(yamlDocument)),
    );
    expect(report.differences).toEqual([]);
    expect(report.decoders).toEqual({
      'sigs.k8s.io/yaml': { frames: 100_000, ...clean },
      'go.yaml.in/yaml/v3': { frames: 100_000, ...clean },
      'k8s.io/apimachinery': { frames: 100_000, ...clean },
    });
  });

  test('read streams of documents unchanged', { timeout: 300_000 }, async () => {
    const streams = fc.array(hostileDocument, { minLength: 2, maxLength: 5 });
    const report = await run('streams', 3, (seed) =>
      sample(streams, seed).map((expected) => ({ yaml: yamlDocuments(expected), expected })),
    );
    expect(report.differences).toEqual([]);
    expect(report.decoders['k8s.io/apimachinery']).toEqual({ frames: 3 * BATCH, ...clean });
  });

  test('read values that are not objects unchanged', { timeout: 300_000 }, async () => {
    const report = await run('values', 2, (seed) => sample(hostileValue, seed).map(single(yamlDocument)));
    expect(report.differences).toEqual([]);
  });

  test('read each hostile string unchanged as value, as key, in a list and as the document', async () => {
    const documents = hostileStrings.flatMap((string) => [
      { a: string },
      { [string]: 1 },
      [string, [string]],
      string,
    ]);
    const report = await decode(build(), [documents.map(single(yamlDocument))]);
    expect(report.differences).toEqual([]);
  });

  // Without this the tests above could pass because nothing is compared.
  test("find differences in what cdk8s' own writer emits", { timeout: 300_000 }, async () => {
    const report = await run('cdk8s', 2, (seed) => sample(hostileDocument, seed).map(single(Yaml.stringify)));
    for (const tally of Object.values(report.decoders)) {
      expect(tally.changed).toBeGreaterThan(0);
      expect(tally.errors).toBeGreaterThan(0);
    }
  });
});

function sample<T>(arbitrary: fc.Arbitrary<T>, seed: number): T[] {
  return fc.sample(arbitrary, { seed, numRuns: BATCH });
}

function single(write: (value: unknown) => string): (value: unknown) => Frame {
  return (value) => ({ yaml: write(value), expected: [value] });
}

async function run(name: string, batches: number, make: (seed: number) => readonly Frame[]): Promise<Report> {
  const start = performance.now();
  const report = await decode(build(), generate(batches, make));
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const result = JSON.stringify(report.decoders);
  console.log(`${name}: ${batches * BATCH}, seeds ${SEED} to ${SEED + batches - 1}, ${seconds} s, ${result}`);
  return report;
}

function* generate(batches: number, make: (seed: number) => readonly Frame[]): Generator<readonly Frame[]> {
  for (let batch = 0; batch < batches; batch++) yield make(SEED + batch);
}
