import { durationProblems } from '../kubernetes/durations.ts';
import { isDnsLabel } from '../kubernetes/names.ts';
import type { Problem } from '../kubernetes/problem.ts';
import type { BuildJobProps } from './build-job-props.ts';

/** What is wrong with the props of a build that runs once, beside what any build may have wrong. */
export function buildJobProblems({ jobName, retries, ttlAfterFinished }: BuildJobProps): Problem[] {
  return [
    ...nameProblems(jobName),
    ...retryProblems(retries),
    ...durationProblems('ttlAfterFinished', ttlAfterFinished, 0, 365 * 86_400),
  ];
}

/** The name is a label of the Job's pods too, and so no longer than one. */
function nameProblems(jobName: string | undefined): Problem[] {
  if (jobName === undefined || (typeof jobName === 'string' && isDnsLabel(jobName))) return [];
  return [
    {
      property: 'jobName',
      value: jobName,
      message: 'is not a valid name of a Job',
      remedy: 'use at most 63 lower-case letters, digits and "-", starting and ending with a letter or digit',
    },
  ];
}

function retryProblems(retries: number | undefined): Problem[] {
  if (retries === undefined || (Number.isInteger(retries) && retries >= 0 && retries <= 100)) return [];
  return [
    {
      property: 'retries',
      value: retries,
      message: 'is not a number of further tries',
      remedy: 'give a whole number from 0 to 100',
    },
  ];
}
