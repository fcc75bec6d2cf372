/** Why there is no source, where another try would find the same. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
}
