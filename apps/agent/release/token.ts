import { open } from 'node:fs/promises';
import { UsageError } from '../program.ts';

const MAX_BYTES = 4096;

/**
 * Reads a token; undefined where there is none: the file is missing, as it is for a Secret or a key that is
 * missing, or empty.
 */
export async function readToken(file: string): Promise<string | undefined> {
  const text = await readStart(file);
  const token = text?.trim();
  if (token === undefined || token === '') return undefined;
  // Anything else would be shown by the error of whatever puts it into a header.
  if (!/^[\x21-\x7e]+$/.test(token) || token.length >= MAX_BYTES) {
    throw new UsageError(
      `${file} holds no token: put the token alone into the key of the Secret, on one line`,
    );
  }
  return token;
}

async function readStart(file: string): Promise<string | undefined> {
  try {
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UsageError(`${file} can't be read: ${(error as Error).message}`);
  }
}
