import type { Log } from '../observe/log.ts';
import { quoted } from './quoted.ts';

const MAX_LINES = 50;

/** Logs what is left out, a line each, but not more of them than anybody reads. */
export function logLeftOut(log: Log): (path: string, fault: string) => void {
  let lines = 0;
  return (path, fault) => {
    lines++;
    if (lines <= MAX_LINES) log.warn({ path: quoted(path), fault }, 'left out');
    if (lines === MAX_LINES + 1) log.warn('more is left out, and not logged');
  };
}
