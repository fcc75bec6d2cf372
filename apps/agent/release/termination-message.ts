import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

const FILE = '/dev/termination-log';
const MAX_LENGTH = 1000;

/**
 * Writes what a pod's status says of its container's end. Outside of a pod, where the file is missing, it does
 * nothing.
 *
 * @see https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
 */
export async function writeTerminationMessage(message: string, file: string = FILE): Promise<void> {
  const line = message.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, MAX_LENGTH);
  try {
    const handle = await open(file, constants.O_WRONLY | constants.O_TRUNC | constants.O_NOFOLLOW);
    try {
      await handle.writeFile(line);
    } finally {
      await handle.close();
    }
  } catch {
    // The log says the same.
  }
}
