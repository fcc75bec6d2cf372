/**
 * Something this machine lacks (Go, root, apt), as opposed to something that broke. Suites that need it are
 * skipped with this message; every other error fails the run.
 */
export class Missing extends Error {
  override readonly name = 'Missing';
}
