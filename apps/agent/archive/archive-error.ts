import { quoted } from './quoted.ts';

/** Something in an archive or a directory that is refused. A second try would find the same. */
export class ArchiveError extends Error {
  override readonly name = 'ArchiveError';

  /** The error about one entry, whose name is quoted. */
  static ofEntry(path: string, fault: string): ArchiveError {
    return new ArchiveError(`the entry ${quoted(path)} ${fault}`);
  }
}
