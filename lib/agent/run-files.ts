/**
 * The files by which the gate and the wrapper in the build container speak with each other, in a
 * directory that only the two containers share. Each is written whole and then renamed into place.
 *
 * 1. The wrapper starts (again, after a restart) and writes `attempt`: a number, one more than before.
 * 2. The gate writes `go`: the attempt that it answers, a space, and `run`, or `skip` where this commit
 *    was built already, or `fail` where what the build needs did not come up. For any other attempt the
 *    wrapper goes on waiting.
 * 3. The wrapper runs the command and writes `result`: the attempt, a space, and the exit code. A command
 *    that ran out of time has 124. Without a command that ran there is no result.
 * 4. The container of a watched build is kept. That of a Job ends with the command's exit code, with 0
 *    after `skip` and with 1 after `fail`.
 */
export const RunFiles = {
  /** Which attempt waits. */
  ATTEMPT: 'attempt',
  /** The gate's answer to it. */
  GO: 'go',
  /** How it ended. */
  RESULT: 'result',
} as const;

/** The directory of {@link RunFiles}, in both containers. */
export const RUN_DIRECTORY = '/keelson/run';

/** The exit code that stands for a command which ran out of time, as that of timeout(1). */
export const TIMEOUT_EXIT_CODE = 124;
