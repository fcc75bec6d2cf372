/** Documents that YAML writers get wrong, for both suites. */
import fc from 'fast-check';

/** Strings that a careless writer emits so that a reader sees something else, or nothing. */
export const hostileStrings: readonly string[] = [
  '',
  // Octal, hexadecimal, binary, sexagesimal and grouped numbers, exponents and dates.
  ...'0o14 0O14 -0o7 0123 0x1F 0b101 -0b1 1_000 12:30:45 190:20:30.15 1e3 1E400 .5 5. +1 1 -0 1.0'.split(' '),
  ...'9007199254740993 -.inf .NaN 2001-12-14 2001-12-14t21:59:43Z'.split(' '),
  // Words.
  ...'no on y N yes Off TRUE false null Null ~ nan inf Infinity'.split(' '),
  // Indicators, tags, anchors, comments, document marks and merge keys.
  ...'<< = - ? : a: # &a *a !a @a `a` [ ] { } {} [] , | > % " \' "a" \\ \\n a\\nb --- ... {{.a}}'.split(' '),
  ...['- a', '? a', 'a: b', ': a', 'a #b', '!!str a', '%YAML 1.2', "'a' b", '|-\n a', '--- a', '---\n'],
  ...['a\n---\nb', 'a\n...\nb', 'x\n---\nkind: ClusterRoleBinding'],
  // Blanks and line breaks at every place.
  ...[' ', '\t', '\n', '\n\n', ' a', 'a ', '\ta', 'a\t', 'a\n', 'a\n\n', '\na', '\n\na\n', '\n a', '\n\ta\n'],
  ...[' \na', 'a\n ', 'a \nb', 'a\r\nb\r\n', 'a\rb', ' a\nb\n', '  a\n b', '\n \n  a\n\n b', 'a\n\tb\n'],
  ...['\tgo build\n', 'all:\n\tgo build\n', '# a\n\n# b', 'a\n#b\n', '{\n  "a": [1, 2]\n}\n'],
  '#!/bin/sh\nset -eu\n\nif true; then\n  echo "a: b" # c\nfi\n',
  // Characters that YAML forbids, folds or hides.
  ...[
    '\0',
    '\x07',
    '\x1b[0m',
    '\x7f',
    '\x80',
    'a\x85b',
    '\x9f',
    '\xa0',
    '\xad',
    '\u061c',
    'a\u200bb',
    '\u2029',
  ],
  ...[
    'a\u2028b',
    'a\u202eb',
    '\ufeff',
    '\ufeffa',
    'a\ufeff',
    '\ufdd0',
    '\ufffd',
    '\ufffe',
    '\uffff',
    '\u{1fffe}',
  ],
  ...['é', '名前', '🚀', '👩‍🚀', 'é\nü\n', '名前\n🚀', 'a\u2028\nb', 'a\x85\nb', 'a\x7f\nb\n', '\ufeffa\nb'],
  // Names that plain JavaScript objects treat specially, and keys around the length that readers accept.
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', '0', '10'],
  ...[999, 1000, 1022, 1023, 1024, 1025, 3000].map((length) => 'k'.repeat(length)),
  ...[510, 511, 512, 1022, 1024].map((length) => '🚀'.repeat(length)),
];

const hostileNumbers: readonly number[] = [
  ...[0, -0, 1, -1, 0.1, 1 / 3, 1e3, 1e20, 1e21, -1e21, 1.5e21, 1e-6, 1e-7, 1.5e-7, 5e-324, Number.MAX_VALUE],
  ...[2 ** 31, 2 ** 32, 2 ** 53, 2 ** 53 + 2, -(2 ** 53), 2 ** 60, 2 ** 63, -(2 ** 63), 2 ** 64, 2 ** 65],
];

const fragments: readonly string[] = [
  ...['', ' ', '  ', '\t', '\r', '\x00', '\x7f', '\x85', '\u200b', '\u2028', '\ufeff', 'é', '🚀'],
  ...['a', '0', 'b:', ': ', '- ', '? ', '#', ' #', '|', '>', '"', "'", '\\', '{', '}', '---', '...'],
  ...['%', '&', '*', '!', '`', '@'],
];

/** Lines with blanks, marks and special characters anywhere. */
const line = fc.array(fc.constantFrom(...fragments), { maxLength: 5 }).map((parts) => parts.join(''));

/** Lines of ordinary text, which become literal blocks. */
const readableLine = fc.stringMatching(/^[ ]{0,3}\t?[a-z#"'{:-][ -~]{0,12}[!-~]$|^$/);

const lines = (of: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.array(of, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('\n'));

const text: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...hostileStrings) },
  { weight: 3, arbitrary: lines(line) },
  { weight: 3, arbitrary: lines(readableLine) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom(...hostileStrings), line).map((parts) => parts.join('')) },
  { weight: 2, arbitrary: fc.stringMatching(/^[-+]?[0-9._:eExXoObBaAfFnNiItTzZ-]{1,8}$/) },
  { weight: 2, arbitrary: fc.stringMatching(/^[a-zA-Z0-9/_.~-]{1,8}$/) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 8 }) },
);

const number = fc.oneof(
  fc.constantFrom(...hostileNumbers),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.maxSafeInteger().map((value) => value * 1024),
);

const scalar = fc.oneof(
  { weight: 6, arbitrary: text },
  { weight: 2, arbitrary: number },
  { weight: 1, arbitrary: fc.constantFrom(true, false, null) },
);

// `fromEntries` defines `__proto__` as a key like any other.
const object = (value: fc.Arbitrary<unknown>, minLength = 0): fc.Arbitrary<Record<string, unknown>> =>
  fc.array(fc.tuple(text, value), { minLength, maxLength: 4 }).map((entries) => Object.fromEntries(entries));

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 5 },
    { weight: 5, arbitrary: scalar },
    { weight: 2, arbitrary: object(tie('value')) },
    { weight: 2, arbitrary: fc.array(tie('value'), { maxLength: 4 }) },
  ),
}));

/** One value under a few dozen keys and list items. */
const deep = fc.tuple(fc.array(fc.option(text), { maxLength: 40 }), scalar).map(([steps, leaf]) => {
  const wrap = (inner: unknown, key: string | null) => (key === null ? [inner] : { [key]: inner });
  return steps.reduce<unknown>(wrap, leaf);
});

/** Any value that YAML can hold. */
export const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 9, arbitrary: value },
  { weight: 1, arbitrary: deep },
);

/** An object with content, as every manifest is. */
export const hostileDocument: fc.Arbitrary<Record<string, unknown>> = object(hostileValue, 1);
