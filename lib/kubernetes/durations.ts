import type { Duration } from 'cdk8s';
import type { Problem } from './problem.ts';

/** What is wrong with a duration that has to be a whole number of seconds within bounds. */
export function durationProblems(
  property: string,
  duration: Duration | undefined,
  least: number,
  most: number,
): Problem[] {
  const seconds = duration?.toSeconds({ integral: false });
  if (seconds === undefined || (Number.isInteger(seconds) && seconds >= least && seconds <= most)) return [];
  const message = Number.isInteger(seconds) ? 'is out of range' : 'is not a whole number of seconds';
  return [
    {
      property,
      value: `${seconds} s`,
      message,
      remedy: `give ${least} to ${most} seconds, such as Duration.minutes(30)`,
    },
  ];
}
