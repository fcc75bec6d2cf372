import type { ApiObject } from 'cdk8s';
import { Notes } from './notes.ts';

const NOTED = new Notes<true>();

/** Notes that a Deployment has pods while there is something to build, and none, or waiting ones, before. */
export function noteRunsWithBuild(deployment: ApiObject): void {
  NOTED.add(deployment, true);
}

/** Whether that was noted of an object. */
export function runsWithBuild(object: ApiObject): boolean {
  return NOTED.of(object).length > 0;
}
