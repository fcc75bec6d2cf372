import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { branchProblems } from '../../lib/source/branch.ts';
import { hostileBranches } from '../support/commits.ts';

const refused = (name: string): boolean => branchProblems('branch', name).length > 0;

describe('a branch that git accepts is accepted, however it looks', () => {
  test.each([
    ...hostileBranches,
    'main',
    'feature/x_y',
    'v1.0',
    'a.b',
    'a@b',
    '@',
    '#1',
    'a-',
    'a{b',
    'dependabot/npm/x-1.2',
  ])('%j', (name) => expect(refused(name)).toBe(false));
});

describe('a branch that git refuses is refused', () => {
  test.each([
    ...[
      '',
      '-x',
      '--upload-pack=x',
      '../..',
      'a..b',
      'a b',
      'a:b',
      'a\\b',
      '.a',
      'a/.b',
      'a.lock',
      'a.lock/b',
      'HEAD',
    ],
    ...[
      'a@{1}',
      'a//b',
      '/a',
      'a/',
      'a.',
      'a~1',
      'a^',
      'a?',
      'a*',
      'a[b',
      'a\nb',
      'a\u0000b',
      'a\u007f',
      'a\tb',
    ],
  ])('%j', (name) => {
    expect(branchProblems('source.branch', name)).toMatchObject([
      { property: 'source.branch', value: name, remedy: expect.stringContaining('git branch') },
    ]);
  });

  test('one that is too long for servers is refused by its bytes', () => {
    expect(refused('x'.repeat(250))).toBe(false);
    expect(refused('x'.repeat(251))).toBe(true);
    expect(refused('名'.repeat(84))).toBe(true);
  });

  test('a full ref is refused, because it would be looked for below refs/heads', () => {
    expect(refused('refs/heads/main')).toBe(true);
  });
});

const git = spawnSync('git', ['--version']).status === 0;

/** Where git is at hand, it says itself. */
test
  .runIf(git)
  .each(
    [
      ...hostileBranches,
      'a@b',
      'a..b',
      'a b',
      '-x',
      'a.lock',
      '@{',
      'a{',
      '/a',
      'a//b',
      '.a',
      'a/.b',
      'a.',
      'a~',
      'HEAD',
      '@',
    ].filter((name) => name !== '' && !name.includes('\0')),
  )('git itself thinks the same of %j', (name) => {
  expect(spawnSync('git', ['check-ref-format', '--branch', name]).status === 0).toBe(!refused(name));
});
