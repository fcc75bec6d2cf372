// Texts that make careless programs run commands, write elsewhere or make other objects; made by a seed.
import fc from 'fast-check';
import { branchProblems } from '../../lib/source/branch.ts';
import { hostileBranches } from './commits.ts';

/** Pieces of commands that would leave a file in a folder, without characters that git forbids in refs. */
function commands(folder: string): string[] {
  return [
    `$(touch\x24{IFS}${folder}/1)`,
    `\`touch\x24{IFS}${folder}/2\``,
    `;touch\x24{IFS}${folder}/3;`,
    `|touch\x24{IFS}${folder}/4`,
    `&&touch\x24{IFS}${folder}/5`,
    `"$(touch\x24{IFS}${folder}/6)"`,
    `';touch\x24{IFS}${folder}/7;'`,
    `>${folder}/8`,
    `$(KEELSON_GIT_COMMIT)`,
    `$$(KEELSON_GIT_COMMIT)`,
  ];
}

/** Characters that mean something to shells, YAML, templates, paths, terminals or people, and that git allows. */
const CHARACTERS = [
  ...'$(){};|&<>!"\'`#%=,+@.-_',
  ...'ABCxyz019',
  ...['\u00e9', '\u0301', '\u0130', '名', '😀', '\u{e0001}', '\uff0f', '\uff0e'],
  ...['\u0085', '\u009b', '\u00a0', '\u200b', '\u200d', '\u202e', '\u2066', '\u2028', '\u2029', '\ufeff'],
];

const PIECES = [
  ...['{{.x}}', '((keelson.commit))', '((keelson.namespace))', '\x24{HOME}', '$HOME', '%s', '%0a', '%2e%2e'],
  ...['kube-system', 'default', 'keelson-pipeline', 'no', 'null', '1e3', '0o14', '<<', '---', '&a', '!!str'],
  ...['constructor', '__proto__', 'main', 'refs', 'heads', 'HEAD', 'upload-pack=x', 'x.lock.x'],
];

/**
 * Branch names by the grammar of `git check-ref-format`, of which git can have all at the same time: fixed ones, and ones
 * put together of hostile pieces.
 */
export function hostileBranchNames(number: number, folder: string, seed: number): readonly string[] {
  const piece = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...CHARACTERS) },
    { weight: 2, arbitrary: fc.constantFrom(...PIECES) },
    { weight: 1, arbitrary: fc.constantFrom(...commands(folder)) },
    { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 4 }) },
  );
  const component = fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join(''));
  const name = fc.array(component, { minLength: 1, maxLength: 3 }).map((components) => components.join('/'));
  const found: string[] = [];
  const fixed = [
    ...hostileBranches,
    ...commands(folder),
    'constructor',
    '__proto__',
    '@',
    `${'x/'.repeat(120)}x`,
  ];
  for (let round = 0; found.length < number && round < 50; round++) {
    for (const candidate of [...fixed.splice(0), ...fc.sample(name, { numRuns: number, seed: seed + round })])
      if (found.length < number && isBranch(candidate) && !found.some((other) => collide(other, candidate)))
        found.push(candidate);
  }
  return found;
}

function isBranch(name: string): boolean {
  return branchProblems('branch', name).length === 0;
}

/** Of a name and the same with a slash after it git has one only. */
function collide(a: string, b: string): boolean {
  return a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
}

/** Texts for messages, marks and contents, where anything may stand. */
export function hostileTexts(folder: string): readonly string[] {
  return [
    ...commands(folder).map((command) => command.replaceAll('\x24{IFS}', ' ')),
    'a"\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: pwned}\n',
    '1.2.3\n---\nkind: ClusterRoleBinding',
    '((keelson.commit))',
    '../../../../etc/passwd',
    '-x',
    '--upload-pack=touch x',
    '\u001b[2J\u001b]0;pwned\u0007',
    '\u0000\u0001\u007f\u0085\u009b\u2028\u2029\u202e\ufeff',
    '١.٢.٣',
    '%s%n',
    '',
    ' ',
    '$'.repeat(4096),
    'é'.repeat(4096),
  ];
}

/** Names of files that a commit may hold. */
export function hostilePaths(folder: string): readonly string[] {
  return [
    ...commands(folder).map((command) => command.replaceAll('/', '\u2215')),
    '--upload-pack=x',
    '-rf',
    'a b\tc',
    'a\nb',
    'a"b\\c',
    '...',
    'é名😀\u202e',
    'x'.repeat(200),
    'Dockerfile;id',
  ];
}
