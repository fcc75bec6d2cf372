import { afterEach, describe, expect, test, vi } from 'vitest';
import { createLog, describeError } from '../../../apps/agent/observe/log.ts';

afterEach(() => vi.unstubAllEnvs());

/** A log, and the lines that were written so far. */
function log(level?: string): { log: ReturnType<typeof createLog>; lines: string[] } {
  if (level !== undefined) vi.stubEnv('KEELSON_LOG_LEVEL', level);
  const lines: string[] = [];
  return { log: createLog('gate', { write: (line) => lines.push(line) }), lines };
}

describe('the log', () => {
  test('is one JSON object a line, with level as a word and time as RFC 3339', () => {
    const { log: written, lines } = log();
    written.info({ branch: 'a\n{"level":"error"}' }, 'a\nb');
    expect(lines).toHaveLength(1);
    expect(lines[0]?.indexOf('\n')).toBe((lines[0]?.length ?? 0) - 1);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      program: 'gate',
      branch: 'a\n{"level":"error"}',
      message: 'a\nb',
    });
  });

  test.each(['a\u009b2Jb', 'a\u202eb', 'a\u2028b', 'a\u007fb', 'a\u{e0001}b'])(
    'has no raw character that a terminal acts on, and keeps the value: %j',
    (branch) => {
      const { log: written, lines } = log();
      written.info({ branch }, `of ${branch}`);
      expect(lines[0]).toMatch(/^[ -~]+\n$/);
      expect(JSON.parse(lines[0] ?? '')).toMatchObject({ branch, message: `of ${branch}` });
    },
  );

  test('has the level that is asked for', () => {
    const { log: written, lines } = log('error');
    written.warn('no');
    written.error('yes');
    expect(lines.map((line) => JSON.parse(line).message)).toEqual(['yes']);
  });

  test.each(['verbose', '', 'constructor'])(
    'has the usual level where %j is asked for, and says so',
    (level) => {
      const { log: written, lines } = log(level);
      written.info('yes');
      expect(lines.map((line) => JSON.parse(line).level)).toEqual(['warn', 'info']);
    },
  );
});

describe('an error in the log', () => {
  test('is told with its causes, and without its stack', () => {
    const error = new Error('no build', { cause: new Error('no Lease', { cause: 'a text' }) });
    expect(describeError(error)).toBe('no build: no Lease: a text');
    const { log: written, lines } = log();
    written.error({ error }, 'failed');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      error: 'no build: no Lease: a text',
      message: 'failed',
    });
  });

  test('that causes itself is told all the same', () => {
    const error = new Error('again');
    error.cause = error;
    expect(describeError(error)).toMatch(/^again: again/);
  });

  test('that is several is each of them', () => {
    const error = new AggregateError([new Error('refused at ::1'), new Error('refused at 127.0.0.1')]);
    expect(describeError(error)).toBe('refused at ::1; refused at 127.0.0.1');
  });

  test('that is none is what was thrown', () => {
    expect([describeError('text'), describeError(undefined), describeError(new Error())]).toEqual([
      'text',
      'undefined',
      'Error',
    ]);
  });
});
